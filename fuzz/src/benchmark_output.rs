//! Whatever a benchmark prints, a result is a finite rate that somebody vouches for, or none.

use crate::text_of;
use picollect_evaluate::benchmarks::{MAX_OUTCOMES, Verdict, recognise};

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let output = text_of(input);
    let outcomes = recognise(output);
    let lines = output.lines().count();
    assert!(outcomes.len() <= MAX_OUTCOMES);
    for outcome in &outcomes {
        let kept = matches!(outcome.verdict, Verdict::Passed | Verdict::Unchecked);
        assert!(kept || outcome.rate.is_none(), "{outcome:?}");
        for value in [outcome.rate, outcome.seconds].into_iter().flatten() {
            assert!(value.is_finite() && value >= 0.0, "{outcome:?}");
        }
        assert!((1..=lines).contains(&outcome.line), "{outcome:?}");
    }
}
