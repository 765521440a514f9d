//! Whether the store would take samples now: its directory is the one that was opened, there is room, the threads of
//! maintenance live, and what was written last could be written. Nothing is written to find out: a card wears out, and
//! anybody may ask.
//!
//! Invariant: what is said here names no path.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};

use super::EmbeddedStore;
use super::shared::lock;
use crate::{EMBEDDED, Store as _, StoreError};

/// With less than this a segment of the journal could not be turned into chunks.
const LEAST_FREE_BYTES: u64 = 4 * 1024 * 1024;

/// A directory, and which one it was when it was opened.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    /// Device and number there.
    identity: (u64, u64),
}

impl Place {
    /// Fails with [`StoreError::Directory`] if it is not there.
    pub(super) fn of(directory: &Path) -> Result<Self, StoreError> {
        let found = fs::metadata(directory);
        let found = found
            .map_err(|source| StoreError::Directory { path: directory.display().to_string(), source })?;
        Ok(Self { directory: directory.to_owned(), identity: (found.dev(), found.ino()) })
    }

    /// Why nothing can be written there; `None` if something can.
    fn wrong(&self) -> Option<String> {
        let Ok(found) = fs::metadata(&self.directory) else {
            return Some("its directory is gone, or cannot be entered".to_owned());
        };
        if (found.dev(), found.ino()) != self.identity {
            return Some(
                "its directory is gone, and another one is in its place; restart the collector".to_owned(),
            );
        }
        match statvfs(&self.directory) {
            Ok(room) => no_room(&room),
            Err(error) => Some(format!("the system does not say how much room is left: {error}")),
        }
    }
}

/// Why nothing can be written to a file system like this; `None` if something can.
fn no_room(room: &StatVfs) -> Option<String> {
    if room.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some("its file system is mounted read-only".to_owned());
    }
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free < LEAST_FREE_BYTES {
        return Some(format!("the disk is full: {} KiB are left", free / 1024));
    }
    // A file system that counts no files has none at all.
    (room.f_files > 0 && room.f_favail == 0)
        .then(|| "the disk is full: no file can be made any more".to_owned())
}

/// What the system says of a failure; the store's own words around it may name a path.
pub(super) fn cause(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable { why, .. } => why.clone(),
        error => error.source().map_or_else(|| "the log says why".to_owned(), ToString::to_string),
    }
}

impl EmbeddedStore {
    /// Fails with [`StoreError::Unavailable`] if samples would not be taken, and as
    /// [`identity`](crate::Store::identity) does if nothing can be read.
    pub(super) fn check_ready(&self) -> Result<(), StoreError> {
        let wrong = self.place.wrong().or_else(|| self.wrong_inside());
        if let Some(why) = wrong {
            return Err(StoreError::Unavailable { location: EMBEDDED.to_owned(), why });
        }
        self.identity().map(drop)
    }

    fn wrong_inside(&self) -> Option<String> {
        // They end with the store only.
        if lock(&self.threads).iter().any(JoinHandle::is_finished) {
            return Some("a thread of its maintenance has ended; restart the collector".to_owned());
        }
        if let Some(why) = lock(&self.append_failure).as_ref() {
            return Some(format!("what came last could not be written: {why}"));
        }
        if let Some(why) = self.shared.unsynced.failure() {
            return Some(format!("what was acknowledged cannot be brought to the disk: {why}"));
        }
        lock(&self.shared.buffer)
            .failure
            .is_some()
            .then(|| "the journal cannot be turned into chunks; the log says why".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::open;
    use picollect_telemetry::Value;
    use picollect_telemetry::line::Point;

    fn point() -> Point {
        let fields = vec![("f".to_owned(), Value::Float(1.0))];
        Point { measurement: "m".to_owned(), tags: Vec::new(), fields, t_ms: 1 }
    }

    fn said(store: &EmbeddedStore) -> String {
        store.ready().unwrap_err().to_string()
    }

    #[test]
    fn a_store_is_ready_before_and_after_its_first_sample() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        store.ready().unwrap();
        store.append(&[point()]).unwrap();
        store.ready().unwrap();
    }

    #[test]
    fn a_directory_that_is_gone_or_another_one_is_noticed_and_its_path_is_not_told() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let store = open(&path).unwrap();
        fs::rename(&path, parent.path().join("elsewhere")).unwrap();
        assert!(said(&store).contains("its directory is gone, or"), "{}", said(&store));
        fs::create_dir(&path).unwrap();
        assert!(said(&store).contains("another one is in its place"), "{}", said(&store));
        assert!(!said(&store).contains(path.to_str().unwrap()));
        fs::remove_dir(&path).unwrap();
        fs::rename(parent.path().join("elsewhere"), &path).unwrap();
        store.ready().unwrap();
    }

    #[test]
    fn a_thread_of_maintenance_that_ended_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        store.append(&[point()]).unwrap();
        let dead: JoinHandle<()> = thread::spawn(|| panic!("on purpose"));
        while !dead.is_finished() {
            thread::yield_now();
        }
        lock(&store.threads).push(dead);
        assert!(said(&store).contains("a thread of its maintenance has ended"), "{}", said(&store));
    }

    #[test]
    fn what_could_not_be_written_is_said_until_something_can_be() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        let journal = directory.path().join("journal");
        let aside = directory.path().join("aside");
        fs::rename(&journal, &aside).unwrap();
        assert!(store.append(&[point()]).is_err());
        assert!(
            said(&store).contains("what came last could not be written: No such file"),
            "{}",
            said(&store)
        );
        fs::rename(&aside, &journal).unwrap();
        store.append(&[point()]).unwrap();
        store.ready().unwrap();
    }

    #[test]
    fn what_does_not_reach_the_disk_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        store.shared.unsynced.fail("Input/output error");
        assert!(
            said(&store).ends_with("cannot be brought to the disk: Input/output error"),
            "{}",
            said(&store)
        );
    }

    #[test]
    fn a_full_disk_and_one_that_only_reads_are_said() {
        let directory = tempfile::tempdir().unwrap();
        let with = |change: fn(&mut StatVfs)| {
            let mut room = statvfs(directory.path()).unwrap();
            (room.f_bavail, room.f_frsize, room.f_files, room.f_favail) = (1024, 4096, 10, 5);
            room.f_flag = StatVfsMountFlags::empty();
            change(&mut room);
            no_room(&room)
        };
        assert_eq!(with(|_| ()), None);
        assert_eq!(with(|room| room.f_bavail = 1023).unwrap(), "the disk is full: 4092 KiB are left");
        let no_files = with(|room| room.f_favail = 0).unwrap();
        assert_eq!(no_files, "the disk is full: no file can be made any more");
        assert_eq!(with(|room| (room.f_files, room.f_favail) = (0, 0)), None, "it counts no files");
        let only_reads = with(|room| room.f_flag = StatVfsMountFlags::RDONLY).unwrap();
        assert_eq!(only_reads, "its file system is mounted read-only");
    }
}
