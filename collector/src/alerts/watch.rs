//! The thread that looks at regular times: it says what it thinks of the nodes, asks the rules, and tells the receivers.
//!
//! It is a thread of its own, so that neither a slow query nor a receiver that hangs delays what comes in. Looks are at
//! whole multiples of the interval, so that several collectors before one engine say the same at the same times.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Orders, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::episodes::Episodes;
use super::receivers::{self, Receiver};
use crate::health::Health;
use picollect_analysis::alerts::active;
use picollect_config::{AlertsConfig, Config, QueryConfig};
use picollect_evaluate::alert_rules::{RULES, Rule};
use picollect_settings::time::{millis, now_ms};
use picollect_store::{Store, cached};

/// Before the first look the agents get so many intervals to deliver what waits for a collector that was
/// away: as usual 30 s, twice the longest pause of an agent. Without it, what still is so would look as if it
/// were over.
const SETTLING_INTERVALS: i64 = 2;
/// A rule that has to hold for long is asked so many times meanwhile, and not at every look.
const LOOKS: i64 = 10;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Watching {
    /// Dropped to end the thread.
    order: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watching {
    /// Starts it. What was sent is kept in the data directory. Fails only if the system starts no thread.
    pub fn start(store: &Arc<dyn Store>, config: &Config, data: &Path) -> io::Result<Self> {
        let mut watch = Watch::of(Arc::clone(store), config, data);
        let (order, orders) = channel();
        let thread = thread::Builder::new().name("alerts".into()).spawn(move || watch.run(&orders))?;
        Ok(Self { order, thread })
    }

    /// Ends it, and waits for the delivery under way.
    pub fn stop(self) {
        drop(self.order);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the alerts had failed");
        }
    }
}

struct Watch {
    store: Arc<dyn Store>,
    interval_ms: i64,
    limits: QueryConfig,
    health: Health,
    rules: Vec<&'static Rule>,
    /// When a rule was last asked, Unix milliseconds.
    asked: BTreeMap<&'static str, i64>,
    episodes: Episodes,
    receivers: Vec<Receiver>,
    /// Whether the last look failed, which is said once.
    failing: bool,
}

impl Watch {
    fn of(store: Arc<dyn Store>, config: &Config, data: &Path) -> Self {
        let AlertsConfig { interval, off, .. } = &config.alerts;
        Self {
            store,
            interval_ms: millis(*interval),
            limits: config.query,
            health: Health::default(),
            rules: RULES.iter().filter(|rule| off.iter().all(|name| name != rule.name)).collect(),
            asked: BTreeMap::new(),
            episodes: Episodes::of(data),
            receivers: receivers::of(&config.alerts),
            failing: false,
        }
    }

    fn run(&mut self, orders: &Orders<()>) {
        let mut left_ms = SETTLING_INTERVALS * self.interval_ms;
        loop {
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            if orders.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let now_ms = now_ms();
            self.look(now_ms - now_ms.rem_euclid(self.interval_ms), orders);
            left_ms = self.interval_ms - picollect_settings::time::now_ms().rem_euclid(self.interval_ms);
        }
    }

    fn look(&mut self, now_ms: i64, orders: &Orders<()>) {
        let looked = self.say_health(now_ms).and_then(|()| self.ask(now_ms));
        match (&looked, self.failing) {
            (Err(error), false) => tracing::error!("cannot look for alerts: {error:#}"),
            (Ok(()), true) => tracing::info!("alerts are looked for again"),
            _ => {}
        }
        self.failing = looked.is_err();
        self.tell(now_ms, orders);
    }

    fn say_health(&mut self, now_ms: i64) -> anyhow::Result<()> {
        let points = cached(self.store.as_ref(), |store| self.health.points(store, now_ms))?;
        let appended = self.store.append(&points)?;
        for reason in appended.reasons() {
            tracing::debug!("the store refuses what the collector says of the nodes: {reason}");
        }
        Ok(())
    }

    /// Asks the rules whose time it is. Without receivers nobody wants to know.
    fn ask(&mut self, now_ms: i64) -> anyhow::Result<()> {
        if self.receivers.is_empty() {
            return Ok(());
        }
        for rule in &self.rules {
            let every_ms = i64::from(rule.for_s) * 1000 / LOOKS;
            if self.asked.get(rule.name).is_some_and(|at_ms| now_ms - at_ms < every_ms) {
                continue;
            }
            let found = active(self.store.as_ref(), self.limits, rule, now_ms)?;
            self.episodes.observe(rule, &found, now_ms);
            self.asked.insert(rule.name, now_ms);
        }
        Ok(())
    }

    fn tell(&mut self, now_ms: i64, orders: &Orders<()>) {
        let names: Vec<&str> = self.receivers.iter().map(Receiver::name).collect();
        self.episodes.settle(&self.rules, &names, now_ms);
        self.save();
        for at in 0..self.receivers.len() {
            let receiver = &mut self.receivers[at];
            let Some(message) = self.episodes.owed(receiver.name()).filter(|_| receiver.is_due()) else {
                continue;
            };
            // Somebody who waits for the end does not want to wait for every receiver.
            if orders.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected) {
                return;
            }
            if receiver.tell(&message) {
                self.episodes.delivered(receiver.name());
                self.save();
            }
        }
    }

    fn save(&mut self) {
        if let Err(error) = self.episodes.save() {
            tracing::error!("a restart may repeat alerts: {error:#}");
        }
    }
}
