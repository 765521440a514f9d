//! `InfluxDB` line protocol v2, both ways
//! (<https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>).
//!
//! `measurement,tag=value,… field=value,… timestamp`. Time on the wire is in nanoseconds and always a
//! whole millisecond, because that is all that every engine can store.

mod cursor;
mod decode;
mod encode;

pub use decode::{
    Batch, LineError, MAX_FIELDS, MAX_LINE_BYTES, MAX_NAME_BYTES, MAX_TAGS, Precision, Rest, decode, line_end,
};
pub use encode::{CommonTags, LineWriter, escape_tag, write_point};

use crate::Value;

/// How many lines these are; each has to be ended by a line feed.
pub fn count_lines(lines: &[u8]) -> usize {
    lines.split(|&byte| byte == b'\n').count() - 1
}

/// What one line says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// The measurement, without the escapes of the line; never empty.
    pub measurement: String,
    /// Tag keys and values, sorted by key, no key twice.
    pub tags: Vec<(String, String)>,
    /// Field keys and values in the order of the line, at least one.
    pub fields: Vec<(String, Value)>,
    /// Unix time in milliseconds, whatever the precision of the line was.
    pub t_ms: i64,
}

impl Point {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
