//! What every back end has to do, whatever it is made of: one suite, over the public trait alone. Each case writes
//! under names of its own, so that one engine can be asked all of them.

mod cases;

use std::sync::Arc;

use picollect_evaluate::Window;
use picollect_settings::time::now_ms;
use picollect_store::{Appended, SeriesKey, Store};
use picollect_telemetry::line::{Precision, decode};

/// A back end under test.
pub(crate) struct Subject {
    /// Opens the back end as another collector would.
    pub(crate) open: Box<dyn Fn() -> Arc<dyn Store>>,
    /// Returns when everything that was acknowledged can be read.
    pub(crate) settle: Box<dyn Fn()>,
    /// What it can do beyond what all have to.
    pub(crate) can: Abilities,
    /// The name of the case, which is part of every measurement.
    case: &'static str,
    /// The time that the case's times are counted from, Unix milliseconds: recent, because engines refuse what
    /// is old.
    base_ms: i64,
    store: Arc<dyn Store>,
}

/// What some back ends can do and others cannot; `docs/engines.md` is the table.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own in the table")]
pub(crate) struct Abilities {
    /// A second value for the same series and time replaces the first.
    pub(crate) replaces: bool,
    /// Floats keep their last bit.
    pub(crate) every_digit: bool,
    /// Integers beyond 2^53 keep every digit.
    pub(crate) wide_integers: bool,
    /// A value of another type than its series' is refused.
    pub(crate) refuses_other_types: bool,
    /// Deletes what is older than asked, at once.
    pub(crate) deletes: bool,
}

/// How far the cases' times lie back: longer than any case spans, shorter than any engine's patience.
const BACK_MS: i64 = 20 * 60 * 1000;

impl Subject {
    pub(crate) fn new(
        open: Box<dyn Fn() -> Arc<dyn Store>>,
        settle: Box<dyn Fn()>,
        can: Abilities,
        case: &'static str,
    ) -> Self {
        let base_ms = (now_ms() - BACK_MS) / 1000 * 1000;
        let store = open();
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
    let can = Abilities {
        replaces: true,
        every_digit: true,
        wide_integers: true,
        refuses_other_types: true,
        deletes: true,
    };
    conforms(|case| {
        let directory = tempfile::tempdir().expect("a temporary directory").keep();
        let open = move || -> Arc<dyn Store> {
            Arc::new(picollect_store::open(&directory).expect("the store opens"))
        };
        Subject::new(Box::new(open), Box::new(|| {}), can, case)
    });
}
