//! Energy of nodes in a window: each node's by the meter that speaks for it, and all of them together.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::accuracy::{Accuracy, combined_ratio};
use picollect_evaluate::cluster::{Figure, Sum, speaking_for_node, sums};
use picollect_evaluate::energy::of_epochs;
use picollect_evaluate::power::{peak_of_sum_w, peak_w};
use picollect_evaluate::series::Sample;
use picollect_telemetry::catalogue::{
    CONVERSIONS_PER_S, GAIN_ERROR, JOULES, Metric, OFFSET_W, WATTS, WATTS_MAX,
};
use picollect_telemetry::{Boundary, Source};

use super::super::{EnergyFigure, SourcePart};
use super::Result;
use crate::query::{AROUND_MS, energy_points, numbers, series_of};
use crate::store::{SeriesKey, Store};

/// A meter with its verdict on the window and its watts.
pub(super) struct Meter {
    pub(super) name: String,
    pub(super) figure: Figure,
    pub(super) watts: Vec<Sample>,
    pub(super) accuracy: Option<Accuracy>,
    pub(super) conversions_per_s: Option<f64>,
    /// Whether its energy is that of a counter, so that nothing between two samples is lost.
    pub(super) integrated: bool,
    watts_max: Vec<Sample>,
}

impl Meter {
    pub(super) fn energy_figure(&self, window: Window) -> EnergyFigure {
        let mean_w = self.figure.energy.mean_w();
        EnergyFigure {
            source: Some(self.figure.source.as_str()),
            boundary: Some(self.figure.boundary.as_str()),
            coverage: self.figure.energy.coverage(window),
            energy_j: Some(self.figure.energy.joules),
            mean_w,
            peak_w: peak_w(&self.watts_max, window),
            uncertainty_w: self.accuracy.zip(mean_w).map(|(accuracy, mean_w)| accuracy.error_w(mean_w)),
        }
    }
}

/// The meter that speaks for a node in a window, if any covers some of it.
pub(super) fn speaking_meter(store: &dyn Store, host: &str, window: Window) -> Result<Option<Meter>> {
    let mut meters = Vec::new();
    for joules in series_of(store, host, &JOULES, window, AROUND_MS)? {
        let tag = |name| joules.key.tag(name).unwrap_or_default();
        let (Some(source), Some(boundary)) =
            (Source::from_name(tag("source")), Boundary::from_name(tag("boundary")))
        else {
            continue;
        };
        let Some(energy) = of_epochs(&energy_points(store, &joules, window)?, window) else { continue };
        let watts = |metric: &Metric| {
            numbers(store, &SeriesKey { field: metric.field.into(), ..joules.key.clone() }, window, 0)
        };
        let fact = |metric: &Metric| fact(store, &joules.key, metric, window);
        let accuracy = fact(&GAIN_ERROR)?.zip(fact(&OFFSET_W)?);
        meters.push(Meter {
            name: tag("meter").to_owned(),
            figure: Figure { source, boundary, energy },
            watts: watts(&WATTS)?,
            watts_max: watts(&WATTS_MAX)?,
            accuracy: accuracy.map(|(gain, offset_w)| Accuracy { gain, offset_w }),
            conversions_per_s: fact(&CONVERSIONS_PER_S)?,
            integrated: true,
        });
    }
    let figures: Vec<Figure> = meters.iter().map(|meter| meter.figure).collect();
    Ok(speaking_for_node(&figures).map(|index| meters.swap_remove(index)))
}

/// What an agent last said of a meter itself: it says so rarely.
fn fact(store: &dyn Store, power: &SeriesKey, metric: &Metric, window: Window) -> Result<Option<f64>> {
    let key = SeriesKey {
        measurement: metric.measurement.to_owned(),
        field: metric.field.to_owned(),
        tags: power.tags.clone(),
    };
    let said = numbers(store, &key, window, AROUND_MS)?;
    Ok(said.last().map(|sample| sample.value))
}

/// Meters by host, each with the interval of its samples in seconds.
pub(super) type Metered = BTreeMap<String, (Meter, f64)>;

/// Several nodes together, by boundary.
#[derive(Default)]
pub(super) struct Together {
    /// The widest boundary speaks for all.
    pub(super) energy: EnergyFigure,
    /// Nodes in it.
    pub(super) nodes: usize,
    pub(super) by_source: Vec<SourcePart>,
    /// The narrower ones, widest first.
    pub(super) others: Vec<EnergyFigure>,
}

/// Adds up what may be added.
pub(super) fn together(metered: &Metered, window: Window) -> Together {
    let figures: Vec<Figure> = metered.values().map(|(meter, _)| meter.figure).collect();
    let sums = sums(&figures);
    let mut figures = sums.iter().map(|sum| figure(metered, sum, window));
    let Some((energy, widest)) = figures.next().zip(sums.first()) else { return Together::default() };
    let part = |&(source, nodes, energy_j): &(Source, usize, f64)| SourcePart {
        source: source.as_str(),
        nodes,
        energy_j,
    };
    Together {
        energy,
        nodes: widest.nodes,
        by_source: widest.by_source.iter().map(part).collect(),
        others: figures.collect(),
    }
}

fn figure(metered: &Metered, sum: &Sum, window: Window) -> EnergyFigure {
    let parts: Vec<_> = metered.values().filter(|(meter, _)| meter.figure.boundary == sum.boundary).collect();
    let watts: Vec<_> = parts.iter().map(|(meter, _)| meter.watts.clone()).collect();
    let interval_s = parts.iter().map(|(_, interval_s)| *interval_s).fold(0.0, f64::max);
    let whole_s = window.seconds() * sum.nodes as f64;
    let accuracies: Vec<_> = parts
        .iter()
        .map(|(meter, _)| (meter.accuracy, meter.figure.energy.mean_w().unwrap_or(0.0)))
        .collect();
    EnergyFigure {
        source: Some(sum.source.as_str()),
        boundary: Some(sum.boundary.as_str()),
        coverage: (whole_s > 0.0).then(|| sum.energy.covered_s / whole_s),
        energy_j: Some(sum.energy.joules),
        mean_w: Some(sum.mean_w),
        peak_w: peak_of_sum_w(&watts, window, interval_s),
        uncertainty_w: combined_ratio(&accuracies).map(|ratio| ratio * sum.mean_w),
    }
}

/// The boundary of a figure.
pub(super) fn boundary(figure: &EnergyFigure) -> Option<Boundary> {
    Boundary::from_name(figure.boundary?)
}
