//! How the collectors' own alerting does, as they say it in the store: whose last try failed, and how often.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{ALERT_FAILING, ALERT_FAILURES, Metric};

use picollect_query::numbers;
use picollect_store::{Selector, Store, StoreError};

/// A collector says it at every look, which are two minutes apart at most; what is older is of one that is gone.
const FRESH_MS: i64 = 5 * 60 * 1000;

/// A part of alerting that failed at least once since its collector started.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// A rule's name, `webhook`, `ntfy`, `email`, `heartbeat`, `health` or `alerts.json`.
    pub name: String,
    /// Failures since the collectors started, of all of them together.
    pub failures: f64,
    /// Whether the last try of one of them failed.
    pub failing: bool,
}

impl Part {
    /// A line for people.
    pub(super) fn text(&self) -> String {
        let state = if self.failing { "failing" } else { "well again" };
        let (name, failures) = (&self.name, self.failures);
        format!("{name:<20} {state:<10} {failures} failures since the collector started\n")
    }
}

/// The parts that failed, by name; empty where nothing did. Fails if the store cannot be read.
pub fn parts(store: &dyn Store, now_ms: i64) -> Result<Vec<Part>, StoreError> {
    let mut all: BTreeMap<String, Part> = BTreeMap::new();
    for (name, failures) in latest(store, &ALERT_FAILURES, now_ms)? {
        let new = || Part { name: name.clone(), failures: 0.0, failing: false };
        all.entry(name.clone()).or_insert_with(new).failures += failures;
    }
    for (name, state) in latest(store, &ALERT_FAILING, now_ms)? {
        all.entry(name).and_modify(|part| part.failing |= state > 0.0);
    }
    Ok(all.into_values().collect())
}

/// The newest value of each collector's parts.
fn latest(store: &dyn Store, metric: &Metric, now_ms: i64) -> Result<Vec<(String, f64)>, StoreError> {
    let selector = Selector { measurement: Some(metric.measurement), field: Some(metric.field), tags: &[] };
    let window = Window { start_ms: now_ms - FRESH_MS, end_ms: now_ms };
    let mut found = Vec::new();
    for key in store.series(&selector)? {
        let Some(part) = key.tag("part") else { continue };
        let last = numbers(store, &key, window, 0)?.last().map(|sample| sample.value);
        found.extend(last.map(|value| (part.to_owned(), value)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    #[test]
    fn failures_of_all_collectors_are_added_and_one_that_is_gone_no_longer_counts() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let lines = b"alerts,collector=a,part=email failures=3,failing=1i 1000000\n\
                      alerts,collector=b,part=email failures=2,failing=0i 1000000\n\
                      alerts,collector=a,part=NodeDown failures=1,failing=0i 1000000\n\
                      alerts,collector=old,part=ntfy failures=9,failing=1i 600000\n";
        store.append(&decode(lines, Precision::Milliseconds, 0).points).unwrap();
        let part = |name: &str, failures, failing| Part { name: name.into(), failures, failing };
        let want = [part("NodeDown", 1.0, false), part("email", 5.0, true)];
        assert_eq!(parts(&store, 1_000_000).unwrap(), want);
        assert_eq!(parts(&store, 2_000_000).unwrap(), []);
        assert_eq!(
            want[1].text(),
            "email                failing    5 failures since the collector started\n"
        );
    }
}
