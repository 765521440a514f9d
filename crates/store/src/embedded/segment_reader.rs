//! A segment of the journal as it is read: every frame that can be found, whatever became of the others.
//!
//! A frame stands by itself (`docs/store-format.md`), so damage costs the frames that it meets and no others. Format 1
//! had frames that needed all before them: there, damage ends what can be read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use picollect_store_format::{Frame1, Place, Replay, Table, Tail, next_1, scan};

use super::journal::{MAGIC, failed};
use crate::StoreError;

/// What a segment of format 1 begins with.
const MAGIC_1: &[u8; 8] = b"picoseg1";
/// What cannot be read at once is read in pieces of this size, and only those are lost that the disk does not give.
const PIECE_BYTES: usize = 4096;

/// Bytes of a segment that say nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// Offsets in the file.
    pub(super) bytes: Range<u64>,
    /// In a few words.
    pub(super) why: &'static str,
}

/// How a segment's frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    One,
    Two,
}

/// A segment that this process only reads.
#[derive(Debug)]
pub(super) struct SegmentReader {
    pub(super) file: File,
    pub(super) path: PathBuf,
    number: u64,
    format: Option<Format>,
    replay: Replay,
    frames: u64,
    damages: Vec<Damage>,
    /// Where what has been read ends.
    read_to: u64,
    length: u64,
    tail: Tail,
}

impl SegmentReader {
    pub(super) fn new(number: u64, file: File, path: PathBuf) -> Self {
        Self {
            file,
            path,
            number,
            format: None,
            replay: Replay::default(),
            frames: 0,
            damages: Vec::new(),
            read_to: 0,
            length: 0,
            tail: Tail::Nothing,
        }
    }

    /// What has been read so far.
    pub(super) fn table(&self) -> &Table {
        self.replay.table()
    }

    /// How many frames that are whole have been read.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether a process still writes to it.
    pub(super) fn is_written(&self) -> bool {
        let is_free = self.file.try_lock_shared().is_ok();
        if is_free {
            // Nobody is to take us for its writer; closing the file would free it too.
            let _ = self.file.unlock();
        }
        !is_free
    }

    /// Reads what has been added since the last time.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        let length = self.file.metadata().map_err(|source| failed(&self.path, source))?.len();
        if length <= self.length {
            return Ok(());
        }
        let from = self.read_to;
        let read = read_what_can_be(from..length, |piece, at| self.file.read_exact_at(piece, at));
        let mut bytes = read.map_err(|source| failed(&self.path, source))?;
        self.length = length;
        if from == 0 {
            if bytes.len() < MAGIC.len() {
                self.tail = if bytes.is_empty() { Tail::Nothing } else { Tail::CutShort };
                // Its writer is not done with it.
                self.length = 0;
                return Ok(());
            }
            self.begin(&bytes);
            bytes.drain(..MAGIC.len());
            self.read_to = MAGIC.len() as u64;
        }
        match self.format {
            Some(Format::One) => self.take_1(&bytes),
            _ => self.take(&bytes),
        }
        Ok(())
    }

    /// Says of which format it is; where its first bytes are damaged its first frame says so.
    fn begin(&mut self, bytes: &[u8]) {
        let (magic, rest) = bytes.split_at(MAGIC.len());
        let is_1 = matches!(next_1(rest), Frame1::Whole { .. });
        self.format =
            Some(if magic == MAGIC_1 || magic != MAGIC && is_1 { Format::One } else { Format::Two });
        if magic != MAGIC && magic != MAGIC_1 {
            self.blame(0..MAGIC.len() as u64, "it does not begin as a segment does");
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let scan = scan(Place { segment: self.number, offset: self.read_to }, bytes);
        for damaged in scan.damaged {
            self.blame(damaged, "no whole frame is there");
        }
        for (offset, payload) in &scan.frames {
            if let Err(why) = self.replay.learn(payload) {
                self.blame(*offset..offset + payload.len() as u64, why.0);
            }
        }
        for (offset, payload) in &scan.frames {
            match self.replay.take(payload) {
                Ok(()) => self.frames += 1,
                Err(why) => self.blame(*offset..offset + payload.len() as u64, why.0),
            }
        }
        (self.read_to, self.tail) = (scan.end, scan.tail);
    }

    fn take_1(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        self.tail = loop {
            match next_1(rest) {
                Frame1::End => break Tail::Nothing,
                Frame1::Torn => break Tail::NoFrame,
                Frame1::Whole { payload, length } => match self.replay.take_1(payload) {
                    Ok(()) => {
                        self.frames += 1;
                        self.read_to += length as u64;
                        rest = &rest[length..];
                    }
                    Err(_) => break Tail::NoFrame,
                },
            }
        };
    }

    fn blame(&mut self, bytes: Range<u64>, why: &'static str) {
        self.damages.push(Damage { bytes, why });
    }

    /// All that is damaged. Bytes at the end that begin no frame are, once nobody writes to the segment: before that
    /// they may be a frame on its way.
    pub(super) fn damages(&self, is_written: bool) -> Vec<Damage> {
        let mut damages = self.damages.clone();
        if self.tail == Tail::NoFrame && !is_written {
            let why = match self.format {
                Some(Format::One) => {
                    "a frame is broken or cut short, and none behind it can be understood without it"
                }
                _ => "no frame begins there to the end of the file",
            };
            damages.push(Damage { bytes: self.read_to..self.length, why });
        }
        damages.sort_by_key(|damage| damage.bytes.start);
        damages
    }

    /// One sentence about a frame whose end is not there, if it ends with such a one.
    pub(super) fn cut_short(&self) -> Option<String> {
        let (path, from) = (self.path.display(), self.read_to);
        (self.tail == Tail::CutShort).then(|| {
            format!(
                "the journal `{path}` ends with the beginning of a frame, at byte {from}: whoever wrote it was \
                 interrupted before it was acknowledged, or the power failed before it was on the disk"
            )
        })
    }

    /// One sentence for each damage: where it is and what is wrong.
    pub(super) fn complaints(&self, is_written: bool) -> impl Iterator<Item = (u64, String)> {
        let path = self.path.display().to_string();
        self.damages(is_written).into_iter().map(move |Damage { bytes: Range { start, end }, why }| {
            (end - start, format!("the journal `{path}` is damaged from byte {start} to byte {end}: {why}"))
        })
    }
}

/// Bytes of a file, with zeros in place of what the disk does not give back.
fn read_what_can_be(
    bytes: Range<u64>,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let length = usize::try_from(bytes.end - bytes.start).map_err(io::Error::other)?;
    let mut all = vec![0; length];
    match read_at(&mut all, bytes.start) {
        Err(error) if is_unreadable(&error) => {}
        other => return other.map(|()| all),
    }
    let mut at = bytes.start;
    for piece in all.chunks_mut(PIECE_BYTES) {
        match read_at(piece, at) {
            Err(error) if is_unreadable(&error) => piece.fill(0),
            other => other?,
        }
        at += piece.len() as u64;
    }
    Ok(all)
}

/// Whether a disk says that it has lost something.
fn is_unreadable(error: &io::Error) -> bool {
    error.raw_os_error() == Some(EIO)
}

/// Linux' number, the same on every architecture.
const EIO: i32 = 5;

/// What is said when a damaged segment becomes chunks.
pub(super) fn warn_of(reader: &SegmentReader, aside: &Path) {
    let (frames, samples) = (reader.frames, reader.table().samples());
    let mut lost = 0;
    for (bytes, complaint) in reader.complaints(false) {
        lost += bytes;
        tracing::error!("{complaint}");
    }
    tracing::error!(
        "{samples} samples in {frames} frames of it were salvaged; what stood in {lost} bytes is lost, whether it was \
         acknowledged or not. The segment is kept as `{}`",
        aside.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_gives_some_sectors_no_more_costs_those_only() {
        let disk: Vec<u8> = (0..u8::MAX).cycle().take(3 * PIECE_BYTES + 5).collect();
        let bad = PIECE_BYTES as u64 + 100..PIECE_BYTES as u64 + 200;
        let read_at = |piece: &mut [u8], at: u64| {
            if at < bad.end && at + piece.len() as u64 > bad.start {
                return Err(io::Error::from_raw_os_error(EIO));
            }
            let at = usize::try_from(at).unwrap();
            piece.copy_from_slice(&disk[at..at + piece.len()]);
            Ok(())
        };
        let mut want = disk.clone();
        want[PIECE_BYTES..2 * PIECE_BYTES].fill(0);
        assert_eq!(read_what_can_be(0..disk.len() as u64, read_at).unwrap(), want);
        let gone = |_: &mut [u8], _| Err(io::Error::other("it is gone"));
        assert_eq!(read_what_can_be(0..9, gone).unwrap_err().to_string(), "it is gone");
    }
}
