//! Lines to points: strict, and every refusal says where and why.
//!
//! What is a line and what it says is what InfluxDB 2 makes of it, but for the differences that `docs/api.md` names;
//! the workspace's test `line_oracle` asks InfluxDB's own parser.
//!
//! Invariant: a bad line costs that line only; the lines before and after it are read. A text may go over several
//! lines; where it does and the whole is no good line, only the first of them is bad.

use memchr::memchr;

use crate::line::Point;
use crate::line::cursor::{Cursor, Refusal};

/// Longest line: a point of 256 fields with long names fits many times over.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Most tags on a point; each combination is a series, so many tags are a mistake upstream.
pub const MAX_TAGS: usize = 32;
/// Most fields in a point.
pub const MAX_FIELDS: usize = 256;
/// Longest measurement, tag key, tag value or field key: these are kept in memory for ever.
pub const MAX_NAME_BYTES: usize = 512;
/// What may stand before a line: what `InfluxDB` skips there, and the mark that Windows puts before UTF-8.
const LEADING: [char; 4] = [' ', '\t', '\0', '\u{feff}'];

/// The unit of the timestamps in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// InfluxDB's default: 10^-9 s.
    #[default]
    Nanoseconds,
    /// `us` and `u`: 10^-6 s.
    Microseconds,
    /// `ms`: 10^-3 s, the unit in which samples are stored.
    Milliseconds,
    /// `s`: whole seconds of Unix time.
    Seconds,
}

impl Precision {
    /// The unit with `InfluxDB`'s short name: `ns`, `us`, `ms` or `s`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ns" => Some(Self::Nanoseconds),
            "us" => Some(Self::Microseconds),
            "ms" => Some(Self::Milliseconds),
            "s" => Some(Self::Seconds),
            _ => None,
        }
    }

    /// Whole milliseconds, rounded towards the past; `None` where nanoseconds do not fit into 64 bits: 1677 to
    /// 2262 is what every engine can store.
    pub(super) fn to_ms(self, time: i64) -> Option<i64> {
        let ns = time.checked_mul(match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
        })?;
        // InfluxDB keeps the ends of the range for itself.
        let storable = i64::MIN + 2..i64::MAX;
        storable.contains(&ns).then(|| ns.div_euclid(1_000_000))
    }
}

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct LineError {
    /// Number of the line in the batch, from 1.
    pub line: usize,
    /// Number of the byte in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// What a request body says: the points, and the lines that say nothing.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// The points of the good lines, in their order.
    pub points: Vec<Point>,
    /// One error for each bad line, in their order.
    pub errors: Vec<LineError>,
}

/// A part of a body ends after so many points,
const PART_POINTS: usize = 20_000;
/// or after so many bytes: each of both may become a hundred times as much in memory.
const PART_BYTES: usize = 512 * 1024;

/// What of a body is still to be read, a part at a time, so that its points need not all be in memory at once.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'b> {
    bytes: &'b [u8],
    /// The number of its first line in the body.
    line: usize,
}

impl<'b> Rest<'b> {
    /// All of a body.
    pub fn of(body: &'b [u8]) -> Self {
        Self { bytes: body, line: 1 }
    }

    /// Whether all of it was read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Reads a whole body. A point without a time gets `now_ms`.
pub fn decode(body: &[u8], precision: Precision, now_ms: i64) -> Batch {
    let mut batch = Batch::default();
    batch.read(body, precision, now_ms);
    batch
}

impl Batch {
    /// Reads a whole body in place of what is there, into the memory that this has: who reads one body after the other
    /// spends more on memory than on reading otherwise.
    pub fn read(&mut self, body: &[u8], precision: Precision, now_ms: i64) {
        self.read_up_to(&mut Rest::of(body), precision, now_ms, (usize::MAX, usize::MAX));
    }

    /// Reads the next part of a body in place of what is there.
    pub fn read_part(&mut self, rest: &mut Rest<'_>, precision: Precision, now_ms: i64) {
        self.read_up_to(rest, precision, now_ms, (PART_POINTS, PART_BYTES));
    }

    fn read_up_to(
        &mut self,
        Rest { bytes: rest, line }: &mut Rest<'_>,
        precision: Precision,
        now_ms: i64,
        (most_points, most_bytes): (usize, usize),
    ) {
        self.errors.clear();
        let (mut count, end_of_part) = (0, rest.len().saturating_sub(most_bytes));
        while !rest.is_empty() && count < most_points && rest.len() > end_of_part {
            if count == self.points.len() {
                self.points.push(Point::default());
            }
            let (end, said) = read_line(rest, precision, now_ms, &mut self.points[count]);
            match said {
                Ok(said) => count += usize::from(said),
                Err((column, reason)) => {
                    self.errors.push(LineError { line: *line, column: column + 1, reason });
                }
            }
            let (this, after) = rest.split_at(end);
            // Only a text goes over several lines, and few lines have one.
            *line += if this.contains(&b'\n') { this.split(|&byte| byte == b'\n').count() } else { 1 };
            *rest = after.get(1..).unwrap_or_default();
        }
        self.points.truncate(count);
    }
}

/// Where the first line ends: at the first line feed, or further on where a text goes over several lines and the
/// whole is a good line. More than [`MAX_LINE_BYTES`] have to be there, or all that there is.
pub fn line_end(bytes: &[u8]) -> usize {
    let first = memchr(b'\n', bytes).unwrap_or(bytes.len());
    // Most lines have no text.
    if !bytes[..first].contains(&b'"') {
        return first;
    }
    read_line(bytes, Precision::default(), 0, &mut Point::default()).0
}

/// Reads the first line: where it ends, and whether it says anything, which then is in `point`; else `point` may hold
/// anything.
///
/// No line feed can be inside a text of two lines that begin differently, so each byte of a body is looked at twice at
/// most, however many lines are bad.
fn read_line(
    bytes: &[u8],
    precision: Precision,
    now_ms: i64,
    point: &mut Point,
) -> (usize, Result<bool, Refusal>) {
    let first = memchr(b'\n', bytes).unwrap_or(bytes.len());
    if first > MAX_LINE_BYTES {
        return (first, Err((MAX_LINE_BYTES, "line is longer than 64 KiB")));
    }
    let text = match std::str::from_utf8(&bytes[..first]) {
        Ok(text) => text,
        Err(error) => return (first, Err((error.valid_up_to(), "not UTF-8"))),
    };
    let said = text.trim_start_matches(LEADING);
    if said.trim_end_matches(['\r', ' ']).is_empty() || said.starts_with('#') {
        return (first, Ok(false));
    }
    let mut cursor = Cursor::new(bytes, text, text.len() - said.len());
    let read = cursor.point(precision, now_ms, point);
    (cursor.sure_end(), read.map(|()| true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::catalogue::TEMP;
    use crate::line::{LineWriter, write_point};
    use proptest::prelude::*;

    fn one(line: &str) -> Result<Point, (usize, &'static str)> {
        let mut batch = decode(line.as_bytes(), Precision::Nanoseconds, 7);
        match batch.errors.pop() {
            Some(error) => Err((error.column, error.reason)),
            None => Ok(batch.points.pop().expect("one point")),
        }
    }

    fn field(value: &str) -> Result<Value, &'static str> {
        one(&format!("m f={value}")).map(|point| point.fields[0].1.clone()).map_err(|(_, reason)| reason)
    }

    #[test]
    fn the_parts_of_a_body_are_the_whole() {
        let body = "m f=1 1\nbad\n\n# f\nm t=\"two\nlines\" 2\n".repeat(15_000);
        let whole = decode(body.as_bytes(), Precision::Milliseconds, 7);
        let (mut rest, mut part, mut parts) = (Rest::of(body.as_bytes()), Batch::default(), Batch::default());
        let mut number = 0;
        while !rest.is_empty() {
            part.read_part(&mut rest, Precision::Milliseconds, 7);
            assert!(part.points.len() <= PART_POINTS);
            parts.points.append(&mut part.points);
            parts.errors.append(&mut part.errors);
            number += 1;
        }
        assert!(parts == whole && number == 2, "{number}");
    }

    #[test]
    fn a_line_with_everything_in_it() {
        let point =
            one(r#"my\ m,host=pi\,1,a\=b=c\ d temp=48.3,n=2i,text="say \"hi\", a=b" 1700000000123456789"#);
        let point = point.unwrap();
        assert_eq!(point.measurement, "my m");
        assert_eq!(point.tags, [("a=b".into(), "c d".into()), ("host".into(), "pi,1".into())]);
        assert_eq!(point.tag("host"), Some("pi,1"));
        assert_eq!(point.fields[2].1, Value::Text("say \"hi\", a=b".into()));
        assert_eq!(point.t_ms, 1_700_000_000_123);
    }

    #[test]
    fn values_of_every_type_and_what_is_none() {
        assert_eq!(field("-1.5e3"), Ok(Value::Float(-1500.0)));
        assert_eq!(field("-9223372036854775808i"), Ok(Value::Int(i64::MIN)));
        assert_eq!(field("18446744073709551615u"), Ok(Value::UInt(u64::MAX)));
        assert_eq!(field("TRUE"), Ok(Value::Bool(true)));
        assert_eq!(field("9223372036854775808i"), Err("not a signed 64-bit integer"));
        assert_eq!(field("1e999"), Err("number is out of range"));
        for text in ["+1", "+1i", "+1u", "nan", "inf", "-inf", "infinity", "yes", "1.2.3", "0x10", "--1"] {
            assert!(field(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_column_and_reason() {
        assert_eq!(one("m,host=a"), Err((9, "field is missing")));
        assert_eq!(one("m,host f=1"), Err((7, "tag value is missing")));
        assert_eq!(one("m,a=1,a=2 f=1"), Err((7, "tag stands twice in the line")));
        assert_eq!(one("m f="), Err((5, "field value is missing")));
        assert_eq!(one("m f=1 12x"), Err((7, "timestamp is not a whole number")));
        assert_eq!(one("m f=\"open"), Err((5, "text is not closed")));
        assert_eq!(one("m,time=1 f=1"), Err((3, "this tag key is reserved")));
        assert_eq!(one("m f=1,time=1"), Err((7, "this field key is reserved")));
        assert_eq!(one("garbage"), Err((8, "field is missing")));
    }

    #[test]
    fn what_stands_before_a_line_and_what_a_measurement_escapes_are_as_influxdb_has_them() {
        assert_eq!(one(" \t\0m f=1").unwrap().measurement, "m");
        assert_eq!(one(r"m\=n f=1").unwrap().measurement, r"m\=n");
        assert_eq!(decode(b"\t\n # note\n", Precision::Nanoseconds, 0), Batch::default());
    }

    #[test]
    fn a_bad_line_costs_that_line_only() {
        let body = b"a f=1 1000000\nbad\n# note\n\nb f=\"two\nlines\" 2000000\nc f=\"open 3\nd f=4 4000000\r\n\xff\xfe f=1\n";
        let batch = decode(body, Precision::Nanoseconds, 0);
        let names: Vec<_> = batch.points.iter().map(|point| point.measurement.as_str()).collect();
        assert_eq!(names, ["a", "b", "d"]);
        let lines: Vec<_> = batch.errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [2, 7, 9]);
    }

    #[test]
    fn a_backslash_at_the_end_of_a_line_does_not_join_lines() {
        let batch = decode("=\"\\\n".repeat(1000).as_bytes(), Precision::Nanoseconds, 0);
        assert_eq!(batch.errors.len(), 1000);
        assert_eq!(decode(b"=\\\n=\"\\\nm f=1\n", Precision::Nanoseconds, 0).points.len(), 1);
    }

    /// How many points, and the lines of the errors.
    fn read(body: &str) -> (usize, Vec<usize>) {
        let batch = decode(body.as_bytes(), Precision::Nanoseconds, 0);
        (batch.points.len(), batch.errors.iter().map(|error| error.line).collect())
    }

    #[test]
    fn a_quote_before_the_fields_is_part_of_a_name() {
        assert_eq!(read("m,label=\"A f=1 1\nm,label=b f=2 1\nm,label=c f=3,s=\"x\" 1\n"), (3, vec![]));
        assert_eq!(one("m,a==b f=1").unwrap().tag("a"), Some("=b"));
        assert_eq!(one("m,a=b=c f=1").unwrap_err(), (6, "equals sign in a tag value"));
    }

    #[test]
    fn blanks_between_parts_are_skipped_and_a_byte_order_mark_is_left_out() {
        let point = one("\u{feff}m,host=a \t\0f=1 \t1000000").unwrap();
        assert_eq!((point.measurement.as_str(), point.fields[0].0.as_str(), point.t_ms), ("m", "f", 1));
        assert_eq!(
            one("m f=1\t1").unwrap_err().1,
            "field value is neither a number, a truth value nor a quoted text"
        );
    }

    #[test]
    fn a_backslash_in_a_field_key_takes_the_next_byte_along() {
        assert_eq!(one(r#"m a\"\,b\ c\=d=1"#).unwrap().fields[0].0, "a\",b c=d");
        assert_eq!(one(r"m a\\ b=1").unwrap_err().1, "field value is missing");
        assert_eq!(one(r"m a\\=1").unwrap_err().1, "backslash at the end of a field key");
    }

    #[test]
    fn a_quote_left_open_costs_its_line_and_not_the_next_text() {
        assert_eq!(read("m s=\"a 1\nm f=1 2\nm s=\"b\" 3\nm f=2 4\n"), (3, vec![1]));
        assert_eq!(read("m s=\"a 1\nm f=1 2\nm s=\"b 3\nm f=2 4\n"), (2, vec![1, 3]));
        assert_eq!(read("m s=\"a\nb\",t=\"c\nm f=1\n"), (1, vec![1]));
    }

    #[test]
    fn what_stands_in_a_text_is_no_line_though_its_own_line_is_wrong() {
        for wrong in
            ["m,time=x s=", "m,a= s=", "m,a=1,a=2 s=", ",a=1 s=", "m f=1x,s=", "m,a=b=c s=", "m time=1,s="]
        {
            assert_eq!(read(&format!("{wrong}\"a\nm f=666\n\" 1\nm f=1\n")), (1, vec![1]), "{wrong}");
        }
        for after in [",f=1x 5", " x", ",f=", ",f", ",", " 9223372036854775807"] {
            assert_eq!(read(&format!("m s=\"a\nm f=666\n\"{after}\nm f=1\n")), (1, vec![1]), "{after}");
        }
    }

    /// Thousands of short lines, each looking for the end of its text over 64 KiB, would take minutes.
    #[test]
    fn lines_that_open_texts_in_vain_are_read_in_no_time() {
        let heads = [
            "=\"",
            "m f=\"",
            "m \",===\"",
            "m f=\",\",g=\"",
            "m,a=\"b f=\"",
            "m f=\"\",g=\"",
            "m f=\" ,g=\" ",
        ];
        for head in heads {
            for end in ["\n", "\\\n", "é\n"] {
                let body = format!("{head}{end}").repeat(200_000 / (head.len() + end.len()));
                let lines = decode(body.as_bytes(), Precision::Nanoseconds, 0);
                assert!(!lines.errors.is_empty() || !lines.points.is_empty());
            }
        }
    }

    #[test]
    fn precision_scales_to_whole_milliseconds_and_time_may_be_missing() {
        let at = |precision, time| decode(format!("m f=1 {time}").as_bytes(), precision, 0);
        assert_eq!(at(Precision::Seconds, 2).points[0].t_ms, 2000);
        assert_eq!(at(Precision::Microseconds, -1).points[0].t_ms, -1);
        assert_eq!(at(Precision::Seconds, i64::MAX).errors.len(), 1);
        assert_eq!(at(Precision::Milliseconds, 9_223_372_036_854).errors.len(), 0);
        assert_eq!(at(Precision::Milliseconds, 9_223_372_036_855).errors.len(), 1);
        assert_eq!(at(Precision::Nanoseconds, i64::MAX).errors.len(), 1);
        let mut earliest = Vec::new();
        write_point(&at(Precision::Nanoseconds, i64::MIN + 2).points[0], &mut earliest);
        assert_eq!(decode(&earliest, Precision::Nanoseconds, 0).errors, []);
        assert_eq!(one("m f=1 +1").unwrap_err().1, "timestamp is not a whole number");
        assert_eq!(one("m f=1").unwrap().t_ms, 7);
    }

    #[test]
    fn limits_are_kept() {
        let tags: String = (0..=MAX_TAGS).map(|n| format!(",t{n}=v")).collect();
        assert_eq!(one(&format!("m{tags} f=1")).unwrap_err().1, "more than 32 tags");
        let fields: Vec<_> = (0..=MAX_FIELDS).map(|n| format!("f{n}=1")).collect();
        assert_eq!(one(&format!("m {}", fields.join(","))).unwrap_err().1, "more than 256 fields");
        assert_eq!(one(&format!("{} f=1", "m".repeat(600))).unwrap_err().1, "name is longer than 512 bytes");
        assert_eq!(one(&"m".repeat(MAX_LINE_BYTES + 1)).unwrap_err().1, "line is longer than 64 KiB");
    }

    proptest! {
        /// Whatever was read into the same memory before.
        #[test]
        fn a_batch_that_is_read_into_again_is_as_a_new_one(
            bodies in proptest::collection::vec(
                "([a-c]{0,2}(,[a-d]=[a-c]{0,2}){0,3} ([a-c]=(1|2i|\"x\"|)(,b=2)?)( [0-9]{1,3})?[\n ]){0,6}", 1..4,
            ),
        ) {
            let mut batch = Batch::default();
            for body in &bodies {
                batch.read(body.as_bytes(), Precision::Milliseconds, 7);
                prop_assert_eq!(&batch, &decode(body.as_bytes(), Precision::Milliseconds, 7));
            }
        }

        #[test]
        fn what_the_agent_writes_the_collector_reads(
            host in "[^\\\\\n\r]{1,20}", zone in "[^\\\\\n\r]{1,20}", value in -1e12..1e12f64, t_ms in 0..4_000_000_000_000i64,
        ) {
            let mut writer = LineWriter::new(&[("host", &host)]);
            writer.point(t_ms, &[("zone", &zone)], &[(&TEMP, value.into())]);
            let batch = decode(&writer.take().0, Precision::Nanoseconds, 0);
            prop_assert_eq!(&batch.errors, &[]);
            let point = &batch.points[0];
            prop_assert_eq!(point.tag("host"), Some(host.as_str()));
            prop_assert_eq!(point.tag("zone"), Some(zone.as_str()));
            prop_assert_eq!(&point.fields[0].1, &Value::Float(value));
            prop_assert_eq!(point.t_ms, t_ms);
        }

        #[test]
        fn what_was_read_and_is_written_again_is_read_the_same(
            body in "([a-z]{1,2}([,= \\\\][a-z#\"]{1,2}){0,3}(,[a-z]=[a-z\\\\]{1,3}){0,2} f[a-z\\\\]{0,2}=(1|2i|\"[a\n\\\\ ]{0,3}\") -?[0-9]{1,18}\n){0,4}",
        ) {
            let points = decode(body.as_bytes(), Precision::Nanoseconds, 0).points;
            let mut written = Vec::new();
            for point in &points {
                write_point(point, &mut written);
            }
            let again = decode(&written, Precision::Nanoseconds, 0);
            prop_assert_eq!((&again.points, again.errors.len()), (&points, 0), "{}", String::from_utf8_lossy(&written));
        }

        /// Whatever is damaged: the other lines are read, if their texts are on one line each.
        #[test]
        fn a_damaged_line_costs_no_other(
            before in "(m,a=b s=\"x y\",f=1 5\n){0,3}", damaged in "[mfs=,\" a1\\\\]{0,12}", after in "(m,a=b s=\"x y\",f=1 5\n){0,3}",
        ) {
            let good = (before.len() + after.len()) / "m,a=b s=\"x y\",f=1 5\n".len();
            let batch = decode(format!("{before}{damaged}\n{after}").as_bytes(), Precision::Nanoseconds, 0);
            let whole = decode(before.as_bytes(), Precision::Nanoseconds, 0).points;
            prop_assert!(batch.points.len() >= good && batch.points.starts_with(&whole), "{:?}", batch);
        }

        #[test]
        fn line_end_is_where_decoding_goes_on(body in "([mfs,= \"\\\\\n1]{0,3}){0,30}") {
            let (mut rest, mut points) = (body.as_bytes(), Vec::new());
            while !rest.is_empty() {
                let (line, after) = rest.split_at(rest.len().min(line_end(rest) + 1));
                points.extend(decode(line, Precision::Nanoseconds, 0).points);
                rest = after;
            }
            prop_assert_eq!(points, decode(body.as_bytes(), Precision::Nanoseconds, 0).points);
        }

        #[test]
        fn any_bytes_are_read_without_harm(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            decode(&body, Precision::Nanoseconds, 0);
        }

        #[test]
        fn line_like_text_is_read_without_harm(body in "([a-z]{1,2}[,= \"\\\\\n]{0,2}){0,40}") {
            decode(body.as_bytes(), Precision::Nanoseconds, 0);
        }
    }
}
