//! The embedded store: what comes in is appended to a journal and held in memory in the same few bytes; after an hour,
//! or when there is much of it, it becomes compressed chunks in a SQLite file (`docs/store-format.md`).
//!
//! Several processes may have a directory open, and all of them may write: each has a segment of the journal of its
//! own, and reads those of the others.

mod backup;
mod change;
mod database;
mod durability;
mod format_1;
mod journal;
mod keeper;
mod merging;
mod others;
mod reading;
mod renaming;
mod rolling;
#[cfg(test)]
mod tests;
mod verify;
mod writing;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use picollect_evaluate::Window;
use picollect_telemetry::line::Point;

use self::database::Database;
pub use self::durability::Durability;
use self::journal::Journal;
use self::others::Others;
pub use self::rolling::Resolution;
pub use self::verify::Verified;
use self::writing::Writing;
use super::{Appended, Bucket, Selector, SeriesKey, Store, StoreError, StoredSample};

/// The embedded store in a data directory.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What the store and its keeper have in common. Locks are taken in this order: `writer`, `writing`, `others`,
/// `reader`.
#[derive(Debug)]
struct Shared {
    journal: Journal,
    durability: Durability,
    /// The connection of what seals, merges and deletes.
    writer: Mutex<Database>,
    writing: Mutex<Writing>,
    /// Something has changed in `writing` that somebody may wait for.
    changed: Condvar,
    others: Mutex<Others>,
    reader: Mutex<Database>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the store in a data directory, which is made if need be.
pub fn open(directory: &Path) -> Result<EmbeddedStore, StoreError> {
    open_durable(directory, Durability::default())
}

/// The same with a say in when what was written is on the disk.
pub fn open_durable(directory: &Path, durability: Durability) -> Result<EmbeddedStore, StoreError> {
    fs::create_dir_all(directory)
        .map_err(|source| StoreError::Directory { path: directory.display().to_string(), source })?;
    let shared = Shared {
        durability,
        writer: Mutex::new(Database::open(directory)?),
        reader: Mutex::new(Database::open(directory)?),
        journal: Journal::open(directory)?,
        writing: Mutex::default(),
        changed: Condvar::new(),
        others: Mutex::default(),
    };
    Ok(EmbeddedStore { shared: Arc::new(shared), keeper: Mutex::default() })
}

impl EmbeddedStore {
    /// Turns all that this process has written into chunks, and merges what is worth it.
    pub fn seal(&self) -> Result<(), StoreError> {
        self.shared.seal_all()
    }

    /// Rolls up what is sealed and not later than `until_ms` to points of this resolution, in whole pages of time
    /// ([`Resolution::page_ms`]), while others read and write; says how many samples went that way. Counters and
    /// states keep a sample on both sides of each of the times `exact_at`, which are in order.
    pub fn roll_up(&self, to: Resolution, until_ms: i64, exact_at: &[i64]) -> Result<u64, StoreError> {
        self.shared.roll_up(to, until_ms, exact_at)
    }

    /// When the oldest sealed sample is that [`roll_up`](Self::roll_up) to this resolution would take.
    pub fn oldest_finer(&self, than: Resolution) -> Result<Option<i64>, StoreError> {
        self.shared.oldest(Some(than))
    }

    /// When the oldest sealed sample is, rolled up or not.
    pub fn oldest(&self) -> Result<Option<i64>, StoreError> {
        self.shared.oldest(None)
    }

    /// When the last point of a resolution is, if there is any.
    pub fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError> {
        self.shared.last_of(resolution)
    }

    /// Bytes that are in use: deleting makes them fewer at once, while the file keeps its size for what comes.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        let in_file = lock(&self.shared.reader).used_bytes()?;
        Ok(in_file + self.shared.journal.size_bytes()?)
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        lock(&self.shared.writing).stop = true;
        self.shared.changed.notify_all();
        if let Some(keeper) = lock(&self.keeper).take() {
            // A keeper that panicked has said so.
            let _ = keeper.join();
        }
    }
}

impl Store for EmbeddedStore {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        if points.is_empty() {
            return Ok(Appended::default());
        }
        let appended = self.shared.append(points)?;
        lock(&self.keeper).get_or_insert_with(|| keeper::start(&self.shared));
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
        for keys in keys.chunks(reading::SERIES_AT_ONCE) {
            let read = self.shared.read(keys, window, around_ms)?;
            let read = keys.iter().cloned().zip(read);
            found.extend(read.filter(|(_, samples)| !samples.is_empty()));
        }
        Ok(found)
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        self.shared.aggregate(key, window, step_ms)
    }

    fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError> {
        self.shared.delete_before(t_ms)
    }

    fn identity(&self) -> Result<String, StoreError> {
        lock(&self.shared.reader).identity()
    }

    fn size_bytes(&self) -> Result<Option<u64>, StoreError> {
        let journal = self.shared.journal.size_bytes()?;
        Ok(Some(lock(&self.shared.reader).size_bytes()? + journal))
    }
}
