//! From a window of the store to a report.

use std::collections::BTreeMap;

use picollect_evaluate::cluster::{Figure, speaking_for_node, sums};
use picollect_evaluate::efficiency::{flops, flops_per_w};
use picollect_evaluate::power::{peak_of_sum_w, peak_w};
use picollect_evaluate::presence::presence;
use picollect_evaluate::series::{Sample, greatest, mean};
use picollect_evaluate::throttle::{Flags, Moment, episodes};
use picollect_evaluate::{GAP_INTERVALS, Window};
use picollect_telemetry::catalogue::{
    BUSY, CORES, FREQ_CAPPED, HOST, MAX_HZ, MEASURED_HZ, Metric, NO_DATA, NODE_INFO, SIMULATED, SOFT_LIMIT,
    TEMP, THROTTLED, UNDER_VOLTAGE, WATTS, WATTS_MAX,
};
use picollect_telemetry::{Boundary, NoData, Source};

use super::{
    Cluster, EnergyFigure, Episode, MeanMax, Missing, Node, Report, Run, RunNode, SCHEMA, SourcePart, Span,
};
use crate::nodes::heard;
use crate::query::{
    AROUND_MS, Series, energy_of, hosts, interval_s, latest, numbers, power_meters, series_of, whole,
};
use crate::runs;
use crate::store::{Selector, SeriesKey, Store, StoreError};
use crate::time::rfc3339;

type Result<T> = std::result::Result<T, StoreError>;

/// The report of a window.
pub fn build(store: &dyn Store, window: Window) -> Result<Report> {
    let mut nodes = Vec::new();
    let mut metered = BTreeMap::new();
    for host in hosts(store)? {
        let Some((heard_ms, interval_s)) = heard(store, &host, window.end_ms)? else { continue };
        let meter = speaking_meter(store, &host, window)?;
        nodes.push(node(store, &host, window, heard_ms, interval_s, meter.as_ref())?);
        metered.extend(meter.map(|meter| (host, (meter, interval_s))));
    }
    let runs = runs::ended_in(store, window)?.into_iter();
    let runs = runs.map(|run| self::run(store, run, &nodes)).collect::<Result<_>>()?;
    let at_the_wall = meters(store, None, window)?.into_iter().map(|meter| {
        let interval_s = interval_s(&meter.watts).unwrap_or(0.0);
        (meter, interval_s)
    });
    let metered: Vec<_> = metered.into_values().chain(at_the_wall).collect();
    let mut cluster = cluster(&nodes, &metered, window);
    if cluster.energy.boundary == Some(Boundary::Wall.as_str()) {
        // What is behind the wall is every node and not one for each meter.
        cluster.nodes_with_energy = cluster.nodes_with_energy.max(nodes.len());
    }
    Ok(Report { schema: SCHEMA, window: span(window), cluster, nodes, runs })
}

fn span(window: Window) -> Span {
    Span { start: rfc3339(window.start_ms), end: rfc3339(window.end_ms), seconds: window.seconds() }
}

/// A meter with its verdict on the window and its watts.
struct Meter {
    name: String,
    figure: Figure,
    watts: Vec<Sample>,
    watts_max: Vec<Sample>,
}

impl Meter {
    fn energy_figure(&self, window: Window) -> EnergyFigure {
        EnergyFigure {
            source: Some(self.figure.source.as_str()),
            boundary: Some(self.figure.boundary.as_str()),
            coverage: self.figure.energy.coverage(window),
            energy_j: Some(self.figure.energy.joules),
            mean_w: self.figure.energy.mean_w(),
            peak_w: peak_w(&self.watts_max, window),
        }
    }
}

/// The meter that speaks for a node in a window, if any covers some of it.
fn speaking_meter(store: &dyn Store, host: &str, window: Window) -> Result<Option<Meter>> {
    let mut meters = meters(store, Some(host), window)?;
    let figures: Vec<Figure> = meters.iter().map(|meter| meter.figure).collect();
    Ok(speaking_for_node(&figures).map(|index| meters.swap_remove(index)))
}

/// The meters of a host, or for `None` those at the wall, that cover some of a window.
fn meters(store: &dyn Store, host: Option<&str>, window: Window) -> Result<Vec<Meter>> {
    let mut meters = Vec::new();
    for key in power_meters(store, host)? {
        let tag = |name| key.tag(name).unwrap_or_default();
        let (Some(source), Some(boundary)) =
            (Source::from_name(tag("source")), Boundary::from_name(tag("boundary")))
        else {
            continue;
        };
        let Some(energy) = energy_of(store, &key, window)? else { continue };
        let watts = |metric: &Metric| {
            numbers(store, &SeriesKey { field: metric.field.into(), ..key.clone() }, window, 0)
        };
        let (watts, watts_max) = (watts(&WATTS)?, watts(&WATTS_MAX)?);
        meters.push(Meter {
            name: tag("meter").to_owned(),
            figure: Figure { source, boundary, energy },
            // A foreign feed has no maxima: its readings are the best that is known.
            watts_max: if watts_max.is_empty() { watts.clone() } else { watts_max },
            watts,
        });
    }
    Ok(meters)
}

fn node(
    store: &dyn Store,
    host: &str,
    window: Window,
    heard_ms: i64,
    interval_s: f64,
    meter: Option<&Meter>,
) -> Result<Node> {
    let info = latest(store, host, &NODE_INFO, window.end_ms, AROUND_MS)?;
    let tag = |name: &str| info.as_ref().and_then(|(key, _)| key.tag(name)).map(ToOwned::to_owned);
    let temps = processor(store, host, &TEMP, window)?;
    let busy = of_all_cores(store, host, &BUSY, window)?;
    let mean_max = |samples: &[Sample]| MeanMax {
        mean: mean(samples, window, interval_s),
        max: greatest(samples, window),
    };
    let moments = moments(store, host, window, &temps, &busy)?;
    // The kernel's alarm alone knows episodes of low voltage, but never that there were no others.
    let all_flags = !of_all_origins(store, host, &THROTTLED, window)?.is_empty();
    let found = episodes(&moments, window, interval_s);
    Ok(Node {
        host: host.to_owned(),
        model: tag("model"),
        serials: serials(store, host, window)?,
        simulated: tag(SIMULATED).is_some(),
        state: presence(heard_ms, window.end_ms, interval_s).as_str(),
        meter: meter.map(|meter| meter.name.clone()),
        energy: meter.map(|meter| meter.energy_figure(window)).unwrap_or_default(),
        temp_c: mean_max(&temps),
        busy_ratio: mean_max(&busy),
        episodes: (all_flags || !found.is_empty()).then(|| found.iter().map(episode).collect()),
        missing: missing(store, host, window, heard_ms, interval_s)?,
    })
}

/// The boards that called themselves so: nodes cloned from one card share their name.
fn serials(store: &dyn Store, host: &str, window: Window) -> Result<Vec<String>> {
    let spoke = series_of(store, host, &NODE_INFO, window, 0)?.into_iter();
    let spoke = spoke.filter(|series| !series.samples.is_empty());
    let mut serials: Vec<_> =
        spoke.filter_map(|series| series.key.tag("serial").map(ToOwned::to_owned)).collect();
    serials.sort();
    serials.dedup();
    Ok(serials)
}

fn episode(episode: &picollect_evaluate::throttle::Episode) -> Episode {
    Episode {
        start: rfc3339(episode.start_ms),
        end: rfc3339(episode.end_ms),
        cause: episode.cause.as_str(),
        peak_c: episode.peak_c,
        lowest_hz: episode.lowest_hz,
        lost_core_s: episode.lost_core_s,
    }
}

/// The first series of a metric: of several thermal zones the processor's.
fn processor(store: &dyn Store, host: &str, metric: &Metric, window: Window) -> Result<Vec<Sample>> {
    let series = series_of(store, host, metric, window, 0)?;
    Ok(series.into_iter().next().map(|series| series.samples).unwrap_or_default())
}

/// All series of a flag: which origin speaks may change within a window.
fn of_all_origins(store: &dyn Store, host: &str, flag: &Metric, window: Window) -> Result<Vec<Sample>> {
    Ok(series_of(store, host, flag, window, 0)?.into_iter().flat_map(|series| series.samples).collect())
}

fn of_all_cores(store: &dyn Store, host: &str, metric: &Metric, window: Window) -> Result<Vec<Sample>> {
    let all = |series: &Series| series.key.tag("core") == Some("all");
    let series = series_of(store, host, metric, window, 0)?.into_iter().find(all);
    Ok(series.map(|series| series.samples).unwrap_or_default())
}

/// What the throttling verdict needs, put together by time stamp: an agent's samples of one tick share
/// it.
fn moments(
    store: &dyn Store,
    host: &str,
    window: Window,
    temps: &[Sample],
    busy: &[Sample],
) -> Result<Vec<Moment>> {
    let mut moments: BTreeMap<i64, Moment> = BTreeMap::new();
    let mut put = |samples: &[Sample], set: &dyn Fn(&mut Moment, f64)| {
        for sample in samples {
            let moment =
                moments.entry(sample.t_ms).or_insert(Moment { t_ms: sample.t_ms, ..Moment::default() });
            set(moment, sample.value);
        }
    };
    let flag = |metric| of_all_origins(store, host, metric, window);
    put(&flag(&UNDER_VOLTAGE)?, &|moment, value| flags(moment).under_voltage |= value > 0.0);
    put(&flag(&FREQ_CAPPED)?, &|moment, value| flags(moment).freq_capped |= value > 0.0);
    put(&flag(&THROTTLED)?, &|moment, value| flags(moment).throttled |= value > 0.0);
    put(&flag(&SOFT_LIMIT)?, &|moment, value| flags(moment).soft_limit |= value > 0.0);
    put(temps, &|moment, value| moment.temp_c = Some(value));
    put(&processor(store, host, &MEASURED_HZ, window)?, &|moment, value| moment.clock_hz = Some(value));
    put(&processor(store, host, &MAX_HZ, window)?, &|moment, value| moment.max_hz = Some(value));
    put(busy, &|moment, value| moment.busy_cores = Some(value));
    put(&of_all_cores(store, host, &CORES, window)?, &|moment, cores| {
        moment.busy_cores = moment.busy_cores.map(|busy| busy * cores);
    });
    Ok(moments.into_values().collect())
}

fn flags(moment: &mut Moment) -> &mut Flags {
    moment.flags.get_or_insert_default()
}

/// What the node still cannot read when it is last heard, with the beginning of that stretch.
fn missing(
    store: &dyn Store,
    host: &str,
    window: Window,
    heard_ms: i64,
    interval_s: f64,
) -> Result<Vec<Missing>> {
    let tags = [(HOST, host)];
    let gap_ms = whole(GAP_INTERVALS * interval_s * 1000.0);
    let mut found = Vec::new();
    for key in store.series(&Selector { field: Some(NO_DATA), tags: &tags, ..Selector::default() })? {
        let samples = numbers(store, &key, window, 0)?;
        let Some(last) = samples.last().filter(|last| heard_ms - last.t_ms <= gap_ms) else { continue };
        let Some(why) = NoData::from_code(whole(last.value)) else { continue };
        let mut since_ms = last.t_ms;
        for sample in samples.iter().rev() {
            if since_ms - sample.t_ms > gap_ms || sample.value != last.value {
                break;
            }
            since_ms = sample.t_ms;
        }
        let own = key.tags.iter().filter(|(name, _)| name != HOST).cloned().collect::<Vec<_>>();
        let what = format!("{} {}", key.measurement, SeriesKey::tags_text(&own)).trim_end().to_owned();
        found.push(Missing { what, why: why.as_str(), since: rfc3339(since_ms) });
    }
    Ok(found)
}

fn cluster(nodes: &[Node], metered: &[(Meter, f64)], window: Window) -> Cluster {
    let count = |state| nodes.iter().filter(|node| node.state == state).count();
    let figures: Vec<Figure> = metered.iter().map(|(meter, _)| meter.figure).collect();
    let mut sums: Vec<_> = sums(&figures)
        .into_iter()
        .map(|sum| {
            let of_boundary = || metered.iter().filter(|(meter, _)| meter.figure.boundary == sum.boundary);
            let watts: Vec<_> = of_boundary().map(|(meter, _)| meter.watts.clone()).collect();
            let interval_s = of_boundary().map(|(_, interval_s)| *interval_s).fold(0.0, f64::max);
            let whole_s = window.seconds() * sum.nodes as f64;
            let figure = EnergyFigure {
                source: Some(sum.source.as_str()),
                boundary: Some(sum.boundary.as_str()),
                coverage: (whole_s > 0.0).then(|| sum.energy.covered_s / whole_s),
                energy_j: Some(sum.energy.joules),
                mean_w: Some(sum.mean_w),
                peak_w: peak_of_sum_w(&watts, window, interval_s),
            };
            (figure, sum)
        })
        .collect();
    let widest = (!sums.is_empty()).then(|| sums.remove(0));
    let part = |&(source, nodes, energy_j): &(Source, usize, f64)| SourcePart {
        source: source.as_str(),
        nodes,
        energy_j,
    };
    Cluster {
        nodes: nodes.len(),
        up: count("up"),
        late: count("late"),
        down: count("down"),
        nodes_with_energy: widest.as_ref().map_or(0, |(_, sum)| sum.nodes),
        by_source: widest
            .as_ref()
            .map(|(_, sum)| sum.by_source.iter().map(part).collect())
            .unwrap_or_default(),
        energy: widest.map(|(figure, _)| figure).unwrap_or_default(),
        other_boundaries: sums.into_iter().map(|(figure, _)| figure).collect(),
    }
}

fn run(store: &dyn Store, run: runs::Run, nodes: &[Node]) -> Result<Run> {
    let mut parts = Vec::new();
    let mut metered = Vec::new();
    let seconds = run.window.seconds();
    for share in &run.shares {
        let meter = speaking_meter(store, &share.host, run.window)?;
        let energy = meter.as_ref().map(|meter| meter.energy_figure(run.window)).unwrap_or_default();
        let rate = share.flop.and_then(|flop| flops(flop, seconds));
        let per_w = rate.zip(energy.mean_w).and_then(|(rate, watts)| flops_per_w(rate, watts));
        parts.push(RunNode { host: share.host.clone(), flops: rate, flops_per_w: per_w, energy });
        let interval_s =
            heard(store, &share.host, run.window.end_ms)?.map_or(1.0, |(_, interval_s)| interval_s);
        metered.extend(meter.map(|meter| (meter, interval_s)));
    }
    let together = cluster(&[], &metered, run.window);
    // Work and power have to be those of the same machines.
    let all_metered = together.nodes_with_energy == parts.len();
    let rate: Option<f64> = parts.iter().map(|part| part.flops).sum();
    let watts = together.energy.mean_w.filter(|_| all_metered);
    let of_run = |node: &&Node| run.shares.iter().any(|share| share.host == node.host);
    Ok(Run {
        throttled: throttled_in(nodes.iter().filter(of_run), run.window),
        window: span(run.window),
        id: run.id,
        name: run.name,
        simulated: run.simulated,
        flops: rate,
        flops_per_w: rate.zip(watts).and_then(|(rate, watts)| flops_per_w(rate, watts)),
        energy: together.energy,
        nodes: parts,
    })
}

/// Whether an episode of one of the nodes overlaps the window; unknown if no node's flags are known.
fn throttled_in<'a>(nodes: impl Iterator<Item = &'a Node>, window: Window) -> Option<bool> {
    let (start, end) = (rfc3339(window.start_ms), rfc3339(window.end_ms));
    let known: Vec<_> = nodes.filter_map(|node| node.episodes.as_ref()).collect();
    // RFC 3339 in UTC with a fixed number of digits sorts by time.
    let overlaps = |episode: &Episode| episode.start <= end && episode.end >= start;
    (!known.is_empty()).then(|| known.into_iter().flatten().any(overlaps))
}
