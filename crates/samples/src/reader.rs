//! What import reads, in whichever format: points one by one, each with its place in the input.

use std::io;

use picollect_telemetry::line::Point;

/// A line or a row.
#[derive(Debug)]
pub struct Entry {
    /// Line in the input, from 1.
    pub line: u64,
    /// How long it is.
    pub bytes: usize,
    /// What it says, or what is wrong with it.
    pub point: Result<Point, String>,
}

/// Gives points one by one.
pub trait PointReader {
    /// The next, `None` at the end.
    fn next_point(&mut self) -> io::Result<Option<Entry>>;
}
