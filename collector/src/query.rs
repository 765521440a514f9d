//! Reading metrics of the catalogue out of a store: from series of stored values to series of numbers.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::energy::EnergyPoint;
use picollect_evaluate::series::Sample;
use picollect_telemetry::catalogue::{HOST, JOULES, METERED_S, Metric, SINCE_MS};

use crate::store::{Selector, SeriesKey, Store, StoreError};

/// How far outside a window a sample may lie that still says something about its edges: a little more
/// than the longest interval of an agent.
pub const AROUND_MS: i64 = 2 * 3600 * 1000;

/// A series with its samples as numbers; texts are left out.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its name.
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
    let number = |sample: &crate::store::StoredSample| {
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
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    let series = series_of(store, host, metric, moment, back_ms)?.into_iter();
    let candidates = series.filter_map(|series| {
        let last = series.samples.iter().rev().find(|sample| sample.t_ms <= now_ms).copied();
        last.map(|sample| (series.key, sample))
    });
    Ok(candidates.max_by_key(|(_, sample)| sample.t_ms))
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
        Some(EnergyPoint { t_ms: sample.t_ms, since_ms: whole(since), total: sample.value, metered_s })
    };
    Ok(joules.samples.iter().filter_map(point).collect())
}

/// A number of milliseconds that came through a float.
#[expect(clippy::cast_possible_truncation, reason = "Unix milliseconds are far below 2^53")]
pub fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// All hosts that any series names, in order.
pub fn hosts(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let keys = store.series(&Selector::default())?;
    let mut hosts: Vec<String> = keys.iter().filter_map(|key| key.tag(HOST)).map(ToOwned::to_owned).collect();
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}
