//! The last hour of the cluster: curves of power, stretches of throttling, what alerts say. It is read again after half
//! a minute, or later where reading it takes long, and shared by all who look.

use std::collections::BTreeMap;

use picollect_analysis::alerts::{Active, AlertsRequest};
use picollect_analysis::nodes::Node;
use picollect_analysis::request::{Request as _, RequestError, Sources};
use picollect_evaluate::Window;
use picollect_evaluate::throttle::{Cause, Episode};
use picollect_query::throttling::episodes_in;
use picollect_query::{power_meters, primary_meter};
use picollect_store::{SeriesKey, Store, StoreError};

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
            let meter = meter_of(from.store, &node.host)?;
            let watts = meter.map_or(Ok(Vec::new()), |meter| steps(from.store, &meter, window, STEP_MS))?;
            let so_far = Window { end_ms: from.now_ms, ..window };
            let episodes = episodes_in(from.store, &node.host, so_far, node.interval_s)?;
            of.insert(node.host.clone(), NodeHour { watts, episodes });
        }
        let wall = power_meters(from.store, None)?;
        let wall = wall.iter().map(|meter| steps(from.store, meter, window, STEP_MS));
        let wall = wall.collect::<Result<Vec<_>, _>>()?;
        let alerts = AlertsRequest::default().answer(from).map_err(|error| error.to_string());
        let alerts = alerts.map(|alerts| alerts.rules.into_iter().flat_map(|rule| rule.active).collect());
        Ok(Self {
            window,
            wall: together(&wall, |one, other| one + other),
            nodes: together(of.values().map(|node| &node.watts), |one, other| one + other),
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

/// The meter that speaks for a node: its primary one, or the only one that it has.
pub(crate) fn meter_of(store: &dyn Store, host: &str) -> Result<Option<SeriesKey>, StoreError> {
    let mut meters = power_meters(store, Some(host))?;
    let only = (meters.len() == 1).then_some(0);
    Ok(primary_meter(&meters).or(only).map(|index| meters.swap_remove(index)))
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

/// What several come to by `of_two`, at each step; `None` where none of them is known.
pub(crate) fn together(
    all: impl IntoIterator<Item = impl AsRef<[Option<f64>]>>,
    of_two: impl Fn(f64, f64) -> f64,
) -> Vec<Option<f64>> {
    let mut so_far: Vec<Option<f64>> = Vec::new();
    for one in all {
        let one = one.as_ref();
        so_far.resize(so_far.len().max(one.len()), None);
        for (so_far, value) in so_far.iter_mut().zip(one) {
            *so_far = [*so_far, *value].into_iter().flatten().reduce(&of_two);
        }
    }
    so_far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_of_all_is_unknown_of_their_sum() {
        let (one, other) = (vec![Some(1.0), None, None], vec![Some(2.0), Some(3.0), None]);
        let sum = |one, other| one + other;
        assert_eq!(together([&one, &Vec::new(), &other], sum), [Some(3.0), Some(3.0), None]);
        assert_eq!(together(std::iter::empty::<&[Option<f64>]>(), sum), []);
    }
}
