//! What a person would say of a report, in three sentences: what was used, what was done with it, and what
//! kept it from more.

use super::super::{Report, Run};
use picollect_evaluate::numbers::{count, percent, si_spaced, spaced};
use picollect_evaluate::throttle::Cause;
use picollect_telemetry::Boundary;
use picollect_telemetry::Source;

/// Each run's share of the window's energy.
pub(super) fn shares(report: &mut Report) {
    let cluster = &report.cluster.energy;
    for run in &mut report.runs {
        let same = run.energy.boundary == cluster.boundary;
        let energy = run.energy.energy_j.zip(cluster.energy_j).filter(|(_, all)| same && *all > 0.0);
        run.share_of_window = energy.map(|(energy, all)| energy / all);
    }
}

/// At most three sentences.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let done = report.runs.iter().filter(|run| run.result.is_some());
    let best = done.max_by(|a, b| per_w(a).total_cmp(&per_w(b)));
    [Some(used(report)), best.map(achieved), held_back(report)].into_iter().flatten().collect()
}

fn per_w(run: &Run) -> f64 {
    run.result.as_ref().and_then(|result| result.rate_per_w).unwrap_or(f64::NEG_INFINITY)
}

fn used(report: &Report) -> String {
    let (cluster, energy) = (&report.cluster, &report.cluster.energy);
    let nodes = count(cluster.nodes, "node");
    let Some((energy_j, mean_w)) = energy.energy_j.zip(energy.mean_w) else {
        let why = energy.why_unknown.as_deref().unwrap_or("no meter says it");
        let who = if cluster.nodes == 0 { "was".to_owned() } else { nodes };
        return format!("What {who} used is not known: {why}.");
    };
    let all = cluster.nodes_with_energy == cluster.nodes;
    let who = match cluster.nodes {
        0 => "What is behind the meter".to_owned(),
        _ if all => nodes,
        _ => format!("{} of {nodes}", cluster.nodes_with_energy),
    };
    let covered = energy.coverage.map_or_else(String::new, |coverage| {
        format!(", {} of the time covered", spaced(&percent(Some(coverage))))
    });
    format!(
        "{who} used {} ({} on average; {} at the boundary {}{covered}).",
        si_spaced(Some(energy_j), "J"),
        si_spaced(Some(mean_w), "W"),
        energy.source.map_or("unknown", Source::as_str),
        energy.boundary.map_or("unknown", Boundary::as_str),
    )
}

fn achieved(run: &Run) -> String {
    let Some(result) = &run.result else { return String::new() };
    let rate =
        result.rate.map_or_else(|| "an unknown rate".to_owned(), |rate| si_spaced(Some(rate), &result.unit));
    let level = match run.methodology.level {
        Some(level) => format!("level {level} of the measurement methodology"),
        None => {
            format!("below level 1: {}", run.methodology.reasons.first().map_or("nothing known", |why| why))
        }
    };
    match result.rate_per_w {
        Some(per_w) => {
            format!("{} reached {rate}, {} ({level}).", run.name, si_spaced(Some(per_w), &result.unit_per_w))
        }
        None => format!("{} reached {rate}; its power is not known.", run.name),
    }
}

fn held_back(report: &Report) -> Option<String> {
    let throttled = |node: &&super::super::Node| node.episodes.as_ref().is_some_and(|list| !list.is_empty());
    let hot: Vec<_> = report.nodes.iter().filter(throttled).collect();
    let unknown = report.nodes.iter().filter(|node| node.episodes.is_none()).count();
    let known = report.nodes.len() - unknown;
    if let Some(worst) = hot.first() {
        let episodes = hot.iter().flat_map(|node| node.episodes.iter().flatten());
        let lost: Option<f64> = episodes.map(|episode| episode.lost_core_s).sum();
        let lost = lost.map_or_else(
            || "; how much work that cost is not known".to_owned(),
            |lost| format!(" and lost {lost:.0} core-seconds"),
        );
        let cause = worst.episodes.iter().flatten().next().map(|episode| episode.cause);
        let cause = match cause {
            None | Some(Cause::Unknown) => "cause not known",
            Some(cause) => cause.as_str(),
        };
        let others = match unknown {
            0 => String::new(),
            some => format!(" Of {} it is not known.", count(some, "other node")),
        };
        let who = if hot.len() == 1 {
            worst.host.clone()
        } else {
            format!("{} nodes, first {},", hot.len(), worst.host)
        };
        let were = if hot.len() == 1 { "was" } else { "were" };
        return Some(format!("{who} {were} throttled ({cause}){lost}.{others}"));
    }
    match (known, unknown) {
        (0, 0) => None,
        (0, _) => Some("Whether any node was throttled is not known.".to_owned()),
        (_, 0) => Some("No node was throttled.".to_owned()),
        _ => Some(format!(
            "No node was throttled as far as is known; of {} it is not.",
            count(unknown, "node")
        )),
    }
}
