//! A node in a window: temperature, use, throttling, what it could not say.

use std::collections::BTreeMap;

use picollect_evaluate::presence::presence;
use picollect_evaluate::series::{Sample, greatest, mean};
use picollect_evaluate::thermal::{CoolingChange, Fit};
use picollect_evaluate::throttle::{self, Cause, Moment, episodes};
use picollect_evaluate::{GAP_INTERVALS, Window};
use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{
    BUSY, CORES, CPU_STEAL, FREQ_CAPPED, HOST, MAX_HZ, MAX_LIMIT_HZ, MEASURED_HZ, Metric, NO_DATA, NODE_INFO,
    SIMULATED, SOFT_LIMIT, THROTTLED, UNDER_VOLTAGE,
};

use super::super::{Episode, MeanMax, Missing, Node, Thermal};
use super::energy::Meter;
use super::supply_and_flash::supply_and_flash;
use super::{Result, at_least};
use picollect_query::{
    AROUND_MS, Series, boards_at_once, latest, numbers, processor_temperature, series_of, whole,
};
use picollect_settings::time::rfc3339;
use picollect_store::{Selector, SeriesKey, Store};

/// From this share of its cores on a node counts as busy when its clock is compared.
const BUSY_FOR_CLOCK: f64 = 0.5;

/// A limit above this share of the highest clock is a step of it and slows nobody down.
const CLOCK_LIMITED: f64 = 0.97;

/// A node of the report, and the samples behind it that others need.
pub(super) struct Seen {
    pub(super) node: Node,
    pub(super) interval_s: f64,
    pub(super) temps: Vec<Sample>,
    pub(super) busy: Vec<Sample>,
    /// Real clock by the highest, mean over the window.
    pub(super) clock_ratio: Option<f64>,
    /// `None` if the node never said it, hertz.
    pub(super) max_hz: Option<f64>,
    /// The causes of its episodes.
    pub(super) causes: Vec<Cause>,
    /// Flags, load, clock and temperature at each time.
    pub(super) moments: Vec<Moment>,
    /// Where somebody limited its clock: the limit and what the processor can do, Hz.
    pub(super) clock_limit: Option<(f64, f64)>,
    /// Its thermal model by watts, once there is a good one.
    pub(super) fit: Option<Fit>,
    /// When its cooling got worse.
    pub(super) cooling_change: Option<CoolingChange>,
    /// The share of its time that a hypervisor gave to others, mean over the window.
    pub(super) stolen: Option<f64>,
}

/// Looks at a node in a window, which is over at `until_ms` if not before.
pub(super) fn see(
    store: &dyn Store,
    host: &str,
    (window, until_ms): (Window, i64),
    (heard_ms, interval_s): (i64, f64),
    resolution_s: Option<f64>,
    meter: Option<&Meter>,
) -> Result<Seen> {
    let info = latest(store, host, &NODE_INFO, window.end_ms, AROUND_MS)?;
    let tag = |name: &str| info.as_ref().and_then(|(key, _)| key.tag(name)).map(ToOwned::to_owned);
    let state = presence(heard_ms, until_ms, interval_s);
    let interval_s = at_least(interval_s, resolution_s);
    let temps = processor_temperature(store, host, window, 0)?;
    let busy = of_all_cores(store, host, &BUSY, window)?;
    let cores = of_all_cores(store, host, &CORES, window)?;
    let mean_max = |keys: &[SeriesKey], samples: &[Sample]| -> Result<MeanMax> {
        let max = match resolution_s {
            Some(_) => greatest_rolled_up(store, keys, window)?,
            None => greatest(samples, window),
        };
        Ok(MeanMax { mean: mean(samples, window, interval_s), max })
    };
    let (thermometers, temps) = temps.map(|found| (found.keys, found.samples)).unwrap_or_default();
    let busy_key = busy.as_ref().map(|busy| busy.key.clone());
    let (busy, cores) = (samples_of(busy), samples_of(cores));
    let (temp_c, busy_ratio) = (mean_max(&thermometers, &temps)?, mean_max(busy_key.as_slice(), &busy)?);
    let moments = moments(store, host, window, &temps, &busy)?;
    let episodes = known_episodes(&moments, window, interval_s);
    let causes = episodes.iter().flatten().map(|episode| episode.cause).collect();
    let max_hz = moments.iter().filter_map(|moment| moment.max_hz).reduce(f64::max);
    let possible_s = cores.last().map(|cores| cores.value * window.seconds());
    let node = Node {
        host: host.to_owned(),
        model: tag("model"),
        serials: serials(store, host, window)?,
        boards_at_once: boards_at_once(store, host, window)?,
        simulated: tag(SIMULATED).is_some(),
        state,
        meter: meter.map(|meter| meter.name.clone()),
        energy: meter.map(|meter| meter.energy_figure(window)).unwrap_or_default(),
        temp_c,
        busy_ratio,
        episodes: episodes.map(|found| found.iter().map(|one| episode(one, possible_s)).collect()),
        thermal: Thermal::default(),
        supply_and_flash: supply_and_flash(store, host, window, interval_s)?,
        missing: missing(store, host, window, heard_ms, interval_s)?,
    };
    let (clock_ratio, clock_limit) = (clock_ratio(&moments), clock_limit(store, host, window)?);
    let stolen = mean(&samples_of(of_all_cores(store, host, &CPU_STEAL, window)?), window, interval_s);
    Ok(Seen {
        node,
        interval_s,
        temps,
        busy,
        clock_ratio,
        max_hz,
        causes,
        moments,
        clock_limit,
        fit: None,
        cooling_change: None,
        stolen,
    })
}

/// The last limit of the clock, if it is below what the processor can do.
fn clock_limit(store: &dyn Store, host: &str, window: Window) -> Result<Option<(f64, f64)>> {
    let last = |metric| -> Result<Option<f64>> {
        Ok(samples_of(processor(store, host, metric, window)?).last().map(|sample| sample.value))
    };
    let both = last(&MAX_LIMIT_HZ)?.zip(last(&MAX_HZ)?);
    Ok(both.filter(|(limit_hz, max_hz)| *limit_hz > 0.0 && *limit_hz < CLOCK_LIMITED * max_hz))
}

/// `None` if nothing is known of its flags. The kernel's alarm alone knows episodes of low voltage, but
/// never that there were no others.
fn known_episodes(moments: &[Moment], window: Window, interval_s: f64) -> Option<Vec<throttle::Episode>> {
    let all_flags = moments.iter().any(|moment| moment.flags.throttled.is_some());
    let found = episodes(moments, window, interval_s);
    (all_flags || !found.is_empty()).then_some(found)
}

/// The episodes of a node in a window; `None` if nothing is known of its flags.
pub(super) fn episodes_in(
    store: &dyn Store,
    host: &str,
    window: Window,
    interval_s: f64,
) -> Result<Option<Vec<throttle::Episode>>> {
    let temps = processor_temperature(store, host, window, 0)?.map(|found| found.samples).unwrap_or_default();
    let busy = samples_of(of_all_cores(store, host, &BUSY, window)?);
    let moments = moments(store, host, window, &temps, &busy)?;
    Ok(known_episodes(&moments, window, interval_s))
}

/// Mean share of the cores that worked.
pub(super) fn mean_busy(end: &super::Moment<'_>, host: &str, window: Window) -> Result<Option<f64>> {
    let interval_s = end.last_seen(host)?.map_or(1.0, |(_, interval_s)| interval_s);
    Ok(mean(&samples_of(of_all_cores(end.from.store, host, &BUSY, window)?), window, interval_s))
}

/// While the node is busy: an idle one runs slowly on purpose.
fn clock_ratio(moments: &[Moment]) -> Option<f64> {
    let busy = moments.iter().filter(|moment| {
        moment.busy_cores.zip(moment.cores).is_some_and(|(busy, cores)| busy >= BUSY_FOR_CLOCK * cores)
    });
    let ratios: Vec<f64> =
        busy.filter_map(|moment| Some(moment.clock_hz? / moment.max_hz.filter(|hz| *hz > 0.0)?)).collect();
    (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64)
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

/// `possible_s`: the core-seconds that all cores could do in the window.
fn episode(episode: &throttle::Episode, possible_s: Option<f64>) -> Episode {
    Episode {
        start: rfc3339(episode.start_ms),
        end: rfc3339(episode.end_ms),
        cause: episode.cause,
        peak_c: episode.peak_c,
        lowest_hz: episode.lowest_hz,
        lost_core_s: episode.lost_core_s,
        lost_share: episode
            .lost_core_s
            .zip(possible_s)
            .map(|(lost, all)| lost / all)
            .filter(|share| share.is_finite()),
    }
}

/// The first series of a metric of the processor.
fn processor(store: &dyn Store, host: &str, metric: &Metric, window: Window) -> Result<Option<Series>> {
    Ok(series_of(store, host, metric, window, 0)?.into_iter().next())
}

fn samples_of(series: Option<Series>) -> Vec<Sample> {
    series.map(|series| series.samples).unwrap_or_default()
}

/// The greatest number of a window whose samples may be rolled up: the points then are means, but the greatest of
/// what they stand for is stored beside them.
fn greatest_rolled_up(store: &dyn Store, keys: &[SeriesKey], window: Window) -> Result<Option<f64>> {
    let until = Window { end_ms: window.end_ms + 1, ..window };
    let step_ms = until.end_ms - until.start_ms;
    let mut greatest: Option<f64> = None;
    for key in keys {
        let max = store.aggregate(key, until, step_ms)?.first().map(|bucket| bucket.max);
        greatest = greatest.into_iter().chain(max).reduce(f64::max);
    }
    Ok(greatest)
}

/// All series of a flag: which origin speaks may change within a window.
fn of_all_origins(store: &dyn Store, host: &str, flag: &Metric, window: Window) -> Result<Vec<Sample>> {
    Ok(series_of(store, host, flag, window, 0)?.into_iter().flat_map(|series| series.samples).collect())
}

fn of_all_cores(store: &dyn Store, host: &str, metric: &Metric, window: Window) -> Result<Option<Series>> {
    let all = |series: &Series| series.key.tag("core") == Some("all");
    Ok(series_of(store, host, metric, window, 0)?.into_iter().find(all))
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
    put(&flag(&UNDER_VOLTAGE)?, &|moment, value| raise(&mut moment.flags.under_voltage, value));
    put(&flag(&FREQ_CAPPED)?, &|moment, value| raise(&mut moment.flags.freq_capped, value));
    put(&flag(&THROTTLED)?, &|moment, value| raise(&mut moment.flags.throttled, value));
    put(&flag(&SOFT_LIMIT)?, &|moment, value| raise(&mut moment.flags.soft_limit, value));
    put(temps, &|moment, value| moment.temp_c = Some(value));
    put(&samples_of(processor(store, host, &MEASURED_HZ, window)?), &|moment, value| {
        moment.clock_hz = Some(value);
    });
    put(&samples_of(processor(store, host, &MAX_HZ, window)?), &|moment, value| moment.max_hz = Some(value));
    // Slowed down on purpose is not throttled.
    put(&samples_of(processor(store, host, &MAX_LIMIT_HZ, window)?), &|moment, limit| {
        moment.max_hz = Some(moment.max_hz.map_or(limit, |max_hz| max_hz.min(limit)));
    });
    put(busy, &|moment, value| moment.busy_cores = Some(value));
    put(&samples_of(of_all_cores(store, host, &CORES, window)?), &|moment, cores| {
        moment.busy_cores = moment.busy_cores.map(|busy| busy * cores);
        moment.cores = Some(cores);
    });
    Ok(moments.into_values().collect())
}

/// A flag that one origin sets is set, whatever the others say; one that none tells stays unknown.
fn raise(flag: &mut Option<bool>, value: f64) {
    *flag = (*flag).max(Some(value > 0.0));
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
        found.push(Missing { what, why, since: rfc3339(since_ms) });
    }
    Ok(found)
}
