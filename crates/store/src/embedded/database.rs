//! The SQLite file: groups of series, their chunks, and which segments of the journal have become chunks.
//!
//! Only sealing, merging and deleting write here, each in one transaction. With a rollback journal a page that is new
//! is written once, where a write-ahead log would write it twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use picollect_store_format::{ChunkColumn, Head, Kind, MAX_CHUNK_SPAN_MS, Samples, rollup};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params,
};

use super::change::Change;
use super::format_1;
use super::rolling::{Resolution, STEPS_MS};
use crate::{Cause, Selector, SeriesKey, StoreError};

/// The file in the data directory.
pub(super) const FILE: &str = "store.sqlite";
/// Version of the format, in SQLite's `user_version`.
const FORMAT: i64 = 3;
/// A process waits so long for another one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Half a page of each chunk's last one is empty, so small pages make a small file.
pub(super) const PAGE_BYTES: i64 = 1024;

const SCHEMA: &str = "
    CREATE TABLE point_group (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        measurement TEXT NOT NULL,
        tags TEXT NOT NULL,
        UNIQUE (measurement, tags)
    ) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        point_group INTEGER NOT NULL,
        field TEXT NOT NULL,
        type INTEGER NOT NULL,
        UNIQUE (point_group, field)
    ) STRICT;
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        point_group INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        points INTEGER NOT NULL,
        head BLOB NOT NULL,
        data BLOB NOT NULL,
        step_ms INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX chunk_time ON chunk (point_group, step_ms, end_ms, start_ms);
    CREATE TABLE sealed (segment INTEGER PRIMARY KEY) STRICT;
";

/// What format 2 lacks: it rolled nothing up.
const FROM_FORMAT_2: &str = "
    ALTER TABLE chunk ADD COLUMN step_ms INTEGER NOT NULL DEFAULT 0;
    DROP INDEX chunk_time;
    CREATE INDEX chunk_time ON chunk (point_group, step_ms, end_ms, start_ms);
";

/// A connection to the file.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
}

/// A chunk without its data.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Its row.
    pub(super) id: i64,
    /// The segment that it was, which says what was written later.
    pub(super) segment: u64,
    /// The steps that its samples are rolled up to; 0 if they are as they came.
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

    /// How many samples.
    pub(super) fn samples(&self) -> usize {
        let of_samples = self.head.columns.iter().filter(|column| self.series_of(column.series).1);
        of_samples.map(|column| self.head.sets[column.set].count).sum()
    }
}

/// How long a chunk of these steps may be.
pub(super) fn longest_ms(step_ms: i64) -> i64 {
    match Resolution::ALL.into_iter().find(|resolution| resolution.step_ms() == step_ms) {
        Some(resolution) => resolution.page_ms(),
        None => MAX_CHUNK_SPAN_MS,
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        failed(error)
    }
}

pub(super) fn failed(cause: impl Into<Cause>) -> StoreError {
    StoreError::Engine { message: "the store failed".to_owned(), source: cause.into() }
}

/// A chunk that cannot be read.
pub(super) fn damaged(id: i64, why: impl Into<Cause>) -> StoreError {
    let message = format!("chunk {id} of the store cannot be read; restore {FILE} from a backup");
    StoreError::Engine { message, source: why.into() }
}

impl Database {
    /// Opens the file in this directory, makes it, or turns it into what this version reads.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let open = |source| StoreError::Open { path: path.display().to_string(), source };
        Self::at(&path).map_err(|error| open(error.into()))
    }

    fn at(path: &Path) -> Result<Self, rusqlite::Error> {
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "truncate")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // Otherwise a large transaction would keep readers out long before its end.
        connection.pragma_update(None, "cache_spill", false)?;
        create_tables(&mut connection)?;
        format_1::convert(&mut connection, path)?;
        Ok(Self { connection })
    }

    /// The connection itself, for a copy of the file.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What tells this store from any other.
    pub(super) fn identity(&self) -> Result<String, StoreError> {
        let query = "SELECT value FROM meta WHERE key = 'identity'";
        Ok(self.connection.query_row(query, [], |row| row.get(0))?)
    }

    /// Bytes of the file that are in use; what was deleted leaves room for what comes.
    pub(super) fn used_bytes(&self) -> Result<u64, StoreError> {
        let query = "SELECT (page_count - freelist_count) * page_size
             FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()";
        Ok(self.connection.query_row(query, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// Bytes of the file.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        let query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        Ok(self.connection.query_row(query, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// The highest number of a segment that has become chunks.
    pub(super) fn last_sealed(&self) -> Result<u64, StoreError> {
        let query = "SELECT coalesce(max(segment), 0) FROM sealed";
        Ok(self.connection.query_row(query, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// How many series have chunks.
    pub(super) fn count_series(&self) -> Result<usize, StoreError> {
        let query = "SELECT count(*) FROM series";
        Ok(usize::try_from(self.connection.query_row(query, [], |row| row.get::<_, i64>(0))?).unwrap_or(0))
    }

    /// The type of a series.
    pub(super) fn kind(&self, key: &SeriesKey) -> Result<Option<Kind>, StoreError> {
        let query = "SELECT type FROM series WHERE field = ?3 AND point_group =
                       (SELECT id FROM point_group WHERE measurement = ?1 AND tags = ?2)";
        let of = params![key.measurement, SeriesKey::tags_text(&key.tags), key.field];
        let kind = self.connection.prepare_cached(query)?.query_row(of, |row| row.get(0)).optional()?;
        Ok(kind.and_then(Kind::from_number))
    }

    /// A view of the file that no other process changes meanwhile.
    pub(super) fn view(&mut self) -> Result<View<'_>, StoreError> {
        Ok(View { transaction: self.connection.transaction()? })
    }

    /// A transaction that writes; it waits for another one's.
    pub(super) fn change(&mut self) -> Result<Change<'_>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Change { view: View { transaction } })
    }
}

pub(super) fn create_tables(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        0 => {
            let identity = "lower(hex(randomblob(16)))";
            transaction.execute_batch(&format!(
                "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
                 INSERT INTO meta VALUES ('identity', {identity});"
            ))?;
        }
        1 => format_1::set_aside(&transaction)?,
        2 => {
            transaction.execute_batch(FROM_FORMAT_2)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            return transaction.commit();
        }
        FORMAT => return Ok(()),
        _ => {
            let text = format!("it has format {format}; this version of picollect reads format {FORMAT}");
            return Err(rusqlite::Error::ToSqlConversionFailure(text.into()));
        }
    }
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// The file as it is at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) transaction: Transaction<'a>,
}

impl View<'_> {
    /// Whether a segment has become chunks.
    pub(super) fn is_sealed(&self, segment: u64) -> Result<bool, StoreError> {
        let query = "SELECT 1 FROM sealed WHERE segment = ?1";
        Ok(self.transaction.prepare_cached(query)?.exists([segment.cast_signed()])?)
    }

    /// The series that match, in no order.
    pub(super) fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let mut statement = self.transaction.prepare_cached(
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
        Ok(self.transaction.prepare_cached(query)?.query_row(of, row).optional()?)
    }

    /// All groups: row, measurement and tags.
    pub(super) fn named_groups(&self) -> Result<Vec<(i64, String, String)>, StoreError> {
        let mut groups = self.transaction.prepare_cached("SELECT id, measurement, tags FROM point_group")?;
        let rows = groups.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// From the first to the last sample of a group, whatever its chunks' steps.
    pub(super) fn span(&self, group: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let span = "SELECT min(start_ms), max(end_ms) FROM chunk WHERE point_group = ?1";
        let span = self
            .transaction
            .prepare_cached(span)?
            .query_row([group], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?)))?;
        Ok(span)
    }

    /// When the last of a group's chunks ends that ends before a time.
    pub(super) fn last_end(&self, group: i64, before_ms: i64) -> Result<Option<i64>, StoreError> {
        let last = "SELECT max(end_ms) FROM chunk WHERE point_group = ?1 AND step_ms = ?2 AND end_ms <= ?3";
        let mut statement = self.transaction.prepare_cached(last)?;
        let mut latest: Option<i64> = None;
        for step_ms in STEPS_MS {
            latest = latest.max(statement.query_row([group, step_ms, before_ms], |row| row.get(0))?);
        }
        Ok(latest)
    }

    /// The rows of all groups.
    pub(super) fn groups(&self) -> Result<Vec<i64>, StoreError> {
        let mut groups = self.transaction.prepare_cached("SELECT id FROM point_group ORDER BY id")?;
        let rows = groups.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the last point of a resolution is.
    pub(super) fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError> {
        let last = "SELECT max(end_ms) FROM point_group CROSS JOIN chunk ON point_group = point_group.id
             WHERE step_ms = ?1";
        Ok(self.transaction.prepare_cached(last)?.query_row([resolution.step_ms()], |row| row.get(0))?)
    }

    /// When the first sample of a group in chunks of some steps is, unless it is later than `until_ms`.
    pub(super) fn first_of(
        &self,
        group: i64,
        steps: &[i64],
        until_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut first = self.transaction.prepare_cached(
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
        let mut statement = self.transaction.prepare_cached(
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
        let mut statement = self.transaction.prepare_cached(
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
        let mut ids = self.transaction.prepare_cached(ids)?;
        let rows = ids.query_map([after, most], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A chunk without its data.
    pub(super) fn chunk(&self, id: i64) -> Result<Chunk, StoreError> {
        let row = "SELECT segment, step_ms, head FROM chunk WHERE id = ?1";
        let mut statement = self.transaction.prepare_cached(row)?;
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?));
        let (segment, step_ms, head) = statement.query_row([id], row)?;
        let head = Head::read(&head).map_err(|why| damaged(id, why))?;
        Ok(Chunk { id, segment: segment.cast_unsigned(), step_ms, head })
    }

    /// Which of these are no series.
    pub(super) fn unknown_series(&self, series: &BTreeSet<u64>) -> Result<Vec<u64>, StoreError> {
        let mut known = self.transaction.prepare_cached("SELECT 1 FROM series WHERE id = ?1")?;
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
        let mut statement = self.transaction.prepare_cached("SELECT data FROM chunk WHERE id = ?1")?;
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
