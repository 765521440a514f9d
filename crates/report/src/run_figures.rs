//! The figures of runs, a row for each, as tables of a document and CSV have them.

use picollect_telemetry::{Boundary, Source};

use super::figures::{Column, Figure, Figures};
use super::numbers::{DASH, count, percent};
use super::{Run, RunResult, RunStatus};

/// One quantity of a run.
struct Quantity {
    column: Column,
    room: Room,
    of: Box<dyn Fn(&Run) -> Figure>,
}

/// Where there is room for a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    /// In a table of many runs on a page.
    Page,
    /// In a table of two runs on a page, a row for each quantity.
    TwoRuns,
    /// Only in a file.
    File,
}

/// A value and how far off it can be.
type Doubted = (Option<f64>, Option<f64>);

/// What fits on a page.
pub(crate) fn brief(runs: &[Run]) -> Figures {
    table(runs, Room::Page)
}

/// What fits on a page of two runs.
pub(crate) fn of_two(runs: &[Run]) -> Figures {
    table(runs, Room::TwoRuns)
}

/// Everything that is a single figure or word.
pub(crate) fn all(runs: &[Run]) -> Figures {
    table(runs, Room::File)
}

fn table(runs: &[Run], room: Room) -> Figures {
    let quantities: Vec<Quantity> =
        quantities(runs).into_iter().filter(|quantity| quantity.room <= room).collect();
    let row = |run: &Run| quantities.iter().map(|quantity| (quantity.of)(run)).collect();
    Figures {
        caption: count(runs.len(), "run"),
        rows: runs.iter().map(row).collect(),
        columns: quantities.into_iter().map(|quantity| quantity.column).collect(),
        notes: runs.iter().flat_map(notes).collect(),
    }
}

fn quantities(runs: &[Run]) -> Vec<Quantity> {
    let mut list = words();
    list.push(figure("length", "s", Room::Page, |run| (Some(run.window.seconds), None)));
    for unit in units(runs, |result| &result.unit) {
        list.push(of_result("rate", unit, Room::Page, |result| &result.unit, |result| (result.rate, None)));
    }
    list.extend([
        figure("mean power", "W", Room::Page, |run| (run.energy.mean_w, run.energy.uncertainty_w)),
        figure("peak power", "W", Room::TwoRuns, |run| (run.energy.peak_w, None)),
        figure("idle power", "W", Room::TwoRuns, |run| {
            (run.idle.as_ref().and_then(|idle| idle.mean_w), None)
        }),
        figure("energy", "J", Room::Page, |run| (run.energy.energy_j, None)),
        figure("covered share", "", Room::TwoRuns, |run| (run.energy.coverage, None)),
        figure("energy to solution", "J", Room::TwoRuns, |run| (run.energy_to_solution_j, None)),
        figure("EDP", "J·s", Room::TwoRuns, |run| (run.edp_js, None)),
        figure("ED2P", "J·s²", Room::TwoRuns, |run| (run.ed2p_js2, None)),
    ]);
    for unit in units(runs, |result| &result.unit_per_w) {
        list.extend(efficiencies(unit));
    }
    list.extend(judgements());
    list
}

/// The units that results have, in the order of the runs: what counts different things has columns of its own.
fn units(runs: &[Run], unit: fn(&RunResult) -> &String) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for one in runs.iter().filter_map(|run| run.result.as_ref()).map(unit) {
        if !found.contains(one) {
            found.push(one.clone());
        }
    }
    found
}

fn words() -> Vec<Quantity> {
    let of = |value: fn(&RunResult) -> &str| {
        move |run: &Run| run.result.as_ref().map_or_else(String::new, |result| value(result).to_owned())
    };
    vec![
        text("run", Room::Page, |run| run.id.clone()),
        text("name", Room::File, |run| run.name.clone()),
        text("begin", Room::File, |run| run.window.start.clone()),
        text("end", Room::File, |run| run.window.end.clone()),
        text("status", Room::TwoRuns, |run| run.status.to_string()),
        text("simulated", Room::TwoRuns, |run| yes_or_no(Some(run.simulated)).to_owned()),
        text("program", Room::Page, of(|result| &result.benchmark)),
        text("result", Room::File, of(|result| &result.label)),
        text("verdict", Room::TwoRuns, of(|result| result.verdict.as_str())),
        Quantity {
            column: Column::new("nodes", ""),
            room: Room::Page,
            of: Box::new(|run| Figure::Count(Some(run.nodes.len()))),
        },
    ]
}

fn efficiencies(unit: String) -> [Quantity; 3] {
    let per_w: fn(&RunResult) -> &String = |result| &result.unit_per_w;
    let doubted: fn(&RunResult) -> Doubted = |result| {
        let absolute = result.rate_per_w.zip(result.uncertainty).map(|(value, relative)| value * relative);
        (result.rate_per_w, absolute)
    };
    [
        of_result("efficiency", unit.clone(), Room::Page, per_w, doubted),
        of_result("efficiency by readings", unit.clone(), Room::TwoRuns, per_w, |result| {
            (result.rate_per_w_by_readings, None)
        }),
        of_result("efficiency of the whole run", unit, Room::TwoRuns, per_w, |result| {
            (result.rate_per_w_whole, None)
        }),
    ]
}

fn judgements() -> Vec<Quantity> {
    vec![
        text("efficiency over", Room::TwoRuns, |run| over(run).to_owned()),
        text("source", Room::Page, |run| run.energy.source.map_or(DASH, Source::as_str).to_owned()),
        text("boundary", Room::Page, |run| run.energy.boundary.map_or(DASH, Boundary::as_str).to_owned()),
        text("throttled", Room::Page, |run| yes_or_no(run.throttled).to_owned()),
        Quantity {
            column: Column::new("level", ""),
            room: Room::Page,
            of: Box::new(|run| Figure::Count(run.methodology.level.map(usize::from))),
        },
    ]
}

/// What the efficiency's power was taken over.
fn over(run: &Run) -> &'static str {
    match run.result.as_ref().filter(|result| result.rate_per_w.is_some()) {
        Some(result) if result.core.is_some() => "core phase",
        Some(_) => "whole run",
        None => "",
    }
}

/// What a table that fits on a page has no column for.
fn notes(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    if run.simulated {
        found.push(format!("{}: its work is simulated.", run.id));
    }
    if run.status != RunStatus::Done {
        found.push(format!("{}: {}.", run.id, run.status));
    }
    if over(run) == "whole run" {
        found.push(format!("{}: the efficiency is of the whole run; the core phase is not known.", run.id));
    }
    let covered = run.energy.coverage.filter(|coverage| *coverage < 0.99);
    if let Some(coverage) = covered {
        found.push(format!("{}: power is known of {} of the run.", run.id, percent(Some(coverage))));
    }
    found
}

fn yes_or_no(flag: Option<bool>) -> &'static str {
    flag.map_or("unknown", |flag| if flag { "yes" } else { "no" })
}

fn text(name: &str, room: Room, of: impl Fn(&Run) -> String + 'static) -> Quantity {
    Quantity { column: Column::new(name, ""), room, of: Box::new(move |run| Figure::Text(of(run))) }
}

fn figure(name: &str, unit: &str, room: Room, of: fn(&Run) -> Doubted) -> Quantity {
    let of = move |run: &Run| {
        let (value, uncertainty) = of(run);
        Figure::with_uncertainty(value, uncertainty)
    };
    Quantity { column: Column::new(name, unit), room, of: Box::new(of) }
}

/// A figure of the result that counts, of runs whose result is in this unit.
fn of_result(
    name: &str,
    unit: String,
    room: Room,
    unit_of: fn(&RunResult) -> &String,
    of: fn(&RunResult) -> Doubted,
) -> Quantity {
    let column = Column::new(name, unit.clone());
    let of = move |run: &Run| {
        let result = run.result.as_ref().filter(|result| *unit_of(result) == unit);
        let (value, uncertainty) = result.map(of).unwrap_or_default();
        Figure::with_uncertainty(value, uncertainty)
    };
    Quantity { column, room, of: Box::new(of) }
}
