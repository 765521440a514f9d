//! A store as the evaluator reads it.

use std::time::Instant;

use picollect_evaluate::Window;
use picollect_promql::{Sample, Selection, Series, Source, SourceError};

use super::names;
use picollect_store::{SeriesKey, Store, StoreError};

/// A series is read in pieces of a day at least, so that a limit on samples is noticed before all are in memory.
const PIECE_MS: i64 = 24 * 3600 * 1000;
/// And in no more pieces than this, however long the time.
const MAX_PIECES: i64 = 1000;

/// A store and the time by which an answer is wanted.
pub(super) struct StoreSource<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) deadline: Instant,
}

impl Source for StoreSource<'_> {
    fn select(&self, wanted: &Selection<'_>) -> Result<Vec<Series>, SourceError> {
        let found = names::find(self.store, wanted.matchers).map_err(failed)?;
        if found.len() > wanted.most_series {
            return Err(SourceError::TooManySeries);
        }
        let mut room = wanted.most_samples;
        let mut all = Vec::with_capacity(found.len());
        for (labels, key) in found {
            let samples = self.samples(&key, wanted, room)?;
            room -= samples.len();
            if !samples.is_empty() {
                all.push(Series { labels, samples });
            }
        }
        Ok(all)
    }
}

impl StoreSource<'_> {
    /// The numbers of a series; texts are left out.
    fn samples(
        &self,
        key: &SeriesKey,
        wanted: &Selection<'_>,
        room: usize,
    ) -> Result<Vec<Sample>, SourceError> {
        let piece_ms = PIECE_MS.max((wanted.to_ms - wanted.from_ms) / MAX_PIECES);
        let mut samples = Vec::new();
        let mut start_ms = wanted.from_ms;
        while start_ms <= wanted.to_ms {
            if Instant::now() >= self.deadline {
                return Err(SourceError::OutOfTime);
            }
            let window = Window { start_ms, end_ms: (start_ms + piece_ms - 1).min(wanted.to_ms) };
            let stored = self.store.read(key, window, 0).map_err(failed)?;
            let number = |sample: &picollect_store::StoredSample| {
                sample.value.as_f64().map(|value| Sample { t_ms: sample.t_ms, value })
            };
            samples.extend(stored.iter().filter_map(number));
            if samples.len() > room {
                return Err(SourceError::TooManySamples);
            }
            start_ms += piece_ms;
        }
        Ok(samples)
    }
}

fn failed(error: StoreError) -> SourceError {
    SourceError::Failed(Box::new(error))
}
