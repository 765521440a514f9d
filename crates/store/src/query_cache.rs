//! The query cache: for one request, what was listed and read is kept, and the store is asked less.
//!
//! A report looks for series and reads them one by one. Looking for one in a large cluster means to go through all of
//! them, so they are listed once. Reading one costs little where the store is a file, and a request where it is an
//! engine ([`Capabilities::reads_cost_requests`]): there the first read of a series brings those of its measurement and node along.
//!
//! Invariant: every answer is the one that the store itself would have given at the first time of asking.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::HOST;
use picollect_telemetry::line::Point;

use super::{
    Appended, Bucket, Capabilities, Selector, SeriesKey, SeriesSteps, Store, StoreError, StoredSample,
};

/// So many samples are kept; beyond it all of them are dropped. A sample takes 40 bytes.
const MAX_SAMPLES: usize = 2_000_000;

/// The samples of the series of one measurement and node that have any.
type Block = BTreeMap<SeriesKey, Vec<StoredSample>>;
/// Measurement, node, and what was asked for.
type Asked = (String, String, i64, i64, i64);

/// What was listed and read so far.
#[derive(Default)]
struct Entries {
    keys: Option<Keys>,
    blocks: BTreeMap<Asked, Block>,
    samples: usize,
}

/// All series, in order.
struct Keys {
    all: Vec<SeriesKey>,
    /// The places of those of each node.
    of_host: BTreeMap<String, Vec<usize>>,
}

impl Keys {
    fn new(all: Vec<SeriesKey>) -> Self {
        let mut of_host: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, key) in all.iter().enumerate() {
            if let Some(host) = key.tag(HOST) {
                match of_host.get_mut(host) {
                    Some(places) => places.push(at),
                    None => drop(of_host.insert(host.to_owned(), vec![at])),
                }
            }
        }
        Self { all, of_host }
    }

    fn matching(&self, selector: &Selector<'_>) -> Vec<SeriesKey> {
        let matches = |key: &&SeriesKey| {
            selector.measurement.is_none_or(|measurement| key.measurement == measurement)
                && selector.field.is_none_or(|field| key.field == field)
                && selector.tags.iter().all(|(name, value)| key.tag(name) == Some(value))
        };
        match selector.tags.iter().find(|(name, _)| *name == HOST) {
            Some((_, host)) => {
                let places = self.of_host.get(*host).into_iter().flatten();
                places.map(|at| &self.all[*at]).filter(matches).cloned().collect()
            }
            None => self.all.iter().filter(matches).cloned().collect(),
        }
    }
}

/// A store as one request sees it.
struct QueryCache<'a> {
    store: &'a dyn Store,
    /// Whether what was read is kept too, and not only what was listed.
    keeps_samples: bool,
    /// Held while the store is asked, so that two threads of one request do not ask it for the same.
    entries: Mutex<Entries>,
}

/// Answers one request from a store of which little is asked twice. Fails as `answer` does.
pub fn cached<T, E: From<StoreError>>(
    store: &dyn Store,
    answer: impl FnOnce(&dyn Store) -> Result<T, E>,
) -> Result<T, E> {
    answer(&QueryCache::new(store, store.capabilities().reads_cost_requests))
}

impl<'a> QueryCache<'a> {
    fn new(store: &'a dyn Store, keeps_samples: bool) -> Self {
        Self { store, keeps_samples, entries: Mutex::default() }
    }

    fn block(&self, entries: &mut Entries, asked: &Asked) -> Result<(), StoreError> {
        if entries.blocks.contains_key(asked) {
            return Ok(());
        }
        let (measurement, host, start_ms, end_ms, around_ms) = asked;
        let tags = [(HOST, host.as_str())];
        let selector = Selector { measurement: Some(measurement), field: None, tags: &tags };
        let window = Window { start_ms: *start_ms, end_ms: *end_ms };
        let block: Block = self.store.read_all(&selector, window, *around_ms)?.into_iter().collect();
        let samples: usize = block.values().map(Vec::len).sum();
        if entries.samples + samples > MAX_SAMPLES {
            entries.blocks.clear();
            entries.samples = 0;
        }
        entries.samples += samples;
        entries.blocks.insert(asked.clone(), block);
        Ok(())
    }
}

impl Store for QueryCache<'_> {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = Entries::default();
        self.store.append(points)
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match entries.keys.take() {
            Some(keys) => keys,
            None => Keys::new(self.store.series(&Selector::default())?),
        };
        Ok(entries.keys.insert(keys).matching(selector))
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        // What is of no node, runs and meters at the wall, is read by itself: there may be years of it.
        let host = key.tag(HOST).filter(|_| self.keeps_samples);
        let Some(host) = host else { return self.store.read(key, window, around_ms) };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = (key.measurement.clone(), host.to_owned(), window.start_ms, window.end_ms, around_ms);
        self.block(&mut entries, &asked)?;
        Ok(entries.blocks.get(&asked).and_then(|block| block.get(key)).cloned().unwrap_or_default())
    }

    fn read_steps(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        if self.keeps_samples {
            // An engine has no steps, and what was read already is here.
            let samples = self.read(key, window, 0)?;
            return Ok(SeriesSteps { samples, ..SeriesSteps::default() });
        }
        self.store.read_steps(key, window)
    }

    fn read_totals(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        if self.keeps_samples { self.read_steps(key, window) } else { self.store.read_totals(key, window) }
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        self.store.aggregate(key, window, step_ms)
    }

    fn identity(&self) -> Result<String, StoreError> {
        self.store.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    #[test]
    fn what_is_cached_is_what_the_store_says() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::open(directory.path()).unwrap();
        let lines = "m,host=a f=1,g=2 1000\nm,host=a f=3 2000\nm,host=b f=4 1000\nn f=5 1000";
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        for keeps_samples in [false, true] {
            let cache = QueryCache::new(&store, keeps_samples);
            for selector in [
                Selector::default(),
                Selector { measurement: Some("m"), ..Selector::default() },
                Selector { field: Some("f"), tags: &[("host", "a")], ..Selector::default() },
            ] {
                assert_eq!(cache.series(&selector).unwrap(), store.series(&selector).unwrap());
            }
            for key in store.series(&Selector::default()).unwrap() {
                for (start_ms, end_ms, around_ms) in [(0, 9000, 0), (1500, 1600, 0), (1500, 1600, 5000)] {
                    let window = Window { start_ms, end_ms };
                    let want = store.read(&key, window, around_ms).unwrap();
                    assert_eq!(cache.read(&key, window, around_ms).unwrap(), want, "{key:?}");
                }
            }
        }
    }
}
