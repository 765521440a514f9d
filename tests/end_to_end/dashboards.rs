//! What the dashboards ask, of every engine that they are for.

mod asked;
mod engines;
mod types;

use picollect_settings::time::now_ms;
use picollect_store as store;
use picollect_store::{Selector, Store as _};
use picollect_telemetry::catalogue::{ENERGY_COVERED_S, ENERGY_J, Metric};

use crate::corpus::{Trace, epoch_traces};
use crate::process::{Collector, eventually};

/// Sample times of the corpus are whole quarters of a second; so many times slower they are whole minutes.
const SLOWER: i64 = 240;
/// The traces lie so far back that nothing more is waited for.
const CORPUS_BACK_MS: i64 = 4 * 3600 * 1000;

#[test]
fn the_minutes_that_a_collector_publishes_add_up_to_the_energy_corpus_on_every_engine() {
    let start_ms = (now_ms() - CORPUS_BACK_MS) / 60_000 * 60_000;
    let collector = Collector::start();
    let token = std::fs::read_to_string(collector.token_file()).expect("a token");
    let traces = epoch_traces(start_ms, SLOWER);
    for trace in &traces {
        let request = ureq::post(format!("{}/api/v2/write?precision=ms", collector.url));
        let request = request.header("Authorization", format!("Token {}", token.trim()));
        assert_eq!(request.send(&trace.lines).expect("an answer").status(), 204, "{}", trace.host);
    }
    let store = store::open(collector.data()).expect("the store opens");
    let sum = |trace: &Trace, metric: &Metric| -> f64 {
        let tags = [("host", trace.host.as_str())];
        let selector =
            Selector { measurement: Some(metric.measurement), field: Some(metric.field), tags: &tags };
        let series = store.read_all(&selector, trace.window, 0).expect("the store reads");
        let samples = series.iter().flat_map(|(_, samples)| samples);
        // The minute that ends where the window begins is not of it.
        let inside = samples.filter(|sample| sample.t_ms > trace.window.start_ms);
        inside.filter_map(|sample| sample.value.as_f64()).sum()
    };
    for trace in &traces {
        let Trace { host, joules, covered_s, .. } = trace;
        let mut got = (0.0, 0.0);
        eventually(&format!("{host}: {joules} J in {covered_s} s"), || {
            got = (sum(trace, &ENERGY_J), sum(trace, &ENERGY_COVERED_S));
            (got.0 - joules).abs() < 1e-6 && (got.1 - covered_s).abs() < 1e-3
        });
    }
    engines::agree_with(&collector, token.trim(), &traces);
}
