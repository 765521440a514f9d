//! The segments that other processes write, or have left behind.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use picollect_store_format::{Kind, Samples};

use super::journal::Journal;
use super::segment_reader::SegmentReader;
use super::segment_table::{kind_in, samples_between};
use crate::{SeriesKey, StoreError};

/// What has been read so far of segments that are not this process's.
#[derive(Debug, Default)]
pub(super) struct ForeignSegments {
    segments: BTreeMap<u64, SegmentReader>,
}

impl ForeignSegments {
    /// Reads what is new in the segments that are not this process's `own`.
    pub(super) fn refresh(&mut self, journal: &Journal, own: &[u64]) -> Result<(), StoreError> {
        let mut there = journal.numbers()?;
        there.retain(|number| !own.contains(number));
        self.segments.retain(|number, _| there.contains(number));
        for number in there {
            match self.segments.entry(number) {
                Entry::Occupied(known) => known.into_mut().refresh()?,
                Entry::Vacant(new) => {
                    if let Some(reading) = journal.read(number)? {
                        new.insert(reading).refresh()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The segments with their numbers.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u64, &SegmentReader)> {
        self.segments.iter().map(|(number, reading)| (*number, reading))
    }

    /// The type of a series, as far as the segments have been read.
    pub(super) fn kind(&self, key: &SeriesKey) -> Option<Kind> {
        self.segments().find_map(|(_, reading)| kind_in(reading.table(), key))
    }

    /// What the segments hold of a series from `start_ms` to `end_ms`.
    pub(super) fn samples(
        &self,
        key: &SeriesKey,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(u64, Samples)>, StoreError> {
        let of_each = self.segments().map(|(number, reading)| {
            let samples = samples_between(reading.table(), key, start_ms, end_ms)?;
            Ok(samples.map(|samples| (number, samples)))
        });
        of_each.filter_map(Result::transpose).collect()
    }
}
