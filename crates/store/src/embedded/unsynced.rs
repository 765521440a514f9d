//! What the journal has and the disk may not have yet, and by when it has to be there.
//!
//! It is apart from the write buffer, whose lock a large append or one that meets new series holds for seconds: the
//! thread that brings the journal to the disk waits for nobody but the disk. The time counts from before the oldest byte
//! that is not there was written.

use std::fs::File;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::shared::lock;
use crate::Durability;

/// What failed is tried again so much later.
const TRIES_AGAIN: Duration = Duration::from_secs(1);

/// The files to bring to the disk. The lock is held for a moment, and no other is taken under it.
#[derive(Debug)]
pub(super) struct Unsynced {
    /// A flush begins so long after the oldest byte; what is left of the promised time is for the disk. `None` if every
    /// append brings its own bytes there.
    begins_after: Option<Duration>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Arc<File>>,
    due: Option<Instant>,
    /// Why the last flush failed, in the system's words; `None` if it did not.
    failure: Option<String>,
    /// The store is being closed.
    stop: bool,
}

impl State {
    fn add(&mut self, file: &Arc<File>) {
        if !self.files.iter().any(|known| Arc::ptr_eq(known, file)) {
            self.files.push(Arc::clone(file));
        }
    }
}

impl Unsynced {
    pub(super) fn new(durability: Durability) -> Self {
        let begins_after = match durability {
            Durability::Immediate => None,
            Durability::Within(time) => Some(time * 3 / 5),
        };
        Self { begins_after, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Bytes were written to a file that is not synced by whoever wrote them; `since` is before the first of them.
    pub(super) fn wrote(&self, file: &Arc<File>, since: Instant) {
        let Some(begins_after) = self.begins_after else { return };
        let mut state = lock(&self.state);
        state.add(file);
        if state.due.is_none() {
            state.due = Some(since + begins_after);
            self.changed.notify_all();
        }
    }

    /// What a file held is on the disk elsewhere.
    pub(super) fn forget(&self, file: &Arc<File>) {
        lock(&self.state).files.retain(|known| !Arc::ptr_eq(known, file));
    }

    /// Lets [`wait`](Self::wait) end.
    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.changed.notify_all();
    }

    /// Waits until it is time for a flush, or the end: then true.
    pub(super) fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.stop {
                return true;
            }
            let Some(due) = state.due else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Brings all of it to the disk. What does not get there stays, and is due again soon.
    pub(super) fn flush(&self) -> io::Result<()> {
        let files = {
            let mut state = lock(&self.state);
            state.due = None;
            mem::take(&mut state.files)
        };
        let synced = files.iter().try_for_each(|file| file.sync_data());
        let mut state = lock(&self.state);
        state.failure = synced.as_ref().err().map(ToString::to_string);
        if synced.is_err() {
            for file in &files {
                state.add(file);
            }
            state.due = Some(Instant::now() + TRIES_AGAIN);
        }
        synced
    }

    /// Why the last flush failed, in the system's words; `None` if it did not.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.state).failure.clone()
    }

    #[cfg(test)]
    pub(super) fn fail(&self, why: &str) {
        lock(&self.state).failure = Some(why.to_owned());
    }

    /// How many files are not on the disk.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.state).files.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<File> {
        Arc::new(tempfile::tempfile().unwrap())
    }

    #[test]
    fn the_time_counts_from_the_oldest_byte_and_starts_anew_after_a_flush() {
        let unsynced = Unsynced::new(Durability::Within(Duration::from_secs(5)));
        let began = Instant::now();
        let due = || lock(&unsynced.state).due;
        unsynced.wrote(&file(), began);
        unsynced.wrote(&file(), began + Duration::from_secs(1));
        assert_eq!((due(), unsynced.len()), (Some(began + Duration::from_secs(3)), 2));
        unsynced.flush().unwrap();
        assert_eq!((due(), unsynced.len()), (None, 0));
        unsynced.wrote(&file(), began + Duration::from_secs(2));
        assert_eq!(due(), Some(began + Duration::from_secs(5)));
    }

    #[test]
    fn what_is_late_already_is_flushed_without_waiting() {
        let unsynced = Unsynced::new(Durability::Within(Duration::from_secs(3600)));
        let long_ago =
            Instant::now().checked_sub(Duration::from_secs(3600)).expect("the clock runs that long");
        unsynced.wrote(&file(), long_ago);
        assert!(!unsynced.wait(), "it is due now");
        unsynced.stop();
        assert!(unsynced.wait(), "it is the end");
    }

    #[test]
    fn what_the_disk_refuses_stays_and_is_due_again_and_said() {
        let unsynced = Unsynced::new(Durability::default());
        // A pipe cannot be synced.
        let (_reads, writes) = io::pipe().unwrap();
        let pipe = Arc::new(File::from(std::os::fd::OwnedFd::from(writes)));
        unsynced.wrote(&pipe, Instant::now());
        assert!(unsynced.flush().is_err());
        assert_eq!(unsynced.len(), 1);
        assert!(unsynced.failure().is_some() && lock(&unsynced.state).due.is_some());
        unsynced.forget(&pipe);
        unsynced.flush().unwrap();
        assert_eq!(unsynced.failure(), None);
    }

    #[test]
    fn where_every_append_syncs_itself_nothing_is_held_open() {
        let unsynced = Unsynced::new(Durability::Immediate);
        unsynced.wrote(&file(), Instant::now());
        assert_eq!(unsynced.len(), 0);
    }
}
