//! The methodology's checklist, filled in from a run.

use std::fmt::Write as _;

use picollect_analysis::report::numbers::si_spaced;
use picollect_analysis::report::{MeterReadings, Run};
use picollect_settings::time::rfc3339;

use super::{Submission, cell};

/// Stands where somebody has to write.
const FILL_IN: &str = "*to be filled in*";

/// The nodes of a run, as many as there are names for.
pub(super) fn nodes(run: &Run) -> String {
    let names: Vec<&str> = run.nodes.iter().map(|node| node.host.as_str()).collect();
    match (names.is_empty(), run.labels.get("nodes")) {
        (false, _) => format!("{}: {}", names.len(), names.join(", ")),
        (true, Some(number)) => format!("{number} (as --label nodes says)"),
        (true, None) => FILL_IN.to_owned(),
    }
}

/// The whole page.
pub(super) fn text(submission: &Submission) -> String {
    let Submission { run, core, meters, .. } = submission;
    let Some(result) = &run.result else { return String::new() };
    let level =
        run.methodology.level.map_or_else(|| "below level 1".to_owned(), |level| format!("level {level}"));
    let per_w = |value: Option<f64>| si_spaced(value, &result.unit_per_w);
    let readings = |meter: &MeterReadings| {
        let inside = |t_ms: i64| (core.time.start_ms..=core.time.end_ms).contains(&t_ms);
        meter.readings.iter().filter(|reading| inside(reading.t_ms)).count()
    };
    let fewest = meters.iter().map(readings).min().unwrap_or(0);
    let idle = run.idle.as_ref().and_then(|idle| idle.mean_w);
    let mut page = "# Checklist of the EE HPC WG Power Measurement Methodology\n".to_owned();
    let mut rows = |title: &str, facts: &[(&str, String)]| {
        let _ = write!(page, "\n## {title}\n\n| what | value |\n|---|---|\n");
        for (name, value) in facts {
            let _ = writeln!(page, "| {name} | {} |", cell(value));
        }
    };
    rows(
        "Result",
        &[
            ("benchmark", format!("{} {}", result.benchmark, result.label)),
            ("verdict of its own check", result.verdict.to_string()),
            ("rate", si_spaced(result.rate, &result.unit)),
            ("mean power, first to last reading inside the core phase", by_readings(run)),
            ("rate by that power", per_w(result.rate_per_w_by_readings)),
            ("mean power to the edges of the core phase", si_spaced(result.core_energy.mean_w, "W")),
            ("rate by that power", per_w(result.rate_per_w)),
            ("quality level that all rules reach", level),
        ],
    );
    rows(
        "Workload",
        &[
            ("core phase begins", rfc3339(core.time.start_ms)),
            ("core phase ends", rfc3339(core.time.end_ms)),
            ("its edges are known to", format!("± {:.1} s", core.edge_s)),
            ("whole run", format!("{} to {}", run.window.start, run.window.end)),
            ("mean power over the whole run", si_spaced(run.energy.mean_w, "W")),
            ("energy over the whole run", si_spaced(run.energy.energy_j, "J")),
            ("idle power", idle.map_or_else(|| FILL_IN.to_owned(), |watts| si_spaced(Some(watts), "W"))),
            ("readings in the core phase, of the meter with the fewest", fewest.to_string()),
        ],
    );
    rows(
        "Machine",
        &[
            ("nodes", nodes(run)),
            ("nodes whose power is measured", measured(run)),
            ("any node throttled meanwhile", throttled(run)),
            ("name, site, vendor, contact", FILL_IN.to_owned()),
            ("subsystems in the measurement", boundaries(meters)),
            ("temperature of the room or the coolant", FILL_IN.to_owned()),
            ("tunable parameters (clock limits, governor)", "see system.md".to_owned()),
        ],
    );
    page + &meters_of(meters) + &rules(run)
}

fn by_readings(run: &Run) -> String {
    let watts = run.result.as_ref().and_then(|result| Some(result.rate? / result.rate_per_w_by_readings?));
    watts.map_or_else(
        || "not known: a meter has fewer than two readings there".to_owned(),
        |w| si_spaced(Some(w), "W"),
    )
}

fn measured(run: &Run) -> String {
    let with = run.nodes.iter().filter(|node| node.energy.energy_j.is_some()).count();
    match run.energy.boundary {
        Some(picollect_telemetry::Boundary::Wall) => "all, by meters at the wall".to_owned(),
        _ => format!("{with} of {}", run.nodes.len()),
    }
}

fn throttled(run: &Run) -> String {
    match run.throttled {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "not known".to_owned(),
    }
}

fn boundaries(meters: &[MeterReadings]) -> String {
    let mut names: Vec<&str> = meters.iter().map(|meter| meter.boundary.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let what = match names[..] {
        ["wall"] => "everything behind the meters at the wall",
        ["enclosure"] => "nodes and what is in their enclosure",
        ["node"] => "the nodes behind their supplies; no switch and no supply",
        _ => "see the meters",
    };
    format!("{} ({what})", names.join(", "))
}

fn meters_of(meters: &[MeterReadings]) -> String {
    let mut page = "\n## Measuring devices\n\n\
                    | meter | boundary | kind | accuracy | samples by itself | make and model |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for meter in meters {
        let accuracy = meter.accuracy.map(|accuracy| {
            format!("± {} % of the reading ± {} W", accuracy.gain * 100.0, accuracy.offset_w)
        });
        let rate = meter.conversions_per_s.map(|rate| format!("{rate} per s"));
        let kind = if meter.integrated { "energy counter" } else { "power" };
        let _ = writeln!(
            page,
            "| {} | {} | {kind}, {} | {} | {} | {FILL_IN} |",
            cell(&meter.meter),
            meter.boundary,
            meter.source,
            accuracy.as_deref().unwrap_or(FILL_IN),
            rate.as_deref().unwrap_or(FILL_IN),
        );
    }
    page
}

fn rules(run: &Run) -> String {
    let mut page =
        "\n## Rules\n\n| rule | figure | level 1 | level 2 | level 3 |\n|---|---|---|---|---|\n".to_owned();
    for rule in &run.methodology.rules {
        let [one, two, three] = rule.levels;
        let name = rule.name.as_str();
        let _ = writeln!(page, "| {name} | {} | {one} | {two} | {three} |", cell(&rule.figure));
    }
    page
}
