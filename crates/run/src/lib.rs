//! `picollect run`: a command whose work is measured. Idle first, then the command, passed through as if
//! nobody watched, then the verdict on standard error. What is kept of it goes to the collector, which
//! may be elsewhere and may be away meanwhile.
//!
//! Measuring a command ([`run()`]) takes its options from the command line. What a benchmark printed without
//! picollect becomes a run too:
//!
//! ```
//! use picollect_analysis::runs::Check;
//! use picollect_run::{Saved, labels, read_saved};
//! use picollect_settings::time::parse_rfc3339;
//!
//! let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/benchmark-outputs/hpl-2.3-plain.txt");
//! let run = read_saved(&Saved {
//!     file: file.as_ref(),
//!     start_ms: parse_rfc3339("2026-11-23T12:57:00Z").unwrap(),
//!     end_ms: Some(parse_rfc3339("2026-11-23T12:57:30Z").unwrap()),
//!     name: "HPL on two cores".to_owned(),
//!     nodes: Some(vec!["pi-1".to_owned()]),
//!     labels: labels(&["nodes=1".to_owned()])?,
//! })?;
//! assert_eq!((run.results[0].benchmark.as_str(), run.results[0].check), ("HPL", Check::Passed));
//! # Ok::<(), anyhow::Error>(())
//! ```

mod arrivals;
mod child;
mod clocks;
mod delivery;
mod document;
mod import;
mod kept;
mod kept_output;
mod plan;
mod preflight;
mod progress;
mod provenance;
mod recognise;
mod run_directory;
mod summary;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::complain;
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

use picollect_analysis::nodes::Node;
use picollect_analysis::requests::{NodesRequest, RunRequest};
use picollect_analysis::runs::{self, End, Run, TimeRange};
use picollect_client::Source;
use picollect_evaluate::presence::Presence;
use picollect_settings::time::{now_ms, rfc3339};
use picollect_terminal::Screen;

use child::Said;
pub use clocks::restore as restore_clocks;
use delivery::Sent;
pub use delivery::{Deliveries, deliver_waiting};
pub use import::{Saved, ZONE_OF_STAMPS, read as read_saved};
pub use plan::RunOptions;
use plan::{Plan, Step};
pub use plan::{labels, nodes};
use progress::Progress;
use recognise::Output;
use run_directory::{RunDirectory, places};

/// The nodes' samples of the run's end have to arrive before its verdict: so many of their intervals are
/// waited for, and the time that a delivery takes.
const SETTLING_INTERVALS: f64 = 2.0;
const DELIVERY_S: f64 = 5.0;
/// A node that speaks more seldom is not waited for.
const LONGEST_INTERVAL_S: f64 = 60.0;
const SETTLING_POLL: Duration = Duration::from_millis(200);
/// What shells say of a command that is not there, and of one that cannot be started.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

/// Measures a command as the options say; ends as the command ended: [`Failure::Command`] with its status, whatever
/// becomes of what is kept of it. [`Failure::Usage`] if the options contradict each other, [`Failure::Runtime`] for
/// what failed before a command was started.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let plan = Plan::new(options).map_err(usage)?;
    let bench = Bench::new(options)?;
    let program = &plan.steps[0].command[0];
    if !preflight::is_there(program) {
        return Err(not_started(program, &io::ErrorKind::NotFound.into()));
    }
    bench.look_before(&plan, options.force)?;
    let progress = Progress::new(plan.steps.len() * plan.repeat);
    child::prepare()?;
    let earlier = delivery::deliver_waiting(&bench.source, &bench.directory, Some(&bench.destination));
    for (file, why) in earlier.waiting {
        complain(format_args!("picollect: `{}` of an earlier run still waits: {why}", file.display()));
    }
    let mut done: Vec<Run> = Vec::new();
    for step in &plan.steps {
        let clocks = step.clocks.as_ref().map(|clocks| clocks.set(&bench.source)).transpose()?;
        let idle = rest(plan.idle, &progress);
        for repetition in 1..=plan.repeat {
            let run = bench.one(&plan, step, repetition, idle, &progress)?;
            progress.one_done();
            let failed = run.end != End::Exit(0);
            done.push(run);
            if failed {
                return leave(&done);
            }
        }
        drop(clocks);
    }
    match summary::of(&bench.source, &plan, &done) {
        Ok(text) => say(&text),
        Err(failure) => {
            complain(format_args!("picollect: the runs cannot be compared: {}", reason(&failure)));
        }
    }
    leave(&done)
}

/// Refuses names of nodes that are unknown or silent, as [`run()`] does: [`Failure::Usage`].
pub fn refuse_absent(wanted: Option<&[String]>, known: &[Node]) -> Result<(), Failure> {
    preflight::refuse(&preflight::absent_of(wanted, known, now_ms()))
}

/// Nothing runs for a while.
fn rest(length: Duration, progress: &Progress) -> Option<TimeRange> {
    let start_ms = now_ms();
    progress.rest(length);
    (!length.is_zero()).then(|| TimeRange { start_ms, end_ms: now_ms() })
}

/// Ends as the last command did: with its exit status, or by its signal.
fn leave(done: &[Run]) -> Result<(), Failure> {
    match done.last().map(|run| run.end) {
        None | Some(End::Exit(0)) => Ok(()),
        Some(End::Exit(status)) => Err(Failure::Command(u8::try_from(status).unwrap_or(u8::MAX))),
        Some(End::Signal(number)) => {
            // One core dump, the command's own, is enough.
            let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
            if let Some(signal) = Signal::from_named_raw(number) {
                let _ = signal_hook::low_level::emulate_default_handler(number);
                let _ = kill_process(getpid(), signal);
            }
            // A signal that does not end a process cannot have ended the command; shells say it so.
            Err(Failure::Command(u8::try_from(128 + number).unwrap_or(u8::MAX)))
        }
    }
}

/// Where runs are measured and kept.
struct Bench {
    source: Arc<Source>,
    directory: PathBuf,
    /// Whom runs are kept for that it does not take.
    destination: String,
    host: String,
    screen: Screen,
}

impl Bench {
    fn new(options: &RunOptions) -> Result<Self, Failure> {
        let source = Arc::new(options.ask.open_or_make()?);
        let directory = options.ask.directory()?.join("runs");
        let destination = options.ask.destination()?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self { source, directory, destination, host, screen: Screen::of_stderr() })
    }

    /// Refuses what cannot work, unless it is forced, and says what will be unknown.
    fn look_before(&self, plan: &Plan, force: bool) -> Result<(), Failure> {
        let mut found = preflight::room(&places(&self.directory));
        match self.source.ask(&NodesRequest::default()) {
            Ok(nodes) => found.extend(preflight::nodes(plan.nodes.as_deref(), &nodes, now_ms())),
            Err(failure) => found.extend([preflight::Found::Unknown(format!(
                "the collector cannot be asked which nodes it hears: {}",
                reason(&failure)
            ))]),
        }
        preflight::say(&found, force)
    }

    fn one(
        &self,
        plan: &Plan,
        step: &Step,
        repetition: usize,
        idle: Option<TimeRange>,
        progress: &Progress,
    ) -> Result<Run, Failure> {
        let id = id_of(&plan.slug);
        let watched = kept::Watched::begin(&plan.output_files).map_err(usage)?;
        let mut directory = RunDirectory::make(&places(&self.directory), &id, &self.destination);
        let begin = runs::begin_line(&id, &plan.name, now_ms());
        if let Err(refused) = delivery::begin(&self.source, &mut directory, &begin) {
            directory.remove();
            return Err(refused.into());
        }
        let watched_nodes = progress.watch(&plan.name, &self.source, plan.nodes.as_deref());
        let ran = child::run(&step.command, &directory, watched_nodes.line());
        drop(watched_nodes);
        let outcome = match ran {
            Ok(outcome) => outcome,
            Err(error) => {
                directory.remove();
                return Err(not_started(&step.command[0], &error));
            }
        };
        // From here on the command has a status, and nothing that fails may hide it.
        let outputs = outputs(&watched, &directory, outcome.stdout, outcome.stderr);
        // One that is gone is not said.
        let working = std::env::current_dir().unwrap_or_default();
        let environment = std::env::vars_os();
        let environment = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let run = Run {
            schema: runs::SCHEMA,
            labels: plan.labels(step, repetition),
            name: plan.name.clone(),
            host: self.host.clone(),
            nodes: plan.nodes.clone(),
            simulated: false,
            idle,
            time: outcome.time,
            end: outcome.end,
            shares: Vec::new(),
            results: plan.work.results(&outputs, outcome.time, outcome.end),
            provenance: provenance::collect(&step.command, environment, &working),
            command: step.command.clone(),
            kept_in: directory.path().map(|path| path.display().to_string()),
            id,
        };
        progress.settle();
        self.keep(&run, &mut directory, plan.retry, progress);
        Ok(run)
    }

    /// Delivers or keeps a finished run, and says what it was worth.
    fn keep(&self, run: &Run, directory: &mut RunDirectory, retry: Duration, progress: &Progress) {
        let sent = delivery::end(&self.source, directory, &document::line(run), retry, progress);
        if let Some(file) = directory.file("run.json")
            && let Err(error) = fs::write(&file, document::pretty(run))
        {
            tracing::warn!("cannot write `{}`: {error}", file.display());
        }
        match sent {
            Sent::Delivered => self.judge(run, progress),
            Sent::Kept(why) => {
                progress.quiet();
                let kept_in = run.kept_in.as_deref().unwrap_or_default();
                complain(format_args!(
                    "picollect: the collector did not take the run {}: {why}. It is kept in `{kept_in}`; the next \
                     `picollect run`, `runs` or `report` that asks this collector delivers it",
                    run.id
                ));
            }
            Sent::Nowhere(lines, why) => {
                progress.quiet();
                complain(format_args!(
                    "picollect: the run {} is neither delivered nor kept: {why}. Its lines, for `/api/v2/write` of the \
                     collector, are:\n{}",
                    run.id,
                    String::from_utf8_lossy(&lines)
                ));
            }
        }
    }

    /// Says what a run was worth that the collector has.
    fn judge(&self, run: &Run, progress: &Progress) {
        self.settle(run);
        progress.quiet();
        let request = RunRequest {
            id: run.id.clone(),
            verdict_only: true,
            colour: self.screen.colour,
            width: Some(self.screen.width()),
            ..RunRequest::default()
        };
        match self.source.ask_written(&request) {
            Ok(verdict) => say(&verdict.text),
            Err(failure) => {
                complain(format_args!("picollect: no verdict on the run {}: {}", run.id, reason(&failure)));
            }
        }
    }

    /// Waits until every node that is up has been heard of after the run's end, but not for ever.
    fn settle(&self, run: &Run) {
        let begun = Instant::now();
        // A collector that cannot be asked now says so when it is asked for the verdict.
        while let Ok(nodes) = self.source.ask(&NodesRequest::default()) {
            let silent = nodes
                .iter()
                .filter(|node| node.state == Presence::Up && node.last_seen_ms <= run.time.end_ms);
            let slowest_s = silent.map(|node| node.interval_s).reduce(f64::max);
            let Some(slowest_s) = slowest_s else { return };
            let patience_s = SETTLING_INTERVALS * slowest_s.clamp(0.0, LONGEST_INTERVAL_S) + DELIVERY_S;
            if begun.elapsed().as_secs_f64() > patience_s {
                return;
            }
            thread::sleep(SETTLING_POLL);
        }
    }
}

/// What may hold results: the command's output, and what it wrote into files that the user named.
fn outputs(watched: &kept::Watched, directory: &RunDirectory, stdout: Said, stderr: Said) -> Vec<Output> {
    let written = watched.written().unwrap_or_else(|error| {
        tracing::warn!("no output file is read: {error:#}");
        Vec::new()
    });
    if let Some(Err(error)) = directory.path().map(|path| kept::keep(path, &written)) {
        tracing::warn!("not all output files are kept: {error:#}");
    }
    let of_stream = |said: Said| Output { bytes: said.bytes, arrivals: Some(said.arrivals) };
    let of_file = |(_, bytes)| Output { bytes, arrivals: None };
    std::iter::once(of_stream(stdout))
        .chain(written.into_iter().map(of_file))
        .chain(std::iter::once(of_stream(stderr)))
        .collect()
}

/// What somebody is told who may be gone: the command's status is worth more than that.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Why, in words.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Usage(error) | Failure::Runtime(error) => format!("{error:#}"),
        Failure::Finding(count) => format!("{count} findings"),
        Failure::Command(status) => format!("exit status {status}"),
    }
}

fn not_started(program: &str, error: &io::Error) -> Failure {
    complain(format_args!("picollect: cannot start `{program}`: {error}"));
    let missing = error.kind() == io::ErrorKind::NotFound;
    Failure::Command(if missing { NOT_FOUND } else { NOT_STARTED })
}

/// An id that begins so and says when it was made.
fn id_of(slug: &str) -> String {
    format!("{slug}-{}", compact(now_ms()))
}

/// A time for names of files and runs: `20261123-170455-123`.
fn compact(t_ms: i64) -> String {
    let digits: String = rfc3339(t_ms).chars().filter(char::is_ascii_digit).collect();
    format!("{}-{}-{}", &digits[..8], &digits[8..14], &digits[14..])
}

/// The idle time if nobody says.
pub const DEFAULT_IDLE: &str = "10s";
/// The same.
const IDLE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_the_moment() {
        assert_eq!(compact(1_795_443_117_043), "20261123-141157-043");
    }
}
