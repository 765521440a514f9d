//! What a node said over some time: for its charts, and as JSON for the script that draws them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use picollect_analysis::nodes::last_seen;
use picollect_analysis::request::{RequestError, Sources};
use picollect_evaluate::Window;
use picollect_evaluate::throttle::Episode;
use picollect_query::throttling::{all_cores, episodes_in};
use picollect_query::{processor_temperature, whole};
use picollect_store::{Selector, SeriesKey, Store, StoreError};
use picollect_telemetry::Source;
use picollect_telemetry::catalogue::{BUSY, HOST, MEASURED_HZ, Metric, REQUESTED_HZ};
use serde::{Deserialize, Serialize};

use crate::Page;
use crate::answer::Failure;
use crate::chart::letter;
use crate::hour::{meter_of, steps, together};
use crate::visitor::Visitor;

/// Steps of a chart: about as many as a screen has room for.
const STEPS: i64 = 300;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Throttling is looked for sample by sample, so only in ranges of up to this.
const EPISODES_MS: i64 = 6 * HOUR_MS;

/// How much time the charts show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Range {
    #[serde(rename = "5min")]
    Minutes,
    #[default]
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    Hours,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "1y")]
    Year,
}

impl Range {
    pub(crate) const ALL: [Self; 7] =
        [Self::Minutes, Self::Hour, Self::Hours, Self::Day, Self::Week, Self::Month, Self::Year];

    /// As it stands in the address, for a button, and as a heading.
    pub(crate) fn names(self) -> [&'static str; 3] {
        match self {
            Self::Minutes => ["5min", "5 min", "Last 5 minutes"],
            Self::Hour => ["1h", "1 h", "Last hour"],
            Self::Hours => ["6h", "6 h", "Last 6 hours"],
            Self::Day => ["24h", "24 h", "Last 24 hours"],
            Self::Week => ["7d", "7 d", "Last 7 days"],
            Self::Month => ["30d", "30 d", "Last 30 days"],
            Self::Year => ["1y", "1 y", "Last year"],
        }
    }

    fn length_ms(self) -> i64 {
        match self {
            Self::Minutes => 5 * MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Hours => 6 * HOUR_MS,
            Self::Day => DAY_MS,
            Self::Week => 7 * DAY_MS,
            Self::Month => 30 * DAY_MS,
            Self::Year => 365 * DAY_MS,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) range: Range,
}

/// What a node said; `None` is a step in which it said nothing.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) window: Window,
    pub(crate) step_ms: i64,
    /// Of its primary meter, W, and how that is known.
    pub(crate) watts: Vec<Option<f64>>,
    pub(crate) source: Option<Source>,
    /// Of its processor, °C.
    pub(crate) temp_c: Vec<Option<f64>>,
    /// The real clock, GHz, and whether it is only what the kernel asked for.
    pub(crate) clock_ghz: Vec<Option<f64>>,
    pub(crate) clock_asked: bool,
    /// Load of all cores, per cent.
    pub(crate) busy: Vec<Option<f64>>,
    /// `None` where it is not known, or not looked for over so much time.
    pub(crate) episodes: Option<Vec<Episode>>,
}

impl History {
    /// Reads it. A node that never spoke is not found.
    pub(crate) fn read(from: &Sources<'_>, host: &str, range: Range) -> Result<Self, RequestError> {
        let Sources { store, now_ms, .. } = *from;
        let Some((_, interval_s)) = last_seen(store, host, now_ms)? else {
            return Err(RequestError::NotFound(format!(
                "There is no node “{host}”, or it was not heard for a month."
            )));
        };
        let length_ms = range.length_ms();
        // Two samples to a step, so that one that is a little late leaves no gap.
        let step_ms = (length_ms / STEPS).max(whole(interval_s * 2000.0)).max(1000);
        // The step of now is not over; what it has is shown.
        let end_ms = now_ms - now_ms.rem_euclid(step_ms) + step_ms;
        let window = Window { start_ms: end_ms - length_ms / step_ms * step_ms, end_ms };
        let meter = meter_of(store, host)?;
        let read = |key: &SeriesKey| steps(store, key, window, step_ms);
        let busy = all_cores(store, host, &BUSY)?.map_or(Ok(Vec::new()), |key| read(&key))?;
        let measured = of_cores(store, host, &MEASURED_HZ, window, step_ms)?;
        let clock_asked = measured.iter().all(Option::is_none);
        let clock =
            if clock_asked { of_cores(store, host, &REQUESTED_HZ, window, step_ms)? } else { measured };
        let episodes = if length_ms <= EPISODES_MS {
            episodes_in(store, host, Window { end_ms: now_ms, ..window }, interval_s)?
        } else {
            None
        };
        Ok(Self {
            window,
            step_ms,
            watts: meter.as_ref().map_or(Ok(Vec::new()), read)?,
            source: meter.as_ref().and_then(|key| Source::from_name(key.tag("source")?)),
            temp_c: temperature(store, host, window, step_ms)?,
            clock_ghz: scaled(clock, 1e-9),
            clock_asked,
            busy: scaled(busy, 100.0),
            episodes,
        })
    }
}

fn scaled(values: Vec<Option<f64>>, by: f64) -> Vec<Option<f64>> {
    values.into_iter().map(|value| value.map(|value| value * by)).collect()
}

/// *The* temperature; which thermometers it is made of is asked of the end of a long time.
fn temperature(
    store: &dyn Store,
    host: &str,
    window: Window,
    step_ms: i64,
) -> Result<Vec<Option<f64>>, StoreError> {
    let lately = Window { start_ms: window.start_ms.max(window.end_ms - HOUR_MS), ..window };
    let mut found = processor_temperature(store, host, lately, 0)?;
    if found.is_none() {
        found = processor_temperature(store, host, window, 0)?;
    }
    let keys = found.map(|found| found.keys).unwrap_or_default();
    greatest_of(store, &keys, window, step_ms)
}

/// The fastest of the cores.
fn of_cores(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    window: Window,
    step_ms: i64,
) -> Result<Vec<Option<f64>>, StoreError> {
    let tags = [(HOST, host)];
    let keys = store.series(&Selector {
        measurement: Some(metric.measurement),
        field: Some(metric.field),
        tags: &tags,
    })?;
    greatest_of(store, &keys, window, step_ms)
}

fn greatest_of(
    store: &dyn Store,
    keys: &[SeriesKey],
    window: Window,
    step_ms: i64,
) -> Result<Vec<Option<f64>>, StoreError> {
    let each = keys.iter().map(|key| steps(store, key, window, step_ms));
    Ok(together(each.collect::<Result<Vec<_>, _>>()?, f64::max))
}

/// The same for the script: Unix seconds, a list for each chart, and stretches of throttling.
#[derive(Debug, Serialize)]
pub(crate) struct Drawn {
    step_s: f64,
    t: Vec<f64>,
    watts: Vec<Option<f64>>,
    source: Option<Source>,
    temp: Vec<Option<f64>>,
    clock: Vec<Option<f64>>,
    busy: Vec<Option<f64>>,
    /// From, to, letter.
    bands: Vec<(f64, f64, &'static str)>,
}

pub(crate) async fn page(
    State(page): State<Arc<Page>>,
    _: Visitor,
    Path(host): Path<String>,
    Query(Asked { range }): Query<Asked>,
) -> Result<Json<Drawn>, Failure> {
    let history = page.read(move |from| History::read(from, &host, range)).await?;
    let seconds = |t_ms: i64| t_ms as f64 / 1000.0;
    let count = (history.window.end_ms - history.window.start_ms) / history.step_ms;
    let filled = |mut values: Vec<Option<f64>>| {
        values.resize(usize::try_from(count).unwrap_or(0), None);
        values.into_iter().map(|value| value.map(|value| (value * 1000.0).round() / 1000.0)).collect()
    };
    let bands = history.episodes.iter().flatten();
    Ok(Json(Drawn {
        step_s: seconds(history.step_ms),
        t: (0..count).map(|step| seconds(history.window.start_ms + step * history.step_ms)).collect(),
        bands: bands.map(|one| (seconds(one.start_ms), seconds(one.end_ms), letter(one.cause).0)).collect(),
        watts: filled(history.watts),
        source: history.source,
        temp: filled(history.temp_c),
        clock: filled(history.clock_ghz),
        busy: filled(history.busy),
    }))
}
