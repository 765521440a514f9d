//! STREAM: the best rate of each kernel.
//!
//! Format: `stream.c` 5.0 to 5.10 (<https://www.cs.virginia.edu/stream/>). A MB is 10⁶ bytes. The rates are of
//! the best of ten rounds, so that no stretch of time belongs to one of them.

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, scaled, value_of};

const KERNELS: [&str; 4] = ["Copy", "Scale", "Add", "Triad"];

/// One outcome for each kernel, in the order in which they are printed; `Triad` is the one that is quoted.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut reader = Reader::default();
    for line in lines {
        reader.take(line);
        reader.last_line = line.number;
    }
    reader.close(Verdict::Interrupted);
    reader.outcomes
}

#[derive(Default)]
struct Reader {
    outcomes: Vec<Outcome>,
    /// Kernels whose validation has not come yet.
    table: Vec<Outcome>,
    in_table: bool,
    /// The table is complete.
    ruled: bool,
    running: bool,
    elements: String,
    threads: String,
    failure: Option<String>,
    last_line: usize,
}

impl Reader {
    fn take(&mut self, line: Line<'_>) {
        let text = line.text;
        if text.starts_with("STREAM version") {
            self.close(Verdict::Interrupted);
            self.running = true;
        } else if let Some(elements) = value_of(text, "Array size") {
            self.elements = first_number(elements);
        } else if let Some(threads) = value_of(text, "Number of Threads counted") {
            self.threads = first_number(threads);
        } else if text.starts_with("Function") && text.contains("MB/s") {
            self.in_table = true;
        } else if self.in_table {
            self.row(line);
        }
    }

    fn row(&mut self, line: Line<'_>) {
        let text = line.text;
        let kernel = KERNELS.into_iter().find_map(|kernel| Some((kernel, value_of(text, kernel)?)));
        if let Some((kernel, values)) = kernel {
            if self.table.len() < KERNELS.len() {
                let label = format!(
                    "{kernel}{}{}",
                    labelled(" n=", &self.elements),
                    labelled(" threads=", &self.threads)
                );
                let mut outcome = Outcome::new("STREAM", &label, Unit::BytePerSecond, line.number);
                outcome.rate = scaled(values, 1e6);
                outcome.core_phase = CorePhase::Scattered;
                self.table.push(outcome);
            }
        } else if text.starts_with("Solution Validates") && self.failure.is_none() {
            self.close(Verdict::Passed);
        } else if text.starts_with("Failed Validation") {
            self.failure.get_or_insert_with(|| clip(text));
        } else if text.starts_with("----") {
            self.ruled = true;
        }
    }

    /// Ends a run with this verdict unless a failure was printed, or the table is complete and nothing
    /// was said about it, which is how versions without validation end.
    fn close(&mut self, verdict: Verdict) {
        let verdict = match (self.failure.take(), verdict) {
            (Some(reason), _) => Verdict::Failed(reason),
            (None, Verdict::Interrupted) if self.ruled => Verdict::Unchecked,
            (None, verdict) => verdict,
        };
        if self.running && self.table.is_empty() {
            self.table.push(Outcome::new("STREAM", "", Unit::BytePerSecond, self.last_line));
        }
        if self.outcomes.len() < MAX_OUTCOMES {
            let judged = self.table.drain(..).map(|outcome| outcome.judged(verdict.clone()));
            self.outcomes.extend(judged);
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        *self = Self { outcomes, ..Self::default() };
    }
}

fn first_number(text: &str) -> String {
    text.chars().take_while(char::is_ascii_digit).take(20).collect()
}

fn labelled(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{name}{value}") }
}
