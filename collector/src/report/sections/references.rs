//! Published figures, and the runs beside them.

use super::super::charts::{Dots, Mark};
use super::super::numbers::{ratio, si};
use super::super::page::{Block, Cell, Section, Table, printable};
use super::super::{Reference, Report, Run, RunResult};
use super::runs::distinct_name;

/// What references are given in.
const FLOPS_PER_W: &str = "FLOPS/W";

/// Published figures, and the best run by each.
pub(super) fn section(report: &Report) -> Option<Section> {
    let best = best(report);
    let row = |reference: &Reference| {
        let by = ratio(best.map(|(.., value)| value), reference.flops_per_w);
        vec![
            Cell::from(&reference.name),
            reference.year.to_string().into(),
            si(reference.flops, "FLOPS").into(),
            si(reference.flops_per_w, FLOPS_PER_W).into(),
            by.into(),
            Cell::from(&reference.source),
        ]
    };
    let columns = ["machine", ">year", ">rate", ">efficiency", ">best run by it", "source"];
    let rows = report.references.iter().map(row).collect();
    let about = best.map(|(run, ..)| format!("The best run here is {}.", distinct_name(run, &report.runs)));
    let blocks = vec![
        Block::Sentences(about.filter(|_| !report.references.is_empty()).iter().map(Cell::from).collect()),
        Block::Dots(dots(report)),
        Table::block("Published figures", &columns, rows),
    ];
    Section::new("References", blocks)
}

/// The best result of the window in FLOPS/W.
fn best(report: &Report) -> Option<(&Run, &RunResult, f64)> {
    let counts = |run: &Run| run.status == "done" && !run.simulated;
    let results = report.runs.iter().filter(|run| counts(run)).filter_map(|run| {
        let result = run.result.as_ref().filter(|result| result.unit_per_w == FLOPS_PER_W)?;
        Some((run, result, result.rate_per_w?))
    });
    results.max_by(|a, b| a.2.total_cmp(&b.2))
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
        unit: FLOPS_PER_W,
        marks,
    }
}
