//! The store as a report reads it: what is read counts against the memory of its [`Share`].
//!
//! An answer is made of numbers that it takes out of samples and keeps until its end, so a sample counts with the eight
//! bytes of a number. As what a reader gets it has forty; only one series is there in that form at a time. Over all
//! formats of a report this is what its memory was measured to be (`docs/report-cost.md`).

use std::sync::{Mutex, MutexGuard, PoisonError};

use picollect_evaluate::Window;
use picollect_store::{
    Appended, Bucket, Capabilities, Selector, SeriesKey, SeriesSteps, Store, StoreError, StoredSample,
};
use picollect_telemetry::line::Point;

use crate::memory::{Full, Share};

/// A number that was taken out of a sample.
const NUMBER_BYTES: usize = 8;
/// What a sample as it is read has beyond its number.
const SAMPLE_BYTES: usize = 32;
/// A series' name with its tags, as it is listed.
const KEY_BYTES: usize = 400;

/// A store for one answer.
pub(crate) struct Metered<'a> {
    store: &'a dyn Store,
    state: Mutex<State>,
}

struct State {
    share: Share,
    /// Samples of the longest series so far.
    longest: usize,
    full: Option<Full>,
}

impl<'a> Metered<'a> {
    /// This store with so much memory.
    pub(crate) fn new(store: &'a dyn Store, share: Share) -> Self {
        Self { store, state: Mutex::new(State { share, longest: 0, full: None }) }
    }

    /// The share with all that was taken; an error if it did not suffice, whatever became of the answer.
    pub(crate) fn finish(self) -> Result<Share, Full> {
        let State { share, full, .. } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        full.map_or(Ok(share), Err)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn took(&self, samples: usize) -> Result<(), StoreError> {
        let mut state = self.state();
        let longer = samples.saturating_sub(state.longest);
        state.longest += longer;
        state.grow(samples * NUMBER_BYTES + longer * SAMPLE_BYTES)
    }
}

impl State {
    fn grow(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.share.grow(bytes).map_err(|full| {
            self.full = Some(full);
            // Nobody is shown this: the page says what `finish` says.
            let why = "the answer takes too much memory".to_owned();
            StoreError::Unavailable { location: "this collector".to_owned(), why }
        })
    }
}

impl Store for Metered<'_> {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        self.store.append(points)
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let keys = self.store.series(selector)?;
        self.state().grow(keys.len() * KEY_BYTES)?;
        Ok(keys)
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        let samples = self.store.read(key, window, around_ms)?;
        self.took(samples.len())?;
        Ok(samples)
    }

    fn read_all(
        &self,
        selector: &Selector<'_>,
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<(SeriesKey, Vec<StoredSample>)>, StoreError> {
        let all = self.store.read_all(selector, window, around_ms)?;
        self.took(all.iter().map(|(_, samples)| samples.len()).sum())?;
        Ok(all)
    }

    fn read_steps(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        let read = self.store.read_steps(key, window)?;
        self.took(read.samples.len() + read.steps.len())?;
        Ok(read)
    }

    fn read_totals(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        let read = self.store.read_totals(key, window)?;
        self.took(read.samples.len() + read.steps.len())?;
        Ok(read)
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        let buckets = self.store.aggregate(key, window, step_ms)?;
        self.took(buckets.len())?;
        Ok(buckets)
    }

    fn identity(&self) -> Result<String, StoreError> {
        self.store.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
