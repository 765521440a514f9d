//! How long the embedded store keeps what: samples as they came, then a point a minute, then a point an hour
//! ([`Retention`]), and less of all that if it may take no more room.
//!
//! From when on what is stored is coarser is said by points of the metric `resolution`, each at the end of what it is
//! about, so that reports know it whatever store they read.

use std::sync::Arc;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::RESOLUTION;
use picollect_telemetry::line::{LineWriter, Precision, decode};
use tokio::task::{self, JoinHandle};

use picollect_analysis::runs;
use picollect_config::{Keep, Retention};
use picollect_query::resolution_s;
use picollect_settings::time::{millis, now_ms, rfc3339};
use picollect_store::{Maintenance, Resolution, Store, StoreError};

/// Old data is looked for so often.
const CHECK: Duration = Duration::from_secs(3600);
/// What is younger is left alone even if there is no room.
const YOUNG_MS: i64 = 24 * 3_600_000;
const MIB: u64 = 1024 * 1024;

/// Does it now and every hour until the task is ended; does nothing for a store that looks after itself.
pub fn start(store: Arc<dyn Store>, retention: Retention) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let store = Arc::clone(&store);
            let once = move || match store.maintenance() {
                Some(store) => apply(store, &retention, now_ms()),
                None => Ok(()),
            };
            match task::spawn_blocking(once).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!("cannot roll up or delete old data: {:#}", anyhow::Error::from(error));
                }
                Err(error) => tracing::error!("cannot roll up or delete old data: {error}"),
            }
            tokio::time::sleep(CHECK).await;
        }
    })
}

/// Downsamples and deletes at once what is too old or has no room. Fails if the store does; what was done
/// stays done.
pub fn apply(store: &dyn Maintenance, retention: &Retention, now_ms: i64) -> Result<(), StoreError> {
    let old = |keep| match keep {
        Keep::For(time) => Some(now_ms.saturating_sub(millis(time))),
        Keep::Forever => None,
    };
    for (to, keep) in [(Resolution::Minute, retention.raw), (Resolution::Hour, retention.minutes)] {
        if let Some(until_ms) = old(keep) {
            let samples = downsample(store, to, until_ms)?;
            if samples > 0 {
                tracing::info!(samples, step_s = to.step_ms() / 1000, "rolled up what is old");
            }
        }
    }
    if let Some(before_ms) = old(retention.hours) {
        let samples = store.delete_before(before_ms)?;
        if samples > 0 {
            tracing::info!(samples, "deleted what is older than the retention");
        }
    }
    if let Some(mib) = retention.max_mib {
        make_room(store, mib, now_ms)?;
    }
    mark(store)
}

/// Downsamples, with counters exact where runs begin and end.
fn downsample(store: &dyn Maintenance, to: Resolution, until_ms: i64) -> Result<u64, StoreError> {
    let oldest_ms = store.oldest_finer(to)?;
    if oldest_ms.is_none_or(|oldest_ms| oldest_ms > to.last_page_end_ms(until_ms)) {
        return Ok(0);
    }
    store.downsample(to, until_ms, &edges_of_runs(store)?)
}

/// When runs, the idle time before them and their core phases begin and end, in order.
fn edges_of_runs(store: &dyn Maintenance) -> Result<Vec<i64>, StoreError> {
    let ever = Window { start_ms: 0, end_ms: i64::MAX };
    let mut edges = Vec::new();
    for run in runs::ended_in(store, ever)? {
        let cores = run.results.iter().filter_map(|result| Some(result.core.as_ref()?.time));
        let stretches = cores.chain([run.time]).chain(run.idle);
        edges.extend(stretches.flat_map(|stretch| [stretch.start_ms, stretch.end_ms]));
    }
    edges.sort_unstable();
    edges.dedup();
    Ok(edges)
}

/// While more is in use than may be: downsamples the oldest samples before their time, then the oldest points a minute,
/// and deletes the oldest points an hour last.
fn make_room(store: &dyn Maintenance, max_mib: u64, now_ms: i64) -> Result<(), StoreError> {
    let mut used = store.used_bytes()?;
    if used <= max_mib * MIB {
        return Ok(());
    }
    let mut coarser = None;
    let edges = edges_of_runs(store)?;
    while used > max_mib * MIB {
        let Some(done) = give_up_oldest(store, &edges, now_ms)? else {
            let used_mib = used / MIB;
            tracing::warn!(max_mib, used_mib, "the store is larger than it may be, and all in it is young");
            break;
        };
        coarser = Some(done);
        used = store.used_bytes()?;
    }
    if let Some(done) = coarser {
        tracing::warn!(max_mib, "the store was larger than it may be: {done}");
    }
    Ok(())
}

/// Makes the oldest page of what is finest coarser, or deletes it; says what was done, or `None` if all is young.
fn give_up_oldest(
    store: &dyn Maintenance,
    edges_of_runs: &[i64],
    now_ms: i64,
) -> Result<Option<String>, StoreError> {
    let latest_ms = now_ms - YOUNG_MS;
    let oldest_page_end_ms = |oldest_ms: Option<i64>, page: Resolution| {
        let end_ms = page.page_end_ms(oldest_ms?);
        (end_ms <= latest_ms).then_some(end_ms)
    };
    for to in Resolution::ALL {
        if let Some(end_ms) = oldest_page_end_ms(store.oldest_finer(to)?, to) {
            store.downsample(to, end_ms, edges_of_runs)?;
            let step_s = to.step_ms() / 1000;
            return Ok(Some(format!("up to {} it has a point in {step_s} s now", rfc3339(end_ms))));
        }
    }
    let Some(end_ms) = oldest_page_end_ms(store.oldest()?, Resolution::Hour) else { return Ok(None) };
    store.delete_before(end_ms)?;
    Ok(Some(format!("all before {} is deleted", rfc3339(end_ms))))
}

/// Says up to when what is stored is coarser, if nobody has.
fn mark(store: &dyn Maintenance) -> Result<(), StoreError> {
    for resolution in Resolution::ALL {
        let Some(last_ms) = store.last_of(resolution)? else { continue };
        let step_s = resolution.step_ms() as f64 / 1000.0;
        let end_ms = resolution.page_end_ms(last_ms);
        if resolution_s(store, end_ms - 1, end_ms)?.is_none_or(|known| known < step_s) {
            let mut writer = LineWriter::new(&[]);
            writer.point(end_ms, &[], &[(&RESOLUTION, step_s.into())]);
            store.append(&decode(&writer.take().0, Precision::Nanoseconds, end_ms).points)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use picollect_promql::{Query, QueryResult};
    use picollect_telemetry::Value;

    use super::*;
    use picollect_config::QueryConfig;
    use picollect_query::prometheus_api::evaluate;
    use picollect_store::{EmbeddedStore, Selector, open};

    const DAY_MS: i64 = 24 * 3_600_000;
    const NOW_MS: i64 = 400 * DAY_MS + 5;

    fn store(lines: impl Iterator<Item = String>) -> (tempfile::TempDir, EmbeddedStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        let lines: String = lines.collect();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        store.seal().unwrap();
        (directory, store)
    }

    /// One sample in six hours, for as many days.
    fn days(days: i64) -> impl Iterator<Item = String> {
        (1..=days * 4).map(|n| format!("m f={n} {}\n", NOW_MS - n * DAY_MS / 4))
    }

    fn resolution(store: &EmbeddedStore, days_ago: i64) -> Option<f64> {
        let t_ms = NOW_MS - days_ago * DAY_MS;
        resolution_s(store, t_ms, NOW_MS).unwrap()
    }

    #[test]
    fn what_is_old_becomes_coarser_and_says_so() {
        let (_directory, store) = store(days(400));
        apply(&store, &Retention::default(), NOW_MS).unwrap();
        // An hour is rolled up eight days at a time, and a minute a day.
        assert_eq!(
            [399, 374, 365, 15, 14, 0].map(|days| resolution(&store, days)),
            [Some(3600.0), Some(3600.0), Some(60.0), Some(60.0), None, None]
        );
        let short = Retention::default().deleting_after(Keep::For(Duration::from_secs(8 * 24 * 3600)));
        apply(&store, &short, NOW_MS).unwrap();
        let oldest = store.oldest().unwrap().unwrap();
        assert!((NOW_MS - 8 * DAY_MS..NOW_MS - 7 * DAY_MS).contains(&oldest));
    }

    #[test]
    fn a_query_finds_a_point_an_hour_between_two_of_them() {
        let lines = (0..2880).map(|n| format!("m f={n} {}\n", NOW_MS - 390 * DAY_MS + n * 30_000));
        let (_directory, store) = store(lines);
        let t_ms = NOW_MS - 390 * DAY_MS + 10 * 3_600_000 - 60_000;
        let ask = || {
            let query = Query::parse("m_f").unwrap();
            evaluate(&store, QueryConfig::default(), (t_ms, NOW_MS), |context| query.instant(context, t_ms))
                .unwrap()
        };
        let QueryResult::Vector(before) = ask() else { panic!("no vector") };
        assert_eq!(before[0].samples[0].value, 1198.0);
        apply(&store, &Retention::default(), NOW_MS).unwrap();
        let QueryResult::Vector(after) = ask() else { panic!("no vector") };
        // The mean of the hour that was over last.
        assert_eq!(after[0].samples[0].value, 1019.5);
    }

    #[test]
    fn what_is_kept_forever_stays_as_it_came() {
        let (_directory, store) = store(days(400));
        let forever = Retention { raw: Keep::Forever, minutes: Keep::Forever, ..Retention::default() };
        apply(&store, &forever, NOW_MS).unwrap();
        assert_eq!(resolution(&store, 399), None);
        assert_eq!(store.oldest_finer(Resolution::Minute).unwrap(), Some(NOW_MS - 400 * DAY_MS));
    }

    #[test]
    fn the_oldest_goes_first_where_there_is_no_room() {
        // Noise, which takes its eight bytes.
        let noise = |n: i64| (n as f64 * 0.754_877_666).fract().sqrt();
        let lines = (1..=30 * 2880).map(|n| format!("m f={} {}\n", noise(n), NOW_MS - n * 30_000));
        let (_directory, store) = store(lines);
        let usual =
            Retention { raw: Keep::For(Duration::from_secs(3600 * 24 * 100)), ..Retention::default() };
        assert!(store.used_bytes().unwrap() > MIB / 2);
        apply(&store, &Retention { max_mib: Some(1), ..usual }, NOW_MS).unwrap();
        assert_eq!(resolution(&store, 29), None, "there is room");
        apply(&store, &Retention { max_mib: Some(0), ..usual }, NOW_MS).unwrap();
        let oldest = store.oldest().unwrap().unwrap();
        assert!(oldest > NOW_MS - 10 * DAY_MS, "whatever is of a page of hours that is over goes");
        let ever = Window { start_ms: 0, end_ms: NOW_MS };
        let key =
            store.series(&Selector { measurement: Some("m"), ..Selector::default() }).unwrap().remove(0);
        let last = store.read(&key, ever, 0).unwrap().pop().unwrap();
        assert_eq!((last.t_ms, last.value), (NOW_MS - 30_000, Value::Float(noise(1))), "what is young stays");
    }
}
