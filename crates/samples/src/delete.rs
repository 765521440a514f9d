//! `picollect samples delete`: takes out what should never have been written, such as a run that nobody did.

use picollect_evaluate::Window;
use picollect_store::{Maintenance, Selector, SeriesKey, Store, StoreError};

/// Which samples are meant: all of a time whose series match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Both edges belong to it.
    pub window: Window,
    /// `MEASUREMENT` or `MEASUREMENT.FIELD`; none given is any.
    pub metrics: Vec<String>,
    /// Tags that a series has to have with these values.
    pub tags: Vec<(String, String)>,
}

/// A series that has such samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its names.
    pub key: SeriesKey,
    /// How many samples it has in the window.
    pub samples: usize,
    /// When the first and the last of them are, Unix milliseconds.
    pub span_ms: (i64, i64),
}

impl Selection {
    fn matches(&self, key: &SeriesKey) -> bool {
        let full = format!("{}.{}", key.measurement, key.field);
        let metric = self.metrics.iter().any(|name| *name == key.measurement || *name == full);
        let tags = self.tags.iter().all(|(name, value)| key.tag(name) == Some(value));
        (self.metrics.is_empty() || metric) && tags
    }
}

/// What would be deleted, series by series. Fails as the store does.
pub fn find(store: &dyn Store, selection: &Selection) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    let keys = store.series(&Selector::default())?;
    for key in keys.into_iter().filter(|key| selection.matches(key)) {
        let samples = store.read(&key, selection.window, 0)?;
        if let Some((first, last)) = samples.first().zip(samples.last()) {
            let span_ms = (first.t_ms, last.t_ms);
            found.push(Found { key, samples: samples.len(), span_ms });
        }
    }
    Ok(found)
}

/// Deletes what was found, on the disk when this returns; says how many samples. What another process has not sealed
/// stays. Fails as the store does.
pub fn delete(store: &dyn Maintenance, selection: &Selection, found: &[Found]) -> Result<u64, StoreError> {
    let keys: Vec<SeriesKey> = found.iter().map(|found| found.key.clone()).collect();
    store.delete_samples(&keys, selection.window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    #[test]
    fn metric_tag_and_time_choose_and_nothing_else_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let lines = "run,name=x,run=forged start_ms=1,end_ms=2 10\nrun,name=x,run=good start_ms=1,end_ms=2 10\n\
                     result,name=x,run=forged rate=9 20\npower,host=a watts=1,joules=2 10\npower,host=a watts=1 30\n";
        store.append(&decode(lines.as_bytes(), Precision::Seconds, 0).points).unwrap();
        let of = |metrics: &[&str], tags: &[(&str, &str)], until_s: i64| Selection {
            window: Window { start_ms: 0, end_ms: until_s * 1000 },
            metrics: metrics.iter().map(|&name| name.to_owned()).collect(),
            tags: tags.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        };
        let counts = |selection: &Selection| -> Vec<(String, usize)> {
            let found = find(&store, selection).unwrap();
            found
                .iter()
                .map(|one| (format!("{}.{}", one.key.measurement, one.key.field), one.samples))
                .collect()
        };
        let forged = of(&[], &[("run", "forged")], 100);
        assert_eq!(counts(&forged).len(), 3);
        assert_eq!(counts(&of(&["power.watts"], &[], 20)), [("power.watts".to_owned(), 1)]);
        assert_eq!(counts(&of(&["power", "run"], &[("host", "b")], 100)), []);
        let found = find(&store, &forged).unwrap();
        assert_eq!(delete(&store, &forged, &found).unwrap(), 3);
        assert_eq!(counts(&forged), []);
        assert_eq!(counts(&of(&[], &[], 100)).iter().map(|(_, samples)| samples).sum::<usize>(), 5);
    }
}
