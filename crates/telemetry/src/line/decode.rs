//! Lines to points: strict, and every refusal says where and why.
//!
//! Invariant: a bad line costs that line only; the lines before and after it are read.

use memchr::memchr;

use crate::Value;
use crate::line::Point;

/// Longest line: a point of 256 fields with long names fits many times over.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Most tags on a point; each combination is a series, so many tags are a mistake upstream.
pub const MAX_TAGS: usize = 32;
/// Most fields in a point.
pub const MAX_FIELDS: usize = 256;
/// Longest measurement, tag key, tag value or field key: these are kept in memory for ever.
pub const MAX_NAME_BYTES: usize = 512;
/// What `InfluxDB` keeps for itself and refuses as a tag's key.
const RESERVED_TAGS: [&str; 3] = ["_field", "_measurement", "time"];
/// What may stand before a line, as `InfluxDB` has it.
const LEADING: [char; 3] = [' ', '\t', '\0'];

/// The unit of the timestamps in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Nanoseconds, the default.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
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
    fn to_ms(self, time: i64) -> Option<i64> {
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
        self.errors.clear();
        let (mut rest, mut line, mut count) = (body, 1, 0);
        while !rest.is_empty() {
            let end = line_end(rest);
            let (this, after) = rest.split_at(end);
            if count == self.points.len() {
                self.points.push(Point::default());
            }
            match read_line(this, precision, now_ms, &mut self.points[count]) {
                Ok(said) => count += usize::from(said),
                Err((column, reason)) => self.errors.push(LineError { line, column: column + 1, reason }),
            }
            // Only a text goes over several lines, and few lines have one.
            line += if this.contains(&b'\n') { this.split(|&byte| byte == b'\n').count() } else { 1 };
            rest = after.get(1..).unwrap_or_default();
        }
        self.points.truncate(count);
    }
}

/// Where the first line ends: at the first line feed outside a text value, or, when a text is never
/// closed, at the first line feed at all, so that the damage stays on its line. More than [`MAX_LINE_BYTES`] have to
/// be there, or all that there is.
pub fn line_end(bytes: &[u8]) -> usize {
    let first = memchr(b'\n', bytes).unwrap_or(bytes.len());
    if bytes.first() == Some(&b'#') || !bytes[..first].contains(&b'"') {
        return first;
    }
    let mut in_text = false;
    let mut at = 0;
    while at < bytes.len().min(MAX_LINE_BYTES) {
        match bytes[at] {
            // Outside a text a line feed ends the line whatever stands before it: otherwise lines would run
            // on, each scanned again and again.
            b'\\' if in_text || bytes.get(at + 1) != Some(&b'\n') => at += 1,
            b'"' if in_text => in_text = false,
            b'"' if at > 0 && bytes[at - 1] == b'=' => in_text = true,
            b'\n' if !in_text => return at,
            _ => {}
        }
        at += 1;
    }
    if in_text || bytes.len() > MAX_LINE_BYTES { first } else { bytes.len() }
}

type Refusal = (usize, &'static str);

/// Whether the line says anything, which then is in `point`; else `point` may hold anything.
fn read_line(bytes: &[u8], precision: Precision, now_ms: i64, point: &mut Point) -> Result<bool, Refusal> {
    if bytes.len() > MAX_LINE_BYTES {
        return Err((MAX_LINE_BYTES, "line is longer than 64 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| (e.valid_up_to(), "not UTF-8"))?;
    let text = text.trim_end_matches(['\r', ' ']);
    let said = text.trim_start_matches(LEADING);
    if said.is_empty() || said.starts_with('#') {
        return Ok(false);
    }
    Cursor { text, at: text.len() - said.len() }.point(precision, now_ms, point)?;
    Ok(true)
}

/// What ends a name, and what a look at a single byte of it tells.
struct Ends {
    bytes: &'static [u8],
    /// The bytes above, the backslash and the line feed: all others just belong to the name.
    stop: [bool; 256],
}

impl Ends {
    const fn of(bytes: &'static [u8]) -> Self {
        let mut stop = [false; 256];
        let mut at = 0;
        while at < bytes.len() {
            stop[bytes[at] as usize] = true;
            at += 1;
        }
        stop[b'\\' as usize] = true;
        stop[b'\n' as usize] = true;
        Self { bytes, stop }
    }
}

static MEASUREMENT_ENDS: Ends = Ends::of(b", ");
static NAME_ENDS: Ends = Ends::of(b",= ");

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn point(&mut self, precision: Precision, now_ms: i64, point: &mut Point) -> Result<(), Refusal> {
        self.name(&MEASUREMENT_ENDS, "measurement is missing", &mut point.measurement)?;
        self.tags(&mut point.tags)?;
        self.skip_spaces();
        self.fields(&mut point.fields)?;
        self.skip_spaces();
        point.t_ms = if self.at == self.text.len() { now_ms } else { self.time(precision)? };
        Ok(())
    }

    fn tags(&mut self, tags: &mut Vec<(String, String)>) -> Result<(), Refusal> {
        let mut count = 0;
        while self.eat(b',') {
            let start = self.at;
            if count == tags.len() {
                tags.push(Default::default());
            }
            let (known, this) = tags.split_at_mut(count);
            let (key, value) = &mut this[0];
            self.name(&NAME_ENDS, "tag key is missing", key)?;
            if !self.eat(b'=') {
                return Err((self.at, "tag value is missing"));
            }
            self.name(&NAME_ENDS, "tag value is missing", value)?;
            if RESERVED_TAGS.contains(&key.as_str()) {
                return Err((start, "this tag key is reserved"));
            }
            let Err(slot) = known.binary_search_by(|(known, _)| known.as_str().cmp(key)) else {
                return Err((start, "tag stands twice in the line"));
            };
            if count == MAX_TAGS {
                return Err((start, "more than 32 tags"));
            }
            tags[slot..=count].rotate_right(1);
            count += 1;
        }
        tags.truncate(count);
        Ok(())
    }

    fn fields(&mut self, fields: &mut Vec<(String, Value)>) -> Result<(), Refusal> {
        let mut count = 0;
        loop {
            let start = self.at;
            if count == MAX_FIELDS {
                return Err((start, "more than 256 fields"));
            }
            if count == fields.len() {
                fields.push((String::new(), Value::Bool(false)));
            }
            let (key, value) = &mut fields[count];
            self.name(&NAME_ENDS, "field is missing", key)?;
            if !self.eat(b'=') {
                return Err((self.at, "field value is missing"));
            }
            // InfluxDB drops such a field and says nothing of it where there is another in the line.
            if key == "time" {
                return Err((start, "this field key is reserved"));
            }
            *value = self.value()?;
            count += 1;
            if !self.eat(b',') {
                fields.truncate(count);
                return Ok(());
            }
        }
    }

    /// A measurement, a tag key or value, or a field key: up to one of `ends`, which a backslash escapes.
    fn name(&mut self, ends: &Ends, missing: &'static str, out: &mut String) -> Result<(), Refusal> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        while let Some(&byte) = bytes.get(self.at) {
            if ends.stop[usize::from(byte)] {
                match byte {
                    b'\\' if bytes.get(self.at + 1).is_some_and(|next| ends.bytes.contains(next)) => {
                        escaped = true;
                        self.at += 1;
                    }
                    b'\\' => {}
                    b'\n' => return Err((self.at, "line feed in a name")),
                    _ => break,
                }
            }
            self.at += 1;
        }
        let name = &self.text[start..self.at];
        match name.len() {
            0 => return Err((start, missing)),
            length if length > MAX_NAME_BYTES => return Err((start, "name is longer than 512 bytes")),
            _ if escaped => *out = unescape(name, ends.bytes),
            _ => {
                out.clear();
                out.push_str(name);
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, Refusal> {
        if self.eat(b'"') {
            return self.text_value();
        }
        let start = self.at;
        let rest = &self.text[start..];
        let length = rest.bytes().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
        self.at += length;
        number_or_truth(&rest[..length]).map_err(|reason| (start, reason))
    }

    fn text_value(&mut self) -> Result<Value, Refusal> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'\\' if bytes.get(self.at + 1).is_some_and(|next| b"\"\\".contains(next)) => self.at += 2,
                b'"' => {
                    let text = unescape(&self.text[start..self.at], b"\"\\");
                    self.at += 1;
                    return match bytes.get(self.at) {
                        None | Some(b',' | b' ') => Ok(Value::Text(text)),
                        Some(_) => Err((self.at, "something follows the closing quote")),
                    };
                }
                _ => self.at += 1,
            }
        }
        Err((start - 1, "text is not closed"))
    }

    fn time(&mut self, precision: Precision) -> Result<i64, Refusal> {
        let digits = &self.text[self.at..];
        let time = if digits.starts_with('+') { None } else { digits.parse().ok() };
        precision
            .to_ms(time.ok_or((self.at, "timestamp is not a whole number"))?)
            .ok_or((self.at, "timestamp is out of range"))
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn skip_spaces(&mut self) {
        while self.eat(b' ') {}
    }
}

fn unescape(text: &str, escapable: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(this) = chars.next() {
        match chars.peek() {
            Some(&next) if this == '\\' && u8::try_from(next).is_ok_and(|byte| escapable.contains(&byte)) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(this),
        }
    }
    out
}

fn number_or_truth(text: &str) -> Result<Value, &'static str> {
    match text {
        "" => return Err("field value is missing"),
        "t" | "T" | "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "f" | "F" | "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    // Rust also reads a number with a plus before it, and `inf`, `nan` and their signs; the protocol does not.
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Err("field value is neither a number, a truth value nor a quoted text");
    }
    if let Some(digits) = text.strip_suffix('i') {
        return digits.parse().map(Value::Int).map_err(|_| "not a signed 64-bit integer");
    }
    if let Some(digits) = text.strip_suffix('u') {
        return digits.parse().map(Value::UInt).map_err(|_| "not an unsigned 64-bit integer");
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Value::Float(value)),
        Ok(_) => Err("number is out of range"),
        Err(_) => Err("field value is neither a number, a truth value nor a quoted text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        // A text that is opened on one line is closed on the next: 500 lines of two.
        assert_eq!(batch.errors.len(), 500);
        assert_eq!(decode(b"=\\\n=\"\\\nm f=1\n", Precision::Nanoseconds, 0).points.len(), 1);
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
