//! Stand-in.
use super::{Report, Run};
use crate::ask::Format;
#[allow(missing_docs)]
pub fn html(_: &Report) -> String {
    String::new()
}
#[allow(missing_docs)]
pub fn markdown(_: &Report) -> String {
    String::new()
}
#[allow(missing_docs)]
pub fn csv(_: &Report) -> String {
    String::new()
}
#[allow(missing_docs)]
pub fn run_page(r: &Run, _: bool) -> String {
    format!("{r:#?}\n")
}
#[allow(missing_docs)]
pub fn verdict_of_run(r: &Run, _: bool) -> String {
    format!("{:#?}\n", r.result)
}
#[allow(missing_docs)]
pub fn runs_table(r: &[Run]) -> String {
    r.iter().map(|r| r.id.clone() + "\n").collect()
}
#[allow(missing_docs)]
pub fn comparison(_: &Run, _: &Run, _: Format, _: bool) -> Option<String> {
    None
}
#[allow(missing_docs)]
pub mod numbers {
    pub fn si(value: f64, unit: &str) -> String {
        format!("{value:.3} {unit}")
    }
}
