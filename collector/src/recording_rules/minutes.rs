//! The energy of each minute of each meter, by the report's own function: the one way in which a sum over time in
//! PromQL or Flux is exact, since both have to guess what a counter did between samples and across epochs.
//!
//! A minute is published when a later sample of every meter that its node still reads is there, or after
//! [`LATE_MS`]. What comes later still, out of its order or after a silence, has its minutes computed and written again;
//! an engine that keeps the first of two values (`docs/engines.md`) keeps the first figure.
//!
//! Invariant: the sum over the minutes of a window is what [`energy_of`] says of the window. A minute of which nothing
//! is covered is not published.

use std::collections::{BTreeMap, HashMap};

use picollect_evaluate::Window;
use picollect_evaluate::cluster::{Figure, primary_meter};
use picollect_evaluate::cost::{PerKwh, charge};
use picollect_evaluate::energy::Energy;
use picollect_telemetry::catalogue::{
    ENERGY_CO2E_G, ENERGY_COVERED_S, ENERGY_J, ENERGY_PRICE, ENERGY_SPEAKING_J, HOST, JOULES, Metric, WATTS,
};
use picollect_telemetry::line::Point;
use picollect_telemetry::{Boundary, Source, Value};

use crate::ingest::EarliestPower;
use picollect_analysis::report::per_kwh;
use picollect_analysis::request::{RequestError, Sources};
use picollect_query::{AROUND_MS, all_power_meters, energy_of, numbers};
use picollect_store::{Selector, SeriesKey, Store, StoreError};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// A meter that is silent for longer holds no minute back.
const LATE_MS: i64 = 10 * MINUTE_MS;
/// So far back the first minute lies that a collector computes where none was published before.
const BACK_MS: i64 = 24 * HOUR_MS;
/// Minutes of a host at a time; more of them wait for the next time, so that a long silence holds nothing up.
const MAX_MINUTES: i64 = 240;

/// How far the minutes of each host are published.
#[derive(Debug, Clone, Default)]
pub(super) struct Minutes(HashMap<Option<String>, Progress>);

#[derive(Debug, Clone)]
struct Progress {
    /// Beginning of the first minute that is not published.
    next_ms: i64,
    /// The time of the latest sample of each meter that was seen, Unix milliseconds.
    newest: HashMap<SeriesKey, i64>,
    /// From where on power came in that was not looked at yet.
    touched_ms: Option<i64>,
}

impl Progress {
    /// Whether it is worth a look: a minute is over, or something came late.
    fn may_have_more(&self, now_ms: i64) -> bool {
        self.next_ms + MINUTE_MS <= now_ms || self.touched_ms.is_some_and(|t_ms| t_ms < self.next_ms)
    }
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
        touched: &EarliestPower,
    ) -> Result<Vec<Point>, RequestError> {
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
        let name = host.map(ToOwned::to_owned);
        if let Some(progress) = self.0.get_mut(&name) {
            progress.touched_ms = progress.touched_ms.into_iter().chain(touched_ms).min();
            if !progress.may_have_more(from.now_ms) {
                return Ok(NOTHING);
            }
        }
        let newest_ms = newest(from, meters)?;
        let Some(settled_ms) = settled(&newest_ms, from.now_ms) else { return Ok(NOTHING) };
        let mut progress = match self.0.remove(&name) {
            Some(progress) => progress,
            None => Progress {
                next_ms: beginning(from, host, meters, settled_ms)?,
                newest: HashMap::new(),
                touched_ms,
            },
        };
        // A meter that speaks again may have counted since it spoke last.
        let again = newest_ms.iter().filter_map(|(key, newest_ms)| {
            progress.newest.get(key).copied().filter(|seen_ms| seen_ms < newest_ms)
        });
        let again = again.min();
        let late = progress.touched_ms.take().map(|t_ms| before(from, meters, t_ms)).transpose()?;
        let changed = again.into_iter().chain(late).map(minute_of);
        progress.next_ms = changed.fold(progress.next_ms, i64::min);
        progress.newest.extend(newest_ms);
        let most_ms = progress.next_ms.saturating_add(MAX_MINUTES * MINUTE_MS);
        let due = Window { start_ms: progress.next_ms, end_ms: minute_of(settled_ms).min(most_ms) };
        progress.next_ms = due.start_ms.max(due.end_ms);
        self.0.insert(name, progress);
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
    fn read(from: &Sources<'_>) -> Result<Self, RequestError> {
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
    let speaking = primary_meter(&figures);
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
    let charged = charge(per_kwh, minute, |piece: Window| {
        if piece == minute { Ok(Some(energy)) } else { energy_of(store, &meter.key, piece) }
    });
    Ok(charged?.map(|charge| charge.amount))
}

fn field(metric: &Metric, value: f64) -> (String, Value) {
    (metric.field.to_owned(), Value::Float(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_config::Config;
    use picollect_store::{EmbeddedStore, open};
    use picollect_telemetry::line::{Precision, decode};

    /// The beginning of a whole minute.
    const START_MS: i64 = 1_795_392_000_000;

    fn store() -> (tempfile::TempDir, EmbeddedStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        (directory, store)
    }

    /// A point every ten seconds at so many watts, from one second to another of one epoch.
    fn feed(store: &EmbeddedStore, boundary: &str, watts: f64, seconds: std::ops::RangeInclusive<i64>) {
        let line = |second: i64| {
            format!(
                "power,boundary={boundary},host=n,meter=m,source=measured joules={},metered_s={second},since_ms={START_MS}i {}\n",
                watts * second as f64,
                START_MS + second * 1000
            )
        };
        let lines: String = seconds.step_by(10).map(line).collect();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
    }

    /// The minutes that are due at a second: the one that ends, the boundary, and what each field is.
    fn due(
        minutes: &mut Minutes,
        store: &EmbeddedStore,
        config: &Config,
        second: i64,
    ) -> Vec<(i64, String, Vec<f64>)> {
        let from = Sources { store, config, now_ms: START_MS + second * 1000 };
        let points = minutes.new_points(&from, &EarliestPower::new()).unwrap();
        store.append(&points).unwrap();
        let shown = |point: Point| {
            let boundary = point.tag("boundary").unwrap().to_owned();
            let values = point.fields.iter().filter_map(|(_, value)| value.as_f64());
            ((point.t_ms - START_MS) / MINUTE_MS, boundary, values.collect())
        };
        points.into_iter().map(shown).collect()
    }

    fn minute(number: i64, boundary: &str, values: &[f64]) -> (i64, String, Vec<f64>) {
        (number, boundary.to_owned(), values.to_vec())
    }

    #[test]
    fn the_widest_boundary_speaks_and_only_what_speaks_costs() {
        let (_directory, store) = store();
        feed(&store, "soc-rails", 3.0, 0..=70);
        feed(&store, "node", 6.0, 0..=70);
        let text = "[cost]\ncurrency = \"EUR\"\ntariff_per_kwh = 1000.0\ngrid_g_per_kwh = 10000.0\n";
        let config: Config = picollect_settings::parse(text, "t").unwrap();
        let got = due(&mut Minutes::default(), &store, &config, 71);
        let kwh = 360.0 / 3.6e6;
        let node = minute(1, "node", &[360.0, 60.0, 360.0, 1000.0 * kwh, 10_000.0 * kwh]);
        assert_eq!(got, [node, minute(1, "soc-rails", &[180.0, 60.0, 0.0, 0.0, 0.0])]);
    }

    #[test]
    fn a_minute_waits_for_a_later_sample_and_is_published_once() {
        let (_directory, store) = store();
        let (mut minutes, config) = (Minutes::default(), Config::default());
        feed(&store, "node", 1.0, 0..=50);
        assert_eq!(due(&mut minutes, &store, &config, 61), []);
        feed(&store, "node", 1.0, 60..=60);
        assert_eq!(due(&mut minutes, &store, &config, 62), [minute(1, "node", &[60.0; 3])]);
        assert_eq!(due(&mut minutes, &store, &config, 63), []);
    }

    #[test]
    fn a_silent_node_has_its_last_minute_and_all_of_them_once_it_speaks_again() {
        let (_directory, store) = store();
        let (mut minutes, config) = (Minutes::default(), Config::default());
        feed(&store, "node", 1.0, 0..=90);
        assert_eq!(due(&mut minutes, &store, &config, 91).len(), 1);
        // Half of the second minute is all that is known.
        assert_eq!(due(&mut minutes, &store, &config, 900), [minute(2, "node", &[30.0; 3])]);
        assert_eq!(due(&mut minutes, &store, &config, 960), []);
        // The counter went on; the next sample covers the silence.
        feed(&store, "node", 1.0, 1200..=1200);
        let got = due(&mut minutes, &store, &config, 1201);
        assert_eq!(got.len(), 19);
        assert_eq!(got.first(), Some(&minute(2, "node", &[60.0; 3])));
        assert_eq!(got.last(), Some(&minute(20, "node", &[60.0; 3])));
    }

    #[test]
    fn what_comes_out_of_its_order_is_computed_again() {
        let (_directory, store) = store();
        let (mut minutes, config) = (Minutes::default(), Config::default());
        feed(&store, "node", 1.0, 0..=180);
        assert_eq!(due(&mut minutes, &store, &config, 181).len(), 3);
        // Another meter's spool: samples from the first minute on.
        feed(&store, "soc-rails", 0.5, 30..=180);
        let from = Sources { store: &store, config: &config, now_ms: START_MS + 182_000 };
        let touched = EarliestPower::from([(Some("n".to_owned()), START_MS + 30_000)]);
        let points = minutes.new_points(&from, &touched).unwrap();
        let rails = points.iter().filter(|point| point.tag("boundary") == Some("soc-rails"));
        assert_eq!((points.len(), rails.count()), (6, 3));
    }

    #[test]
    fn a_collector_that_starts_again_goes_on_where_it_stopped() {
        let (_directory, store) = store();
        let config = Config::default();
        feed(&store, "node", 1.0, 0..=180);
        assert_eq!(due(&mut Minutes::default(), &store, &config, 181).len(), 3);
        feed(&store, "node", 1.0, 190..=240);
        assert_eq!(due(&mut Minutes::default(), &store, &config, 241), [minute(4, "node", &[60.0; 3])]);
    }
}
