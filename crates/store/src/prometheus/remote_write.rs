//! Prometheus' remote write, version 1.0: a snappy block of one protobuf message, the messages declared here by hand
//! (<https://prometheus.io/docs/specs/prw/remote_write_spec/>, field numbers from its `.proto`).
//!
//! An engine that refuses a request says why, but not which sample it means, and Prometheus then keeps none of them.
//! So a refused request is halved, the older half first, until what is refused stands alone or enough has been tried;
//! the order matters to engines that take samples only in order.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use picollect_telemetry::line::Point;
use prost::Message as _;

use super::http::{Http, Reply};
use super::names::{self, Type};
use super::texts;
use crate::{Appended, Refusal, StoreError};

/// The most samples in a request: far below every engine's limit (Mimir's is 100 MB decompressed).
const MAX_ROWS: usize = 10_000;
/// After so many halvings of one batch, what is refused is refused as it stands.
const MAX_HALVINGS: usize = 64;
/// So many different reasons are kept of a batch.
const MAX_REASONS: usize = 4;
/// Words of engines about samples that come late or in the wrong order.
const LATE: [&str; 5] = ["out of order", "out-of-order", "too old", "out of bounds", "too far"];

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`.
#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

/// `prometheus.Label`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `prometheus.Sample`.
#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// When, in Unix milliseconds.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// A sample of the engine, and the field that it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    t_ms: i64,
    series: usize,
    value: f64,
    field: usize,
}

/// Points as an engine sees them.
#[derive(Debug, Default)]
struct Batch {
    series: Vec<Vec<Label>>,
    /// Sorted by time, then by series; a series has one sample at a time.
    rows: Vec<Row>,
    /// The point of each field.
    points: Vec<usize>,
}

impl Batch {
    fn of(points: &[Point]) -> Self {
        let (mut batch, mut known) = (Self::default(), HashMap::new());
        for (number, point) in points.iter().enumerate() {
            for (field, value) in &point.fields {
                let kind = Type::of(value);
                let labels = names::labels(&point.measurement, field, &point.tags, kind);
                match value {
                    picollect_telemetry::Value::Text(text) => {
                        for piece in texts::pieces(text) {
                            batch.push(&mut known, [labels.clone(), piece].concat(), point.t_ms, 1.0);
                        }
                    }
                    value => batch.push(&mut known, labels, point.t_ms, value.as_f64().unwrap_or_default()),
                }
                batch.points.push(number);
            }
        }
        // The sort keeps the order of equal ones, and of those the last one counts.
        batch.rows.sort_by_key(|row| (row.t_ms, row.series));
        batch.rows.reverse();
        batch.rows.dedup_by_key(|row| (row.t_ms, row.series));
        batch.rows.reverse();
        batch
    }

    fn push(
        &mut self,
        known: &mut HashMap<Vec<(String, String)>, usize>,
        mut labels: Vec<(String, String)>,
        t_ms: i64,
        value: f64,
    ) {
        labels.sort();
        let next = self.series.len();
        let series = *known.entry(labels).or_insert_with_key(|labels| {
            let named = labels.iter().cloned().map(|(name, value)| Label { name, value });
            self.series.push(named.collect());
            next
        });
        self.rows.push(Row { t_ms, series, value, field: self.points.len() });
    }

    /// The body of a request with these rows.
    fn body(&self, rows: &[Row]) -> Result<Vec<u8>, snap::Error> {
        let mut place = HashMap::new();
        let mut request = WriteRequest::default();
        for row in rows {
            let at = *place.entry(row.series).or_insert_with(|| {
                request
                    .timeseries
                    .push(TimeSeries { labels: self.series[row.series].clone(), samples: Vec::new() });
                request.timeseries.len() - 1
            });
            request.timeseries[at].samples.push(Sample { value: row.value, timestamp: row.t_ms });
        }
        snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())
    }
}

/// The writer to an engine's remote-write address, with its credentials.
#[derive(Debug)]
pub(super) struct Writer {
    /// Tried in turn, from the one that took the last request.
    urls: Vec<String>,
    last: AtomicUsize,
}

impl Writer {
    /// `urls`: at least one.
    pub(super) fn new(urls: Vec<String>) -> Self {
        Self { urls, last: AtomicUsize::new(0) }
    }

    /// Writes all points; an error means that the engine acknowledged not all of them and that all should be sent
    /// again, which does no harm.
    pub(super) fn append(&self, http: &Http, points: &[Point]) -> Result<Appended, StoreError> {
        let batch = Batch::of(points);
        let mut waiting: Vec<&[Row]> = batch.rows.chunks(MAX_ROWS).rev().collect();
        let (mut halvings, mut refused) = (0, Vec::new());
        while let Some(rows) = waiting.pop() {
            let body = batch.body(rows).map_err(|error| StoreError::Engine {
                message: "the samples cannot be compressed".to_owned(),
                source: error.into(),
            })?;
            let Some(reason) = self.send(http, &body)? else { continue };
            if rows.len() > 1 && halvings < MAX_HALVINGS {
                halvings += 1;
                let (older, newer) = rows.split_at(rows.len() / 2);
                waiting.extend([newer, older]);
            } else {
                refused.push((rows, reason));
            }
        }
        Ok(outcome(&batch, &refused))
    }

    /// `None` if it was taken, else why it never will be.
    fn send(&self, http: &Http, body: &[u8]) -> Result<Option<String>, StoreError> {
        let first = self.last.load(Ordering::Relaxed);
        let mut away = None;
        for turn in 0..self.urls.len() {
            let at = (first + turn) % self.urls.len();
            match http.write(&self.urls[at], body) {
                Ok(reply) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(match reply {
                        Reply::Refused(why) => Some(explained(&why)),
                        Reply::Done(_) | Reply::TooLong => None,
                    });
                }
                Err(error) => away = Some(error),
            }
        }
        Err(away.unwrap_or_else(|| http.unavailable("there is no address to write to")))
    }
}

/// An engine's words, and what an operator can do.
fn explained(why: &str) -> String {
    let late = LATE.iter().any(|word| why.to_lowercase().contains(word));
    let advice = if late {
        "; it takes late samples only in its out-of-order window: open that (docs/engines.md)"
    } else {
        ""
    };
    format!("the store's engine refuses: {why}{advice}")
}

/// A field counts once, however many series hold it.
fn outcome(batch: &Batch, refused: &[(&[Row], String)]) -> Appended {
    let (mut fields, mut points) = (HashSet::new(), HashSet::new());
    let mut refusals: Vec<Refusal> = Vec::new();
    for (rows, reason) in refused {
        let before = fields.len();
        fields.extend(rows.iter().map(|row| row.field));
        points.extend(rows.iter().map(|row| batch.points[row.field]));
        let samples = fields.len() - before;
        let same = refusals.iter().position(|known| known.reason == *reason);
        match same.or((refusals.len() == MAX_REASONS).then_some(MAX_REASONS - 1)) {
            Some(at) => refusals[at].samples += samples,
            None => refusals.push(Refusal { samples, reason: reason.clone() }),
        }
    }
    let (written, refused_points) = (batch.points.len() - fields.len(), points.len());
    Appended { written, refusals, refused_points, ..Appended::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    fn batch(lines: &str) -> Batch {
        Batch::of(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points)
    }

    /// The bytes were worked out by hand from the encoding's description (<https://protobuf.dev/programming-guides/encoding/>).
    #[test]
    fn a_request_has_the_bytes_that_the_specification_asks_for() {
        let label = Label { name: "a".into(), value: "b".into() };
        let samples = vec![Sample { value: 1.0, timestamp: 300 }];
        let request = WriteRequest { timeseries: vec![TimeSeries { labels: vec![label], samples }] };
        let want = [
            0x0A, 22, // timeseries
            0x0A, 6, 0x0A, 1, b'a', 0x12, 1, b'b', // label
            0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0x10, 0xAC, 0x02, // sample
        ];
        assert_eq!(request.encode_to_vec(), want);
    }

    #[test]
    fn rows_are_in_order_of_time_and_the_last_of_two_equal_ones_counts() {
        let batch = batch("m f=2 2000\nm f=1 1000\nm f=3 1000\nn f=9,g=8 1000");
        assert_eq!((batch.series.len(), batch.points.len()), (3, 5));
        let rows: Vec<_> = batch.rows.iter().map(|row| (row.t_ms, row.series, row.value)).collect();
        assert_eq!(rows, [(1000, 0, 3.0), (1000, 1, 9.0), (1000, 2, 8.0), (2000, 0, 2.0)]);
    }

    #[test]
    fn refusals_are_counted_by_reason_and_by_point() {
        let batch = batch("m f=1,g=2 1000\nm f=1,g=2 2000");
        let refused = [(&batch.rows[..2], "late".to_owned()), (&batch.rows[2..3], "late".to_owned())];
        let outcome = outcome(&batch, &refused);
        assert_eq!((outcome.written, outcome.refused_points), (1, 2));
        assert_eq!(outcome.refusals, [Refusal { samples: 3, reason: "late".into() }]);
    }

    #[test]
    fn what_is_late_comes_with_advice() {
        assert!(explained("400: out of order sample").contains("docs/engines.md"));
        assert!(!explained("400: label name too long").contains("docs/engines.md"));
    }
}
