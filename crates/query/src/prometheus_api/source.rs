//! A store as the evaluator reads it.

use std::time::Instant;

use picollect_evaluate::Window;
use picollect_promql::{Downsampled, Found, Sample, Selection, Series, Source, SourceError, Step, StepsFor};

use super::names;
use picollect_store::{self as store, SeriesKey, Store, StoreError, StoredSample};

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
    fn select(&self, wanted: &Selection<'_>) -> Result<Vec<Found>, SourceError> {
        let found = names::find(self.store, wanted.matchers).map_err(failed)?;
        if found.len() > wanted.most_series {
            return Err(SourceError::TooManySeries);
        }
        let mut room = wanted.most_samples;
        let mut all = Vec::with_capacity(found.len());
        for (labels, key) in found {
            let mut series = Found::whole(Series { labels, samples: Vec::new() });
            self.read(&key, wanted, room, &mut series)?;
            room -= series.series.samples.len() + series.steps.len();
            if !series.series.samples.is_empty() || !series.steps.is_empty() {
                all.push(series);
            }
        }
        Ok(all)
    }
}

impl StoreSource<'_> {
    /// Reads the numbers of a series; texts are left out.
    fn read(
        &self,
        key: &SeriesKey,
        wanted: &Selection<'_>,
        room: usize,
        into: &mut Found,
    ) -> Result<(), SourceError> {
        let all_ms = wanted.to_ms - wanted.from_ms;
        let piece_ms = match wanted.steps {
            // Mostly a step for each chunk.
            StepsFor::Everything => all_ms + 1,
            StepsFor::Nothing | StepsFor::Downsampled => PIECE_MS.max(all_ms / MAX_PIECES),
        };
        let mut start_ms = wanted.from_ms;
        while start_ms <= wanted.to_ms {
            if Instant::now() >= self.deadline {
                return Err(SourceError::OutOfTime);
            }
            let window = Window { start_ms, end_ms: (start_ms + piece_ms - 1).min(wanted.to_ms) };
            self.piece(key, window, wanted.steps, into).map_err(failed)?;
            if into.series.samples.len() + into.steps.len() > room {
                return Err(SourceError::TooManySamples);
            }
            start_ms += piece_ms;
        }
        Ok(())
    }

    fn piece(
        &self,
        key: &SeriesKey,
        window: Window,
        steps: StepsFor,
        into: &mut Found,
    ) -> Result<(), StoreError> {
        let number =
            |sample: &StoredSample| sample.value.as_f64().map(|value| Sample { t_ms: sample.t_ms, value });
        let mut read = match steps {
            StepsFor::Nothing | StepsFor::Downsampled => self.store.read_steps(key, window)?,
            StepsFor::Everything => self.store.read_totals(key, window)?,
        };
        match steps {
            StepsFor::Nothing => {
                if read.downsampled.is_some() {
                    read.samples = self.store.read(key, window, 0)?;
                }
                read.steps.clear();
            }
            // With their steps nothing is missing of them.
            StepsFor::Downsampled if !read.steps.is_empty() => read.downsampled = None,
            StepsFor::Downsampled | StepsFor::Everything => (),
        }
        into.series.samples.extend(read.samples.iter().filter_map(number));
        into.steps.extend(read.steps.iter().map(step));
        into.downsampled = read.downsampled.map(downsampled).or(into.downsampled);
        Ok(())
    }
}

fn downsampled(shown: store::Downsampled) -> Downsampled {
    match shown {
        store::Downsampled::ToNumbers => Downsampled::ToNumbers,
        store::Downsampled::ToSamples => Downsampled::ToSamples,
    }
}

fn step(kept: &store::Step) -> Step {
    let store::Step { t_ms, count, sum, min, max, last } = *kept;
    Step { t_ms, count, sum, min, max, last }
}

fn failed(error: StoreError) -> SourceError {
    SourceError::Failed(Box::new(error))
}
