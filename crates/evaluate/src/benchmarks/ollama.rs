//! ollama: tokens per second, read (prefill) and written (decode), each with its own time.
//!
//! Format: what `ollama run --verbose` prints below an answer (`Summary` in `api/types.go`,
//! <https://github.com/ollama/ollama>), eight lines from `total duration` to `eval rate`; durations as Go
//! writes them. Loading the model is in neither. A prompt that is still in the cache has no prefill.
//! ollama checks nothing.

use jiff::SignedDuration;

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, number, value_of};

const NAME: &str = "ollama";

/// Two outcomes for each answer.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut answer: Option<Generation> = None;
    let mut last_line = 0;
    for line in lines {
        last_line = line.number;
        let text = line.text;
        if value_of(text, "total duration").and_then(seconds).is_some() {
            outcomes.extend(answer.replace(Generation::default()).map(|_| cut(line.number)));
        } else if let Some(open) = &mut answer {
            open.take(line);
            if value_of(text, "eval rate").is_some() {
                outcomes.extend(answer.take().into_iter().flat_map(|answer| answer.outcomes(line.number)));
            }
        }
        if outcomes.len() >= MAX_OUTCOMES {
            return outcomes;
        }
    }
    outcomes.extend(answer.map(|_| cut(last_line)));
    outcomes
}

fn cut(line: usize) -> Outcome {
    Outcome::new(NAME, "", Unit::TokenPerSecond, line)
}

#[derive(Default)]
struct Generation {
    read: Phase,
    written: Phase,
}

/// Tokens that were read, or written.
#[derive(Default, Clone, Copy)]
struct Phase {
    tokens: Option<f64>,
    seconds: Option<f64>,
    line: usize,
}

impl Generation {
    fn take(&mut self, line: Line<'_>) {
        let (part, text) = match line.text.strip_prefix("prompt ") {
            Some(rest) => (&mut self.read, rest),
            None => (&mut self.written, line.text),
        };
        if let Some(tokens) = value_of(text, "eval count") {
            (part.tokens, part.line) = (tokens.strip_suffix(" token(s)").and_then(number), line.number);
        } else if let Some(duration) = value_of(text, "eval duration") {
            part.seconds = seconds(duration);
        }
    }

    /// Writing ended when its figures were printed, which was when reading had ended for as long as writing took.
    fn outcomes(self, line: usize) -> Vec<Outcome> {
        let writing_ms =
            self.written.seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
        let before = writing_ms.and_then(|length| i64::try_from(length.as_millis()).ok());
        let read_until = before.map_or(CorePhase::Unknown, |by_ms| CorePhase::EndsBeforeLine { by_ms });
        let prefill = self.read.outcome("prefill", read_until);
        let decode = self.written.outcome("decode", CorePhase::EndsAtLine);
        prefill.into_iter().chain(decode).map(|outcome| Outcome { line, ..outcome }).collect()
    }
}

impl Phase {
    /// The printed rates are rounded to hundredths; tokens by seconds are not.
    fn outcome(self, what: &str, core_phase: CorePhase) -> Option<Outcome> {
        let (tokens, seconds) = (self.tokens?, self.seconds.filter(|seconds| *seconds > 0.0)?);
        let mut outcome =
            Outcome::new(NAME, &format!("{what} {tokens} tokens"), Unit::TokenPerSecond, self.line);
        outcome.rate = Some(tokens / seconds).filter(|rate| rate.is_finite());
        (outcome.seconds, outcome.core_phase) = (Some(seconds), core_phase);
        Some(outcome.judged(Verdict::Unchecked))
    }
}

/// Seconds of a duration as Go writes it: `1m13.8s`, `97.885315ms`.
fn seconds(text: &str) -> Option<f64> {
    let duration: SignedDuration = text.parse().ok()?;
    Some(duration.as_secs_f64()).filter(|seconds| *seconds >= 0.0)
}
