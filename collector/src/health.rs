//! What the collector says of each node by itself: whether it speaks, how much of its energy is covered, how far it is
//! from its thermal limit. Written into the store beside what the nodes say, so that a rule, a panel or an engine
//! elsewhere asks for it like for anything else, and sees it also where the node itself has fallen silent.
//!
//! Invariant: what is not known is not written.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::cluster::{Figure, primary_meter};
use picollect_evaluate::energy::of_epochs;
use picollect_evaluate::presence::Presence;
use picollect_evaluate::thermal::first_limit_c;
use picollect_telemetry::catalogue::{
    CLUSTER, COVERAGE, HEADROOM, HOST, INTERVAL_S, Metric, NODE_BOARDS, NODE_DOWN, NODE_UP, SIMULATED,
};
use picollect_telemetry::line::Point;
use picollect_telemetry::{Boundary, Source, Value};

use picollect_analysis::nodes::{self, Node};
use picollect_query::{latest, points_of, power_meters};
use picollect_store::{SeriesKey, Store, StoreError};

/// The window of the coverage.
const HOUR_MS: i64 = 3600 * 1000;
/// Coverage is computed anew so often: it reads some hours of every meter.
const RENEWED_MS: i64 = 10 * 60 * 1000;

/// Makes the points, and keeps between them the coverage, which would be dear to compute each time.
#[derive(Debug, Default)]
pub struct Health {
    coverage: BTreeMap<String, f64>,
    computed_ms: Option<i64>,
}

impl Health {
    /// A point for each node that is shown now, Unix milliseconds.
    pub fn points(&mut self, store: &dyn Store, now_ms: i64) -> Result<Vec<Point>, StoreError> {
        let nodes = nodes::observe(store, now_ms)?;
        if self.computed_ms.is_none_or(|at_ms| now_ms - at_ms >= RENEWED_MS) {
            self.coverage = coverage(store, &nodes)?;
            self.computed_ms = Some(now_ms);
        }
        nodes.iter().map(|node| self.point(store, node, now_ms)).collect()
    }

    fn point(&self, store: &dyn Store, node: &Node, now_ms: i64) -> Result<Point, StoreError> {
        let mut fields = Vec::new();
        let mut say = |metric: &Metric, value: Value| fields.push((metric.field.to_owned(), value));
        say(&NODE_UP, i64::from(node.state == Presence::Up).into());
        say(&NODE_DOWN, i64::from(node.state == Presence::Down).into());
        if let Some(boards) = node.boards {
            say(&NODE_BOARDS, (boards as f64).into());
        }
        if node.state == Presence::Up {
            self.coverage.get(&node.host).into_iter().for_each(|ratio| say(&COVERAGE, (*ratio).into()));
            if let Some(kelvin) = headroom_k(node) {
                say(&HEADROOM, kelvin.into());
            }
        }
        let (measurement, tags) = (NODE_UP.measurement.to_owned(), tags(store, node, now_ms)?);
        Ok(Point { measurement, tags, fields, t_ms: now_ms })
    }
}

/// The node's own name and cluster, and whether it is simulated, as its own series have them.
fn tags(store: &dyn Store, node: &Node, now_ms: i64) -> Result<Vec<(String, String)>, StoreError> {
    let back_ms = now_ms - node.last_seen_ms + 1;
    let own = latest(store, &node.host, &INTERVAL_S, now_ms, back_ms)?.map(|(key, _)| key.tags);
    let mut tags = own.unwrap_or_else(|| vec![(HOST.to_owned(), node.host.clone())]);
    tags.retain(|(name, _)| [CLUSTER, HOST, SIMULATED].contains(&name.as_str()));
    Ok(tags)
}

/// From *the* temperature of the node, which every view shows, to the first limit of its board. `None` where either is not
/// known.
fn headroom_k(node: &Node) -> Option<f64> {
    Some(first_limit_c(node.model.as_deref())? - node.temp_c?)
}

/// Of each node that is up and has a meter with totals: the covered share of the hour before it was last heard, which
/// is what is still to come at most.
fn coverage(store: &dyn Store, nodes: &[Node]) -> Result<BTreeMap<String, f64>, StoreError> {
    let mut all = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.state == Presence::Up) {
        let mut ratios = Vec::new();
        for meter in power_meters(store, Some(&node.host))? {
            ratios.extend(of_meter(store, &meter, node.last_seen_ms)?);
        }
        let figures: Vec<Figure> = ratios.iter().map(|(figure, _)| *figure).collect();
        let ratio = primary_meter(&figures).map(|index| ratios[index].1);
        all.extend(ratio.map(|ratio| (node.host.clone(), ratio)));
    }
    Ok(all)
}

fn of_meter(store: &dyn Store, meter: &SeriesKey, end_ms: i64) -> Result<Option<(Figure, f64)>, StoreError> {
    let hour = Window { start_ms: end_ms - HOUR_MS, end_ms };
    let points = points_of(store, meter, hour)?;
    // A node that is new, or was off for long, has had no time to cover before its meter began.
    let Some(begun_ms) = points.iter().map(|point| point.since_ms).min() else { return Ok(None) };
    let window = Window { start_ms: hour.start_ms.max(begun_ms), end_ms };
    let known = || {
        let source = Source::from_name(meter.tag("source")?)?;
        let boundary = Boundary::from_name(meter.tag("boundary")?)?;
        let energy = of_epochs(&points, window)?;
        Some((Figure { source, boundary, energy }, energy.coverage(window)?))
    };
    Ok(known())
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_store::{Selector, open};
    use picollect_telemetry::line::{Precision, decode};

    const NOW_MS: i64 = 1_795_443_117_000;

    fn said(lines: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let points = Health::default().points(&store, NOW_MS).unwrap();
        store.append(&points).unwrap();
        let keys = store.series(&Selector { measurement: Some("health"), ..Selector::default() }).unwrap();
        assert!(keys.iter().all(|key| key.tag("host").is_some()));
        let text = |point: &Point| {
            let fields =
                point.fields.iter().map(|(name, value)| format!(" {name}={:.3}", value.as_f64().unwrap()));
            SeriesKey::tags_text(&point.tags) + &fields.collect::<String>()
        };
        points.iter().map(text).collect()
    }

    #[test]
    fn a_node_that_speaks_has_its_processors_headroom_and_one_that_is_silent_is_down() {
        let lines = format!(
            "agent,cluster=c,host=a interval_s=1 {NOW_MS}\nnode,host=a,model=Raspberry\\ Pi\\ 4\\ Model\\ B info=1 {NOW_MS}\n\
             thermal,host=a,zone=thermal_zone0 temp_c=71 {NOW_MS}\nthermal,host=a,zone=ambient temp_c=99 {NOW_MS}\n\
             thermal,host=a,zone=thermal_zone3 temp_c=78 {NOW_MS}\n\
             agent,host=b interval_s=1 {}\ncpu,host=foreign usage=1 {}\n",
            NOW_MS - 11_000,
            NOW_MS - 40_000
        );
        let want = [
            "cluster=c,host=a up=1.000 down=0.000 headroom_k=9.000",
            "host=b up=0.000 down=1.000",
            "host=foreign up=0.000 down=0.000",
        ];
        assert_eq!(said(&lines), want);
    }

    #[test]
    fn coverage_is_of_the_last_hour_or_of_the_time_since_the_meter_began() {
        let point = |host: &str, since_s: i64, metered_s: i64| {
            let since_ms = NOW_MS - since_s * 1000;
            format!(
                "agent,host={host} interval_s=1 {NOW_MS}\npower,boundary=node,host={host},meter=m,source=measured \
                 joules=1,metered_s={metered_s},since_ms={since_ms}i {NOW_MS}\n"
            )
        };
        let lines = [point("new", 600, 600), point("old", 7200, 3600)].concat();
        let want = [
            "host=new up=1.000 down=0.000 boards=1.000 coverage_ratio=1.000",
            "host=old up=1.000 down=0.000 boards=1.000 coverage_ratio=0.500",
        ];
        assert_eq!(said(&lines), want);
    }

    #[test]
    fn what_is_said_of_a_foreign_node_does_not_make_it_speak() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        let lines = b"cpu,host=foreign usage=1 1000\nhealth,host=foreign up=0i 900000\n";
        store.append(&decode(lines, Precision::Milliseconds, 0).points).unwrap();
        assert_eq!(nodes::observe(&store, 900_000).unwrap()[0].last_seen_ms, 1000);
    }
}
