//! Two runs side by side: their figures with the ratio, and what was different when they were made.

use picollect_telemetry::Boundary;
use picollect_telemetry::Source;
use std::collections::BTreeMap;

use super::charts::{Dots, Mark};
use super::figures::Figures;
use super::numbers::{DASH, duration, moment, percent, ratio, si, si_with_uncertainty};
use super::one_run::{how_known, name, shell};
use super::page::{Block, Cell, Page, Section, Table, Tone, printable};
use super::sections::{hosts, mean_power, methodology, result_line, status};
use super::{Run, RunResult};

/// What the two are called.
pub(super) const NAMES: [&str; 2] = ["A", "B"];

/// The figures of both, a row for each; what is said of them goes into the notes.
pub(super) fn figures(first: &Run, second: &Run, of: fn(&[Run]) -> Figures) -> Figures {
    let mut figures = of(&[first.clone(), second.clone()]);
    figures.caption = format!("{} and {}", first.id, second.id);
    figures.notes.extend(cautions(first, second).into_iter().map(|cell| cell.text));
    figures
}

/// The page that each format writes.
pub(super) fn page(first: &Run, second: &Run) -> Page {
    let about = |run: &Run| {
        let started = moment(&run.window.start);
        Cell::from(format!("{} ({}), {started}, on {}", name(run), run.id, hosts(run)))
    };
    let sections = [
        Section::new("Runs", vec![Block::facts([("A", about(first)), ("B", about(second))])]),
        Section::new(
            "Figures",
            vec![
                side_by_side(first, second),
                Block::Sentences(cautions(first, second)),
                Block::Dots(efficiencies(first, second)),
            ],
        ),
        Section::new("Provenance", provenance(first, second)),
    ];
    Page {
        title: "picollect comparison".to_owned(),
        about: format!("{} and {}", first.id, second.id),
        sections: sections.into_iter().flatten().collect(),
    }
}

/// One quantity of both runs.
struct Row {
    name: &'static str,
    cells: [Cell; 2],
    /// What has a ratio; words have none.
    values: Option<[Option<f64>; 2]>,
}

impl Row {
    fn number(name: &'static str, values: [Option<f64>; 2], unit: &str) -> Self {
        Self { name, cells: values.map(|value| si(value, unit).into()), values: Some(values) }
    }

    fn words(name: &'static str, cells: [Cell; 2]) -> Self {
        Self { name, cells, values: None }
    }

    fn cells(self) -> Vec<Cell> {
        let ratio = self.values.map_or_else(String::new, |[a, b]| ratio(b, a));
        let [a, b] = self.cells;
        vec![self.name.into(), a, b, ratio.into()]
    }
}

/// The efficiencies with their uncertainty, where both count the same.
fn efficiencies(first: &Run, second: &Run) -> Dots {
    let runs = NAMES.into_iter().zip([first, second]);
    let mark = |(letter, run): (&str, &Run)| {
        let result = run.result.as_ref()?;
        Some(Mark {
            name: printable(&format!("{letter}: {}, {}", run.id, how_known(run))),
            value: result.rate_per_w?,
            uncertainty: uncertainty(result),
            own: true,
        })
    };
    let marks: Vec<Mark> = runs.filter_map(mark).collect();
    let unit = first.result.as_ref().map(|result| result.unit_per_w.clone()).unwrap_or_default();
    // One alone compares with nothing.
    let both = marks.len() == 2 && same_unit([first, second]);
    Dots { title: "Efficiency".to_owned(), unit, marks: if both { marks } else { Vec::new() } }
}

fn side_by_side(first: &Run, second: &Run) -> Block {
    let both = [first, second];
    let of_result =
        |value: fn(&RunResult) -> Option<f64>| both.map(|run| run.result.as_ref().and_then(value));
    let mut rows = vec![
        Row::words("status", both.map(status)),
        Row::words(
            "result",
            both.map(|run| {
                run.result.as_ref().map_or_else(|| DASH.into(), |result| result_line(result).into())
            }),
        ),
        Row {
            cells: both.map(|run| duration(run.window.seconds).into()),
            ..Row::number("length", both.map(|run| Some(run.window.seconds)), "s")
        },
    ];
    rows.extend(rates(both, of_result));
    rows.extend([
        Row {
            cells: both.map(|run| mean_power(&run.energy).into()),
            ..Row::number("mean power", both.map(|run| run.energy.mean_w), "W")
        },
        Row::number("energy", both.map(|run| run.energy.energy_j), "J"),
        Row::words("covered", both.map(|run| percent(run.energy.coverage).into())),
        Row::words("source", both.map(|run| Cell::maybe(run.energy.source.map(Source::as_str)))),
        Row::words("boundary", both.map(|run| Cell::maybe(run.energy.boundary.map(Boundary::as_str)))),
        Row::number("idle power", both.map(|run| run.idle.as_ref().and_then(|idle| idle.mean_w)), "W"),
        Row::number("energy to solution", both.map(|run| run.energy_to_solution_j), "J"),
        Row::number("EDP", both.map(|run| run.edp_js), "J·s"),
        Row::number("ED2P", both.map(|run| run.ed2p_js2), "J·s²"),
        Row::words("throttled", both.map(|run| yes_or_no(run.throttled))),
        Row::words("methodology", both.map(methodology)),
    ]);
    let rows = rows.into_iter().map(Row::cells).collect();
    Table::block("Figures side by side", &["", "A", "B", ">B by A"], rows)
}

/// Rates are compared only where they count the same.
fn rates(both: [&Run; 2], of_result: impl Fn(fn(&RunResult) -> Option<f64>) -> [Option<f64>; 2]) -> Vec<Row> {
    let cells = |show: &dyn Fn(&RunResult) -> String| {
        both.map(|run| run.result.as_ref().map_or_else(|| Cell::maybe(None), |result| show(result).into()))
    };
    let core = |result: &RunResult| {
        let figure = si_with_uncertainty(result.rate_per_w, uncertainty(result), &result.unit_per_w);
        format!("{figure}, {}", if result.core.is_some() { "core phase" } else { "whole run" })
    };
    let whole = |result: &RunResult| si(result.rate_per_w_whole, &result.unit_per_w);
    let same = same_unit(both);
    let values = |value| Some(if same { of_result(value) } else { [None, None] });
    vec![
        Row {
            name: "rate",
            cells: cells(&|result| si(result.rate, &result.unit)),
            values: values(|result| result.rate),
        },
        Row { name: "efficiency", cells: cells(&core), values: values(|result| result.rate_per_w) },
        Row {
            name: "over the whole run",
            cells: cells(&whole),
            values: values(|result| result.rate_per_w_whole),
        },
    ]
}

fn same_unit(both: [&Run; 2]) -> bool {
    let [a, b] = both.map(|run| run.result.as_ref().map(|result| &result.unit));
    a == b
}

fn uncertainty(result: &RunResult) -> Option<f64> {
    result.rate_per_w.zip(result.uncertainty).map(|(value, relative)| value * relative)
}

fn yes_or_no(throttled: Option<bool>) -> Cell {
    match throttled {
        Some(true) => Cell::toned("yes", Tone::Bad),
        Some(false) => Cell::toned("no", Tone::Good),
        None => Cell::toned("unknown", Tone::Faint),
    }
}

/// Where a ratio says less than it seems to.
fn cautions(first: &Run, second: &Run) -> Vec<Cell> {
    let mut found = Vec::new();
    let mut say = |text: &str| found.push(Cell::toned(text, Tone::Caution));
    if first.energy.boundary != second.energy.boundary {
        say("The power was taken at different boundaries: powers, energies and efficiencies do not compare.");
    }
    if first.energy.source != second.energy.source {
        say("The power comes from different kinds of source.");
    }
    if !same_unit([first, second]) {
        say("The rates count different things, so they have no ratio.");
    }
    let has_core = |run: &Run| run.result.as_ref().map(|result| result.core.is_some());
    if has_core(first).zip(has_core(second)).is_some_and(|(a, b)| a != b) {
        say("Only one efficiency is of the core phase alone.");
    }
    if first.throttled != second.throttled {
        say("Only one of them is known to have run at its rated clock.");
    }
    if within_uncertainty(first, second) {
        say("Their efficiencies differ by no more than their uncertainties together.");
    }
    found
}

fn within_uncertainty(first: &Run, second: &Run) -> bool {
    let figure = |run: &Run| {
        let result = run.result.as_ref()?;
        Some((result.rate_per_w?, uncertainty(result)?))
    };
    let pair = figure(first).zip(figure(second)).filter(|_| same_unit([first, second]));
    pair.is_some_and(|((a, a_off), (b, b_off))| (a - b).abs() <= a_off + b_off)
}

/// Everything that was noted of how a run was made.
fn conditions(run: &Run) -> BTreeMap<String, String> {
    let labels = run.labels.iter().map(|(name, value)| (format!("label {name}"), value.clone()));
    let noted = run.provenance.iter().map(|(name, value)| (name.clone(), value.clone()));
    let own = [("command", shell(&run.command)), ("nodes", hosts(run))];
    own.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(labels).chain(noted).collect()
}

fn provenance(first: &Run, second: &Run) -> Vec<Block> {
    let (a, b) = (conditions(first), conditions(second));
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let (same, differs): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| a.get(*name) == b.get(*name));
    let side =
        |side: &BTreeMap<String, String>, name: &String| Cell::maybe(side.get(name).map(String::as_str));
    let rows: Vec<_> =
        differs.iter().map(|name| vec![Cell::from(*name), side(&a, name), side(&b, name)]).collect();
    let verdict =
        if rows.is_empty() { vec!["Nothing that was noted is different.".into()] } else { Vec::new() };
    let same: Vec<_> = same.into_iter().map(String::as_str).collect();
    let same = if same.is_empty() {
        Vec::new()
    } else {
        vec![format!("The same in both: {}.", same.join(", ")).into()]
    };
    vec![
        Table::block("What is different", &["", "A", "B"], rows),
        Block::Sentences(verdict.into_iter().chain(same).collect()),
    ]
}
