//! Published figures, and the runs beside them.

use super::super::charts::{Dots, Mark};
use super::super::numbers::{ratio, si};
use super::super::page::{Block, Cell, Section, Table, printable};
use super::super::{Reference, Report, Run, RunStatus};
use super::runs::distinct_name;

/// What references are given in.
const FLOPS_PER_W: &str = "FLOPS/W";

/// Published figures, and the best run by each.
pub(super) fn section(report: &Report) -> Option<Section> {
    let about =
        best(report).map(|(run, _)| format!("The best run here is {}.", distinct_name(run, &report.runs)));
    let blocks = vec![
        Block::Sentences(about.filter(|_| !report.references.is_empty()).iter().map(Cell::from).collect()),
        Block::Dots(dots(report)),
        table(report),
        Block::Facts(sources(report).into_iter().map(|(name, source)| (name, source.into())).collect()),
    ];
    Section::new("References", blocks)
}

fn table(report: &Report) -> Block {
    let best = best(report).map(|(_, value)| value);
    let sources = sources(report);
    let row = |reference: &Reference| {
        let source = sources.iter().position(|(_, source)| *source == reference.source);
        let mut row = vec![
            Cell::from(&reference.name),
            reference.year.to_string().into(),
            si(reference.flops, "FLOPS").into(),
            si(reference.flops_per_w, FLOPS_PER_W).into(),
        ];
        if best.is_some() {
            row.push(ratio(best, reference.flops_per_w).into());
        }
        row.push(Cell::maybe(source.map(|index| (index + 1).to_string()).as_deref()));
        row
    };
    let mut columns = vec!["machine", ">year", ">rate", ">efficiency"];
    columns.extend(best.map(|_| ">best run by it"));
    columns.push(">source");
    Table::block("Published figures", &columns, report.references.iter().map(row).collect())
}

/// Each source once, with the number that stands for it in the table, which has no room for its words.
fn sources(report: &Report) -> Vec<(String, &str)> {
    let mut found: Vec<&str> = Vec::new();
    for reference in &report.references {
        if !found.contains(&reference.source.as_str()) {
            found.push(&reference.source);
        }
    }
    (1..).zip(found).map(|(number, source)| (format!("source {number}"), source)).collect()
}

/// The best result of the window in FLOPS/W.
fn best(report: &Report) -> Option<(&Run, f64)> {
    let counts = |run: &Run| run.status == RunStatus::Done && !run.simulated;
    let results = report.runs.iter().filter(|run| counts(run)).filter_map(|run| {
        let result = run.result.as_ref().filter(|result| result.unit_per_w == FLOPS_PER_W)?;
        Some((run, result.rate_per_w?))
    });
    results.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Runs in FLOPS/W with the references; other units have nothing to stand beside.
fn dots(report: &Report) -> Dots {
    let of_run = |run: &Run| {
        let result = run.result.as_ref().filter(|result| result.unit_per_w == FLOPS_PER_W)?;
        let value = result.rate_per_w?;
        Some(Mark {
            name: printable(&format!(
                "{}{}",
                distinct_name(run, &report.runs),
                if run.simulated { " (simulated)" } else { "" }
            )),
            value,
            uncertainty: result.uncertainty.map(|relative| relative * value),
            own: true,
        })
    };
    let of_reference = |reference: &Reference| {
        let name = printable(&format!("{} ({})", reference.name, reference.year));
        Some(Mark { name, value: reference.flops_per_w?, uncertainty: None, own: false })
    };
    let mut marks: Vec<_> = report.runs.iter().filter_map(of_run).collect();
    if !marks.is_empty() {
        marks.extend(report.references.iter().filter_map(of_reference));
    }
    // One mark alone compares with nothing.
    let marks = if marks.len() > 1 { marks } else { Vec::new() };
    Dots {
        title: "Energy efficiency of the runs and of published machines".to_owned(),
        unit: FLOPS_PER_W.to_owned(),
        marks,
    }
}
