//! The parts of one line, from its first byte to its time.
//!
//! What is merely wrong, such as a number that is none or a tag that stands twice, is noted, and reading goes on to
//! the line's end: what stands in a text must not be taken for lines of its own because something else in its line
//! is wrong. Only where nobody can say any more what is text and what is not does reading stop.

use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::Value;
use crate::line::Point;
use crate::line::decode::{MAX_FIELDS, MAX_LINE_BYTES, MAX_NAME_BYTES, MAX_TAGS, Precision};

/// What `InfluxDB` keeps for itself and refuses as a tag's key.
const RESERVED_TAGS: [&str; 4] = ["_field", "_measurement", "time", "\0"];

/// Which byte of the line, from 0, and what is wrong there.
pub(super) type Refusal = (usize, &'static str);

/// What ends a name, and what a look at a single byte of it tells.
struct Ends {
    bytes: &'static [u8],
    /// The bytes above and the backslash: all others just belong to the name.
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
        Self { bytes, stop }
    }
}

static MEASUREMENT_ENDS: Ends = Ends::of(b", ");
static NAME_ENDS: Ends = Ends::of(b",= ");

/// What a backslash in a field's key stands before and is left out; elsewhere it stays.
const ESCAPED_IN_FIELD: &[u8] = b",\"= ";
const ESCAPED_IN_TEXT: &[u8] = b"\"\\";

/// Reads one line, which grows by further lines of the body as long as a text in it is open.
pub(super) struct Cursor<'a> {
    /// The line and all that follows it.
    body: &'a [u8],
    /// As much of the body's beginning as is known to be UTF-8; at least the line.
    valid: &'a str,
    /// The line without what ends it.
    text: &'a str,
    /// Where the line ends in the body.
    end: usize,
    /// Where it ends if only those of its texts count that are closed well.
    sure_end: usize,
    at: usize,
    noted: Option<Refusal>,
}

impl<'a> Cursor<'a> {
    /// Before the byte `at` of a line that ends, for all that is known, where `line` does.
    pub(super) fn new(body: &'a [u8], line: &'a str, at: usize) -> Self {
        let (valid, end) = (line, line.len());
        Self { body, valid, text: without_end(line), end, sure_end: end, at, noted: None }
    }

    /// Where the line ends in the body; what follows is the next line.
    pub(super) fn sure_end(&self) -> usize {
        self.sure_end
    }

    /// Reads all of the line; where it is refused `point` may hold anything.
    pub(super) fn point(
        &mut self,
        precision: Precision,
        now_ms: i64,
        point: &mut Point,
    ) -> Result<(), Refusal> {
        self.name(&MEASUREMENT_ENDS, "measurement is missing", &mut point.measurement);
        self.tags(&mut point.tags);
        self.skip_blanks();
        self.fields(&mut point.fields)?;
        self.skip_blanks();
        point.t_ms = if self.at == self.text.len() { now_ms } else { self.time(precision) };
        self.noted.map_or(Ok(()), Err)
    }

    /// Only the first thing that is wrong is told, or the one that reading stops at.
    fn note(&mut self, at: usize, reason: &'static str) {
        self.noted.get_or_insert((at, reason));
    }

    fn tags(&mut self, tags: &mut Vec<(String, String)>) {
        let mut count = 0;
        while self.eat(b',') {
            let start = self.at;
            if count == tags.len() {
                tags.push(Default::default());
            }
            let (known, this) = tags.split_at_mut(count);
            let (key, value) = &mut this[0];
            self.name(&NAME_ENDS, "tag key is missing", key);
            if !self.eat(b'=') {
                self.note(self.at, "tag value is missing");
                continue;
            }
            self.tag_value(value);
            if RESERVED_TAGS.contains(&key.as_str()) {
                self.note(start, "this tag key is reserved");
            }
            match known.binary_search_by(|(known, _)| known.as_str().cmp(key)) {
                Ok(_) => self.note(start, "tag stands twice in the line"),
                Err(_) if count == MAX_TAGS => self.note(start, "more than 32 tags"),
                Err(slot) => {
                    tags[slot..=count].rotate_right(1);
                    count += 1;
                }
            }
        }
        tags.truncate(count);
    }

    /// An equals sign may begin it, and stand nowhere else in it.
    fn tag_value(&mut self, value: &mut String) {
        let equals = self.eat(b'=');
        self.name(&NAME_ENDS, if equals { "" } else { "tag value is missing" }, value);
        if equals {
            value.insert(0, '=');
        }
        if self.text.as_bytes().get(self.at) == Some(&b'=') {
            self.note(self.at, "equals sign in a tag value");
            self.at =
                self.text[self.at..].find([',', ' ']).map_or(self.text.len(), |length| self.at + length);
        }
    }

    fn fields(&mut self, fields: &mut Vec<(String, Value)>) -> Result<(), Refusal> {
        let mut count = 0;
        loop {
            let start = self.at;
            if count == fields.len() {
                fields.push((String::new(), Value::Bool(false)));
            }
            let (key, value) = &mut fields[count];
            self.field_key(key)?;
            // InfluxDB drops such a field and says nothing of it where there is another in the line.
            if key == "time" {
                self.note(start, "this field key is reserved");
            }
            if let Some(read) = self.value()? {
                *value = read;
            }
            if count == MAX_FIELDS {
                self.note(start, "more than 256 fields");
            } else {
                count += 1;
            }
            if !self.eat(b',') {
                fields.truncate(count);
                return Ok(());
            }
        }
    }

    /// A measurement, a tag key or value: up to one of `ends` that has no backslash before it.
    fn name(&mut self, ends: &Ends, missing: &'static str, out: &mut String) {
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
                    _ => break,
                }
            }
            self.at += 1;
        }
        self.take_name(start..self.at, missing, escaped.then_some(ends.bytes), out);
    }

    /// Up to the equals sign, which is taken too. A backslash takes the byte behind it along, whatever that is: so
    /// InfluxDB finds the end of a field's key, and of no other name.
    fn field_key(&mut self, out: &mut String) -> Result<(), Refusal> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        while let Some(&byte) = bytes.get(self.at) {
            if NAME_ENDS.stop[usize::from(byte)] {
                if byte != b'\\' {
                    break;
                }
                escaped = true;
                self.at += 1;
            }
            self.at += 1;
        }
        let end = self.at.min(bytes.len());
        self.at = end;
        if !self.eat(b'=') {
            let reason = if end == start { "field is missing" } else { "field value is missing" };
            return Err((end, reason));
        }
        // InfluxDB looks for the value elsewhere then.
        if self.text[..end].ends_with('\\') {
            self.note(end - 1, "backslash at the end of a field key");
        }
        self.take_name(start..end, "field is missing", escaped.then_some(ESCAPED_IN_FIELD), out);
        Ok(())
    }

    /// This part of the line, without the backslashes before the bytes `escapable`.
    fn take_name(
        &mut self,
        part: Range<usize>,
        missing: &'static str,
        escapable: Option<&[u8]>,
        out: &mut String,
    ) {
        let (start, name) = (part.start, &self.text[part]);
        match (name.len(), escapable) {
            (0, _) if !missing.is_empty() => self.note(start, missing),
            (length, _) if length > MAX_NAME_BYTES => self.note(start, "name is longer than 512 bytes"),
            (_, Some(escapable)) => *out = unescape(name, escapable),
            (_, None) => {
                out.clear();
                out.push_str(name);
            }
        }
    }

    /// The value, if it is one.
    fn value(&mut self) -> Result<Option<Value>, Refusal> {
        if self.eat(b'"') {
            return self.text_value().map(Some);
        }
        let start = self.at;
        let rest = &self.text[start..];
        let length = rest.bytes().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
        self.at += length;
        match number_or_truth(&rest[..length]) {
            Ok(value) => Ok(Some(value)),
            Err(reason) if rest[..length].contains('"') => Err((start, reason)),
            Err(reason) => {
                self.note(start, reason);
                Ok(None)
            }
        }
    }

    fn text_value(&mut self) -> Result<Value, Refusal> {
        let start = self.at;
        loop {
            let bytes = self.text.as_bytes();
            let Some(found) = memchr2(b'"', b'\\', &bytes[self.at..]) else {
                self.at = bytes.len();
                if !self.grow() {
                    return Err((start - 1, "text is not closed"));
                }
                continue;
            };
            self.at += found;
            match bytes[self.at] {
                b'"' => break,
                _ if bytes.get(self.at + 1).is_some_and(|next| ESCAPED_IN_TEXT.contains(next)) => {
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        let text = unescape(&self.text[start..self.at], ESCAPED_IN_TEXT);
        self.at += 1;
        match self.text.as_bytes().get(self.at) {
            None | Some(b',' | b' ') => {
                self.sure_end = self.end;
                Ok(Value::Text(text))
            }
            // It is not known which of the quotes is too much, where the next line's may have closed this one's.
            Some(_) if self.sure_end < self.end => Err((start - 1, "text is not closed")),
            Some(_) => Err((self.at, "something follows the closing quote")),
        }
    }

    /// Takes the next line of the body along; false if there is none, or the whole would be too long or no UTF-8.
    fn grow(&mut self) -> bool {
        let from = self.end + 1;
        let window = &self.body[..self.body.len().min(MAX_LINE_BYTES + 1)];
        let Some(rest) = window.get(from..).filter(|rest| !rest.is_empty()) else { return false };
        let end = match memchr(b'\n', rest) {
            Some(length) => from + length,
            None if self.body.len() <= MAX_LINE_BYTES => self.body.len(),
            None => return false,
        };
        if end > self.valid.len() {
            // In doubling steps: each byte is looked at but a few times.
            let ahead = &self.body[..self.body.len().min(2 * end)];
            self.valid = ahead.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            if end > self.valid.len() {
                return false;
            }
        }
        self.end = end;
        self.text = without_end(&self.valid[..end]);
        true
    }

    fn time(&mut self, precision: Precision) -> i64 {
        let digits = &self.text[self.at..];
        let time = if digits.starts_with('+') { None } else { digits.parse().ok() };
        let Some(time) = time else {
            self.note(self.at, "timestamp is not a whole number");
            return 0;
        };
        precision.to_ms(time).unwrap_or_else(|| {
            self.note(self.at, "timestamp is out of range");
            0
        })
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// What stands between two parts of a line; a part itself is ended by a space only.
    fn skip_blanks(&mut self) {
        while self.eat(b' ') || self.eat(b'\t') || self.eat(b'\0') {}
    }
}

/// A line without its end, as it may come from Windows, and without spaces before that.
fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\r', ' '])
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
