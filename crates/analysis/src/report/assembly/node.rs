//! A node in a window: temperature, use, throttling, what it could not say.

use picollect_evaluate::presence::presence;
use picollect_evaluate::series::{Sample, greatest, mean};
use picollect_evaluate::thermal::{CoolingChange, Fit};
use picollect_evaluate::throttle::{self, Cause, Moment};
use picollect_evaluate::{GAP_INTERVALS, Window};
use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{
    BUSY, CORES, CPU_STEAL, HOST, MAX_HZ, MAX_LIMIT_HZ, NO_DATA, NODE_INFO, SIMULATED,
};

use super::super::{Episode, MeanMax, Missing, Node, Thermal};
use super::energy::Meter;
use super::supply_and_flash::supply_and_flash;
use super::{Result, at_least};
use picollect_query::throttling::{all_cores, known_episodes, moments, of_all_cores, of_processor};
use picollect_query::{AROUND_MS, boards_at_once, latest, numbers, processor_temperature, series_of, whole};
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
    let busy_key = all_cores(store, host, &BUSY)?;
    let busy = busy_key.as_ref().map_or(Ok(Vec::new()), |key| numbers(store, key, window, 0))?;
    let cores = of_all_cores(store, host, &CORES, window)?;
    let mean_max = |keys: &[SeriesKey], samples: &[Sample]| -> Result<MeanMax> {
        let max = match resolution_s {
            Some(_) => greatest_rolled_up(store, keys, window)?,
            None => greatest(samples, window),
        };
        Ok(MeanMax { mean: mean(samples, window, interval_s), max })
    };
    let (thermometers, temps) = temps.map(|found| (found.keys, found.samples)).unwrap_or_default();
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
    let stolen = mean(&of_all_cores(store, host, &CPU_STEAL, window)?, window, interval_s);
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
        Ok(of_processor(store, host, metric, window)?.last().map(|sample| sample.value))
    };
    let both = last(&MAX_LIMIT_HZ)?.zip(last(&MAX_HZ)?);
    Ok(both.filter(|(limit_hz, max_hz)| *limit_hz > 0.0 && *limit_hz < CLOCK_LIMITED * max_hz))
}

/// Mean share of the cores that worked.
pub(super) fn mean_busy(end: &super::Moment<'_>, host: &str, window: Window) -> Result<Option<f64>> {
    let interval_s = end.last_seen(host)?.map_or(1.0, |(_, interval_s)| interval_s);
    Ok(mean(&of_all_cores(end.from.store, host, &BUSY, window)?, window, interval_s))
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
