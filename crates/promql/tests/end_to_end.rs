//! The evaluator beside a real Prometheus.

use picollect_promql::{Context, Error, LOOKBACK_MS, Limits, Query, QueryResult, Series, Times};

use crate::data::{all, open_metrics};
use crate::differential::{compare, disagreement};
use crate::grammar::{Case, When};
use crate::memory::Memory;
use crate::oracle::{Comparable, Prometheus, shown};
use crate::suite::{REFUSED, WHEN, queries};

fn ours(source: &Memory, case: &Case) -> Result<Comparable, Error> {
    let context = Context {
        source,
        limits: Limits { steps: 11_000, series: 10_000, samples: 10_000_000, memory_bytes: 1 << 30 },
        lookback_ms: LOOKBACK_MS,
        subquery_step_ms: 60_000,
        out_of_time: &|| false,
    };
    let query = Query::parse(&case.query)?;
    let (answered, t_ms) = match case.when {
        When::Instant(t_ms) => (query.answered_instant(&context, t_ms)?, t_ms),
        When::Range(start_ms, end_ms, step_ms) => {
            (query.answered_range(&context, Times { start_ms, end_ms, step_ms })?, start_ms)
        }
    };
    let notes = [answered.annotations.warnings, answered.annotations.infos].concat();
    Ok(comparable(&answered.answer, t_ms).with_notes(&notes))
}

fn comparable(answer: &QueryResult, t_ms: i64) -> Comparable {
    let samples = |series: &Series| series.samples.iter().map(|sample| (sample.t_ms, sample.value)).collect();
    let plain = |series: &Series| (shown(&series.labels), samples(series));
    match answer {
        QueryResult::Scalar(value) => Comparable::new("scalar", vec![(String::new(), vec![(t_ms, *value)])]),
        QueryResult::Text(_) => Comparable::new("string", Vec::new()),
        QueryResult::Vector(all) => Comparable::new("vector", all.iter().map(plain).collect()),
        QueryResult::Matrix(all) => Comparable::new("matrix", all.iter().map(plain).collect()),
    }
}

#[test]
fn a_thousand_queries_have_prometheus_answers() {
    let source = Memory(all());
    let prometheus = Prometheus::with(&open_metrics(&source.0));
    compare(&prometheus, |case| ours(&source, case).map_err(|error| error.to_string()));
}

#[test]
fn every_query_of_the_suite_has_prometheus_answer() {
    let source = Memory(all());
    let prometheus = Prometheus::with(&open_metrics(&source.0));
    let asked = queries();
    let mut wrong = Vec::new();
    for query in &asked {
        let why = WHEN.into_iter().find_map(|when| {
            let case = Case { query: query.clone(), when };
            let theirs = prometheus.ask(query, when);
            if let Err(error) = &theirs {
                return Some(format!("no Prometheus answers it: {error}"));
            }
            let ours = ours(&source, &case).map_err(|error| error.to_string());
            disagreement(&case, ours, theirs)
        });
        wrong.extend(why.map(|why| format!("{query}\n    {why}")));
    }
    println!("{} of {} queries agree", asked.len() - wrong.len(), asked.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), asked.len(), wrong.join("\n"));
}

#[test]
fn what_prometheus_refuses_is_refused() {
    let source = Memory(all());
    let prometheus = Prometheus::with(&open_metrics(&source.0));
    let mut answered = Vec::new();
    for query in REFUSED {
        let case = Case { query: query.to_owned(), when: WHEN[1] };
        if prometheus.ask(query, case.when).is_ok() {
            answered.push(format!("Prometheus answers {query}"));
        }
        if ours(&source, &case).is_ok() {
            answered.push(format!("{query} is answered"));
        }
    }
    assert!(answered.is_empty(), "{}", answered.join("\n"));
}
