//! The SQLite file: groups of series, their chunks, and which segments of the journal have become chunks.
//!
//! Only sealing, compacting, downsampling, renaming and deleting write here, in transactions. With a rollback journal a
//! page that is new is written once, where a write-ahead log would write it twice.

use std::path::{Path, PathBuf};
use std::time::Duration;

use picollect_store_format::Kind;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::read_transaction::ReadTransaction;
use super::schema::{self, FILE};
use super::write_transaction::WriteTransaction;
use crate::{SeriesKey, StoreError};

/// A process waits so long for another one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Half a page of each chunk's last one is empty, so small pages make a small file.
const PAGE_BYTES: i64 = 1024;

/// A connection to the file.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens the file in this directory, makes it, or gives it this version's tables. What format 1 left is still to be
    /// converted then (`format_1`).
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let open = |source| StoreError::Open { path: path.display().to_string(), source };
        let connection = Self::connect(&path).map_err(|error| open(error.into()))?;
        Ok(Self { connection, path })
    }

    fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "truncate")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // Otherwise a large transaction would keep readers out long before its end.
        connection.pragma_update(None, "cache_spill", false)?;
        schema::migrate(&mut connection)?;
        Ok(connection)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The connection itself, for what concerns the file and not what is in it.
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

    /// Begins a transaction that reads: the file as it is at one moment, whatever others write meanwhile.
    pub(super) fn read(&mut self) -> Result<ReadTransaction<'_>, StoreError> {
        Ok(ReadTransaction::new(self.connection.transaction()?))
    }

    /// Begins a transaction that writes; it waits for another one's, for a bounded time.
    pub(super) fn write(&mut self) -> Result<WriteTransaction<'_>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(WriteTransaction::new(ReadTransaction::new(transaction)))
    }
}
