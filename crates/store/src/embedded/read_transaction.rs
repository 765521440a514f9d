//! Reading the SQLite file: one transaction sees it as it is at one moment.

use std::collections::BTreeSet;

use picollect_store_format::{ChunkColumn, Head, Kind, Samples, rollup};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::errors::{damaged, failed};
use crate::resolution::{STEPS_MS, longest_ms};
use crate::{Resolution, Selector, SeriesKey, StoreError};

/// A chunk without its data.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Its row; of chunks of one segment, a higher one is later.
    pub(super) id: i64,
    /// The segment that it was, which says what was written later.
    pub(super) segment: u64,
    /// The steps that its samples are downsampled to; 0 if they are as they came.
    pub(super) step_ms: i64,
    /// What is in it.
    pub(super) head: Head,
}

impl Chunk {
    /// The series of a column, and whether the column has its samples.
    pub(super) fn series_of(&self, column: u64) -> (u64, bool) {
        if self.step_ms == 0 { (column, true) } else { rollup::series_of(column) }
    }

    /// The number of such a column if it is another series'.
    pub(super) fn column_of(&self, column: u64, series: u64) -> u64 {
        if self.step_ms == 0 { series } else { rollup::column_of(column, series) }
    }

    /// The series that have samples here.
    pub(super) fn series(&self) -> BTreeSet<u64> {
        self.head.columns.iter().map(|column| self.series_of(column.series).0).collect()
    }

    /// How many samples it has; of a downsampled one, those that were kept.
    pub(super) fn samples(&self) -> usize {
        let of_samples = self.head.columns.iter().filter(|column| self.series_of(column.series).1);
        of_samples.map(|column| self.head.sets[column.set].count).sum()
    }
}

/// The file as it is at one moment.
#[derive(Debug)]
pub(super) struct ReadTransaction<'a> {
    /// SQLite's own; what writes has the same.
    pub(super) sqlite: Transaction<'a>,
}

impl<'a> ReadTransaction<'a> {
    pub(super) fn new(sqlite: Transaction<'a>) -> Self {
        Self { sqlite }
    }

    /// Whether a segment has become chunks.
    pub(super) fn is_sealed(&self, segment: u64) -> Result<bool, StoreError> {
        let query = "SELECT 1 FROM sealed WHERE segment = ?1";
        Ok(self.sqlite.prepare_cached(query)?.exists([segment.cast_signed()])?)
    }

    /// The series that match, in no order.
    pub(super) fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let mut statement = self.sqlite.prepare_cached(
            "SELECT measurement, field, tags FROM series JOIN point_group ON point_group.id = point_group
             WHERE measurement = coalesce(?1, measurement) AND field = coalesce(?2, field)",
        )?;
        let key = |row: &Row<'_>| {
            let tags = SeriesKey::tags_from_text(&row.get::<_, String>(2)?);
            Ok(SeriesKey { measurement: row.get(0)?, field: row.get(1)?, tags })
        };
        let rows = statement.query_map(params![selector.measurement, selector.field], key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The rows of a series' group and of the series.
    pub(super) fn find(&self, key: &SeriesKey) -> Result<Option<(i64, u64)>, StoreError> {
        let query = "SELECT point_group, id FROM series WHERE field = ?3 AND point_group =
                       (SELECT id FROM point_group WHERE measurement = ?1 AND tags = ?2)";
        let of = params![key.measurement, SeriesKey::tags_text(&key.tags), key.field];
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
        Ok(self.sqlite.prepare_cached(query)?.query_row(of, row).optional()?)
    }

    /// All groups: row, measurement and tags.
    pub(super) fn named_groups(&self) -> Result<Vec<(i64, String, String)>, StoreError> {
        let mut groups = self.sqlite.prepare_cached("SELECT id, measurement, tags FROM point_group")?;
        let rows = groups.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// From the first to the last sample of a group, whatever its chunks' steps.
    pub(super) fn span(&self, group: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let span = "SELECT min(start_ms), max(end_ms) FROM chunk WHERE point_group = ?1";
        let span = self
            .sqlite
            .prepare_cached(span)?
            .query_row([group], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?)))?;
        Ok(span)
    }

    /// When the last of a group's chunks ends that ends before a time.
    pub(super) fn last_end(&self, group: i64, before_ms: i64) -> Result<Option<i64>, StoreError> {
        let last = "SELECT max(end_ms) FROM chunk WHERE point_group = ?1 AND step_ms = ?2 AND end_ms <= ?3";
        let mut statement = self.sqlite.prepare_cached(last)?;
        let mut latest: Option<i64> = None;
        for step_ms in STEPS_MS {
            latest = latest.max(statement.query_row([group, step_ms, before_ms], |row| row.get(0))?);
        }
        Ok(latest)
    }

    /// The rows of all groups.
    pub(super) fn groups(&self) -> Result<Vec<i64>, StoreError> {
        let mut groups = self.sqlite.prepare_cached("SELECT id FROM point_group ORDER BY id")?;
        let rows = groups.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the last point of a resolution is.
    pub(super) fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError> {
        let last = "SELECT max(end_ms) FROM point_group CROSS JOIN chunk ON point_group = point_group.id
             WHERE step_ms = ?1";
        Ok(self.sqlite.prepare_cached(last)?.query_row([resolution.step_ms()], |row| row.get(0))?)
    }

    /// When the first sample of a group in chunks of some steps is, unless it is later than `until_ms`.
    pub(super) fn first_of(
        &self,
        group: i64,
        steps: &[i64],
        until_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut first = self.sqlite.prepare_cached(
            "SELECT min(start_ms) FROM chunk
             WHERE point_group = ?1 AND step_ms = ?2 AND end_ms <= ?3 AND start_ms <= ?4",
        )?;
        let mut earliest: Option<i64> = None;
        for step_ms in steps {
            let latest_ms = until_ms.saturating_add(longest_ms(*step_ms));
            let of_step: Option<i64> =
                first.query_row(params![group, step_ms, latest_ms, until_ms], |row| row.get(0))?;
            earliest = earliest.into_iter().chain(of_step).min();
        }
        Ok(earliest)
    }

    /// A group's series: number, measurement, field and type.
    pub(super) fn series_in(&self, group: i64) -> Result<Vec<(u64, String, String, Kind)>, StoreError> {
        let mut statement = self.sqlite.prepare_cached(
            "SELECT series.id, measurement, field, type FROM series
             JOIN point_group ON point_group.id = point_group WHERE point_group = ?1",
        )?;
        let series = |row: &Row<'_>| {
            let kind = Kind::from_number(row.get(3)?).unwrap_or(Kind::Text);
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?, row.get(2)?, kind))
        };
        let rows = statement.query_map([group], series)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A group's chunks of these steps that have samples from `start_ms` to `end_ms`.
    pub(super) fn chunks(
        &self,
        group: i64,
        step_ms: i64,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<Chunk>, StoreError> {
        let mut statement = self.sqlite.prepare_cached(
            "SELECT id, segment, head FROM chunk
             WHERE point_group = ?1 AND step_ms = ?2 AND end_ms BETWEEN ?3 AND ?5 AND start_ms <= ?4",
        )?;
        // No chunk that begins within the window ends later than this.
        let latest_ms = end_ms.saturating_add(longest_ms(step_ms));
        let mut rows = statement.query(params![group, step_ms, start_ms, end_ms, latest_ms])?;
        let mut chunks = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, segment) = (row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
            let bytes = row.get_ref(2)?.as_blob().map_err(failed)?;
            let head = Head::read(bytes).map_err(|why| damaged(id, why))?;
            chunks.push(Chunk { id, segment, step_ms, head });
        }
        Ok(chunks)
    }

    /// The rows of chunks behind this one, in order.
    pub(super) fn chunk_ids(&self, after: i64, most: i64) -> Result<Vec<i64>, StoreError> {
        let ids = "SELECT id FROM chunk WHERE id > ?1 ORDER BY id LIMIT ?2";
        let mut ids = self.sqlite.prepare_cached(ids)?;
        let rows = ids.query_map([after, most], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A chunk without its data.
    pub(super) fn chunk(&self, id: i64) -> Result<Chunk, StoreError> {
        let row = "SELECT segment, step_ms, head FROM chunk WHERE id = ?1";
        let mut statement = self.sqlite.prepare_cached(row)?;
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?));
        let (segment, step_ms, head) = statement.query_row([id], row)?;
        let head = Head::read(&head).map_err(|why| damaged(id, why))?;
        Ok(Chunk { id, segment: segment.cast_unsigned(), step_ms, head })
    }

    /// Which of these are no series.
    pub(super) fn unknown_series(&self, series: &BTreeSet<u64>) -> Result<Vec<u64>, StoreError> {
        let mut known = self.sqlite.prepare_cached("SELECT 1 FROM series WHERE id = ?1")?;
        let mut unknown = Vec::new();
        for id in series {
            if !known.exists([id.cast_signed()])? {
                unknown.push(*id);
            }
        }
        Ok(unknown)
    }

    /// A chunk's column of a series.
    pub(super) fn samples(&self, chunk: &Chunk, series: u64) -> Result<Option<Samples>, StoreError> {
        let mut column = self.columns(chunk, std::iter::once(series))?;
        Ok(column.pop().map(|(_, samples)| samples))
    }

    /// Those of a chunk's columns that have these numbers.
    pub(super) fn columns(
        &self,
        chunk: &Chunk,
        numbers: impl Iterator<Item = u64>,
    ) -> Result<Vec<(u64, Samples)>, StoreError> {
        let columns = numbers.filter_map(|number| chunk.head.column(number)).map(|(column, _)| column);
        self.decoded(chunk, &columns.collect::<Vec<_>>())
    }

    fn decoded(&self, chunk: &Chunk, columns: &[&ChunkColumn]) -> Result<Vec<(u64, Samples)>, StoreError> {
        let mut statement = self.sqlite.prepare_cached("SELECT data FROM chunk WHERE id = ?1")?;
        let mut rows = statement.query([chunk.id])?;
        let Some(row) = rows.next()? else { return Ok(Vec::new()) };
        let data = row.get_ref(0)?.as_blob().map_err(failed)?;
        let samples = |column: &&ChunkColumn| {
            let samples = chunk.head.samples(column, data).map_err(|why| damaged(chunk.id, why))?;
            Ok((column.series, samples))
        };
        columns.iter().map(samples).collect()
    }

    /// All columns of a chunk with their series.
    pub(super) fn all(&self, chunk: &Chunk) -> Result<Vec<(u64, Samples)>, StoreError> {
        self.decoded(chunk, &chunk.head.columns.iter().collect::<Vec<_>>())
    }
}
