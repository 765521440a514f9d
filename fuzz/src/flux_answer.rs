//! Whatever an InfluxDB 2 answers to Flux, it is samples in order of time or an error: the crate that reads it panics
//! at some answers, and that ends no more than the question.

use std::sync::LazyLock;

use crate::Answering;
use picollect_evaluate::Window;
use picollect_store::location::{Location, Secrets};
use picollect_store::{Influxdb2Store, Selector, Store as _};

const WINDOW: Window = Window { start_ms: 1_700_000_000_000, end_ms: 1_700_003_600_000 };

static ENGINE: LazyLock<(Answering, Influxdb2Store)> = LazyLock::new(|| {
    let engine = Answering::start();
    let location = format!("influxdb2+{}?org=o&bucket=b", engine.url);
    let location: Location = location.parse().expect("an address");
    let store = Influxdb2Store::new(&location, &Secrets::default()).expect("a client");
    (engine, store)
});

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let (engine, store) = &*ENGINE;
    engine.say(input);
    let _a_name_or_an_error = store.identity();
    let Ok(found) = store.read_all(&Selector::default(), WINDOW, 0) else { return };
    for (key, samples) in found {
        assert!(!key.measurement.is_empty() && !key.field.is_empty(), "{key:?}");
        assert!(samples.is_sorted_by(|a, b| a.t_ms <= b.t_ms), "{key:?}");
    }
}
