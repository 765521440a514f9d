//! Samples as CSV (RFC 4180): a header and a row for each, `time_ms,measurement,tags,field,type,value`. Times are
//! Unix milliseconds, tags have line protocol's spelling, types are its own names. A name or a text that a spreadsheet
//! would read as a formula has an apostrophe before it, which is left out again when it is read.
//!
//! Invariant: what is read is what an agent could have pushed: names, tags and values keep the line protocol's rules
//! and bounds. Memory does not grow with the file nor with a row.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{Reader, ReaderBuilder, StringRecord, Writer};
use picollect_telemetry::Value;
use picollect_telemetry::foreign::{csv_cell_read, csv_cell_to_read};
use picollect_telemetry::line::{MAX_LINE_BYTES, Point, Precision, decode, write_point};

use crate::reader::{Entry, PointReader};
use picollect_store::SeriesKey;

/// Names of the columns, which the first row holds.
pub const HEADER: [&str; 6] = ["time_ms", "measurement", "tags", "field", "type", "value"];
/// Bytes that are read ahead of a row, and the most that a row with every quote doubled takes.
const MAX_ROW_BYTES: usize = 3 * MAX_LINE_BYTES;

/// Writes samples as CSV: a header, then a row for each field of each point.
#[derive(Debug)]
pub struct RowWriter<W: io::Write>(Writer<W>);

impl<W: io::Write> RowWriter<W> {
    /// Begins with the header. Fails if `out` does.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Writer::from_writer(out);
        writer.write_record(HEADER).map_err(cause)?;
        Ok(Self(writer))
    }

    /// A row for each field. Fails if the writer does.
    pub fn write(&mut self, point: &Point) -> io::Result<()> {
        let (t_ms, tags) = (point.t_ms.to_string(), SeriesKey::tags_text(&point.tags));
        for (field, value) in &point.fields {
            let (kind, value) = spelled(value);
            let value = if kind == "string" { csv_cell_to_read(&value) } else { value.as_str().into() };
            let names = [&point.measurement, &tags, field].map(|name| csv_cell_to_read(name));
            let row = [t_ms.as_str(), &*names[0], &*names[1], &*names[2], kind, &*value];
            self.0.write_record(row).map_err(cause)?;
        }
        Ok(())
    }

    /// Writes what is buffered; without this the end is lost. Fails if the writer does.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What the writer below said, which the error of a row hides.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("a row cannot be written: {other:?}")),
    }
}

fn spelled(value: &Value) -> (&'static str, String) {
    match value {
        Value::Float(float) => ("float", float.to_string()),
        Value::Int(int) => ("integer", int.to_string()),
        Value::UInt(int) => ("unsigned", int.to_string()),
        Value::Bool(truth) => ("boolean", truth.to_string()),
        Value::Text(text) => ("string", text.clone()),
    }
}

/// Reads points from CSV, each row a point of one field.
pub struct RowReader<R> {
    rows: Reader<Bounded<R>>,
    left: Rc<Cell<usize>>,
}

impl<R: Read> RowReader<R> {
    /// From the header on.
    pub fn new(input: R) -> Self {
        let left = Rc::new(Cell::new(MAX_ROW_BYTES));
        let input = Bounded { input, left: Rc::clone(&left) };
        Self { rows: ReaderBuilder::new().flexible(true).from_reader(input), left }
    }
}

impl<R: Read> PointReader for RowReader<R> {
    fn next_point(&mut self) -> io::Result<Option<Entry>> {
        self.left.set(MAX_ROW_BYTES);
        let mut row = csv::ByteRecord::new();
        if !self.rows.read_byte_record(&mut row).map_err(io::Error::from)? {
            return Ok(None);
        }
        let line = row.position().map_or(0, csv::Position::line);
        let bytes = row.as_slice().len();
        let text = StringRecord::from_byte_record(row).map_err(|_| "not UTF-8".to_owned());
        Ok(Some(Entry { line, bytes, point: text.and_then(|row| point_of(&row)) }))
    }
}

/// What a row says, or what is wrong with it.
pub fn point_of(row: &StringRecord) -> Result<Point, String> {
    let columns: Vec<&str> = row.iter().collect();
    let [t_ms, measurement, tags, field, kind, value] = columns[..] else {
        return Err(format!("{} columns, not {}", columns.len(), HEADER.len()));
    };
    let [measurement, tags, field] = [measurement, tags, field].map(csv_cell_read);
    let wrong = || format!("`{value:.40}` is no {kind:.20}");
    let value = match kind {
        "float" => Value::Float(value.parse().map_err(|_| wrong())?),
        "integer" => Value::Int(value.parse().map_err(|_| wrong())?),
        "unsigned" => Value::UInt(value.parse().map_err(|_| wrong())?),
        "boolean" => Value::Bool(value.parse().map_err(|_| wrong())?),
        "string" => Value::Text(csv_cell_read(value).to_owned()),
        _ => {
            return Err(format!("`{kind:.20}` is no type; known: float, integer, unsigned, boolean, string"));
        }
    };
    let mut tags = SeriesKey::tags_from_text(tags);
    tags.sort();
    let point = Point {
        measurement: measurement.to_owned(),
        tags,
        fields: vec![(field.to_owned(), value)],
        t_ms: t_ms.parse().map_err(|_| format!("`{t_ms:.40}` is no time in milliseconds"))?,
    };
    checked(point)
}

/// The point, if the line protocol can say it.
fn checked(point: Point) -> Result<Point, String> {
    let mut line = Vec::new();
    write_point(&point, &mut line);
    let batch = decode(&line, Precision::Nanoseconds, 0);
    match batch.errors.first() {
        Some(error) => Err(error.reason.to_owned()),
        None if batch.points[..] == [point.clone()] => Ok(point),
        None => Err("a name or a tag in it is none that the line protocol has".to_owned()),
    }
}

/// Reads no more than is left: a quote that is never closed does not fill the memory.
#[derive(Debug)]
struct Bounded<R> {
    input: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::other(format!("a row is longer than {MAX_ROW_BYTES} bytes")));
        }
        let most = buffer.len().min(self.left.get());
        let read = self.input.read(&mut buffer[..most])?;
        self.left.set(self.left.get() - read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_is_read_back() {
        let text = |text: &str| Value::Text(text.to_owned());
        let point = Point {
            measurement: "=1+1".to_owned(),
            tags: vec![("@SUM(A1)".to_owned(), "=x".to_owned())],
            fields: vec![
                ("-f".to_owned(), text("+1")),
                ("g".to_owned(), text("'=1")),
                ("h".to_owned(), Value::Float(-5.0)),
            ],
            t_ms: -1,
        };
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out).unwrap();
        writer.write(&point).unwrap();
        writer.finish().unwrap();
        let mut reader = RowReader::new(&out[..]);
        for field in &point.fields {
            let read = reader.next_point().unwrap().unwrap().point.unwrap();
            assert_eq!(read, Point { fields: vec![field.clone()], ..point.clone() });
        }
        let cells = String::from_utf8(out).unwrap();
        let formula = |cell: &str| cell.starts_with(['=', '+', '@']) || cell == "-f";
        assert!(!cells.split([',', '\n']).any(formula), "{cells}");
        assert!(cells.contains(",-5\n"), "a number keeps its sign: {cells}");
    }
}
