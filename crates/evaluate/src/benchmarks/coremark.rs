//! CoreMark: iterations per second, which are its score.
//!
//! Format: `core_main.c` of CoreMark 1.0 (<https://github.com/eembc/coremark>). It checks sums of the known
//! seeds and that it ran for ten seconds. With several threads the rate is of all of them.

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, number, scaled, value_of};

/// One outcome for each run; a validation run (`2K validation run parameters`) is labelled so.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut open: Option<Open> = None;
    for line in lines {
        if let Some(label) = line.text.strip_suffix("run parameters for coremark.") {
            outcomes.extend(open.take().map(|open| open.outcome.judged(Verdict::Interrupted)));
            if outcomes.len() >= MAX_OUTCOMES {
                break;
            }
            let outcome = Outcome::new("CoreMark", &format!("{label}run"), Unit::CoreMark, line.number);
            open = Some(Open { outcome, rated: false, error: None });
        } else if let Some(run) = &mut open {
            if let Some(verdict) = run.take(line) {
                outcomes.extend(open.take().map(|open| open.outcome.judged(verdict)));
            }
        }
    }
    outcomes.extend(open.map(|open| open.outcome.judged(Verdict::Interrupted)));
    outcomes
}

struct Open {
    outcome: Outcome,
    rated: bool,
    error: Option<String>,
}

impl Open {
    /// The verdict, once it is printed.
    fn take(&mut self, line: Line<'_>) -> Option<Verdict> {
        let text = line.text;
        if !self.rated {
            self.outcome.line = line.number;
        }
        if let Some(seconds) = value_of(text, "Total time (secs)") {
            self.outcome.seconds = number(seconds);
        } else if let Some(rate) = value_of(text, "Iterations/Sec") {
            self.outcome.rate = scaled(rate, 1.0);
            self.outcome.core_phase = CorePhase::EndsAtLine;
            self.rated = true;
        } else if let Some((kind, threads)) =
            text.strip_prefix("Parallel ").and_then(|text| text.split_once(':'))
        {
            self.outcome.label = clip(&format!("{}, {} {}", self.outcome.label, threads.trim(), kind.trim()));
        } else if text.contains("ERROR!") {
            self.error.get_or_insert_with(|| clip(text));
        }
        self.verdict(text)
    }

    fn verdict(&mut self, text: &str) -> Option<Verdict> {
        if text.starts_with("Correct operation validated") && self.error.is_none() {
            Some(Verdict::Passed)
        } else if text.starts_with("Errors detected") {
            Some(Verdict::Failed(self.error.take().unwrap_or_else(|| clip(text))))
        } else if text.starts_with("Cannot validate operation") {
            Some(Verdict::Unchecked)
        } else {
            None
        }
    }
}
