//! Runs: commands whose work is measured, as they are kept.
//!
//! A run is two points of the measurement `run`, which is of no host: one when it begins, and one when
//! it has ended, with all that is known of it as a JSON document (`docs/run-format.md`). So it travels
//! the same way as a sample, and arriving twice does no harm.

use std::collections::BTreeMap;
use std::fmt;

use picollect_evaluate::Window;
use picollect_evaluate::benchmarks::{self, Verdict};
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{RUN_DOCUMENT, RUN_END_MS, RUN_START_MS};
use picollect_telemetry::line::{LineWriter, MAX_LINE_BYTES, Precision, decode};
use serde::{Deserialize, Serialize};

use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// Version of the document; one that is greater is not read.
pub const SCHEMA: u32 = 1;
/// Longest label of the user's and longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 120;

/// A finished run as it is kept in the store; the report adds energy and figures to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// What tells it from other runs.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// What the user says of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The machine on which the command was started.
    pub host: String,
    /// The command line; empty for a load of picollect's own.
    #[serde(default)]
    pub command: Vec<String>,
    /// The nodes whose energy counts; `None` is every node that was heard of meanwhile.
    pub nodes: Option<Vec<String>>,
    /// Whether its work is simulated.
    #[serde(default)]
    pub simulated: bool,
    /// The time before it in which nothing ran.
    pub idle: Option<TimeRange>,
    /// From the command's beginning to its end.
    pub time: TimeRange,
    /// How the command ended.
    pub end: End,
    /// What each node did, where somebody counted it.
    #[serde(default)]
    pub shares: Vec<Share>,
    /// What the benchmark said.
    #[serde(default)]
    pub results: Vec<RunResult>,
    /// What one has to know to do it again: a name and its value.
    #[serde(default)]
    pub provenance: BTreeMap<String, String>,
    /// Where the output is kept, on `host`.
    pub kept_in: Option<String>,
}

impl Run {
    /// A load of picollect's own that each node counted. The id is the kind with the time.
    pub fn of_load(kind: &str, name: &str, host: &str, time: TimeRange, shares: Vec<Share>) -> Self {
        Self {
            schema: SCHEMA,
            id: Self::load_id(kind, time.start_ms),
            name: name.to_owned(),
            labels: BTreeMap::new(),
            host: host.to_owned(),
            command: Vec::new(),
            nodes: Some(shares.iter().map(|share| share.host.clone()).collect()),
            simulated: false,
            idle: None,
            time,
            end: End::Exit(0),
            shares,
            results: Vec::new(),
            provenance: BTreeMap::new(),
            kept_in: None,
        }
    }

    /// The id of such a load that began at this Unix time in milliseconds.
    pub fn load_id(kind: &str, start_ms: i64) -> String {
        format!("{kind}-{start_ms}")
    }
}

/// A time range, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// When it began, by the clock of the machine that started the command.
    pub start_ms: i64,
    /// When it ended, by the same clock.
    pub end_ms: i64,
}

impl From<Window> for TimeRange {
    fn from(Window { start_ms, end_ms }: Window) -> Self {
        Self { start_ms, end_ms }
    }
}

impl From<TimeRange> for Window {
    fn from(TimeRange { start_ms, end_ms }: TimeRange) -> Self {
        Self { start_ms, end_ms }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with this exit status.
    Exit(i32),
    /// The command was killed by the signal of this number.
    Signal(i32),
}

/// One node's part in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The node that did this part of the work.
    pub host: String,
    /// Floating-point operations that it did; `None` if nobody counted them.
    pub flop: Option<f64>,
}

/// One result of a benchmark, placed in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The program that printed it, `HPL` for example.
    pub benchmark: String,
    /// What tells it from others of the same program.
    pub label: String,
    /// The rate in `unit`, in SI units without prefix; `None` for a failed or interrupted one.
    pub rate: Option<f64>,
    /// What the rate counts.
    pub unit: String,
    /// The duration that the rate is about, by the benchmark's own clock, in seconds.
    pub seconds: Option<f64>,
    /// Whether the benchmark vouches for it.
    pub check: Check,
    /// Why not, in its own words; of a good result what else there is to say of it.
    pub reason: Option<String>,
    /// When the rated work was done, where that is known.
    pub core: Option<Core>,
}

/// Whether a benchmark vouches for a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// It checked it and found it right.
    Passed,
    /// It did not check it.
    Unchecked,
    /// It found it wrong.
    Failed,
    /// Its output ended before.
    #[default]
    Interrupted,
}

impl Check {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unchecked => "unchecked",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The part of a run that a benchmark rates: without setting up, checking and printing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Core {
    /// Where it lies, as well as it is known; `edge_s` says how well.
    #[serde(flatten)]
    pub time: TimeRange,
    /// Half of what is not known about where it lies, in seconds.
    pub edge_s: f64,
}

impl RunResult {
    /// A benchmark's outcome whose core phase was placed.
    pub fn new(outcome: &benchmarks::Outcome, core: Option<Core>) -> Self {
        let (check, reason) = match &outcome.verdict {
            Verdict::Passed => (Check::Passed, None),
            Verdict::Unchecked => (Check::Unchecked, None),
            Verdict::Failed(why) => (Check::Failed, Some(why.clone())),
            Verdict::Interrupted => (Check::Interrupted, None),
        };
        Self {
            benchmark: outcome.benchmark.to_owned(),
            label: outcome.label.clone(),
            rate: outcome.rate,
            unit: outcome.unit.name().to_owned(),
            seconds: outcome.seconds,
            check,
            reason,
            core,
        }
    }
}

/// A run that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Its document is too long for a line.
    #[error(
        "the run's document has {bytes} bytes as a line, {MAX_LINE_BYTES} is the most; give fewer labels or \
         a shorter command"
    )]
    TooLong {
        /// What the line would have.
        bytes: usize,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The line that says that a run has begun.
pub fn begin_line(id: &str, name: &str, start_ms: i64) -> Vec<u8> {
    let mut writer = LineWriter::new(&[]);
    writer.point(start_ms, &[("name", name), ("run", id)], &[(&RUN_START_MS, start_ms.into())]);
    writer.take().0
}

/// The line that holds a finished run; [`KeepError::TooLong`] if its document does not fit into one.
pub fn line(run: &Run) -> Result<Vec<u8>, KeepError> {
    let document = serde_json::to_string(run).expect("texts and finite numbers are JSON");
    let mut writer = LineWriter::new(&[]);
    let end_ms = run.time.end_ms;
    let fields = [(&RUN_END_MS, end_ms.into()), (&RUN_DOCUMENT, Value::Text(document))];
    writer.point(end_ms, &[("name", &run.name), ("run", &run.id)], &fields);
    let line = writer.take().0;
    if line.len() > MAX_LINE_BYTES { Err(KeepError::TooLong { bytes: line.len() }) } else { Ok(line) }
}

/// Keeps that a run has begun; [`KeepError::Store`] if the store does not take it.
pub fn begin(store: &dyn Store, id: &str, name: &str, start_ms: i64) -> Result<(), KeepError> {
    store.append(&decode(&begin_line(id, name, start_ms), Precision::Nanoseconds, start_ms).points)?;
    Ok(())
}

/// Keeps a finished run, or nothing of it: [`KeepError::TooLong`] before the store is asked, else its own
/// error.
pub fn record(store: &dyn Store, run: &Run) -> Result<(), KeepError> {
    let mut lines = begin_line(&run.id, &run.name, run.time.start_ms);
    lines.extend(line(run)?);
    store.append(&decode(&lines, Precision::Nanoseconds, run.time.end_ms).points)?;
    Ok(())
}

/// The runs that ended within the window, in the order of their beginning. Documents that cannot be read,
/// a newer version's for example, are left out and logged.
pub fn ended_in(store: &dyn Store, window: Window) -> Result<Vec<Run>, StoreError> {
    documents(store, window, &[])
}

/// The run with this id, or the last one for `last`; `None` if there is none. Fails only as the store does.
pub fn find(store: &dyn Store, id: &str) -> Result<Option<Run>, StoreError> {
    let ever = Window { start_ms: 0, end_ms: i64::MAX };
    let tags = [("run", id)];
    let tags = if id == "last" { &[][..] } else { &tags };
    Ok(documents(store, ever, tags)?.into_iter().next_back())
}

fn documents(store: &dyn Store, window: Window, tags: &[(&str, &str)]) -> Result<Vec<Run>, StoreError> {
    let (measurement, field) = (Some(RUN_DOCUMENT.measurement), Some(RUN_DOCUMENT.field));
    let mut runs: Vec<Run> = Vec::new();
    for key in store.series(&Selector { measurement, field, tags })? {
        runs.extend(read(store, &key, window)?);
    }
    runs.sort_by_key(|run| run.time.start_ms);
    Ok(runs)
}

/// The run whose document is this series, if it ended within the window. A document that cannot be read is
/// logged.
pub fn read(store: &dyn Store, key: &SeriesKey, window: Window) -> Result<Option<Run>, StoreError> {
    let samples = store.read(key, window, 0)?;
    let Some(Value::Text(document)) = samples.last().map(|sample| &sample.value) else { return Ok(None) };
    match serde_json::from_str::<Run>(document) {
        Ok(run) if run.schema <= SCHEMA => return Ok(Some(run)),
        Ok(run) => tracing::warn!("the run {} was kept by a newer version of picollect", run.id),
        Err(error) => {
            tracing::warn!("a run's document cannot be read: {error}: {}", key.tag("run").unwrap_or("-"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, start_ms: i64) -> Run {
        Run {
            schema: SCHEMA,
            id: id.into(),
            name: "built-in load".into(),
            labels: BTreeMap::from([("a \"b\"".into(), "c\nd".into())]),
            host: "head".into(),
            command: vec!["mpirun".into(), "-np".into(), "2".into()],
            nodes: None,
            simulated: true,
            idle: None,
            time: TimeRange { start_ms, end_ms: start_ms + 10_000 },
            end: End::Exit(0),
            shares: vec![Share { host: "a".into(), flop: Some(5e9) }, Share { host: "b".into(), flop: None }],
            results: Vec::new(),
            provenance: BTreeMap::new(),
            kept_in: None,
        }
    }

    #[test]
    fn a_run_is_read_back_as_it_was_recorded() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        record(&store, &run("r1", 1_000)).unwrap();
        record(&store, &run("r1", 1_000)).unwrap();
        record(&store, &run("r2", 500)).unwrap();
        let found = ended_in(&store, Window { start_ms: 0, end_ms: 20_000 }).unwrap();
        assert_eq!(found, [run("r2", 500), run("r1", 1_000)]);
        assert_eq!(ended_in(&store, Window { start_ms: 0, end_ms: 10_499 }).unwrap(), []);
        assert_eq!(find(&store, "r2").unwrap(), Some(run("r2", 500)));
        assert_eq!(find(&store, "last").unwrap(), Some(run("r1", 1_000)));
        assert_eq!(find(&store, "r").unwrap(), None);
    }

    #[test]
    fn a_document_that_is_too_long_for_a_line_is_refused() {
        let mut long = run("r", 0);
        long.command = vec!["x".repeat(MAX_LINE_BYTES)];
        assert!(matches!(line(&long), Err(KeepError::TooLong { .. })));
    }
}
