//! The cluster in a few figures, for the panels of its nodes: `GET /api/v1/summary`, a small JSON document.
//!
//! Invariants: watts and joules of different boundaries are never added, and what is left out makes the sum
//! partial. What is kept between two questions only saves time: another collector on the same store says the same.

mod last_run;

use picollect_evaluate::presence::Presence;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use picollect_evaluate::Window;
use picollect_evaluate::cluster::{Figure, Sum, primary_meter, sums};
use picollect_evaluate::energy::Energy;
use picollect_telemetry::catalogue::{HOST, RUN_END_MS, RUN_START_MS};
use picollect_telemetry::summary::{ClusterSum, Hottest, Running, Summary, Today};
use picollect_telemetry::{Boundary, Source};

use self::last_run::LastRuns;
use crate::alerts::parts;
use crate::nodes::{self, Node};
use crate::sources::{RequestError, Sources};
use picollect_query::day::Meters;
use picollect_query::{all_power_meters, last_of, numbers, whole};
use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// Nodes that are down and named; a panel shows one after the other, and nobody waits for more.
const MAX_NAMED: usize = 8;
/// Clusters whose sums are told; a document for panels stays small.
const MAX_CLUSTERS: usize = 32;
/// A run that began longer ago and never ended was killed together with whoever watched it.
const LONGEST_RUN_MS: i64 = 24 * 3600 * 1000;
/// An answer is given again for so long: panels ask at the same time, and nodes speak once a second.
const SHARED_MS: i64 = 1000;
const DAY_MS: i64 = 24 * 3600 * 1000;
/// A sum that covers less of the day, for each of its nodes, is partial;
const WHOLE: f64 = 0.99;
/// but so many seconds may be under way still: a batch that comes at the second try.
const UNDER_WAY_S: f64 = 30.0;

/// Makes summaries, and keeps between them what would be dear to compute again.
#[derive(Debug, Default)]
pub struct Summaries(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    meters: Meters,
    last_runs: LastRuns,
    /// The last answer and of when it is, Unix milliseconds.
    answer: Option<(i64, Summary)>,
}

impl Summaries {
    /// The cluster at the moment of `from`. Who asks while another waits for the same gets the same. Fails if
    /// the store cannot be read.
    pub fn at(&self, from: &Sources<'_>) -> Result<Summary, RequestError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |(at_ms, _): &&(i64, Summary)| (0..SHARED_MS).contains(&(from.now_ms - *at_ms));
        if let Some((_, answer)) = kept.answer.as_ref().filter(recent) {
            return Ok(answer.clone());
        }
        let answer = kept.summary(from)?;
        kept.answer = Some((from.now_ms, answer.clone()));
        Ok(answer)
    }
}

impl Kept {
    fn summary(&mut self, from: &Sources<'_>) -> Result<Summary, RequestError> {
        let Sources { store, now_ms, .. } = *from;
        let nodes = nodes::observe(store, now_ms)?;
        let meters = metered(store)?;
        let down = nodes.iter().filter(|node| node.state == Presence::Down).map(|node| node.host.clone());
        let day = Window { start_ms: now_ms - now_ms.rem_euclid(DAY_MS), end_ms: now_ms };
        let up = nodes.iter().filter(|node| node.state == Presence::Up);
        let powers = powers(store, up, &meters, now_ms)?;
        let figures = Figures { day, powers, energies: self.energies(store, &nodes, &meters, day)? };
        let all = figures.of("", &nodes.iter().collect::<Vec<_>>());
        Ok(Summary {
            nodes_up: all.nodes_up,
            nodes_all: all.nodes_all,
            down: down.take(MAX_NAMED).collect(),
            watts: all.watts,
            watts_boundary: all.watts_boundary,
            watts_partial: all.watts_partial,
            watts_estimated: all.watts_estimated,
            simulated: all.simulated,
            hottest: all.hottest,
            today: all.today,
            run: running(store, now_ms)?,
            last_run: self.last_runs.latest(from)?,
            clusters: clusters(&figures, &nodes),
            alerts_failing: failing(store, now_ms)?,
        })
    }

    /// Energy of each node since the day began; `None` while it is still being counted.
    fn energies(
        &mut self,
        store: &dyn Store,
        nodes: &[Node],
        meters: &[Meter],
        day: Window,
    ) -> Result<Option<Vec<OfNode>>, StoreError> {
        let keys: BTreeSet<&SeriesKey> = meters.iter().map(|meter| &meter.key).collect();
        self.meters.begin(&keys, day);
        let mut figures = Vec::new();
        for node in nodes {
            let mut own = Vec::new();
            for meter in meters.iter().filter(|meter| meter.host == node.host) {
                if !self.meters.has_time_for(&meter.key) {
                    return Ok(None);
                }
                own.extend(self.meters.energy(store, &meter.key, day)?.map(|energy| meter.figure(energy)));
            }
            figures.extend(primary_meter(&own).map(|index| (node.host.clone(), own[index])));
        }
        Ok(Some(figures))
    }
}

/// A figure of the node of this name.
type OfNode = (String, Figure);

/// What each node takes now, and what it used since the day began.
struct Figures {
    day: Window,
    powers: Vec<OfNode>,
    energies: Option<Vec<OfNode>>,
}

impl Figures {
    /// The sums of these nodes.
    fn of(&self, name: &str, nodes: &[&Node]) -> ClusterSum {
        let up: Vec<&&Node> = nodes.iter().filter(|node| node.state == Presence::Up).collect();
        let power = of_most_nodes(sums(&of_nodes(&self.powers, nodes)));
        let hot = |node: &&&Node| node.temp_c.map(|temp_c| Hottest { host: node.host.clone(), temp_c });
        ClusterSum {
            name: name.to_owned(),
            nodes_up: Some(up.len()),
            nodes_all: Some(nodes.len()),
            watts: power.as_ref().map(|sum| sum.mean_w),
            watts_boundary: power.as_ref().map(|sum| sum.boundary.to_string()),
            watts_partial: power.as_ref().is_some_and(|sum| sum.nodes < up.len()),
            watts_estimated: power.as_ref().is_some_and(is_estimated),
            simulated: nodes.iter().any(|node| node.simulated),
            hottest: up.iter().filter_map(hot).max_by(|one, other| one.temp_c.total_cmp(&other.temp_c)),
            today: self.today(nodes, power.map(|sum| sum.boundary)),
        }
    }

    /// Energy since the day began in UTC, at the boundary of the power that stands beside it.
    fn today(&self, nodes: &[&Node], beside: Option<Boundary>) -> Option<Today> {
        let sums = sums(&of_nodes(self.energies.as_ref()?, nodes));
        let same = sums.iter().find(|sum| Some(sum.boundary) == beside).cloned();
        let day = self.day;
        let heard = nodes.iter().filter(|node| node.last_seen_ms >= day.start_ms).count();
        same.or_else(|| of_most_nodes(sums)).map(|sum| {
            let missing_s = day.seconds() - sum.energy.covered_s / sum.nodes as f64;
            Today {
                joules: sum.energy.joules,
                boundary: sum.boundary.to_string(),
                since_ms: day.start_ms,
                partial: sum.nodes < heard || missing_s > UNDER_WAY_S.max(day.seconds() * (1.0 - WHOLE)),
                estimated: is_estimated(&sum),
            }
        })
    }
}

fn of_nodes(figures: &[OfNode], nodes: &[&Node]) -> Vec<Figure> {
    let wanted = |host: &str| nodes.iter().any(|node| node.host == host);
    figures.iter().filter(|(host, _)| wanted(host)).map(|(_, figure)| *figure).collect()
}

/// The sums of each cluster, if there is more than one; a node that says none is of none.
fn clusters(figures: &Figures, nodes: &[Node]) -> Vec<ClusterSum> {
    let names: BTreeSet<&str> = nodes.iter().filter_map(|node| node.cluster.as_deref()).collect();
    let of = |name: &str| {
        let nodes = nodes.iter().filter(|node| node.cluster.as_deref() == Some(name));
        figures.of(name, &nodes.collect::<Vec<_>>())
    };
    if names.len() < 2 { Vec::new() } else { names.into_iter().take(MAX_CLUSTERS).map(of).collect() }
}

/// The parts of the collectors' alerting that fail now.
fn failing(store: &dyn Store, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let failing = parts(store, now_ms)?.into_iter().filter(|part| part.failing);
    Ok(failing.map(|part| part.name).take(MAX_NAMED).collect())
}

/// A power meter of a node.
struct Meter {
    key: SeriesKey,
    host: String,
    source: Source,
    boundary: Boundary,
}

impl Meter {
    fn figure(&self, energy: Energy) -> Figure {
        Figure { source: self.source, boundary: self.boundary, energy }
    }
}

/// The meters that say what they measure around, and how.
fn metered(store: &dyn Store) -> Result<Vec<Meter>, StoreError> {
    let meter = |key: SeriesKey| {
        let host = key.tag(HOST)?.to_owned();
        let (source, boundary) = (key.tag("source")?, key.tag("boundary")?);
        let (source, boundary) = (Source::from_name(source)?, Boundary::from_name(boundary)?);
        Some(Meter { key, host, source, boundary })
    };
    Ok(all_power_meters(store)?.into_iter().filter_map(meter).collect())
}

/// The power of the nodes that are up, each by the meter that speaks for it.
fn powers<'a>(
    store: &dyn Store,
    up: impl Iterator<Item = &'a Node>,
    meters: &[Meter],
    now_ms: i64,
) -> Result<Vec<OfNode>, StoreError> {
    let mut figures = Vec::new();
    // Of boards that speak as one nobody knows whose power it is.
    for node in up.filter(|node| node.boards.is_none_or(|boards| boards < 2)) {
        let fresh_ms = whole(node.interval_s * 3000.0) + 1;
        let mut own = Vec::new();
        for meter in meters.iter().filter(|meter| meter.host == node.host) {
            let latest = last_of(store, &meter.key, now_ms, fresh_ms)?;
            // What it uses in a second, so that the rules for energy are those for power.
            own.extend(latest.map(|latest| meter.figure(Energy { joules: latest.value, covered_s: 1.0 })));
        }
        figures.extend(primary_meter(&own).map(|index| (node.host.clone(), own[index])));
    }
    Ok(figures)
}

/// Of several, the widest.
fn of_most_nodes(sums: Vec<Sum>) -> Option<Sum> {
    sums.into_iter().rev().max_by_key(|sum| sum.nodes)
}

fn is_estimated(sum: &Sum) -> bool {
    sum.by_source.iter().any(|share| share.source == Source::Estimated)
}

fn running(store: &dyn Store, now_ms: i64) -> Result<Option<Running>, StoreError> {
    let of = |field| Selector { measurement: Some(RUN_START_MS.measurement), field: Some(field), tags: &[] };
    let ended = store.series(&of(RUN_END_MS.field))?;
    let ended: BTreeSet<&str> = ended.iter().filter_map(|key| key.tag("run")).collect();
    let window = Window { start_ms: now_ms - LONGEST_RUN_MS, end_ms: now_ms };
    let mut last: Option<Running> = None;
    for key in store.series(&of(RUN_START_MS.field))? {
        let (Some(id), Some(name)) = (key.tag("run"), key.tag("name")) else { continue };
        if ended.contains(id) {
            continue;
        }
        let Some(start) = numbers(store, &key, window, 0)?.last().copied() else { continue };
        if last.as_ref().is_none_or(|last| last.start_ms < start.t_ms) {
            last = Some(Running { name: name.to_owned(), start_ms: start.t_ms });
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::begin_line;
    use picollect_config::Config;
    use picollect_telemetry::line::{Precision, decode};

    const NOW_MS: i64 = 1_795_443_117_000;

    fn at(store: &dyn Store, now_ms: i64) -> Summary {
        let config = Config::default();
        Summaries::default().at(&Sources { store, config: &config, now_ms }).unwrap()
    }

    fn of(lines: &str, more: &[u8]) -> Summary {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        store.append(&decode(more, Precision::Nanoseconds, 0).points).unwrap();
        at(&store, NOW_MS)
    }

    fn node(host: &str, watts: f64, boundary: &str, temp_c: f64, t_ms: i64) -> String {
        format!(
            "agent,host={host} interval_s=1 {t_ms}\nthermal,host={host},zone=z temp_c={temp_c} {t_ms}\n\
             power,host={host},boundary={boundary},meter=m,source=measured watts={watts} {t_ms}\n"
        )
    }

    #[test]
    fn nodes_are_counted_and_watts_of_one_boundary_are_added() {
        let lines = [
            node("a", 5.0, "node", 50.0, NOW_MS),
            node("b", 6.0, "node", 61.5, NOW_MS),
            node("c", 70.0, "soc-rails", 40.0, NOW_MS),
            node("gone", 6.0, "node", 90.0, NOW_MS - 600_000),
        ];
        let got = of(&lines.concat(), b"");
        assert_eq!((got.nodes_up, got.nodes_all, got.down), (Some(3), Some(4), vec!["gone".to_owned()]));
        assert_eq!((got.watts, got.watts_partial), (Some(11.0), true));
        assert_eq!(got.hottest, Some(Hottest { host: "b".into(), temp_c: 61.5 }));
    }

    #[test]
    fn two_clusters_have_their_own_sums_and_one_alone_has_none() {
        let of_cluster = |host: &str, cluster: &str, watts| {
            let info = format!("node,cluster={cluster},host={host},version=1 info=1 {NOW_MS}\n");
            node(host, watts, "node", 50.0, NOW_MS) + &info
        };
        let cube = [of_cluster("a", "cube", 5.0), of_cluster("b", "cube", 6.0)].concat();
        assert_eq!(of(&cube, b"").clusters, []);
        let got = of(&(cube + &of_cluster("c", "rack", 9.0)), b"");
        let sums: Vec<_> =
            got.clusters.iter().map(|sum| (sum.name.as_str(), sum.nodes_up, sum.watts)).collect();
        assert_eq!(sums, [("cube", Some(2), Some(11.0)), ("rack", Some(1), Some(9.0))]);
        assert_eq!((got.nodes_all, got.watts), (Some(3), Some(20.0)));
    }

    #[test]
    fn an_empty_store_knows_nothing() {
        let got = of("", b"");
        assert_eq!((got.nodes_all, got.watts, got.hottest, got.run), (Some(0), None, None, None));
    }

    #[test]
    fn what_fails_in_alerting_is_named() {
        let lines = format!(
            "alerts,collector=h,part=email failures=2,failing=1i {NOW_MS}\n\
             alerts,collector=h,part=ntfy failures=2,failing=0i {NOW_MS}\n"
        );
        assert_eq!(of(&lines, b"").alerts_failing, ["email"]);
    }

    #[test]
    fn a_run_is_in_progress_until_it_ends() {
        let begun = begin_line("r1", "hpl", NOW_MS - 60_000);
        let running = Running { name: "hpl".into(), start_ms: NOW_MS - 60_000 };
        assert_eq!(of("", &begun).run, Some(running));
        let end = format!("run,name=hpl,run=r1 end_ms={} {}\n", NOW_MS - 1, NOW_MS - 1);
        assert_eq!(of(&end, &begun).run, None);
        assert_eq!(of("", &begin_line("r0", "old", NOW_MS - 2 * LONGEST_RUN_MS)).run, None);
    }
}
