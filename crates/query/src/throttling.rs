//! When and why a node was throttled: what its series say at each moment, put together by time stamp.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::series::Sample;
use picollect_evaluate::throttle::{Episode, Moment, episodes};
use picollect_store::{Selector, SeriesKey, Store, StoreError};
use picollect_telemetry::catalogue::{
    BUSY, CORES, FREQ_CAPPED, HOST, MAX_HZ, MAX_LIMIT_HZ, MEASURED_HZ, Metric, SOFT_LIMIT, THROTTLED,
    UNDER_VOLTAGE,
};

use crate::{numbers, processor_temperature, series_of};

/// The series of a metric of a host that stands for all its cores together; `None` if there is none.
pub fn all_cores(store: &dyn Store, host: &str, metric: &Metric) -> Result<Option<SeriesKey>, StoreError> {
    let tags = [(HOST, host), ("core", "all")];
    let selector = Selector { measurement: Some(metric.measurement), field: Some(metric.field), tags: &tags };
    Ok(store.series(&selector)?.into_iter().next())
}

/// Its samples in a window; none if there is no such series.
pub fn of_all_cores(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    window: Window,
) -> Result<Vec<Sample>, StoreError> {
    all_cores(store, host, metric)?.map_or(Ok(Vec::new()), |key| numbers(store, &key, window, 0))
}

/// The samples of the first series of a metric of the processor in a window.
pub fn of_processor(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    window: Window,
) -> Result<Vec<Sample>, StoreError> {
    let first = series_of(store, host, metric, window, 0)?.into_iter().next();
    Ok(first.map(|series| series.samples).unwrap_or_default())
}

/// What the throttling verdict needs, put together by time stamp: an agent's samples of one tick share it. `temps` are
/// the processor's temperatures (°C) and `busy` the shares of all its cores, in the same window.
pub fn moments(
    store: &dyn Store,
    host: &str,
    window: Window,
    temps: &[Sample],
    busy: &[Sample],
) -> Result<Vec<Moment>, StoreError> {
    let mut moments: BTreeMap<i64, Moment> = BTreeMap::new();
    let mut put = |samples: &[Sample], set: &dyn Fn(&mut Moment, f64)| {
        for Sample { t_ms, value } in samples {
            set(moments.entry(*t_ms).or_insert(Moment { t_ms: *t_ms, ..Moment::default() }), *value);
        }
    };
    let flag = |metric| of_all_origins(store, host, metric, window);
    let processor = |metric| of_processor(store, host, metric, window);
    put(&flag(&UNDER_VOLTAGE)?, &|moment, value| raise(&mut moment.flags.under_voltage, value));
    put(&flag(&FREQ_CAPPED)?, &|moment, value| raise(&mut moment.flags.freq_capped, value));
    put(&flag(&THROTTLED)?, &|moment, value| raise(&mut moment.flags.throttled, value));
    put(&flag(&SOFT_LIMIT)?, &|moment, value| raise(&mut moment.flags.soft_limit, value));
    put(temps, &|moment, value| moment.temp_c = Some(value));
    put(&processor(&MEASURED_HZ)?, &|moment, value| moment.clock_hz = Some(value));
    put(&processor(&MAX_HZ)?, &|moment, value| moment.max_hz = Some(value));
    // Slowed down on purpose is not throttled.
    put(&processor(&MAX_LIMIT_HZ)?, &|moment, limit| {
        moment.max_hz = Some(moment.max_hz.map_or(limit, |max_hz| max_hz.min(limit)));
    });
    put(busy, &|moment, value| moment.busy_cores = Some(value));
    put(&of_all_cores(store, host, &CORES, window)?, &|moment, cores| {
        moment.busy_cores = moment.busy_cores.map(|busy| busy * cores);
        moment.cores = Some(cores);
    });
    Ok(moments.into_values().collect())
}

/// All series of a flag: which origin speaks may change within a window.
fn of_all_origins(
    store: &dyn Store,
    host: &str,
    flag: &Metric,
    window: Window,
) -> Result<Vec<Sample>, StoreError> {
    Ok(series_of(store, host, flag, window, 0)?.into_iter().flat_map(|series| series.samples).collect())
}

/// A flag that one origin sets is set, whatever the others say; one that none tells stays unknown.
fn raise(flag: &mut Option<bool>, value: f64) {
    *flag = (*flag).max(Some(value > 0.0));
}

/// The episodes of these moments; `None` if nothing is known of the node's flags. The kernel's alarm alone knows episodes
/// of low voltage, but never that there were no others.
pub fn known_episodes(moments: &[Moment], window: Window, interval_s: f64) -> Option<Vec<Episode>> {
    let all_flags = moments.iter().any(|moment| moment.flags.throttled.is_some());
    let found = episodes(moments, window, interval_s);
    (all_flags || !found.is_empty()).then_some(found)
}

/// The episodes of a node in a window; `None` if nothing is known of its flags.
pub fn episodes_in(
    store: &dyn Store,
    host: &str,
    window: Window,
    interval_s: f64,
) -> Result<Option<Vec<Episode>>, StoreError> {
    let temps = processor_temperature(store, host, window, 0)?.map(|found| found.samples).unwrap_or_default();
    let busy = of_all_cores(store, host, &BUSY, window)?;
    Ok(known_episodes(&moments(store, host, window, &temps, &busy)?, window, interval_s))
}
