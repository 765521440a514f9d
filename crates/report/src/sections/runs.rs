//! The runs with their efficiency and what it is worth, and the time between them.

use super::super::numbers::{DASH, clock, duration, percent, si, si_with_uncertainty, stretch};
use super::super::page::{Block, Cell, Section, Table, Tone};
use super::super::{Report, Rule, Run, RunNode, RunResult, RunStatus};
use super::{mean_power, or_dash, source};
use crate::Check;
use picollect_evaluate::methodology::Verdict;

/// What a node's part of a rate is given in.
const FLOPS_PER_W: &str = "FLOPS/W";

/// Two figures that differ by no more are not both shown.
const SAME_FIGURE: f64 = 0.0005;

pub(super) fn section(report: &Report) -> Option<Section> {
    let mut blocks = Vec::new();
    for run in &report.runs {
        blocks.push(Block::Heading(format!("{} ({})", or_dash(&run.name), or_dash(&run.id))));
        blocks.extend(about_run(run));
    }
    blocks.extend(shares(report));
    Section::new("Runs", blocks)
}

/// Everything that a report says of a run.
pub(in super::super) fn about_run(run: &Run) -> Vec<Block> {
    vec![facts(run), results(run), nodes(run), rules(run)]
}

fn facts(run: &Run) -> Block {
    let mut facts = vec![
        ("when", stretch(&run.window).into()),
        ("nodes", Cell::from(hosts(run))),
        ("status", status(run)),
    ];
    facts.extend(run.remarks.iter().map(|remark| ("remark", Cell::from(remark))));
    facts.push(("throttled", throttled(run)));
    facts.push(("result", run.result.as_ref().map_or_else(no_result, |result| result_line(result).into())));
    facts.extend(run.result.iter().flat_map(|result| efficiency(run, result)));
    facts.push(("energy", energy(run)));
    facts.push(("power", power(run)));
    let idle = run.idle.as_ref().map(|idle| format!("{}, measured before; not subtracted", mean_power(idle)));
    facts.push(("idle", Cell::maybe(idle.as_deref())));
    facts.push(("to solution", to_solution(run).into()));
    facts.push(("methodology", methodology(run)));
    Block::Facts(facts.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect())
}

fn no_result() -> Cell {
    Cell::toned("none that was recognised in its output", Tone::Faint)
}

/// The nodes of a run.
pub(in super::super) fn hosts(run: &Run) -> String {
    let hosts: Vec<_> = run.nodes.iter().map(|node| node.host.as_str()).collect();
    or_dash(&hosts.join(", ")).to_owned()
}

/// How the run ended; a simulated one is never good.
pub(in super::super) fn status(run: &Run) -> Cell {
    let tone = match run.status {
        RunStatus::Done if run.simulated => Tone::Caution,
        RunStatus::Done => Tone::Good,
        RunStatus::Interrupted => Tone::Caution,
        RunStatus::Failed => Tone::Bad,
    };
    let simulated = if run.simulated { ", simulated" } else { "" };
    Cell::toned(format!("{}{simulated}", run.status), tone)
}

/// Whether the rate is that of the machine at its rated clock.
pub(in super::super) fn throttled(run: &Run) -> Cell {
    let (nodes, without_flags) = (run.nodes.len(), run.nodes_without_flags);
    match run.throttled {
        Some(true) if run.result.as_ref().is_some_and(|result| result.rate.is_some()) => {
            Cell::toned("yes: this is not the rate of a machine at its rated clock", Tone::Bad)
        }
        Some(true) => Cell::toned("yes", Tone::Bad),
        Some(false) => Cell::toned("no", Tone::Good),
        None if nodes == 0 => Cell::toned("unknown: no node was heard of", Tone::Faint),
        None if (1..nodes).contains(&without_flags) => {
            let text = format!(
                "unknown: no throttle flags are known of {without_flags} of its {nodes} nodes; the others were not throttled"
            );
            Cell::toned(text, Tone::Faint)
        }
        None => Cell::toned("unknown: no node's throttle flags are known", Tone::Faint),
    }
}

/// Program, label, rate and verdict.
pub(in super::super) fn result_line(result: &RunResult) -> String {
    let RunResult { benchmark, label, verdict, reason, rate, unit, .. } = result;
    let name = [benchmark.as_str(), label.as_str()].join(" ");
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let name = if name.trim().is_empty() { String::new() } else { format!("{}: ", name.trim()) };
    format!("{name}{} ({verdict}{reason})", si(*rate, unit))
}

/// The figure that is the result, over the core phase, and beside it that of the whole run.
pub(in super::super) fn efficiency(run: &Run, result: &RunResult) -> Vec<(&'static str, Cell)> {
    let unit = &result.unit_per_w;
    let figure = |value: Option<f64>| {
        let absolute = value.zip(result.uncertainty).map(|(value, relative)| value * relative);
        si_with_uncertainty(value, absolute, unit)
    };
    let whole = |value| format!("{} over {}", si(value, unit), duration(run.window.seconds));
    if result.rate.is_none() {
        return Vec::new();
    }
    if result.rate_per_w.or(result.rate_per_w_whole).is_none() {
        let metered = run.nodes.iter().filter(|node| node.energy.energy_j.is_some()).count();
        let unknown = match (&run.energy.why_unknown, run.nodes.len()) {
            (Some(why), _) => format!("unknown: {why}"),
            (None, nodes) if metered > 0 && metered < nodes => {
                format!("unknown: the power of only {metered} of its {nodes} nodes is known")
            }
            _ => "unknown: the power of its nodes is not known".to_owned(),
        };
        return vec![("efficiency", Cell::toned(unknown, Tone::Faint))];
    }
    let Some(core) = &result.core else {
        let text = format!("{} over {}", figure(result.rate_per_w), duration(run.window.seconds));
        let unknown = Cell::toned("not known; the figure below is of the whole run", Tone::Caution);
        let facts = vec![("core phase", unknown), ("whole run", text.into())];
        return facts.into_iter().chain(corrected(result)).collect();
    };
    let edge = result
        .core_edge_s
        .filter(|edge| *edge >= 0.05)
        .map(|edge| format!(" (± {edge:.1} s)"))
        .unwrap_or_default();
    let core = format!(
        "{} over {}{edge} at {}, {} to {}",
        figure(result.rate_per_w),
        duration(core.seconds),
        mean_power(&result.core_energy),
        clock(&core.start, false),
        clock(&core.end, false),
    );
    let beside = result.rate_per_w_whole.map(|_| {
        let text = format!("{}, shown beside; not the result", whole(result.rate_per_w_whole));
        ("whole run", text.into())
    });
    let core = std::iter::once(("core phase", core.into())).chain(by_readings(result));
    core.chain(beside).chain(corrected(result)).collect()
}

/// The methodology's own figure, where it is another one.
fn by_readings(result: &RunResult) -> Option<(&'static str, Cell)> {
    let (ours, theirs) = result.rate_per_w.zip(result.rate_per_w_by_readings)?;
    let differs = (theirs / ours - 1.0).abs() > SAME_FIGURE;
    let text = format!(
        "{} by the methodology's rule: power from the first to the last reading inside the core phase; the figure \
         above reaches to its edges",
        si(Some(theirs), &result.unit_per_w)
    );
    differs.then(|| ("by readings", text.into()))
}

/// The result as it would be at the wall, by what is configured and not by any meter.
fn corrected(result: &RunResult) -> Option<(&'static str, Cell)> {
    let figure = si(Some(result.rate_per_w_corrected?), &result.unit_per_w);
    let text = format!("{figure} with the configured loss of the supply and power of the switch");
    Some(("at the wall", Cell::toned(text, Tone::Caution)))
}

fn energy(run: &Run) -> Cell {
    if let Some(why) = &run.energy.why_unknown {
        return Cell::toned(format!("unknown: {why}"), Tone::Faint);
    }
    let share = run.share_of_window.map(|share| format!(", {} of the window's", percent(Some(share))));
    format!("{}{}", si(run.energy.energy_j, "J"), share.unwrap_or_default()).into()
}

fn power(run: &Run) -> Cell {
    let figure = &run.energy;
    let Some(boundary) = figure.boundary else { return Cell::maybe(None) };
    let text = format!(
        "{} mean, {} peak; {} at the boundary {boundary}, {} covered",
        mean_power(figure),
        si(figure.peak_w, "W"),
        source(figure).text,
        percent(figure.coverage),
    );
    Cell::toned(text, source(figure).tone)
}

fn to_solution(run: &Run) -> String {
    if run.energy_to_solution_j.is_none() {
        return DASH.to_owned();
    }
    format!(
        "{}; EDP {}; ED2P {}",
        si(run.energy_to_solution_j, "J"),
        si(run.edp_js, "J·s"),
        si(run.ed2p_js2, "J·s²")
    )
}

/// The claimed level, or why there is none.
pub(in super::super) fn methodology(run: &Run) -> Cell {
    match run.methodology.level {
        Some(level) => Cell::toned(format!("level {level}"), Tone::Good),
        None if run.methodology.reasons.is_empty() => "not checked".into(),
        None => {
            let why = run.methodology.reasons.join(", ");
            Cell::toned(format!("below level 1: {why}"), Tone::Caution)
        }
    }
}

fn rules(run: &Run) -> Block {
    let passes = |verdict: Verdict| {
        let tone = match verdict {
            Verdict::Pass => Tone::Good,
            Verdict::Fail => Tone::Bad,
            Verdict::NotKnown => Tone::Faint,
        };
        Cell::toned(verdict.as_str(), tone)
    };
    let row = |rule: &Rule| {
        let mut row = vec![Cell::from(rule.name.as_str()), Cell::from(&rule.figure)];
        row.extend(rule.levels.map(passes));
        row
    };
    let columns = ["rule", "figure", "level 1", "level 2", "level 3"];
    let caption = "Rules of the EE HPC WG Power Measurement Methodology";
    Table::block(caption, &columns, run.methodology.rules.iter().map(row).collect())
}

/// All results, where there are more than the one that counts.
fn results(run: &Run) -> Block {
    let row = |result: &RunResult| {
        vec![
            Cell::from(result.benchmark.as_str()),
            Cell::from(result.label.as_str()),
            si(result.rate, &result.unit).into(),
            si(result.rate_per_w, &result.unit_per_w).into(),
            Cell::toned(
                result.verdict.as_str(),
                if result.verdict == Check::Failed { Tone::Bad } else { Tone::Plain },
            ),
        ]
    };
    let rows = if run.results.len() > 1 { run.results.iter().map(row).collect() } else { Vec::new() };
    let columns = ["program", "result", ">rate", ">by power", "verdict"];
    Table::block("All results in its output", &columns, rows)
}

fn nodes(run: &Run) -> Block {
    let rated = run.nodes.iter().any(|node| node.flops.is_some());
    let row = |node: &RunNode| {
        let mut row = vec![
            Cell::from(&node.host),
            mean_power(&node.energy).into(),
            percent(node.energy.coverage).into(),
        ];
        if rated {
            row.push(si(node.flops, "FLOPS").into());
            row.push(si(node.flops_per_w, FLOPS_PER_W).into());
        } else {
            row.push(si(node.energy.energy_j, "J").into());
        }
        row.push(source(&node.energy));
        row
    };
    let mut columns = vec!["node", ">mean power", ">covered"];
    // A terminal has no room for all three.
    columns.extend(if rated { &[">rate", ">efficiency"][..] } else { &[">energy"] });
    columns.push("source");
    Table::block("Its nodes over the whole run", &columns, run.nodes.iter().map(row).collect())
}

/// What the user calls it; with what tells it from others that are called the same.
pub(super) fn distinct_name(run: &Run, runs: &[Run]) -> String {
    let alone = runs.iter().filter(|other| other.name == run.name).count() < 2;
    if alone && !run.name.is_empty() {
        run.name.clone()
    } else {
        format!("{} ({})", or_dash(&run.name), run.id)
    }
}

/// How the window's energy divides into the runs and the time between them.
fn shares(report: &Report) -> Vec<Block> {
    let Some(between) = &report.between_runs else { return Vec::new() };
    let window = report.cluster.energy.energy_j;
    let run = |run: &Run| {
        vec![
            distinct_name(run, &report.runs).into(),
            duration(run.window.seconds).into(),
            si(run.energy.energy_j, "J").into(),
            mean_power(&run.energy).into(),
            percent(run.share_of_window).into(),
        ]
    };
    let mut rows: Vec<_> = report.runs.iter().map(run).collect();
    let share = between.energy_j.zip(window).and_then(|(part, all)| (all > 0.0).then(|| part / all));
    rows.push(vec![
        Cell::toned("between the runs", Tone::Faint),
        Cell::maybe(None),
        si(between.energy_j, "J").into(),
        mean_power(between).into(),
        percent(share.filter(|_| between.boundary == report.cluster.energy.boundary)).into(),
    ]);
    let columns = ["", ">length", ">energy", ">mean power", ">of the window"];
    vec![
        Block::Heading("The window's energy".to_owned()),
        Table::block("Runs, and the time between them", &columns, rows),
    ]
}
