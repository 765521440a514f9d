//! What became of the hostile requests, generator by generator and kind by kind.

use std::fmt;

use super::hostile::{Generator, Hostile, Kind};
use super::wire::Outcome;

/// So many wrong outcomes of a generator are shown.
const MAX_EXAMPLES: usize = 3;
/// So much of a request and of its answer is shown.
const SHOWN_BYTES: usize = 400;
/// Come back later: right at any time, and counted apart.
const LATER: [u16; 2] = [429, 503];

/// What became of one generator's requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    tried: u64,
    later: u64,
    /// 200 to 399 where only a refusal was right.
    accepted: u64,
    /// Any other answer that was not right, a 500 above all.
    otherwise: u64,
    /// No answer within a minute, or a hang-up on what was a request.
    silent: u64,
    examples: Vec<String>,
}

impl Tally {
    /// Counts an outcome; `secrets` are texts that no answer may hold.
    pub(super) fn count(&mut self, hostile: &Hostile, outcome: &Outcome, secrets: &[String]) {
        self.tried += 1;
        let wrong = match outcome {
            Outcome::Answered(_, text) if secrets.iter().any(|secret| text.contains(secret)) => {
                self.otherwise += 1;
                true
            }
            Outcome::Answered(status, _) if hostile.right.contains(status) => false,
            Outcome::Answered(status, _) if LATER.contains(status) => {
                self.later += 1;
                false
            }
            Outcome::Answered(200..=399, _) => {
                self.accepted += 1;
                true
            }
            Outcome::Answered(..) => {
                self.otherwise += 1;
                true
            }
            Outcome::Closed if hostile.may_close => false,
            Outcome::Closed | Outcome::Silent => {
                self.silent += 1;
                true
            }
        };
        if wrong && self.examples.len() < MAX_EXAMPLES {
            let request = &hostile.bytes[..hostile.bytes.len().min(SHOWN_BYTES)];
            let outcome: String = format!("{outcome:?}").chars().take(SHOWN_BYTES).collect();
            self.examples.push(format!("{}\n    -> {outcome}", request.escape_ascii()));
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.later += other.later;
        self.accepted += other.accepted;
        self.otherwise += other.otherwise;
        self.silent += other.silent;
        self.examples.extend(other.examples);
        self.examples.truncate(MAX_EXAMPLES);
    }

    fn is_wrong(&self) -> bool {
        self.accepted + self.otherwise + self.silent > 0
    }
}

/// All generators with what became of them.
pub(super) struct Table(pub(super) Vec<(&'static Generator, Tally)>);

impl Table {
    /// What was not refused as it should be, with a few requests to try again; empty if all was.
    pub(super) fn wrong(&self) -> String {
        let wrong = self.0.iter().filter(|(_, tally)| tally.is_wrong()).map(|(generator, tally)| {
            let Tally { tried, accepted, otherwise, silent, examples, .. } = tally;
            format!(
                "{}: of {tried} requests {accepted} were accepted, {otherwise} answered otherwise, {silent} not answered\n  {}\n",
                generator.name,
                examples.join("\n  ")
            )
        });
        wrong.collect()
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str, of: impl Fn(&Generator) -> bool) -> fmt::Result {
        let rows: Vec<_> = self.0.iter().filter(|(generator, _)| of(generator)).collect();
        let sum = |count: fn(&Tally) -> u64| rows.iter().map(|(_, tally)| count(tally)).sum::<u64>();
        let known: u64 =
            rows.iter().filter(|(generator, _)| generator.known).map(|(_, tally)| tally.tried).sum();
        writeln!(
            f,
            "| {name:16} | {:10} | {:8} | {known:8} | {:8} | {:8} | {:8} | {:8} |",
            rows.len(),
            sum(|tally| tally.tried),
            sum(|tally| tally.accepted),
            sum(|tally| tally.otherwise),
            sum(|tally| tally.silent),
            sum(|tally| tally.later),
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<Kind> = self.0.iter().map(|(generator, _)| generator.kind).collect();
        kinds.sort();
        kinds.dedup();
        writeln!(
            f,
            "| kind             | generators | requests | of known | accepted | other    | silent   | later    |"
        )?;
        writeln!(
            f,
            "|------------------|-----------:|---------:|---------:|---------:|---------:|---------:|---------:|"
        )?;
        for kind in kinds {
            self.row(f, kind.name(), |generator| generator.kind == kind)?;
        }
        self.row(f, "all", |_| true)
    }
}
