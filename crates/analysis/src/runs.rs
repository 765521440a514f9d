//! Runs: commands whose work is measured, as they are kept.
//!
//! A run is two points of the measurement `run`, which is of no host: one when it begins, and one when
//! it has ended, with all that is known of it as a JSON document (`docs/run-format.md`). So it travels
//! the same way as a sample, and arriving twice does no harm.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::benchmarks::{self, Verdict};
use picollect_settings::time::is_time;
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{RUN_DOCUMENT, RUN_END_MS, RUN_START_MS};
use picollect_telemetry::foreign::printable;
use picollect_telemetry::line::{LineWriter, MAX_LINE_BYTES, Precision, decode};
use serde::{Deserialize, Serialize};

pub use picollect_report::{Check, IMPORTED_FROM};
use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// Version of the document; one that is greater is not read.
pub const SCHEMA: u32 = 1;
/// A run, its idle time and its core phase last no longer than this: a year.
const LONGEST_MS: i64 = 366 * 24 * 3600 * 1000;
/// And where its core phase lies is known to this many seconds.
const LONGEST_EDGE_S: f64 = 366.0 * 24.0 * 3600.0;
/// The label that says on how many nodes a run was.
pub const NODES_LABEL: &str = "nodes";
/// The label that the runs of one sweep have in common.
pub const SWEEP_LABEL: &str = "sweep";
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
    /// The command line; empty for a load of picollect's own and for an imported run.
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

/// What the store has of runs, and what of it is no run of ours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// The runs, in the order of their beginning.
    pub runs: Vec<Run>,
    /// Documents that were left out: which, and what is wrong with each.
    pub left_out: Vec<String>,
}

/// The runs that ended within the window, in the order of their beginning. Documents that cannot be read,
/// a newer version's for example, are left out and logged.
pub fn ended_in(store: &dyn Store, window: Window) -> Result<Vec<Run>, StoreError> {
    Ok(kept(store, window, &[])?.runs)
}

/// The same, and what was left out.
pub fn kept_in(store: &dyn Store, window: Window) -> Result<Kept, StoreError> {
    kept(store, window, &[])
}

const EVER: Window = Window { start_ms: 0, end_ms: i64::MAX };
/// So many ids of several that were meant are named.
const NAMED_IDS: usize = 5;

/// Why a run was not found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// No run is called that.
    #[error("there is no run `{0}`; `picollect runs` lists them")]
    Absent(String),
    /// Fewer runs than were counted back.
    #[error("there is no run `{asked}`: {} kept; `picollect runs` lists them", counted(*runs))]
    TooFew {
        /// What was asked for.
        asked: String,
        /// How many runs there are.
        runs: usize,
    },
    /// Several ids begin so.
    #[error("`{asked}` is the beginning of several ids: {}; write more of it", some_of(ids))]
    Several {
        /// What was asked for.
        asked: String,
        /// The ids, in their order.
        ids: Vec<String>,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run is".to_owned() } else { format!("{runs} runs are") }
}

fn some_of(ids: &[String]) -> String {
    let named: Vec<_> = ids.iter().take(NAMED_IDS).map(|id| printable(id)).collect();
    let more = ids.len().saturating_sub(NAMED_IDS);
    named.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// The run that is meant: by its id, by a beginning of its id that no other has, or counted back from the last one by
/// its beginning in time, `last`, `last~1` and so on. An id as a whole comes before any other meaning.
pub fn find(store: &dyn Store, asked: &str) -> Result<Run, FindError> {
    if let Some(run) = kept(store, EVER, &[("run", asked)])?.runs.pop() {
        return Ok(run);
    }
    match counted_back(asked) {
        Some(back) => {
            let mut runs = kept(store, EVER, &[])?.runs;
            let place = runs.len().checked_sub(back.saturating_add(1));
            let too_few = || FindError::TooFew { asked: asked.to_owned(), runs: runs.len() };
            let place = place.ok_or_else(too_few)?;
            Ok(runs.swap_remove(place))
        }
        None => by_prefix(store, asked),
    }
}

/// `last` is 0, `last~3` is 3.
fn counted_back(asked: &str) -> Option<usize> {
    match asked.strip_prefix("last")? {
        "" => Some(0),
        back => back.strip_prefix('~')?.parse().ok(),
    }
}

fn by_prefix(store: &dyn Store, asked: &str) -> Result<Run, FindError> {
    let (measurement, field) = (Some(RUN_DOCUMENT.measurement), Some(RUN_DOCUMENT.field));
    let keys = store.series(&Selector { measurement, field, tags: &[] })?;
    let ids = keys.iter().filter_map(|key| key.tag("run")).filter(|id| id.starts_with(asked));
    let ids: std::collections::BTreeSet<&str> = ids.collect();
    let absent = || FindError::Absent(asked.to_owned());
    if asked.is_empty() || ids.is_empty() {
        return Err(absent());
    }
    if ids.len() > 1 {
        let ids = ids.into_iter().map(ToOwned::to_owned).collect();
        return Err(FindError::Several { asked: asked.to_owned(), ids });
    }
    let tags: Vec<(&str, &str)> = ids.into_iter().map(|id| ("run", id)).collect();
    kept(store, EVER, &tags)?.runs.pop().ok_or_else(absent)
}

/// The runs of the last sweep over numbers of nodes, in the order of their beginning; empty if there is none.
pub fn last_sweep(store: &dyn Store) -> Result<Vec<Run>, StoreError> {
    let mut runs = kept(store, EVER, &[])?.runs;
    let sweep =
        |run: &Run| run.labels.get(SWEEP_LABEL).filter(|_| run.labels.contains_key(NODES_LABEL)).cloned();
    let last = runs.iter().rev().find_map(sweep);
    runs.retain(|run| last.is_some() && sweep(run) == last);
    Ok(runs)
}

fn kept(store: &dyn Store, window: Window, tags: &[(&str, &str)]) -> Result<Kept, StoreError> {
    let (measurement, field) = (Some(RUN_DOCUMENT.measurement), Some(RUN_DOCUMENT.field));
    let mut kept = Kept::default();
    for key in store.series(&Selector { measurement, field, tags })? {
        match document(store, &key, window)? {
            Some(Ok(run)) => kept.runs.push(run),
            Some(Err(why)) => kept.left_out.push(why),
            None => {}
        }
    }
    kept.runs.sort_by_key(|run| run.time.start_ms);
    Ok(kept)
}

/// The run whose document is this series, if it ended within the window. A document that cannot be read is
/// logged.
pub fn read(store: &dyn Store, key: &SeriesKey, window: Window) -> Result<Option<Run>, StoreError> {
    Ok(document(store, key, window)?.and_then(Result::ok))
}

/// What a series says, or why it says no run; that is logged.
fn document(
    store: &dyn Store,
    key: &SeriesKey,
    window: Window,
) -> Result<Option<Result<Run, String>>, StoreError> {
    let Some(last) = store.read(key, window, 0)?.pop() else { return Ok(None) };
    let name = printable(key.tag("run").unwrap_or("-")).into_owned();
    let run = match &last.value {
        Value::Text(text) => serde_json::from_str::<Run>(text).map_err(|error| error.to_string()),
        _ => Err("it is no text".to_owned()),
    };
    let run = run.and_then(|run| match wrong_with(&run, key, last.t_ms) {
        Some(why) => Err(why.to_owned()),
        None => Ok(run),
    });
    Ok(Some(run.map_err(|why| {
        let text = format!("the document of the run `{name}` is left out: {}", printable(&why));
        tracing::warn!("{text}");
        text
    })))
}

/// What no run of ours would say; whoever may write to the store may have written it. `t_ms` is when it is stored.
fn wrong_with(run: &Run, key: &SeriesKey, t_ms: i64) -> Option<&'static str> {
    let is_stretch = |time: TimeRange| {
        let lasts_ms = time.end_ms.saturating_sub(time.start_ms);
        is_time(time.start_ms) && is_time(time.end_ms) && (0..=LONGEST_MS).contains(&lasts_ms)
    };
    let cores = run.results.iter().filter_map(|result| result.core);
    let mut times = cores.clone().map(|core| core.time).chain(run.idle).chain([run.time]);
    let rated = run.results.iter().flat_map(|result| [result.rate, result.seconds]);
    let mut numbers = rated.chain(run.shares.iter().map(|share| share.flop)).flatten();
    let mut edges_s = cores.map(|core| core.edge_s);
    if run.schema > SCHEMA {
        Some("a newer version of picollect kept it")
    } else if key.tag("run") != Some(run.id.as_str()) {
        Some("it has the id of another run")
    } else if !times.all(is_stretch) {
        Some("it has times that cannot be, or lasts longer than a year")
    } else if run.time.end_ms != t_ms {
        Some("it ended at another time than it is stored at")
    } else if numbers.any(|number| number < 0.0)
        || edges_s.any(|edge_s| !(0.0..=LONGEST_EDGE_S).contains(&edge_s))
    {
        Some("it has numbers that cannot be")
    } else {
        None
    }
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
        assert_eq!(find(&store, "r2").unwrap(), run("r2", 500));
    }

    #[test]
    fn a_run_is_found_by_its_id_by_a_beginning_of_it_and_counted_back_from_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let runs = [("hpl-1", 3_000), ("hpl-12", 1_000), ("stream-2", 2_000)];
        for (id, start_ms) in runs {
            record(&store, &run(id, start_ms)).unwrap();
        }
        for (asked, id) in [
            ("hpl-1", "hpl-1"),
            ("hpl-12", "hpl-12"),
            ("s", "stream-2"),
            ("last", "hpl-1"),
            ("last~0", "hpl-1"),
            ("last~1", "stream-2"),
            ("last~2", "hpl-12"),
        ] {
            assert_eq!(find(&store, asked).unwrap().id, id, "{asked}");
        }
        for (asked, wrong) in [
            ("hpl", "`hpl` is the beginning of several ids: hpl-1, hpl-12; write more of it"),
            ("last~3", "there is no run `last~3`: 3 runs are kept; `picollect runs` lists them"),
            ("last~x", "there is no run `last~x`; `picollect runs` lists them"),
            ("x", "there is no run `x`; `picollect runs` lists them"),
            ("", "there is no run ``; `picollect runs` lists them"),
        ] {
            assert_eq!(find(&store, asked).unwrap_err().to_string(), wrong);
        }
    }

    #[test]
    fn the_last_sweep_is_all_runs_that_have_its_label() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        assert_eq!(last_sweep(&store).unwrap(), []);
        let labelled = |id, start_ms, labels: &[(&str, &str)]| {
            let labels =
                labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            record(&store, &Run { labels, ..run(id, start_ms) }).unwrap();
        };
        labelled("old", 1_000, &[("sweep", "a"), ("nodes", "1")]);
        labelled("two", 3_000, &[("sweep", "b"), ("nodes", "2")]);
        labelled("one", 2_000, &[("sweep", "b"), ("nodes", "1")]);
        labelled("clocks", 4_000, &[("sweep", "c"), ("freq_mhz", "600")]);
        labelled("plain", 5_000, &[("nodes", "4")]);
        let ids: Vec<_> = last_sweep(&store).unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(ids, ["one", "two"]);
    }

    #[test]
    fn what_is_no_run_of_ours_is_left_out_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let good = run("good", 1_000);
        record(&store, &good).unwrap();
        let forged = |change: fn(&mut Run), name: &str| {
            let mut forged = run(name, 1_000);
            change(&mut forged);
            let document = Value::Text(serde_json::to_string(&forged).unwrap());
            say(&store, name, document);
        };
        forged(|run| run.time.end_ms = 253_402_300_800_000, "year 10000");
        forged(|run| run.time = TimeRange { start_ms: i64::MIN, end_ms: i64::MAX }, "all time");
        forged(|run| run.time = TimeRange { start_ms: 2_000, end_ms: 1_000 }, "backwards");
        forged(|run| run.time = TimeRange { start_ms: 0, end_ms: LONGEST_MS + 1 }, "long");
        forged(|run| run.idle = Some(TimeRange { start_ms: -1, end_ms: 1 }), "before 1970");
        forged(|run| run.id = "good".into(), "another");
        forged(|run| run.schema = SCHEMA + 1, "newer");
        forged(|run| run.shares[0].flop = Some(-1.0), "negative");
        forged(|run| run.time.end_ms += 1, "elsewhere");
        say(&store, "shape", Value::Text("[1]".into()));
        let kept = kept_in(&store, Window { start_ms: 0, end_ms: i64::MAX }).unwrap();
        assert_eq!(kept.runs, [good]);
        assert_eq!(kept.left_out.len(), 10, "{:?}", kept.left_out);
        for name in ["year 10000", "all time", "newer", "shape"] {
            assert!(
                kept.left_out.iter().any(|why| why.contains(&format!("`{name}`"))),
                "{:?}",
                kept.left_out
            );
        }
        assert_eq!(find(&store, "last").unwrap().id, "good");
        assert!(matches!(find(&store, "all time"), Err(FindError::Absent(_))));
    }

    /// Stores a document where a run from 1 s to 11 s would be.
    fn say(store: &dyn Store, name: &str, document: Value) {
        let mut writer = LineWriter::new(&[]);
        writer.point(11_000, &[("name", "x"), ("run", name)], &[(&RUN_DOCUMENT, document)]);
        store.append(&decode(&writer.take().0, Precision::Nanoseconds, 0).points).unwrap();
    }

    #[test]
    fn a_document_that_is_too_long_for_a_line_is_refused() {
        let mut long = run("r", 0);
        long.command = vec!["x".repeat(MAX_LINE_BYTES)];
        assert!(matches!(line(&long), Err(KeepError::TooLong { .. })));
    }
}
