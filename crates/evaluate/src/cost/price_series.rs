//! A tariff or grid intensity that changes with time, from a CSV file.
//!
//! Format: a header line, then `time,value` in the order of time; the time is Unix seconds or RFC 3339 with
//! its zone, the value an amount per kilowatt-hour. Each value holds until the next, the last for good.
//!
//! Invariant: the steps are in order and each time stands once; before the first nothing is known.

use crate::Window;
use crate::benchmarks::CivilTime;

/// More steps are refused: ten years of quarters of an hour, 16 bytes each.
pub const MAX_STEPS: usize = 360_000;
/// The last second of the year 9999. A time beyond it was in milliseconds.
const MAX_UNIX_S: i64 = 253_402_300_799;
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
    /// Not two columns.
    #[error("line {line}: {text:?} is not `time,value`")]
    Columns {
        /// Its number, from 1.
        line: usize,
        /// What it holds.
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
    /// More than [`MAX_STEPS`].
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
    /// Reads the CSV text; the format is in the module's description.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let (header, _) = lines.next().ok_or(PriceError::Empty)?;
        if header.split_once(',').is_some_and(|(_, value)| value.trim().parse::<f64>().is_ok()) {
            return Err(PriceError::NoHeader);
        }
        let mut steps: Vec<(i64, f64)> = Vec::new();
        for (text, line) in lines {
            let step = step(text, line)?;
            if steps.last().is_some_and(|(before_ms, _)| *before_ms >= step.0) {
                return Err(PriceError::Order { line });
            }
            if steps.len() == MAX_STEPS {
                return Err(PriceError::TooMany { line });
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

fn step(text: &str, line: usize) -> Result<(i64, f64), PriceError> {
    let columns = text.split_once(',').filter(|(_, value)| !value.contains(','));
    let Some((time, value)) = columns else { return Err(PriceError::Columns { line, text: quote(text) }) };
    let (time, value) = (time.trim(), value.trim());
    let t_ms = time_ms(time).ok_or_else(|| PriceError::Time { line, text: quote(time) })?;
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    Ok((t_ms, number.ok_or_else(|| PriceError::Value { line, text: quote(value) })?))
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

/// Unix milliseconds of Unix seconds or of RFC 3339.
fn time_ms(text: &str) -> Option<i64> {
    let seconds = text.parse().ok().or_else(|| rfc3339_s(text))?;
    (0..=MAX_UNIX_S).contains(&seconds).then(|| seconds * 1000)
}

/// `2026-11-23T12:57:05Z`, or with an offset and without seconds; fractions of a second are refused, because
/// no tariff changes within one.
pub(crate) fn rfc3339_s(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let mut date = date.splitn(3, '-').map(digits::<u16>);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut clock = clock.splitn(3, ':').map(digits::<u8>);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    let local = CivilTime { year, month, day, hour, minute, second };
    local.exists().then(|| Some(local.as_if_utc_s() - zone_s(zone)?))?
}

/// `Z`, or `+05:45`.
fn zone_s(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits::<u8>(hours)?, digits::<u8>(minutes)?);
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    (hours < 24 && minutes < 60).then_some(sign * seconds)
}

/// A number of digits only: `parse` alone would take a sign too.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    only.then(|| text.parse().ok())?
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
        for text in [
            "1795438625",
            "2026-11-23T12:57:05Z",
            "2026-11-23t12:57:05z",
            "2026-11-23 18:42:05+05:45",
            "2026-11-23T09:27:05-03:30",
        ] {
            assert_eq!(time_ms(text), Some(1_795_438_625_000), "{text}");
        }
        assert_eq!(time_ms("2026-11-23T12:57Z"), Some(1_795_438_620_000));
        for text in [
            "",
            "-1",
            "1795438625000",
            "2026-11-23",
            "2026-11-23T12:57:05",
            "2026-11-31T12:57:05Z",
            "2026-11-23T24:57:05Z",
            "2026-11-23T12:57:05.5Z",
            "2026-11-23T12:57:05+0545",
            "2026-11-23T12:57:05+05:60",
            "2026-+1-23T12:57:05Z",
        ] {
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
