//! Whatever a benchmark prints, a result is a finite rate that somebody vouches for, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use picollect_evaluate::benchmarks::{MAX_OUTCOMES, Verdict, recognise};

fuzz_target!(|output: &str| {
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
});
