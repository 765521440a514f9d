//! `picollect bench`, our own: a dense system of equations, and the memory's bandwidth.
//!
//! Format: `collector/src/bench/text.rs`, described in `docs/bench.md`. Each result is a line that names its
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

const NAME: &str = "picollect bench";
const KERNELS: [&str; 4] = ["copy", "scale", "add", "triad"];
const SOLVE: &str = "solve";

/// One outcome for each measurement, whatever number of processes made it.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut open: BTreeMap<&'static str, Group<'a>> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for line in lines {
        let Some(report) = Report::parse(line.text) else { continue };
        for what in report.measurements() {
            let group = open.entry(what).or_insert_with(|| Group::new(report.of));
            if group.is_another_run(&report) {
                outcomes.extend(std::mem::replace(group, Group::new(report.of)).outcomes(what));
            }
            group.take(line.number, &report);
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
    what: &'a str,
    process: usize,
    of: usize,
    values: BTreeMap<&'a str, &'a str>,
    word: &'a str,
}

impl<'a> Report<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (what, rest) = text.strip_prefix("picollect bench: ")?.split_once(' ')?;
        let (values, word) = rest.rsplit_once(' ')?;
        let values: BTreeMap<_, _> = values.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let (process, of) = values.get("process")?.split_once('/')?;
        let (process, of) = (process.parse().ok()?, of.parse().ok()?);
        (1..=of).contains(&process).then_some(Self { what, process, of, values, word })
    }

    /// What the line is about: the bandwidth as a whole is all its kernels.
    fn measurements(&self) -> impl Iterator<Item = &'static str> {
        let all = std::iter::once(SOLVE).chain(KERNELS);
        all.filter(|&what| what == self.what || (self.what == "bandwidth" && what != SOLVE))
    }

    fn text(&self, key: &str) -> &'a str {
        self.values.get(key).copied().unwrap_or_default()
    }

    fn state(&self) -> Option<State<'a>> {
        match self.word {
            "STARTED" => Some(State::Started),
            "FAILED" => {
                let (key, text) =
                    if self.what == SOLVE { ("residual", "scaled residual") } else { ("error", "error") };
                Some(State::Failed(format!("{text} {} on {}", self.text(key), self.text("host"))))
            }
            "PASSED" if self.what == SOLVE => self.solved().map(State::Passed),
            "PASSED" => {
                let key = if self.of == 1 { "mb_s" } else { "mean_mb_s" };
                let rate = number(self.text(key))? * 1e6;
                let (size, threads) = (self.text("elements"), self.text("threads"));
                Some(State::Passed(Part { amount: rate, start_ms: 0, end_ms: 0, size, threads }))
            }
            _ => None,
        }
    }

    fn solved(&self) -> Option<Part<'a>> {
        let time = |key| self.text(key).parse::<i64>().ok();
        let (start_ms, end_ms) = (time("start_ms")?, time("end_ms")?);
        let (amount, size, threads) = (number(self.text("flop"))?, self.text("N"), self.text("threads"));
        (start_ms < end_ms).then_some(Part { amount, start_ms, end_ms, size, threads })
    }
}

/// How far a process is.
enum State<'a> {
    Started,
    Passed(Part<'a>),
    Failed(String),
}

/// A right result of one process.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// Operations of the solver, bytes per second of a kernel.
    amount: f64,
    /// Of the solver.
    start_ms: i64,
    end_ms: i64,
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
        let starts = report.word == "STARTED";
        report.of != self.of
            || match self.processes.get(&report.process) {
                None => false,
                Some(State::Started) => starts,
                Some(State::Passed(_) | State::Failed(_)) => true,
            }
    }

    fn take(&mut self, line: usize, report: &Report<'a>) {
        if let Some(state) = report.state() {
            self.processes.insert(report.process, state);
            self.last_line = line;
        }
    }

    fn outcomes(self, what: &str) -> Vec<Outcome> {
        let parts: Vec<Part<'a>> = self.processes.values().filter_map(passed).collect();
        let failed = self.processes.values().find_map(|state| match state {
            State::Failed(reason) => Some(Verdict::Failed(clip(reason))),
            State::Started | State::Passed(_) => None,
        });
        let incomplete = (parts.len() < self.of).then_some(Verdict::Interrupted);
        if let Some(verdict) = failed.or(incomplete) {
            if self.last_line == 0 {
                return Vec::new();
            }
            return vec![Outcome::new(NAME, what, unit(what), self.last_line).judged(verdict)];
        }
        // Processes that did not overlap, or whose clocks are far apart, have no common rate.
        let overlap =
            parts.iter().map(|part| part.start_ms).max() <= parts.iter().map(|part| part.end_ms).min();
        if overlap { vec![sum(what, &parts, self.last_line)] } else { self.one_by_one(what, &parts) }
    }

    fn one_by_one(&self, what: &str, parts: &[Part<'_>]) -> Vec<Outcome> {
        parts.iter().map(|part| sum(what, std::slice::from_ref(part), self.last_line)).collect()
    }
}

fn passed<'a>(state: &State<'a>) -> Option<Part<'a>> {
    match state {
        State::Passed(part) => Some(*part),
        State::Started | State::Failed(_) => None,
    }
}

fn unit(what: &str) -> Unit {
    if what == SOLVE { Unit::FlopPerSecond } else { Unit::BytePerSecond }
}

/// The outcome of processes that all passed, at least one.
fn sum(what: &str, parts: &[Part<'_>], line: usize) -> Outcome {
    let mut outcome = Outcome::new(NAME, &label(what, parts), unit(what), line);
    let amount: f64 = parts.iter().map(|part| part.amount).sum();
    outcome.core_phase = CorePhase::Scattered;
    outcome.rate = Some(amount);
    if what == SOLVE {
        let start_ms = parts.iter().map(|part| part.start_ms).min().unwrap_or_default();
        let end_ms = parts.iter().map(|part| part.end_ms).max().unwrap_or_default();
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
fn label(what: &str, parts: &[Part<'_>]) -> String {
    let name = if what == SOLVE { "N" } else { "n" };
    let Some(first) = parts.first() else { return what.to_owned() };
    let same = parts.iter().all(|part| part.size == first.size);
    let size = if same { first.size } else { "various" };
    match parts.len() {
        1 => format!("{what} {name}={size} threads={}", first.threads),
        many => format!("{what} {name}={size}, {many} independent processes added"),
    }
}
