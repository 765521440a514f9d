//! Rolling up: samples that are too old to be kept one by one become points a minute, and these points an hour.
//!
//! A page of time is rolled up in one transaction, and once: what comes late for it is rolled up into it the next time.

use std::collections::BTreeMap;

use picollect_store_format::rollup::{self, Keep, RolledUp, Series};
use picollect_store_format::{Kind, Samples, Stats, Values};
use picollect_telemetry::catalogue::{self, NO_DATA, SINCE_MS, WATTS_MAX, WATTS_MIN};

use super::change::{BEFORE_ALL_SEGMENTS, Change};
use super::database::{Chunk, Database, View};
use super::merging::Step;
use super::{Shared, lock};
use crate::store::{SeriesKey, StoreError};

/// Steps that old samples are rolled up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// A point a minute.
    Minute,
    /// A point an hour.
    Hour,
}

/// The steps of all chunks, the finest first; 0 are samples as they came.
pub(super) const STEPS_MS: [i64; 3] = [0, 60_000, 3_600_000];

impl Resolution {
    /// All, the finest first.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Its steps.
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Minute => STEPS_MS[1],
            Self::Hour => STEPS_MS[2],
        }
    }

    /// What is rolled up together: enough points to be worth compressing.
    pub fn page_ms(self) -> i64 {
        match self {
            Self::Minute => 24 * 3_600_000,
            Self::Hour => 8 * 24 * 3_600_000,
        }
    }

    /// The end of the page that a time is in; a page has its end and not its beginning.
    pub fn page_end_ms(self, t_ms: i64) -> i64 {
        (t_ms - 1).div_euclid(self.page_ms()).saturating_add(1).saturating_mul(self.page_ms())
    }

    /// The end of the last page that is over at a time.
    pub fn last_page_end_ms(self, t_ms: i64) -> i64 {
        t_ms.div_euclid(self.page_ms()) * self.page_ms()
    }

    /// The steps that are finer.
    fn finer(self) -> &'static [i64] {
        match self {
            Self::Minute => &STEPS_MS[..1],
            Self::Hour => &STEPS_MS[..2],
        }
    }
}

/// What a reader is shown of a rolled-up series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The samples that were kept.
    Samples,
    /// Of each step one of its numbers.
    Mean,
    Sum,
    Least,
    Greatest,
}

/// A series of integers of which fewer than one sample in so many is less than the one before may be a counter.
const RISES_MOSTLY: usize = 20;

/// What stays of a series, and whether the numbers of its steps do: not of epochs, which tell the totals beside them
/// apart, nor of codes. What the catalogue does not know is judged by its samples.
fn kept(measurement: &str, field: &str, samples: &Samples) -> (Keep, bool) {
    let kind = catalogue::find(measurement, field).map(|metric| metric.kind);
    match (kind, samples.values.kind()) {
        _ if is_mark(field) => (Keep::Changes, false),
        (Some(catalogue::Kind::Counter), _) => (Keep::Totals, false),
        (Some(catalogue::Kind::State | catalogue::Kind::Text), _) | (_, Kind::Bool | Kind::Text) => {
            (Keep::Changes, true)
        }
        (None, Kind::Int | Kind::UInt) if rises_mostly(samples) => (Keep::Totals, true),
        _ => (Keep::Last, true),
    }
}

/// An epoch or a code: no number to reckon with.
fn is_mark(field: &str) -> bool {
    field == SINCE_MS.field || field == NO_DATA
}

fn rises_mostly(samples: &Samples) -> bool {
    let numbers: Vec<f64> = samples.numbers().map(|(_, number)| number).collect();
    let falls = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
    falls * RISES_MOSTLY <= numbers.len()
}

fn shown(key: &SeriesKey, kind: Kind) -> Shown {
    let metric = catalogue::find(&key.measurement, &key.field);
    if kind != Kind::Float || is_mark(&key.field) {
        return Shown::Samples;
    }
    match metric.map(|metric| metric.kind) {
        Some(catalogue::Kind::Counter | catalogue::Kind::State | catalogue::Kind::Text) => Shown::Samples,
        Some(catalogue::Kind::Delta) => Shown::Sum,
        _ if metric == Some(&WATTS_MIN) => Shown::Least,
        _ if metric == Some(&WATTS_MAX) => Shown::Greatest,
        Some(catalogue::Kind::Gauge) | None => Shown::Mean,
    }
}

impl Shared {
    /// Rolls up all that is not later than `until_ms`, in whole pages; says how many samples went that way.
    /// `exact_at`, in order, are times at which counters stay exact.
    pub(super) fn roll_up(&self, to: Resolution, until_ms: i64, exact_at: &[i64]) -> Result<u64, StoreError> {
        let until_ms = to.last_page_end_ms(until_ms);
        let groups = lock(&self.writer).view()?.groups()?;
        let mut rolled_up = 0;
        for group in groups {
            // Between two pages others may write.
            while let Some(samples) = page(&mut lock(&self.writer), group, to, until_ms, exact_at)? {
                rolled_up += samples;
            }
        }
        Ok(rolled_up)
    }

    /// When the oldest sample is that is finer than this resolution, or for `None` the oldest of all.
    pub(super) fn oldest(&self, to: Option<Resolution>) -> Result<Option<i64>, StoreError> {
        let mut database = lock(&self.reader);
        let view = database.view()?;
        let steps = to.map_or(&STEPS_MS[..], Resolution::finer);
        let mut oldest: Option<i64> = None;
        for group in view.groups()? {
            oldest = oldest.into_iter().chain(view.first_of(group, steps, i64::MAX)?).min();
        }
        Ok(oldest)
    }

    /// When the last point of a resolution is.
    pub(super) fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError> {
        let mut database = lock(&self.reader);
        database.view()?.last_of(resolution)
    }
}

/// Rolls up the first page of a group that has something to roll up.
fn page(
    database: &mut Database,
    group: i64,
    to: Resolution,
    until_ms: i64,
    exact_at: &[i64],
) -> Result<Option<u64>, StoreError> {
    // Most groups have nothing most of the time, and need no transaction that writes.
    if database.view()?.first_of(group, to.finer(), until_ms)?.is_none() {
        return Ok(None);
    }
    let change = database.change()?;
    let Some(first_ms) = change.view.first_of(group, to.finer(), until_ms)? else { return Ok(None) };
    let end_ms = to.page_end_ms(first_ms);
    let samples = change.roll_up(group, to, (end_ms - to.page_ms(), end_ms), exact_at)?;
    change.commit()?;
    Ok(Some(samples))
}

impl View<'_> {
    fn rolled_up(&self, chunk: &Chunk, series: u64) -> Result<Option<RolledUp>, StoreError> {
        let columns = self.columns(chunk, rollup::parts_of(series))?;
        Ok(rollup::of_columns(series, &columns))
    }

    /// What a rolled-up chunk shows of a series.
    pub(super) fn shown(
        &self,
        chunk: &Chunk,
        key: &SeriesKey,
        series: u64,
    ) -> Result<Option<Samples>, StoreError> {
        let Some(RolledUp { samples, numbers }) = self.rolled_up(chunk, series)? else { return Ok(None) };
        let rollup::Numbers { times, count, sum, min, max } = numbers;
        let values = match shown(key, samples.values.kind()) {
            Shown::Samples => return Ok(Some(samples)),
            Shown::Mean => sum.iter().zip(count).map(|(sum, count)| sum / count as f64).collect(),
            Shown::Sum => sum,
            Shown::Least => min,
            Shown::Greatest => max,
        };
        Ok(Some(Samples { times, values: Values::Float(values) }))
    }

    /// What the steps of a rolled-up chunk come to for a series.
    pub(super) fn steps(&self, chunk: &Chunk, series: u64) -> Result<Vec<Step>, StoreError> {
        let Some(RolledUp { samples, numbers }) = self.rolled_up(chunk, series)? else {
            return Ok(Vec::new());
        };
        if numbers.times.is_empty() {
            return Ok(samples.numbers().map(|(t_ms, number)| Step::of(t_ms, number)).collect());
        }
        let last = |t_ms: &i64| {
            let at = samples.times.binary_search(t_ms).ok()?;
            samples.values.number(at)
        };
        let step = |(at, t_ms): (usize, &i64)| {
            let (sum, min, max) = (numbers.sum[at], numbers.min[at], numbers.max[at]);
            let last = last(t_ms).unwrap_or(max);
            let stats = Stats { sum, min, max, first: last, last };
            Step { t_ms: *t_ms, count: usize::try_from(numbers.count[at]).unwrap_or(usize::MAX), stats }
        };
        Ok(numbers.times.iter().enumerate().map(step).collect())
    }
}

impl Change<'_> {
    /// Rolls up a group's samples after the page's beginning until its end, which belongs to it.
    fn roll_up(
        &self,
        group: i64,
        to: Resolution,
        (after_ms, until_ms): (i64, i64),
        exact_at: &[i64],
    ) -> Result<u64, StoreError> {
        let mut raw = self.take(group, (after_ms, until_ms))?;
        let count = raw.values().map(|samples| samples.len() as u64).sum();
        let mut before: BTreeMap<u64, Samples> = BTreeMap::new();
        // The longest steps last: of two points at one time theirs stands for more.
        for step_ms in to.finer().iter().copied().filter(|step_ms| *step_ms > 0).chain([to.step_ms()]) {
            for chunk in self.view.chunks(group, step_ms, after_ms + 1, until_ms)? {
                for (column, samples) in self.view.all(&chunk)? {
                    let empty = || Samples::new(samples.values.kind());
                    before.entry(column).or_insert_with(empty).append(samples.clone());
                }
                self.delete(chunk.id)?;
            }
        }
        before.values_mut().for_each(Samples::put_in_order);
        let before: Vec<_> = before.into_iter().collect();
        let mut all = Vec::new();
        for (series, measurement, field, kind) in self.view.series_in(group)? {
            let samples = raw.remove(&(series, kind));
            let before = rollup::of_columns(series, &before);
            if samples.is_some() || before.is_some() {
                let samples = samples.unwrap_or_else(|| Samples::new(kind));
                let known = before.as_ref().map(|before| &before.samples).filter(|_| samples.is_empty());
                let (keep, numbered) = kept(&measurement, &field, known.unwrap_or(&samples));
                all.push(Series { series, keep, numbered, before, samples });
            }
        }
        // Two processes that began a series with two types at the same moment: one of them is the series' type.
        for ((series, kind), samples) in raw {
            let kind = kind.as_str();
            tracing::warn!(
                series,
                kind,
                samples = samples.len(),
                "samples of another type are not rolled up"
            );
        }
        let columns: Vec<_> =
            rollup::roll_up(all, to.step_ms(), exact_at).into_iter().flat_map(rollup::columns).collect();
        self.insert(group, BEFORE_ALL_SEGMENTS, to.step_ms(), &columns)?;
        Ok(count)
    }

    /// Takes a group's samples of a page out of its chunks; what is beside the page stays there.
    fn take(
        &self,
        group: i64,
        (after_ms, until_ms): (i64, i64),
    ) -> Result<BTreeMap<(u64, Kind), Samples>, StoreError> {
        let mut chunks = self.view.chunks(group, 0, after_ms + 1, until_ms)?;
        chunks.sort_by_key(|chunk| (chunk.segment, chunk.id));
        let mut taken: BTreeMap<(u64, Kind), Samples> = BTreeMap::new();
        for chunk in chunks {
            let (mut earlier, mut later) = (Vec::new(), Vec::new());
            for (series, samples) in self.view.all(&chunk)? {
                let from = samples.times.partition_point(|t_ms| *t_ms <= after_ms);
                let to = samples.times.partition_point(|t_ms| *t_ms <= until_ms);
                let kind = samples.values.kind();
                taken
                    .entry((series, kind))
                    .or_insert_with(|| Samples::new(kind))
                    .append(samples.part(from..to));
                earlier.push((series, samples.part(0..from)));
                later.push((series, samples.part(to..samples.len())));
            }
            for mut rest in [earlier, later] {
                rest.retain(|(_, samples)| !samples.is_empty());
                self.insert(group, chunk.segment, 0, &rest)?;
            }
            self.delete(chunk.id)?;
        }
        taken.values_mut().for_each(Samples::put_in_order);
        taken.retain(|_, samples| !samples.is_empty());
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::Window;
    use picollect_telemetry::Value;
    use picollect_telemetry::line::{Precision, decode};

    use super::*;
    use crate::query::{energy_of, power_meters};
    use crate::store::{EmbeddedStore, Selector, Store as _, open};

    const DAY_MS: i64 = 24 * 3_600_000;
    const ALL: Window = Window { start_ms: 0, end_ms: 100 * DAY_MS };

    /// What a node with a meter says three times a minute for a time; its agent starts anew in the middle.
    fn lines(seconds: i64) -> String {
        let middle = seconds / 2 / 20 * 20 + 3;
        let (mut text, mut joules) = (String::new(), 0);
        for t in (5..seconds).step_by(20) {
            let since = if t < middle { 0 } else { middle };
            let watts = 3 + t % 7;
            joules = if t - since < 20 { 0 } else { joules + watts * 20 };
            text += &format!(
                "power,boundary=node,host=a,meter=m,source=measured joules={joules},metered_s={},since_ms={}i,\
                 watts={watts},watts_max={} {t}\nthermal,host=a,zone=z temp_c={} {t}\n\
                 throttle,host=a,origin=o throttled={}i {t}\nforeign,host=a bytes={}u,text=\"t{}\" {t}\n",
                t - since,
                since * 1000,
                watts + 1,
                40.0 + (t % 13) as f64 / 10.0,
                i64::from(t % 1000 < 200),
                t % 5000,
                t / 700,
            );
        }
        text
    }

    fn append(store: &EmbeddedStore, lines: &str) {
        let batch = decode(lines.as_bytes(), Precision::Seconds, 0);
        assert_eq!(batch.errors, []);
        store.append(&batch.points).unwrap();
        store.seal().unwrap();
    }

    fn store(lines: &str) -> (tempfile::TempDir, EmbeddedStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        append(&store, lines);
        (directory, store)
    }

    fn numbers(store: &EmbeddedStore, field: &str) -> Vec<(i64, f64)> {
        let key = store.series(&Selector { field: Some(field), ..Selector::default() }).unwrap().remove(0);
        let samples = store.read(&key, ALL, 0).unwrap();
        samples.iter().filter_map(|sample| Some((sample.t_ms, sample.value.as_f64()?))).collect()
    }

    /// The energy of some steps of a time.
    fn energies(store: &EmbeddedStore, step_ms: i64, end_ms: i64) -> Vec<f64> {
        let meter = power_meters(store, Some("a")).unwrap().remove(0);
        let starts = (0..end_ms).step_by(usize::try_from(step_ms * 19).unwrap());
        let window = |start_ms| Window { start_ms, end_ms: start_ms + step_ms };
        starts.map(|start_ms| energy_of(store, &meter, window(start_ms)).unwrap().unwrap().joules).collect()
    }

    #[test]
    fn energy_of_whole_steps_and_the_numbers_of_steps_stay_what_they_were() {
        let (_directory, store) = store(&lines(9 * DAY_MS / 1000));
        let keys = store.series(&Selector::default()).unwrap();
        let aggregates = |step_ms| -> Vec<_> {
            // Truths that tell something of a condition and totals have their samples, not these numbers.
            let gauges = keys.iter().filter(|key| ["temp_c", "watts", "throttled"].contains(&&*key.field));
            gauges.map(|key| store.aggregate(key, ALL, step_ms).unwrap()).collect()
        };
        let same = |now: Vec<Vec<crate::store::Bucket>>, then: &[Vec<crate::store::Bucket>]| {
            for (now, then) in now.iter().flatten().zip(then.iter().flatten()) {
                let (mean, was) = (now.sum / f64::from(now.count), then.sum / f64::from(then.count));
                assert!((mean - was).abs() < 1e-9);
                let rest = |of: &crate::store::Bucket| (of.start_ms, of.count, of.min, of.max, of.last);
                assert_eq!(rest(now), rest(then));
            }
            assert_eq!(now.concat().len(), then.concat().len());
        };
        let (minutes, hours) = (aggregates(60_000), aggregates(3_600_000));
        let (of_minutes, of_hours) =
            (energies(&store, 60_000, DAY_MS), energies(&store, 3_600_000, 9 * DAY_MS));
        let (throttled, bytes) = (numbers(&store, "throttled"), numbers(&store, "bytes"));

        assert_eq!(store.roll_up(Resolution::Minute, DAY_MS + 7, &[]).unwrap(), 4320 * 9);
        assert_eq!(store.roll_up(Resolution::Minute, DAY_MS + 7, &[]).unwrap(), 0);
        same(aggregates(60_000), &minutes);
        assert_eq!(energies(&store, 60_000, DAY_MS), of_minutes);
        let first_day = |numbers: Vec<(i64, f64)>| numbers.iter().filter(|(t_ms, _)| *t_ms < DAY_MS).count();
        assert_eq!(first_day(numbers(&store, "temp_c")), 1440);
        assert_eq!(numbers(&store, "watts")[0], (45_000, (8.0 + 7.0 + 6.0) / 3.0));
        assert_eq!(numbers(&store, "watts_max")[0], (45_000, 9.0));

        store.roll_up(Resolution::Hour, 8 * DAY_MS, &[]).unwrap();
        same(aggregates(3_600_000), &hours);
        let after = energies(&store, 3_600_000, 9 * DAY_MS);
        assert!(after.iter().zip(&of_hours).all(|(now, then)| (now - then).abs() < 1e-6));
        // Every change of a condition, and every fall of what may be a counter.
        let turns = |numbers: &[(i64, f64)], turns: fn(f64, f64) -> bool| -> Vec<_> {
            let pairs = numbers.windows(2).filter(|pair| turns(pair[0].1, pair[1].1));
            pairs.flatten().copied().collect()
        };
        let changes = |numbers: &[(i64, f64)]| turns(numbers, |a, b| a != b);
        assert_eq!(changes(&numbers(&store, "throttled")), changes(&throttled));
        let falls = |numbers: &[(i64, f64)]| turns(numbers, |a, b| a > b);
        assert_eq!(falls(&numbers(&store, "bytes")), falls(&bytes));
        assert_eq!(store.verify().unwrap().damaged, 0);
    }

    #[test]
    fn what_comes_late_is_rolled_up_into_what_was() {
        let (_directory, late) = store("foreign,host=a f=1 10\nforeign,host=a f=5 3599\n");
        late.roll_up(Resolution::Minute, DAY_MS, &[]).unwrap();
        late.roll_up(Resolution::Hour, 8 * DAY_MS, &[]).unwrap();
        append(&late, "foreign,host=a f=9 20\nforeign,host=a f=5 3599\n");
        let key = late.series(&Selector::default()).unwrap().remove(0);
        for rolled_up in [2, 0] {
            let bucket = late.aggregate(&key, ALL, DAY_MS).unwrap().remove(0);
            assert_eq!((bucket.min, bucket.max, bucket.last), (1.0, 9.0, 5.0));
            assert_eq!(late.roll_up(Resolution::Hour, 8 * DAY_MS, &[]).unwrap(), rolled_up);
        }
        let bucket = late.aggregate(&key, ALL, DAY_MS).unwrap().remove(0);
        assert_eq!((bucket.count, bucket.sum), (3, 15.0), "the one that came again counts once");
        assert_eq!(late.read(&key, ALL, 0).unwrap().len(), 1);
    }

    #[test]
    fn what_may_be_added_is_and_a_corrected_minute_replaces_itself() {
        let line = |n: i64, joules: i64| {
            format!(
                "energy,boundary=node,host=a,meter=m,source=measured joules={joules},covered_s=60 {}\n",
                n * 60
            )
        };
        let (_directory, store) = store(&(1..=120).map(|n| line(n, n)).collect::<String>());
        store.roll_up(Resolution::Minute, DAY_MS, &[]).unwrap();
        append(&store, &line(60, 100));
        store.roll_up(Resolution::Minute, DAY_MS, &[]).unwrap();
        assert_eq!(numbers(&store, "joules")[59], (3_600_000, 100.0));
        store.roll_up(Resolution::Hour, 8 * DAY_MS, &[]).unwrap();
        let first: i64 = (1..60).sum::<i64>() + 100;
        let second: i64 = (61..=120).sum();
        assert_eq!(numbers(&store, "joules"), [(3_600_000, first as f64), (7_200_000, second as f64)]);
    }

    #[test]
    fn counters_stay_exact_at_the_times_that_matter() {
        let (_directory, store) = store(&lines(DAY_MS / 1000));
        let meter = power_meters(&store, Some("a")).unwrap().remove(0);
        let window = Window { start_ms: 12_345_678, end_ms: 12_399_999 };
        let before = energy_of(&store, &meter, window).unwrap().unwrap();
        store.roll_up(Resolution::Minute, DAY_MS, &[window.start_ms, window.end_ms]).unwrap();
        store.roll_up(Resolution::Hour, 8 * DAY_MS, &[window.start_ms, window.end_ms]).unwrap();
        let after = energy_of(&store, &meter, window).unwrap().unwrap();
        assert!((after.joules - before.joules).abs() < 1e-9);
        assert!((after.covered_s - before.covered_s).abs() < 1e-9);
    }

    #[test]
    fn rolled_up_samples_are_deleted_and_texts_stay_texts() {
        let (_directory, store) = store(&lines(2 * DAY_MS / 1000));
        store.roll_up(Resolution::Minute, DAY_MS, &[]).unwrap();
        let key = store.series(&Selector { field: Some("text"), ..Selector::default() }).unwrap().remove(0);
        let first = store.read(&key, ALL, 0).unwrap().remove(0);
        assert_eq!(first.value, Value::Text("t0".to_owned()));
        store.delete_before(DAY_MS / 2).unwrap();
        assert!(numbers(&store, "temp_c")[0].0 >= DAY_MS / 2);
        assert!(numbers(&store, "joules")[0].0 >= DAY_MS / 2);
        assert!(store.delete_before(3 * DAY_MS).unwrap() > 0);
        assert_eq!(store.series(&Selector::default()).unwrap(), []);
    }

    #[test]
    fn a_store_of_format_2_goes_on() {
        let (directory, first) = store(&lines(3600));
        drop(first);
        let connection = rusqlite::Connection::open(directory.path().join("store.sqlite")).unwrap();
        let back = "DROP INDEX chunk_time; ALTER TABLE chunk DROP COLUMN step_ms; PRAGMA user_version = 2;
                    CREATE INDEX chunk_time ON chunk (point_group, end_ms, start_ms);";
        connection.execute_batch(back).unwrap();
        drop(connection);
        let store = open(directory.path()).unwrap();
        assert_eq!(numbers(&store, "temp_c").len(), 180);
        assert!(store.roll_up(Resolution::Minute, DAY_MS, &[]).unwrap() > 0);
        assert_eq!(numbers(&store, "temp_c").len(), 60);
    }
}
