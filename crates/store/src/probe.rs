//! A trial of a store: whether it takes a sample and gives it back, and what it leaves undone.

use std::thread;
use std::time::{Duration, Instant};

use picollect_evaluate::Window;
use picollect_telemetry::line::Point;

use super::location::Location;
use super::{SeriesKey, Store, StoreError};
use picollect_settings::time::now_ms;

/// The measurement of the trial's sample.
const MEASUREMENT: &str = "picollect_probe";
const FIELD: &str = "at_ms";
/// Engines show a new sample within half a minute.
const PATIENCE: Duration = Duration::from_secs(45);
/// So often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// What was written was read after this time.
    Visible(Duration),
    /// It was acknowledged and could not be read within this time.
    Invisible(Duration),
    /// The engine refused it for this reason.
    Refused(String),
}

/// Writes a sample and reads it back.
pub fn probe(store: &dyn Store) -> Result<Trial, StoreError> {
    let (t_ms, begin) = (now_ms(), Instant::now());
    let fields = vec![(FIELD.to_owned(), (t_ms as f64).into())];
    let point = Point { measurement: MEASUREMENT.to_owned(), tags: Vec::new(), fields, t_ms };
    if let Some(refusal) = store.append(&[point])?.refusals.into_iter().next() {
        return Ok(Trial::Refused(refusal.reason));
    }
    let key = SeriesKey { measurement: MEASUREMENT.to_owned(), field: FIELD.to_owned(), tags: Vec::new() };
    while begin.elapsed() < PATIENCE {
        let samples = store.read(&key, Window { start_ms: t_ms, end_ms: t_ms }, 0)?;
        if samples.iter().any(|sample| sample.value.as_f64() == Some(t_ms as f64)) {
            return Ok(Trial::Visible(begin.elapsed()));
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(Trial::Invisible(begin.elapsed()))
}

/// What a store of this kind cannot do, a sentence each; `docs/engines.md` says more.
pub fn limits(location: &Location) -> &'static [&'static str] {
    match location {
        Location::Embedded(_) => &[],
        Location::Influxdb2 { .. } => {
            &["keeps data as long as its bucket's retention says, whatever `retention` says here"]
        }
        Location::Prometheus { .. } => &[
            "keeps data as long as its own retention says, whatever `retention` says here",
            "an unequal second value for the same series and time may replace the first or not",
            "integers beyond 2^53 lose digits",
            "a field of another type than before is a series of its own and no conflict",
            "may refuse late samples unless its out-of-order window is open",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_works_shows_what_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::open(directory.path()).unwrap();
        assert!(matches!(probe(&store).unwrap(), Trial::Visible(_)));
    }
}
