//! The back ends over real engines. `docs/engines.md` names these tests.

use crate::conformance::{Abilities, Subject, conforms};
use crate::engine::{Prometheus, Thanos, VictoriaMetrics, open};

/// What every engine of the Prometheus family leaves open.
const FAMILY: Abilities = Abilities {
    replaces: false,
    every_digit: true,
    wide_integers: false,
    refuses_other_types: false,
    deletes: false,
};

fn subject(location: &str, can: Abilities, case: &'static str, settle: impl Fn() + 'static) -> Subject {
    let location = location.to_owned();
    Subject::new(Box::new(move || open(&location)), Box::new(settle), can, case)
}

#[test]
fn victoria_metrics_does_what_every_back_end_has_to() {
    let engine = VictoriaMetrics::start();
    let location = format!("prometheus+{}", engine.url);
    conforms(|case| {
        let url = engine.url.clone();
        subject(&location, Abilities { every_digit: false, ..FAMILY }, case, move || {
            VictoriaMetrics::settle(&url)
        })
    });
}

#[test]
fn prometheus_does_what_every_back_end_has_to() {
    let engine = Prometheus::start("1d");
    conforms(|case| subject(&format!("prometheus+{}", engine.url), FAMILY, case, || {}));
}

#[test]
fn a_thanos_cluster_does_what_every_back_end_has_to() {
    let engine = Thanos::start();
    conforms(|case| subject(&engine.location, FAMILY, case, || {}));
}
