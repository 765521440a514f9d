//! The queue between sampler and push: in memory while the collector takes what comes, in the spool as
//! soon as it does not. Bounded, and every line that is given up is counted.
//!
//! Invariant: every line that was put is waiting, under way, delivered, or counted as dropped.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::spool::{Content, Header, Spool};
use crate::stamping::move_times;
use picollect_board::clock::{Authority, Stamps};

/// Most bytes that wait in memory where there is no spool: at some 3 KB a second this bridges three
/// quarters of an hour.
pub const MAX_QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// Line protocol, each line ended.
    pub bytes: Vec<u8>,
    /// How many lines it is.
    pub count: usize,
    /// How their times were made.
    pub stamps: Stamps,
}

/// Lines on their way; [`Queue::give_back`], [`Queue::delivered`] or [`Queue::dropped`] ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Line protocol with its final times.
    pub bytes: Vec<u8>,
    /// How many lines it is.
    pub count: usize,
    segment: Option<u64>,
    stamps: Stamps,
}

/// What has become of the lines so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting, the ones under way included.
    pub queued_lines: i64,
    /// Given up: the queue was full, or the collector refused them.
    pub dropped_lines: i64,
    /// Deliveries that failed and are tried again.
    pub failures: i64,
}

impl Counts {
    /// The counts of several queues as one.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            queued_lines: self.queued_lines + other.queued_lines,
            dropped_lines: self.dropped_lines + other.dropped_lines,
            failures: self.failures + other.failures,
        }
    }
}

#[derive(Debug)]
struct State {
    memory: VecDeque<Lines>,
    memory_bytes: usize,
    spool: Option<Spool>,
    /// The segment under way.
    in_use: Option<u64>,
    /// The collector does not take what comes: new lines go to the spool at once.
    failing: bool,
    counts: Counts,
    closed: bool,
}

/// Shared by the sampler, which puts lines in, and the push, which takes them out.
#[derive(Debug)]
pub struct Queue {
    max_bytes: usize,
    boot: String,
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// A queue that holds so many bytes in memory; with a spool, what an earlier agent left there comes
    /// first. `boot` tells this boot of the machine from others.
    pub fn new(max_bytes: usize, spool: Option<Spool>, boot: String) -> Self {
        let waiting = spool.as_ref().map_or(0, Spool::lines);
        let state = State {
            memory: VecDeque::new(),
            memory_bytes: 0,
            spool,
            in_use: None,
            failing: false,
            counts: Counts { queued_lines: number(waiting), ..Counts::default() },
            closed: false,
        };
        Self { max_bytes, boot, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds lines; the oldest give way when there is no more room.
    pub fn put(&self, lines: Lines) {
        let mut state = self.lock();
        state.counts.queued_lines += number(lines.count);
        if state.failing || state.spool.as_ref().is_some_and(|spool| !spool.is_empty()) {
            self.spool(&mut state, lines);
        } else {
            self.keep(&mut state, lines);
        }
        // Whoever is woken needs the lock at once.
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for lines and takes the oldest, up to about `max_bytes` together. `None` once the queue is
    /// closed and empty.
    pub fn take(&self, max_bytes: usize) -> Option<Batch> {
        let nothing = |state: &mut State| {
            state.memory.is_empty() && state.spool.as_ref().is_none_or(Spool::is_empty) && !state.closed
        };
        let mut state = self.lock();
        loop {
            state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            let oldest = state.spool.as_mut().and_then(Spool::oldest);
            let lost = state.spool.as_mut().map_or(0, Spool::take_lost);
            state.counts.queued_lines -= number(lost);
            state.counts.dropped_lines += number(lost);
            if let Some((segment, content)) = oldest {
                state.in_use = Some(segment);
                return Some(self.of_segment(segment, content));
            }
            // What was lost may have been all that waited.
            if !state.memory.is_empty() || state.closed {
                return take_from_memory(&mut state, max_bytes);
            }
        }
    }

    /// Waits until the queue is closed or the time is over; says whether it is closed.
    pub fn wait_closed(&self, time: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, time, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.closed
    }

    /// The batch has arrived.
    pub fn delivered(&self, batch: &Batch) {
        let mut state = self.lock();
        state.failing = false;
        finish(&mut state, batch);
    }

    /// So many lines of the batch were refused for good; the others have arrived.
    pub fn dropped(&self, batch: &Batch, lines: usize) {
        let mut state = self.lock();
        state.failing = false;
        state.counts.dropped_lines += number(lines.min(batch.count));
        finish(&mut state, batch);
    }

    /// The batch could not be delivered; it is the first to be taken again. From now on what comes goes
    /// to the spool.
    pub fn give_back(&self, batch: Batch) {
        let mut state = self.lock();
        state.counts.failures += 1;
        state.in_use = None;
        if batch.segment.is_none() {
            let lines = Lines { bytes: batch.bytes, count: batch.count, stamps: batch.stamps };
            state.memory_bytes += lines.bytes.len();
            state.memory.push_front(lines);
        }
        if state.spool.is_some() {
            self.empty_memory(&mut state);
        }
        state.failing = state.spool.is_some();
    }

    /// No more lines will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The agent ends with lines that could not be delivered: the spool keeps them for the next one;
    /// without a spool they are given up. Says how many.
    pub fn abandon(&self) -> (usize, bool) {
        let mut state = self.lock();
        let waiting = usize::try_from(state.counts.queued_lines).unwrap_or(0);
        if state.spool.is_some() {
            self.empty_memory(&mut state);
            return (waiting, true);
        }
        state.counts.dropped_lines += state.counts.queued_lines;
        state.counts.queued_lines = 0;
        (waiting, false)
    }

    /// What has become of the lines so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Brings the times of lines that were stamped before the anchor was settled to where it is now.
    pub fn settle(&self, batch: &mut Batch, now: Stamps) {
        if batch.stamps.authority.is_none() && batch.stamps.anchor_ms != now.anchor_ms {
            // The spool's file may say anything.
            move_times(&mut batch.bytes, now.anchor_ms.saturating_sub(batch.stamps.anchor_ms));
        }
        batch.stamps = now;
    }

    /// A segment as a batch. Provisional stamps of another boot cannot be moved: nothing is known of that
    /// boot's time.
    fn of_segment(&self, segment: u64, content: Content) -> Batch {
        let mut stamps = content.stamps();
        if content.header.is_some_and(|header| header.boot != self.boot) {
            stamps.authority = Some(Authority::Node);
        }
        Batch { bytes: content.bytes, count: content.count, segment: Some(segment), stamps }
    }

    fn header(&self, stamps: Stamps) -> Header {
        Header { anchor_ms: stamps.anchor_ms, settled: stamps.authority.is_some(), boot: self.boot.clone() }
    }

    fn keep(&self, state: &mut State, lines: Lines) {
        state.memory_bytes += lines.bytes.len();
        state.memory.push_back(lines);
        if state.memory_bytes > self.max_bytes && state.spool.is_some() {
            return self.empty_memory(state);
        }
        while state.memory_bytes > self.max_bytes {
            let Some(oldest) = state.memory.pop_front() else { break };
            state.memory_bytes -= oldest.bytes.len();
            state.counts.queued_lines -= number(oldest.count);
            state.counts.dropped_lines += number(oldest.count);
        }
    }

    fn empty_memory(&self, state: &mut State) {
        state.memory_bytes = 0;
        for lines in std::mem::take(&mut state.memory) {
            self.spool(state, lines);
        }
    }

    fn spool(&self, state: &mut State, lines: Lines) {
        let header = self.header(lines.stamps);
        let in_use = state.in_use;
        let Some(spool) = &mut state.spool else { return self.keep(state, lines) };
        match spool.append(&header, &lines.bytes, lines.count, in_use) {
            Ok(given_up) => {
                state.counts.queued_lines -= number(given_up);
                state.counts.dropped_lines += number(given_up);
            }
            Err(error) => {
                give_up_spool(state, &error);
                self.keep(state, lines);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_from_memory(state: &mut State, max_bytes: usize) -> Option<Batch> {
    let Lines { bytes, count, stamps } = state.memory.pop_front()?;
    let mut batch = Batch { bytes, count, segment: None, stamps };
    while let Some(next) = state.memory.front() {
        let fits = batch.bytes.len() + next.bytes.len() <= max_bytes;
        if !fits || next.stamps.anchor_ms != batch.stamps.anchor_ms {
            break;
        }
        batch.bytes.extend_from_slice(&next.bytes);
        batch.count += next.count;
        state.memory.pop_front();
    }
    state.memory_bytes = state.memory.iter().map(|lines| lines.bytes.len()).sum();
    Some(batch)
}

/// A batch is off our hands.
fn finish(state: &mut State, batch: &Batch) {
    state.counts.queued_lines -= number(batch.count);
    state.in_use = None;
    if let (Some(segment), Some(spool)) = (batch.segment, &mut state.spool) {
        if let Err(error) = spool.remove(segment) {
            give_up_spool(state, &error);
        }
    }
}

/// A spool that cannot be used any more: the agent goes on in memory, and says so.
fn give_up_spool(state: &mut State, error: &std::io::Error) {
    let lost = state.spool.take().map_or(0, |spool| spool.lines());
    tracing::error!(lines = lost, "the spool failed and is given up: {error}");
    state.counts.queued_lines -= number(lost);
    state.counts.dropped_lines += number(lost);
    state.failing = false;
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::DEFAULT_MAX_AGE;
    use std::path::Path;

    fn lines(text: &str) -> Lines {
        let stamps = Stamps::of_earlier(1000, Some(Authority::Node));
        Lines { bytes: text.as_bytes().to_vec(), count: text.lines().count(), stamps }
    }

    fn in_memory(max_bytes: usize) -> Queue {
        Queue::new(max_bytes, None, "b".into())
    }

    fn with_spool(directory: &Path, max_bytes: u64) -> Queue {
        let spool = Spool::open(directory, max_bytes, DEFAULT_MAX_AGE).unwrap();
        Queue::new(1000, Some(spool), "b".into())
    }

    fn text(batch: &Batch) -> &str {
        std::str::from_utf8(&batch.bytes).unwrap()
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        let queue = in_memory(10);
        for text in ["one\n", "two\n", "three\n"] {
            queue.put(lines(text));
        }
        assert_eq!(queue.counts(), Counts { queued_lines: 2, dropped_lines: 1, failures: 0 });
        assert_eq!(text(&queue.take(100).unwrap()), "two\nthree\n");
    }

    #[test]
    fn a_batch_is_bounded_and_counts_until_it_has_arrived() {
        let queue = in_memory(100);
        for text in ["aaa\n", "bbb\n", "ccc\nddd\n"] {
            queue.put(lines(text));
        }
        let batch = queue.take(8).unwrap();
        assert_eq!((text(&batch), queue.counts().queued_lines), ("aaa\nbbb\n", 4));
        queue.delivered(&batch);
        let batch = queue.take(1).unwrap();
        assert_eq!(text(&batch), "ccc\nddd\n", "a batch larger than the limit still travels, alone");
        queue.dropped(&batch, 1);
        assert_eq!(queue.counts(), Counts { queued_lines: 0, dropped_lines: 1, failures: 0 });
    }

    #[test]
    fn a_batch_that_is_given_back_comes_first_again() {
        let queue = in_memory(100);
        queue.put(lines("a\n"));
        let batch = queue.take(1).unwrap();
        queue.put(lines("b\n"));
        queue.give_back(batch);
        assert_eq!(text(&queue.take(100).unwrap()), "a\nb\n");
        assert_eq!(queue.counts(), Counts { queued_lines: 2, dropped_lines: 0, failures: 1 });
    }

    #[test]
    fn what_could_not_be_delivered_outlives_the_agent_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let queue = with_spool(directory.path(), 10_000);
        queue.put(lines("a 1\n"));
        queue.put(lines("b 2\n"));
        let batch = queue.take(1).unwrap();
        queue.give_back(batch);
        queue.put(lines("c 3\n"));
        drop(queue);
        let next = with_spool(directory.path(), 10_000);
        assert_eq!(next.counts().queued_lines, 3);
        next.put(lines("d 4\n"));
        let batch = next.take(1000).unwrap();
        assert_eq!(text(&batch), "a 1\nb 2\nc 3\n");
        next.delivered(&batch);
        let batch = next.take(1000).unwrap();
        assert_eq!(text(&batch), "d 4\n");
        next.delivered(&batch);
        assert_eq!(next.counts(), Counts::default());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "only the lock is left");
    }

    #[test]
    fn in_normal_operation_the_spool_is_never_written() {
        let directory = tempfile::tempdir().unwrap();
        let queue = with_spool(directory.path(), 10_000);
        for _ in 0..20 {
            queue.put(lines("a 1\n"));
            let batch = queue.take(1000).unwrap();
            queue.delivered(&batch);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "only the lock");
    }

    #[test]
    fn provisional_times_are_moved_when_the_anchor_is_settled_also_from_the_spool() {
        let directory = tempfile::tempdir().unwrap();
        let queue = with_spool(directory.path(), 10_000);
        let settled = lines("").stamps;
        let provisional = Stamps::of_earlier(0, None);
        queue.put(Lines { stamps: provisional, ..lines("a f=1 5000000\n") });
        let batch = queue.take(1).unwrap();
        queue.give_back(batch);
        let mut batch = queue.take(1).unwrap();
        queue.settle(&mut batch, settled);
        assert_eq!(text(&batch), "a f=1 1005000000\n");
        queue.settle(&mut batch, settled);
        assert_eq!(text(&batch), "a f=1 1005000000\n", "once");
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_then_ends() {
        let queue = in_memory(100);
        queue.put(lines("a\n"));
        assert!(!queue.wait_closed(Duration::ZERO));
        queue.close();
        assert!(queue.wait_closed(Duration::from_secs(5)));
        assert!(queue.take(10).is_some());
        assert_eq!(queue.take(10), None);
        queue.put(lines("b\n"));
        assert_eq!(queue.abandon(), (2, false), "one under way, one waiting");
        assert_eq!(queue.counts().dropped_lines, 2);
    }

    #[test]
    fn a_segment_that_was_taken_away_is_counted_as_dropped_and_the_next_lines_are_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let queue = with_spool(directory.path(), 10_000);
        queue.put(lines("m f=1 1\nm f=2 2\n"));
        let batch = queue.take(1000).unwrap();
        queue.give_back(batch);
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some() {
                std::fs::remove_file(path).unwrap();
            }
        }
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(1000).map(|batch| text(&batch).to_owned()));
            while queue.counts().dropped_lines == 0 {
                std::thread::yield_now();
            }
            queue.put(lines("m f=3 3\n"));
            assert_eq!(taken.join().unwrap().as_deref(), Some("m f=3 3\n"));
        });
        assert_eq!((queue.counts().dropped_lines, queue.counts().queued_lines), (2, 1));
    }
}
