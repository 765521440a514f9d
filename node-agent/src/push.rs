//! Delivery: takes lines from the queue and posts them until they have arrived.
//!
//! At least once: an answer that is lost means that the batch is sent again, and the collector keeps
//! one sample per series and time. What becomes of a batch its answer decides (`push/answer.rs`).
//!
//! With several collectors of one store (`first`) it fails over to the next, and back as soon as the
//! first one answers again. A collector of another store is never failed over to: history would be split.

mod answer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use picollect_telemetry::PROTOCOL;

use self::answer::{Outcome, both, halves, judge};

use crate::client::{Client, Reply};
use crate::lcd::PanelFeed;
use crate::queue::{Batch, Queue};
use picollect_board::clock::{Authority, Clock, alone, choose};

/// Lines posted together, before compression: many samples when catching up, well under any collector's
/// limit.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// First and longest wait after a failure; in between it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// An agent that stops tries this long to deliver what it still has.
const FLUSH_TIME: Duration = Duration::from_secs(5);
/// While another collector is used, the first one is tried this often.
const FAIL_BACK: Duration = Duration::from_secs(30);

/// The panel's cluster is asked for this often.
pub(crate) const SUMMARY_PERIOD: Duration = Duration::from_secs(10);

/// Asks the kernel whether it calls this node's clock synchronised.
pub(crate) type Synchronised = fn() -> bool;

/// Delivers one queue to the first of its collectors that takes it.
pub(crate) struct Push {
    clients: Vec<Client>,
    /// The one in use.
    current: usize,
    /// The store that the lines go to, as soon as it is known.
    store: Option<String>,
    queue: Arc<Queue>,
    clock: Clock,
    synchronised: Synchronised,
    /// The panel and when it was last told of the cluster, if there is one.
    feed: Option<(PanelFeed, Option<Instant>)>,
    /// The last failure's text: each cause is logged once.
    failing: Option<String>,
    wait: Duration,
    flush_until: Option<Instant>,
    left_first: Option<Instant>,
    last_exchange: Instant,
}

impl Push {
    /// Delivers to the first of these collectors that takes it.
    pub(crate) fn new(
        clients: Vec<Client>,
        queue: Arc<Queue>,
        clock: Clock,
        synchronised: Synchronised,
    ) -> Self {
        Self {
            clients,
            current: 0,
            store: None,
            queue,
            clock,
            synchronised,
            feed: None,
            failing: None,
            wait: FIRST_WAIT,
            flush_until: None,
            left_first: None,
            last_exchange: Instant::now(),
        }
    }

    /// Tells the panel whether deliveries arrive, and how the cluster does.
    #[must_use]
    pub(crate) fn telling(self, feed: PanelFeed) -> Self {
        Self { feed: Some((feed, None)), ..self }
    }

    /// Until the queue is closed and empty, or the time to flush is over.
    pub(crate) fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(batch) = queue.take(MAX_BATCH_BYTES) {
            if !self.attempt(batch) {
                let (lines, kept) = queue.abandon();
                let fate = if kept { "the spool keeps them" } else { "they are lost" };
                tracing::error!(lines, "stopping before everything could be delivered; {fate}");
                return;
            }
        }
    }

    /// One attempt; a batch that failed is given back. `false` if the agent stops and must not wait.
    fn attempt(&mut self, mut batch: Batch) -> bool {
        self.fail_back();
        let outcome = match self.settle_clock() {
            Ok(()) => {
                self.queue.settle(&mut batch, self.clock.stamps());
                self.deliver(&batch.bytes)
            }
            Err(why) => Outcome::Failed(why, None),
        };
        self.tell(matches!(outcome, Outcome::Done { .. }));
        match outcome {
            Outcome::Done { refused, why } => {
                match why {
                    Some(why) => self.log(&why, "the collector refused lines; they are dropped"),
                    None => self.recovered(),
                }
                match refused {
                    0 => self.queue.delivered(&batch),
                    lines => self.queue.dropped(&batch, lines),
                }
                self.wait = FIRST_WAIT;
                true
            }
            Outcome::Failed(why, after) => {
                self.queue.give_back(batch);
                self.log(&why, "cannot deliver; will try again");
                self.fail_over();
                self.pause(after)
            }
        }
    }

    /// A collector that has no summary to give, such as an InfluxDB server, leaves the panel without one.
    fn tell(&mut self, arrived: bool) {
        let Some((feed, asked)) = &mut self.feed else { return };
        feed.delivered(arrived);
        if !arrived || asked.is_some_and(|asked| asked.elapsed() < SUMMARY_PERIOD) {
            return;
        }
        *asked = Some(Instant::now());
        match self.clients[self.current].summary() {
            Ok(summary) => feed.summarised(self.clock.now(), summary),
            Err(error) => tracing::debug!("no summary for the panel: {error:#}"),
        }
    }

    fn deliver(&mut self, lines: &[u8]) -> Outcome {
        let answer = match self.clients[self.current].post(lines) {
            Ok(answer) => answer,
            Err(error) => return Outcome::Failed(format!("{error:#}"), None),
        };
        self.learn(&answer);
        if answer.status == 413 {
            if let Some((first, second)) = halves(lines) {
                return both(self.deliver(first), || self.deliver(second));
            }
        }
        let client = &self.clients[self.current];
        judge(&answer, client.is_influxdb(), client.wanted(), lines)
    }

    /// Before the first batch leaves, times are settled: by the node's clock or by the collector's.
    fn settle_clock(&mut self) -> Result<(), String> {
        if self.clock.stamps().authority.is_some() {
            return Ok(());
        }
        let answer = self.clients[self.current].hello().map_err(|error| format!("{error:#}"))?;
        self.store = self.store.take().or_else(|| answer.store.clone());
        let (anchor_ms, authority) = choose(answer.exchange.unwrap_or_else(alone), (self.synchronised)());
        self.clock.settle(anchor_ms, authority);
        if authority == Authority::Collector {
            tracing::warn!("this node's clock cannot be trusted: times are the collector's");
        }
        Ok(())
    }

    /// Every answer tells the time: small deviations are steered away.
    fn learn(&mut self, answer: &Reply) {
        self.store = self.store.take().or_else(|| answer.store.clone());
        let since_last = self.last_exchange.elapsed();
        self.last_exchange = Instant::now();
        if let Some(exchange) = answer.exchange {
            let (anchor_ms, _) = choose(exchange, (self.synchronised)());
            self.clock.steer(anchor_ms, since_last);
        }
        let theirs = answer.protocol.as_deref().unwrap_or(PROTOCOL);
        if theirs.split('.').next() != PROTOCOL.split('.').next() {
            let why = format!("the collector speaks version {theirs} of the protocol, this agent {PROTOCOL}");
            self.log(&why, "agent and collector may not understand each other; update the older one");
        }
    }

    /// Moves on to the next collector, if there is one of the same store that answers.
    fn fail_over(&mut self) {
        for step in 1..self.clients.len() {
            let next = (self.current + step) % self.clients.len();
            if self.same_store(next) {
                tracing::warn!(collector = self.clients[next].url(), "failing over");
                self.left_first = (next != 0).then(Instant::now);
                self.current = next;
                return;
            }
        }
    }

    fn fail_back(&mut self) {
        if self.left_first.is_some_and(|since| since.elapsed() >= FAIL_BACK) {
            self.left_first = Some(Instant::now());
            if self.same_store(0) {
                tracing::info!(collector = self.clients[0].url(), "back to the first collector");
                self.left_first = None;
                self.current = 0;
            }
        }
    }

    /// Whether this collector answers and serves the store that the lines go to.
    fn same_store(&mut self, index: usize) -> bool {
        let Ok(answer) = self.clients[index].hello() else { return false };
        if self.store.is_none() {
            self.store.clone_from(&answer.store);
        }
        if answer.store.is_some() && answer.store == self.store {
            return true;
        }
        let url = self.clients[index].url().to_owned();
        self.log(&format!("{url} serves another store"), "not failing over: history would be split");
        false
    }

    /// Waits before the next attempt, up to twice as long each time and by chance (full jitter), so that
    /// many agents do not come back at once. `false` if the agent stops and the flush time is over.
    fn pause(&mut self, after: Option<Duration>) -> bool {
        let wait = after.unwrap_or_else(|| self.wait.mul_f64(fastrand::f64()));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        if !self.queue.wait_closed(wait) {
            return true;
        }
        let until = *self.flush_until.get_or_insert_with(|| Instant::now() + FLUSH_TIME);
        std::thread::sleep(Duration::from_millis(100));
        Instant::now() < until
    }

    fn log(&mut self, why: &str, what: &str) {
        if self.failing.as_deref() != Some(why) {
            tracing::warn!(collector = self.clients[self.current].url(), "{what}: {why}");
            self.failing = Some(why.to_owned());
        }
    }

    fn recovered(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!(waiting = self.queue.counts().queued_lines, "delivering again");
        }
    }
}
