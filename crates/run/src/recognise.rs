//! From a command's output to its results, each placed in time.

use picollect_evaluate::benchmarks::core_phase::Placed;
use picollect_evaluate::benchmarks::placement::{self, Timed, Unplaced};
use picollect_evaluate::benchmarks::{self, Outcome, Pattern, Unit};

use super::arrivals::Arrivals;
use picollect_analysis::runs::{Check, Core, End, RunResult, TimeRange};

/// How the work of a run becomes known.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// From the output of a benchmark that we know.
    Benchmark,
    /// From lines that match.
    Pattern(Box<Pattern>),
    /// From the user: so much over the whole run.
    Given {
        /// In `unit` without "per second".
        amount: f64,
        /// What it is by second.
        unit: Unit,
    },
}

/// A text that may hold results.
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    /// When; `None` if nobody saw it coming.
    pub(super) arrivals: Option<Arrivals>,
}

impl Work {
    /// Every result of a run. Of several outputs the first that holds any counts: a program that writes a
    /// file and echoes it was not run twice.
    pub(super) fn results(&self, outputs: &[Output], time: TimeRange, end: End) -> Vec<RunResult> {
        match self {
            Self::Given { amount, unit } => given(*amount, unit, time, end),
            Self::Benchmark => first_of(outputs, time, benchmarks::recognise),
            Self::Pattern(pattern) => first_of(outputs, time, |text| pattern.read(text)),
        }
    }
}

fn first_of(outputs: &[Output], time: TimeRange, read: impl Fn(&str) -> Vec<Outcome>) -> Vec<RunResult> {
    let results = outputs.iter().map(|output| {
        let outcomes = read(&String::from_utf8_lossy(&output.bytes));
        let arrived = |line| output.arrivals.as_ref().and_then(|them| them.of_line(&output.bytes, line));
        let timed: Vec<_> =
            outcomes.iter().map(|outcome| Timed { outcome, arrival_ms: arrived(outcome.line) }).collect();
        results(&outcomes, &placement::within(time.into(), &timed).results)
    });
    results.into_iter().find(|results| !results.is_empty()).unwrap_or_default()
}

/// Each outcome with its place, or with why it has none. What is said of all of them is said once.
pub(super) fn results(outcomes: &[Outcome], whereabouts: &[Result<Placed, Unplaced>]) -> Vec<RunResult> {
    let mut said: Option<Unplaced> = None;
    let with_place = outcomes.iter().zip(whereabouts);
    let result = |(outcome, place): (&Outcome, &Result<Placed, Unplaced>)| {
        let placed = place.as_ref().ok();
        let core = placed.map(|placed| Core { time: placed.window.into(), edge_s: placed.edge_s });
        let mut result = RunResult::new(outcome, core);
        let more = match place {
            Ok(placed) => (placed.skew_s > 0.0).then(|| skewed(placed)),
            Err(Unplaced::NotTold) => None,
            Err(why) if said.as_ref() == Some(why) => None,
            Err(why) => {
                said = Some(why.clone());
                Some(format!("when it computed is not known: {why}"))
            }
        };
        result.reason = result.reason.or(more);
        result
    };
    with_place.map(result).collect()
}

fn skewed(placed: &Placed) -> String {
    format!(
        "its ranks were apart by {:.1} s at least, so that the core phase is known to {:.1} s only",
        placed.skew_s, placed.edge_s
    )
}

/// Work that was told is done only by a command that succeeded.
fn given(amount: f64, unit: &Unit, time: TimeRange, end: End) -> Vec<RunResult> {
    let seconds = (time.end_ms - time.start_ms) as f64 / 1000.0;
    let done = end == End::Exit(0) && seconds > 0.0;
    vec![RunResult {
        benchmark: "given work".to_owned(),
        label: format!("{amount:e} {}", unit.name().trim_end_matches("/s")),
        rate: done.then(|| amount / seconds),
        unit: unit.name().to_owned(),
        seconds: Some(seconds),
        check: if done { Check::Unchecked } else { Check::Interrupted },
        reason: None,
        core: done.then_some(Core { time, edge_s: 0.0 }),
    }]
}

/// Reads `2.5e12FLOP`, `3TFLOP` or `1000 requests`.
pub(super) fn parse_work(text: &str) -> Result<Work, String> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]).rev();
    let number =
        |end: usize| text[..end].trim().parse::<f64>().ok().map(|amount| (amount, text[end..].trim()));
    let (amount, unit) = ends.into_iter().find_map(number).ok_or("it does not begin with a number")?;
    if unit.is_empty() {
        return Err("say what is counted, such as 2.5e12FLOP".to_owned());
    }
    let (unit, scale) = Unit::parse(&format!("{unit}/s"));
    let amount = amount * scale;
    if !amount.is_finite() || amount <= 0.0 {
        return Err("the work has to be more than nothing, and finite".to_owned());
    }
    Ok(Work::Given { amount, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_a_number_and_what_it_counts() {
        let parsed = |text| match parse_work(text) {
            Ok(Work::Given { amount, unit }) => Ok((amount, unit.name().to_owned())),
            Ok(_) => unreachable!("only given work is parsed"),
            Err(error) => Err(error),
        };
        assert_eq!(parsed("2.5e12FLOP"), Ok((2.5e12, "FLOPS".into())));
        assert_eq!(parsed("3 TFLOP"), Ok((3e12, "FLOPS".into())));
        assert_eq!(parsed("5Events"), Ok((5.0, "Events/s".into())));
        assert_eq!(parsed("1000 requests"), Ok((1000.0, "requests/s".into())));
        for wrong in ["FLOP", "12", "-1FLOP", "0FLOP", "infFLOP", ""] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranks_that_were_apart_are_said_and_have_a_core_phase() {
        let text = include_str!("../../../tests/benchmark-outputs/hpl-2.3-ranks-apart.txt");
        // From 21:11:11 on, two hours east of Greenwich.
        let start_ms = 1_713_899_471_000;
        let time = TimeRange { start_ms, end_ms: start_ms + 9_200_000 };
        let outputs = [Output { bytes: text.as_bytes().to_vec(), arrivals: None }];
        let result = &Work::Benchmark.results(&outputs, time, End::Exit(0))[0];
        let core = result.core.expect("it is placed");
        assert_eq!(core.time.end_ms - core.time.start_ms, 9_001_370);
        let said = "its ranks were apart by 0.3 s at least, so that the core phase is known to 1.2 s only";
        assert_eq!((result.reason.as_deref(), result.rate), (Some(said), Some(127.98e9)));
    }

    #[test]
    fn the_first_output_with_results_counts_and_a_failed_command_did_no_given_work() {
        let time = TimeRange { start_ms: 0, end_ms: 10_000 };
        let output = |text: &str| Output { bytes: text.as_bytes().to_vec(), arrivals: None };
        let pattern = Pattern::new("(?<value>[0-9]+) ops", "ops/s").unwrap();
        let work = Work::Pattern(Box::new(pattern));
        let outputs = [output("nothing\n"), output("5 ops\n6 ops\n"), output("7 ops\n")];
        let rates: Vec<_> = work.results(&outputs, time, End::Exit(0)).iter().map(|it| it.rate).collect();
        assert_eq!(rates, [Some(5.0), Some(6.0)]);

        let work = parse_work("20FLOP").unwrap();
        assert_eq!(work.results(&[], time, End::Exit(0))[0].rate, Some(2.0));
        assert_eq!(work.results(&[], time, End::Signal(9))[0].rate, None);
    }
}
