//! Maintenance of a store that has written something. One thread flushes the journal to the disk in time; the other
//! seals segments, which makes chunks of them, compacts short chunks, and seals what a process that is gone has left
//! behind. They are two because sealing takes longer than a flush may be late, and the first waits for no lock
//! that is held while somebody works ([`unsynced`](super::unsynced)).

use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::database::Database;
use super::segment_reader::{SegmentReader, warn_of};
use super::shared::{Shared, lock};
use super::write_buffer::{Current, WriteBuffer};
use super::write_transaction::SealedGroup;
use crate::StoreError;

/// Whether there is something to seal is looked for at least so often.
const LOOKS: Duration = Duration::from_secs(1);
/// What other processes have left behind is looked for so often.
const LOOKS_FOR_ORPHANS: Duration = Duration::from_secs(60);
/// What failed is tried again so much later.
const TRIES_AGAIN: Duration = Duration::from_secs(10);
/// Most merges in a transaction, so that others who write need not wait for long.
const MERGES_AT_ONCE: usize = 200;

/// Starts the threads; they end once `stop` is set in the write buffer, and `unsynced` is stopped.
pub(super) fn start(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let (flushes, seals) = (Arc::clone(shared), Arc::clone(shared));
    vec![thread::spawn(move || flushes.flush_in_time()), thread::spawn(move || seals.seal_in_time())]
}

impl Shared {
    fn flush_in_time(&self) {
        loop {
            let stop = self.unsynced.wait();
            if let Err(source) = self.unsynced.flush() {
                let message = "the journal cannot be brought to the disk".to_owned();
                let error = StoreError::Engine { message, source: source.into() };
                tracing::error!("{:#}", anyhow::Error::from(error));
            }
            if stop {
                return;
            }
        }
    }

    fn seal_in_time(&self) {
        let (mut orphans_due, mut seal_due) = (Instant::now(), Instant::now());
        while self.wait(seal_due) {
            let now = Instant::now();
            let orphans = now >= orphans_due;
            let done = if now < seal_due { Ok(()) } else { self.seal_due(orphans) };
            if orphans {
                orphans_due = now + LOOKS_FOR_ORPHANS;
            }
            let failure = done.err().map(|error| format!("{:#}", anyhow::Error::from(error)));
            if let Some(failure) = &failure {
                tracing::error!("cannot turn the journal into chunks: {failure}");
                seal_due = now + TRIES_AGAIN;
            }
            lock(&self.buffer).failure = failure;
        }
    }

    /// Waits until there may be something to seal; false if the store is being closed.
    fn wait(&self, seal_due: Instant) -> bool {
        let idle = |buffer: &mut WriteBuffer| {
            let due = buffer.sealing.is_some() || buffer.current.as_ref().is_some_and(Current::is_due);
            !(buffer.stop || due && Instant::now() >= seal_due)
        };
        let waited = self.changed.wait_timeout_while(lock(&self.buffer), LOOKS, idle);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    fn seal_due(&self, orphans: bool) -> Result<(), StoreError> {
        {
            let mut buffer = lock(&self.buffer);
            if buffer.current.as_ref().is_some_and(Current::is_due) {
                buffer.rotate();
            }
            if buffer.sealing.is_none() && !orphans {
                return Ok(());
            }
        }
        let mut database = lock(&self.writer);
        // First what was left behind: it was written earlier.
        if orphans {
            self.seal_orphans(&mut database)?;
        }
        self.seal_rotated(&mut database)
    }

    /// Seals all that this process has written, whatever its age.
    pub(super) fn seal_all(&self) -> Result<(), StoreError> {
        let mut database = lock(&self.writer);
        self.seal_orphans(&mut database)?;
        self.seal_own(&mut database)
    }

    fn seal_own(&self, database: &mut Database) -> Result<(), StoreError> {
        self.seal_rotated(database)?;
        lock(&self.buffer).rotate();
        self.seal_rotated(database)
    }

    fn seal_rotated(&self, database: &mut Database) -> Result<(), StoreError> {
        let Some(sealing) = lock(&self.buffer).sealing.clone() else { return Ok(()) };
        let write = database.write()?;
        let sealed = write.seal(sealing.segment.number, &sealing.table)?;
        write.commit()?;
        self.journal.remove(sealing.segment.number)?;
        self.unsynced.forget(&sealing.segment.file);
        lock(&self.buffer).sealing = None;
        self.changed.notify_all();
        drop(sealing);
        compact(database, &sealed)
    }

    fn seal_orphans(&self, database: &mut Database) -> Result<(), StoreError> {
        let own = lock(&self.buffer).own();
        for number in self.journal.numbers()?.into_iter().filter(|number| !own.contains(number)) {
            let Some(mut orphan) = self.journal.adopt(number)? else { continue };
            orphan.refresh()?;
            let write = database.write()?;
            let sealed = write.seal(number, orphan.table())?;
            write.commit()?;
            self.leave(number, &orphan)?;
            compact(database, &sealed)?;
        }
        Ok(())
    }

    /// Removes a segment that somebody left behind and that is sealed, or keeps it aside if it is damaged.
    fn leave(&self, number: u64, orphan: &SegmentReader) -> Result<(), StoreError> {
        if !orphan.damages(false).is_empty() {
            warn_of(orphan, &self.journal.aside(number));
            return self.journal.set_aside(number);
        }
        if let Some(cut_short) = orphan.cut_short() {
            tracing::warn!("{cut_short}");
        }
        self.journal.remove(number)
    }

    /// Deletes what is before this time, which is sealed first.
    pub(super) fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError> {
        let mut database = lock(&self.writer);
        self.seal_orphans(&mut database)?;
        self.seal_own(&mut database)?;
        let write = database.write()?;
        let deleted = write.delete_before(t_ms)?;
        write.commit()?;
        lock(&self.buffer).series = None;
        Ok(deleted as u64)
    }
}

/// Merges short chunks around what has been sealed.
fn compact(database: &mut Database, sealed: &[SealedGroup]) -> Result<(), StoreError> {
    for groups in sealed.chunks(MERGES_AT_ONCE) {
        let write = database.write()?;
        for group in groups {
            write.compact(*group)?;
        }
        write.commit()?;
    }
    Ok(())
}
