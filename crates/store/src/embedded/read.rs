//! Reading: what is in memory, in the segments of other processes and in chunks, as one.

use std::collections::BTreeSet;

use picollect_evaluate::Window;
use picollect_store_format::Kind;

use super::merge::{Piece, bucketed, merged, totals};
use super::read_transaction::{Chunk, ReadTransaction};
use super::segment_table::{list_series, samples_between};
use super::shared::{Shared, lock};
use crate::{Bucket, Resolution, Selector, SeriesKey, SeriesSteps, StoreError, StoredSample};

/// So far on either side of a window its neighbours are looked for first: longer than most nodes are silent.
const NEAR_MS: i64 = 10 * 60 * 1000;
/// And then so many times farther, again and again.
const FARTHER: i64 = 6;

/// Series that are read together: what is written waits meanwhile.
pub(super) const SERIES_AT_ONCE: usize = 256;

/// What is wanted of samples that nobody has downsampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Each of them.
    Samples,
    /// What they came to.
    Totals,
}

impl Shared {
    /// The series that match, in order.
    pub(super) fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let mut found = BTreeSet::new();
        let own = {
            let buffer = lock(&self.buffer);
            buffer.tables().for_each(|(_, table)| list_series(table, selector, &mut found));
            buffer.own()
        };
        let mut foreign = lock(&self.foreign);
        foreign.refresh(&self.journal, &own)?;
        let mut reader = lock(&self.reader);
        let read = reader.read()?;
        for (number, segment) in foreign.segments() {
            if !read.is_sealed(number)? {
                list_series(segment.table(), selector, &mut found);
            }
        }
        found.extend(read.series(selector)?);
        found.retain(|key| selector.tags.iter().all(|(name, value)| key.tag(name) == Some(value)));
        Ok(found.into_iter().collect())
    }

    /// The samples of each of these series. The nearest one on either side is mostly near, so that it is looked for
    /// there first and not in all of the time in which it may be.
    pub(super) fn read(
        &self,
        keys: &[SeriesKey],
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<Vec<StoredSample>>, StoreError> {
        let Window { start_ms, end_ms } = window;
        let mut near_ms = around_ms.min(NEAR_MS);
        let mut found =
            self.between(keys, start_ms.saturating_sub(near_ms), end_ms.saturating_add(near_ms))?;
        for samples in &mut found {
            trim(samples, window);
        }
        while near_ms < around_ms {
            let far_ms = near_ms.saturating_mul(FARTHER).min(around_ms);
            let before = (start_ms.saturating_sub(far_ms), start_ms.saturating_sub(near_ms + 1));
            let lacks = |samples: &[StoredSample]| samples.first().is_none_or(|first| first.t_ms >= start_ms);
            for (key, samples) in keys.iter().zip(&mut found).filter(|(_, samples)| lacks(samples)) {
                samples.splice(..0, self.last_between(key, before.0, before.1)?);
            }
            let after = (end_ms.saturating_add(near_ms + 1), end_ms.saturating_add(far_ms));
            let lacks = |samples: &[StoredSample]| samples.last().is_none_or(|last| last.t_ms <= end_ms);
            for (key, samples) in keys.iter().zip(&mut found).filter(|(_, samples)| lacks(samples)) {
                let later = self.between(std::slice::from_ref(key), after.0, after.1)?;
                samples.extend(later.into_iter().flatten().next());
            }
            near_ms = far_ms;
        }
        Ok(found)
    }

    /// The last sample of a series from a time to another. What has fallen silent has it where its last chunk ends, so
    /// that not all of a long time has to be read.
    fn last_between(
        &self,
        key: &SeriesKey,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<StoredSample>, StoreError> {
        let last_end_ms = {
            let mut reader = lock(&self.reader);
            let read = reader.read()?;
            let group = read.find(key)?.map(|(group, _)| group);
            group.map(|group| read.last_end(group, end_ms)).transpose()?.flatten()
        };
        let from_ms = last_end_ms.map_or(start_ms, |last_ms| start_ms.max(last_ms.saturating_sub(NEAR_MS)));
        for (from_ms, to_ms) in [(from_ms, end_ms), (start_ms, from_ms.saturating_sub(1))] {
            if from_ms <= to_ms {
                let mut samples = self.between(std::slice::from_ref(key), from_ms, to_ms)?;
                if let Some(last) = samples.pop().and_then(|mut samples| samples.pop()) {
                    return Ok(Some(last));
                }
            }
        }
        Ok(None)
    }

    /// The samples of each of these series from a time to another, both included.
    fn between(
        &self,
        keys: &[SeriesKey],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<Vec<StoredSample>>, StoreError> {
        let mut in_memory = self.in_memory(keys, start_ms, end_ms)?.into_iter();
        let mut reader = lock(&self.reader);
        let read = reader.read()?;
        let series = keys.iter().map(|key| {
            let mut pieces = in_memory.next().unwrap_or_default();
            forget_sealed(&read, &mut pieces)?;
            if let Some((group, series)) = read.find(key)? {
                for chunk in read.chunks(group, 0, start_ms, end_ms)? {
                    let samples = read.samples(&chunk, series)?;
                    pieces.extend(samples.map(|samples| Piece::of(chunk.segment, chunk.id, samples)));
                }
                for chunk in downsampled(&read, group, start_ms, end_ms)? {
                    let samples = read.shown(&chunk, key, series)?;
                    pieces.extend(samples.map(|samples| Piece::of(chunk.segment, chunk.id, samples)));
                }
            }
            let mut samples = merged(pieces);
            let after = samples.partition_point(|sample| sample.t_ms <= end_ms);
            samples.truncate(after);
            samples.drain(..samples.partition_point(|sample| sample.t_ms < start_ms));
            Ok(samples)
        });
        series.collect()
    }

    /// What is still there one by one from a time to another, and the steps of what is not.
    pub(super) fn read_steps(
        &self,
        key: &SeriesKey,
        window: Window,
        wanted: Wanted,
    ) -> Result<SeriesSteps, StoreError> {
        let Window { start_ms, end_ms } = window;
        let mut pieces =
            self.in_memory(std::slice::from_ref(key), start_ms, end_ms)?.pop().unwrap_or_default();
        let mut reader = lock(&self.reader);
        let read = reader.read()?;
        forget_sealed(&read, &mut pieces)?;
        let mut found = SeriesSteps::default();
        if let Some((group, series)) = read.find(key)? {
            for chunk in read.chunks(group, 0, start_ms, end_ms)? {
                if wanted == Wanted::Totals {
                    pieces.extend(Piece::stored(chunk, series));
                } else {
                    let samples = read.samples(&chunk, series)?;
                    pieces.extend(samples.map(|samples| Piece::of(chunk.segment, chunk.id, samples)));
                }
            }
            for chunk in downsampled(&read, group, start_ms, end_ms)? {
                let Some(kept) = read.kept(&chunk, key, series)? else { continue };
                if wanted == Wanted::Samples || kept.steps.is_empty() {
                    found.downsampled = Some(kept.as_shown);
                }
                found.steps.extend(kept.steps);
                let samples = kept.samples.map(|samples| Piece::of(chunk.segment, chunk.id, samples));
                pieces.extend(samples);
            }
        }
        if wanted == Wanted::Totals {
            let (steps, rest) = totals(pieces, window, |chunk, series| read.samples(chunk, series))?;
            found.steps.extend(steps.into_iter().map(crate::Step::from));
            pieces = rest;
        }
        found.steps.retain(|step| (start_ms..=end_ms).contains(&step.t_ms));
        found.steps.sort_by_key(|step| step.t_ms);
        found.samples = merged(pieces);
        found.samples.retain(|sample| (start_ms..=end_ms).contains(&sample.t_ms));
        Ok(found)
    }

    /// The numbers of a series in steps.
    pub(super) fn aggregate(
        &self,
        key: &SeriesKey,
        window: Window,
        step_ms: i64,
    ) -> Result<Vec<Bucket>, StoreError> {
        let last_ms = window.end_ms.saturating_sub(1);
        let mut pieces =
            self.in_memory(std::slice::from_ref(key), window.start_ms, last_ms)?.pop().unwrap_or_default();
        let mut reader = lock(&self.reader);
        let read = reader.read()?;
        forget_sealed(&read, &mut pieces)?;
        pieces.retain(|piece| piece.kind() != Kind::Text);
        if let Some((group, series)) = read.find(key)? {
            let chunks = read.chunks(group, 0, window.start_ms, last_ms)?;
            pieces.extend(chunks.into_iter().filter_map(|chunk| Piece::stored(chunk, series)));
            for chunk in downsampled(&read, group, window.start_ms, last_ms)? {
                pieces.extend(Piece::downsampled(chunk.id, read.steps(&chunk, series)?));
            }
        }
        let load = |chunk: &_, series| read.samples(chunk, series);
        bucketed(pieces, window, step_ms, load)
    }

    /// What this process and the others have in memory of each of these series.
    fn in_memory(
        &self,
        keys: &[SeriesKey],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<Vec<Piece>>, StoreError> {
        let mut pieces: Vec<Vec<Piece>> = Vec::with_capacity(keys.len());
        let own = {
            let buffer = lock(&self.buffer);
            for key in keys {
                let mut of_key = Vec::new();
                for (number, table) in buffer.tables() {
                    let samples = samples_between(table, key, start_ms, end_ms)?;
                    of_key.extend(samples.map(|samples| Piece::in_memory(number, samples)));
                }
                pieces.push(of_key);
            }
            buffer.own()
        };
        let mut foreign = lock(&self.foreign);
        foreign.refresh(&self.journal, &own)?;
        for (key, pieces) in keys.iter().zip(&mut pieces) {
            let samples = foreign.samples(key, start_ms, end_ms)?.into_iter();
            pieces.extend(samples.map(|(number, samples)| Piece::in_memory(number, samples)));
        }
        Ok(pieces)
    }
}

/// A group's downsampled chunks that have something from `start_ms` to `end_ms`.
fn downsampled(
    read: &ReadTransaction<'_>,
    group: i64,
    start_ms: i64,
    end_ms: i64,
) -> Result<Vec<Chunk>, StoreError> {
    let of = |resolution: Resolution| read.chunks(group, resolution.step_ms(), start_ms, end_ms);
    let chunks = Resolution::ALL.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
    Ok(chunks.into_iter().flatten().collect())
}

/// What has become chunks since it was read from memory is read from there.
fn forget_sealed(read: &ReadTransaction<'_>, pieces: &mut Vec<Piece>) -> Result<(), StoreError> {
    let mut sealed = BTreeSet::new();
    for piece in pieces.iter() {
        if read.is_sealed(piece.segment)? {
            sealed.insert(piece.segment);
        }
    }
    pieces.retain(|piece| !sealed.contains(&piece.segment));
    Ok(())
}

/// Leaves the window's samples and the nearest one on either side.
fn trim(samples: &mut Vec<StoredSample>, window: Window) {
    let first = samples.partition_point(|sample| sample.t_ms < window.start_ms);
    let after = samples.partition_point(|sample| sample.t_ms <= window.end_ms);
    samples.truncate(after.saturating_add(1));
    samples.drain(..first.saturating_sub(1));
}
