//! What every back end has to do, whatever it is made of: one suite, over the public trait alone. Each case writes
//! under names of its own, so that one engine can be asked all of them.

mod cases;

use std::sync::Arc;

use picollect_evaluate::Window;
use picollect_settings::time::now_ms;
use picollect_store::{Appended, Capabilities, SeriesKey, Store};
use picollect_telemetry::line::{Precision, decode};

/// A back end under test.
pub(crate) struct Subject {
    /// Opens the back end as another collector would.
    pub(crate) open: Box<dyn Fn() -> Arc<dyn Store>>,
    /// Returns when everything that was acknowledged can be read.
    pub(crate) settle: Box<dyn Fn()>,
    /// What it says that it can do beyond what all have to. A case holds it to its word.
    pub(crate) can: Capabilities,
    /// The name of the case, which is part of every measurement.
    case: &'static str,
    /// The time that the case's times are counted from, Unix milliseconds: recent, because engines refuse what
    /// is old.
    base_ms: i64,
    store: Arc<dyn Store>,
}

/// How far the cases' times lie back: longer than any case spans, shorter than any engine's patience.
const BACK_MS: i64 = 20 * 60 * 1000;

impl Subject {
    pub(crate) fn new(
        open: Box<dyn Fn() -> Arc<dyn Store>>,
        settle: Box<dyn Fn()>,
        case: &'static str,
    ) -> Self {
        let base_ms = (now_ms() - BACK_MS) / 1000 * 1000;
        let store = open();
        let can = store.capabilities();
        Self { open, settle, can, case, base_ms, store }
    }

    /// The name of a measurement of this case.
    fn name(&self, name: &str) -> String {
        format!("{}_{name}", self.case)
    }

    /// Writes lines whose measurements begin with `@`, which stands for the case, and whose times are counted in
    /// milliseconds from the base; they can be read when this returns.
    fn append(&self, lines: &str) -> Appended {
        let batch = decode(lines.replace('@', &self.name("")).as_bytes(), Precision::Milliseconds, 0);
        assert!(batch.errors.is_empty(), "{:?}", batch.errors);
        let shifted = batch.points.into_iter().map(|mut point| {
            point.t_ms += self.base_ms;
            point
        });
        let appended = self.store.append(&shifted.collect::<Vec<_>>()).expect("the store writes");
        (self.settle)();
        appended
    }

    fn key(&self, measurement: &str, field: &str, tags: &[(&str, &str)]) -> SeriesKey {
        let tags = tags.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        SeriesKey { measurement: self.name(measurement), field: field.into(), tags }
    }

    fn window(&self, start_ms: i64, end_ms: i64) -> Window {
        Window { start_ms: self.base_ms + start_ms, end_ms: self.base_ms + end_ms }
    }

    /// Times from the base, and numbers.
    fn read(&self, key: &SeriesKey, start_ms: i64, end_ms: i64, around_ms: i64) -> Vec<(i64, f64)> {
        let samples =
            self.store.read(key, self.window(start_ms, end_ms), around_ms).expect("the store reads");
        let number = |value: &picollect_telemetry::Value| value.as_f64().expect("a number");
        samples.iter().map(|sample| (sample.t_ms - self.base_ms, number(&sample.value))).collect()
    }

    fn times(&self, key: &SeriesKey, start_ms: i64, end_ms: i64, around_ms: i64) -> Vec<i64> {
        self.read(key, start_ms, end_ms, around_ms).iter().map(|(t_ms, _)| *t_ms).collect()
    }
}

/// Asks a back end every case, and says which failed; `subject` makes it anew for each.
pub(crate) fn conforms(subject: impl Fn(&'static str) -> Subject) {
    for (name, case) in cases::CASES {
        eprintln!("case {name}");
        case(&subject(name));
    }
}

#[test]
fn the_embedded_store_does_what_every_back_end_has_to() {
    conforms(|case| {
        let directory = tempfile::tempdir().expect("a temporary directory").keep();
        let open = move || -> Arc<dyn Store> {
            Arc::new(picollect_store::open(&directory).expect("the store opens"))
        };
        Subject::new(Box::new(open), Box::new(|| {}), case)
    });
}
