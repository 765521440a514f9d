//! sysbench: events per second of any of its tests, MiB/s of its memory test.
//!
//! Format: `sb_timer`'s and the tests' reports of sysbench 0.4 to 1.1 (<https://github.com/akopytov/sysbench>).
//! Where no rate is printed (0.4, and the `threads` and `mutex` tests) it is events by seconds. sysbench checks
//! no result.

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, number, scaled, value_of};

const MIB: f64 = 1_048_576.0;

/// One outcome for each run of sysbench.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut open: Option<Open> = None;
    for line in lines {
        let version = line.text.strip_prefix("sysbench ").map(|rest| rest.trim_start_matches('v'));
        if version.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            outcomes.extend(open.take().map(Open::close));
            if outcomes.len() >= MAX_OUTCOMES {
                return outcomes;
            }
            open = Some(Open::new(line.number));
        } else if let Some(run) = &mut open {
            run.take(line);
        }
    }
    outcomes.extend(open.map(Open::close));
    outcomes
}

struct Open {
    outcome: Outcome,
    events: Option<f64>,
    fatal: Option<String>,
}

impl Open {
    fn new(line: usize) -> Self {
        let outcome = Outcome::new("sysbench", "", Unit::EventPerSecond, line);
        Self { outcome, events: None, fatal: None }
    }

    fn take(&mut self, line: Line<'_>) {
        let text = line.text;
        if let Some(threads) = value_of(text, "Number of threads") {
            self.outcome.label = clip(&format!("threads={threads}"));
        } else if let Some(rate) = value_of(text, "events per second") {
            self.rated(scaled(rate, 1.0), line.number);
        } else if let Some(rate) = value_of(text, "events/s (eps)") {
            // Of every test of 1.1; the test's own figure stands above it.
            if self.outcome.rate.is_none() {
                self.rated(scaled(rate, 1.0), line.number);
            }
        } else if let Some((_, rate)) = text.split_once("MiB transferred (") {
            self.outcome.unit = Unit::BytePerSecond;
            self.rated(scaled(rate, MIB), line.number);
        } else if let Some(time) = value_of(text, "total time").or_else(|| value_of(text, "time elapsed")) {
            self.outcome.seconds = number(time.trim_end_matches('s'));
        } else if let Some(events) = value_of(text, "total number of events") {
            self.events = number(events);
        } else if text.starts_with("FATAL:") {
            self.fatal.get_or_insert_with(|| clip(text));
        }
        if self.outcome.rate.is_none() {
            self.outcome.line = line.number;
        }
    }

    fn rated(&mut self, rate: Option<f64>, line: usize) {
        self.outcome.rate = rate;
        self.outcome.line = line;
    }

    fn close(mut self) -> Outcome {
        if let Some(reason) = self.fatal {
            return self.outcome.judged(Verdict::Failed(reason));
        }
        let Some(seconds) = self.outcome.seconds else { return self.outcome.judged(Verdict::Interrupted) };
        let counted = self.events.filter(|_| self.outcome.unit == Unit::EventPerSecond);
        let by_events = counted.map(|events| events / seconds).filter(|rate| rate.is_finite());
        self.outcome.rate = self.outcome.rate.or(by_events);
        self.outcome.core_phase = CorePhase::EndsAtLine;
        let verdict = if self.outcome.rate.is_some() { Verdict::Unchecked } else { Verdict::Interrupted };
        self.outcome.judged(verdict)
    }
}
