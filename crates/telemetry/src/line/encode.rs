//! Points to lines, into a buffer that is reused: no allocation in the steady state.

use std::io::Write as _;

use crate::catalogue::{Metric, NO_DATA};
use crate::line::Point;
use crate::{NoData, Value};

/// The tags of every line of a sender, such as its host, as they stand on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonTags(String);

impl CommonTags {
    /// These tags in this order; empty values are left out, as the protocol has none.
    pub fn new(tags: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
            text.push(',');
            escape_tag(key, &mut text);
            text.push('=');
            escape_tag(value, &mut text);
        }
        Self(text)
    }
}

/// Writes points as lines. Every line gets the common tags (`host=…` and the like).
#[derive(Debug)]
pub struct LineWriter {
    common_tags: CommonTags,
    buffer: Vec<u8>,
    lines: usize,
}

impl LineWriter {
    /// A writer whose lines all carry these tags; empty values are left out, as the protocol has none.
    pub fn new(common_tags: &[(&str, &str)]) -> Self {
        Self { common_tags: CommonTags::new(common_tags), buffer: Vec::new(), lines: 0 }
    }

    /// Exchanges the common tags: what follows is of another sender, until they are exchanged back.
    pub fn exchange_tags(&mut self, tags: &mut CommonTags) {
        std::mem::swap(&mut self.common_tags, tags);
    }

    /// Adds one point. All metrics are of one measurement. A float that is not finite is left out; a
    /// point with nothing left is not written.
    pub fn point(&mut self, t_ms: i64, tags: &[(&str, &str)], fields: &[(&Metric, Value)]) {
        let Some((first, _)) = fields.first() else { return };
        debug_assert!(fields.iter().all(|(metric, _)| metric.measurement == first.measurement));
        let start = self.buffer.len();
        self.head(first.measurement, tags);
        let mut separator = b' ';
        for (metric, value) in fields {
            if matches!(value, Value::Float(float) if !float.is_finite()) {
                continue;
            }
            self.buffer.push(separator);
            separator = b',';
            self.buffer.extend_from_slice(metric.field.as_bytes());
            self.buffer.push(b'=');
            self.value(value);
        }
        if separator == b' ' {
            self.buffer.truncate(start);
        } else {
            self.end(t_ms);
        }
    }

    /// Says that the metrics of this measurement have no value now, and why.
    pub fn no_data(&mut self, t_ms: i64, tags: &[(&str, &str)], metric: &Metric, why: NoData) {
        self.head(metric.measurement, tags);
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(NO_DATA.as_bytes());
        self.buffer.push(b'=');
        self.value(&Value::Int(why.code()));
        self.end(t_ms);
    }

    /// A writer of the same common tags with nothing in it.
    #[must_use]
    pub fn alike(&self) -> Self {
        Self { common_tags: self.common_tags.clone(), buffer: Vec::new(), lines: 0 }
    }

    /// Adds a line that a writer of the same common tags made, with another time in place of its own.
    pub fn at_another_time(&mut self, line: &[u8], t_ms: i64) {
        let Some(end) = line.iter().rposition(|byte| *byte == b' ') else { return };
        self.buffer.extend_from_slice(&line[..end]);
        self.end(t_ms);
    }

    /// Says of the series of such a line that it has no value now, and why.
    pub fn no_data_in_place_of(&mut self, line: &[u8], t_ms: i64, why: NoData) {
        // Names and tags end at the first space that is not escaped.
        let ends = |at: &usize| line[*at] == b' ' && line.get(at.wrapping_sub(1)) != Some(&b'\\');
        let Some(end) = (0..line.len()).find(ends) else { return };
        self.buffer.extend_from_slice(&line[..=end]);
        self.buffer.extend_from_slice(NO_DATA.as_bytes());
        self.buffer.push(b'=');
        self.value(&Value::Int(why.code()));
        self.end(t_ms);
    }

    /// What has been written and how many lines it is; the writer is empty afterwards.
    pub fn take(&mut self) -> (Vec<u8>, usize) {
        let taken = self.buffer.clone();
        self.buffer.clear();
        (taken, std::mem::take(&mut self.lines))
    }

    fn head(&mut self, measurement: &str, tags: &[(&str, &str)]) {
        // Measurements come from the catalogue, whose names need no escape.
        self.buffer.extend_from_slice(measurement.as_bytes());
        self.buffer.extend_from_slice(self.common_tags.0.as_bytes());
        for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
            self.buffer.push(b',');
            self.buffer.extend_from_slice(key.as_bytes());
            self.buffer.push(b'=');
            escape_into(value, &mut |byte| self.buffer.push(byte));
        }
    }

    fn value(&mut self, value: &Value) {
        write_value(value, &mut self.buffer);
    }

    fn end(&mut self, t_ms: i64) {
        let _ = writeln!(self.buffer, " {t_ms}000000");
        self.lines += 1;
    }
}

/// Appends a point that was read, as a line with a time in nanoseconds.
pub fn write_point(point: &Point, out: &mut Vec<u8>) {
    for byte in point.measurement.bytes() {
        if matches!(byte, b',' | b' ') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    for (key, value) in &point.tags {
        out.push(b',');
        escape_into(key, &mut |byte| out.push(byte));
        out.push(b'=');
        escape_into(value, &mut |byte| out.push(byte));
    }
    let mut separator = b' ';
    for (field, value) in &point.fields {
        out.push(separator);
        separator = b',';
        escape_into(field, &mut |byte| {
            // Here alone a backslash before a quote is left out again.
            if byte == b'"' {
                out.push(b'\\');
            }
            out.push(byte);
        });
        out.push(b'=');
        write_value(value, out);
    }
    // The earliest millisecond begins before the earliest nanosecond that InfluxDB takes.
    let time_ns = point.t_ms.saturating_mul(1_000_000).max(i64::MIN + 2);
    out.extend_from_slice(format!(" {time_ns}\n").as_bytes());
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    // Writing into a Vec cannot fail.
    let _ = match value {
        Value::Float(float) => write!(out, "{float}"),
        Value::Int(int) => write!(out, "{int}i"),
        Value::UInt(int) => write!(out, "{int}u"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Text(text) => write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    };
}

/// Appends a tag key or value with the escapes that the protocol asks for.
pub fn escape_tag(text: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(text.len());
    escape_into(text, &mut |byte| bytes.push(byte));
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// Line feeds and a backslash at the end cannot be escaped in a tag: they become spaces.
fn escape_into(text: &str, push: &mut dyn FnMut(u8)) {
    let trimmed = text.trim_end_matches(['\\', '\n', '\r']);
    for byte in trimmed.bytes() {
        match byte {
            b'\n' | b'\r' => {
                push(b'\\');
                push(b' ');
            }
            b',' | b'=' | b' ' => {
                push(b'\\');
                push(byte);
            }
            _ => push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{LOAD_1, LOAD_5, TEMP};

    fn text(writer: &mut LineWriter) -> String {
        String::from_utf8(writer.take().0).unwrap()
    }

    #[test]
    fn what_is_of_another_sender_has_its_tags_and_the_rest_ones_own() {
        let mut writer = LineWriter::new(&[("cluster", ""), ("host", "pi-1")]);
        let mut other = CommonTags::new(&[("host", "pi 2")]);
        let say = |writer: &mut LineWriter| writer.point(1, &[], &[(&LOAD_1, 1.0.into())]);
        writer.exchange_tags(&mut other);
        say(&mut writer);
        writer.exchange_tags(&mut other);
        say(&mut writer);
        assert_eq!(text(&mut writer), "load,host=pi\\ 2 load1=1 1000000\nload,host=pi-1 load1=1 1000000\n");
        assert_eq!(other, CommonTags::new(&[("host", "pi 2")]), "it can be used again");
    }

    #[test]
    fn a_line_is_written_again_with_another_time_and_as_having_no_value() {
        let mut first = LineWriter::new(&[("host", "pi 1")]);
        let mut second = first.alike();
        first.point(1, &[("zone", "thermal_zone0")], &[(&crate::catalogue::TEMP, 1.5.into())]);
        let (line, _) = first.take();
        let line = line.strip_suffix(b"\n").unwrap();
        second.at_another_time(line, 7);
        second.no_data_in_place_of(line, 8, NoData::TimedOut);
        let (text, count) = second.take();
        let want = "thermal,host=pi\\ 1,zone=thermal_zone0 temp_c=1.5 7000000\n\
                    thermal,host=pi\\ 1,zone=thermal_zone0 no_data=5i 8000000\n";
        assert_eq!((String::from_utf8(text).unwrap().as_str(), count), (want, 2));
    }

    #[test]
    fn a_point_is_one_line_with_whole_milliseconds() {
        let mut writer = LineWriter::new(&[("host", "pi 1"), ("cluster", "")]);
        writer.point(1_700_000_000_123, &[("zone", "a,b")], &[(&TEMP, 48.312.into())]);
        assert_eq!(text(&mut writer), "thermal,host=pi\\ 1,zone=a\\,b temp_c=48.312 1700000000123000000\n");
    }

    #[test]
    fn a_float_that_is_no_number_is_left_out_and_an_empty_point_is_not_written() {
        let mut writer = LineWriter::new(&[]);
        writer.point(1, &[], &[(&LOAD_1, f64::NAN.into()), (&LOAD_5, 2.0.into())]);
        writer.point(1, &[], &[(&LOAD_1, f64::INFINITY.into())]);
        assert_eq!(text(&mut writer), "load load5=2 1000000\n");
    }

    #[test]
    fn the_reason_for_a_missing_value_travels_in_its_place() {
        let mut writer = LineWriter::new(&[]);
        writer.no_data(5, &[("zone", "z")], &TEMP, NoData::Denied);
        assert_eq!(text(&mut writer), "thermal,zone=z no_data=2i 5000000\n");
    }
}
