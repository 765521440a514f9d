//! What the store's handle and its maintenance thread have in common, and the locks around it.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::database::Database;
use super::foreign_segments::ForeignSegments;
use super::format_1;
use super::journal::Journal;
use super::unsynced::Unsynced;
use super::write_buffer::WriteBuffer;
use crate::{Durability, StoreError};

/// The parts of an open store. Whoever takes several locks takes them in the order of the fields.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) journal: Journal,
    pub(super) durability: Durability,
    /// The connection that writes. Whoever holds this lock is the only one in this process that seals, compacts,
    /// downsamples, renames or deletes; other processes are kept out by SQLite's own lock on the file. It is held for
    /// a whole sealing, which may take seconds. Appending and reading never take it.
    pub(super) writer: Mutex<Database>,
    /// What is not sealed yet. Every append holds this lock while it writes a frame, and every read while it copies the
    /// rows that it wants; no flush of the journal needs it, and nobody holds it while chunks are written. An append that begins a
    /// segment brings the journal's directory to the disk under it, and one that begins a segment or meets a new series
    /// takes the locks below while it holds this one.
    pub(super) buffer: Mutex<WriteBuffer>,
    /// Something has changed in `buffer` that somebody waits for: the threads of maintenance for a segment that is due or
    /// for the end, an append for the end of a sealing.
    pub(super) changed: Condvar,
    /// What has been read of other processes' segments. A read holds this lock while it reads what is new in them, and
    /// then goes on to `reader` with it, so that a segment that becomes chunks in between is seen there.
    pub(super) foreign: Mutex<ForeignSegments>,
    /// The connection that reads, apart from the one that writes, so that a sealing keeps no reader waiting. It is held
    /// for a whole read transaction, that is, for up to as many series as are read at once.
    pub(super) reader: Mutex<Database>,
    /// What of the journal has to be brought to the disk. It has a lock of its own, which whoever has any of those above
    /// may take.
    pub(super) unsynced: Unsynced,
}

impl Shared {
    /// Opens what is in a directory that is there. Fails with [`StoreError::Open`] if the SQLite file is none of ours,
    /// and with [`StoreError::Directory`] if the journal cannot be made.
    pub(super) fn open(directory: &Path, durability: Durability) -> Result<Self, StoreError> {
        let mut writer = Database::open(directory)?;
        format_1::convert(&mut writer)?;
        Ok(Self {
            directory: directory.to_owned(),
            journal: Journal::open(directory)?,
            durability,
            writer: Mutex::new(writer),
            buffer: Mutex::default(),
            changed: Condvar::new(),
            foreign: Mutex::default(),
            reader: Mutex::new(Database::open(directory)?),
            unsynced: Unsynced::new(durability),
        })
    }

    /// Bytes that the files take.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        let in_file = lock(&self.reader).size_bytes()?;
        Ok(in_file + self.journal.size_bytes()?)
    }

    /// Bytes that are in use.
    pub(super) fn used_bytes(&self) -> Result<u64, StoreError> {
        let in_file = lock(&self.reader).used_bytes()?;
        Ok(in_file + self.journal.size_bytes()?)
    }
}

/// Takes a lock, also after a panic of whoever had it: every change of what is behind it is whole at any moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
