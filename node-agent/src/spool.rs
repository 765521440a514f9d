//! The spool: lines that could not be delivered yet, in files, so that they outlive a crash of the agent.
//!
//! A directory of segments `NNNNNNNNNN.lines`, oldest first. A segment is line protocol after one
//! comment line that says how its times were made:
//!
//! ```text
//! # picollect-spool 1 anchor_ms=1795443057000 settled=1 boot=3f1c…
//! ```
//!
//! `anchor_ms` is the wall time of the boot by which the lines are stamped. If it was still provisional
//! (`settled=0`) the stamps are moved when the anchor is settled, provided that the machine has not been
//! booted anew since. A last line that a crash cut short is left out.
//!
//! Invariant: only plain files are read and written. Whatever else lies in the directory is named in the log and left
//! alone, and a segment that cannot be read costs its own lines only.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use picollect_board::clock::{Authority, Stamps};
use picollect_settings::files;
use picollect_telemetry::line::count_lines;

/// A segment is closed at this size: it is delivered as one batch. A small spool has smaller ones, so
/// that making room costs an eighth of it at most.
const SEGMENT_BYTES: u64 = 256 * 1024;
/// Most bytes in the spool, unless configured otherwise: on a board's tmpfs memory is what it costs.
pub(crate) const DEFAULT_MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Data older than this is given up, unless configured otherwise.
pub(crate) const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

const SUFFIX: &str = ".lines";
/// Held by the agent whose spool it is.
const LOCK: &str = "lock";

/// How the lines of a segment are stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Wall time of the boot, Unix milliseconds.
    pub anchor_ms: i64,
    /// Whether that was settled.
    pub settled: bool,
    /// Which boot it was.
    pub boot: String,
}

impl Header {
    fn to_line(&self) -> String {
        let Self { anchor_ms, settled, boot } = self;
        format!("# picollect-spool 1 anchor_ms={anchor_ms} settled={} boot={boot}\n", u8::from(*settled))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("# picollect-spool 1 ")?.split(' ');
        let anchor_ms = words.next()?.strip_prefix("anchor_ms=")?.parse().ok()?;
        let settled = words.next()?.strip_prefix("settled=")? == "1";
        let boot = words.next()?.strip_prefix("boot=")?.to_owned();
        Some(Self { anchor_ms, settled, boot })
    }
}

/// One segment, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How its lines are stamped; `None` if the file does not say, and then they stay as they are.
    pub header: Option<Header>,
    /// Line protocol, each line ended.
    pub bytes: Vec<u8>,
    /// How many lines that is.
    pub count: usize,
}

impl Content {
    /// All stamps are final unless the header says that the anchor was provisional.
    pub fn stamps(&self) -> Stamps {
        let settled = self.header.as_ref().is_none_or(|header| header.settled);
        let anchor_ms = self.header.as_ref().filter(|_| !settled).map_or(0, |header| header.anchor_ms);
        Stamps::of_earlier(anchor_ms, settled.then_some(Authority::Node))
    }
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    number: u64,
    bytes: u64,
    lines: usize,
}

/// The spool of one collector.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    max_age: Duration,
    segments: VecDeque<Segment>,
    open: Option<(File, Header)>,
    next: u64,
    /// Lines of segments that could not be read any more, until somebody counts them.
    lost: usize,
    _lock: File,
}

impl Spool {
    /// Opens the directory, which is made if need be, and finds what an earlier agent left. Fails if it cannot be
    /// written to, or is another agent's.
    pub fn open(directory: &Path, max_bytes: u64, max_age: Duration) -> io::Result<Self> {
        files::make_directory(directory)?;
        let lock = files::open_to_append(&directory.join(LOCK))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        let names = fs::read_dir(directory)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut numbers: Vec<u64> =
            names.filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok()).collect();
        numbers.sort_unstable();
        let mut spool = Self {
            directory: directory.to_owned(),
            max_bytes,
            max_age,
            segments: VecDeque::new(),
            open: None,
            next: numbers.last().map_or(1, |last| last.saturating_add(1)),
            lost: 0,
            _lock: lock,
        };
        for number in numbers {
            match spool.found(number) {
                Ok(segment) => spool.segments.push_back(segment),
                Err(error) => {
                    let path = spool.path(number);
                    tracing::warn!("`{}` in the spool is left alone: {error}", path.display());
                }
            }
        }
        Ok(spool)
    }

    fn found(&self, number: u64) -> io::Result<Segment> {
        let lines = self.read(number)?.count;
        Ok(Segment { number, bytes: fs::metadata(self.path(number))?.len(), lines })
    }

    /// Lines that wait in it.
    pub fn lines(&self) -> usize {
        self.segments.iter().map(|segment| segment.lines).sum()
    }

    /// Whether nothing waits in it.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Adds lines at the end; gives the number of lines that had to go for them, the oldest first. The
    /// segment numbered `in_use` stays in any case.
    pub fn append(
        &mut self,
        header: &Header,
        bytes: &[u8],
        lines: usize,
        in_use: Option<u64>,
    ) -> io::Result<usize> {
        let full = self
            .segments
            .back()
            .is_some_and(|segment| segment.bytes >= SEGMENT_BYTES.min(self.max_bytes / 8));
        let other = self.open.as_ref().is_some_and(|(_, open)| open != header);
        if self.open.is_none() || full || other {
            self.begin(header)?;
        }
        if let (Some((file, _)), Some(segment)) = (&mut self.open, self.segments.back_mut()) {
            file.write_all(bytes)?;
            segment.bytes += bytes.len() as u64;
            segment.lines += lines;
        }
        Ok(self.make_room(in_use))
    }

    /// The oldest segment that can be read, closed if it was open; `None` if nothing waits. What could not be read is
    /// forgotten and counted ([`take_lost`](Self::take_lost)).
    pub fn oldest(&mut self) -> Option<(u64, Content)> {
        loop {
            let Segment { number, lines, .. } = *self.segments.front()?;
            if self.segments.len() == 1 {
                self.open = None;
            }
            match self.read(number) {
                Ok(content) => return Some((number, content)),
                Err(error) => {
                    let path = self.path(number);
                    tracing::error!(lines, "`{}` in the spool is lost: {error}", path.display());
                    self.segments.pop_front();
                    self.lost += lines;
                }
            }
        }
    }

    /// How many lines could not be read any more since this was last asked.
    pub fn take_lost(&mut self) -> usize {
        std::mem::take(&mut self.lost)
    }

    /// Forgets a segment that has been dealt with. Fails if its file is there and stays.
    pub fn remove(&mut self, number: u64) -> io::Result<()> {
        self.segments.retain(|segment| segment.number != number);
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Begins a segment under the next number that nothing else has.
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        let mut file = loop {
            match OpenOptions::new().create_new(true).append(true).open(self.path(self.next)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.next < u64::MAX => {
                    self.next += 1;
                }
                opened => break opened?,
            }
        };
        let number = self.next;
        let line = header.to_line();
        file.write_all(line.as_bytes())?;
        self.next = self.next.saturating_add(1);
        self.segments.push_back(Segment { number, bytes: line.len() as u64, lines: 0 });
        self.open = Some((file, header.clone()));
        Ok(())
    }

    /// Gives up the oldest segments, but neither the one in use nor the newest.
    fn make_room(&mut self, in_use: Option<u64>) -> usize {
        let mut bytes: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let (mut index, mut given_up) = (0, 0);
        while index + 1 < self.segments.len() {
            let Segment { number, bytes: size, lines } = self.segments[index];
            if in_use == Some(number) {
                index += 1;
                continue;
            }
            if bytes <= self.max_bytes && self.age(number) <= self.max_age {
                break;
            }
            bytes -= size;
            given_up += lines;
            self.segments.remove(index);
            if let Err(error) = fs::remove_file(self.path(number)) {
                tracing::warn!("cannot remove a spool segment: {error}");
            }
        }
        given_up
    }

    fn age(&self, number: u64) -> Duration {
        let written = fs::metadata(self.path(number)).and_then(|metadata| metadata.modified());
        written.ok().and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
    }

    fn read(&self, number: u64) -> io::Result<Content> {
        let mut bytes = files::read_plain(&self.path(number))?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |feed| feed + 1);
        bytes.truncate(whole);
        let first = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |feed| feed + 1);
        let header =
            std::str::from_utf8(&bytes[..first]).ok().and_then(|line| Header::parse(line.trim_end()));
        if header.is_some() {
            bytes.drain(..first);
        }
        let count = count_lines(&bytes);
        Ok(Content { header, bytes, count })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:010}{SUFFIX}"))
    }
}

impl Drop for Spool {
    /// An agent that leaves nothing behind leaves no directory either. What cannot be removed harms
    /// nobody.
    fn drop(&mut self) {
        if self.segments.is_empty() {
            let _ = fs::remove_file(self.directory.join(LOCK));
            let _ = fs::remove_dir(&self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(anchor_ms: i64) -> Header {
        Header { anchor_ms, settled: false, boot: "b1".into() }
    }

    fn open(directory: &Path, max_bytes: u64) -> Spool {
        Spool::open(directory, max_bytes, DEFAULT_MAX_AGE).unwrap()
    }

    #[test]
    fn what_was_spooled_is_found_again_after_a_crash_without_the_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = open(directory.path(), DEFAULT_MAX_BYTES);
        spool.append(&header(5), b"a f=1 1\nb f=2 2\n", 2, None).unwrap();
        spool.append(&header(5), b"c f=3 3\ntorn f=", 1, None).unwrap();
        drop(spool);
        let mut again = open(directory.path(), DEFAULT_MAX_BYTES);
        assert_eq!(again.lines(), 3);
        let (number, content) = again.oldest().unwrap();
        assert_eq!(content.header, Some(header(5)));
        assert_eq!(String::from_utf8(content.bytes).unwrap(), "a f=1 1\nb f=2 2\nc f=3 3\n");
        again.remove(number).unwrap();
        assert!(again.is_empty() && again.oldest().is_none());
    }

    #[test]
    fn the_oldest_go_first_and_are_counted_but_never_the_one_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = open(directory.path(), 200);
        let line = [b"x".repeat(60), b"\n".to_vec()].concat();
        // Each anchor of its own begins a segment of its own, of about 120 bytes.
        assert_eq!(spool.append(&header(1), &line, 1, None).unwrap(), 0);
        assert_eq!(spool.append(&header(2), &line, 1, Some(1)).unwrap(), 0);
        assert_eq!(spool.append(&header(3), &line, 1, None).unwrap(), 2);
        assert_eq!(spool.oldest().unwrap().0, 3);
    }

    #[test]
    fn a_spool_belongs_to_one_agent() {
        let directory = tempfile::tempdir().unwrap();
        let first = open(directory.path(), DEFAULT_MAX_BYTES);
        assert!(Spool::open(directory.path(), DEFAULT_MAX_BYTES, DEFAULT_MAX_AGE).is_err());
        drop(first);
        assert!(!directory.path().exists(), "nothing was left in it");
        open(directory.path(), DEFAULT_MAX_BYTES);
    }

    #[test]
    fn a_file_that_is_no_segment_harms_nothing() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("0000000007.lines"), b"\xff\xfe no header\nm f=1 1\n").unwrap();
        fs::write(directory.path().join("notes.txt"), "hello").unwrap();
        let mut spool = open(directory.path(), DEFAULT_MAX_BYTES);
        let (number, content) = spool.oldest().unwrap();
        assert_eq!((number, content.header, content.count), (7, None, 2));
    }

    #[test]
    fn what_is_no_plain_file_is_left_alone_and_takes_nobodys_number() {
        let directory = tempfile::tempdir().unwrap();
        let at = |number: u64| directory.path().join(format!("{number:010}.lines"));
        fs::create_dir(at(3)).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at(4), rustix::fs::Mode::RWXU).unwrap();
        std::os::unix::fs::symlink("nowhere", at(5)).unwrap();
        fs::write(at(6), "m f=1 1\n").unwrap();
        let mut spool = open(directory.path(), DEFAULT_MAX_BYTES);
        assert_eq!(spool.lines(), 1);
        fs::create_dir(at(7)).unwrap();
        spool.append(&header(1), b"m f=2 2\n", 1, None).unwrap();
        assert_eq!((spool.segments[1].number, at(8).is_file()), (8, true));
        assert_eq!(spool.oldest().unwrap().0, 6);
    }

    #[test]
    fn a_segment_that_somebody_took_away_costs_its_own_lines() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = open(directory.path(), DEFAULT_MAX_BYTES);
        for anchor_ms in 1..=3 {
            spool.append(&header(anchor_ms), b"m f=1 1\nm f=2 2\n", 2, None).unwrap();
        }
        fs::remove_file(spool.path(1)).unwrap();
        fs::remove_file(spool.path(2)).unwrap();
        fs::create_dir(spool.path(2)).unwrap();
        assert_eq!(spool.oldest().unwrap().0, 3);
        assert_eq!((spool.take_lost(), spool.take_lost(), spool.lines()), (4, 0, 2));
        fs::remove_file(spool.path(3)).unwrap();
        spool.remove(3).unwrap();
    }

    #[test]
    fn a_lock_that_is_no_plain_file_is_said_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(LOCK)).unwrap();
        let error = Spool::open(directory.path(), DEFAULT_MAX_BYTES, DEFAULT_MAX_AGE).unwrap_err();
        assert!(error.to_string().contains("no plain file"), "{error}");
    }
}
