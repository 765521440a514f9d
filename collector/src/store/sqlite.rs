//! The embedded back end: one SQLite file in the data directory. Its format is described in
//! `docs/store-format.md`.
//!
//! The write-ahead log makes a write crash-safe: a killed collector loses nothing that it acknowledged;
//! a power cut may lose the last seconds but never damages the file (`synchronous=NORMAL`). A reader in
//! another process (`picollect report --data`) may look on while the collector writes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_telemetry::Value;
use picollect_telemetry::line::Point;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::{Appended, Bucket, Conflict, MAX_SERIES, Selector, SeriesKey, Store, StoreError, StoredSample};

/// Name of the file in the data directory.
const FILE: &str = "store.sqlite";
/// Version of the format, in SQLite's `user_version`.
const FORMAT: i64 = 1;
/// A reader waits so long for a writer in another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        measurement TEXT NOT NULL,
        field TEXT NOT NULL,
        tags TEXT NOT NULL,
        type INTEGER NOT NULL,
        UNIQUE (measurement, field, tags)
    ) STRICT;
    CREATE TABLE sample (
        series INTEGER NOT NULL,
        t_ms INTEGER NOT NULL,
        value ANY NOT NULL,
        PRIMARY KEY (series, t_ms)
    ) STRICT, WITHOUT ROWID;
";

/// Numbers of the types in the `series` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
enum Type {
    Float = 1,
    Int = 2,
    UInt = 3,
    Bool = 4,
    Text = 5,
}

impl Type {
    const ALL: [Self; 5] = [Self::Float, Self::Int, Self::UInt, Self::Bool, Self::Text];

    fn of(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float,
            Value::Int(_) => Self::Int,
            Value::UInt(_) => Self::UInt,
            Value::Bool(_) => Self::Bool,
            Value::Text(_) => Self::Text,
        }
    }

    fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as i64 == number)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "integer",
            Self::UInt => "unsigned",
            Self::Bool => "boolean",
            Self::Text => "string",
        }
    }
}

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    /// Series that have been written or read through this connection.
    known: HashMap<SeriesKey, (i64, Type)>,
}

/// Opens the store in a data directory, which is made if need be.
pub fn open(directory: &Path) -> Result<SqliteStore, StoreError> {
    fs::create_dir_all(directory)
        .map_err(|source| StoreError::Directory { path: directory.display().to_string(), source })?;
    let path = directory.join(FILE);
    SqliteStore::at(&path)
        .map_err(|source| StoreError::Open { path: path.display().to_string(), source: source.into() })
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine { message: "the store failed".to_owned(), source: error.into() }
    }
}

impl SqliteStore {
    fn at(path: &Path) -> Result<Self, rusqlite::Error> {
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        create_tables(&mut connection)?;
        Ok(Self { inner: Mutex::new(Inner { connection, known: HashMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn create_tables(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        let identity = "lower(hex(randomblob(16)))";
        transaction.execute(&format!("INSERT INTO meta VALUES ('identity', {identity})"), [])?;
    } else if format != FORMAT {
        let text = format!("it has format {format}; this version of picollect reads format {FORMAT}");
        return Err(rusqlite::Error::ToSqlConversionFailure(text.into()));
    }
    transaction.commit()
}

impl Store for SqliteStore {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        let Inner { connection, known } = &mut *self.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut new_series = Vec::new();
        let appended = insert(&transaction, known, &mut new_series, points);
        let outcome = appended.and_then(|outcome| transaction.commit().map(|()| outcome));
        if outcome.is_err() {
            // What was rolled back must not be remembered.
            known.retain(|key, _| !new_series.contains(key));
        }
        Ok(outcome?)
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT measurement, field, tags FROM series
             WHERE measurement = coalesce(?1, measurement) AND field = coalesce(?2, field)
             ORDER BY measurement, field, tags",
        )?;
        let rows = statement.query_map(params![selector.measurement, selector.field], key_of)?;
        let keys = rows.collect::<Result<Vec<_>, _>>()?;
        let matches =
            |key: &SeriesKey| selector.tags.iter().all(|(name, value)| key.tag(name) == Some(value));
        Ok(keys.into_iter().filter(matches).collect())
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        let inner = self.lock();
        let Some((id, kind)) = find_series(&inner.connection, key)? else { return Ok(Vec::new()) };
        let mut statement = inner.connection.prepare_cached(
            "SELECT t_ms, value FROM sample WHERE series = ?1
               AND t_ms >= coalesce((SELECT max(t_ms) FROM sample WHERE series = ?1 AND t_ms < ?2 AND t_ms >= ?2 - ?4), ?2)
               AND t_ms <= coalesce((SELECT min(t_ms) FROM sample WHERE series = ?1 AND t_ms > ?3 AND t_ms <= ?3 + ?4), ?3)
             ORDER BY t_ms",
        )?;
        let sample =
            |row: &Row<'_>| Ok(StoredSample { t_ms: row.get(0)?, value: value_of(row.get_ref(1)?, kind) });
        let rows = statement.query_map(params![id, window.start_ms, window.end_ms, around_ms], sample)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        let inner = self.lock();
        let Some((id, kind)) = find_series(&inner.connection, key)? else { return Ok(Vec::new()) };
        if kind == Type::Text {
            return Ok(Vec::new());
        }
        let mut statement = inner.connection.prepare_cached(
            "SELECT step, count(*), sum(x), min(x), max(x),
                    max(CASE WHEN earliest THEN x END), max(CASE WHEN latest THEN x END)
             FROM (SELECT ?2 + (t_ms - ?2) / ?4 * ?4 AS step, CAST(value AS REAL) AS x,
                          t_ms = min(t_ms) OVER w AS earliest, t_ms = max(t_ms) OVER w AS latest
                   FROM sample WHERE series = ?1 AND t_ms >= ?2 AND t_ms < ?3
                   WINDOW w AS (PARTITION BY (t_ms - ?2) / ?4))
             GROUP BY step ORDER BY step",
        )?;
        let bucket = |row: &Row<'_>| {
            Ok(Bucket {
                start_ms: row.get(0)?,
                count: row.get(1)?,
                sum: row.get(2)?,
                min: row.get(3)?,
                max: row.get(4)?,
                first: row.get(5)?,
                last: row.get(6)?,
            })
        };
        let rows = statement.query_map(params![id, window.start_ms, window.end_ms, step_ms], bucket)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError> {
        let Inner { connection, known } = &mut *self.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let deleted = transaction.execute("DELETE FROM sample WHERE t_ms < ?1", [t_ms])?;
        let empty = "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM sample WHERE series = series.id)";
        transaction.execute(empty, [])?;
        known.clear();
        transaction.commit()?;
        Ok(deleted as u64)
    }

    fn identity(&self) -> Result<String, StoreError> {
        let query = "SELECT value FROM meta WHERE key = 'identity'";
        Ok(self.lock().connection.query_row(query, [], |row| row.get(0))?)
    }

    fn size_bytes(&self) -> Result<Option<u64>, StoreError> {
        let query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes = self.lock().connection.query_row(query, [], |row| row.get::<_, i64>(0))?;
        Ok(Some(bytes.cast_unsigned()))
    }
}

fn insert(
    connection: &Connection,
    known: &mut HashMap<SeriesKey, (i64, Type)>,
    new_series: &mut Vec<SeriesKey>,
    points: &[Point],
) -> Result<Appended, rusqlite::Error> {
    let mut outcome = Appended::default();
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO sample VALUES (?1, ?2, ?3)")?;
    for point in points {
        let before = outcome.written;
        for (field, value) in &point.fields {
            let (measurement, tags) = (point.measurement.clone(), point.tags.clone());
            let key = SeriesKey { measurement, field: field.clone(), tags };
            let got = Type::of(value);
            let Some((id, holds)) = series_id(connection, known, new_series, key, got)? else {
                outcome.over_limit += 1;
                continue;
            };
            if holds == got {
                insert.execute(params![id, point.t_ms, Sql(value)])?;
                outcome.written += 1;
            } else {
                let measurement = point.measurement.clone();
                let (holds, got) = (holds.as_str(), got.as_str());
                outcome.conflicts.push(Conflict { measurement, field: field.clone(), holds, got });
            }
        }
        outcome.refused_points += usize::from(outcome.written - before < point.fields.len());
    }
    Ok(outcome)
}

/// The number and type of a series, made if it is new; `None` if there are too many.
fn series_id(
    connection: &Connection,
    known: &mut HashMap<SeriesKey, (i64, Type)>,
    new_series: &mut Vec<SeriesKey>,
    key: SeriesKey,
    kind: Type,
) -> Result<Option<(i64, Type)>, rusqlite::Error> {
    if let Some(found) = known.get(&key) {
        return Ok(Some(*found));
    }
    if known.len() >= MAX_SERIES {
        return Ok(None);
    }
    let found = if let Some(found) = find_series(connection, &key)? {
        found
    } else {
        let tags = SeriesKey::tags_text(&key.tags);
        let insert = "INSERT INTO series (measurement, field, tags, type) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(insert)?.execute(params![key.measurement, key.field, tags, kind as i64])?;
        (connection.last_insert_rowid(), kind)
    };
    new_series.push(key.clone());
    known.insert(key, found);
    Ok(Some(found))
}

fn find_series(connection: &Connection, key: &SeriesKey) -> Result<Option<(i64, Type)>, rusqlite::Error> {
    let query = "SELECT id, type FROM series WHERE measurement = ?1 AND field = ?2 AND tags = ?3";
    let tags = SeriesKey::tags_text(&key.tags);
    let row = |row: &Row<'_>| Ok((row.get(0)?, Type::from_number(row.get(1)?).unwrap_or(Type::Text)));
    connection.prepare_cached(query)?.query_row(params![key.measurement, key.field, tags], row).optional()
}

fn key_of(row: &Row<'_>) -> Result<SeriesKey, rusqlite::Error> {
    let tags = SeriesKey::tags_from_text(&row.get::<_, String>(2)?);
    Ok(SeriesKey { measurement: row.get(0)?, field: row.get(1)?, tags })
}

/// A value on its way into SQLite: unsigned integers keep their bits, truth values are 0 and 1.
struct Sql<'a>(&'a Value);

impl rusqlite::ToSql for Sql<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Float(value) => ValueRef::Real(*value),
            Value::Int(value) => ValueRef::Integer(*value),
            Value::UInt(value) => ValueRef::Integer(value.cast_signed()),
            Value::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}

fn value_of(stored: ValueRef<'_>, kind: Type) -> Value {
    match (stored, kind) {
        (ValueRef::Real(value), _) => Value::Float(value),
        (ValueRef::Integer(value), Type::UInt) => Value::UInt(value.cast_unsigned()),
        (ValueRef::Integer(value), Type::Bool) => Value::Bool(value != 0),
        (ValueRef::Integer(value), _) => Value::Int(value),
        (ValueRef::Text(text) | ValueRef::Blob(text), _) => {
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
        (ValueRef::Null, _) => Value::Text(String::new()),
    }
}
