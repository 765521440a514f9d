//! The journal: a directory of segments, each a file of frames that one process appends to.
//!
//! Whoever writes a segment holds a lock on its file; one that nobody holds is an orphan. A segment's number is higher
//! than that of any segment that was there when it was begun, and no number is used twice.
//!
//! A damaged segment is kept beside the others under another name when it has become chunks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use picollect_settings::files;
use picollect_store_format::{FrameWriter, Place, Repeats};

use super::segment_reader::SegmentReader;
use crate::StoreError;

/// The directory in the data directory.
const DIRECTORY: &str = "journal";
/// What a segment begins with.
pub(super) const MAGIC: &[u8; 8] = b"picoseg2";
/// What the name of a damaged segment that was kept ends with.
const ASIDE: &str = "damaged";
/// So many of them are kept; a disk that fails again and again must not fill itself with them.
const MAX_ASIDE: usize = 8;
/// No segment has this number, and all are later.
pub(super) const BEFORE_ALL_SEGMENTS: u64 = 0;
/// So many numbers are tried for a new segment; another process can be faster each time.
const TRIES: u64 = 100;

/// The directory of the segments.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    directory: PathBuf,
}

/// A segment that this process writes.
#[derive(Debug)]
pub(super) struct Segment {
    /// Later segments have higher ones.
    pub(super) number: u64,
    /// The file, locked as long as this is held.
    pub(super) file: Arc<File>,
    bytes: u64,
    repeats: Repeats,
}

pub(super) fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Engine { message: format!("the journal `{}` failed", path.display()), source: source.into() }
}

impl Journal {
    /// The journal in a data directory, made if need be; then it is on the disk when this returns.
    pub(super) fn open(data: &Path) -> Result<Self, StoreError> {
        let directory = data.join(DIRECTORY);
        files::make_directory(&directory)
            .map_err(|source| StoreError::Directory { path: directory.display().to_string(), source })?;
        Ok(Self { directory })
    }

    /// Brings to the disk which segments there are.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        sync_directory(&self.directory).map_err(|source| failed(&self.directory, source))
    }

    /// Where a segment of this number is, or would be.
    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:06}"))
    }

    /// The numbers of the segments that are there, in order.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = fs::read_dir(&self.directory).map_err(|source| failed(&self.directory, source))?;
        let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
        let mut numbers: Vec<u64> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Bytes of all segments.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        let lengths = self.numbers()?.into_iter().filter_map(|number| fs::metadata(self.path(number)).ok());
        Ok(lengths.map(|metadata| metadata.len()).sum())
    }

    /// Begins a segment; `after` is the highest number that has been sealed, asked for after `there`, the numbers
    /// that are there: a segment leaves the directory only when it is sealed.
    pub(super) fn begin(&self, there: &[u64], after: u64) -> Result<Segment, StoreError> {
        let first = there.last().copied().unwrap_or(0).max(after) + 1;
        for number in first..first + TRIES {
            if let Some(segment) =
                self.try_begin(number).map_err(|source| failed(&self.path(number), source))?
            {
                return Ok(segment);
            }
        }
        Err(failed(&self.directory, io::Error::other("too many processes begin a segment at once")))
    }

    fn try_begin(&self, number: u64) -> io::Result<Option<Segment>> {
        let path = self.path(number);
        let mut file = match OpenOptions::new().append(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            other => other?,
        };
        files::give_to_owner_of_directory(&file, &path)?;
        // Somebody who looks for orphans may have it already.
        if file.try_lock().is_err() {
            return Ok(None);
        }
        file.write_all(MAGIC)?;
        sync_directory(&self.directory)?;
        let (file, bytes) = (Arc::new(file), MAGIC.len() as u64);
        Ok(Some(Segment { number, file, bytes, repeats: Repeats::default() }))
    }

    /// Opens a segment for reading; `None` if it has gone.
    pub(super) fn read(&self, number: u64) -> Result<Option<SegmentReader>, StoreError> {
        let path = self.path(number);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
            Ok(file) => Ok(Some(SegmentReader::new(number, file, path))),
        }
    }

    /// Takes a segment that nobody writes any more; `None` if somebody does, or if it has gone. The lock holds as
    /// long as the file is open.
    pub(super) fn adopt(&self, number: u64) -> Result<Option<SegmentReader>, StoreError> {
        let Some(reading) = self.read(number)? else { return Ok(None) };
        match reading.file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(failed(&reading.path, source)),
            Ok(()) => {}
        }
        // Whoever had it may have removed it before the lock was free.
        Ok(reading.path.exists().then_some(reading))
    }

    /// Removes a segment that is sealed.
    pub(super) fn remove(&self, number: u64) -> Result<(), StoreError> {
        let path = self.path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, error)),
            _ => Ok(()),
        }
    }
}

impl Journal {
    /// Where a damaged segment is kept when it has become chunks.
    pub(super) fn aside(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:06}.{ASIDE}"))
    }

    /// The damaged segments that were kept, the oldest first.
    pub(super) fn kept_aside(&self) -> Result<Vec<PathBuf>, StoreError> {
        let entries = fs::read_dir(&self.directory).map_err(|source| failed(&self.directory, source))?;
        let mut aside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        aside.retain(|path| path.extension().is_some_and(|extension| extension == ASIDE));
        aside.sort();
        Ok(aside)
    }

    /// Keeps a segment that is sealed and damaged under another name; of many such the oldest go.
    pub(super) fn set_aside(&self, number: u64) -> Result<(), StoreError> {
        let path = self.path(number);
        match fs::rename(&path, self.aside(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path, error)),
            _ => {}
        }
        let aside = self.kept_aside()?;
        for path in &aside[..aside.len().saturating_sub(MAX_ASIDE)] {
            tracing::warn!("`{}` is removed: {MAX_ASIDE} damaged segments are kept", path.display());
            fs::remove_file(path).map_err(|source| failed(path, source))?;
        }
        Ok(())
    }
}

impl Segment {
    /// Closes a frame and appends it. After an error the segment ends before the frame, and nothing more may be
    /// written to it.
    pub(super) fn append(&mut self, frame: &mut FrameWriter) -> Result<(), StoreError> {
        let place = Place { segment: self.number, offset: self.bytes };
        let whole = frame.close(place, &self.repeats.due(self.bytes));
        if let Err(source) = (&*self.file).write_all(whole) {
            // If this fails too, what stands there is no whole frame, and a reader leaves it out.
            let _ = self.file.set_len(self.bytes);
            return Err(failed(Path::new(DIRECTORY), source));
        }
        let end = self.bytes + whole.len() as u64;
        self.repeats.said((self.bytes, end), frame.names());
        self.bytes = end;
        Ok(())
    }
}

/// Brings to the disk which files are in a directory.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
