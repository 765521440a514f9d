//! Taking single series out of a time: what should never have been written.

use std::collections::{BTreeMap, BTreeSet};

use picollect_evaluate::Window;

use super::shared::{Shared, lock};
use super::write_transaction::WriteTransaction;
use crate::resolution::STEPS_MS;
use crate::{SeriesKey, StoreError};

impl Shared {
    /// Deletes the samples of these series from the window's start to its end; says how many.
    pub(super) fn delete_samples(&self, keys: &[SeriesKey], window: Window) -> Result<u64, StoreError> {
        self.seal_all()?;
        let mut database = lock(&self.writer);
        let mut series: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
        {
            let read = database.read()?;
            for key in keys {
                if let Some((group, one)) = read.find(key)? {
                    series.entry(group).or_default().insert(one);
                }
            }
        }
        let mut deleted = 0;
        for (group, series) in series {
            let write = database.write()?;
            deleted += write.delete_samples(group, &series, window)?;
            write.commit()?;
        }
        lock(&self.buffer).series = None;
        Ok(deleted as u64)
    }
}

impl WriteTransaction<'_> {
    fn delete_samples(
        &self,
        group: i64,
        series: &BTreeSet<u64>,
        window: Window,
    ) -> Result<usize, StoreError> {
        let mut deleted = 0;
        for step_ms in STEPS_MS {
            let mut chunks = self.read.chunks(group, step_ms, window.start_ms, window.end_ms)?;
            // What was written later stays the later one.
            chunks.sort_by_key(|chunk| (chunk.segment, chunk.id));
            for chunk in chunks {
                let (mut kept, mut touched) = (self.read.all(&chunk)?, false);
                for (column, samples) in &mut kept {
                    let (of, has_samples) = chunk.series_of(*column);
                    let from = samples.times.partition_point(|t_ms| *t_ms < window.start_ms);
                    let to = samples.times.partition_point(|t_ms| *t_ms <= window.end_ms);
                    if from < to && series.contains(&of) {
                        let later = samples.part(to..samples.len());
                        *samples = samples.part(0..from);
                        samples.append(later);
                        touched = true;
                        deleted += if has_samples { to - from } else { 0 };
                    }
                }
                if touched {
                    kept.retain(|(_, samples)| !samples.is_empty());
                    self.insert(group, chunk.segment, chunk.step_ms, &kept)?;
                    self.delete(chunk.id)?;
                }
            }
        }
        self.forget_empty(group)?;
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::Window;
    use picollect_telemetry::line::{Precision, decode};

    use crate::{EmbeddedStore, Maintenance as _, Resolution, Selector, SeriesKey, Store as _, open};

    fn append(store: &EmbeddedStore, lines: &str) {
        let batch = decode(lines.as_bytes(), Precision::Seconds, 0);
        assert_eq!(batch.errors, []);
        store.append(&batch.points).unwrap();
    }

    fn keys(store: &EmbeddedStore, measurement: &str) -> Vec<SeriesKey> {
        store.series(&Selector { measurement: Some(measurement), ..Selector::default() }).unwrap()
    }

    fn seconds(store: &EmbeddedStore, key: &SeriesKey) -> Vec<i64> {
        let samples = store.read(key, Window { start_ms: 0, end_ms: i64::MAX }, 0).unwrap();
        samples.iter().map(|sample| sample.t_ms / 1000).collect()
    }

    #[test]
    fn a_series_loses_a_stretch_and_its_neighbours_keep_all() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        let lines: String =
            (0..10).map(|n| format!("m,host=a f={n},g={n} {n}\nm,host=b f={n} {n}\n")).collect();
        append(&store, &lines);
        let all = keys(&store, "m");
        let window = Window { start_ms: 3_000, end_ms: 5_000 };
        assert_eq!(store.delete_samples(&all[..1], window).unwrap(), 3);
        assert_eq!(store.delete_samples(&all[..1], window).unwrap(), 0);
        assert_eq!(seconds(&store, &all[0]), [0, 1, 2, 6, 7, 8, 9]);
        assert_eq!([&all[1], &all[2]].map(|key| seconds(&store, key).len()), [10, 10]);
        assert_eq!(store.verify().unwrap().damaged, 0);
        // What comes later for the same time is there.
        append(&store, "m,host=a f=1 4\n");
        assert_eq!(seconds(&store, &all[0]), [0, 1, 2, 4, 6, 7, 8, 9]);
    }

    #[test]
    fn a_series_that_loses_everything_is_gone_also_where_it_was_downsampled() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        append(&store, "m,host=a f=1 10\nm,host=a f=2 20\nn f=1 10\n");
        store.seal().unwrap();
        store.downsample(Resolution::Minute, 86_400_000, &[]).unwrap();
        append(&store, "m,host=a f=3 200000\n");
        let gone = keys(&store, "m");
        store.delete_samples(&gone, Window { start_ms: 0, end_ms: i64::MAX }).unwrap();
        assert_eq!(keys(&store, "m"), []);
        assert_eq!(seconds(&store, &keys(&store, "n")[0]), [10]);
        append(&store, "m,host=a f=4 300000\n");
        assert_eq!(seconds(&store, &gone[0]), [300_000]);
        assert_eq!(store.verify().unwrap().damaged, 0);
    }
}
