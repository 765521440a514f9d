//! The log of a wall meter: lines of `unix_time watts`, or CSV with a header.
//!
//! Columns are separated by commas, semicolons, tabs or blanks and found by their names. Times are Unix seconds
//! (with a fraction or not), Unix milliseconds, or RFC 3339 with a zone. Comments begin with `#`. A power that the
//! logger did not know (`unavailable`, `nan`, nothing) is a gap and no mistake.
//!
//! Invariant: whatever the bytes are, memory stays bounded, and a reading has a time from 1970 to 9999 and a
//! finite power.

use std::io::{self, BufRead, Read as _};

use super::MAX_WATTS;
use crate::time::parse_rfc3339;

/// A longer line is not of a wall meter's log.
pub const MAX_LINE_BYTES: usize = 4096;
/// Numbers from here on are milliseconds: as seconds they would lie in the year 5138, as milliseconds in 1973.
const MILLISECONDS_FROM: f64 = 1e11;
/// The end of the year 9999 in Unix milliseconds.
const LAST_MS: i64 = 253_402_300_799_999;

/// What a column with the time may be called.
const TIME_NAMES: [&str; 12] = [
    "time",
    "timestamp",
    "unix_time",
    "unixtime",
    "unix",
    "date",
    "datetime",
    "date_time",
    "ts",
    "epoch",
    "timestamp_ms",
    "time_ms",
];
/// What a column with the power may be called; all of them are in watts.
const WATTS_NAMES: [&str; 11] = [
    "watts",
    "watt",
    "power",
    "power_w",
    "w",
    "p",
    "p_w",
    "apower",
    "act_power",
    "active_power",
    "active_power_w",
];
/// How loggers say that they do not know.
const UNKNOWN: [&str; 7] = ["", "-", "nan", "null", "none", "unknown", "unavailable"];

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry {
    /// The power at a time.
    Power {
        /// Unix milliseconds.
        t_ms: i64,
        /// Watts.
        watts: f64,
    },
    /// That the power was not known.
    Unknown,
}

/// What is wrong with a log and where.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file could not be read.
    #[error("cannot read on")]
    Read(#[from] io::Error),
    /// Without its columns the log says nothing.
    #[error("line {line}: {why}")]
    Columns {
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// A line that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a log line by line.
#[derive(Debug)]
pub struct LogReader<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    columns: Option<Columns>,
}

impl<R: BufRead> LogReader<R> {
    /// From the beginning.
    pub fn new(input: R) -> Self {
        Self { input, line: 0, buffer: Vec::new(), columns: None }
    }

    /// The next entry, or what is wrong with its line; `None` at the end.
    pub fn next_entry(&mut self) -> Result<Option<Result<Entry, BadLine>>, LogError> {
        while self.next_line()? {
            if self.buffer.len() > MAX_LINE_BYTES {
                return Ok(Some(Err(self.bad(&format!("longer than {MAX_LINE_BYTES} bytes")))));
            }
            let Ok(text) = std::str::from_utf8(&self.buffer) else {
                return Ok(Some(Err(self.bad("not UTF-8"))));
            };
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let columns = match self.columns {
                Some(columns) => columns,
                None => match Columns::of(text) {
                    Ok((columns, is_header)) => {
                        self.columns = Some(columns);
                        if is_header {
                            continue;
                        }
                        columns
                    }
                    Err(why) => return Err(LogError::Columns { line: self.line, why }),
                },
            };
            return Ok(Some(columns.entry(text).map_err(|why| self.bad(&why))));
        }
        Ok(None)
    }

    fn bad(&self, why: &str) -> BadLine {
        BadLine { line: self.line, why: why.to_owned() }
    }

    /// Puts the next line into the buffer, of one that is too long only the beginning.
    fn next_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if self.buffer.len() > MAX_LINE_BYTES {
            self.input.skip_until(b'\n')?;
        }
        self.line += u64::from(read > 0);
        Ok(read > 0)
    }
}

/// Which columns hold what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    separator: Separator,
    time: usize,
    watts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Character(char),
    Blanks,
}

impl Columns {
    /// From the first line, and whether that is a header.
    fn of(line: &str) -> Result<(Self, bool), String> {
        let characters = [';', '\t', ','].into_iter();
        let separator = characters.map(Separator::Character).find(|separator| separator.is_in(line));
        let separator = separator.unwrap_or(Separator::Blanks);
        let fields = separator.split(line);
        if fields
            .first()
            .is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c)))
        {
            return match fields.len() {
                2 => Ok((Self { separator, time: 0, watts: 1 }, false)),
                count => {
                    Err(format!("{count} columns and no header: two are time and watts, more want names"))
                }
            };
        }
        let names: Vec<String> = fields.iter().map(|field| plain_name(field)).collect();
        let time = column(&names, &TIME_NAMES, "the time")?;
        let watts = column(&names, &WATTS_NAMES, "the power in watts")?;
        Ok((Self { separator, time, watts }, true))
    }

    fn entry(self, line: &str) -> Result<Entry, String> {
        let fields = self.separator.split(line);
        let field = |index: usize| {
            fields.get(index).map(String::as_str).ok_or_else(|| format!("there is no column {}", index + 1))
        };
        let t_ms = time_ms(field(self.time)?)?;
        let text = field(self.watts)?;
        if UNKNOWN.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Ok(Entry::Unknown);
        }
        Ok(Entry::Power { t_ms, watts: self.watts_of(text)? })
    }

    /// Where a comma does not separate columns it is a decimal point.
    fn watts_of(self, text: &str) -> Result<f64, String> {
        let number = match self.separator {
            Separator::Character(',') => text.to_owned(),
            _ => text.replacen(',', ".", 1),
        };
        let number = number.trim_end_matches(['W', 'w']).trim_end();
        let watts: f64 = number.parse().map_err(|_| format!("`{}` is not a power", shortened(text)))?;
        let fits = watts.is_finite() && watts.abs() <= MAX_WATTS;
        fits.then_some(watts).ok_or_else(|| format!("{watts} W cannot be"))
    }
}

impl Separator {
    fn is_in(self, line: &str) -> bool {
        matches!(self, Self::Character(character) if line.contains(character))
    }

    fn split(self, line: &str) -> Vec<String> {
        match self {
            Self::Blanks => line.split_whitespace().map(ToOwned::to_owned).collect(),
            Self::Character(separator) => split_quoted(line, separator),
        }
    }
}

/// Fields may stand in quotation marks, and then contain the separator.
fn split_quoted(line: &str, separator: char) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                fields.push(std::mem::take(&mut field).trim().to_owned());
            }
            _ => field.push(character),
        }
    }
    fields.push(field.trim().to_owned());
    fields
}

/// `Power (W)` and `power_w` are the same name.
fn plain_name(field: &str) -> String {
    let words = field.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

fn column(names: &[String], known: &[&str], what: &str) -> Result<usize, String> {
    let mut found = (0..names.len()).filter(|&index| known.contains(&names[index].as_str()));
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (None, _) => Err(format!(
            "no column is called like {what} ({}); there are: {}",
            known.join(", "),
            shortened(&names.join(", "))
        )),
        (Some(a), Some(b)) => Err(format!("`{}` and `{}` are both called like {what}", names[a], names[b])),
    }
}

fn time_ms(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number.abs() < MILLISECONDS_FROM { number * 1000.0 } else { number };
        if !(0.0..=LAST_MS as f64).contains(&ms) {
            return Err(format!("`{}` is no time in Unix seconds or milliseconds", shortened(text)));
        }
        return Ok(crate::query::whole(ms));
    }
    let (local, offset_ms) = zone(text).ok_or_else(|| {
        format!(
            "`{}` is no time with a zone: it wants a Z or an offset such as +02:00 at its end",
            shortened(text)
        )
    })?;
    let ms = parse_rfc3339(local).map_err(|_| format!("`{}` is not a time", shortened(text)))?;
    let ms = ms - offset_ms;
    let there = (0..=LAST_MS).contains(&ms);
    there.then_some(ms).ok_or_else(|| format!("`{}` is not between 1970 and 9999", shortened(text)))
}

/// Splits the zone off; a time without one is of nobody knows which hour.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let sign = match offset.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let part = |text: &str, limit: i64| text.parse::<i64>().ok().filter(|part| (0..limit).contains(part));
    let minutes = part(hours, 24)? * 60 + part(minutes, 60)?;
    Some((local, sign * minutes * 60_000))
}

/// So much of a foreign text as fits into a message.
fn shortened(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(log: &[u8]) -> Vec<Result<Entry, String>> {
        let mut reader = LogReader::new(log);
        let mut found = Vec::new();
        while let Some(entry) = reader.next_entry().expect("columns") {
            found.push(entry.map_err(|bad| bad.to_string()));
        }
        found
    }

    fn columns_error(log: &str) -> String {
        match LogReader::new(log.as_bytes()).next_entry() {
            Err(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn power(t_ms: i64, watts: f64) -> Entry {
        Entry::Power { t_ms, watts }
    }

    fn good(log: &[u8]) -> Vec<Entry> {
        entries(log).into_iter().map(|entry| entry.expect("a good line")).collect()
    }

    #[test]
    fn seconds_fractions_and_milliseconds_are_told_apart() {
        let log = b"# wall meter\n1795435200 5.5\r\n1795435200.250  6\n1795435200500 7W\n\n1795435201 unavailable\n";
        let want = [
            power(1_795_435_200_000, 5.5),
            power(1_795_435_200_250, 6.0),
            power(1_795_435_200_500, 7.0),
            Entry::Unknown,
        ];
        assert_eq!(good(log), want);
    }

    #[test]
    fn columns_are_found_by_their_names_and_times_have_zones() {
        let log = "\u{feff}\"Date\";Volts;\"Power (W)\"\n2026-11-23T12:00:00Z;230,1;5,5\n\
                   2026-11-23 14:00:01+02:00;230;6\n2026-11-23T12:00:02.5Z;230;\n";
        let want = [power(1_795_435_200_000, 5.5), power(1_795_435_201_000, 6.0), Entry::Unknown];
        assert_eq!(good(log.as_bytes()), want);
        let quoted = "unix_time,note,watts\n1795435200,\"a, b\",5\n";
        assert_eq!(good(quoted.as_bytes()), [power(1_795_435_200_000, 5.0)]);
    }

    #[test]
    fn every_bad_line_says_its_number_and_what_is_wrong() {
        let log = b"1795435200 5\n1795435201 much\n1795435202\n\xff\xfe 1\n-5 1\n1795435203 1e9\nsoon 1\n\
                    2026-11-23T12:00:00 1\n1795435204 inf\n1970-01-01T00:00:00+01:00 1\n1795435205 6\n";
        let got = entries(log);
        let bad: Vec<&str> =
            got.iter().filter_map(|entry| entry.as_ref().err().map(String::as_str)).collect();
        assert_eq!(
            bad,
            [
                "line 2: `much` is not a power",
                "line 3: there is no column 2",
                "line 4: not UTF-8",
                "line 5: `-5` is no time in Unix seconds or milliseconds",
                "line 6: 1000000000 W cannot be",
                "line 7: `soon` is no time with a zone: it wants a Z or an offset such as +02:00 at its end",
                "line 8: `2026-11-23T12:00:00` is no time with a zone: it wants a Z or an offset such as +02:00 at its end",
                "line 9: inf W cannot be",
                "line 10: `1970-01-01T00:00:00+01:00` is not between 1970 and 9999",
            ]
        );
        assert_eq!(got.len(), 11);
    }

    #[test]
    fn a_line_without_end_is_one_bad_line_and_no_memory() {
        let mut log = b"1795435200 5\n".to_vec();
        log.extend(std::iter::repeat_n(b'7', 1_000_000));
        log.extend_from_slice(b"\n1795435201 6\n");
        let mut reader = LogReader::new(&log[..]);
        let mut count = 0;
        while let Some(entry) = reader.next_entry().unwrap() {
            count += 1;
            assert!(reader.buffer.capacity() <= 4 * MAX_LINE_BYTES);
            assert_eq!(entry.is_err(), count == 2, "{entry:?}");
        }
        assert_eq!(count, 3);
    }

    #[test]
    fn a_log_whose_columns_are_not_known_is_refused_whole() {
        assert!(columns_error("1795435200,230,5\n").contains("line 1: 3 columns and no header"));
        assert!(columns_error("time,volts\n").contains("no column is called like the power in watts"));
        assert!(
            columns_error("time,date,watts\n").contains("`time` and `date` are both called like the time")
        );
        assert!(columns_error("hello\n").contains("no column is called like the time"));
    }
}
