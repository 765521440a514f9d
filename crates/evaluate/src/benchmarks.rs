//! What benchmarks print: rates, durations, verdicts, and where in the output they stand.
//!
//! A file in `benchmarks/` for each program, which names the source of its format. Every parser goes
//! once over the lines, takes what it knows and skips the rest, so that versions may differ.
//!
//! Invariant: a failed or interrupted run never has a rate, and only complete lines count, so that an
//! output that was cut never says more than the whole one.

mod babelstream;
pub mod core_phase;
mod coremark;
mod ctime;
mod graph500;
mod hpcc;
mod hpcg;
mod hpl;
mod hpl_mxp;
mod launcher;
mod llama;
mod ollama;
mod pattern;
mod picollect_bench;
pub mod placement;
mod stream;
mod sysbench;
mod unit;

use std::collections::BTreeMap;

use jiff::civil::DateTime;

pub use ctime::as_if_utc_s;
pub use pattern::{Pattern, PatternError};
pub use unit::Unit;

/// More results than any real run prints; what comes after them is left out. Bounds the memory that an
/// output can ask for.
pub const MAX_OUTCOMES: usize = 4096;
/// Longest label or reason in characters; labels quote the output.
const MAX_LABEL: usize = 120;

/// One result that a benchmark printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The program, as it is usually written: `HPL`, `STREAM`.
    pub benchmark: &'static str,
    /// What tells this result from the others of the same program: `WR11C2R4 N=10000 NB=128 P=1 Q=2`.
    pub label: String,
    /// The rate in `unit`, finite and not negative; `None` for a failed or interrupted run.
    pub rate: Option<f64>,
    /// What the rate counts.
    pub unit: Unit,
    /// The duration that the rate is about, by the benchmark's own clock, in seconds.
    pub seconds: Option<f64>,
    /// Whether the benchmark vouches for it.
    pub verdict: Verdict,
    /// When the rated work was done.
    pub core_phase: CorePhase,
    /// The line of the output that the result stands on, from 1. For an interrupted run the last line.
    pub line: usize,
}

/// Whether the benchmark itself vouches for a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It checked the result and found it right.
    Passed,
    /// It did not check, or has no check.
    Unchecked,
    /// It found it wrong, or says why there is none: in its own words.
    Failed(String),
    /// The output ends before the result or its check.
    Interrupted,
}

/// What the output tells about the time during which the rated work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorePhase {
    /// From `start` to `end` on the clock of the node that printed, in its own zone; each cut to a whole
    /// second, so ± 1 s. `seconds` is the exact length.
    Stated {
        /// The stamp before the work.
        start: DateTime,
        /// The stamp after it. Smaller than `start` where summer time ended between them.
        end: DateTime,
    },
    /// From `start_ms` to `end_ms`, Unix milliseconds by the clock of the node that printed; of several nodes
    /// the earliest and the latest.
    Exact {
        /// Of several nodes the earliest.
        start_ms: i64,
        /// When it ended; later than it began.
        end_ms: i64,
    },
    /// It ended when the result's line was printed and had lasted `seconds`.
    EndsAtLine,
    /// It ended so long before the result's line was printed, and had lasted `seconds`.
    EndsBeforeLine {
        /// By how much, in milliseconds; not negative.
        by_ms: i64,
    },
    /// It had lasted `seconds` when it ended, a check of its result before this Unix time in whole seconds.
    EndsBefore {
        /// Seconds since 1970 by the clock of the node that printed.
        unix_s: i64,
    },
    /// Many short stretches with other work between them; `seconds`, where known, is their sum.
    Scattered,
    /// The output tells neither when nor how long.
    Unknown,
}

impl Outcome {
    fn new(benchmark: &'static str, label: &str, unit: Unit, line: usize) -> Self {
        let (rate, seconds, core_phase) = (None, None, CorePhase::Unknown);
        let label = clip(label);
        Self { benchmark, label, rate, unit, seconds, verdict: Verdict::Interrupted, core_phase, line }
    }

    fn judged(mut self, verdict: Verdict) -> Self {
        if matches!(verdict, Verdict::Failed(_) | Verdict::Interrupted) {
            self.rate = None;
        }
        self.verdict = verdict;
        self
    }
}

/// Every result that any known benchmark printed, at most [`MAX_OUTCOMES`]; none if the output is of no
/// known one. Takes time in proportion to the output. HPCC's output holds other benchmarks' and is
/// therefore asked first. Marks that a launcher puts before each line are taken off.
pub fn recognise(output: &str) -> Vec<Outcome> {
    let output = &*launcher::without_escapes(output);
    let marks = launcher::Marks::of(output);
    let mut outcomes = match marks.streams(output) {
        Some(streams) => of_streams(&streams),
        None => of_program(|| marks.lines(output)),
    };
    outcomes.truncate(MAX_OUTCOMES);
    outcomes
}

/// The outcomes of several processes that printed side by side; where more than one has any, each is named.
/// `picollect bench` names its processes itself, and they count together.
fn of_streams(streams: &BTreeMap<String, Vec<Line<'_>>>) -> Vec<Outcome> {
    let mut all: Vec<Line<'_>> = streams.values().flatten().copied().collect();
    all.sort_unstable_by_key(|line| line.number);
    let together = picollect_bench::read(all.into_iter());
    if !together.is_empty() {
        return together;
    }
    let by_stream = streams.iter().map(|(name, lines)| (name, of_program(|| lines.iter().copied())));
    let by_stream: Vec<_> = by_stream.filter(|(_, outcomes)| !outcomes.is_empty()).collect();
    let several = by_stream.len() > 1;
    let named = by_stream.into_iter().flat_map(|(name, outcomes)| {
        outcomes.into_iter().map(move |outcome| {
            let label = if several { format!("{} ({name})", outcome.label) } else { outcome.label };
            Outcome { label: clip(&label), ..outcome }
        })
    });
    named.collect()
}

/// The outcomes of one process, or of the only one that prints.
fn of_program<'a, I: Iterator<Item = Line<'a>>>(lines: impl Fn() -> I) -> Vec<Outcome> {
    let mut outcomes = hpcc::read(lines());
    if outcomes.is_empty() {
        // In the order in which they were printed; HPCC's are in that of their weight.
        outcomes.extend(hpl::read(lines()));
        outcomes.extend(hpl_mxp::read(lines()));
        outcomes.extend(hpcg::read(lines()));
        outcomes.extend(stream::read(lines()));
        outcomes.extend(babelstream::read(lines()));
        outcomes.extend(coremark::read(lines()));
        outcomes.extend(graph500::read(lines()));
        outcomes.extend(sysbench::read(lines()));
        outcomes.extend(llama::read(lines()));
        outcomes.extend(ollama::read(lines()));
        outcomes.extend(picollect_bench::read(lines()));
        outcomes.sort_by_key(|outcome| outcome.line);
    }
    outcomes
}

/// A complete line of the output.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// In the whole output, from 1.
    number: usize,
    /// Without blanks at its ends.
    text: &'a str,
}

/// The complete lines; what follows the last end of line may have been cut inside a number. Of a line that
/// was overwritten on a terminal the last state counts.
fn lines(output: &str) -> impl Iterator<Item = Line<'_>> {
    let complete = output.rfind('\n').map_or("", |end| &output[..end]);
    complete.lines().zip(1..).map(|(text, number)| {
        let text = text.trim();
        Line { number, text: text.rsplit('\r').next().unwrap_or(text).trim() }
    })
}

/// A finite number that is not negative.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && value.is_sign_positive())
}

/// The number at the beginning of a text, times `scale`.
fn scaled(text: &str, scale: f64) -> Option<f64> {
    let value = number(text.split_whitespace().next()?)? * scale;
    value.is_finite().then_some(value)
}

/// What follows `key` and the separator `:` or `=`.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(key)?.trim_start();
    rest.strip_prefix([':', '=']).map(str::trim)
}

/// Foreign text that will be shown: printable and short.
fn clip(text: &str) -> String {
    text.trim().chars().filter(|letter| !letter.is_control()).take(MAX_LABEL).collect()
}
