//! HPL, the High-Performance Linpack: every result line, its residual check, its start and end.
//!
//! Format: `HPL_pdinfo.c` and `HPL_pdtest.c` of HPL 1.0 to 2.3 (<https://www.netlib.org/benchmark/hpl/>).
//! Since 2.1 the lines `HPL_pdgesv() start time` and `end time` follow the result, in local time. HPL 1.0
//! checks three residuals, later ones one. A negative threshold in `HPL.dat` turns the check off.
//!
//! Invariant: a result is `Passed` only if every residual of it is.

use jiff::civil::DateTime;

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, ctime, number, scaled, value_of};

/// Order of the matrix, block size, rows and columns of processes: as in the result, so among the parameters.
const PARAMETERS: [&str; 4] = ["N", "NB", "P", "Q"];
/// Residuals that HPL 1.0 prints for a result.
const RESIDUALS_OF_1_0: usize = 3;

/// One outcome for each result line, and one for a run that was cut before its result.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut reader = Reader::default();
    lines.for_each(|line| reader.take(line));
    reader.outcomes()
}

/// What was read so far of an output.
#[derive(Default)]
pub(super) struct Reader {
    outcomes: Vec<Outcome>,
    /// The result whose check has not ended.
    open: Option<Open>,
    /// The banner was seen and the end was not.
    running: bool,
    /// The run said that it will check its results.
    checks: bool,
    /// `N=…`, `NB=…`, `P=…`, `Q=…` as they were asked for.
    planned: Vec<String>,
    last_line: usize,
}

struct Open {
    outcome: Outcome,
    start: Option<DateTime>,
    passed: usize,
    wanted: usize,
    failed: Option<String>,
}

impl Reader {
    pub(super) fn take(&mut self, line: Line<'_>) {
        let text = line.text;
        if text.starts_with("HPLinpack ") {
            self.end_of_run();
            (self.running, self.checks) = (true, false);
        } else if text == "End of Tests." {
            self.close(false);
            self.running = false;
        } else if text.starts_with("====") {
            self.close(true);
        } else if text.contains("scaled residual check") {
            self.checks = true;
        } else if let Some(outcome) = result(line) {
            self.close(false);
            self.open = Some(Open { outcome, start: None, passed: 0, wanted: 1, failed: None });
        } else if let Some(open) = &mut self.open {
            open.take(text);
        } else if self.running && self.planned.len() < PARAMETERS.len() {
            self.planned.extend(planned(text));
        }
        self.last_line = line.number;
    }

    pub(super) fn outcomes(mut self) -> Vec<Outcome> {
        self.end_of_run();
        self.outcomes
    }

    /// `ruled`: the rule that follows each result was seen, so that no check will follow. If one was announced, its line
    /// was lost, to other output in the middle of it for example, and nothing is known.
    fn close(&mut self, ruled: bool) {
        let Some(open) = self.open.take() else { return };
        let verdict = match open.failed {
            Some(reason) => Verdict::Failed(reason),
            None if open.passed >= open.wanted => Verdict::Passed,
            None if ruled && open.passed == 0 && !self.checks => Verdict::Unchecked,
            None => Verdict::Interrupted,
        };
        if self.outcomes.len() < MAX_OUTCOMES {
            self.outcomes.push(open.outcome.judged(verdict));
        }
    }

    fn end_of_run(&mut self) {
        let before = self.outcomes.len();
        self.close(false);
        let cut = self.outcomes[before..].iter().any(|outcome| outcome.verdict == Verdict::Interrupted);
        if self.running && !cut && self.outcomes.len() < MAX_OUTCOMES {
            let label = self.planned.join(" ");
            self.outcomes.push(Outcome::new("HPL", &label, Unit::FlopPerSecond, self.last_line));
        }
        self.running = false;
        self.planned.clear();
    }
}

impl Open {
    fn take(&mut self, text: &str) {
        if let Some(time) = text.strip_prefix("HPL_pdgesv() start time") {
            self.start = ctime::parse(time);
        } else if let Some(time) = text.strip_prefix("HPL_pdgesv() end time") {
            if let (Some(start), Some(end)) = (self.start, ctime::parse(time)) {
                self.outcome.core_phase = CorePhase::Stated { start, end };
            }
        } else if text.starts_with("||Ax-b||_oo") {
            self.residual(text);
        }
    }

    fn residual(&mut self, text: &str) {
        let Some((formula, verdict)) = text.rsplit_once("......") else { return };
        match verdict.trim() {
            "PASSED" => self.passed += 1,
            "FAILED" => self.failed = Some(clip(&format!("residual check: {text}"))),
            _ => return,
        }
        let since_2_0 = formula.contains("+||b||_oo)") || formula.contains("+ || b ||_oo");
        self.wanted = if since_2_0 { 1 } else { RESIDUALS_OF_1_0 };
    }
}

/// `WR11C2R4  10000  128  1  2  5.10  1.3068e+02`: variant, N, NB, P, Q, seconds, GFLOPS. NVIDIA's HPL has
/// the rate per GPU behind it.
fn result(line: Line<'_>) -> Option<Outcome> {
    let mut words = line.text.split_whitespace();
    let variant = words.next().filter(|word| word.starts_with('W') && word.len() <= 16)?;
    let mut label = variant.to_owned();
    for name in PARAMETERS {
        let value: u64 = words.next()?.parse().ok()?;
        label.push_str(&format!(" {name}={value}"));
    }
    let (time, gflops) = (words.next()?, words.next()?);
    // A rate that is not finite still stands for a result, whose check decides.
    let _: f64 = gflops.parse().ok()?;
    let mut outcome = Outcome::new("HPL", &label, Unit::FlopPerSecond, line.number);
    outcome.rate = scaled(gflops, 1e9);
    outcome.seconds = number(time);
    outcome.core_phase = CorePhase::EndsAtLine;
    Some(outcome)
}

/// `N      :    2000     6000` among the parameters; in the explanation above them words follow.
fn planned(text: &str) -> Option<String> {
    let (name, value) =
        ["N", "NB", "P", "Q"].into_iter().find_map(|name| value_of(text, name).map(|value| (name, value)))?;
    let numbers = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || c == ' ');
    let values: Vec<&str> = value.split_whitespace().collect();
    numbers.then(|| clip(&format!("{name}={}", values.join(","))))
}
