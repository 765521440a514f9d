//! A user's own benchmark: a regular expression with a group `value`, and the unit of what it finds.

use regex_lite::{Regex, RegexBuilder};

use super::{CorePhase, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, number};

/// Memory of the compiled expression in bytes, which also bounds the time spent on each byte of output.
const MAX_PATTERN_BYTES: usize = 64 << 10;

/// How to find a rate in an output that no parser knows.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    unit: Unit,
    scale: f64,
}

/// A pattern or its unit cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression, or too large a one.
    #[error("the pattern is not a regular expression")]
    Syntax(#[from] regex_lite::Error),
    /// Nothing says which part of the match is the rate.
    #[error("the pattern has no group `value`; write (?<value>[0-9.]+) around the number")]
    NoValue,
    /// The unit has no name.
    #[error("the unit is empty; name what is counted, for example requests/s")]
    NoUnit,
}

impl Pattern {
    /// The expression has a group named `value` around the rate and may have one named `seconds` around
    /// the duration. `unit` is any name, or one that [`Unit::parse`] knows. Refused are what is no regular
    /// expression, one that compiles to more than 64 KiB, one without the group `value`, and a unit
    /// without a name.
    pub fn new(pattern: &str, unit: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build()?;
        if !regex.capture_names().any(|name| name == Some("value")) {
            return Err(PatternError::NoValue);
        }
        let (unit, scale) = Unit::parse(unit);
        if unit.name().is_empty() {
            return Err(PatternError::NoUnit);
        }
        Ok(Self { regex, unit, scale })
    }

    /// One outcome for each line that matches with a number, at most [`MAX_OUTCOMES`]. None is checked.
    /// Here the last line counts even if nothing ends it.
    pub fn read(&self, output: &str) -> Vec<Outcome> {
        let found = output.lines().zip(1..).filter_map(|(text, line)| self.line(text, line));
        found.take(MAX_OUTCOMES).collect()
    }

    fn line(&self, text: &str, line: usize) -> Option<Outcome> {
        let found = self.regex.captures(text)?;
        let rate = number(found.name("value")?.as_str().trim())? * self.scale;
        let mut outcome = Outcome::new("pattern", &clip(text), self.unit.clone(), line);
        outcome.rate = Some(rate).filter(|rate| rate.is_finite());
        outcome.seconds = found.name("seconds").and_then(|seconds| number(seconds.as_str().trim()));
        if outcome.seconds.is_some() {
            outcome.core_phase = CorePhase::EndsAtLine;
        }
        Some(outcome.judged(Verdict::Unchecked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_matching_line_gives_its_value_in_the_unit() {
        let pattern = Pattern::new(r"(?<value>[0-9.]+) MB/s in (?<seconds>[0-9.]+)", "MB/s").unwrap();
        let found = pattern.read("nothing\ncopied: 12.5 MB/s in 3.2 s\n. MB/s in 1\n7 MB/s in 1");
        let figures: Vec<_> = found.iter().map(|it| (it.line, it.rate, it.seconds)).collect();
        assert_eq!(figures, [(2, Some(12.5e6), Some(3.2)), (4, Some(7e6), Some(1.0))]);
        assert_eq!((&found[0].verdict, found[0].core_phase), (&Verdict::Unchecked, CorePhase::EndsAtLine));
        assert_eq!(found[0].unit, Unit::BytePerSecond);
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        assert!(matches!(Pattern::new("(", "x/s"), Err(PatternError::Syntax(_))));
        assert!(matches!(Pattern::new("a{60000}(?<value>x)", "x/s"), Err(PatternError::Syntax(_))));
        assert!(matches!(Pattern::new("[0-9]+", "x/s"), Err(PatternError::NoValue)));
        assert!(matches!(Pattern::new("(?<value>1)", " "), Err(PatternError::NoUnit)));
    }
}
