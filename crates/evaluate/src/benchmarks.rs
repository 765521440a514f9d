//! What benchmarks print: rates, durations, verdicts, and where in the output they stand.
//!
//! A file in `benchmarks/` for each program, which names the source of its format. Every parser goes
//! once over the lines, takes what it knows and skips the rest, so that versions may differ.
//!
//! Invariant: a failed or interrupted run never has a rate, and only complete lines count, so that an
//! output that was cut never says more than the whole one.

pub mod core_phase;
mod coremark;
mod ctime;
mod graph500;
mod hpcc;
mod hpcg;
mod hpl;
mod pattern;
mod picollect_bench;
mod stream;
mod sysbench;
mod unit;

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
    /// It checked and found it wrong, in its own words.
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
/// therefore asked first.
pub fn recognise(output: &str) -> Vec<Outcome> {
    let mut outcomes = hpcc::read(lines(output));
    if !outcomes.is_empty() {
        outcomes.truncate(MAX_OUTCOMES);
        return outcomes;
    }
    outcomes.extend(hpl::read(lines(output)));
    outcomes.extend(hpcg::read(lines(output)));
    outcomes.extend(stream::read(lines(output)));
    outcomes.extend(coremark::read(lines(output)));
    outcomes.extend(graph500::read(lines(output)));
    outcomes.extend(sysbench::read(lines(output)));
    outcomes.extend(picollect_bench::read(lines(output)));
    outcomes.sort_by_key(|outcome| outcome.line);
    outcomes.truncate(MAX_OUTCOMES);
    outcomes
}

/// A complete line of the output.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// In the whole output, from 1.
    number: usize,
    /// Without blanks at its ends and without `mpirun --tag-output`'s tag.
    text: &'a str,
}

/// The complete lines; what follows the last end of line may have been cut inside a number.
fn lines(output: &str) -> impl Iterator<Item = Line<'_>> {
    let complete = output.rfind('\n').map_or("", |end| &output[..end]);
    complete.lines().zip(1..).map(|(text, number)| Line { number, text: untagged(text).trim() })
}

/// Open MPI writes `[1,0]<stdout>:` before each line if asked for tags.
fn untagged(line: &str) -> &str {
    let tagged = line.starts_with('[').then(|| line.split_once("<stdout>:")).flatten();
    tagged.map_or(line, |(_, text)| text)
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
