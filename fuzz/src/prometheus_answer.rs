//! Whatever an engine of the Prometheus family answers, it is samples of the time that was asked about, in order, or
//! an error.

use std::sync::LazyLock;

use crate::Answering;
use picollect_evaluate::Window;
use picollect_store::location::{Location, Secrets};
use picollect_store::{PrometheusStore, Selector, Store as _};

const WINDOW: Window = Window { start_ms: 1_700_000_000_000, end_ms: 1_700_003_600_000 };

static ENGINE: LazyLock<(Answering, PrometheusStore)> = LazyLock::new(|| {
    let engine = Answering::start();
    let location: Location = format!("prometheus+{}", engine.url).parse().expect("an address");
    let store = PrometheusStore::new(&location, &Secrets::default()).expect("a client");
    (engine, store)
});

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let (engine, store) = &*ENGINE;
    engine.say(input);
    let selector = Selector { measurement: Some("power"), ..Selector::default() };
    let Ok(found) = store.read_all(&selector, WINDOW, 0) else { return };
    for (key, samples) in found {
        assert!(!samples.is_empty(), "{key:?}");
        assert!(samples.is_sorted_by(|a, b| a.t_ms < b.t_ms), "{key:?}");
        assert!(samples.iter().all(|sample| (WINDOW.start_ms..=WINDOW.end_ms).contains(&sample.t_ms)));
    }
}
