//! Another value of a tag, for every series that has it.

use super::shared::{Shared, lock};
use crate::{SeriesKey, StoreError};

/// A group that has the tag: its row, its measurement and all its tags.
struct Found {
    group: i64,
    measurement: String,
    tags: Vec<(String, String)>,
}

impl Shared {
    /// From the first to the last sealed sample of the series in which a tag has this value.
    pub(super) fn span_of(
        &self,
        (tag, value): (&str, &str),
        except: &[&str],
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let mut database = lock(&self.reader);
        let read = database.read()?;
        let mut span: Option<(i64, i64)> = None;
        for Found { group, measurement, .. } in found(read.named_groups()?, tag, value) {
            if except.contains(&&*measurement) {
                continue;
            }
            if let Some((first_ms, last_ms)) = read.span(group)? {
                let (from_ms, to_ms) = span.unwrap_or((first_ms, last_ms));
                span = Some((first_ms.min(from_ms), last_ms.max(to_ms)));
            }
        }
        Ok(span)
    }

    /// Gives a tag another value wherever it has the first one; says in how many groups.
    pub(super) fn rename(&self, tag: &str, from: &str, to: &str) -> Result<usize, StoreError> {
        self.seal_all()?;
        let mut database = lock(&self.writer);
        let groups = found(database.read()?.named_groups()?, tag, from);
        let renamed = groups.len();
        for Found { group, measurement, mut tags } in groups {
            for (name, value) in &mut tags {
                if name == tag {
                    to.clone_into(value);
                }
            }
            let write = database.write()?;
            write.rename_group(group, &measurement, &SeriesKey::tags_text(&tags))?;
            write.commit()?;
        }
        Ok(renamed)
    }
}

fn found(groups: Vec<(i64, String, String)>, tag: &str, value: &str) -> Vec<Found> {
    let groups = groups.into_iter().map(|(group, measurement, tags)| Found {
        group,
        measurement,
        tags: SeriesKey::tags_from_text(&tags),
    });
    let has = |found: &Found| found.tags.iter().any(|(name, has)| name == tag && has == value);
    groups.filter(has).collect()
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::Window;
    use picollect_telemetry::line::{Precision, decode};

    use crate::{EmbeddedStore, Maintenance as _, Resolution, Selector, Store as _, open};

    fn append(store: &EmbeddedStore, lines: &str) {
        let batch = decode(lines.as_bytes(), Precision::Seconds, 0);
        assert_eq!(batch.errors, []);
        store.append(&batch.points).unwrap();
    }

    #[test]
    fn two_histories_become_one_whatever_they_are_stored_as() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        append(&store, "m,host=a,zone=b f=1,g=5i 10\nm,host=a f=7 20\nn,host=a\\ 2 f=1 10\n");
        store.seal().unwrap();
        store.downsample(Resolution::Minute, 86_400_000, &[]).unwrap();
        append(&store, "m,host=a,zone=b f=2 100000\nm,host=b,zone=b g=6i,f=3 200000\n");
        assert_eq!(store.span_of(("host", "a"), &["n"]).unwrap(), Some((10_000, 20_000)));
        assert_eq!(store.rename("host", "a", "b").unwrap(), 2);
        assert_eq!(store.rename("host", "a", "b").unwrap(), 0);
        let tags = [("host", "b"), ("zone", "b")];
        let numbers = |field| -> Vec<(i64, Option<f64>)> {
            let key = store.series(&Selector { field: Some(field), measurement: Some("m"), tags: &tags });
            let key = key.unwrap().remove(0);
            let samples = store.read(&key, Window { start_ms: 0, end_ms: i64::MAX }, 0).unwrap();
            samples.iter().map(|sample| (sample.t_ms / 1000, sample.value.as_f64())).collect()
        };
        assert_eq!(numbers("f"), [(10, Some(1.0)), (100_000, Some(2.0)), (200_000, Some(3.0))]);
        assert_eq!(numbers("g"), [(10, Some(5.0)), (200_000, Some(6.0))]);
        let hosts: Vec<_> = store.series(&Selector::default()).unwrap();
        assert!(hosts.iter().all(|key| key.tag("host") != Some("a")), "{hosts:?}");
        assert!(hosts.iter().any(|key| key.tag("host") == Some("a 2")));
        assert_eq!(store.verify().unwrap().damaged, 0);
    }
}
