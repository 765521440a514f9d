//! The thread that looks at regular times: it says what it thinks of the nodes, asks the rules, and has the receivers told.
//!
//! It is a thread of its own, so that neither a slow query nor a receiver that hangs delays what comes in. Each delivery
//! has a thread too, so that a receiver delays neither the others nor the next look. Looks are at whole multiples of the
//! interval, so that several collectors before one engine say the same at the same times.
//!
//! Invariants: a rule that cannot be asked silences no other; nothing here holds up the end of the collector for longer
//! than [`STOPS_WITHIN`].

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Events, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::episodes::Episodes;
use super::parts::Parts;
use super::receivers::{self, Delivered, Receiver};
use crate::Collector;
use crate::health::Health;
use crate::own_metrics::own_name;
use picollect_analysis::alerts::active;
use picollect_config::QueryConfig;
use picollect_evaluate::alert_rules::{RULES, Rule};
use picollect_settings::time::{millis, now_ms};
use picollect_store::cached;

/// Before the first look the agents get so many intervals to deliver what waits for a collector that was
/// away: as usual 30 s, twice the longest pause of an agent. Without it, what still is so would look as if it
/// were over.
const SETTLING_INTERVALS: i64 = 2;
/// A rule that has to hold for long is asked so many times meanwhile, and not at every look.
const LOOKS: i64 = 10;
/// Time for one rule, if the configuration gives a query no less. All of them take a fifth of a second as usual.
const RULE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for all rules of a look; those whose turn does not come are the first of the next.
const RULES_TIMEOUT: Duration = Duration::from_secs(30);
/// A collector that ends waits so long for deliveries under way, and for a look. What is given up is sent again after
/// the next start.
const STOPS_WITHIN: Duration = Duration::from_secs(3);

/// What the thread waits for.
#[derive(Debug)]
pub(super) enum Event {
    /// A delivery is over.
    Delivered(Delivered),
    /// The collector ends.
    Stop,
}

/// The thread; [`stop`](Self::stop) ends it.
#[derive(Debug)]
pub struct Watching {
    events: Sender<Event>,
    stopping: Arc<AtomicBool>,
    /// Its other end is dropped when the thread has ended.
    ended: Events<()>,
}

impl Watching {
    /// Starts it. What was sent is kept in the data directory. Fails only if the system starts no thread.
    pub fn start(collector: &Arc<Collector>, data: &Path) -> io::Result<Self> {
        let (events, waiting) = channel();
        let (ends, ended) = channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let mut watch = Watch::of(collector, data, events.clone(), Arc::clone(&stopping));
        let alive = collector.living.lives("the thread of the alerts");
        thread::Builder::new().name("alerts".into()).spawn(move || {
            watch.run(&waiting);
            drop((alive, ends));
        })?;
        Ok(Self { events, stopping, ended })
    }

    /// Ends it. Deliveries under way get a moment; a look that hangs is left behind.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Nobody listens if the thread has failed, which it said.
        let _ = self.events.send(Event::Stop);
        if self.ended.recv_timeout(STOPS_WITHIN * 2) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the collector ends while alerts are looked for");
        }
    }
}

struct Watch {
    collector: Arc<Collector>,
    name: String,
    interval_ms: i64,
    limits: QueryConfig,
    health: Health,
    rules: Vec<&'static Rule>,
    /// When a rule answered last, Unix milliseconds.
    asked: BTreeMap<&'static str, i64>,
    episodes: Episodes,
    receivers: Vec<Receiver>,
    events: Sender<Event>,
    stopping: Arc<AtomicBool>,
}

impl Watch {
    fn of(collector: &Arc<Collector>, data: &Path, events: Sender<Event>, stopping: Arc<AtomicBool>) -> Self {
        let picollect_config::Config { alerts, query, .. } = &collector.config;
        let limits = QueryConfig { timeout: query.timeout.min(RULE_TIMEOUT), ..*query };
        Self {
            name: own_name(),
            interval_ms: millis(alerts.interval),
            limits,
            health: Health::default(),
            rules: RULES.iter().filter(|rule| alerts.off.iter().all(|name| name != rule.name)).collect(),
            asked: BTreeMap::new(),
            episodes: Episodes::of(data),
            receivers: receivers::of(alerts),
            events,
            stopping,
            collector: Arc::clone(collector),
        }
    }

    fn parts(&self) -> &Parts {
        &self.collector.alerting
    }

    fn run(&mut self, events: &Events<Event>) {
        let mut next = Instant::now() + duration(SETTLING_INTERVALS * self.interval_ms);
        loop {
            match events.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Event::Delivered(delivered)) => self.delivered(&delivered),
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let now_ms = now_ms();
                    self.look(now_ms - now_ms.rem_euclid(self.interval_ms));
                    let left_ms =
                        self.interval_ms - picollect_settings::time::now_ms().rem_euclid(self.interval_ms);
                    next = Instant::now() + duration(left_ms);
                }
            }
            self.tell();
        }
        self.finish(events);
    }

    fn look(&mut self, now_ms: i64) {
        let said = self.say_health(now_ms);
        self.parts().tried("health", said);
        // Without receivers nobody wants to know.
        if !self.receivers.is_empty() {
            self.ask(now_ms);
        }
        let names: Vec<&str> = self.receivers.iter().map(Receiver::name).collect();
        self.episodes.settle(&self.rules, &names, now_ms);
        self.save();
        self.parts().looked();
    }

    /// Writes what the collector thinks of the nodes, and how its alerting does.
    fn say_health(&mut self, now_ms: i64) -> anyhow::Result<()> {
        let store = Arc::clone(&self.collector.store);
        let of_nodes = cached(store.as_ref(), |store| self.health.points(store, now_ms));
        // What ails the nodes' part is no reason to be silent about the others.
        let mut points = self.parts().points(&self.name, now_ms);
        let failed = match of_nodes {
            Ok(of_nodes) => {
                points.extend(of_nodes);
                None
            }
            Err(error) => Some(error),
        };
        let appended = store.append(&points)?;
        for reason in appended.reasons() {
            tracing::debug!("the store refuses what the collector says of the nodes: {reason}");
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Asks the rules whose time it is, each by itself, those first that have waited longest for an answer.
    fn ask(&mut self, now_ms: i64) {
        let until = Instant::now() + RULES_TIMEOUT;
        let is_due = |rule: &&&'static Rule| {
            let every_ms = i64::from(rule.for_s) * 1000 / LOOKS;
            self.asked.get(rule.name).is_none_or(|at_ms| now_ms - at_ms >= every_ms)
        };
        let mut due: Vec<&'static Rule> = self.rules.iter().filter(is_due).copied().collect();
        due.sort_by_key(|rule| self.asked.get(rule.name).copied());
        for rule in due {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            if Instant::now() >= until {
                let late = format!("its turn did not come within {} s", RULES_TIMEOUT.as_secs());
                self.parts().tried(rule.name, Err(late));
                continue;
            }
            let found = active(self.collector.store.as_ref(), self.limits, rule, now_ms);
            if let Ok(found) = &found {
                self.episodes.observe(rule, found, now_ms);
                self.asked.insert(rule.name, now_ms);
            }
            self.parts().tried(rule.name, found.map(drop));
        }
    }

    /// Has every receiver told what it is owed, unless it is being told something or has to wait.
    fn tell(&mut self) {
        for (at, receiver) in self.receivers.iter_mut().enumerate().filter(|(_, one)| one.is_due()) {
            if let Some((message, said)) = self.episodes.owed(receiver.name()) {
                receiver.tell(at, message, said, self.events.clone());
            }
        }
    }

    fn delivered(&mut self, delivered: &Delivered) {
        let Some(receiver) = self.receivers.get_mut(delivered.receiver) else { return };
        let name = receiver.name();
        let outcome = receiver.told(delivered);
        if outcome.is_ok() {
            self.episodes.delivered(name, &delivered.said);
        }
        self.parts().note(name, outcome.err());
        self.save();
    }

    /// Waits a moment for deliveries under way, so that a restart repeats none.
    fn finish(&mut self, events: &Events<Event>) {
        let until = Instant::now() + STOPS_WITHIN;
        while self.receivers.iter().any(Receiver::is_busy) {
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Delivered(delivered)) => self.delivered(&delivered),
                Ok(Event::Stop) => {}
                Err(_) => return tracing::warn!("a delivery of alerts is given up; it is sent again later"),
            }
        }
    }

    fn save(&mut self) {
        let saved = self.episodes.save();
        self.parts().tried("alerts.json", saved);
    }
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
