//! The SQLite file: groups of series, their chunks, and which segments of the journal have become chunks.
//!
//! Only sealing, merging and deleting write here, each in one transaction. With a rollback journal a page that is new
//! is written once, where a write-ahead log would write it twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use picollect_store_format::{ChunkColumn, Head, Kind, MAX_CHUNK_SPAN_MS, Samples};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params,
};

use super::change::Change;
use super::format_1;
use crate::store::{Cause, Selector, SeriesKey, StoreError};

/// The file in the data directory.
pub(super) const FILE: &str = "store.sqlite";
/// Version of the format, in SQLite's `user_version`.
const FORMAT: i64 = 2;
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
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX chunk_time ON chunk (point_group, end_ms, start_ms);
    CREATE TABLE sealed (segment INTEGER PRIMARY KEY) STRICT;
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
    /// What is in it.
    pub(super) head: Head,
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

    /// A group's chunks that have samples from `start_ms` to `end_ms`.
    pub(super) fn chunks(&self, group: i64, start_ms: i64, end_ms: i64) -> Result<Vec<Chunk>, StoreError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT id, segment, head FROM chunk
             WHERE point_group = ?1 AND end_ms BETWEEN ?2 AND ?4 AND start_ms <= ?3",
        )?;
        // No chunk that begins within the window ends later than this.
        let latest_ms = end_ms.saturating_add(MAX_CHUNK_SPAN_MS);
        let mut rows = statement.query(params![group, start_ms, end_ms, latest_ms])?;
        let mut chunks = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, segment) = (row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
            let bytes = row.get_ref(2)?.as_blob().map_err(failed)?;
            chunks.push(Chunk { id, segment, head: Head::read(bytes).map_err(|why| damaged(id, why))? });
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
        let row = "SELECT segment, head FROM chunk WHERE id = ?1";
        let mut row = self.transaction.prepare_cached(row)?;
        let (segment, head): (i64, Vec<u8>) = row.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let head = Head::read(&head).map_err(|why| damaged(id, why))?;
        Ok(Chunk { id, segment: segment.cast_unsigned(), head })
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
        let Some((column, _)) = chunk.head.column(series) else { return Ok(None) };
        self.decoded(chunk, &[column]).map(|mut columns| columns.pop().map(|(_, samples)| samples))
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
