//! The last hour of the cluster: curves of power, stretches of throttling, what alerts say. It is read again after half
//! a minute, or later where reading it takes long, and shared by all who look.

use std::collections::BTreeMap;

use picollect_analysis::alerts::{Active, AlertsRequest};
use picollect_analysis::nodes::Node;
use picollect_analysis::request::{Request as _, RequestError, Sources};
use picollect_evaluate::Window;
use picollect_evaluate::series::Sample;
use picollect_evaluate::throttle::{Cause, Episode, Moment, episodes};
use picollect_query::{numbers, power_meters, primary_meter, processor_temperature, series_of};
use picollect_store::{SeriesKey, Store, StoreError};
use picollect_telemetry::catalogue::{
    BUSY, CORES, FREQ_CAPPED, MAX_HZ, MAX_LIMIT_HZ, MEASURED_HZ, Metric, SOFT_LIMIT, THROTTLED, UNDER_VOLTAGE,
};

/// How long the hour is, and its steps.
const LENGTH_MS: i64 = 3_600_000;
const STEP_MS: i64 = 30_000;

/// What the last hour was.
#[derive(Debug)]
pub(crate) struct Hour {
    pub(crate) window: Window,
    /// Of the meters at the wall together, W; empty where there are none.
    pub(crate) wall: Vec<Option<f64>>,
    /// Of the nodes together, W.
    pub(crate) nodes: Vec<Option<f64>>,
    pub(crate) of: BTreeMap<String, NodeHour>,
    /// What is wrong now; the error is why that is not known.
    pub(crate) alerts: Result<Vec<Active>, String>,
}

/// What the last hour of a node was.
#[derive(Debug, Default)]
pub(crate) struct NodeHour {
    /// Of its primary meter, W.
    pub(crate) watts: Vec<Option<f64>>,
    /// `None` where nothing is known of its flags.
    pub(crate) episodes: Option<Vec<Episode>>,
}

impl Hour {
    /// Reads it.
    pub(crate) fn read(from: &Sources<'_>, nodes: &[Node]) -> Result<Self, RequestError> {
        let end_ms = from.now_ms - from.now_ms.rem_euclid(STEP_MS) + STEP_MS;
        let window = Window { start_ms: end_ms - LENGTH_MS, end_ms };
        let mut of = BTreeMap::new();
        for node in nodes {
            let meters = power_meters(from.store, Some(&node.host))?;
            let primary = primary_meter(&meters).or(if meters.len() == 1 { Some(0) } else { None });
            let watts = match primary {
                Some(index) => steps(from.store, &meters[index], window, STEP_MS)?,
                None => Vec::new(),
            };
            let episodes = throttling(from.store, &node.host, window, from.now_ms, node.interval_s)?;
            of.insert(node.host.clone(), NodeHour { watts, episodes });
        }
        let wall = power_meters(from.store, None)?;
        let wall = wall.iter().map(|meter| steps(from.store, meter, window, STEP_MS));
        let wall = wall.collect::<Result<Vec<_>, _>>()?;
        let alerts = AlertsRequest::default().answer(from).map_err(|error| error.to_string());
        let alerts = alerts.map(|alerts| alerts.rules.into_iter().flat_map(|rule| rule.active).collect());
        Ok(Self {
            window,
            wall: together(wall.iter()),
            nodes: together(of.values().map(|node| &node.watts)),
            of,
            alerts,
        })
    }

    /// Why a node is throttled now, if an episode of it lasts.
    pub(crate) fn cause(&self, host: &str, now_ms: i64) -> Option<Cause> {
        let last = self.of.get(host)?.episodes.as_ref()?.last()?;
        (last.end_ms >= now_ms - 2 * STEP_MS).then_some(last.cause)
    }
}

/// The means of the steps of a window; `None` where nothing is known.
pub(crate) fn steps(
    store: &dyn Store,
    key: &SeriesKey,
    window: Window,
    step_ms: i64,
) -> Result<Vec<Option<f64>>, StoreError> {
    let count = usize::try_from((window.end_ms - window.start_ms) / step_ms).unwrap_or(0);
    let mut steps = vec![None; count];
    for bucket in store.aggregate(key, window, step_ms)? {
        let at = usize::try_from((bucket.start_ms - window.start_ms) / step_ms).ok();
        if let Some(step) = at.and_then(|at| steps.get_mut(at)) {
            *step = Some(bucket.sum / f64::from(bucket.count.max(1)));
        }
    }
    Ok(steps)
}

/// What several add up to, at each step; `None` where none of them is known.
fn together<'a>(all: impl Iterator<Item = &'a Vec<Option<f64>>>) -> Vec<Option<f64>> {
    let mut sum: Vec<Option<f64>> = Vec::new();
    for one in all {
        sum.resize(sum.len().max(one.len()), None);
        for (sum, value) in sum.iter_mut().zip(one) {
            *sum = sum.zip(*value).map(|(sum, value)| sum + value).or(*sum).or(*value);
        }
    }
    sum
}

/// The stretches in which a node was throttled; `None` where nothing is known of its flags.
pub(crate) fn throttling(
    store: &dyn Store,
    host: &str,
    window: Window,
    now_ms: i64,
    interval_s: f64,
) -> Result<Option<Vec<Episode>>, StoreError> {
    let window = Window { end_ms: now_ms, ..window };
    let moments = moments(store, host, window)?;
    let knows_all = moments.iter().any(|moment| moment.flags.throttled.is_some());
    let found = episodes(&moments, window, interval_s);
    Ok((knows_all || !found.is_empty()).then_some(found))
}

/// Flags, clock, load and temperature of each moment.
fn moments(store: &dyn Store, host: &str, window: Window) -> Result<Vec<Moment>, StoreError> {
    let mut moments: BTreeMap<i64, Moment> = BTreeMap::new();
    let mut put = |samples: &[Sample], set: &dyn Fn(&mut Moment, f64)| {
        for Sample { t_ms, value } in samples {
            set(moments.entry(*t_ms).or_insert(Moment { t_ms: *t_ms, ..Moment::default() }), *value);
        }
    };
    let all = |metric: &Metric| -> Result<Vec<Sample>, StoreError> {
        Ok(series_of(store, host, metric, window, 0)?.into_iter().flat_map(|series| series.samples).collect())
    };
    let first = |metric: &Metric| -> Result<Vec<Sample>, StoreError> {
        Ok(series_of(store, host, metric, window, 0)?
            .into_iter()
            .next()
            .map(|series| series.samples)
            .unwrap_or_default())
    };
    put(&all(&UNDER_VOLTAGE)?, &|moment, value| raise(&mut moment.flags.under_voltage, value));
    put(&all(&FREQ_CAPPED)?, &|moment, value| raise(&mut moment.flags.freq_capped, value));
    put(&all(&THROTTLED)?, &|moment, value| raise(&mut moment.flags.throttled, value));
    put(&all(&SOFT_LIMIT)?, &|moment, value| raise(&mut moment.flags.soft_limit, value));
    let temps = processor_temperature(store, host, window, 0)?.map(|found| found.samples).unwrap_or_default();
    put(&temps, &|moment, value| moment.temp_c = Some(value));
    put(&first(&MEASURED_HZ)?, &|moment, value| moment.clock_hz = Some(value));
    put(&first(&MAX_HZ)?, &|moment, value| moment.max_hz = Some(value));
    put(&first(&MAX_LIMIT_HZ)?, &|moment, limit| {
        moment.max_hz = Some(moment.max_hz.map_or(limit, |hz| hz.min(limit)));
    });
    put(&of_all_cores(store, host, &BUSY, window)?, &|moment, value| moment.busy_cores = Some(value));
    put(&of_all_cores(store, host, &CORES, window)?, &|moment, cores| {
        moment.busy_cores = moment.busy_cores.map(|busy| busy * cores);
        moment.cores = Some(cores);
    });
    Ok(moments.into_values().collect())
}

/// A flag that one origin sets is set, whatever the others say; one that none tells stays unknown.
fn raise(flag: &mut Option<bool>, value: f64) {
    *flag = (*flag).max(Some(value > 0.0));
}

fn of_all_cores(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    window: Window,
) -> Result<Vec<Sample>, StoreError> {
    all_cores(store, host, metric)?.map_or(Ok(Vec::new()), |key| numbers(store, &key, window, 0))
}

/// The series of a metric that stands for all cores together.
pub(crate) fn all_cores(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
) -> Result<Option<SeriesKey>, StoreError> {
    let tags = [("host", host), ("core", "all")];
    let selector = picollect_store::Selector {
        measurement: Some(metric.measurement),
        field: Some(metric.field),
        tags: &tags,
    };
    Ok(store.series(&selector)?.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_of_all_is_unknown_of_their_sum() {
        let (one, other) = (vec![Some(1.0), None, None], vec![Some(2.0), Some(3.0), None]);
        assert_eq!(together([&one, &Vec::new(), &other].into_iter()), [Some(3.0), Some(3.0), None]);
        assert_eq!(together(std::iter::empty()), []);
    }
}
