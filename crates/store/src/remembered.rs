//! A store that is asked less: for one question, what was listed and read is remembered.
//!
//! A report looks for series and reads them one by one. Looking for one in a large cluster means to go through all of
//! them, so they are listed once. Reading one costs little where the store is a file, and a request where it is an
//! engine: there the first read of a series brings those of its measurement and node along.
//!
//! Invariant: every answer is the one that the store itself would have given at the first time of asking.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::HOST;
use picollect_telemetry::line::Point;

use super::{Appended, Bucket, Selector, SeriesKey, Store, StoreError, StoredSample};

/// So many samples are remembered; beyond it everything is forgotten. A sample takes 40 bytes.
const MAX_SAMPLES: usize = 2_000_000;

/// The samples of the series of one measurement and node that have any.
type Block = BTreeMap<SeriesKey, Vec<StoredSample>>;
/// Measurement, node, and what was asked for.
type Asked = (String, String, i64, i64, i64);

/// What was learned so far.
#[derive(Default)]
struct Memory {
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

/// A store as one question sees it.
struct Remembered<'a> {
    store: &'a dyn Store,
    /// Whether it is elsewhere, and what was read is remembered too.
    is_engine: bool,
    memory: Mutex<Memory>,
}

/// Answers one question. An engine elsewhere is the store that does not know its size.
pub fn remembering<T, E: From<StoreError>>(
    store: &dyn Store,
    answer: impl FnOnce(&dyn Store) -> Result<T, E>,
) -> Result<T, E> {
    answer(&Remembered::new(store, store.size_bytes()?.is_none()))
}

impl<'a> Remembered<'a> {
    /// Nothing is known yet.
    fn new(store: &'a dyn Store, is_engine: bool) -> Self {
        Self { store, is_engine, memory: Mutex::default() }
    }

    fn block(&self, memory: &mut Memory, asked: &Asked) -> Result<(), StoreError> {
        if memory.blocks.contains_key(asked) {
            return Ok(());
        }
        let (measurement, host, start_ms, end_ms, around_ms) = asked;
        let tags = [(HOST, host.as_str())];
        let selector = Selector { measurement: Some(measurement), field: None, tags: &tags };
        let window = Window { start_ms: *start_ms, end_ms: *end_ms };
        let block: Block = self.store.read_all(&selector, window, *around_ms)?.into_iter().collect();
        let samples: usize = block.values().map(Vec::len).sum();
        if memory.samples + samples > MAX_SAMPLES {
            memory.blocks.clear();
            memory.samples = 0;
        }
        memory.samples += samples;
        memory.blocks.insert(asked.clone(), block);
        Ok(())
    }
}

impl Store for Remembered<'_> {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Memory::default();
        self.store.append(points)
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match memory.keys.take() {
            Some(keys) => keys,
            None => Keys::new(self.store.series(&Selector::default())?),
        };
        Ok(memory.keys.insert(keys).matching(selector))
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        // What is of no node, runs and meters at the wall, is read by itself: there may be years of it.
        let host = key.tag(HOST).filter(|_| self.is_engine);
        let Some(host) = host else { return self.store.read(key, window, around_ms) };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = (key.measurement.clone(), host.to_owned(), window.start_ms, window.end_ms, around_ms);
        self.block(&mut memory, &asked)?;
        Ok(memory.blocks.get(&asked).and_then(|block| block.get(key)).cloned().unwrap_or_default())
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        self.store.aggregate(key, window, step_ms)
    }

    fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError> {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Memory::default();
        self.store.delete_before(t_ms)
    }

    fn identity(&self) -> Result<String, StoreError> {
        self.store.identity()
    }

    fn size_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.store.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    #[test]
    fn what_is_remembered_is_what_the_store_says() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::open(directory.path()).unwrap();
        let lines = "m,host=a f=1,g=2 1000\nm,host=a f=3 2000\nm,host=b f=4 1000\nn f=5 1000";
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        for is_engine in [false, true] {
            let remembered = Remembered::new(&store, is_engine);
            for selector in [
                Selector::default(),
                Selector { measurement: Some("m"), ..Selector::default() },
                Selector { field: Some("f"), tags: &[("host", "a")], ..Selector::default() },
            ] {
                assert_eq!(remembered.series(&selector).unwrap(), store.series(&selector).unwrap());
            }
            for key in store.series(&Selector::default()).unwrap() {
                for (start_ms, end_ms, around_ms) in [(0, 9000, 0), (1500, 1600, 0), (1500, 1600, 5000)] {
                    let window = Window { start_ms, end_ms };
                    let want = store.read(&key, window, around_ms).unwrap();
                    assert_eq!(remembered.read(&key, window, around_ms).unwrap(), want, "{key:?}");
                }
            }
        }
    }
}
