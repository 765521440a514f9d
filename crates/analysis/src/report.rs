//! The report: what a window's data says of the cluster. [`build`] makes it once; each format only
//! writes it down.
//!
//! A format is a file here and a line in each part of this file.

mod assembly;
mod charts;
mod comparison;
mod csv;
pub mod fail_on;
mod html;
mod json;
mod markdown;
pub mod numbers;
mod one_run;
mod page;
mod schema;
mod sections;
mod text;

pub use crate::format::Format;
pub use assembly::per_kwh;
pub use assembly::{build, run};
pub use one_run::{run_page, runs_table, verdict_of_run};
pub use schema::*;

/// A report in a format. Only [`Format::Json`] can fail.
pub fn written(report: &Report, format: Format, colour: bool) -> Result<String, serde_json::Error> {
    Ok(match format {
        Format::Text => text::text(report, colour),
        Format::Json => json::json(report)?,
        Format::Html => html::html(report),
        Format::Markdown => markdown::markdown(report),
        Format::Csv => csv::csv(report),
    })
}

/// Two runs beside each other; `None` in a format that does not have that. Only [`Format::Json`] can fail.
pub fn compared(
    first: &Run,
    second: &Run,
    format: Format,
    colour: bool,
) -> Result<Option<String>, serde_json::Error> {
    let page = comparison::page(first, second);
    Ok(match format {
        Format::Text => Some(text::write(&page, colour)),
        Format::Markdown => Some(markdown::write(&page)),
        Format::Html => Some(html::write(&page)),
        Format::Json => Some(serde_json::to_string_pretty(&[first, second])? + "\n"),
        Format::Csv => None,
    })
}
