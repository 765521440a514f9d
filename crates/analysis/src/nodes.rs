//! What is known of each node right now.

use std::ops::RangeInclusive;

use picollect_evaluate::Window;
use picollect_evaluate::accuracy::Accuracy;
use picollect_evaluate::presence::{Presence, presence};
use picollect_telemetry::catalogue::{
    BUSY, CLUSTER, CORES, GAIN_ERROR, HOST, INTERVAL_S, JOULES, MAX_HZ, MAX_LIMIT_HZ, MEASURED_HZ, MEM_TOTAL,
    Metric, NO_DATA, NODE_INFO, NODE_RETIRED, OFFSET_W, REQUESTED_HZ, SIMULATED, THROTTLED, WATTS,
};
use picollect_telemetry::exposition::{self, Page};
use picollect_telemetry::foreign::printable;
use picollect_telemetry::reserved::is_collectors;
use picollect_telemetry::{NoData, Source};
use serde::{Deserialize, Serialize};

use picollect_query::throttling::all_cores;
use picollect_query::{
    boards_at_once, hosts, last_by, last_of, last_of_each, latest, primary_meter, processor_temperature,
};
use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// A node that has been silent for longer than this is forgotten here; its data is not.
const FORGET_MS: i64 = 30 * 24 * 3600 * 1000;
/// The interval of a node that does not say its own: Telegraf's default.
pub const FOREIGN_INTERVAL_S: f64 = 10.0;
const FOREIGN_INTERVAL_MS: i64 = 10_000;
/// A meter says once a minute how exact it is.
const FACTS_BACK_MS: i64 = 10 * 60 * 1000;
/// Boards that speak as one have taken turns within so many of their intervals,
const TURNS_INTERVALS: f64 = 6.0;
/// and this time more, Unix milliseconds.
const TURNS_MS: i64 = 10_000;
/// The intervals that a node's own word is taken for, in seconds: from a tenth of an agent's shortest to a day.
const INTERVALS_S: RangeInclusive<f64> = 0.01..=86_400.0;

/// A node as it is now; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The name that its agent gives itself, in the tag `host`.
    pub host: String,
    /// By how long it has been silent, measured in its own intervals.
    pub state: Presence,
    /// Its newest sample, Unix milliseconds.
    #[serde(rename = "heard_ms")]
    pub last_seen_ms: i64,
    /// The time between two of its samples.
    pub interval_s: f64,
    /// Whether it is simulated.
    pub simulated: bool,
    /// The cluster that its agent says it is of; `None` if it says none. Only the summary asks for it.
    #[serde(skip)]
    pub cluster: Option<String>,
    /// As the board calls itself; `None` until its agent says it, which a foreign one never does.
    pub model: Option<String>,
    /// Of the processor, °C; `None` if the newest sample is not fresh.
    pub temp_c: Option<f64>,
    /// The newest power sample of its meters, W; `None` if it is not fresh.
    pub watts: Option<f64>,
    /// How the power came to be.
    pub source: Option<Source>,
    /// How far the power may be off, W, as far as its meter or model says.
    #[serde(default)]
    pub watts_error: Option<f64>,
    /// Processor clock: the real one where it is known, else the requested one.
    pub clock_hz: Option<f64>,
    /// Highest clock that it may run at: what somebody set, else what the processor can.
    pub max_hz: Option<f64>,
    /// Its cores that are online.
    #[serde(default)]
    pub cores: Option<f64>,
    /// The memory that its kernel manages, bytes.
    #[serde(default)]
    pub memory_bytes: Option<f64>,
    /// Share of the cores that work.
    pub busy_ratio: Option<f64>,
    /// Whether the firmware throttles it.
    pub throttled: Option<bool>,
    /// Why there is no power figure, if the node said why.
    pub no_power: Option<NoData>,
    /// How many boards speak under this name at once; `None` for one that does not say its boot. Of more than one
    /// neither power nor temperature is the node's, and so both are unknown.
    #[serde(default)]
    pub boards: Option<usize>,
}

/// All nodes, by name; one that is retired or silent for a month is left out. Fails only as the store does.
pub fn observe(store: &dyn Store, now_ms: i64) -> Result<Vec<Node>, StoreError> {
    let nodes = hosts(store)?.into_iter().map(|host| node(store, host, now_ms));
    nodes.filter_map(Result::transpose).collect()
}

fn node(store: &dyn Store, host: String, now_ms: i64) -> Result<Option<Node>, StoreError> {
    let Some((last_seen_ms, interval_s)) = last_seen(store, &host, now_ms)? else { return Ok(None) };
    let retired = latest(store, &host, &NODE_RETIRED, now_ms, FORGET_MS)?;
    if retired.is_some_and(|(_, sample)| sample.t_ms >= last_seen_ms) {
        return Ok(None);
    }
    // A figure is shown while it is fresh: as long as the node would still count as up.
    let fresh_ms = picollect_query::whole(interval_s * 3000.0) + 1;
    let value = |metric: &Metric| -> Result<Option<(SeriesKey, f64)>, StoreError> {
        Ok(latest(store, &host, metric, now_ms, fresh_ms)?.map(|(key, sample)| (key, sample.value)))
    };
    let number = |metric: &Metric| value(metric).map(|found| found.map(|(_, value)| value));
    let power = primary(store, &host, now_ms, fresh_ms)?;
    let info = latest(store, &host, &NODE_INFO, now_ms, FORGET_MS)?;
    let tag = |tag: &str| info.as_ref().and_then(|(key, _)| key.tag(tag)).map(ToOwned::to_owned);
    let source = power.as_ref().and_then(|(key, _)| Source::from_name(key.tag("source")?));
    let why = Metric { field: NO_DATA, ..JOULES };
    let why = if power.is_none() { number(&why)? } else { None };
    let boards = boards_now(store, &host, now_ms, interval_s)?;
    let alone = boards.is_none_or(|boards| boards < 2);
    let (power, source) = (power.filter(|_| alone), source.filter(|_| alone));
    Ok(Some(Node {
        state: presence(last_seen_ms, now_ms, interval_s),
        last_seen_ms,
        interval_s,
        simulated: tag(SIMULATED).is_some(),
        cluster: tag(CLUSTER),
        model: tag("model"),
        temp_c: temperature_now(store, &host, now_ms, fresh_ms)?.filter(|_| alone),
        watts_error: power.as_ref().map(|found| watts_error(store, found, now_ms)).transpose()?.flatten(),
        watts: power.map(|(_, watts)| watts),
        source,
        clock_hz: number(&MEASURED_HZ)?.or(requested_hz(store, &host, now_ms, fresh_ms)?),
        max_hz: number(&MAX_LIMIT_HZ)?.or(number(&MAX_HZ)?),
        cores: number(&CORES)?,
        memory_bytes: number(&MEM_TOTAL)?,
        busy_ratio: busy_of_all_cores(store, &host, now_ms, fresh_ms)?,
        throttled: number(&THROTTLED)?.map(|flag| flag > 0.0),
        no_power: why.and_then(|code| NoData::from_code(picollect_query::whole(code))),
        boards,
        host,
    }))
}

/// Looks just far enough back to see several boards or agents speak in turns.
fn boards_now(
    store: &dyn Store,
    host: &str,
    now_ms: i64,
    interval_s: f64,
) -> Result<Option<usize>, StoreError> {
    let back_ms = picollect_query::whole(interval_s * 1000.0 * TURNS_INTERVALS) + TURNS_MS;
    boards_at_once(store, host, Window { start_ms: now_ms - back_ms, end_ms: now_ms })
}

/// What the primary meter shows: the same one from one moment to the next, whichever spoke last. A foreign meter that does
/// not say what it measures around is taken where there is no other.
fn primary(
    store: &dyn Store,
    host: &str,
    now_ms: i64,
    back_ms: i64,
) -> Result<Option<(SeriesKey, f64)>, StoreError> {
    let mut each = last_of_each(store, host, &WATTS, now_ms, back_ms)?;
    let says_nothing = |key: &SeriesKey| key.tag("boundary").is_none();
    let index = primary_meter(each.iter().map(|(key, _)| key))
        .or_else(|| each.iter().position(|(key, _)| says_nothing(key)));
    Ok(index.map(|index| each.swap_remove(index)).map(|(key, sample)| (key, sample.value)))
}

/// How far the meter of a power may be off, W, as it last said, which it does once a minute.
fn watts_error(
    store: &dyn Store,
    (meter, watts): &(SeriesKey, f64),
    now_ms: i64,
) -> Result<Option<f64>, StoreError> {
    let said = meter_accuracy(store, meter, now_ms, FACTS_BACK_MS)?;
    Ok(said.map(|accuracy| accuracy.error_w(*watts)))
}

/// What a meter last said of its errors, not longer ago than `back_ms`; `None` if it says nothing.
pub(crate) fn meter_accuracy(
    store: &dyn Store,
    meter: &SeriesKey,
    now_ms: i64,
    back_ms: i64,
) -> Result<Option<Accuracy>, StoreError> {
    let said = |metric: &Metric| -> Result<Option<f64>, StoreError> {
        let (measurement, field) = (metric.measurement.to_owned(), metric.field.to_owned());
        let key = SeriesKey { measurement, field, tags: meter.tags.clone() };
        Ok(last_of(store, &key, now_ms, back_ms)?.map(|sample| sample.value))
    };
    let known = said(&GAIN_ERROR)?.zip(said(&OFFSET_W)?);
    Ok(known.map(|(gain, offset_w)| Accuracy { gain, offset_w }))
}

fn temperature_now(
    store: &dyn Store,
    host: &str,
    now_ms: i64,
    back_ms: i64,
) -> Result<Option<f64>, StoreError> {
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    let found = processor_temperature(store, host, moment, back_ms)?;
    Ok(found.and_then(|found| last_by(&found.samples, now_ms)).map(|sample| sample.value))
}

/// Of processors of several speeds that of the fastest, which is the same one from moment to moment.
fn requested_hz(store: &dyn Store, host: &str, now_ms: i64, back_ms: i64) -> Result<Option<f64>, StoreError> {
    let highest = last_of_each(store, host, &MAX_HZ, now_ms, back_ms)?;
    let highest_of = |key: &SeriesKey| {
        let same = highest.iter().find(|(of, _)| of.tag("core") == key.tag("core"));
        same.map_or(f64::NEG_INFINITY, |(_, sample)| sample.value)
    };
    let requested = last_of_each(store, host, &REQUESTED_HZ, now_ms, back_ms)?;
    // Of equals the first.
    let fastest = requested.iter().rev().max_by(|(a, _), (b, _)| highest_of(a).total_cmp(&highest_of(b)));
    Ok(fastest.map(|(_, sample)| sample.value))
}

fn busy_of_all_cores(
    store: &dyn Store,
    host: &str,
    now_ms: i64,
    back_ms: i64,
) -> Result<Option<f64>, StoreError> {
    let Some(key) = all_cores(store, host, &BUSY)? else { return Ok(None) };
    Ok(last_of(store, &key, now_ms, back_ms)?.map(|sample| sample.value))
}

/// When a node was last heard and how often it speaks: by its own word, or for a foreign one by any of
/// its series.
pub fn last_seen(store: &dyn Store, host: &str, now_ms: i64) -> Result<Option<(i64, f64)>, StoreError> {
    let own_word = latest(store, host, &INTERVAL_S, now_ms, FORGET_MS)?;
    if let Some((_, sample)) = own_word.filter(|(_, sample)| INTERVALS_S.contains(&sample.value)) {
        return Ok(Some((sample.t_ms, sample.value)));
    }
    let keys = store.series(&Selector { tags: &[(HOST, host)], ..Selector::default() })?;
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    let mut last_seen_ms = None;
    // What the collector says of a node is not the node's own word.
    for key in keys.iter().filter(|key| !is_collectors(&key.measurement)) {
        let samples = store.read(key, moment, FORGET_MS)?;
        last_seen_ms =
            last_seen_ms.max(samples.iter().rev().map(|sample| sample.t_ms).find(|t_ms| *t_ms <= now_ms));
        // Later than that makes no difference, and there may be many more series.
        if last_seen_ms.is_some_and(|last_seen_ms| now_ms - last_seen_ms < FOREIGN_INTERVAL_MS) {
            break;
        }
    }
    Ok(last_seen_ms.map(|last_seen_ms| (last_seen_ms, FOREIGN_INTERVAL_S)))
}

/// Adds how many nodes are in each state to a page for a scrape.
pub fn expose(nodes: &[Node], page: &mut Page) {
    let mut family = page.family("picollect_nodes", exposition::Kind::Gauge, "Nodes by state.");
    for state in [Presence::Up, Presence::Late, Presence::Down] {
        let count = nodes.iter().filter(|node| node.state == state).count();
        family.sample([("state", state.as_str())], count as f64, None);
    }
}

/// The table of `picollect nodes`.
pub fn table(nodes: &[Node], now_ms: i64) -> String {
    let mut text = format!(
        "{:<16} {:<5} {:>7} {:>8} {:>10} {:>6} {:>5}  {}\n",
        "NODE", "STATE", "HEARD", "°C", "W", "GHz", "BUSY", "POWER IS"
    );
    for node in nodes {
        text += &line(node, now_ms);
    }
    text
}

/// One node's line: the live view shows the same.
pub fn line(node: &Node, now_ms: i64) -> String {
    let figure = |value: Option<f64>, decimals: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
    };
    let ago = (now_ms - node.last_seen_ms).max(0) as f64 / 1000.0;
    let flag = if node.throttled == Some(true) { "!" } else { "" };
    let unknown = match (node.boards, node.no_power) {
        (Some(boards @ 2..), _) => format!("unknown ({boards} boards or agents speak as one)"),
        (_, Some(why)) => format!("unknown ({why})"),
        (_, None) => "unknown".to_owned(),
    };
    format!(
        "{:<16} {:<5} {:>6.0}s {:>8} {:>10} {:>6} {:>4}%  {}\n",
        printable(&node.host),
        node.state,
        ago,
        figure(node.temp_c, 1),
        figure(node.watts, 2),
        format!("{}{flag}", figure(node.clock_hz.map(|hz| hz / 1e9), 2)),
        figure(node.busy_ratio.map(|busy| busy * 100.0), 0),
        node.source.map_or(unknown, |source| match node.watts_error {
            Some(error) => format!("{source} ±{error:.2}"),
            None => source.to_string(),
        }),
    )
}

#[cfg(test)]
mod tests {
    use picollect_telemetry::line::{Precision, decode};

    use super::*;

    #[test]
    fn a_node_shows_its_processor_and_its_primary_meter_whichever_spoke_last() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let lines = "agent,host=a interval_s=1 1000\n\
                     thermal,host=a,zone=cpu-thermal temp_c=82.5 900\nthermal,host=a,zone=ambient temp_c=23 1000\n\
                     power,boundary=node,host=a,meter=model,source=estimated watts=2.69 900\n\
                     power,boundary=soc-rails,host=a,meter=pmic,source=measured watts=1.83 1000\n\
                     power,boundary=rail,host=a,meter=rail,source=measured watts=0.5 1000\n\
                     agent,host=foreign interval_s=1 1000\npower,host=foreign watts=7 1000\n\
                     thermal,host=foreign,zone=ambient temp_c=21 1000\n";
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let nodes = observe(&store, 1000).unwrap();
        let shown = |node: &Node| (node.temp_c, node.watts, node.source);
        assert_eq!(shown(&nodes[0]), (Some(82.5), Some(2.69), Some(Source::Estimated)));
        assert_eq!(shown(&nodes[1]), (None, Some(7.0), None));
    }

    #[test]
    fn two_boards_under_one_name_have_no_power_until_one_of_them_is_silent() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let board = |boot: &str, watts: u8, from_ms: i64| -> String {
            let tick = |second: i64| {
                let t_ms = from_ms + second * 1000;
                format!(
                    "agent,host=n interval_s=1 {t_ms}\nboot,boot={boot},host=n info=1i {t_ms}\n\
                     power,boundary=node,host=n,meter=m,source=measured watts={watts} {t_ms}\n"
                )
            };
            (0..20).map(tick).collect()
        };
        let lines = board("a", 1, 0) + &board("b", 2, 400) + &board("b", 2, 20_400);
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let at = |now_ms| observe(&store, now_ms).unwrap().remove(0);
        let both = at(19_500);
        assert_eq!((both.boards, both.watts, both.source), (Some(2), None, None));
        assert!(line(&both, 19_500).ends_with("unknown (2 boards or agents speak as one)\n"));
        let one = at(40_000);
        assert_eq!((one.boards, one.watts), (Some(1), Some(2.0)));
    }

    #[test]
    fn an_interval_that_cannot_be_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        for (host, interval_s) in [("a", "-1"), ("b", "0"), ("c", "1e300"), ("d", "2")] {
            let line = format!("agent,host={host} interval_s={interval_s} 1000");
            store.append(&decode(line.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        }
        let nodes = observe(&store, 61_000).unwrap();
        let shown: Vec<_> = nodes.iter().map(|node| (node.interval_s, node.state)).collect();
        let foreign = (FOREIGN_INTERVAL_S, Presence::Late);
        assert_eq!(shown, [foreign, foreign, foreign, (2.0, Presence::Down)]);
    }

    #[test]
    fn a_host_name_does_not_steer_the_terminal() {
        let node = Node { host: "x\u{1b}[31mred\n".to_owned(), ..Node::default() };
        let text = table(&[node], 0);
        assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text:?}");
    }
}
