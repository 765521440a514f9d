//! How alerting itself does: each rule, each receiver, and what stands around them, by itself. What fails here is said in
//! the log once, counted on the page of metrics, and written into the store beside what the collector says of the nodes.
//!
//! Invariant: a part that fails keeps no other part from its work.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{ALERT_FAILING, ALERT_FAILURES, COLLECTOR, Metric};
use picollect_telemetry::line::Point;

/// The tag that names a part.
const PART: &str = "part";

/// What became of the tries of one part.
#[derive(Debug, Clone, Default)]
struct Tries {
    failures: u64,
    /// Why the last one failed; `None` if it did not.
    failing: Option<String>,
}

/// All parts that have been tried, by their names.
#[derive(Debug)]
pub struct Parts {
    tries: Mutex<BTreeMap<&'static str, Tries>>,
    looked: Mutex<Instant>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { tries: Mutex::default(), looked: Mutex::new(Instant::now()) }
    }
}

impl Parts {
    /// Notes how a try of a part ended. What is new of it is logged: a reason once, and the end of the trouble.
    pub(super) fn tried<E: std::fmt::Display>(&self, part: &'static str, outcome: Result<(), E>) {
        let failure = outcome.err().map(|error| format!("{error:#}"));
        let before = self.note(part, failure.clone());
        match (failure, before) {
            (Some(why), before) if before.as_ref() != Some(&why) => {
                tracing::error!(part, "alerting: this fails: {why}");
            }
            (None, Some(_)) => tracing::info!(part, "alerting: this works again"),
            _ => {}
        }
    }

    /// Notes how a try ended that has been logged: why it failed, or `None`. Gives why the one before it did.
    pub(super) fn note(&self, part: &'static str, failure: Option<String>) -> Option<String> {
        let mut tries = lock(&self.tries);
        let entry = tries.entry(part).or_default();
        entry.failures += u64::from(failure.is_some());
        std::mem::replace(&mut entry.failing, failure)
    }

    /// The rules have been gone through.
    pub(super) fn looked(&self) {
        *lock(&self.looked) = Instant::now();
    }

    /// Since the rules were gone through last, or since the start.
    pub(crate) fn since_look(&self) -> Duration {
        lock(&self.looked).elapsed()
    }

    /// Failures and state of every part that was tried, for the page of metrics.
    pub(crate) fn all(&self) -> Vec<(&'static str, u64, bool)> {
        let tries = lock(&self.tries);
        tries.iter().map(|(part, one)| (*part, one.failures, one.failing.is_some())).collect()
    }

    /// A point for each part that ever failed, to be stored.
    pub(super) fn points(&self, collector: &str, t_ms: i64) -> Vec<Point> {
        let failed = self.all().into_iter().filter(|(_, failures, _)| *failures > 0);
        let point = |(part, failures, failing): (&'static str, u64, bool)| Point {
            measurement: ALERT_FAILURES.measurement.to_owned(),
            tags: vec![(COLLECTOR.to_owned(), collector.to_owned()), (PART.to_owned(), part.to_owned())],
            fields: vec![
                (ALERT_FAILING.field.to_owned(), Value::from(i64::from(failing))),
                (ALERT_FAILURES.field.to_owned(), Value::Float(failures as f64)),
            ],
            t_ms,
        };
        failed.map(point).collect()
    }

    /// The samples of a metric of alerting: the part and its value.
    pub(crate) fn samples(&self, metric: &Metric) -> Vec<([(&'static str, &'static str); 1], f64)> {
        let value = |failures: u64, failing: bool| {
            if *metric == ALERT_FAILING { f64::from(u8::from(failing)) } else { failures as f64 }
        };
        self.all()
            .into_iter()
            .map(|(part, failures, failing)| ([(PART, part)], value(failures, failing)))
            .collect()
    }
}

/// Also after a panic of whoever had it: what is behind it is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_a_part_that_works_again_says_so() {
        let parts = Parts::default();
        parts.tried("email", Err("away"));
        parts.tried("email", Err("away"));
        parts.tried("ntfy", Ok::<(), &str>(()));
        assert_eq!(parts.all(), [("email", 2, true), ("ntfy", 0, false)]);
        parts.tried("email", Ok::<(), &str>(()));
        assert_eq!(parts.all(), [("email", 2, false), ("ntfy", 0, false)]);
        let stored = parts.points("head", 1000);
        assert_eq!(stored.len(), 1, "what never failed is not stored");
        assert_eq!(stored[0].tags, [("collector".into(), "head".into()), ("part".into(), "email".into())]);
        assert_eq!(parts.samples(&ALERT_FAILURES), [([(PART, "email")], 2.0), ([(PART, "ntfy")], 0.0)]);
    }
}
