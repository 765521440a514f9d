//! Format 1 kept a row for each sample. It is turned into chunks when the store is opened, a piece at a time, so that
//! whoever is interrupted goes on where it was.

use picollect_store_format::{Kind, Samples, Values};
use rusqlite::{OptionalExtension as _, Row, params};

use super::database::Database;
use super::journal::BEFORE_ALL_SEGMENTS;
use super::write_transaction::WriteTransaction;
use crate::StoreError;

/// Samples of a series in one piece: what a transaction holds in memory.
const PIECE_SAMPLES: i64 = 20_000;

/// Turns what `schema` has put aside into chunks. Does nothing where nothing is.
pub(super) fn convert(database: &mut Database) -> Result<(), StoreError> {
    let path = database.path().display().to_string();
    convert_all(database, &path).map_err(|error| StoreError::Open { path, source: error.into() })
}

fn convert_all(database: &mut Database, path: &str) -> Result<(), StoreError> {
    if !database.connection().table_exists(None, "sample_1")? {
        return Ok(());
    }
    tracing::info!("`{path}` has format 1 and is converted; this is done once");
    let mut samples = 0;
    while let Some(converted) = convert_piece(database)? {
        samples += converted;
    }
    // What is left is mostly free pages; a store that somebody else has open is made smaller next time.
    if let Err(error) = database.connection().execute_batch("VACUUM") {
        tracing::warn!("`{path}` could not be made smaller: {error}");
    }
    tracing::info!("`{path}` is converted: {samples} samples");
    Ok(())
}

/// The first samples of one group; `None` when all are done.
fn convert_piece(database: &mut Database) -> Result<Option<usize>, StoreError> {
    let write = database.write()?;
    let sqlite = &write.read.sqlite;
    if !sqlite.table_exists(None, "sample_1")? {
        return Ok(None);
    }
    let first = "SELECT measurement, tags FROM series_1 LIMIT 1";
    let names = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let Some((measurement, tags)) = sqlite.query_row(first, [], names).optional()? else {
        sqlite.execute_batch("DROP TABLE sample_1; DROP TABLE series_1;")?;
        write.commit()?;
        return Ok(None);
    };
    let converted = convert_group(&write, &measurement, &tags)?;
    write.commit()?;
    Ok(Some(converted))
}

struct Old {
    id: i64,
    field: String,
    kind: Kind,
}

fn convert_group(write: &WriteTransaction<'_>, measurement: &str, tags: &str) -> Result<usize, StoreError> {
    let series = old_series(write, measurement, tags)?;
    let until_ms = end_of_piece(write, &series)?;
    let group = write.group(measurement, tags)?;
    let (mut columns, mut samples) = (Vec::new(), 0);
    for old in &series {
        let of_series = old_samples(write, old, until_ms)?;
        samples += of_series.len();
        if !of_series.is_empty() {
            columns.push((write.series(group, &old.field, old.kind)?, of_series));
        }
        let sqlite = &write.read.sqlite;
        let delete = "DELETE FROM sample_1 WHERE series = ?1 AND t_ms <= ?2";
        sqlite.execute(delete, params![old.id, until_ms])?;
        let done =
            "DELETE FROM series_1 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM sample_1 WHERE series = ?1)";
        sqlite.execute(done, [old.id])?;
    }
    write.insert(group, BEFORE_ALL_SEGMENTS, 0, &columns)?;
    Ok(samples)
}

fn old_series(write: &WriteTransaction<'_>, measurement: &str, tags: &str) -> Result<Vec<Old>, StoreError> {
    let query = "SELECT id, field, type FROM series_1 WHERE measurement = ?1 AND tags = ?2";
    let mut statement = write.read.sqlite.prepare_cached(query)?;
    let old = |row: &Row<'_>| {
        let kind = Kind::from_number(row.get(2)?).unwrap_or(Kind::Text);
        Ok(Old { id: row.get(0)?, field: row.get(1)?, kind })
    };
    let rows = statement.query_map([measurement, tags], old)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last time of the piece: all series of a group end together, so that they share their times.
fn end_of_piece(write: &WriteTransaction<'_>, series: &[Old]) -> Result<i64, StoreError> {
    let query = "SELECT t_ms FROM sample_1 WHERE series = ?1 ORDER BY t_ms LIMIT 1 OFFSET ?2";
    let mut statement = write.read.sqlite.prepare_cached(query)?;
    let mut until_ms = i64::MAX;
    for old in series {
        let at: Option<i64> = statement.query_row([old.id, PIECE_SAMPLES], |row| row.get(0)).optional()?;
        until_ms = until_ms.min(at.unwrap_or(i64::MAX));
    }
    Ok(until_ms)
}

fn old_samples(write: &WriteTransaction<'_>, old: &Old, until_ms: i64) -> Result<Samples, StoreError> {
    let query = "SELECT t_ms, value FROM sample_1 WHERE series = ?1 AND t_ms <= ?2 ORDER BY t_ms";
    let mut statement = write.read.sqlite.prepare_cached(query)?;
    let mut rows = statement.query([old.id, until_ms])?;
    let mut samples = Samples::new(old.kind);
    while let Some(row) = rows.next()? {
        samples.times.push(row.get(0)?);
        match &mut samples.values {
            Values::Float(values) => values.push(row.get(1)?),
            Values::Int(values) => values.push(row.get(1)?),
            Values::UInt(values) => values.push(row.get::<_, i64>(1)?.cast_unsigned()),
            Values::Bool(values) => values.push(row.get(1)?),
            Values::Text(values) => values.push(row.get(1)?),
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::Window;
    use picollect_telemetry::Value;
    use rusqlite::Connection;

    use std::path::Path;

    use super::*;
    use crate::{Maintenance as _, Selector, SeriesKey, Store as _, open};

    /// The tables as version 1 made them.
    const OLD: &str = "
        PRAGMA journal_mode = wal;
        PRAGMA user_version = 1;
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
        INSERT INTO meta VALUES ('identity', '00112233445566778899aabbccddeeff');
        CREATE TABLE series (
            id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, field TEXT NOT NULL, tags TEXT NOT NULL,
            type INTEGER NOT NULL, UNIQUE (measurement, field, tags)
        ) STRICT;
        CREATE TABLE sample (
            series INTEGER NOT NULL, t_ms INTEGER NOT NULL, value ANY NOT NULL, PRIMARY KEY (series, t_ms)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO series VALUES
            (1, 'm', 'f', 'host=a\\,b', 1), (2, 'm', 'i', 'host=a\\,b', 2), (3, 'm', 'u', 'host=a\\,b', 3),
            (4, 'm', 'b', '', 4), (5, 'n', 't', '', 5);
        INSERT INTO sample VALUES (2, 5, -7), (3, 5, -1), (4, 6, 1), (5, 7, 'text');
        WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 59999)
            INSERT INTO sample SELECT 1, n * 1000, n * 0.5 FROM n;
    ";

    fn all(store: &crate::EmbeddedStore, key: &SeriesKey) -> Vec<Value> {
        let window = Window { start_ms: 0, end_ms: 1_000_000_000 };
        store.read(key, window, 0).unwrap().into_iter().map(|sample| sample.value).collect()
    }

    fn assert_converted(directory: &Path) {
        let store = open(directory).unwrap();
        assert_eq!(store.identity().unwrap(), "00112233445566778899aabbccddeeff");
        let keys = store.series(&Selector::default()).unwrap();
        let [truth, float, int, uint, text] = &keys[..] else { panic!("{keys:?}") };
        assert_eq!(float.tag("host"), Some("a,b"));
        let want: Vec<Value> = (0..60_000).map(|n| Value::Float(f64::from(n) * 0.5)).collect();
        assert_eq!(all(&store, float), want);
        assert_eq!(all(&store, truth), [Value::Bool(true)]);
        assert_eq!(all(&store, int), [Value::Int(-7)]);
        assert_eq!(all(&store, uint), [Value::UInt(u64::MAX)]);
        assert_eq!(all(&store, text), [Value::Text("text".into())]);
        assert!(store.size_bytes().unwrap() < 150_000, "{:?}", store.size_bytes());
    }

    #[test]
    fn a_store_of_version_1_is_converted_when_it_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        Connection::open(directory.path().join("store.sqlite")).unwrap().execute_batch(OLD).unwrap();
        assert_converted(directory.path());
        assert_converted(directory.path());
    }

    #[test]
    fn a_conversion_that_was_interrupted_goes_on_where_it_was() {
        for pieces in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            Connection::open(directory.path().join("store.sqlite")).unwrap().execute_batch(OLD).unwrap();
            let mut database = Database::open(directory.path()).unwrap();
            for _ in 0..pieces {
                convert_piece(&mut database).unwrap();
            }
            drop(database);
            assert_converted(directory.path());
        }
    }
}
