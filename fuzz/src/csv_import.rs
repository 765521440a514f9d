//! Whatever a CSV file of samples holds: a row that is taken is written and read again the same, another has a short
//! reason.

use picollect_samples::csv::{HEADER, RowReader, RowWriter};
use picollect_samples::reader::PointReader;
use picollect_telemetry::line::Point;

/// The longest reason, in bytes: a quote and what is said of it.
const MAX_REASON: usize = 512;

/// The rows that are taken, up to a row that is too long.
fn points(file: &[u8]) -> Vec<Point> {
    let mut rows = RowReader::new(file);
    let mut points = Vec::new();
    while let Ok(Some(entry)) = rows.next_point() {
        match entry.point {
            Ok(point) => points.push(point),
            Err(reason) => assert!(reason.len() < MAX_REASON, "{reason}"),
        }
    }
    points
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(rows: &[u8]) {
    let file = [HEADER.join(",").as_bytes(), b"\n", rows].concat();
    let read = points(&file);
    let mut written = Vec::new();
    let mut writer = RowWriter::new(&mut written).expect("memory takes it");
    for point in &read {
        writer.write(point).expect("memory takes it");
    }
    writer.finish().expect("memory takes it");
    assert_eq!(points(&written), read);
}
