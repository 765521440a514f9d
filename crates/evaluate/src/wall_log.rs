//! The log of a wall meter, line by line: `unix_time watts`, or CSV with a header.
//!
//! Columns are separated by commas, semicolons, tabs or blanks and found by their names. Times are Unix seconds
//! (with a fraction or not), Unix milliseconds, or RFC 3339 with a zone. A power that the logger did not know
//! (`unavailable`, `nan`, nothing) is a gap and no mistake.
//!
//! Lines come one by one, because a reader of the whole file would hold a line of any length in memory.
//!
//! Invariant: a reading has a time from 1970 to 9999 and a power that a meter can show.

use csv::StringRecord;

use crate::timestamp::{LAST_MS, rfc3339_ms};

/// More than any meter of a cluster shows, in watts, in either direction: what is beyond it is a broken
/// reading.
pub const MAX_WATTS: f64 = 1e6;
/// Numbers from here on are milliseconds: as seconds they would lie in the year 5138, as milliseconds in 1973.
const MILLISECONDS_FROM: f64 = 1e11;

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

/// Longest piece of a line that a mistake quotes, in characters.
const MAX_QUOTE: usize = 60;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry {
    /// The power at a time.
    Power {
        /// Unix milliseconds, from 1970 to the year 9999.
        t_ms: i64,
        /// At most [`MAX_WATTS`] in either direction; negative where something is fed back.
        watts: f64,
    },
    /// That the power was not known.
    Unknown,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LineError {
    /// It is too short.
    #[error("there is no column {0}")]
    NoColumn(usize),
    /// No number stands in the column of the power.
    #[error("`{0}` is not a power")]
    NotAPower(String),
    /// A power beyond [`MAX_WATTS`] in either direction.
    #[error("{0} W cannot be")]
    Impossible(f64),
    /// A number that is no time.
    #[error("`{0}` is no time in Unix seconds or milliseconds")]
    NoUnixTime(String),
    /// A text that is no time.
    #[error(
        "`{0}` is no time; write Unix seconds, or RFC 3339 with a Z or an offset such as +02:00 at its end"
    )]
    NoTime(String),
}

/// Why the first line does not tell which columns are which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// Without a header, only two columns explain themselves.
    #[error("{0} columns and no header: two are time and watts, more want names")]
    NoHeader(usize),
    /// None of the header's names is among the known ones.
    #[error("no column is called like {what} ({known}); there are: {names}")]
    NotThere {
        /// What the column would hold.
        what: &'static str,
        /// The names that would fit.
        known: String,
        /// The names in the header, as many as a message can hold.
        names: String,
    },
    /// Two of the header's names are among the known ones.
    #[error("`{first}` and `{second}` are both called like {what}")]
    Ambiguous {
        /// What the columns would hold.
        what: &'static str,
        /// The leftmost of the two, as it is compared: words in lower case.
        first: String,
        /// The next one to its right.
        second: String,
    },
}

/// Which columns hold what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    separator: Separator,
    time: usize,
    watts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// An ASCII character, as in CSV.
    Byte(u8),
    Blanks,
}

impl Columns {
    /// From the first line, and whether that is a header. Refused are more than two columns without a
    /// header, and a header that names no time or no power, or one of them twice.
    pub fn of(line: &str) -> Result<(Self, bool), ColumnsError> {
        let byte = [b';', b'\t', b','].into_iter().find(|byte| line.as_bytes().contains(byte));
        let separator = byte.map_or(Separator::Blanks, Separator::Byte);
        let fields = separator.split(line);
        let number =
            |field: &str| field.starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first));
        if fields.get(0).is_some_and(number) {
            return match fields.len() {
                2 => Ok((Self { separator, time: 0, watts: 1 }, false)),
                count => Err(ColumnsError::NoHeader(count)),
            };
        }
        let names: Vec<String> = fields.iter().map(plain_name).collect();
        let time = column(&names, &TIME_NAMES, "the time")?;
        let watts = column(&names, &WATTS_NAMES, "the power in watts")?;
        Ok((Self { separator, time, watts }, true))
    }

    /// What a line says. Refused are a line without one of the two columns, what is no time or no power,
    /// and a power beyond [`MAX_WATTS`].
    pub fn entry(self, line: &str) -> Result<Entry, LineError> {
        let fields = self.separator.split(line);
        let field = |index: usize| fields.get(index).ok_or(LineError::NoColumn(index + 1));
        let t_ms = time_ms(field(self.time)?)?;
        let text = field(self.watts)?;
        if UNKNOWN.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Ok(Entry::Unknown);
        }
        Ok(Entry::Power { t_ms, watts: self.watts_of(text)? })
    }

    /// Where a comma does not separate columns it is a decimal point.
    fn watts_of(self, text: &str) -> Result<f64, LineError> {
        let number = match self.separator {
            Separator::Byte(b',') => text.to_owned(),
            _ => text.replacen(',', ".", 1),
        };
        let number = number.trim_end_matches(['W', 'w']).trim_end();
        let watts: f64 = number.parse().map_err(|_| LineError::NotAPower(quote(text)))?;
        let fits = watts.is_finite() && watts.abs() <= MAX_WATTS;
        fits.then_some(watts).ok_or(LineError::Impossible(watts))
    }
}

impl Separator {
    /// The fields of a line without the blanks around them. They may stand in quotation marks, and then
    /// contain the separator.
    fn split(self, line: &str) -> StringRecord {
        let Self::Byte(delimiter) = self else { return line.split_whitespace().collect() };
        let mut reader = csv::ReaderBuilder::new();
        reader.delimiter(delimiter).has_headers(false).trim(csv::Trim::All).buffer_capacity(line.len());
        let mut fields = StringRecord::new();
        let read = reader.from_reader(line.as_bytes()).read_record(&mut fields);
        read.expect("UTF-8 in memory, and a single row");
        fields
    }
}

/// `Power (W)` and `power_w` are the same name.
fn plain_name(field: &str) -> String {
    let words = field.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

fn column(names: &[String], known: &[&str], what: &'static str) -> Result<usize, ColumnsError> {
    let mut found = (0..names.len()).filter(|&index| known.contains(&names[index].as_str()));
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (None, _) => {
            Err(ColumnsError::NotThere { what, known: known.join(", "), names: quote(&names.join(", ")) })
        }
        (Some(first), Some(second)) => {
            Err(ColumnsError::Ambiguous { what, first: quote(&names[first]), second: quote(&names[second]) })
        }
    }
}

fn time_ms(text: &str) -> Result<i64, LineError> {
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number.abs() < MILLISECONDS_FROM { number * 1000.0 } else { number };
        let there = (0.0..=LAST_MS as f64).contains(&ms);
        return there.then(|| whole(ms)).ok_or_else(|| LineError::NoUnixTime(quote(text)));
    }
    rfc3339_ms(text).ok_or_else(|| LineError::NoTime(quote(text)))
}

#[expect(clippy::cast_possible_truncation, reason = "times up to the year 9999 are below 2^53 milliseconds")]
fn whole(ms: f64) -> i64 {
    ms.round() as i64
}

/// So much of a foreign text as fits into a message.
fn quote(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the lines say below a header, or what is wrong with them.
    fn entries(header: &str, lines: &[&str]) -> Vec<Result<Entry, String>> {
        let (columns, _) = Columns::of(header).unwrap();
        lines.iter().map(|line| columns.entry(line).map_err(|error| error.to_string())).collect()
    }

    fn good(header: &str, lines: &[&str]) -> Vec<Entry> {
        entries(header, lines).into_iter().map(|entry| entry.expect("a good line")).collect()
    }

    fn power(t_ms: i64, watts: f64) -> Entry {
        Entry::Power { t_ms, watts }
    }

    #[test]
    fn seconds_fractions_and_milliseconds_are_told_apart() {
        let lines = ["1795435200 5.5", "1795435200.250  6", "1795435200500 7W", "1795435201 unavailable"];
        let want = [
            power(1_795_435_200_000, 5.5),
            power(1_795_435_200_250, 6.0),
            power(1_795_435_200_500, 7.0),
            Entry::Unknown,
        ];
        assert_eq!(good(lines[0], &lines), want);
        assert!(!Columns::of(lines[0]).unwrap().1, "two columns need no header");
    }

    #[test]
    fn columns_are_found_by_their_names_and_times_have_zones() {
        let lines = [
            "2026-11-23T12:00:00Z;230,1;5,5",
            "2026-11-23 14:00:01+02:00;230;6",
            "2026-11-23T12:00:02.5Z;230;",
            "2026-11-23T06:30:02.1255-05:30;230;-7",
        ];
        let want = [
            power(1_795_435_200_000, 5.5),
            power(1_795_435_201_000, 6.0),
            Entry::Unknown,
            power(1_795_435_202_126, -7.0),
        ];
        assert_eq!(good("\"Date\";Volts;\"Power (W)\"", &lines), want);
        assert_eq!(good("unix_time,note,watts", &["1795435200,\"a, b\",5"]), [power(1_795_435_200_000, 5.0)]);
    }

    #[test]
    fn every_mistake_says_what_is_wrong() {
        let wrong = |line: &str, part: &str| {
            let got = entries("1795435200 5", &[line]).remove(0).unwrap_err();
            assert!(got.contains(part), "{got}");
        };
        wrong("1795435201 much", "`much` is not a power");
        wrong("1795435202", "there is no column 2");
        wrong("1795435203 1e9", "1000000000 W cannot be");
        wrong("1795435204 inf", "inf W cannot be");
        wrong("-5 1", "`-5` is no time in Unix seconds or milliseconds");
        wrong("1795435200000000 1", "is no time in Unix seconds or milliseconds");
        wrong("soon 1", "`soon` is no time; write");
        wrong("2026-11-23T12:00:00 1", "or an offset such as +02:00 at its end");
        wrong("2026-02-30T12:00:00Z 1", "is no time");
        wrong("1970-01-01T00:00:00+01:00 1", "is no time");
        wrong("2026-11-23T12:00:00. 1", "is no time");
    }

    #[test]
    fn a_log_whose_columns_are_not_known_says_so() {
        let wrong = |line: &str, part: &str| {
            let got = Columns::of(line).unwrap_err().to_string();
            assert!(got.contains(part), "{got}");
        };
        wrong("1795435200,230,5", "3 columns and no header");
        wrong("time,volts", "no column is called like the power in watts");
        wrong("time,date,watts", "`time` and `date` are both called like the time");
        wrong("hello", "no column is called like the time");
    }

    proptest! {
        #[test]
        fn any_line_is_an_entry_or_a_mistake(
            first in prop_oneof![any::<String>(), Just("time;watts".into()), Just("\"time\",watts".into())],
            line in prop_oneof![any::<String>(), "[0-9T:Z+;,. \"\\r-]{0,40}"],
        ) {
            if let Ok((columns, _)) = Columns::of(&first) {
                if let Ok(Entry::Power { t_ms, watts }) = columns.entry(&line) {
                    prop_assert!((0..=LAST_MS).contains(&t_ms) && watts.abs() <= MAX_WATTS);
                }
            }
        }
    }
}
