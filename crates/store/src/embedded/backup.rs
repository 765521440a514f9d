//! A copy of the store while others write it.
//!
//! First the journal's segments are copied, then the SQLite file. A segment that becomes chunks in between is marked so
//! in the file, and its copy is ignored; so everything that was acknowledged before the copy began is in it once.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::database::Database;
use super::journal::Journal;
use super::schema::FILE;
use super::shared::Shared;
use crate::StoreError;

/// Pages that are copied at a time, half a megabyte, and the time in which others may write in between.
const PAGES_AT_ONCE: i32 = 512;
const PAUSE: Duration = Duration::from_millis(2);

impl Shared {
    /// Copies the store to another directory, which is there and has none.
    pub(super) fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |source: io::Error| StoreError::Directory { path: to.display().to_string(), source };
        // A connection of its own, so that nobody who reads has to wait.
        let source = Database::open(&self.directory)?;
        self.journal.copy(&Journal::open(to)?)?;
        let mut target = Connection::open(to.join(FILE))?;
        source.copy(&mut target)?;
        drop(target);
        File::open(to.join(FILE)).and_then(|file| file.sync_all()).map_err(failed)?;
        File::open(to).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}

impl Database {
    fn copy(&self, target: &mut Connection) -> Result<(), rusqlite::Error> {
        Backup::new(self.connection(), target)?.run_to_completion(PAGES_AT_ONCE, PAUSE, None)
    }
}

impl Journal {
    /// Copies what is there of every segment; what is appended meanwhile may be cut off in the middle of a frame.
    fn copy(&self, to: &Self) -> Result<(), StoreError> {
        for number in self.numbers()? {
            let (from, to) = (self.path(number), to.path(number));
            let copied = fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all());
            match copied {
                // It has become chunks.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(super::journal::failed(&from, source)),
                Ok(()) => {}
            }
        }
        to.sync()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
    use std::thread;

    use picollect_evaluate::Window;
    use picollect_telemetry::line::{Precision, decode};

    use crate::{Maintenance as _, Selector, Store as _, open};

    #[test]
    fn a_copy_made_while_others_write_and_seal_has_all_that_was_acknowledged_before_it_once() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(from.path()).unwrap();
        let (acknowledged, stop) = (AtomicI64::new(0), AtomicBool::new(false));
        let written_before = thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0.. {
                    let line = format!("m f={n} {n}");
                    store.append(&decode(line.as_bytes(), Precision::Seconds, 0).points).unwrap();
                    acknowledged.store(n + 1, Ordering::SeqCst);
                    if n % 50 == 49 {
                        store.seal().unwrap();
                    }
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
            while acknowledged.load(Ordering::SeqCst) < 120 {
                thread::yield_now();
            }
            let before = acknowledged.load(Ordering::SeqCst);
            store.back_up(to.path()).unwrap();
            stop.store(true, Ordering::SeqCst);
            before
        });
        let copy = open(to.path()).unwrap();
        assert_eq!(copy.identity().unwrap(), store.identity().unwrap());
        let key = copy.series(&Selector::default()).unwrap().remove(0);
        let samples = copy.read(&key, Window { start_ms: 0, end_ms: i64::MAX }, 0).unwrap();
        let seconds: Vec<i64> = samples.iter().map(|sample| sample.t_ms / 1000).collect();
        let until = i64::try_from(seconds.len()).unwrap();
        assert_eq!(seconds, (0..until).collect::<Vec<_>>());
        assert!(until >= written_before, "{until} of {written_before}");
        assert_eq!(copy.verify().unwrap().damaged, 0);
    }
}
