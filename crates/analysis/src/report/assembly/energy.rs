//! Energy of a part of time: of each node by the meter that speaks for it, of the wall, and of all of it
//! together.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::accuracy::{Accuracy, combined_ratio};
use picollect_evaluate::cluster::{Figure, Part, SourceShare, Sum, primary_meter, speaking_part, sums};
use picollect_evaluate::energy::Energy;
use picollect_evaluate::power::{peak_of_sum_w, peak_w};
use picollect_evaluate::series::Sample;
use picollect_telemetry::catalogue::{
    CONVERSIONS_PER_S, GAIN_ERROR, JOULES, METERED_S, Metric, OFFSET_W, WATTS, WATTS_MAX,
};
use picollect_telemetry::{Boundary, Source};

use super::super::{EnergyFigure, SourcePart};
use super::{Result, at_least, unknown};
use crate::nodes::last_seen;
use crate::sources::Sources;
use picollect_query::{energy_of, interval_s, numbers, power_meters, resolution_s};
use picollect_store::SeriesKey;

/// What a meter says of itself it says rarely, and it holds until it says otherwise.
const FACTS_BACK_MS: i64 = 400 * 24 * 3600 * 1000;
/// The interval of a node that says none: an agent's usual one.
const USUAL_INTERVAL_S: f64 = 1.0;

/// A meter with its verdict on a part of time and its watts.
pub(super) struct Meter {
    pub(super) name: String,
    /// Its series of watts, which it may be without.
    pub(super) key: SeriesKey,
    pub(super) figure: Figure,
    pub(super) watts: Vec<Sample>,
    pub(super) accuracy: Option<Accuracy>,
    pub(super) conversions_per_s: Option<f64>,
    /// Whether its energy is that of a counter, so that nothing between two samples is lost.
    pub(super) integrated: bool,
    /// Time between two of its samples, in seconds.
    pub(super) interval_s: f64,
    watts_max: Vec<Sample>,
    /// Its first and last word in the part of time, Unix milliseconds.
    spoke_ms: Option<(i64, i64)>,
}

impl Meter {
    /// Whether it took up what another measured before it: the same boundary, and never at the same time.
    fn follows(&self, before: &Self) -> bool {
        let same =
            (self.figure.source, self.figure.boundary) == (before.figure.source, before.figure.boundary);
        let after = before.spoke_ms.zip(self.spoke_ms).is_some_and(|(before, own)| before.1 < own.0);
        same && after && self.figure.boundary != Boundary::Rail
    }

    /// Itself with what the meter before it measured. What holds of both holds of the sum.
    fn after(mut self, mut before: Self) -> Self {
        let worse = |a: Accuracy, b: Accuracy| Accuracy {
            gain: a.gain.max(b.gain),
            offset_w: a.offset_w.max(b.offset_w),
        };
        self.figure.energy.joules += before.figure.energy.joules;
        self.figure.energy.covered_s += before.figure.energy.covered_s;
        before.watts.append(&mut self.watts);
        before.watts_max.append(&mut self.watts_max);
        let spoke_ms = before.spoke_ms.zip(self.spoke_ms).map(|(first, last)| (first.0, last.1));
        Self {
            accuracy: self.accuracy.zip(before.accuracy).map(|(own, before)| worse(own, before)),
            integrated: self.integrated && before.integrated,
            watts: before.watts,
            watts_max: before.watts_max,
            spoke_ms,
            ..self
        }
    }

    pub(super) fn energy_figure(&self, window: Window) -> EnergyFigure {
        let mean_w = self.figure.energy.mean_w();
        EnergyFigure {
            source: Some(self.figure.source),
            boundary: Some(self.figure.boundary),
            coverage: self.figure.energy.coverage(window),
            energy_j: Some(self.figure.energy.joules),
            mean_w,
            peak_w: peak_w(&self.watts_max, window),
            uncertainty_w: self.accuracy.zip(mean_w).map(|(accuracy, mean_w)| accuracy.error_w(mean_w)),
            why_unknown: None,
        }
    }

    fn accuracy_and_mean_w(&self) -> (Option<Accuracy>, f64) {
        (self.accuracy, self.figure.energy.mean_w().unwrap_or(0.0))
    }
}

/// Which meters a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All nodes, and so what stands around all of them too.
    Cluster,
    /// Some of the nodes.
    Some,
}

/// Some nodes in a part of time.
pub(super) struct MeteredNodes {
    pub(super) window: Window,
    /// How far apart the points are that stand for some of its samples.
    pub(super) resolution_s: Option<f64>,
    /// How many nodes there are, metered or not.
    pub(super) nodes: usize,
    /// The meter that speaks for each node that has one.
    pub(super) metered: BTreeMap<String, Meter>,
    /// The meters at the wall in front of all of them.
    pub(super) wall: Vec<Meter>,
    /// The boundary that speaks for all.
    pub(super) energy: EnergyFigure,
    /// Nodes in that figure.
    pub(super) nodes_with_energy: usize,
    pub(super) by_source: Vec<SourcePart>,
    /// The other boundaries, widest first.
    pub(super) others: Vec<EnergyFigure>,
}

impl MeteredNodes {
    /// Measures these nodes in a part of time.
    pub(super) fn of(from: &Sources<'_>, nodes: &[String], scope: Scope, window: Window) -> Result<Self> {
        let mut metered = BTreeMap::new();
        for host in nodes {
            let mut meters = one_after_the_other(meters(from, Some(host), window)?);
            let figures: Vec<Figure> = meters.iter().map(|meter| meter.figure).collect();
            metered.extend(primary_meter(&figures).map(|index| (host.clone(), meters.swap_remove(index))));
        }
        let mut wall = meters(from, None, window)?;
        wall.retain(|meter| in_front_of(from, &meter.name, nodes, scope));
        let mut part = Self {
            window,
            resolution_s: resolution_s(from.store, window.start_ms, from.now_ms)?,
            nodes: nodes.len(),
            metered,
            wall,
            energy: EnergyFigure::default(),
            nodes_with_energy: 0,
            by_source: Vec::new(),
            others: Vec::new(),
        };
        part.add_up();
        if part.energy.energy_j.is_none() {
            part.energy.why_unknown = Some(unknown::why(from, nodes, scope, window)?);
        }
        Ok(part)
    }

    fn meters(&self) -> impl Iterator<Item = &Meter> {
        self.metered.values().chain(&self.wall)
    }

    fn add_up(&mut self) {
        let figures: Vec<Figure> = self.meters().map(|meter| meter.figure).collect();
        let sums = sums(&figures);
        let mut energies: Vec<EnergyFigure> = sums.iter().map(|sum| self.figure(sum)).collect();
        let parts = sums.iter().zip(&energies).map(|(sum, figure)| Part {
            coverage: figure.coverage.unwrap_or(0.0),
            nodes: self.behind(sum),
            of: self.nodes,
        });
        let Some(speaks) = speaking_part(&parts.collect::<Vec<_>>()) else { return };
        let share = |share: &SourceShare| SourcePart {
            source: share.source,
            nodes: share.nodes,
            energy_j: share.joules,
        };
        self.by_source = sums[speaks].by_source.iter().map(share).collect();
        self.energy = energies.remove(speaks);
        self.others = energies;
        self.nodes_with_energy = self.behind(&sums[speaks]);
    }

    /// How many nodes a sum is about: what is behind the wall is every node and not one for each meter.
    fn behind(&self, sum: &Sum) -> usize {
        let at_the_wall = sum.boundary == Boundary::Wall && !self.wall.is_empty();
        if at_the_wall { self.nodes } else { sum.nodes }
    }

    fn figure(&self, sum: &Sum) -> EnergyFigure {
        let parts: Vec<&Meter> =
            self.meters().filter(|meter| meter.figure.boundary == sum.boundary).collect();
        let watts: Vec<_> = parts.iter().map(|meter| meter.watts.clone()).collect();
        let interval_s = parts.iter().map(|meter| meter.interval_s).fold(0.0, f64::max);
        let interval_s = at_least(interval_s, self.resolution_s);
        let whole_s = self.window.seconds() * sum.nodes as f64;
        let accuracies: Vec<_> = parts.iter().map(|meter| meter.accuracy_and_mean_w()).collect();
        EnergyFigure {
            source: Some(sum.source),
            boundary: Some(sum.boundary),
            coverage: (whole_s > 0.0).then(|| (sum.energy.covered_s / whole_s).min(1.0)),
            energy_j: Some(sum.energy.joules),
            mean_w: Some(sum.mean_w),
            peak_w: peak_of_sum_w(&watts, self.window, interval_s),
            uncertainty_w: combined_ratio(&accuracies).map(|ratio| ratio * sum.mean_w),
            why_unknown: None,
        }
    }

    /// Joules and covered seconds at a boundary, added up over its meters.
    pub(super) fn covered_energy(&self, boundary: Option<Boundary>) -> Energy {
        let nothing = Energy { joules: 0.0, covered_s: 0.0 };
        let there = self.meters().filter(|meter| Some(meter.figure.boundary) == boundary);
        there.map(|meter| meter.figure.energy).fold(nothing, |sum, energy| Energy {
            joules: sum.joules + energy.joules,
            covered_s: sum.covered_s + energy.covered_s,
        })
    }

    /// The boundary that speaks.
    pub(super) fn boundary(&self) -> Option<Boundary> {
        self.energy.boundary
    }

    /// The meters behind the figure.
    pub(super) fn speaking(&self) -> impl Iterator<Item = &Meter> {
        let speaks = self.boundary();
        self.meters().filter(move |meter| Some(meter.figure.boundary) == speaks)
    }

    /// Mean power of all nodes; work and power have to be those of the same machines.
    pub(super) fn all_mean_w(&self) -> Option<f64> {
        self.energy.mean_w.filter(|_| self.nodes_with_energy == self.nodes)
    }

    /// Greatest error of the power as a ratio of it; unknown if a meter's is.
    pub(super) fn accuracy_ratio(&self) -> Option<f64> {
        combined_ratio(&self.speaking().map(Meter::accuracy_and_mean_w).collect::<Vec<_>>())
    }
}

/// A meter that got another name, or was exchanged, goes on with what the one before it measured: its figures are of
/// the same boundary at other times. It has the later name.
fn one_after_the_other(mut meters: Vec<Meter>) -> Vec<Meter> {
    meters.sort_by_key(|meter| meter.spoke_ms);
    let mut kept: Vec<Meter> = Vec::new();
    for meter in meters {
        match kept.iter().position(|before| meter.follows(before)) {
            Some(index) => {
                let before = kept.swap_remove(index);
                kept.push(meter.after(before));
            }
            None => kept.push(meter),
        }
    }
    // Which of equals is chosen does not depend on who spoke first.
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    kept
}

/// Whether a meter at the wall stands before these nodes, all of them and no others.
pub(super) fn in_front_of(from: &Sources<'_>, meter: &str, nodes: &[String], scope: Scope) -> bool {
    let covers = from.config.wall.iter().find(|wall| wall.name == meter).map(|wall| wall.covers.as_slice());
    match covers {
        None | Some([]) => scope == Scope::Cluster,
        Some(covers) => covers.len() == nodes.len() && nodes.iter().all(|node| covers.contains(node)),
    }
}

/// The meters of a host, or for `None` those at the wall, that cover some of a window.
fn meters(from: &Sources<'_>, host: Option<&str>, window: Window) -> Result<Vec<Meter>> {
    let mut meters = Vec::new();
    for key in power_meters(from.store, host)? {
        let tag = |name| key.tag(name).unwrap_or_default();
        let (Some(source), Some(boundary)) =
            (Source::from_name(tag("source")), Boundary::from_name(tag("boundary")))
        else {
            continue;
        };
        let Some(energy) = energy_of(from.store, &key, window)? else { continue };
        let read = |metric: &Metric| {
            numbers(from.store, &SeriesKey { field: metric.field.into(), ..key.clone() }, window, 0)
        };
        let (watts, watts_max) = (read(&WATTS)?, read(&WATTS_MAX)?);
        let totals = if watts.is_empty() { read(&JOULES)? } else { Vec::new() };
        let spoke = watts.iter().chain(&totals).map(|sample| sample.t_ms);
        let spoke_ms = spoke.clone().min().zip(spoke.max());
        let own = match host {
            Some(host) => last_seen(from.store, host, window.end_ms)?.map(|(_, interval_s)| interval_s),
            None => interval_s(&watts),
        };
        meters.push(Meter {
            name: tag("meter").to_owned(),
            key: key.clone(),
            figure: Figure { source, boundary, energy },
            accuracy: accuracy(from, &key, window)?,
            conversions_per_s: fact(from, &key, &CONVERSIONS_PER_S, window)?,
            integrated: integrated(from, &key, host, window)?,
            interval_s: own.unwrap_or(USUAL_INTERVAL_S),
            // A foreign feed has no maxima: its readings are the best that is known.
            watts_max: if watts_max.is_empty() { watts.clone() } else { watts_max },
            watts,
            spoke_ms,
        });
    }
    Ok(meters)
}

/// Whether a meter counts energy: a node's that says how long it counted. At the wall it is the other way round:
/// the collector, which says so, integrates what it asks for, and a log's joules are the meter's own.
fn integrated(from: &Sources<'_>, power: &SeriesKey, host: Option<&str>, window: Window) -> Result<bool> {
    let says_how_long = says_in(from, power, &METERED_S, window)?;
    Ok(match host {
        Some(_) => says_how_long,
        None => !says_how_long && says_in(from, power, &JOULES, window)?,
    })
}

/// Whether a metric of a meter has a sample in a window; only the last one is read.
fn says_in(from: &Sources<'_>, power: &SeriesKey, metric: &Metric, window: Window) -> Result<bool> {
    let key = SeriesKey { field: metric.field.to_owned(), ..power.clone() };
    let end = Window { start_ms: window.end_ms, end_ms: window.end_ms };
    let near = numbers(from.store, &key, end, window.end_ms - window.start_ms)?;
    Ok(near.iter().any(|sample| (window.start_ms..=window.end_ms).contains(&sample.t_ms)))
}

/// What the meter itself said, else what the collector's configuration says of a meter at the wall.
fn accuracy(from: &Sources<'_>, power: &SeriesKey, window: Window) -> Result<Option<Accuracy>> {
    let said = fact(from, power, &GAIN_ERROR, window)?.zip(fact(from, power, &OFFSET_W, window)?);
    let configured = from.config.wall.iter().find(|wall| Some(wall.name.as_str()) == power.tag("meter"));
    let configured = configured.and_then(|wall| Some((wall.accuracy?, wall.offset_w.unwrap_or(0.0))));
    Ok(said.or(configured).map(|(gain, offset_w)| Accuracy { gain, offset_w }))
}

fn fact(from: &Sources<'_>, power: &SeriesKey, metric: &Metric, window: Window) -> Result<Option<f64>> {
    let key = SeriesKey {
        measurement: metric.measurement.to_owned(),
        field: metric.field.to_owned(),
        tags: power.tags.clone(),
    };
    let moment = Window { start_ms: window.end_ms, end_ms: window.end_ms };
    Ok(numbers(from.store, &key, moment, FACTS_BACK_MS)?.first().map(|sample| sample.value))
}
