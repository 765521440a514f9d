//! Downsampling: samples that are too old to be kept one by one become points a minute, and these points an hour.
//!
//! A page of time is downsampled in one transaction, and once: what comes late for it is downsampled into it the next
//! time.

use std::collections::BTreeMap;

use picollect_store_format::rollup::{self, Keep, RolledUp, Series};
use picollect_store_format::{Kind, Samples, Stats, Values};
use picollect_telemetry::catalogue::{self, NO_DATA, SINCE_MS, WATTS_MAX, WATTS_MIN};

use super::database::Database;
use super::journal::BEFORE_ALL_SEGMENTS;
use super::merge::Step;
use super::read_transaction::{Chunk, ReadTransaction};
use super::shared::{Shared, lock};
use super::write_transaction::WriteTransaction;
use crate::resolution::STEPS_MS;
use crate::{Downsampled, Resolution, SeriesKey, StoreError};

/// What a reader is shown of a downsampled series.
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

/// What a downsampled chunk has of a series.
pub(super) struct Kept {
    pub(super) as_shown: Downsampled,
    pub(super) steps: Vec<crate::Step>,
    /// The samples that were kept, if there are no steps.
    pub(super) samples: Option<Samples>,
}

impl Shared {
    /// Downsamples all that is not later than `until_ms`, in whole pages; says how many samples went that way.
    /// `exact_at`, in order, are times at which counters stay exact.
    pub(super) fn downsample(
        &self,
        to: Resolution,
        until_ms: i64,
        exact_at: &[i64],
    ) -> Result<u64, StoreError> {
        let until_ms = to.last_page_end_ms(until_ms);
        let groups = lock(&self.writer).read()?.groups()?;
        let mut downsampled = 0;
        for group in groups {
            // Between two pages others may write.
            while let Some(samples) = page(&mut lock(&self.writer), group, to, until_ms, exact_at)? {
                downsampled += samples;
            }
        }
        Ok(downsampled)
    }

    /// When the oldest sample is that is finer than this resolution, or for `None` the oldest of all.
    pub(super) fn oldest(&self, to: Option<Resolution>) -> Result<Option<i64>, StoreError> {
        let mut database = lock(&self.reader);
        let read = database.read()?;
        let steps = to.map_or(&STEPS_MS[..], Resolution::finer);
        let mut oldest: Option<i64> = None;
        for group in read.groups()? {
            oldest = oldest.into_iter().chain(read.first_of(group, steps, i64::MAX)?).min();
        }
        Ok(oldest)
    }

    /// When the last point of a resolution is.
    pub(super) fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError> {
        let mut database = lock(&self.reader);
        database.read()?.last_of(resolution)
    }
}

/// Downsamples the first page of a group that has something to downsample.
fn page(
    database: &mut Database,
    group: i64,
    to: Resolution,
    until_ms: i64,
    exact_at: &[i64],
) -> Result<Option<u64>, StoreError> {
    // Most groups have nothing most of the time, and need no transaction that writes.
    if database.read()?.first_of(group, to.finer(), until_ms)?.is_none() {
        return Ok(None);
    }
    let write = database.write()?;
    let Some(first_ms) = write.read.first_of(group, to.finer(), until_ms)? else { return Ok(None) };
    let end_ms = to.page_end_ms(first_ms);
    let samples = write.downsample(group, to, (end_ms - to.page_ms(), end_ms), exact_at)?;
    write.commit()?;
    Ok(Some(samples))
}

impl ReadTransaction<'_> {
    fn downsampled(&self, chunk: &Chunk, series: u64) -> Result<Option<RolledUp>, StoreError> {
        let columns = self.columns(chunk, rollup::parts_of(series))?;
        Ok(rollup::of_columns(series, &columns))
    }

    /// What a downsampled chunk shows of a series.
    pub(super) fn shown(
        &self,
        chunk: &Chunk,
        key: &SeriesKey,
        series: u64,
    ) -> Result<Option<Samples>, StoreError> {
        let Some(RolledUp { samples, numbers }) = self.downsampled(chunk, series)? else { return Ok(None) };
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

    /// All that a downsampled chunk has of a series.
    pub(super) fn kept(
        &self,
        chunk: &Chunk,
        key: &SeriesKey,
        series: u64,
    ) -> Result<Option<Kept>, StoreError> {
        let Some(RolledUp { samples, numbers }) = self.downsampled(chunk, series)? else { return Ok(None) };
        let as_shown = match shown(key, samples.values.kind()) {
            Shown::Samples => Downsampled::ToSamples,
            Shown::Mean | Shown::Sum | Shown::Least | Shown::Greatest => Downsampled::ToNumbers,
        };
        if numbers.times.is_empty() {
            return Ok(Some(Kept { as_shown, steps: Vec::new(), samples: Some(samples) }));
        }
        let steps = steps_of(&samples, &numbers).map(Into::into).collect();
        Ok(Some(Kept { as_shown, steps, samples: None }))
    }

    /// What the steps of a downsampled chunk come to for a series.
    pub(super) fn steps(&self, chunk: &Chunk, series: u64) -> Result<Vec<Step>, StoreError> {
        let Some(RolledUp { samples, numbers }) = self.downsampled(chunk, series)? else {
            return Ok(Vec::new());
        };
        if numbers.times.is_empty() {
            return Ok(samples.numbers().map(|(t_ms, number)| Step::of(t_ms, number)).collect());
        }
        Ok(steps_of(&samples, &numbers).collect())
    }
}

fn steps_of<'a>(samples: &'a Samples, numbers: &'a rollup::Numbers) -> impl Iterator<Item = Step> + 'a {
    numbers.times.iter().enumerate().map(|(at, t_ms)| {
        let (sum, min, max) = (numbers.sum[at], numbers.min[at], numbers.max[at]);
        let last = samples.times.binary_search(t_ms).ok().and_then(|at| samples.values.number(at));
        let last = last.unwrap_or(max);
        let stats = Stats { sum, min, max, first: last, last };
        Step { t_ms: *t_ms, count: usize::try_from(numbers.count[at]).unwrap_or(usize::MAX), stats }
    })
}

impl WriteTransaction<'_> {
    /// Downsamples a group's samples after the page's beginning until its end, which belongs to it.
    fn downsample(
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
            for chunk in self.read.chunks(group, step_ms, after_ms + 1, until_ms)? {
                for (column, samples) in self.read.all(&chunk)? {
                    let empty = || Samples::new(samples.values.kind());
                    before.entry(column).or_insert_with(empty).append(samples.clone());
                }
                self.delete(chunk.id)?;
            }
        }
        before.values_mut().for_each(Samples::put_in_order);
        let before: Vec<_> = before.into_iter().collect();
        let mut all = Vec::new();
        for (series, measurement, field, kind) in self.read.series_in(group)? {
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
                "samples of another type are not downsampled"
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
        let mut chunks = self.read.chunks(group, 0, after_ms + 1, until_ms)?;
        chunks.sort_by_key(|chunk| (chunk.segment, chunk.id));
        let mut taken: BTreeMap<(u64, Kind), Samples> = BTreeMap::new();
        for chunk in chunks {
            let (mut earlier, mut later) = (Vec::new(), Vec::new());
            for (series, samples) in self.read.all(&chunk)? {
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
