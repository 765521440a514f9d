//! The cluster in a few figures, for the panels of its nodes: `GET /api/v1/summary`, a small JSON document.
//!
//! Invariant: watts of different boundaries are never added; what is left out makes the sum partial.

use std::collections::{BTreeMap, BTreeSet};

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{RUN_END_MS, RUN_START_MS, WATTS};
use serde::Serialize;

use crate::nodes::{self, Node};
use crate::query::{latest, numbers, whole};
use crate::store::{Selector, Store, StoreError};

/// Nodes that are down and named; a panel shows one after the other, and nobody waits for more.
const MAX_NAMED: usize = 8;
/// A run that began longer ago and never ended was killed together with whoever watched it.
const LONGEST_RUN_MS: i64 = 24 * 3600 * 1000;

/// The cluster now; `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Nodes that are heard.
    pub nodes_up: usize,
    /// All nodes that are known.
    pub nodes_all: usize,
    /// The first of those that are down.
    pub down: Vec<String>,
    /// Power of the nodes that are up, watts, all of the boundary that most of them have.
    pub watts: Option<f64>,
    /// Whether a node that is up is not in this sum.
    pub watts_partial: bool,
    /// Whether a part of it comes from a model.
    pub watts_estimated: bool,
    /// Whether any node is simulated.
    pub simulated: bool,
    /// The hottest node.
    pub hottest: Option<Hottest>,
    /// The run that began last and has not ended.
    pub run: Option<Running>,
}

/// A node and its temperature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hottest {
    /// Its name.
    pub host: String,
    /// Processor temperature, °C.
    pub temp_c: f64,
}

/// A run in progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// Its name.
    pub name: String,
    /// When it began, Unix milliseconds.
    pub start_ms: i64,
}

/// The cluster at this moment.
pub fn summary(store: &dyn Store, now_ms: i64) -> Result<Summary, StoreError> {
    let nodes = nodes::observe(store, now_ms)?;
    let up: Vec<&Node> = nodes.iter().filter(|node| node.state == "up").collect();
    let down = nodes.iter().filter(|node| node.state == "down").map(|node| node.host.clone());
    let power = power(store, &up, now_ms)?;
    let hot = |node: &&Node| node.temp_c.map(|temp_c| Hottest { host: node.host.clone(), temp_c });
    Ok(Summary {
        nodes_up: up.len(),
        nodes_all: nodes.len(),
        down: down.take(MAX_NAMED).collect(),
        watts: power.as_ref().map(|power| power.watts),
        watts_partial: power.as_ref().is_some_and(|power| power.nodes < up.len()),
        watts_estimated: power.is_some_and(|power| power.estimated),
        simulated: nodes.iter().any(|node| node.simulated),
        hottest: up.iter().filter_map(hot).max_by(|one, other| one.temp_c.total_cmp(&other.temp_c)),
        run: running(store, now_ms)?,
    })
}

/// The power of the nodes that have a meter of one boundary.
#[derive(Debug, Clone, Default)]
struct Power {
    nodes: usize,
    watts: f64,
    estimated: bool,
}

fn power(store: &dyn Store, up: &[&Node], now_ms: i64) -> Result<Option<Power>, StoreError> {
    let mut by_boundary: BTreeMap<String, Power> = BTreeMap::new();
    for node in up {
        let fresh_ms = whole(node.interval_s * 3000.0) + 1;
        let Some((key, sample)) = latest(store, &node.host, &WATTS, now_ms, fresh_ms)? else { continue };
        let power = by_boundary.entry(key.tag("boundary").unwrap_or_default().to_owned()).or_default();
        power.nodes += 1;
        power.watts += sample.value;
        power.estimated |= key.tag("source") == Some("estimated");
    }
    Ok(by_boundary.into_values().max_by_key(|power| power.nodes))
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
    use picollect_telemetry::line::{Precision, decode};

    const NOW_MS: i64 = 1_795_443_117_000;

    fn of(lines: &str, more: &[u8]) -> Summary {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::store::open(directory.path()).unwrap();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        store.append(&decode(more, Precision::Nanoseconds, 0).points).unwrap();
        summary(&store, NOW_MS).unwrap()
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
        assert_eq!((got.nodes_up, got.nodes_all, got.down), (3, 4, vec!["gone".to_owned()]));
        assert_eq!((got.watts, got.watts_partial), (Some(11.0), true));
        assert_eq!(got.hottest, Some(Hottest { host: "b".into(), temp_c: 61.5 }));
    }

    #[test]
    fn an_empty_store_knows_nothing() {
        let got = of("", b"");
        assert_eq!((got.nodes_all, got.watts, got.hottest, got.run), (0, None, None, None));
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
