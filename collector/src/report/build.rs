//! From a window of the store to a report. A file for each of its parts.

mod energy;
mod node;
mod provenance;
mod run;
mod thermal;
mod timeline;
mod verdict;

use picollect_evaluate::Window;
use picollect_evaluate::balance::{Peer, outliers};
use picollect_evaluate::energy::Energy;

pub use run::run;

use self::energy::{Metered, speaking_meter, together};
use self::node::Seen;
use super::{Cluster, EnergyFigure, Outlier, Overhead, Report, SCHEMA, Span};
use crate::nodes::heard;
use crate::query::hosts;
use crate::runs;
use crate::store::{Store, StoreError};
use crate::time::rfc3339;

type Result<T> = std::result::Result<T, StoreError>;

/// The report of a window.
pub fn build(store: &dyn Store, window: Window) -> Result<Report> {
    let mut seen = Vec::new();
    let mut metered = Metered::new();
    for host in hosts(store)? {
        let Some((heard_ms, interval_s)) = heard(store, &host, window.end_ms)? else { continue };
        let meter = speaking_meter(store, &host, window)?;
        let mut one = node::see(store, &host, window, (heard_ms, interval_s), meter.as_ref())?;
        one.node.thermal = thermal::model(&one, meter.as_ref());
        metered.extend(meter.map(|meter| (host, (meter, interval_s))));
        seen.push(one);
    }
    let timeline = timeline::timeline(&seen, &metered, window);
    let balance = balance(&seen);
    let nodes: Vec<_> = seen.into_iter().map(|seen| seen.node).collect();
    let together = together(&metered, window);
    let count = |state| nodes.iter().filter(|node| node.state == state).count();
    let cluster = Cluster {
        nodes: nodes.len(),
        up: count("up"),
        late: count("late"),
        down: count("down"),
        energy: together.energy,
        nodes_with_energy: together.nodes,
        by_source: together.by_source,
        other_boundaries: together.others,
    };
    let kept = runs::ended_in(store, window)?;
    let between_runs = between_runs(store, &kept, &metered, &cluster.energy, window)?;
    let runs = kept.into_iter().map(|kept| run(store, kept)).collect::<Result<Vec<_>>>()?;
    let mut report = Report {
        schema: SCHEMA,
        window: span(window),
        overhead: overhead(&cluster),
        cluster,
        nodes,
        balance,
        runs,
        between_runs,
        timeline,
        ..Report::default()
    };
    verdict::shares(&mut report);
    report.verdict = verdict::sentences(&report);
    Ok(report)
}

pub(super) fn span(window: Window) -> Span {
    Span { start: rfc3339(window.start_ms), end: rfc3339(window.end_ms), seconds: window.seconds() }
}

fn balance(seen: &[Seen]) -> Vec<Outlier> {
    let peer = |seen: &Seen| Peer {
        host: seen.node.host.clone(),
        temp_c: seen.node.temp_c.mean,
        clock_ratio: seen.clock_ratio,
        busy: seen.node.busy_ratio.mean,
    };
    let peers: Vec<Peer> = seen.iter().map(peer).collect();
    let outlier = |found: picollect_evaluate::balance::Outlier| Outlier {
        what: found.what.as_str(),
        host: found.host,
        value: found.value,
        median: found.median,
        z: found.z,
    };
    outliers(&peers).into_iter().map(outlier).collect()
}

/// What the widest boundary has beyond the sum of the nodes.
fn overhead(cluster: &Cluster) -> Option<Overhead> {
    let inner = cluster.other_boundaries.iter().find(|figure| figure.boundary == Some("node"))?;
    let (outer_w, nodes_w) = (cluster.energy.mean_w?, inner.mean_w?);
    (outer_w > 0.0).then(|| Overhead {
        boundary: cluster.energy.boundary.unwrap_or_default(),
        outer_w,
        nodes_w,
        overhead_w: outer_w - nodes_w,
        share: (outer_w - nodes_w) / outer_w,
    })
}

/// The window less its runs, at the cluster's own boundary; `None` if there are none.
fn between_runs(
    store: &dyn Store,
    kept: &[runs::Run],
    metered: &Metered,
    cluster: &EnergyFigure,
    window: Window,
) -> Result<Option<EnergyFigure>> {
    let clipped = kept.iter().map(|run| Window {
        start_ms: run.time.start_ms.max(window.start_ms),
        end_ms: run.time.end_ms.min(window.end_ms),
    });
    let runs = united(clipped.filter(|run| run.start_ms < run.end_ms).collect());
    let (Some(energy_j), Some(coverage), false) = (cluster.energy_j, cluster.coverage, runs.is_empty())
    else {
        return Ok(None);
    };
    let mut in_runs = Energy { joules: 0.0, covered_s: 0.0 };
    let speaking =
        metered.iter().filter(|(_, (meter, _))| Some(meter.figure.boundary.as_str()) == cluster.boundary);
    let hosts: Vec<&String> = speaking.map(|(host, _)| host).collect();
    for (host, run) in hosts.iter().flat_map(|host| runs.iter().map(move |run| (host, run))) {
        let meter = speaking_meter(store, host, *run)?;
        let same = meter.filter(|meter| Some(meter.figure.boundary.as_str()) == cluster.boundary);
        let energy = same.map_or(Energy { joules: 0.0, covered_s: 0.0 }, |meter| meter.figure.energy);
        in_runs.joules += energy.joules;
        in_runs.covered_s += energy.covered_s;
    }
    let nodes = hosts.len() as f64;
    let runs_s: f64 = runs.iter().map(|run| run.seconds()).sum();
    let (rest_s, covered_s) =
        (window.seconds() - runs_s, coverage * window.seconds() * nodes - in_runs.covered_s);
    let joules = energy_j - in_runs.joules;
    let known = rest_s > 0.0 && covered_s > 0.0;
    Ok(known.then(|| EnergyFigure {
        source: cluster.source,
        boundary: cluster.boundary,
        coverage: Some(covered_s / (rest_s * nodes)),
        energy_j: Some(joules),
        mean_w: Some(joules / covered_s * nodes),
        ..EnergyFigure::default()
    }))
}

/// Windows that overlap or touch become one.
fn united(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| window.start_ms);
    let mut united: Vec<Window> = Vec::new();
    for window in windows {
        match united.last_mut() {
            Some(last) if window.start_ms <= last.end_ms => last.end_ms = last.end_ms.max(window.end_ms),
            _ => united.push(window),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_overlap_are_one_stretch() {
        let window = |start_ms, end_ms| Window { start_ms, end_ms };
        let windows = vec![window(5, 9), window(0, 3), window(3, 4), window(6, 7)];
        assert_eq!(united(windows), [window(0, 4), window(5, 9)]);
    }
}
