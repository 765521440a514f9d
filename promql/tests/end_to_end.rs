//! The evaluator beside a real Prometheus.

use picollect_promql::{Context, Error, Limits, Query, Times};

use crate::data::{Memory, all, open_metrics};
use crate::differential::compare;
use crate::grammar::{Case, When};
use crate::oracle::{Comparable, Prometheus};

fn ours(source: &Memory, case: &Case) -> Result<Comparable, Error> {
    let context = Context {
        source,
        limits: Limits { steps: 11_000, series: 10_000, samples: 10_000_000, memory_bytes: 1 << 30 },
        subquery_step_ms: 60_000,
        out_of_time: &|| false,
    };
    let query = Query::parse(&case.query)?;
    let (answer, t_ms) = match case.when {
        When::Instant(t_ms) => (query.instant(&context, t_ms)?, t_ms),
        When::Range(start_ms, end_ms, step_ms) => {
            (query.range(&context, Times { start_ms, end_ms, step_ms })?, start_ms)
        }
    };
    Ok(Comparable::of(&answer, t_ms))
}

#[test]
fn a_thousand_queries_have_prometheus_answers() {
    let source = Memory(all());
    let prometheus = Prometheus::with(&open_metrics(&source.0));
    compare(&prometheus, |case| ours(&source, case).map_err(|error| error.to_string()));
}
