//! The journal: a directory of segments, each a file of frames that one process appends to.
//!
//! Whoever writes a segment holds a lock on its file; one that nobody holds is an orphan. A segment's number is higher
//! than that of any segment that was there when it was begun, and no number is used twice.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use picollect_settings::files;
use picollect_store_format::{FRAME_HEAD_BYTES, Frame, Table, close, next};

use crate::StoreError;

/// The directory in the data directory.
const DIRECTORY: &str = "journal";
/// What a segment begins with.
const MAGIC: &[u8; 8] = b"picoseg1";
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
}

/// A segment that this process only reads.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: File,
    path: PathBuf,
    good_bytes: u64,
    /// What has been read so far.
    pub(super) table: Table,
}

pub(super) fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Engine { message: format!("the journal `{}` failed", path.display()), source: source.into() }
}

impl Journal {
    /// The journal in a data directory, made if need be.
    pub(super) fn open(data: &Path) -> Result<Self, StoreError> {
        let directory = data.join(DIRECTORY);
        files::make_directory(&directory)
            .map_err(|source| StoreError::Directory { path: directory.display().to_string(), source })?;
        Ok(Self { directory })
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
        File::open(&self.directory)?.sync_all()?;
        Ok(Some(Segment { number, file: Arc::new(file), bytes: MAGIC.len() as u64 }))
    }

    /// Opens a segment for reading; `None` if it has gone.
    pub(super) fn read(&self, number: u64) -> Result<Option<SegmentReader>, StoreError> {
        let path = self.path(number);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
            Ok(file) => Ok(Some(SegmentReader { file, path, good_bytes: 0, table: Table::default() })),
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

impl Segment {
    /// Closes a frame and appends it. After an error the segment ends before the frame, and nothing more may be
    /// written to it.
    pub(super) fn append(&mut self, frame: &mut [u8]) -> Result<(), StoreError> {
        close(frame);
        if let Err(source) = (&*self.file).write_all(frame) {
            // If this fails too, what stands there is no whole frame, and a reader stops before it.
            let _ = self.file.set_len(self.bytes);
            return Err(failed(Path::new(DIRECTORY), source));
        }
        self.bytes += frame.len() as u64;
        Ok(())
    }
}

impl SegmentReader {
    /// Reads what has been added since the last time.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        let failed = |source| failed(&self.path, source);
        let length = self.file.metadata().map_err(failed)?.len();
        if length <= self.good_bytes {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.good_bytes)).map_err(failed)?;
        (&self.file).take(length - self.good_bytes).read_to_end(&mut bytes).map_err(failed)?;
        let mut rest = bytes.as_slice();
        if self.good_bytes == 0 {
            let Some(after) = rest.strip_prefix(MAGIC) else { return Ok(()) };
            rest = after;
            self.good_bytes = MAGIC.len() as u64;
        }
        while let Frame::Whole { payload, length } = next(rest) {
            self.table.replay(payload).map_err(|why| {
                let message =
                    format!("the journal `{}` is damaged at byte {}", self.path.display(), self.good_bytes);
                StoreError::Engine { message, source: why.into() }
            })?;
            self.good_bytes += length as u64;
            rest = &rest[length..];
        }
        Ok(())
    }

    /// Says in the log if there is something behind the last whole frame, once nobody writes it any more.
    pub(super) fn warn_if_torn(&self) {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        if length > self.good_bytes {
            let (path, bytes) = (self.path.display(), length - self.good_bytes);
            let at = self.good_bytes;
            tracing::warn!(
                "`{path}` ends with {bytes} bytes that are no whole frame, at byte {at}: not acknowledged"
            );
        }
    }
}

/// An empty frame, to be filled behind its head.
pub(super) fn begin_frame(frame: &mut Vec<u8>) {
    frame.clear();
    frame.resize(FRAME_HEAD_BYTES, 0);
}
