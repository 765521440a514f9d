//! What a store holds, in order of time.
//!
//! Invariants: the store is asked piece by piece, and a piece shrinks where samples are dense, so that memory does
//! not grow with what is exported; everything before the time that an error names was written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use anyhow::Context as _;
use picollect_evaluate::Window;
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{HOST, METRICS};
use picollect_telemetry::line::{MAX_FIELDS, MAX_LINE_BYTES, Point, write_point};

use picollect_settings::nearest;
use picollect_settings::time::rfc3339;
use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// 2000-01-01T00:00:00Z: nothing was measured before, and VictoriaMetrics takes times of 1970 for other ones.
pub const EARLIEST_MS: i64 = 946_684_800_000;
/// The first piece: a large cluster at 1 Hz has some ten thousand samples in it.
const FIRST_PIECE_MS: i64 = 10_000;
/// The longest piece; an engine answers it at once.
const LONGEST_PIECE_MS: i64 = 3600 * 1000;
/// A piece is never shorter, however dense samples are.
const SHORTEST_PIECE_MS: i64 = 100;
/// A piece that holds more samples makes the next one shorter: some 30 MB of memory.
const PIECE_SAMPLES: usize = 100_000;

/// Which samples are exported; empty lists exclude nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Both edges belong to it.
    pub window: Window,
    /// Of these nodes; none given is any, and what is of no node.
    pub nodes: Vec<String>,
    /// `MEASUREMENT` or `MEASUREMENT.FIELD`; none given is any.
    pub metrics: Vec<String>,
}

impl Wanted {
    fn matches(&self, key: &SeriesKey) -> bool {
        let node = key.tag(HOST).is_some_and(|host| self.nodes.iter().any(|node| node == host));
        let full = format!("{}.{}", key.measurement, key.field);
        let metric = self.metrics.iter().any(|name| *name == key.measurement || *name == full);
        (self.nodes.is_empty() || node) && (self.metrics.is_empty() || metric)
    }
}

/// What is wrong with the first of the wanted names that no series has, with the nearest name that one has; `None` if
/// there is none. A metric of the catalogue is known even before anybody has sent it. Fails as the store does.
pub fn unknown_name(store: &dyn Store, wanted: &Wanted) -> Result<Option<String>, StoreError> {
    if wanted.nodes.is_empty() && wanted.metrics.is_empty() {
        return Ok(None);
    }
    let (mut nodes, mut metrics) = (BTreeSet::new(), BTreeSet::new());
    for metric in METRICS {
        metrics.extend([metric.measurement.to_owned(), format!("{}.{}", metric.measurement, metric.field)]);
    }
    for key in store.series(&Selector::default())? {
        nodes.extend(key.tag(HOST).map(str::to_owned));
        metrics.extend([format!("{}.{}", key.measurement, key.field), key.measurement]);
    }
    let metric = unknown(&wanted.metrics, &metrics, "metric", "docs/metrics.md lists them");
    Ok(metric.or_else(|| unknown(&wanted.nodes, &nodes, "node", "`picollect nodes` lists them")))
}

fn unknown(wanted: &[String], known: &BTreeSet<String>, what: &str, where_else: &str) -> Option<String> {
    let name = wanted.iter().find(|name| !known.contains(*name))?;
    let way_out = nearest(name, known.iter().map(String::as_str))
        .map_or_else(|| format!("; {where_else}"), |near| format!(", did you mean `{near}`?"));
    Some(format!("there is no {what} `{}`{way_out}", name.escape_debug()))
}

/// Hands over what the store holds in order of time, the fields of one time together, and says how many
/// samples it was. An error names the time up to which everything was handed over.
pub fn export(
    store: &dyn Store,
    wanted: &Wanted,
    mut take: impl FnMut(&Point) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let end_ms = wanted.window.end_ms;
    let measurements = measurements(store, wanted)?;
    let (mut at_ms, mut piece_ms, mut samples) = (wanted.window.start_ms, FIRST_PIECE_MS, 0);
    if at_ms <= EARLIEST_MS {
        at_ms = next_ms(store, wanted, &measurements, at_ms)?.unwrap_or(end_ms.saturating_add(1));
    }
    while at_ms <= end_ms {
        let window = Window { start_ms: at_ms, end_ms: end_ms.min(at_ms.saturating_add(piece_ms - 1)) };
        let reached = || format!("exported up to {0}; go on with --from {0}", rfc3339(at_ms));
        let (points, found) = piece(store, wanted, &measurements, window).with_context(reached)?;
        points.iter().try_for_each(&mut take).with_context(reached)?;
        samples += found as u64;
        at_ms = window.end_ms.saturating_add(1);
        if found == 0 && piece_ms == LONGEST_PIECE_MS {
            let next = next_ms(store, wanted, &measurements, at_ms)?;
            at_ms = next.unwrap_or(end_ms.saturating_add(1));
            piece_ms = FIRST_PIECE_MS;
        } else if found > PIECE_SAMPLES {
            piece_ms = (piece_ms / 2).max(SHORTEST_PIECE_MS);
        } else if found < PIECE_SAMPLES / 4 {
            piece_ms = (piece_ms * 2).min(LONGEST_PIECE_MS);
        }
    }
    Ok(samples)
}

/// What the store is asked for: each measurement of which anything is wanted, and each node by itself if
/// nodes are named.
type Parts = Vec<(String, Option<String>)>;

fn measurements(store: &dyn Store, wanted: &Wanted) -> Result<Parts, StoreError> {
    let keys = store.series(&Selector::default())?;
    let parts = keys.into_iter().filter(|key| wanted.matches(key)).map(|key| {
        let node = (!wanted.nodes.is_empty()).then(|| key.tag(HOST).unwrap_or_default().to_owned());
        (key.measurement, node)
    });
    Ok(parts.collect::<BTreeSet<_>>().into_iter().collect())
}

/// Every wanted series with its samples in a window and around it.
fn read(
    store: &dyn Store,
    wanted: &Wanted,
    parts: &Parts,
    window: Window,
    around_ms: i64,
    mut take: impl FnMut(SeriesKey, i64, Value),
) -> Result<(), StoreError> {
    for (measurement, node) in parts {
        let tags: Vec<(&str, &str)> = node.iter().map(|node| (HOST, node.as_str())).collect();
        let selector = Selector { measurement: Some(measurement), field: None, tags: &tags };
        for (key, samples) in store.read_all(&selector, window, around_ms)? {
            if wanted.matches(&key) {
                for sample in samples {
                    take(key.clone(), sample.t_ms, sample.value);
                }
            }
        }
    }
    Ok(())
}

/// The time of the first sample at or after a moment: a gap of years is not walked through hour by hour.
fn next_ms(store: &dyn Store, wanted: &Wanted, parts: &Parts, at_ms: i64) -> Result<Option<i64>, StoreError> {
    let ahead_ms = wanted.window.end_ms.saturating_sub(at_ms);
    let mut next = None;
    if ahead_ms >= 0 {
        let moment = Window { start_ms: at_ms, end_ms: at_ms };
        read(store, wanted, parts, moment, ahead_ms, |_, t_ms, _| {
            if t_ms >= at_ms && next.is_none_or(|found| t_ms < found) {
                next = Some(t_ms);
            }
        })?;
    }
    Ok(next)
}

/// The points of a window in order of time, and how many samples they are.
fn piece(
    store: &dyn Store,
    wanted: &Wanted,
    parts: &Parts,
    window: Window,
) -> Result<(Vec<Point>, usize), StoreError> {
    type At = (i64, Rc<(String, Vec<(String, String)>)>);
    let mut points: BTreeMap<At, Vec<(String, Value)>> = BTreeMap::new();
    let mut found = 0;
    let mut last = Rc::default();
    read(store, wanted, parts, window, 0, |key, t_ms, value| {
        let SeriesKey { measurement, field, tags } = key;
        let of = (measurement, tags);
        if *last != of {
            last = Rc::new(of);
        }
        points.entry((t_ms, Rc::clone(&last))).or_default().push((field, value));
        found += 1;
    })?;
    let point = |((t_ms, of), fields): (At, _)| {
        let (measurement, tags) = (*of).clone();
        Point { measurement, tags, fields, t_ms }
    };
    Ok((points.into_iter().map(point).collect(), found))
}

/// A line, or as many as it takes to keep each within what a line may be. Fails only if `out` does.
pub fn write_lines(point: &Point, out: &mut impl io::Write) -> io::Result<()> {
    let mut line = Vec::new();
    write_point(point, &mut line);
    let fits = line.len() <= MAX_LINE_BYTES && point.fields.len() <= MAX_FIELDS;
    if fits || point.fields.len() == 1 {
        return out.write_all(&line);
    }
    let (one, other) = point.fields.split_at(point.fields.len() / 2);
    write_lines(&Point { fields: one.to_vec(), ..point.clone() }, out)?;
    write_lines(&Point { fields: other.to_vec(), ..point.clone() }, out)
}
