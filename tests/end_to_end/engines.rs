//! The back ends over real engines. `docs/engines.md` names these tests.

mod cluster;
mod faults;

use picollect_collector::time::now_ms;
use picollect_telemetry::line::{Precision, decode};

use crate::conformance::{Abilities, Subject, conforms};
use crate::corpus::energy_corpus;
use crate::engine::{Prometheus, Thanos, VictoriaMetrics, open};

/// What every engine of the Prometheus family leaves open.
const FAMILY: Abilities = Abilities {
    replaces: false,
    every_digit: true,
    wide_integers: false,
    refuses_other_types: false,
    deletes: false,
};
/// Engines refuse what is old; the longest trace of the corpus takes less.
const CORPUS_BACK_MS: i64 = 60 * 60 * 1000;

fn subject(location: &str, can: Abilities, case: &'static str, settle: impl Fn() + 'static) -> Subject {
    let location = location.to_owned();
    Subject::new(Box::new(move || open(&location)), Box::new(settle), can, case)
}

/// Writes lines with times in milliseconds; all have to be taken.
fn write(location: &str, lines: &str) {
    let batch = decode(lines.as_bytes(), Precision::Milliseconds, 0);
    assert!(batch.errors.is_empty(), "{:?}", batch.errors);
    let outcome = open(location).append(&batch.points).expect("the store writes");
    assert_eq!(outcome.refusals, []);
}

/// The report of every trace has its joules.
fn corpus_agrees(location: &str, tolerance: f64, settle: impl Fn()) {
    let base_ms = (now_ms() - CORPUS_BACK_MS) / 1000 * 1000;
    energy_corpus(base_ms, tolerance, |lines| {
        write(location, lines);
        settle();
        (vec!["--store".to_owned(), location.to_owned()], ())
    });
}

#[test]
fn victoria_metrics_does_what_every_back_end_has_to() {
    let engine = VictoriaMetrics::start();
    let location = format!("prometheus+{}", engine.url);
    conforms(|case| {
        let url = engine.url.clone();
        let can = Abilities { every_digit: false, ..FAMILY };
        subject(&location, can, case, move || VictoriaMetrics::settle(&url))
    });
}

#[test]
fn victoria_metrics_agrees_with_the_energy_corpus() {
    let engine = VictoriaMetrics::start();
    corpus_agrees(&format!("prometheus+{}", engine.url), 1e-9, || VictoriaMetrics::settle(&engine.url));
}

#[test]
fn prometheus_does_what_every_back_end_has_to() {
    let engine = Prometheus::start("1d");
    conforms(|case| subject(&format!("prometheus+{}", engine.url), FAMILY, case, || {}));
}

#[test]
fn prometheus_agrees_with_the_energy_corpus() {
    let engine = Prometheus::start("1d");
    corpus_agrees(&format!("prometheus+{}", engine.url), 1e-12, || {});
}

#[test]
fn a_thanos_cluster_does_what_every_back_end_has_to_and_agrees_with_the_corpus() {
    let engine = Thanos::start();
    conforms(|case| subject(&engine.location, FAMILY, case, || {}));
    corpus_agrees(&engine.location, 1e-12, || {});
}
