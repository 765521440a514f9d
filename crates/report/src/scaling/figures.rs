//! A scaling as a table of figures.

use picollect_evaluate::scaling::{At, Fit, Spread};

use super::Scaled;
use crate::figures::{Column, Figure, Figures};

/// A column, and what stands in it for each number of nodes.
type Quantity<'a> = (Column, Box<dyn Fn(&At) -> Figure + 'a>);

/// What fits on a page: medians.
pub(super) fn brief(scaled: &Scaled) -> Figures {
    let medians = spreads(&scaled.unit).map(|[median, ..]| median);
    table(scaled, counts().into_iter().chain(medians).chain(shares()).collect())
}

/// Medians with their spread, and what the laws say.
pub(super) fn all(scaled: &Scaled) -> Figures {
    let spreads = spreads(&scaled.unit).into_iter().flatten();
    let mut list: Vec<_> = counts().into_iter().chain(spreads).chain(shares()).collect();
    list.extend([number("EDP", "J·s", |at| at.edp_js), number("ED2P", "J·s²", |at| at.ed2p_js2)]);
    let laws = [("Amdahl", &scaled.scaling.amdahl), ("Gustafson", &scaled.scaling.gustafson)];
    list.extend(
        laws.into_iter().filter_map(|(name, fit)| Some(predicted(name, *fit.as_ref().ok()?))).flatten(),
    );
    table(scaled, list)
}

fn table(scaled: &Scaled, list: Vec<Quantity<'_>>) -> Figures {
    let row = |at: &At| list.iter().map(|(_, of)| of(at)).collect();
    Figures {
        caption: format!("Scaling {}", scaled.about()),
        rows: scaled.scaling.by_nodes.iter().map(row).collect(),
        notes: scaled.lines().map(sentence).collect(),
        columns: list.into_iter().map(|(column, _)| column).collect(),
    }
}

/// With a full stop, for a text that runs on.
fn sentence(line: String) -> String {
    if line.ends_with('.') { line } else { line + "." }
}

fn counts<'a>() -> [Quantity<'a>; 2] {
    let count = |at: &At| Figure::Count(usize::try_from(at.nodes).ok());
    [
        (Column::new("nodes", ""), Box::new(count)),
        (Column::new("runs", ""), Box::new(|at| Figure::Count(Some(at.runs)))),
    ]
}

fn spreads<'a>(unit: &str) -> [[Quantity<'a>; 3]; 4] {
    [
        spread("time", "s", |at| at.seconds),
        spread("rate", unit, |at| at.rate),
        spread("energy", "J", |at| at.joules),
        spread("speed-up", "", |at| at.speedup),
    ]
}

fn shares<'a>() -> [Quantity<'a>; 3] {
    [
        number("efficiency", "", |at| at.efficiency),
        number("energy efficiency", "", |at| at.energy_efficiency),
        number("Karp–Flatt e", "", |at| at.karp_flatt),
    ]
}

fn number<'a>(name: &str, unit: &str, of: fn(&At) -> Option<f64>) -> Quantity<'a> {
    (Column::new(name, unit), Box::new(move |at| Figure::number(of(at))))
}

/// Median, least and greatest.
fn spread<'a>(name: &str, unit: &str, of: fn(&At) -> Option<Spread>) -> [Quantity<'a>; 3] {
    let one = |name: String, part: fn(Spread) -> f64| -> Quantity<'a> {
        (Column::new(name, unit), Box::new(move |at| Figure::number(of(at).map(part))))
    };
    [
        one(name.to_owned(), |spread| spread.median),
        one(format!("least {name}"), |spread| spread.min),
        one(format!("greatest {name}"), |spread| spread.max),
    ]
}

/// The speed-up that a law gives, and the ends of its 95 % interval.
fn predicted<'a>(name: &str, fit: Fit) -> [Quantity<'a>; 3] {
    let at = |parallel: Option<f64>| {
        move |at: &At| Figure::number(parallel.and_then(|parallel| Fit { parallel, ..fit }.speedup(at.nodes)))
    };
    let law = format!("speed-up by {name}");
    let (low, high) = (fit.interval.map(|(low, _)| low), fit.interval.map(|(_, high)| high));
    [
        (Column::new(law.clone(), ""), Box::new(at(Some(fit.parallel)))),
        (Column::new(format!("{law}, low 95 %"), ""), Box::new(at(low))),
        (Column::new(format!("{law}, high 95 %"), ""), Box::new(at(high))),
    ]
}
