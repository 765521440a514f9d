//! The tables of the SQLite file, and what is done to those of older versions.
//!
//! Format 4 is this one. Format 3 had stats in every chunk, which are read as they are, and the same tables; the number
//! keeps an older program from such chunks, and from a journal whose frames it would not find. Format 2 downsampled
//! nothing, so that its chunks have no step. Format 1 kept a row for each
//! sample: its tables are put aside here, and `format_1` makes chunks of them.

use rusqlite::{Connection, TransactionBehavior};

/// The file in the data directory.
pub(super) const FILE: &str = "store.sqlite";
/// Version of the format, in SQLite's `user_version`.
const FORMAT: i64 = 4;

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

/// What format 2 lacks.
const FROM_FORMAT_2: &str = "
    ALTER TABLE chunk ADD COLUMN step_ms INTEGER NOT NULL DEFAULT 0;
    DROP INDEX chunk_time;
    CREATE INDEX chunk_time ON chunk (point_group, step_ms, end_ms, start_ms);
";

/// Puts the tables of format 1 aside.
const FROM_FORMAT_1: &str = "
    ALTER TABLE series RENAME TO series_1;
    ALTER TABLE sample RENAME TO sample_1;
";

/// Makes the tables, or turns those of an older version into them. Fails on a file of a later version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), rusqlite::Error> {
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
        1 => transaction.execute_batch(FROM_FORMAT_1)?,
        2 => {
            transaction.execute_batch(FROM_FORMAT_2)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            return transaction.commit();
        }
        3 => {
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
