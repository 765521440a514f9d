//! The back ends over real engines. `docs/engines.md` names these tests.

mod cluster;
mod faults;
pub(super) mod moving;
mod opened;
mod twenty_agents;

use std::collections::HashSet;

use picollect_evaluate::Window;
use picollect_settings::time::now_ms;
use picollect_store::Selector;
use picollect_telemetry::line::{Precision, decode};

use crate::conformance::{Subject, conforms};
use crate::corpus::energy_corpus;
use crate::engine::{Prometheus, Thanos, VictoriaMetrics, open};
use crate::process::{eventually, stdout};
use crate::reports::{WINDOW, small_cluster, store_with};

/// Engines refuse what is old; the longest trace of the corpus takes less.
const CORPUS_BACK_MS: i64 = 60 * 60 * 1000;

fn subject(location: &str, case: &'static str, settle: impl Fn() + 'static) -> Subject {
    let location = location.to_owned();
    Subject::new(Box::new(move || open(&location)), Box::new(settle), case)
}

/// An engine that keeps every digit, which its back end does not promise because `VictoriaMetrics` rounds.
fn exact_subject(location: &str, case: &'static str) -> Subject {
    let mut subject = subject(location, case, || {});
    subject.can.keeps_every_digit = true;
    subject
}

/// Writes lines with times in milliseconds; all have to be taken,
/// and can be read when this returns: Thanos looks only every few seconds how far back its receivers reach.
fn write(location: &str, lines: &str, settle: impl Fn()) {
    let batch = decode(lines.as_bytes(), Precision::Milliseconds, 0);
    assert!(batch.errors.is_empty(), "{:?}", batch.errors);
    let store = open(location);
    let outcome = store.append(&batch.points).expect("the store writes");
    assert_eq!(outcome.refusals, []);
    settle();
    let host = batch.points[0].tag("host").expect("a host");
    let selector = Selector { tags: &[("host", host)], ..Selector::default() };
    let times = batch.points.iter().map(|point| point.t_ms);
    let window = Window { start_ms: times.clone().min().unwrap_or(0), end_ms: times.max().unwrap_or(0) };
    let distinct: HashSet<_> = batch.points.iter().map(|point| (&point.measurement, point.t_ms)).collect();
    eventually("all that was written is visible", || {
        let series = store.read_all(&selector, window, 0).expect("the store reads");
        let visible = series
            .iter()
            .flat_map(|(key, samples)| samples.iter().map(|sample| (&key.measurement, sample.t_ms)));
        visible.collect::<HashSet<_>>().len() == distinct.len()
    });
}

/// The report of every trace has its joules.
fn corpus_agrees(location: &str, tolerance: f64, settle: impl Fn()) {
    let base_ms = (now_ms() - CORPUS_BACK_MS) / 1000 * 1000;
    energy_corpus(base_ms, tolerance, |lines| {
        write(location, lines, &settle);
        (vec!["--store".to_owned(), location.to_owned()], ())
    });
}

#[test]
fn victoria_metrics_does_what_every_back_end_has_to() {
    let engine = VictoriaMetrics::start();
    let location = format!("prometheus+{}", engine.url);
    conforms(|case| {
        let url = engine.url.clone();
        subject(&location, case, move || VictoriaMetrics::settle(&url))
    });
}

#[test]
fn victoria_metrics_agrees_with_the_energy_corpus() {
    let engine = VictoriaMetrics::start();
    corpus_agrees(&format!("prometheus+{}", engine.url), 1e-9, || VictoriaMetrics::settle(&engine.url));
}

#[test]
fn a_report_from_an_engine_is_the_embedded_stores() {
    let engine = VictoriaMetrics::start();
    let location = format!("prometheus+{}", engine.url);
    let batch = decode(small_cluster().as_bytes(), Precision::Milliseconds, 0);
    open(&location).append(&batch.points).expect("the store writes");
    VictoriaMetrics::settle(&engine.url);
    let directory = store_with(&small_cluster());
    let report = |place: [&str; 2]| -> serde_json::Value {
        let arguments = [&["report", "--format", "json"], &place[..], &WINDOW].concat();
        serde_json::from_str(&stdout(&arguments)).expect("JSON")
    };
    let here = report(["--data", directory.path().to_str().expect("UTF-8")]);
    assert_eq!(difference(&here, &report(["--store", &location]), "report"), None);
}

/// The first difference: texts have to be equal, numbers within a share of 0.001.
fn difference(one: &serde_json::Value, other: &serde_json::Value, place: &str) -> Option<String> {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Array(one), Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).find_map(|(one, other)| difference(one, other, place))
        }
        (Object(one), Object(other)) if one.len() == other.len() => {
            one.iter().find_map(|(name, one)| difference(one, &other[name], &format!("{place}.{name}")))
        }
        (Number(one), Number(other)) => {
            let (one, other) = (one.as_f64().expect("finite"), other.as_f64().expect("finite"));
            let same = (one - other).abs() <= 0.001 * one.abs().max(other.abs());
            (!same).then(|| format!("{place}: {one} {other}"))
        }
        _ => (one != other).then(|| format!("{place}: {one} {other}")),
    }
}

#[test]
fn prometheus_does_what_every_back_end_has_to() {
    let engine = Prometheus::start("1d");
    conforms(|case| exact_subject(&format!("prometheus+{}", engine.url), case));
}

#[test]
fn prometheus_agrees_with_the_energy_corpus() {
    let engine = Prometheus::start("1d");
    corpus_agrees(&format!("prometheus+{}", engine.url), 1e-12, || {});
}

#[test]
fn a_thanos_cluster_does_what_every_back_end_has_to_and_agrees_with_the_corpus() {
    let engine = Thanos::start();
    conforms(|case| exact_subject(&engine.location, case));
    corpus_agrees(&engine.location, 1e-12, || {});
}
