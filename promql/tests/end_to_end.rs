//! A thousand queries, asked of the evaluator and of a real Prometheus over the same series.

use picollect_promql::{Answer, Context, Error, Limits, Query, Times};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::data::{Memory, all, open_metrics};
use crate::grammar::{Case, When, case};
use crate::oracle::{Comparable, Prometheus};

/// How many queries are made.
const QUERIES: u32 = 1000;
/// At least so many of them have an answer that is neither an error nor empty.
const TELLING: u32 = QUERIES / 2;

pub(crate) fn ours(source: &Memory, case: &Case) -> Result<Answer, Error> {
    let context = Context {
        source,
        limits: Limits { steps: 11_000, series: 10_000, samples: 10_000_000, memory_bytes: 1 << 30 },
        subquery_step_ms: 60_000,
        out_of_time: &|| false,
    };
    let query = Query::parse(&case.query)?;
    match case.when {
        When::Instant(t_ms) => query.instant(&context, t_ms),
        When::Range(start_ms, end_ms, step_ms) => query.range(&context, Times { start_ms, end_ms, step_ms }),
    }
}

#[test]
fn a_thousand_queries_have_prometheus_answers() {
    let source = Memory(all());
    let prometheus = Prometheus::with(&open_metrics(&source.0));
    let telling = std::cell::Cell::new(0);
    let config = Config { cases: QUERIES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let outcome = runner.run(&case(), |case| {
        let t_ms = match case.when {
            When::Instant(t_ms) | When::Range(t_ms, ..) => t_ms,
        };
        let ours = ours(&source, &case).map(|answer| Comparable::of(&answer, t_ms));
        let theirs = prometheus.ask(&case.query, case.when);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                telling.set(telling.get() + u32::from(!theirs.is_empty()));
                let sorted = case.query.starts_with("sort") && matches!(case.when, When::Instant(_));
                ours.difference(&theirs, sorted).map_or(Ok(()), |difference| {
                    Err(TestCaseError::fail(format!("ours and theirs: {difference}")))
                })
            }
            (Err(_), Err(_)) => Ok(()),
            (Ok(_), Err(theirs)) => Err(TestCaseError::fail(format!("only theirs is an error: {theirs}"))),
            (Err(ours), Ok(_)) => Err(TestCaseError::fail(format!("only ours is an error: {ours}"))),
        }
    });
    match outcome {
        Ok(()) => assert!(telling.get() >= TELLING, "only {} queries had something to say", telling.get()),
        Err(TestError::Fail(why, case)) => panic!("{}\n{:?}\n{why}", case.query, case.when),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
