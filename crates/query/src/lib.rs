//! Reading metrics of the catalogue out of a store: from series of stored values to series of numbers.
//!
//! ```
//! use picollect_evaluate::Window;
//! use picollect_query::{energy_of, power_meters};
//! use picollect_store::{Store as _, open};
//! use picollect_telemetry::line::{Precision, decode};
//!
//! let directory = tempfile::tempdir()?;
//! let store = open(directory.path())?;
//! // A meter that gives watts only, every ten seconds.
//! let line = |at: u32| format!("power,host=pi-1,meter=usb watts=5 {}\n", at * 10);
//! let lines: String = (0..=6).map(line).collect();
//! store.append(&decode(lines.as_bytes(), Precision::Seconds, 0).points)?;
//!
//! let meters = power_meters(&store, Some("pi-1"))?;
//! let energy = energy_of(&store, &meters[0], Window { start_ms: 0, end_ms: 60_000 })?;
//! assert_eq!(energy.map(|energy| (energy.joules, energy.covered_s)), Some((300.0, 60.0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Functions that read a store fail only as it does, with its [`StoreError`].

pub mod day;
pub mod prometheus_api;
mod temperature;
pub mod throttling;

use std::collections::BTreeMap;

use picollect_evaluate::cluster::{self, Figure};
use picollect_evaluate::energy::{Energy, EnergyPoint, of_counter, of_epochs, of_watts};
use picollect_evaluate::series::Sample;
use picollect_evaluate::{Window, speakers};
use picollect_telemetry::catalogue::{
    BOOT_INFO, HOST, JOULES, METERED_S, Metric, RESOLUTION, SINCE_MS, WATTS,
};
use picollect_telemetry::{Boundary, Source};

use picollect_settings::time::is_time;
use picollect_store::{Selector, SeriesKey, Store, StoreError};

pub use picollect_evaluate::whole;
pub use temperature::{Temperature, processor_temperature};

/// How far outside a window a sample may lie that still says something about its edges: a little more
/// than the longest interval of an agent.
pub const AROUND_MS: i64 = 2 * 3600 * 1000;

/// No store's points stand for more than this, in seconds; a mark that says so is not believed.
const LONGEST_STEP_S: f64 = 24.0 * 3600.0;

/// A series with its samples as numbers; texts are left out.
#[derive(Debug, Clone)]
pub struct Series {
    /// Measurement, field and tags, as the store knows them.
    pub key: SeriesKey,
    /// Its samples in order of time.
    pub samples: Vec<Sample>,
}

/// Every series of a metric of a host, with its samples in the window and around it.
pub fn series_of(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    window: Window,
    around_ms: i64,
) -> Result<Vec<Series>, StoreError> {
    let tags = [(HOST, host)];
    let selector = Selector { measurement: Some(metric.measurement), field: Some(metric.field), tags: &tags };
    let keys = store.series(&selector)?.into_iter();
    keys.map(|key| numbers(store, &key, window, around_ms).map(|samples| Series { key, samples })).collect()
}

/// The samples of one series as numbers.
pub fn numbers(
    store: &dyn Store,
    key: &SeriesKey,
    window: Window,
    around_ms: i64,
) -> Result<Vec<Sample>, StoreError> {
    let stored = store.read(key, window, around_ms)?;
    let number = |sample: &picollect_store::StoredSample| {
        sample.value.as_f64().map(|value| Sample { t_ms: sample.t_ms, value })
    };
    Ok(stored.iter().filter_map(number).collect())
}

/// The latest sample at or before a moment, not older than `back_ms`, of any series of the metric.
pub fn latest(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    now_ms: i64,
    back_ms: i64,
) -> Result<Option<(SeriesKey, Sample)>, StoreError> {
    let each = last_of_each(store, host, metric, now_ms, back_ms)?;
    Ok(each.into_iter().max_by_key(|(_, sample)| sample.t_ms))
}

/// The last sample at or before a moment, not older than `back_ms`, of each series of the metric that has one, in the
/// order of the series. An error is the store's.
pub fn last_of_each(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    now_ms: i64,
    back_ms: i64,
) -> Result<Vec<(SeriesKey, Sample)>, StoreError> {
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    let series = series_of(store, host, metric, moment, back_ms)?.into_iter();
    let last = series.filter_map(|series| Some((series.key, last_by(&series.samples, now_ms)?)));
    Ok(last.collect())
}

/// The last sample of a series at or before a moment, not older than `back_ms`; `None` if there is none.
pub fn last_of(
    store: &dyn Store,
    key: &SeriesKey,
    now_ms: i64,
    back_ms: i64,
) -> Result<Option<Sample>, StoreError> {
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    Ok(last_by(&numbers(store, key, moment, back_ms)?, now_ms))
}

/// The last of these samples, which are in order of time, at or before a moment.
pub fn last_by(samples: &[Sample], now_ms: i64) -> Option<Sample> {
    samples.iter().rfind(|sample| sample.t_ms <= now_ms).copied()
}

/// How many boards speak under a host's name at the same time, by their boots, or by the epochs of a meter where several
/// agents run on one board; `None` where nothing of either is said in the window. A boot or an epoch that follows another
/// is the same board.
pub fn boards_at_once(store: &dyn Store, host: &str, window: Window) -> Result<Option<usize>, StoreError> {
    let boots = series_of(store, host, &BOOT_INFO, window, 0)?.into_iter();
    let times = boots.map(|boot| boot.samples.iter().map(|sample| sample.t_ms).collect::<Vec<_>>());
    let mut each = vec![times.filter(|times| !times.is_empty()).collect::<Vec<_>>()];
    for meter in series_of(store, host, &SINCE_MS, window, 0)? {
        let mut epochs: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for sample in &meter.samples {
            epochs.entry(whole(sample.value)).or_default().push(sample.t_ms);
        }
        each.push(epochs.into_values().collect());
    }
    let counts = each.iter().filter(|speakers| !speakers.is_empty());
    Ok(counts.map(|speakers| speakers::at_once(speakers).max(1)).max())
}

/// The index of the primary meter of several of one host, by what its series says of it; `None` where none can be it.
pub fn primary_meter<'a>(keys: impl IntoIterator<Item = &'a SeriesKey>) -> Option<usize> {
    let figure = |(index, key): (usize, &SeriesKey)| {
        let source = Source::from_name(key.tag("source")?)?;
        let boundary = Boundary::from_name(key.tag("boundary")?)?;
        Some((index, Figure { source, boundary, energy: Energy { joules: 0.0, covered_s: 0.0 } }))
    };
    let (indices, figures): (Vec<usize>, Vec<Figure>) =
        keys.into_iter().enumerate().filter_map(figure).unzip();
    cluster::primary_meter(&figures).map(|index| indices[index])
}

/// The points of a meter: its totals, their epoch and their metered seconds at the same moments.
pub fn energy_points(
    store: &dyn Store,
    joules: &Series,
    window: Window,
) -> Result<Vec<EnergyPoint>, StoreError> {
    let sibling = |metric: &Metric| {
        let key = SeriesKey { field: metric.field.to_owned(), ..joules.key.clone() };
        let samples = numbers(store, &key, window, AROUND_MS)?;
        Ok::<BTreeMap<i64, f64>, StoreError>(
            samples.iter().map(|sample| (sample.t_ms, sample.value)).collect(),
        )
    };
    debug_assert_eq!(joules.key.field, JOULES.field);
    let (metered, since) = (sibling(&METERED_S)?, sibling(&SINCE_MS)?);
    let point = |sample: &Sample| {
        let (metered_s, since) = (*metered.get(&sample.t_ms)?, *since.get(&sample.t_ms)?);
        let since_ms = Some(whole(since)).filter(|since_ms| is_time(*since_ms))?;
        Some(EnergyPoint { t_ms: sample.t_ms, since_ms, total: sample.value, metered_s })
    };
    Ok(joules.samples.iter().filter_map(point).collect())
}

/// The power meters of a host, or for `None` those that belong to no host, which are at the wall. Of each
/// meter one key, with the tags that all its series share; the field is [`WATTS`]'s, which an agent's meter
/// may be without.
pub fn power_meters(store: &dyn Store, host: Option<&str>) -> Result<Vec<SeriesKey>, StoreError> {
    if let Some(host) = host {
        return power_meters_with(store, &[(HOST, host)]);
    }
    let mut meters = all_power_meters(store)?;
    meters.retain(|key| key.tag(HOST).is_none());
    Ok(meters)
}

/// The power meters of all hosts and at the wall, in order; a key of each as [`power_meters`] gives it.
pub fn all_power_meters(store: &dyn Store) -> Result<Vec<SeriesKey>, StoreError> {
    power_meters_with(store, &[])
}

fn power_meters_with(store: &dyn Store, tags: &[(&str, &str)]) -> Result<Vec<SeriesKey>, StoreError> {
    let selector = Selector { measurement: Some(WATTS.measurement), field: None, tags };
    let keys = store.series(&selector)?.into_iter();
    let energy = keys.filter(|key| key.field == WATTS.field || key.field == JOULES.field);
    let mut meters: Vec<SeriesKey> =
        energy.map(|key| SeriesKey { field: WATTS.field.to_owned(), ..key }).collect();
    meters.sort();
    meters.dedup();
    Ok(meters)
}

/// The totals with an epoch that a power meter gave in a window and next to it; none if it gives no such
/// ones.
pub fn points_of(
    store: &dyn Store,
    meter: &SeriesKey,
    window: Window,
) -> Result<Vec<EnergyPoint>, StoreError> {
    energy_points(store, &siblings(store, meter, &JOULES, window)?, window)
}

/// The samples of a metric that a power meter gives beside its watts.
fn siblings(
    store: &dyn Store,
    meter: &SeriesKey,
    metric: &Metric,
    window: Window,
) -> Result<Series, StoreError> {
    let key = SeriesKey { field: metric.field.to_owned(), ..meter.clone() };
    numbers(store, &key, window, AROUND_MS).map(|samples| Series { key, samples })
}

/// The energy of a power meter in a window, from the best that it has there: totals with an epoch, else a
/// foreign total without one, else its watts. `meter` is any key of it, such as [`power_meters`] gives;
/// `None` if nothing in the window is covered.
pub fn energy_of(store: &dyn Store, meter: &SeriesKey, window: Window) -> Result<Option<Energy>, StoreError> {
    let joules = siblings(store, meter, &JOULES, window)?;
    let points = energy_points(store, &joules, window)?;
    if !points.is_empty() {
        return Ok(of_epochs(&points, window));
    }
    let counted =
        interval_s(&joules.samples).map(|interval_s| of_counter(&joules.samples, window, interval_s));
    if let Some(energy) = counted {
        return Ok(energy);
    }
    let watts = siblings(store, meter, &WATTS, window)?.samples;
    Ok(interval_s(&watts).and_then(|interval_s| of_watts(&watts, window, interval_s)))
}

/// How often a foreign feed speaks: the median of the times between its samples, in seconds; `None` for fewer
/// than two samples. `samples` are in order of time.
pub fn interval_s(samples: &[Sample]) -> Option<f64> {
    let mut gaps: Vec<i64> = samples.windows(2).map(|pair| pair[1].t_ms - pair[0].t_ms).collect();
    if gaps.is_empty() {
        return None;
    }
    let middle = gaps.len() / 2;
    let (_, median, _) = gaps.select_nth_unstable(middle);
    Some(*median as f64 / 1000.0)
}

/// How far apart the points are that stand for some of the samples after `t_ms`, in seconds, as it is known
/// now; `None` if all that came is still stored. Times are Unix milliseconds.
pub fn resolution_s(store: &dyn Store, t_ms: i64, now_ms: i64) -> Result<Option<f64>, StoreError> {
    let (measurement, field) = (Some(RESOLUTION.measurement), Some(RESOLUTION.field));
    let mut coarsest: Option<f64> = None;
    for key in store.series(&Selector { measurement, field, tags: &[] })? {
        // A mark is about all that is before it.
        let start_ms = t_ms.saturating_add(1);
        let since = Window { start_ms, end_ms: now_ms.max(start_ms) };
        let marks = numbers(store, &key, since, 0)?.into_iter().map(|mark| mark.value);
        let marks = marks.filter(|step_s| *step_s > 0.0 && *step_s <= LONGEST_STEP_S);
        coarsest = marks.chain(coarsest).reduce(f64::max);
    }
    Ok(coarsest)
}

/// All hosts that any series names, in order.
pub fn hosts(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let keys = store.series(&Selector::default())?;
    let mut hosts: Vec<String> = keys.iter().filter_map(|key| key.tag(HOST)).map(ToOwned::to_owned).collect();
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    const WINDOW: Window = Window { start_ms: 0, end_ms: 60_000 };

    fn energy(lines: &str) -> Option<Energy> {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let meters = power_meters(&store, None).unwrap();
        assert_eq!(meters.len(), 1);
        assert_eq!(power_meters(&store, Some("pi-1")).unwrap(), []);
        energy_of(&store, &meters[0], WINDOW).unwrap()
    }

    fn lines(fields: impl Fn(i64) -> String) -> String {
        (0..=6)
            .map(|step| format!("power,boundary=wall,meter=m {} {}\n", fields(step), step * 10_000))
            .collect()
    }

    #[test]
    fn totals_come_before_a_counter_and_a_counter_before_watts() {
        let watts = lines(|_| "watts=5".into());
        assert_eq!(energy(&watts), Some(Energy { joules: 300.0, covered_s: 60.0 }));
        let counter = lines(|step| format!("watts=5,joules={}", step * 60));
        assert_eq!(energy(&counter), Some(Energy { joules: 360.0, covered_s: 60.0 }));
        let totals = lines(|step| format!("watts=5,joules={},metered_s={},since_ms=0i", step * 60, step * 5));
        assert_eq!(energy(&totals), Some(Energy { joules: 360.0, covered_s: 30.0 }));
        assert_eq!(energy("power,boundary=wall,meter=m watts=5 7\n"), None, "one sample covers no time");
    }

    #[test]
    fn boards_that_speak_in_turns_are_counted_and_one_that_was_restarted_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let said = |host: &str, boot: &str, from_ms: i64| -> String {
            (0..20)
                .map(|second| format!("boot,boot={boot},host={host} info=1i {}\n", from_ms + second * 1000))
                .collect()
        };
        let lines = [
            said("cloned", "a", 0),
            said("cloned", "b", 500),
            said("restarted", "a", 0),
            said("restarted", "b", 30_000),
        ];
        let agent = |since_ms: i64| -> String {
            let tick = |second: i64| {
                let t_ms = since_ms + second * 1000;
                format!(
                    "boot,boot=a,host=twice info=1i {t_ms}\npower,host=twice,meter=m since_ms={since_ms}i {t_ms}\n"
                )
            };
            (0..20).map(tick).collect()
        };
        let lines = lines.concat() + &agent(0) + &agent(300);
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let boards = |host: &str| boards_at_once(&store, host, WINDOW).unwrap();
        assert_eq!(boards("twice"), Some(2), "two agents of one boot");
        assert_eq!((boards("cloned"), boards("restarted"), boards("foreign")), (Some(2), Some(1), None));
    }

    #[test]
    fn a_mark_of_a_step_that_cannot_be_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let say = |step_s: &str| {
            let line = format!("resolution step_s={step_s} 1000");
            store.append(&decode(line.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
            resolution_s(&store, 0, 2000).unwrap()
        };
        assert_eq!(["-60", "0", "1e300", "86401", "60"].map(say), [None, None, None, None, Some(60.0)]);
        assert_eq!(resolution_s(&store, i64::MAX, 2000).unwrap(), None);
    }

    #[test]
    fn an_epoch_that_is_no_time_is_left_out() {
        let epoch = |since: &str| {
            lines(|step| format!("watts=5,joules={},metered_s={},since_ms={since}", step * 60, step * 5))
        };
        let watts = Some(Energy { joules: 360.0, covered_s: 60.0 });
        // What is left is a counter without an epoch.
        assert_eq!(["-1", "9e18", "-9e18", "1e300"].map(|since| energy(&epoch(since))), [watts; 4]);
    }

    #[test]
    fn the_interval_of_a_feed_is_its_median() {
        let samples =
            |times: &[i64]| times.iter().map(|&t_ms| Sample { t_ms, value: 0.0 }).collect::<Vec<_>>();
        assert_eq!(interval_s(&samples(&[0, 1000, 2000, 90_000, 91_000])), Some(1.0));
        assert_eq!(interval_s(&samples(&[0, 1000])), Some(1.0));
        assert_eq!(interval_s(&samples(&[5])), None);
    }
}
