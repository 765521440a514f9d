//! A tariff or grid intensity that changes with time, from a CSV file.
//!
//! Format: a header line, then `time,value` in the order of time; the time is Unix seconds or RFC 3339 with
//! its zone, the value an amount per kilowatt-hour. Each value holds until the next, the last for good.
//!
//! Invariant: the steps are in order and each time stands once; before the first nothing is known.

use csv::StringRecord;

use crate::Window;
use crate::timestamp::{LAST_MS, rfc3339_ms};

/// More steps are refused: ten years of quarters of an hour, 16 bytes each.
pub const MAX_STEPS: usize = 360_000;
/// Longest piece of a line that an error quotes, in characters.
const MAX_QUOTE: usize = 60;

/// Why a file is no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Nothing but a header, or not even that.
    #[error(
        "there is no value in it; write a header such as `time,value` and below it a line for each change"
    )]
    Empty,
    /// The first line holds a value, which would be lost.
    #[error("line 1 has to be a header such as `time,value`, not the first value")]
    NoHeader,
    /// A row of one column, or of three and more.
    #[error("line {line}: {text:?} is not `time,value`")]
    Columns {
        /// Its number, from 1.
        line: usize,
        /// Its columns with commas between, cut where it is long.
        text: String,
    },
    /// The first column is no time.
    #[error(
        "line {line}: {text:?} is no time; write Unix seconds (1795438625) or RFC 3339 (2026-11-23T12:57:05Z)"
    )]
    Time {
        /// Its number, from 1.
        line: usize,
        /// What stands in the place of a time.
        text: String,
    },
    /// The second column is no finite number.
    #[error("line {line}: {text:?} is no number; write for example 0.31")]
    Value {
        /// Its number, from 1.
        line: usize,
        /// What stands in the place of a number.
        text: String,
    },
    /// Not later than the line before.
    #[error("line {line} is not later than the one before it; sort the file by time, each time once")]
    Order {
        /// Its number, from 1.
        line: usize,
    },
    /// The file holds more than [`MAX_STEPS`] values.
    #[error("line {line}: more than {MAX_STEPS} values; leave out what is older than the runs")]
    TooMany {
        /// The first line too many, from 1.
        line: usize,
    },
}

/// Steps in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceSeries {
    /// Unix milliseconds and the amount per kilowatt-hour from then on.
    steps: Vec<(i64, f64)>,
}

impl PriceSeries {
    /// Reads the CSV text; the format is in the module's description. The first line that is wrong is the
    /// error.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let text = text.trim_start_matches('\u{feff}');
        let mut rows = Rows::of(text);
        let header = rows.next().ok_or(PriceError::Empty)?;
        if header.len() == 2 && header[1].parse::<f64>().is_ok() {
            return Err(PriceError::NoHeader);
        }
        let mut steps: Vec<(i64, f64)> = Vec::new();
        while let Some(row) = rows.next() {
            let line = || rows.line_of(&row);
            let step = step(&row, line)?;
            if steps.last().is_some_and(|(before_ms, _)| *before_ms >= step.0) {
                return Err(PriceError::Order { line: line() });
            }
            if steps.len() == MAX_STEPS {
                return Err(PriceError::TooMany { line: line() });
            }
            steps.push(step);
        }
        if steps.is_empty() { Err(PriceError::Empty) } else { Ok(Self { steps }) }
    }

    /// The parts of a window between the changes, with what held during each; what lies before the first
    /// step is left out.
    pub fn pieces(&self, window: Window) -> Vec<(Window, f64)> {
        // The step that holds when the window begins is the last one that is not later.
        let later = self.steps.partition_point(|(t_ms, _)| *t_ms <= window.start_ms);
        let steps = &self.steps[later.saturating_sub(1)..];
        let ends = steps.iter().skip(1).map(|(t_ms, _)| *t_ms).chain([i64::MAX]);
        let pieces = steps.iter().zip(ends).map(|(&(t_ms, value), next_ms)| {
            let (start_ms, end_ms) = (t_ms.max(window.start_ms), next_ms.min(window.end_ms));
            (Window { start_ms, end_ms }, value)
        });
        pieces.take_while(|(piece, _)| piece.start_ms < piece.end_ms).collect()
    }
}

/// The rows of a text in memory that hold anything.
struct Rows<'a> {
    text: &'a str,
    rows: csv::StringRecordsIntoIter<&'a [u8]>,
}

impl<'a> Rows<'a> {
    fn of(text: &'a str) -> Self {
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(false).flexible(true).trim(csv::Trim::All);
        Self { text, rows: reader.from_reader(text.as_bytes()).into_records() }
    }

    fn next(&mut self) -> Option<StringRecord> {
        let rows = self.rows.by_ref().map(|row| row.expect("UTF-8 in memory, rows of any length"));
        rows.into_iter().find(|row| row.len() > 1 || row.iter().any(|field| !field.is_empty()))
    }

    /// Counted here, because the reader's own line is off by the empty ones before the row.
    fn line_of(&self, row: &StringRecord) -> usize {
        let at =
            row.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
        let (before, rest) = self.text.split_at(at);
        let skipped = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        before.matches('\n').count() + rest[..skipped].matches('\n').count() + 1
    }
}

/// `line` is worked out for an error only.
fn step(row: &StringRecord, line: impl Fn() -> usize) -> Result<(i64, f64), PriceError> {
    let (Some(time), Some(value), 2) = (row.get(0), row.get(1), row.len()) else {
        let fields: Vec<&str> = row.iter().take(MAX_QUOTE).collect();
        return Err(PriceError::Columns { line: line(), text: quote(&fields.join(",")) });
    };
    let t_ms = time_ms(time).ok_or_else(|| PriceError::Time { line: line(), text: quote(time) })?;
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    Ok((t_ms, number.ok_or_else(|| PriceError::Value { line: line(), text: quote(value) })?))
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

/// Unix milliseconds of Unix seconds or of RFC 3339.
fn time_ms(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(seconds) => (0..=LAST_MS / 1000).contains(&seconds).then(|| seconds * 1000),
        Err(_) => rfc3339_ms(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(start_s: i64, end_s: i64) -> Window {
        Window { start_ms: start_s * 1000, end_ms: end_s * 1000 }
    }

    fn pieces(text: &str, start_s: i64, end_s: i64) -> Vec<(i64, i64, f64)> {
        let found = PriceSeries::parse(text).unwrap().pieces(window(start_s, end_s));
        let seconds = |(piece, value): &(Window, f64)| (piece.start_ms / 1000, piece.end_ms / 1000, *value);
        found.iter().map(seconds).collect()
    }

    const SERIES: &str = "time,eur_per_kwh\n100,0.2\n200,0.3\n300,-0.1\n";

    #[test]
    fn each_value_holds_until_the_next_and_the_last_for_good() {
        assert_eq!(pieces(SERIES, 150, 1000), [(150, 200, 0.2), (200, 300, 0.3), (300, 1000, -0.1)]);
        assert_eq!(pieces(SERIES, 0, 150), [(100, 150, 0.2)]);
        assert_eq!(pieces(SERIES, 200, 300), [(200, 300, 0.3)]);
        assert_eq!(pieces(SERIES, 400, 500), [(400, 500, -0.1)]);
        assert_eq!(pieces(SERIES, 0, 100), []);
        assert_eq!(pieces(SERIES, 150, 150), []);
    }

    #[test]
    fn times_are_unix_seconds_or_rfc_3339() {
        for text in ["1795438625", "2026-11-23T12:57:05Z", "2026-11-23T18:42:05+0545"] {
            assert_eq!(time_ms(text), Some(1_795_438_625_000), "{text}");
        }
        assert_eq!(time_ms("2026-11-23T12:57:05.5Z"), Some(1_795_438_625_500));
        assert_eq!(time_ms("253402300799"), Some(253_402_300_799_000));
        for text in ["", "-1", "253402300800", "1795438625000", "2026-11-23T12:57:05"] {
            assert_eq!(time_ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_with_what_to_do() {
        let error = |text| PriceSeries::parse(text).unwrap_err();
        assert_eq!(error(""), PriceError::Empty);
        assert_eq!(error("time,value\n\n"), PriceError::Empty);
        assert_eq!(error("100,0.2\n"), PriceError::NoHeader);
        assert_eq!(error("t,v\n100\n"), PriceError::Columns { line: 2, text: "100".into() });
        assert_eq!(error("t,v\n1,2,3\n"), PriceError::Columns { line: 2, text: "1,2,3".into() });
        assert_eq!(error("t,v\n\nnoon,2\n"), PriceError::Time { line: 3, text: "noon".into() });
        assert_eq!(error("t,v\n1,NaN\n"), PriceError::Value { line: 2, text: "NaN".into() });
        assert_eq!(error("t,v\n1, cheap \n"), PriceError::Value { line: 2, text: "cheap".into() });
        assert_eq!(error("t,v\n2,1\n2,1\n"), PriceError::Order { line: 3 });
        assert_eq!(error("t,v\r\n2,1\r\n\r\n  \r\n2,1\r\n"), PriceError::Order { line: 5 });
        assert_eq!(error("t,v\n1,\"2\n3\"\n"), PriceError::Value { line: 2, text: "2\n3".into() });
        assert_eq!(error("t,v\n\"1\",\"2\"\n\"0\",2\n"), PriceError::Order { line: 3 });
        let message = error("t,v\n1795438625000,1\n").to_string();
        assert!(message.starts_with("line 2: \"1795438625000\" is no time; write Unix seconds"), "{message}");
    }

    #[test]
    fn a_file_from_a_spreadsheet_is_read_too() {
        assert_eq!(pieces("\u{feff}time,value\r\n 100 , 0.2 \r\n\r\n", 100, 200), [(100, 200, 0.2)]);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let lines = |count: usize| -> String {
            "t,v\n".to_owned() + &(0..count).map(|line| format!("{line},1\n")).collect::<String>()
        };
        assert!(PriceSeries::parse(&lines(MAX_STEPS)).is_ok());
        let error = PriceSeries::parse(&lines(MAX_STEPS + 1)).unwrap_err();
        assert_eq!(error, PriceError::TooMany { line: MAX_STEPS + 2 });
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in any::<String>(), lines in proptest::collection::vec("[0-9T:Z+,. -]{0,30}", 0..9)) {
            let _ = PriceSeries::parse(&text);
            let _ = PriceSeries::parse(&format!("t,v\n{}", lines.join("\n")));
        }

        #[test]
        fn pieces_are_adjacent_and_end_with_the_window(start_s in 0..400i64, length_s in 1..400i64) {
            let end_s = start_s + length_s;
            let found = pieces(SERIES, start_s, end_s);
            prop_assert!(found.windows(2).all(|pair| pair[0].1 == pair[1].0));
            prop_assert!(found.iter().all(|(from, to, _)| from < to));
            prop_assert_eq!(found.first().map(|piece| piece.0), (end_s > 100).then_some(start_s.max(100)));
            prop_assert_eq!(found.last().map(|piece| piece.1), (end_s > 100).then_some(end_s));
        }
    }
}
