//! What a connection is doing, and until when it may go on like that.
//!
//! Invariant: whatever a client does or leaves undone, either its bytes go on at [`Deadlines::least_bytes`] in each
//! window, or a deadline ends the connection. Only the time that an answer takes to be computed is not the client's.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::load::{Load, count};

/// How long each phase may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// The handshake together with the first request's head, and the head of each later request from its first byte on.
    pub(super) head: Duration,
    /// From an answer to the next request.
    pub(super) idle: Duration,
    /// While a body comes in, at least [`least_bytes`](Self::least_bytes) come within each such time.
    pub(super) body: Duration,
    /// While an answer waits to be read, at least so many are read within each such time. It is longer, because a
    /// socket's buffer lets nothing through until a third of it is free.
    pub(super) answer: Duration,
    /// A kilobyte a second is less than any network that a cluster stands on.
    pub(super) least_bytes: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            head: seconds(10),
            // Agents keep theirs for a quarter of it.
            idle: seconds(60),
            body: seconds(10),
            answer: seconds(30),
            least_bytes: 10 * 1024,
        }
    }
}

/// Where a connection stands in HTTP's order of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A handshake or a head is coming.
    Head,
    /// A body is coming; some of it was waited for since, and so much has come since.
    Body { waiting: Option<Instant>, bytes: u64 },
    /// The answer is being made or sent.
    Answer,
    /// Nothing: the next request is waited for.
    Idle,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// When the phase began; in `Idle` also when the last byte of the answer went out.
    since: Instant,
    /// Since when bytes wait to be read by the client, and how many were read since.
    writing: Option<(Instant, u64)>,
    /// Somebody else has got its place.
    shed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// A connection as its stream, its requests and the others see it.
#[derive(Debug)]
pub(super) struct Connection {
    /// Whose it is; `None` if the system does not say.
    pub(super) peer: Option<IpAddr>,
    deadlines: Deadlines,
    load: Arc<Load>,
    state: Mutex<State>,
}

/// Which connection is the first to give way, the least first: those that do nothing, those whose body hangs, those
/// whose answer hangs; of each the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(pub(super) u8, pub(super) Instant);

impl Connection {
    /// One that was just accepted.
    pub(super) fn new(peer: Option<IpAddr>, deadlines: Deadlines, load: Arc<Load>) -> Self {
        let (phase, since) = (Phase::Head, Instant::now());
        let state = State { phase, since, writing: None, shed: false, reader: None, writer: None };
        Self { peer, deadlines, load, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is there, and a body may follow.
    pub(super) fn requested(&self, has_body: bool) {
        let mut state = self.state();
        state.since = Instant::now();
        state.phase = if has_body { Phase::Body { waiting: None, bytes: 0 } } else { Phase::Answer };
    }

    /// The request's body is there, or nobody wants the rest of it.
    pub(super) fn body_ended(&self) {
        let mut state = self.state();
        if let Phase::Body { .. } = state.phase {
            state.phase = Phase::Answer;
            state.since = Instant::now();
        }
    }

    /// The answer is complete as far as we are concerned; its last bytes may still be on their way.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        state.phase = Phase::Idle;
        state.since = Instant::now();
    }

    /// So many bytes came in.
    pub(super) fn arrived(&self, more: usize) {
        let mut state = self.state();
        match &mut state.phase {
            Phase::Body { bytes, .. } => *bytes = bytes.saturating_add(more as u64),
            Phase::Idle if more > 0 => {
                state.phase = Phase::Head;
                state.since = Instant::now();
            }
            Phase::Idle | Phase::Head | Phase::Answer => {}
        }
    }

    /// So many bytes went out; `all` of those that there were to send.
    pub(super) fn departed(&self, more: usize, all: bool) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.since = Instant::now();
        }
        match &mut state.writing {
            _ if all => state.writing = None,
            Some((_, bytes)) => *bytes = bytes.saturating_add(more as u64),
            None => {}
        }
    }

    /// Nothing is there to read: until when it is waited for; `None` is as long as the answer takes. An error is what
    /// ends the connection.
    pub(super) fn reading_until(&self, now: Instant, waker: &Waker) -> io::Result<Option<Instant>> {
        let mut state = self.state();
        state.reader = Some(waker.clone());
        let Deadlines { head, idle, body, least_bytes, .. } = self.deadlines;
        let (since, is_writing) = (state.since, state.writing.is_some());
        let (until, what, counter) = match &mut state.phase {
            Phase::Answer => return Ok(None),
            // The answer's last bytes have the deadline of their own.
            Phase::Idle if is_writing => return Ok(Some(now + idle)),
            Phase::Head => (since + head, "a request's head", &self.load.head_timeouts),
            Phase::Idle => (since + idle, "a request", &self.load.idle_timeouts),
            Phase::Body { waiting, bytes } => {
                let until = window(waiting, bytes, now, body, least_bytes);
                (until, "a request's body", &self.load.body_timeouts)
            }
        };
        if now < until {
            return Ok(Some(until));
        }
        count(counter);
        Err(too_slow(what))
    }

    /// Nothing can be sent: until when it is waited for that the client reads. An error is what ends the connection.
    pub(super) fn writing_until(&self, now: Instant, waker: &Waker) -> io::Result<Option<Instant>> {
        let mut state = self.state();
        state.writer = Some(waker.clone());
        let Deadlines { answer, least_bytes, .. } = self.deadlines;
        let (began, mut bytes) = state.writing.unwrap_or((now, 0));
        let mut waiting = Some(began);
        let until = window(&mut waiting, &mut bytes, now, answer, least_bytes);
        state.writing = waiting.map(|since| (since, bytes));
        if now < until {
            return Ok(Some(until));
        }
        count(&self.load.answer_timeouts);
        Err(too_slow("an answer to be read"))
    }

    /// Fails if the place was given to another.
    pub(super) fn still_here(&self) -> io::Result<()> {
        if self.state().shed {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "another connection wanted the place",
            ));
        }
        Ok(())
    }

    /// Gives the place up: the connection ends as soon as its stream is looked at, which is at once.
    pub(super) fn shed(&self) {
        let wakers = {
            let mut state = self.state();
            state.shed = true;
            [state.reader.take(), state.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// How soon it gives way; `None` is never: its answer is being made.
    pub(super) fn rank(&self) -> Option<Rank> {
        let state = self.state();
        match (state.phase, state.writing) {
            (_, Some((since, _))) => Some(Rank(2, since)),
            (Phase::Head | Phase::Idle, None) => Some(Rank(0, state.since)),
            (Phase::Body { .. }, None) => Some(Rank(1, state.since)),
            (Phase::Answer, None) => None,
        }
    }
}

/// When the window ends in which enough bytes have to come; one that had enough is followed by the next.
fn window(
    since: &mut Option<Instant>,
    bytes: &mut u64,
    now: Instant,
    length: Duration,
    least_bytes: u64,
) -> Instant {
    let until = *since.get_or_insert(now) + length;
    if now < until || *bytes < least_bytes {
        return until;
    }
    (*since, *bytes) = (Some(now), 0);
    now + length
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("waited too long for {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    fn connection() -> Connection {
        Connection::new(None, Deadlines::default(), Arc::default())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_phase_has_its_own_deadline_and_counter() {
        let (connection, begun, waker) = (connection(), Instant::now(), Waker::noop());
        let ends_between = |from: u64, to: u64| {
            assert!(connection.reading_until(begun + seconds(from), waker).is_ok(), "{from}");
            assert!(connection.reading_until(begun + seconds(to), waker).is_err(), "{to}");
        };
        ends_between(9, 11);
        connection.requested(false);
        assert_eq!(
            connection.reading_until(begun + seconds(9999), waker).unwrap(),
            None,
            "the answer is ours"
        );
        connection.answered();
        ends_between(59, 61);
        connection.arrived(1);
        ends_between(9, 11);
        connection.requested(true);
        ends_between(9, 30);
        let load = &connection.load;
        let counters = [&load.head_timeouts, &load.idle_timeouts, &load.body_timeouts, &load.answer_timeouts];
        assert_eq!(counters.map(|counter| counter.load(Ordering::Relaxed)), [2, 1, 1, 0]);
    }

    #[test]
    fn a_body_may_take_its_time_as_long_as_something_comes_in_each_window() {
        let (connection, mut now, waker) = (connection(), Instant::now(), Waker::noop());
        connection.requested(true);
        connection.reading_until(now, waker).unwrap();
        for _ in 0..100 {
            connection.arrived(10 * 1024);
            now += seconds(10);
            assert!(connection.reading_until(now, waker).is_ok());
        }
        // What came fast before is no credit for later.
        connection.arrived(10 * 1024 * 1024);
        now += seconds(10);
        assert!(connection.reading_until(now, waker).is_ok());
        connection.arrived(1024);
        assert!(connection.reading_until(now + seconds(10), waker).is_err());
    }

    #[test]
    fn an_answer_that_nobody_reads_ends_and_one_that_is_read_slowly_does_not() {
        let (connection, mut now, waker) = (connection(), Instant::now(), Waker::noop());
        connection.requested(false);
        for _ in 0..100 {
            assert!(connection.writing_until(now, waker).is_ok());
            connection.departed(10 * 1024, false);
            now += seconds(30);
        }
        assert!(connection.writing_until(now, waker).is_ok());
        connection.departed(5, true);
        assert!(connection.writing_until(now + seconds(99), waker).is_ok(), "a new answer has its own time");
        assert!(connection.writing_until(now + seconds(130), waker).is_err());
    }

    #[test]
    fn who_does_nothing_gives_way_first_and_who_is_answered_never() {
        let (idle, sending, served, hanging) = (connection(), connection(), connection(), connection());
        sending.requested(true);
        served.requested(false);
        hanging.requested(false);
        hanging.writing_until(Instant::now(), Waker::noop()).unwrap();
        assert!(idle.rank() < sending.rank() && sending.rank() < hanging.rank());
        assert_eq!(served.rank(), None);
        assert!(idle.still_here().is_ok());
        idle.shed();
        assert!(idle.still_here().is_err());
    }
}
