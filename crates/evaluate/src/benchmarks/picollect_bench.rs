//! `picollect bench`, our own: a dense system of equations, and the memory's bandwidth.
//!
//! Format: `crates/bench/src/text.rs`, described in `docs/bench.md`. Each result is a line that names its
//! process, `process=3/4`; the lines of several processes come in any order.
//!
//! Processes that ran at the same time are one outcome. For the solver it is the operations of all by the
//! time from the earliest beginning to the latest end, which counts the waiting of those that were ready
//! first. For the bandwidth it is the sum of their means: where they share a machine, the best of each may
//! be of moments in which the others stood still. Both are rates of independent problems, and the label
//! says so. A process that is alone counts by its best, as in STREAM.
//!
//! Invariant: a process that is missing makes the outcome interrupted, one that failed makes it failed.

use std::collections::BTreeMap;

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, number};
use crate::Window;

const NAME: &str = "picollect bench";
const KERNELS: [&str; 4] = ["copy", "scale", "add", "triad"];

/// What a process measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Measurement {
    /// The bandwidth of one of [`KERNELS`].
    Kernel(&'static str),
    Solve,
}

impl Measurement {
    fn name(self) -> &'static str {
        match self {
            Self::Kernel(name) => name,
            Self::Solve => "solve",
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Kernel(_) => Unit::BytePerSecond,
            Self::Solve => Unit::FlopPerSecond,
        }
    }

    /// What stands in place of the result where it is wrong.
    fn error_key(self) -> &'static str {
        match self {
            Self::Kernel(_) => "error",
            Self::Solve => "residual",
        }
    }
}

/// How far a process is with a measurement, as its line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Started,
    Passed,
    Failed,
}

impl Word {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "STARTED" => Some(Self::Started),
            "PASSED" => Some(Self::Passed),
            "FAILED" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// One outcome for each measurement, whatever number of processes made it.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut open: BTreeMap<Measurement, Group<'a>> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for line in lines {
        let Some(report) = Report::parse(line.text) else { continue };
        for what in report.measurements.iter().copied() {
            let group = open.entry(what).or_insert_with(|| Group::new(report.of));
            if group.is_another_run(&report) {
                outcomes.extend(std::mem::replace(group, Group::new(report.of)).outcomes(what));
            }
            group.take(what, line.number, &report);
        }
        if outcomes.len() >= MAX_OUTCOMES {
            return outcomes;
        }
    }
    outcomes.extend(open.into_iter().flat_map(|(what, group)| group.outcomes(what)));
    outcomes
}

/// A line of a process.
struct Report<'a> {
    /// The bandwidth as a whole is all its kernels.
    measurements: Vec<Measurement>,
    process: usize,
    of: usize,
    values: BTreeMap<&'a str, &'a str>,
    word: Word,
}

impl<'a> Report<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, rest) = text.strip_prefix("picollect bench: ")?.split_once(' ')?;
        let (values, word) = rest.rsplit_once(' ')?;
        let values: BTreeMap<_, _> = values.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let (process, of) = values.get("process")?.split_once('/')?;
        let (process, of) = (process.parse().ok()?, of.parse().ok()?);
        let kernels = KERNELS.into_iter().map(Measurement::Kernel);
        let all = kernels.clone().chain([Measurement::Solve]);
        let measurements = if name == "bandwidth" {
            kernels.collect()
        } else {
            all.filter(|it| it.name() == name).collect()
        };
        let word = Word::parse(word)?;
        (1..=of).contains(&process).then_some(Self { measurements, process, of, values, word })
    }

    fn text(&self, key: &str) -> &'a str {
        self.values.get(key).copied().unwrap_or_default()
    }

    fn state(&self, what: Measurement) -> Option<State<'a>> {
        match (self.word, what) {
            (Word::Started, _) => Some(State::Started),
            (Word::Failed, _) => {
                let key = what.error_key();
                let text = if what == Measurement::Solve { "scaled residual" } else { "error" };
                Some(State::Failed(format!("{text} {} on {}", self.text(key), self.text("host"))))
            }
            (Word::Passed, Measurement::Solve) => self.solved().map(State::Passed),
            (Word::Passed, Measurement::Kernel(_)) => {
                let key = if self.of == 1 { "mb_s" } else { "mean_mb_s" };
                let rate = number(self.text(key))? * 1e6;
                let (size, threads) = (self.text("elements"), self.text("threads"));
                Some(State::Passed(ProcessResult { amount: rate, time: None, size, threads }))
            }
        }
    }

    fn solved(&self) -> Option<ProcessResult<'a>> {
        let time = |key| self.text(key).parse::<i64>().ok();
        let (start_ms, end_ms) = (time("start_ms")?, time("end_ms")?);
        let (amount, size, threads) = (number(self.text("flop"))?, self.text("N"), self.text("threads"));
        let time = Some(Window { start_ms, end_ms });
        (start_ms < end_ms).then_some(ProcessResult { amount, time, size, threads })
    }
}

/// How far a process is.
enum State<'a> {
    Started,
    Passed(ProcessResult<'a>),
    Failed(String),
}

/// A right result of one process.
#[derive(Clone, Copy)]
struct ProcessResult<'a> {
    /// Operations of the solver, bytes per second of a kernel.
    amount: f64,
    /// By its own clock; `None` for a kernel, which gives a rate and no time.
    time: Option<Window>,
    size: &'a str,
    threads: &'a str,
}

/// The processes that measure the same thing at the same time.
struct Group<'a> {
    of: usize,
    processes: BTreeMap<usize, State<'a>>,
    last_line: usize,
}

impl<'a> Group<'a> {
    fn new(of: usize) -> Self {
        Self { of, processes: BTreeMap::new(), last_line: 0 }
    }

    /// A process does not begin twice, nor end twice.
    fn is_another_run(&self, report: &Report<'a>) -> bool {
        let starts = report.word == Word::Started;
        report.of != self.of
            || match self.processes.get(&report.process) {
                None => false,
                Some(State::Started) => starts,
                Some(State::Passed(_) | State::Failed(_)) => true,
            }
    }

    fn take(&mut self, what: Measurement, line: usize, report: &Report<'a>) {
        if let Some(state) = report.state(what) {
            self.processes.insert(report.process, state);
            self.last_line = line;
        }
    }

    fn outcomes(self, what: Measurement) -> Vec<Outcome> {
        let parts: Vec<ProcessResult<'a>> = self.processes.values().filter_map(passed).collect();
        let failed = self.processes.values().find_map(|state| match state {
            State::Failed(reason) => Some(Verdict::Failed(clip(reason))),
            State::Started | State::Passed(_) => None,
        });
        let incomplete = (parts.len() < self.of).then_some(Verdict::Interrupted);
        if let Some(verdict) = failed.or(incomplete) {
            if self.last_line == 0 {
                return Vec::new();
            }
            return vec![Outcome::new(NAME, what.name(), what.unit(), self.last_line).judged(verdict)];
        }
        // Processes that did not overlap, or whose clocks are far apart, have no common rate.
        let times = || parts.iter().filter_map(|part| part.time);
        let overlap = times().map(|time| time.start_ms).max() <= times().map(|time| time.end_ms).min();
        if overlap { vec![sum(what, &parts, self.last_line)] } else { self.one_by_one(what, &parts) }
    }

    fn one_by_one(&self, what: Measurement, parts: &[ProcessResult<'_>]) -> Vec<Outcome> {
        parts.iter().map(|part| sum(what, std::slice::from_ref(part), self.last_line)).collect()
    }
}

fn passed<'a>(state: &State<'a>) -> Option<ProcessResult<'a>> {
    match state {
        State::Passed(part) => Some(*part),
        State::Started | State::Failed(_) => None,
    }
}

/// The outcome of processes that all passed, at least one.
fn sum(what: Measurement, parts: &[ProcessResult<'_>], line: usize) -> Outcome {
    let mut outcome = Outcome::new(NAME, &label(what, parts), what.unit(), line);
    let amount: f64 = parts.iter().map(|part| part.amount).sum();
    outcome.core_phase = CorePhase::Scattered;
    outcome.rate = Some(amount);
    let times = || parts.iter().filter_map(|part| part.time);
    let ends = times().map(|time| time.start_ms).min().zip(times().map(|time| time.end_ms).max());
    if let Some((start_ms, end_ms)) = ends {
        let seconds = (end_ms as f64 - start_ms as f64) / 1000.0;
        outcome.core_phase = CorePhase::Exact { start_ms, end_ms };
        outcome.seconds = Some(seconds);
        outcome.rate = Some(amount / seconds);
    }
    outcome.rate = outcome.rate.filter(|rate| rate.is_finite());
    outcome.judged(Verdict::Passed)
}

/// `solve N=16384 threads=4`; for several processes how many, and that they had nothing to do with each
/// other.
fn label(measurement: Measurement, parts: &[ProcessResult<'_>]) -> String {
    let what = measurement.name();
    let name = if measurement == Measurement::Solve { "N" } else { "n" };
    let Some(first) = parts.first() else { return what.to_owned() };
    let same = parts.iter().all(|part| part.size == first.size);
    let size = if same { first.size } else { "various" };
    match parts.len() {
        1 => format!("{what} {name}={size} threads={}", first.threads),
        many => format!("{what} {name}={size}, {many} independent processes added"),
    }
}
