//! The embedded store: what comes in is appended to a journal and held in memory in the same few bytes; after an hour,
//! or when there is much of it, it becomes compressed chunks in a SQLite file (`docs/store-format.md`).
//!
//! Several processes may have a directory open, and all of them may write: each has a segment of the journal of its
//! own, and reads those of the others.

mod append;
mod backup;
mod database;
mod deletion;
mod downsampling;
mod errors;
mod foreign_segments;
mod format_1;
mod journal;
mod maintenance;
mod merge;
mod read;
mod read_transaction;
mod readiness;
mod rename;
mod schema;
mod segment_reader;
mod segment_table;
mod shared;
#[cfg(test)]
mod tests;
mod unsynced;
mod verify;
mod write_buffer;
mod write_transaction;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use picollect_evaluate::Window;
use picollect_settings::files;
use picollect_telemetry::line::Point;

use self::read::Wanted;
use self::readiness::Place;
use self::shared::{Shared, lock};
use super::{
    Appended, Bucket, Capabilities, Durability, Maintenance, Resolution, Selector, SeriesKey, SeriesSteps,
    Store, StoreError, StoredSample, Verified,
};

/// The embedded store in a data directory.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// The threads of maintenance, which the first append starts. The lock is held for no longer than that takes, and
    /// no other is taken under it.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The directory that was opened.
    place: Place,
    /// Why the last append failed, in words of the system; `None` if it did not. The lock is held for a moment, and no
    /// other is taken under it.
    append_failure: Mutex<Option<String>>,
}

/// Opens the store in a data directory, which is made if need be, with the usual durability.
///
/// Fails as [`open_durable`] does.
pub fn open(directory: &Path) -> Result<EmbeddedStore, StoreError> {
    open_durable(directory, Durability::default())
}

/// Opens the store in a data directory, which is made if need be. What an older version left is converted first, which
/// may take minutes.
///
/// Fails with [`StoreError::Directory`] if the directory or the journal in it cannot be made, and with
/// [`StoreError::Open`] if the SQLite file cannot be used or is of a later version.
pub fn open_durable(directory: &Path, durability: Durability) -> Result<EmbeddedStore, StoreError> {
    files::make_directory(directory)
        .map_err(|source| StoreError::Directory { path: directory.display().to_string(), source })?;
    let shared = Arc::new(Shared::open(directory, durability)?);
    let place = Place::of(directory)?;
    Ok(EmbeddedStore { shared, threads: Mutex::default(), place, append_failure: Mutex::default() })
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        lock(&self.shared.buffer).stop = true;
        self.shared.unsynced.stop();
        self.shared.changed.notify_all();
        for thread in lock(&self.threads).drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Store for EmbeddedStore {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        if points.is_empty() {
            return Ok(Appended::default());
        }
        let appended = self.shared.append(points);
        *lock(&self.append_failure) = appended.as_ref().err().map(readiness::cause);
        let appended = appended?;
        let mut threads = lock(&self.threads);
        if threads.is_empty() {
            *threads = maintenance::start(&self.shared);
        }
        Ok(appended)
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        self.shared.series(selector)
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        let mut read = self.shared.read(std::slice::from_ref(key), window, around_ms)?;
        Ok(read.pop().unwrap_or_default())
    }

    fn read_all(
        &self,
        selector: &Selector<'_>,
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<(SeriesKey, Vec<StoredSample>)>, StoreError> {
        let keys = self.series(selector)?;
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(read::SERIES_AT_ONCE) {
            let read = self.shared.read(keys, window, around_ms)?;
            let read = keys.iter().cloned().zip(read);
            found.extend(read.filter(|(_, samples)| !samples.is_empty()));
        }
        Ok(found)
    }

    fn read_steps(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        self.shared.read_steps(key, window, Wanted::Samples)
    }

    fn read_totals(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        self.shared.read_steps(key, window, Wanted::Totals)
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        self.shared.aggregate(key, window, step_ms)
    }

    fn identity(&self) -> Result<String, StoreError> {
        lock(&self.shared.reader).identity()
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.check_ready()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: Some(self.shared.durability),
            reads_cost_requests: false,
            aggregates: true,
            replaces: true,
            keeps_every_digit: true,
            keeps_wide_integers: true,
            refuses_other_types: true,
        }
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}

impl Maintenance for EmbeddedStore {
    fn seal(&self) -> Result<(), StoreError> {
        self.shared.seal_all()
    }

    fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError> {
        self.shared.delete_before(t_ms)
    }

    fn delete_samples(&self, keys: &[SeriesKey], window: Window) -> Result<u64, StoreError> {
        self.shared.delete_samples(keys, window)
    }

    fn downsample(&self, to: Resolution, until_ms: i64, exact_at: &[i64]) -> Result<u64, StoreError> {
        self.shared.downsample(to, until_ms, exact_at)
    }

    fn oldest(&self) -> Result<Option<i64>, StoreError> {
        self.shared.oldest(None)
    }

    fn oldest_finer(&self, than: Resolution) -> Result<Option<i64>, StoreError> {
        self.shared.oldest(Some(than))
    }

    fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError> {
        self.shared.last_of(resolution)
    }

    fn span_of(&self, tag: (&str, &str), except: &[&str]) -> Result<Option<(i64, i64)>, StoreError> {
        self.shared.span_of(tag, except)
    }

    fn rename(&self, tag: &str, from: &str, to: &str) -> Result<usize, StoreError> {
        self.shared.rename(tag, from, to)
    }

    fn verify(&self) -> Result<Verified, StoreError> {
        self.shared.verify()
    }

    fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        self.shared.back_up(to)
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.shared.size_bytes()
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        self.shared.used_bytes()
    }
}
