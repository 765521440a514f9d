//! HPL, the High-Performance Linpack: every result line, its residual check, its start and end.
//!
//! Format: `HPL_pdinfo.c` and `HPL_pdtest.c` of HPL 1.0 to 2.3 (<https://www.netlib.org/benchmark/hpl/>).
//! Since 2.1 the lines `HPL_pdgesv() start time` and `end time` follow the result, in local time. HPL 1.0
//! checks three residuals, later ones one. A negative threshold in `HPL.dat` turns the check off. A test that
//! it cannot do it skips, and says why between `>>>` and `<<<` (`HPL_pwarn.c`).
//!
//! HPL-AI, now HPL-MxP, grew out of it and prints the same with `HPLAI_` before its stamps. It is another
//! benchmark with another unit.
//!
//! Invariant: a result is `Passed` only if every residual of it is.

use jiff::civil::DateTime;

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, ctime, number, scaled, value_of};

/// Order of the matrix, block size, rows and columns of processes: as in the result, so among the parameters.
const PARAMETERS: [&str; 4] = ["N", "NB", "P", "Q"];
/// Residuals that HPL 1.0 prints for a result.
const RESIDUALS_OF_1_0: usize = 3;
/// The name of the mixed-precision benchmark since 2022, whatever its output calls it.
pub(super) const MIXED: &str = "HPL-MxP";
/// What precedes a warning of HPL.
const ERROR: &str = "HPL ERROR from process #";

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
    stage: Stage,
    program: Program,
    /// The line before announced what is wrong.
    warned: bool,
    /// The run said that it will check its results.
    checks: bool,
    /// `N=…`, `NB=…`, `P=…`, `Q=…` as they were asked for.
    planned: Vec<String>,
    last_line: usize,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No banner was seen, or the end was.
    #[default]
    Outside,
    Running,
    /// It said why it does not begin.
    GaveUp,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Program {
    #[default]
    Hpl,
    Mixed,
}

impl Program {
    fn name_and_unit(self) -> (&'static str, Unit) {
        match self {
            Self::Hpl => ("HPL", Unit::FlopPerSecond),
            Self::Mixed => (MIXED, Unit::MixedFlopPerSecond),
        }
    }
}

struct Open {
    outcome: Outcome,
    /// By the banner or, where that is missing, by its stamps.
    program: Program,
    start: Option<DateTime>,
    passed: usize,
    wanted: usize,
    failed: Option<String>,
}

impl Reader {
    pub(super) fn take(&mut self, line: Line<'_>) {
        let text = line.text;
        let warned = std::mem::take(&mut self.warned);
        if let Some(program) = banner(text) {
            self.end_of_run();
            (self.stage, self.checks, self.program) = (Stage::Running, false, program);
        } else if text.starts_with(ERROR) {
            self.warned = true;
        } else if warned {
            self.skipped(line);
        } else if text == "End of Tests." {
            self.close(false);
            self.stage = Stage::Outside;
        } else if text.starts_with("====") {
            self.close(true);
        } else if text.contains("scaled residual check") {
            self.checks = true;
        } else if let Some(outcome) = result(line) {
            self.close(false);
            self.open = Some(Open {
                outcome,
                program: self.program,
                start: None,
                passed: 0,
                wanted: 1,
                failed: None,
            });
        } else if self.stage == Stage::Running
            && is_variant(text.split_whitespace().next().unwrap_or_default())
        {
            // A row that other output broke into: it stood for a result, whose check may still come.
            self.close(false);
            self.push(self.outcome(text, line.number));
        } else if let Some(open) = &mut self.open {
            open.take(text);
        } else if self.stage == Stage::Running && self.planned.len() < PARAMETERS.len() {
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
        let (benchmark, unit) = open.program.name_and_unit();
        self.push(Outcome { benchmark, unit, ..open.outcome }.judged(verdict));
    }

    fn push(&mut self, outcome: Outcome) {
        if self.outcomes.len() < MAX_OUTCOMES {
            self.outcomes.push(outcome);
        }
    }

    /// An outcome without a rate.
    fn outcome(&self, label: &str, line: usize) -> Outcome {
        let (benchmark, unit) = self.program.name_and_unit();
        Outcome::new(benchmark, label, unit, line)
    }

    /// `>>> [0,0] Memory allocation failed for A, x and b. Skip. <<<`, or why the whole run does not begin.
    fn skipped(&mut self, line: Line<'_>) {
        let said = line.text.strip_prefix(">>>").and_then(|text| text.strip_suffix("<<<"));
        let Some(said) = said.map(str::trim) else { return };
        let (_, said) = said.strip_prefix('[').and_then(|text| text.split_once(']')).unwrap_or(("", said));
        let said = said.trim();
        // It stands below each reason.
        if said.starts_with("Illegal input in file") && self.stage == Stage::GaveUp {
            return;
        }
        self.close(false);
        let skips = said.ends_with("Skip.");
        let reason = if skips {
            format!("skipped: {}", said.trim_end_matches("Skip.").trim())
        } else {
            said.to_owned()
        };
        let outcome = self.outcome(&self.planned.join(" "), line.number);
        self.push(outcome.judged(Verdict::Failed(clip(&reason))));
        if !skips {
            self.stage = Stage::GaveUp;
        }
    }

    fn end_of_run(&mut self) {
        let before = self.outcomes.len();
        self.close(false);
        let cut = self.outcomes[before..].iter().any(|outcome| outcome.verdict == Verdict::Interrupted);
        if self.stage == Stage::Running && !cut && self.outcomes.len() < MAX_OUTCOMES {
            self.push(self.outcome(&self.planned.join(" "), self.last_line));
        }
        self.stage = Stage::Outside;
        self.planned.clear();
    }
}

impl Open {
    fn take(&mut self, text: &str) {
        let text = match text.strip_prefix("HPLAI_") {
            Some(stamp) => {
                self.program = Program::Mixed;
                stamp
            }
            None => text.strip_prefix("HPL_").unwrap_or(text),
        };
        if let Some(time) = text.strip_prefix("pdgesv() start time") {
            self.start = ctime::parse(time);
        } else if let Some(time) = text.strip_prefix("pdgesv() end time") {
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
    let variant = words.next().filter(|word| is_variant(word))?;
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

fn banner(text: &str) -> Option<Program> {
    let mixed = text.starts_with("HPL-AI ") || text.starts_with("HPL-MxP");
    if mixed { Some(Program::Mixed) } else { text.starts_with("HPLinpack ").then_some(Program::Hpl) }
}

/// `WR11C2R4`: wall time, row- or column-major, depth, and more that versions add. NVIDIA's is `WC0`.
fn is_variant(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next() == Some('W')
        && letters.next().is_some_and(|letter| "RC".contains(letter))
        && letters.next().is_some_and(|letter| letter.is_ascii_digit())
        && word.len() <= 16
}

/// `N      :    2000     6000` among the parameters; in the explanation above them words follow.
fn planned(text: &str) -> Option<String> {
    let (name, value) =
        ["N", "NB", "P", "Q"].into_iter().find_map(|name| value_of(text, name).map(|value| (name, value)))?;
    let numbers = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || c == ' ');
    let values: Vec<&str> = value.split_whitespace().collect();
    numbers.then(|| clip(&format!("{name}={}", values.join(","))))
}
