//! Runs: commands whose work is measured. A run is kept in the store like everything else: on each of
//! its nodes one series `run` with its beginning, its end and the work that the node did.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{HOST, RUN_END_MS, RUN_FLOP, RUN_START_MS, SIMULATED};
use picollect_telemetry::line::{LineWriter, Precision, decode};

use crate::query::{numbers, whole};
use crate::store::{Selector, SeriesKey, Store, StoreError};

/// One node's part in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The node.
    pub host: String,
    /// Floating-point operations that it did; `None` if nobody counted them.
    pub flop: Option<f64>,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What tells it from other runs.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// From its beginning to its end.
    pub window: Window,
    /// Whether its work is simulated.
    pub simulated: bool,
    /// Its nodes, by name.
    pub shares: Vec<Share>,
}

/// Keeps a run.
pub fn record(store: &dyn Store, run: &Run) -> Result<(), StoreError> {
    for share in &run.shares {
        let simulated = if run.simulated { "true" } else { "" };
        let mut writer = LineWriter::new(&[(HOST, &share.host), (SIMULATED, simulated)]);
        let Window { start_ms, end_ms } = run.window;
        // A work that nobody counted is no number and so is left out.
        let flop = share.flop.unwrap_or(f64::NAN);
        writer.point(
            end_ms,
            &[("name", &run.name), ("run", &run.id)],
            &[(&RUN_START_MS, start_ms.into()), (&RUN_END_MS, end_ms.into()), (&RUN_FLOP, flop.into())],
        );
        store.append(&decode(&writer.take().0, Precision::Nanoseconds, end_ms).points)?;
    }
    Ok(())
}

/// The runs that ended within the window, in the order of their beginning.
pub fn ended_in(store: &dyn Store, window: Window) -> Result<Vec<Run>, StoreError> {
    let selector = Selector {
        measurement: Some(RUN_START_MS.measurement),
        field: Some(RUN_START_MS.field),
        ..Selector::default()
    };
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    for key in store.series(&selector)? {
        let value = |field: &str| {
            let key = SeriesKey { field: field.to_owned(), ..key.clone() };
            numbers(store, &key, window, 0).map(|samples| samples.last().map(|sample| sample.value))
        };
        let (Some(start), Some(end)) = (value(RUN_START_MS.field)?, value(RUN_END_MS.field)?) else {
            continue;
        };
        let tag = |name: &str| key.tag(name).unwrap_or_default().to_owned();
        let run = runs.entry(tag("run")).or_insert_with(|| Run {
            id: tag("run"),
            name: tag("name"),
            window: Window { start_ms: whole(start), end_ms: whole(end) },
            simulated: key.tag(SIMULATED).is_some(),
            shares: Vec::new(),
        });
        run.shares.push(Share { host: tag(HOST), flop: value(RUN_FLOP.field)? });
    }
    let mut runs: Vec<Run> = runs.into_values().collect();
    runs.sort_by_key(|run| run.window.start_ms);
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_back_as_it_was_recorded() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::store::open(directory.path()).unwrap();
        let run = Run {
            id: "r1".into(),
            name: "built-in load".into(),
            window: Window { start_ms: 1_000, end_ms: 11_000 },
            simulated: true,
            shares: vec![Share { host: "a".into(), flop: Some(5e9) }, Share { host: "b".into(), flop: None }],
        };
        record(&store, &run).unwrap();
        let found = ended_in(&store, Window { start_ms: 0, end_ms: 20_000 }).unwrap();
        assert_eq!(found, [run]);
        assert_eq!(ended_in(&store, Window { start_ms: 0, end_ms: 10_000 }).unwrap(), []);
    }
}
