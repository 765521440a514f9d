//! InfluxDB 2 as a back end: lines go in, Flux asks for them.
//!
//! A series of ours is a series there, and its types are the engine's own. What the engine cannot do stands in
//! `docs/engines.md`. Retention is the bucket's.

mod client;
mod flux;

use std::collections::BTreeMap;

use influxdb2::api::query::FluxRecord;
use influxdb2_structmap::value::Value as Cell;
use picollect_evaluate::Window;
use picollect_telemetry::Value;
use picollect_telemetry::line::{Point, write_point};

use self::client::{Connection, Written};
use super::location::{Location, Secrets};
use super::{
    Appended, Bucket, Capabilities, Conflict, Refusal, Selector, SeriesKey, Store, StoreError, StoredSample,
};

/// Columns of an answer that are no tags.
const COLUMNS: [&str; 6] = ["result", "table", "_measurement", "_field", "_time", "_value"];

/// An InfluxDB 2 as a store.
pub struct Influxdb2Store {
    connection: Connection,
}

impl Influxdb2Store {
    /// Nothing is asked yet; an error says what is wrong with the address or the secrets.
    pub fn new(location: &Location, secrets: &Secrets) -> Result<Self, StoreError> {
        let name = location.to_string();
        let Location::Influxdb2 { url, org, bucket } = location else {
            return Err(StoreError::Unusable { location: name, why: "it is no InfluxDB 2".into() });
        };
        Ok(Self { connection: Connection::new(name, url, org, bucket, secrets)? })
    }
}

impl Store for Influxdb2Store {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        let mut lines = Vec::new();
        for point in points {
            write_point(point, &mut lines);
        }
        if lines.is_empty() {
            return Ok(Appended::default());
        }
        Ok(match self.connection.write(lines)? {
            Written::All => Appended {
                written: points.iter().map(|point| point.fields.len()).sum(),
                ..Appended::default()
            },
            Written::Partly(message) => partly(points, &message),
        })
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let rows = self.connection.query(&flux::series(&self.connection.bucket, selector))?;
        let mut keys: Vec<SeriesKey> = rows.iter().filter_map(key_of).collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        let tags: Vec<(&str, &str)> =
            key.tags.iter().map(|(tag, value)| (tag.as_str(), value.as_str())).collect();
        let selector = Selector { measurement: Some(&key.measurement), field: Some(&key.field), tags: &tags };
        // Series with these and more tags match too.
        let found = self.read_all(&selector, window, around_ms)?.into_iter().find(|(found, _)| found == key);
        Ok(found.map(|(_, samples)| samples).unwrap_or_default())
    }

    fn read_all(
        &self,
        selector: &Selector<'_>,
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<(SeriesKey, Vec<StoredSample>)>, StoreError> {
        let flux = flux::samples(&self.connection.bucket, selector, window, around_ms);
        if flux.is_empty() {
            return Ok(Vec::new());
        }
        let mut series: BTreeMap<SeriesKey, Vec<StoredSample>> = BTreeMap::new();
        for row in self.connection.query(&flux)? {
            if let (Some(key), Some(sample)) = (key_of(&row), sample_of(row)) {
                series.entry(key).or_default().push(sample);
            }
        }
        for samples in series.values_mut() {
            samples.sort_by_key(|sample| sample.t_ms);
        }
        Ok(series.into_iter().collect())
    }

    /// From the samples themselves: none of Flux's own windows gives all six numbers in one pass.
    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        let within = Window { end_ms: window.end_ms.saturating_sub(1), ..window };
        let samples = self.read(key, within, 0)?;
        let mut buckets: Vec<Bucket> = Vec::new();
        for sample in &samples {
            let Some(value) = sample.value.as_f64() else { continue };
            let start_ms = window.start_ms + (sample.t_ms - window.start_ms) / step_ms * step_ms;
            match buckets.last_mut().filter(|bucket| bucket.start_ms == start_ms) {
                Some(bucket) => add(bucket, value),
                None => buckets.push(one(start_ms, value)),
            }
        }
        Ok(buckets)
    }

    /// The bucket's own number.
    fn identity(&self) -> Result<String, StoreError> {
        let rows = self.connection.query(&flux::bucket_id(&self.connection.bucket))?;
        let id = rows.into_iter().find_map(|mut row| text(row.values.remove("id")?));
        id.map(|id| format!("influxdb2-{id}")).ok_or_else(|| self.connection.no_bucket())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: None,
            reads_cost_requests: true,
            aggregates: false,
            replaces: true,
            keeps_every_digit: true,
            keeps_wide_integers: true,
            refuses_other_types: true,
        }
    }
}

fn one(start_ms: i64, value: f64) -> Bucket {
    Bucket { start_ms, count: 1, sum: value, min: value, max: value, first: value, last: value }
}

fn add(bucket: &mut Bucket, value: f64) {
    bucket.count += 1;
    bucket.sum += value;
    bucket.min = bucket.min.min(value);
    bucket.max = bucket.max.max(value);
    bucket.last = value;
}

fn key_of(row: &FluxRecord) -> Option<SeriesKey> {
    let name = |column: &str| match row.values.get(column) {
        Some(Cell::String(text)) => Some(text.clone()),
        _ => None,
    };
    let tags = row.values.iter().filter(|(column, _)| !COLUMNS.contains(&column.as_str()));
    let tags = tags.filter_map(|(tag, value)| match value {
        Cell::String(value) if !value.is_empty() => Some((tag.clone(), value.clone())),
        _ => None,
    });
    Some(SeriesKey { measurement: name("_measurement")?, field: name("_field")?, tags: tags.collect() })
}

fn sample_of(mut row: FluxRecord) -> Option<StoredSample> {
    let Some(Cell::TimeRFC(time)) = row.values.remove("_time") else { return None };
    let value = match row.values.remove("_value")? {
        Cell::Double(value) => Value::Float(value.into_inner()),
        Cell::Long(value) => Value::Int(value),
        Cell::UnsignedLong(value) => Value::UInt(value),
        Cell::Bool(value) => Value::Bool(value),
        // The engine's CSV writes a line feed as two characters, and a carriage return not at all.
        Cell::String(value) => Value::Text(value.replace("\r\n", "\n")),
        _ => return None,
    };
    Some(StoredSample { t_ms: time.timestamp_millis(), value })
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::String(text) => Some(text),
        _ => None,
    }
}

/// What the engine's one sentence says of a batch: how many points it dropped, and why the first of them. Which the
/// others were it does not say, so they are counted as having as many samples as the first.
fn partly(points: &[Point], message: &str) -> Appended {
    let all: usize = points.iter().map(|point| point.fields.len()).sum();
    let dropped = message.rsplit_once("dropped=").and_then(|(_, count)| count.trim().parse().ok());
    let dropped: usize = dropped.unwrap_or(points.len()).clamp(1, points.len().max(1));
    let conflict = conflict(message);
    let holds = |point: &&Point| {
        conflict.as_ref().is_none_or(|conflict| {
            let same =
                |(field, value): &(String, Value)| *field == conflict.field && kind(value) == conflict.got;
            point.measurement == conflict.measurement && point.fields.iter().any(same)
        })
    };
    let samples: usize = points.iter().filter(holds).take(dropped).map(|point| point.fields.len()).sum();
    let samples = samples.max(dropped).min(all);
    let more = samples - usize::from(conflict.is_some());
    let reason = format!("the engine refuses: {message}");
    let refusals = if more > 0 { vec![Refusal { samples: more, reason }] } else { Vec::new() };
    let conflicts = conflict.into_iter().collect();
    Appended { written: all - samples, conflicts, refusals, refused_points: dropped, ..Appended::default() }
}

/// `input field "f" on measurement "m" is type integer, already exists as type float`.
fn conflict(message: &str) -> Option<Conflict> {
    let (_, rest) = message.split_once("input field \"")?;
    let (field, rest) = rest.split_once("\" on measurement \"")?;
    let (measurement, rest) = rest.split_once("\" is type ")?;
    let (got, rest) = rest.split_once(", already exists as type ")?;
    let holds = rest.split(' ').next()?;
    Some(Conflict {
        measurement: measurement.into(),
        field: field.into(),
        holds: known(holds)?,
        got: known(got)?,
    })
}

/// The engine's names of its types.
const KINDS: [&str; 5] = ["float", "integer", "unsigned", "boolean", "string"];

fn known(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| *kind == name)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Float(_) => KINDS[0],
        Value::Int(_) => KINDS[1],
        Value::UInt(_) => KINDS[2],
        Value::Bool(_) => KINDS[3],
        Value::Text(_) => KINDS[4],
    }
}

#[cfg(test)]
mod tests {
    use picollect_telemetry::line::{Precision, decode};

    use super::*;

    #[test]
    fn what_the_engine_dropped_is_counted_as_it_says_it() {
        let points = decode(b"m f=1i,g=1 1\nm f=2 2\nn f=1i 3", Precision::Milliseconds, 0).points;
        let message = "failure writing points to database: partial write: field type conflict: input field \"f\" on \
                       measurement \"m\" is type integer, already exists as type float dropped=1";
        let appended = partly(&points, message);
        assert_eq!((appended.written, appended.refused_points), (2, 1));
        assert_eq!((appended.conflicts[0].holds, appended.conflicts[0].got), ("float", "integer"));
        assert_eq!(appended.refusals[0].samples, 1, "the point went as a whole");
        let appended = partly(&points, "partial write: points beyond retention policy dropped=3");
        assert_eq!((appended.written, appended.refusals[0].samples, appended.conflicts.len()), (0, 4, 0));
    }
}
