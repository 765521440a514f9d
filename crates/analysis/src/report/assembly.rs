//! From a window of the store to a report. A file for each of its parts.

mod advice;
mod by_readings;
mod cost;
mod energy;
mod methodology;
mod node;
mod provenance;
mod readings;
mod run;
mod supply_and_flash;
mod thermal;
mod timeline;
mod unknown;
mod verdict;

use picollect_evaluate::Window;
use picollect_evaluate::balance::{Peer, outliers};
use picollect_evaluate::presence::Presence;
use picollect_evaluate::references::REFERENCES;
use picollect_telemetry::Boundary;

pub use cost::per_kwh;
pub use readings::{MeterReading, MeterReadings, readings};
pub use run::{lost_core_s, run};

use self::cost::Prices;
use self::energy::{MeteredNodes, Scope};
use self::node::Seen;
use super::{Cluster, EnergyFigure, Outlier, Overhead, Reference, Report, SCHEMA, Span};
use crate::nodes::last_seen;
use crate::runs;
use crate::sources::{RequestError, Sources};
use picollect_query::{hosts, resolution_s};
use picollect_settings::time::rfc3339;

type Result<T> = std::result::Result<T, RequestError>;

/// The report of a window. Fails if the store cannot be read ([`RequestError::Store`]) or a configured file
/// with prices cannot ([`RequestError::Configuration`]).
pub fn build(from: &Sources<'_>, window: Window) -> Result<Report> {
    let mut known = Vec::new();
    // Of what is to come nobody is late yet.
    let until_ms = window.end_ms.min(from.now_ms);
    let end = Moment::at(from, until_ms)?;
    for host in hosts(from.store)? {
        known.extend(end.last_seen(&host)?.map(|seen| (host, seen)));
    }
    let names: Vec<String> = known.iter().map(|(host, _)| host.clone()).collect();
    let part = MeteredNodes::of(from, &names, Scope::Cluster, window)?;
    let mut seen = Vec::new();
    for (host, last_seen) in &known {
        let meter = part.metered.get(host);
        let when = (window, until_ms);
        seen.push(node::see(from.store, host, when, *last_seen, part.resolution_s, meter)?);
    }
    heat_up(&mut seen, &part);
    let kept = runs::kept_in(from.store, window)?;
    let between_runs = between_runs(from, &kept.runs, &part, &names)?;
    let runs = kept.runs.into_iter().map(|kept| run(from, kept)).collect::<Result<Vec<_>>>()?;
    let prices = Prices::read(from)?;
    let cost = cost::cost(from, &prices, &part, &names)?;
    let balance = balance(&seen);
    let mut report = Report {
        schema: SCHEMA,
        window: span(window, part.resolution_s),
        verdict: Vec::new(),
        overhead: overhead(&part),
        advice: advice::advice(&seen, &balance),
        affordability: cost::affordability(from, &part, &runs, cost.as_ref()),
        timeline: timeline::timeline(&seen, &part),
        cluster: cluster(&seen, part),
        nodes: seen.into_iter().map(|seen| seen.node).collect(),
        // Published figures are shown where there is something to compare.
        references: if runs.iter().any(|run| cost::flops(run).is_some()) {
            REFERENCES.iter().map(reference).collect()
        } else {
            Vec::new()
        },
        balance,
        runs,
        between_runs,
        cost,
    };
    verdict::shares(&mut report);
    report.verdict = verdict::sentences(&report);
    report.verdict.extend(kept.left_out);
    Ok(report)
}

fn span(window: Window, resolution_s: Option<f64>) -> Span {
    let (start, end) = (rfc3339(window.start_ms), rfc3339(window.end_ms));
    Span { start, end, seconds: window.seconds(), resolution_s }
}

/// A moment at which it is asked when nodes were last seen.
struct Moment<'a> {
    from: &'a Sources<'a>,
    t_ms: i64,
    resolution_s: Option<f64>,
}

impl<'a> Moment<'a> {
    fn at(from: &'a Sources<'a>, t_ms: i64) -> Result<Self> {
        Ok(Self { from, t_ms, resolution_s: resolution_s(from.store, t_ms, from.now_ms)? })
    }

    /// When a node was last seen, Unix milliseconds, and how far apart its samples are there, in seconds.
    fn last_seen(&self, host: &str) -> Result<Option<(i64, f64)>> {
        let seen = last_seen(self.from.store, host, self.t_ms)?;
        Ok(seen.map(|(t_ms, interval_s)| (t_ms, at_least(interval_s, self.resolution_s))))
    }
}

/// How far apart samples are that came so often and may have been rolled up since.
fn at_least(interval_s: f64, resolution_s: Option<f64>) -> f64 {
    interval_s.max(resolution_s.unwrap_or(0.0))
}

fn cluster(seen: &[Seen], part: MeteredNodes) -> Cluster {
    let count = |state| seen.iter().filter(|seen| seen.node.state == state).count();
    Cluster {
        nodes: seen.len(),
        up: count(Presence::Up),
        late: count(Presence::Late),
        down: count(Presence::Down),
        energy: part.energy,
        nodes_with_energy: part.nodes_with_energy,
        by_source: part.by_source,
        other_boundaries: part.others,
    }
}

/// Fits each node's thermal model. What it draws at full load may have to be learnt from its peers.
fn heat_up(seen: &mut [Seen], part: &MeteredNodes) {
    let own = |one: &Seen| thermal::full_load(one, part.metered.get(&one.node.host));
    let loads: Vec<_> = seen.iter().map(own).collect();
    let models: Vec<_> = seen.iter().map(|one| one.node.model.clone()).collect();
    for (at, one) in seen.iter_mut().enumerate() {
        let same = |other: &usize| *other != at && models[at].is_some() && models[*other] == models[at];
        let peers: Vec<_> = (0..loads.len()).filter(same).filter_map(|other| loads[other]).collect();
        let full = loads[at].map(|load| load.beside(&peers));
        let meter = part.metered.get(&one.node.host);
        thermal::heat_up(one, meter, full);
    }
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
        what: found.what,
        host: found.host,
        value: found.value,
        median: found.median,
        z: found.z,
    };
    outliers(&peers).into_iter().map(outlier).collect()
}

/// What the wall has beyond the sum of the nodes, if every node is in that sum.
fn overhead(part: &MeteredNodes) -> Option<Overhead> {
    let inner = part.others.iter().find(|figure| figure.boundary == Some(Boundary::Node))?;
    let all = part.metered.values().filter(|meter| meter.figure.boundary == Boundary::Node).count();
    let (outer_w, nodes_w) = (part.energy.mean_w?, inner.mean_w?);
    let boundary = part.energy.boundary?;
    (outer_w > 0.0 && all == part.nodes).then(|| Overhead {
        boundary,
        outer_w,
        nodes_w,
        overhead_w: outer_w - nodes_w,
        share: (outer_w - nodes_w) / outer_w,
    })
}

fn reference(reference: &picollect_evaluate::references::Reference) -> Reference {
    Reference {
        name: reference.name.to_owned(),
        year: reference.year,
        source: reference.source.to_owned(),
        flops: reference.flops,
        flops_per_w: reference.flops_per_w,
    }
}

/// The window less its runs, at the cluster's own boundary; `None` if there are none.
fn between_runs(
    from: &Sources<'_>,
    kept: &[runs::Run],
    whole: &MeteredNodes,
    nodes: &[String],
) -> Result<Option<EnergyFigure>> {
    let window = whole.window;
    let clipped = kept.iter().map(|run| Window {
        start_ms: run.time.start_ms.max(window.start_ms),
        end_ms: run.time.end_ms.min(window.end_ms),
    });
    let runs = united(clipped.filter(|run| run.start_ms < run.end_ms).collect());
    if runs.is_empty() {
        return Ok(None);
    }
    let speaks = whole.boundary();
    let (mut rest, mut rest_s) = (whole.covered_energy(speaks), window.seconds());
    for run in runs {
        // Another boundary may speak for the run by itself.
        let energy = MeteredNodes::of(from, nodes, Scope::Cluster, run)?.covered_energy(speaks);
        rest.joules -= energy.joules;
        rest.covered_s -= energy.covered_s;
        rest_s -= run.seconds();
    }
    let meters = whole.speaking().count() as f64;
    let known = rest_s > 0.0 && rest.covered_s > 0.0;
    Ok(known.then(|| EnergyFigure {
        source: whole.energy.source,
        boundary: whole.energy.boundary,
        coverage: Some((rest.covered_s / (rest_s * meters)).min(1.0)),
        energy_j: Some(rest.joules),
        mean_w: Some(rest.joules / rest.covered_s * meters),
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
