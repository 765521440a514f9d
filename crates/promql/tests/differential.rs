//! A thousand queries, asked of something and of a real Prometheus over the same series.

use std::cell::Cell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::grammar::{Case, When, case};
use super::oracle::{Comparable, Prometheus};

/// How many queries are made.
const QUERIES: u32 = 1000;
/// At least so many of them have an answer that is neither an error nor empty.
const TELLING: u32 = QUERIES / 2;

/// Asks the same of both. What is an error there has to be one here; every other answer has to be the same. The
/// queries are the same every time, and one that fails is made as small as it still fails.
pub(crate) fn compare(prometheus: &Prometheus, ours: impl Fn(&Case) -> Result<Comparable, String>) {
    let telling = Cell::new(0);
    let config = Config { cases: QUERIES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let outcome = runner.run(&case(), |case| {
        let (ours, theirs) = (ours(&case), prometheus.ask(&case.query, case.when));
        telling.set(telling.get() + u32::from(theirs.as_ref().is_ok_and(|theirs| !theirs.is_empty())));
        disagreement(&case, ours, theirs).map_or(Ok(()), |why| Err(TestCaseError::fail(why)))
    });
    match outcome {
        Ok(()) => assert!(telling.get() >= TELLING, "only {} queries had something to say", telling.get()),
        Err(TestError::Fail(why, case)) => panic!("{}\n{:?}\n{why}", case.query, case.when),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// What is different between our answer and theirs, if something is.
pub(crate) fn disagreement(
    case: &Case,
    ours: Result<Comparable, String>,
    theirs: Result<Comparable, String>,
) -> Option<String> {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let sorted = case.query.starts_with("sort") && matches!(case.when, When::Instant(_));
            ours.difference(&theirs, sorted).map(|difference| format!("ours and theirs: {difference}"))
        }
        (Err(_), Err(_)) => None,
        (Ok(_), Err(theirs)) => Some(format!("only theirs is an error: {theirs}")),
        (Err(ours), Ok(_)) => Some(format!("only ours is an error: {ours}")),
    }
}
