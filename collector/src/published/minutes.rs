//! The energy of each minute of each meter, by the report's own function: the one way in which a sum over time in
//! PromQL or Flux is exact, since both have to guess what a counter did between samples and across epochs.
//!
//! A minute is published when a later sample of every meter that its node still reads is there, or after
//! [`LATE_MS`]. What comes later still, out of its order or after a silence, has its minutes computed and written again;
//! an engine that keeps the first of two values (`docs/engines.md`) keeps the first figure.
//!
//! Invariant: the sum over the minutes of a window is what [`energy_of`] says of the window. A minute of which nothing
//! is covered is not published.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use picollect_evaluate::Window;
use picollect_evaluate::cluster::{Figure, speaking_for_node};
use picollect_evaluate::cost::{PerKwh, charge};
use picollect_evaluate::energy::Energy;
use picollect_telemetry::catalogue::{
    ENERGY_CO2E_G, ENERGY_COVERED_S, ENERGY_J, ENERGY_PRICE, ENERGY_SPEAKING_J, HOST, JOULES, Metric, WATTS,
};
use picollect_telemetry::line::Point;
use picollect_telemetry::{Boundary, Source, Value};

use crate::ask::{AskError, Sources};
use crate::ingest::Touched;
use crate::query::{AROUND_MS, all_power_meters, energy_of, numbers};
use crate::report::per_kwh;
use crate::store::{Selector, SeriesKey, Store, StoreError};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// A meter that is silent for longer holds no minute back.
const LATE_MS: i64 = 10 * MINUTE_MS;
/// So far back the first minute lies that a collector computes where none was published before.
const BACK_MS: i64 = 24 * HOUR_MS;
/// Minutes of a host at a time; more of them wait for the next time, so that a long silence holds nothing up.
const MAX_MINUTES: i64 = 240;

/// How far the minutes of each host are published.
#[derive(Debug, Default)]
pub(super) struct Minutes(HashMap<Option<String>, Progress>);

#[derive(Debug)]
struct Progress {
    /// Beginning of the first minute that is not published.
    next_ms: i64,
    /// The latest sample of each meter that was seen.
    newest_ms: HashMap<SeriesKey, i64>,
}

/// A meter that says what it measures around, and how.
struct Meter {
    key: SeriesKey,
    source: Source,
    boundary: Boundary,
}

impl Minutes {
    /// The minutes that are due; `touched` is from where on power came in since the last time.
    pub(super) fn new_points(
        &mut self,
        from: &Sources<'_>,
        touched: &Touched,
    ) -> Result<Vec<Point>, AskError> {
        let mut hosts: BTreeMap<Option<String>, Vec<Meter>> = BTreeMap::new();
        for key in all_power_meters(from.store)? {
            hosts.entry(key.tag(HOST).map(ToOwned::to_owned)).or_default().extend(meter(key));
        }
        let prices = Prices::read(from)?;
        let mut points = Vec::new();
        for (host, meters) in hosts {
            let due = self.due(from, host.as_deref(), &meters, touched.get(&host).copied())?;
            let mut start_ms = due.start_ms;
            while start_ms < due.end_ms {
                let minute = Window { start_ms, end_ms: start_ms + MINUTE_MS };
                points.extend(points_of(from.store, &prices, host.is_some(), &meters, minute)?);
                start_ms += MINUTE_MS;
            }
        }
        Ok(points)
    }

    /// The minutes of a host that are due.
    fn due(
        &mut self,
        from: &Sources<'_>,
        host: Option<&str>,
        meters: &[Meter],
        touched_ms: Option<i64>,
    ) -> Result<Window, StoreError> {
        let newest_ms = newest(from, meters)?;
        let Some(settled_ms) = settled(&newest_ms, from.now_ms) else { return Ok(NOTHING) };
        let host_name = host.map(ToOwned::to_owned);
        let known = self.0.remove(&host_name);
        let mut progress = match known {
            Some(progress) => progress,
            None => {
                Progress { next_ms: beginning(from, host, meters, settled_ms)?, newest_ms: HashMap::new() }
            }
        };
        // A meter that speaks again may have counted since it spoke last.
        let again = newest_ms.iter().filter_map(|(key, newest_ms)| {
            progress.newest_ms.get(key).copied().filter(|seen_ms| seen_ms < newest_ms)
        });
        let again =
            again.min().into_iter().chain(touched_ms.map(|t_ms| before(from, meters, t_ms)).transpose()?);
        progress.next_ms = again.map(minute_of).fold(progress.next_ms, i64::min);
        progress.newest_ms.extend(newest_ms);
        let most_ms = progress.next_ms.saturating_add(MAX_MINUTES * MINUTE_MS);
        let due = Window { start_ms: progress.next_ms, end_ms: minute_of(settled_ms).min(most_ms) };
        progress.next_ms = due.start_ms.max(due.end_ms);
        self.0.insert(host_name, progress);
        Ok(due)
    }
}

const NOTHING: Window = Window { start_ms: 0, end_ms: 0 };

fn minute_of(t_ms: i64) -> i64 {
    t_ms - t_ms.rem_euclid(MINUTE_MS)
}

fn meter(key: SeriesKey) -> Option<Meter> {
    let source = Source::from_name(key.tag("source")?)?;
    let boundary = Boundary::from_name(key.tag("boundary")?)?;
    Some(Meter { key, source, boundary })
}

/// The samples of a meter's totals, or of its power if it has none, at a time and next to it.
fn around(store: &dyn Store, meter: &Meter, t_ms: i64, around_ms: i64) -> Result<Vec<i64>, StoreError> {
    for metric in [&JOULES, &WATTS] {
        let key = SeriesKey { field: metric.field.to_owned(), ..meter.key.clone() };
        let samples = numbers(store, &key, Window { start_ms: t_ms, end_ms: t_ms }, around_ms)?;
        if !samples.is_empty() {
            return Ok(samples.iter().map(|sample| sample.t_ms).collect());
        }
    }
    Ok(Vec::new())
}

fn newest(from: &Sources<'_>, meters: &[Meter]) -> Result<HashMap<SeriesKey, i64>, StoreError> {
    let mut newest = HashMap::new();
    for meter in meters {
        let times = around(from.store, meter, from.now_ms, BACK_MS)?;
        if let Some(t_ms) = times.into_iter().filter(|t_ms| *t_ms <= from.now_ms).max() {
            newest.insert(meter.key.clone(), t_ms);
        }
    }
    Ok(newest)
}

/// Up to when every meter that still speaks has spoken; of a host that is silent, the end of its last minute.
fn settled(newest_ms: &HashMap<SeriesKey, i64>, now_ms: i64) -> Option<i64> {
    let speaking = newest_ms.values().copied().filter(|t_ms| now_ms - t_ms <= LATE_MS);
    speaking.min().or_else(|| newest_ms.values().max().map(|t_ms| minute_of(*t_ms) + MINUTE_MS))
}

/// The sample before one that came late: what lies between them is different now.
fn before(from: &Sources<'_>, meters: &[Meter], t_ms: i64) -> Result<i64, StoreError> {
    let mut earliest_ms = t_ms;
    for meter in meters {
        let times = around(from.store, meter, t_ms, AROUND_MS)?;
        earliest_ms = times.into_iter().fold(earliest_ms, i64::min);
    }
    Ok(earliest_ms)
}

/// Where to begin after a start: at the last minute that was published, else at the first sample of a day.
fn beginning(
    from: &Sources<'_>,
    host: Option<&str>,
    meters: &[Meter],
    settled_ms: i64,
) -> Result<i64, StoreError> {
    let (measurement, field) = (Some(ENERGY_J.measurement), Some(ENERGY_J.field));
    let keys = from.store.series(&Selector { measurement, field, tags: &[] })?;
    let now = Window { start_ms: from.now_ms, end_ms: from.now_ms };
    let mut last_ms = None;
    for key in keys.iter().filter(|key| key.tag(HOST) == host) {
        last_ms = last_ms.max(numbers(from.store, key, now, BACK_MS)?.last().map(|sample| sample.t_ms));
    }
    let day = Window { start_ms: settled_ms - BACK_MS, end_ms: settled_ms };
    match last_ms {
        Some(last_ms) => Ok(minute_of(last_ms)),
        None => first(from.store, meters, day).map(minute_of),
    }
}

/// Where the hour of the first sample begins, and earlier by what an epoch may have counted until then; the window's
/// beginning if there is no sample.
fn first(store: &dyn Store, meters: &[Meter], window: Window) -> Result<i64, StoreError> {
    let mut first_ms = None;
    for meter in meters {
        for metric in [&JOULES, &WATTS] {
            let key = SeriesKey { field: metric.field.to_owned(), ..meter.key.clone() };
            let found = store.aggregate(&key, window, HOUR_MS)?.first().map(|hour| hour.start_ms);
            first_ms = first_ms.into_iter().chain(found).min();
        }
    }
    Ok(first_ms.map_or(window.start_ms, |first_ms| first_ms - AROUND_MS))
}

/// What is configured, read from its files.
struct Prices {
    tariff: Option<PerKwh>,
    grid: Option<PerKwh>,
}

impl Prices {
    fn read(from: &Sources<'_>) -> Result<Self, AskError> {
        let cost = &from.config.cost;
        Ok(Self {
            tariff: cost.tariff_per_kwh.as_ref().map(per_kwh).transpose()?,
            grid: cost.grid_g_per_kwh.as_ref().map(per_kwh).transpose()?,
        })
    }
}

/// The points of a host's meters for one minute.
fn points_of(
    store: &dyn Store,
    prices: &Prices,
    is_node: bool,
    meters: &[Meter],
    minute: Window,
) -> Result<Vec<Point>, StoreError> {
    let mut found = Vec::new();
    for meter in meters {
        let energy = energy_of(store, &meter.key, minute)?;
        let Meter { source, boundary, .. } = *meter;
        found.extend(energy.map(|energy| (meter, Figure { source, boundary, energy })));
    }
    let figures: Vec<Figure> = found.iter().map(|(_, figure)| *figure).collect();
    let speaking = speaking_for_node(&figures);
    let mut points = Vec::new();
    for (index, (meter, figure)) in found.iter().enumerate() {
        let speaks = !is_node || speaking == Some(index);
        points.push(Point {
            measurement: ENERGY_J.measurement.to_owned(),
            tags: meter.key.tags.clone(),
            fields: fields(store, prices, meter, figure.energy, speaks, minute)?,
            t_ms: minute.end_ms,
        });
    }
    Ok(points)
}

fn fields(
    store: &dyn Store,
    prices: &Prices,
    meter: &Meter,
    energy: Energy,
    speaks: bool,
    minute: Window,
) -> Result<Vec<(String, Value)>, StoreError> {
    let share = if speaks { 1.0 } else { 0.0 };
    let mut fields = vec![
        field(&ENERGY_J, energy.joules),
        field(&ENERGY_COVERED_S, energy.covered_s),
        field(&ENERGY_SPEAKING_J, energy.joules * share),
    ];
    for (metric, per_kwh) in [(&ENERGY_PRICE, &prices.tariff), (&ENERGY_CO2E_G, &prices.grid)] {
        if let Some(amount) =
            per_kwh.as_ref().map(|price| charged(store, price, meter, energy, minute)).transpose()?
        {
            fields.extend(amount.map(|amount| field(metric, amount * share)));
        }
    }
    Ok(fields)
}

/// What the energy of a minute comes to; a price may change within it.
fn charged(
    store: &dyn Store,
    per_kwh: &PerKwh,
    meter: &Meter,
    energy: Energy,
    minute: Window,
) -> Result<Option<f64>, StoreError> {
    let failure = Cell::new(None);
    let energy_of_piece = |piece: Window| {
        if piece == minute {
            return Some(energy);
        }
        energy_of(store, &meter.key, piece).unwrap_or_else(|error| {
            failure.set(Some(error));
            None
        })
    };
    let charged = charge(per_kwh, minute, energy_of_piece);
    failure.into_inner().map_or(Ok(charged.map(|charge| charge.amount)), Err)
}

fn field(metric: &Metric, value: f64) -> (String, Value) {
    (metric.field.to_owned(), Value::Float(value))
}
