//! HPCG: the rating of its report.
//!
//! Format: `ReportResults.cpp` of HPCG 2.4 to 3.1 (<https://www.hpcg-benchmark.org>). 3.1 writes
//! `Section::Key=value`, older ones YAML with the section above and `Key: value` indented. The rating is
//! printed only if every check of the run passed.

use super::{CorePhase, Line, Outcome, Unit, Verdict, clip, number};

/// From this length on a result is official, in seconds.
const OFFICIAL_S: f64 = 1800.0;

/// One outcome for each report; an interrupted one for a report without its summary.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut seconds = None;
    let mut in_times = false;
    let (mut begun, mut last) = (false, 0);
    for line in lines {
        last = line.number;
        begun |= line.text.starts_with("HPCG-Benchmark");
        if line.text.starts_with("Benchmark Time Summary") {
            in_times = true;
        } else if line.text.starts_with("Floating Point Operations Summary") {
            in_times = false;
        }
        if in_times {
            seconds = pair(line.text, "Total").and_then(number).or(seconds);
        }
        if let Some(outcome) = result(line, seconds) {
            outcomes.push(outcome);
            (seconds, begun) = (None, false);
        }
    }
    if begun {
        outcomes.push(Outcome::new("HPCG", "", Unit::FlopPerSecond, last));
    }
    outcomes
}

/// The value of a key, whatever its section.
fn pair<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let inner = text.rsplit_once("::").map_or(text, |(_, inner)| inner);
    super::value_of(inner, key)
}

fn result(line: Line<'_>, seconds: Option<f64>) -> Option<Outcome> {
    let (_, result) = line.text.split_once("HPCG result is")?;
    let result = result.trim_start_matches(['=', ':', ' ']);
    let official =
        if seconds.is_some_and(|seconds| seconds < OFFICIAL_S) { "too short to be official" } else { "" };
    let mut outcome = Outcome::new("HPCG", official, Unit::FlopPerSecond, line.number);
    outcome.seconds = seconds;
    outcome.core_phase = CorePhase::EndsAtLine;
    if result.starts_with("INVALID") {
        return Some(outcome.judged(Verdict::Failed(clip(line.text))));
    }
    let (_, rating) = result.strip_prefix("VALID")?.split_once("rating of")?;
    outcome.rate = super::scaled(rating.trim_start_matches(['=', ':', ' ']), 1e9);
    Some(outcome.judged(Verdict::Passed))
}
