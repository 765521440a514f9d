//! The raw readings behind a run's result, for who wants to compute it again.

use picollect_evaluate::accuracy::Accuracy;
use picollect_evaluate::{GAP_INTERVALS, Window};
use picollect_telemetry::catalogue::{HOST, JOULES, METERED_S, Metric, WATTS};
use picollect_telemetry::{Boundary, Source};

use super::Result;
use super::energy::Meter;
use super::run::Subject;
use crate::runs;
use crate::sources::Sources;
use picollect_query::{AROUND_MS, numbers};
use picollect_store::SeriesKey;

/// A meter behind a figure, with its readings in a window and the nearest one on either side.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterReadings {
    /// Its name, of a node's meter with the node before it.
    pub meter: String,
    /// What it is drawn around.
    pub boundary: Boundary,
    /// How its figures come to be.
    pub source: Source,
    /// What it promises, if that is known.
    pub accuracy: Option<Accuracy>,
    /// How often it samples by itself, if that is known.
    pub conversions_per_s: Option<f64>,
    /// Whether it counts energy.
    pub integrated: bool,
    /// Readings of a power that are further apart, in seconds, are not bridged.
    pub gap_s: f64,
    /// In the order of their times.
    pub readings: Vec<MeterReading>,
}

/// One reading; what the meter does not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeterReading {
    /// Unix milliseconds.
    pub t_ms: i64,
    /// What its counter shows, J.
    pub joules: Option<f64>,
    /// So many seconds the counter covers; `None` of one that covers all.
    pub metered_s: Option<f64>,
    /// W.
    pub watts: Option<f64>,
}

/// The readings behind the figure of a window of a run. Fails only if the store cannot be read.
pub fn readings(from: &Sources<'_>, run: &runs::Run, window: Window) -> Result<Vec<MeterReadings>> {
    let part = Subject::of(from, run)?.part(window)?;
    part.speaking().map(|meter| of_meter(from, meter, window)).collect()
}

fn of_meter(from: &Sources<'_>, meter: &Meter, window: Window) -> Result<MeterReadings> {
    let mut readings = std::collections::BTreeMap::new();
    let mut take = |metric: &Metric, set: fn(&mut MeterReading, f64)| -> Result<()> {
        let key = SeriesKey { field: metric.field.to_owned(), ..meter.key.clone() };
        for sample in numbers(from.store, &key, window, AROUND_MS)? {
            let nothing = MeterReading { t_ms: sample.t_ms, joules: None, metered_s: None, watts: None };
            set(readings.entry(sample.t_ms).or_insert(nothing), sample.value);
        }
        Ok(())
    };
    take(&JOULES, |reading, value| reading.joules = Some(value))?;
    take(&METERED_S, |reading, value| reading.metered_s = Some(value))?;
    take(&WATTS, |reading, value| reading.watts = Some(value))?;
    let host = meter.key.tag(HOST).map(|host| format!("{host} ")).unwrap_or_default();
    Ok(MeterReadings {
        meter: format!("{host}{}", meter.name),
        boundary: meter.figure.boundary,
        source: meter.figure.source,
        accuracy: meter.accuracy,
        conversions_per_s: meter.conversions_per_s,
        integrated: meter.integrated,
        gap_s: GAP_INTERVALS * meter.interval_s,
        readings: readings.into_values().collect(),
    })
}
