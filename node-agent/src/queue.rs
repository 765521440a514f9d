//! The queue between sampler and push: bounded, and every line that is given up is counted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes that wait: at some 3 KB a second this bridges three quarters of an hour.
pub const MAX_QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// Lines that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Line protocol, each line ended.
    pub bytes: Vec<u8>,
    /// How many lines it is.
    pub count: usize,
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

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Lines>,
    waiting_bytes: usize,
    counts: Counts,
    closed: bool,
}

/// Shared by the sampler, which puts lines in, and the push, which takes them out.
#[derive(Debug)]
pub struct Queue {
    max_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// An empty queue that holds this many bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds lines; the oldest give way when the queue is full.
    pub fn put(&self, lines: Lines) {
        let mut state = self.lock();
        state.counts.queued_lines += count(&lines);
        state.waiting_bytes += lines.bytes.len();
        state.waiting.push_back(lines);
        while state.waiting_bytes > self.max_bytes {
            let Some(oldest) = state.waiting.pop_front() else { break };
            state.waiting_bytes -= oldest.bytes.len();
            state.counts.queued_lines -= count(&oldest);
            state.counts.dropped_lines += count(&oldest);
        }
        self.changed.notify_all();
    }

    /// Waits for lines and takes the oldest, up to about `max_bytes` together, out of the queue; they
    /// still count as queued until [`delivered`](Self::delivered) or [`dropped`](Self::dropped). `None`
    /// once the queue is closed and empty.
    pub fn take(&self, max_bytes: usize) -> Option<Lines> {
        let state = self.lock();
        let mut state = self
            .changed
            .wait_while(state, |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let mut batch = state.waiting.pop_front()?;
        while let Some(next) = state.waiting.front() {
            if batch.bytes.len() + next.bytes.len() > max_bytes {
                break;
            }
            batch.bytes.extend_from_slice(&next.bytes);
            batch.count += next.count;
            state.waiting.pop_front();
        }
        state.waiting_bytes = state.waiting.iter().map(|lines| lines.bytes.len()).sum();
        Some(batch)
    }

    /// Lines that were taken have arrived.
    pub fn delivered(&self, lines: &Lines) {
        self.lock().counts.queued_lines -= count(lines);
    }

    /// Lines that were taken were refused for good.
    pub fn dropped(&self, lines: &Lines) {
        let mut state = self.lock();
        state.counts.queued_lines -= count(lines);
        state.counts.dropped_lines += count(lines);
    }

    /// A delivery failed and will be tried again.
    pub fn failed(&self) {
        self.lock().counts.failures += 1;
    }

    /// No more lines will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
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

    /// What has become of the lines so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(lines: &Lines) -> i64 {
    i64::try_from(lines.count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        Lines { bytes: text.as_bytes().to_vec(), count: text.lines().count() }
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        let queue = Queue::new(10);
        queue.put(lines("one\n"));
        queue.put(lines("two\n"));
        queue.put(lines("three\n"));
        assert_eq!(queue.counts(), Counts { queued_lines: 2, dropped_lines: 1, failures: 0 });
        assert_eq!(queue.take(100).unwrap(), lines("two\nthree\n"));
    }

    #[test]
    fn a_batch_is_bounded_and_counts_until_it_has_arrived() {
        let queue = Queue::new(100);
        for text in ["aaa\n", "bbb\n", "ccc\n"] {
            queue.put(lines(text));
        }
        let batch = queue.take(8).unwrap();
        assert_eq!(batch, lines("aaa\nbbb\n"));
        assert_eq!(queue.counts().queued_lines, 3);
        queue.delivered(&batch);
        let batch = queue.take(1).unwrap();
        assert_eq!(batch, lines("ccc\n"), "a batch larger than the limit still travels, alone");
        queue.dropped(&batch);
        assert_eq!(queue.counts(), Counts { queued_lines: 0, dropped_lines: 1, failures: 0 });
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_then_ends() {
        let queue = Queue::new(100);
        queue.put(lines("a\n"));
        assert!(!queue.wait_closed(Duration::ZERO));
        queue.close();
        assert!(queue.wait_closed(Duration::from_secs(5)));
        assert_eq!(queue.take(10), Some(lines("a\n")));
        assert_eq!(queue.take(10), None);
    }
}
