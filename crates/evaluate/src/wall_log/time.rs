//! Times in a log: Unix time, RFC 3339, or what has passed since the log began.
//!
//! Invariant: a time is from 2000 on and not ahead of the clock. What else a number may be, an elapsed time, a
//! spreadsheet's date, is never taken for Unix time.

use super::{LineError, quote};
use crate::timestamp::{LAST_MS, rfc3339_ms};

/// 2000-01-01T00:00:00Z: no power was logged before that is still asked for, and smaller numbers are none.
pub const EARLIEST_MS: i64 = 946_684_800_000;
/// Numbers from here on are milliseconds: as seconds they would lie in the year 5138, as milliseconds in 1973.
const MILLISECONDS_FROM: f64 = 1e11;
/// Days since 1900 of the years from 1982 to 2119, in which a spreadsheet's date lies.
const SERIAL_DATES: std::ops::Range<f64> = 30_000.0..80_000.0;

/// What the times in a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Unix seconds or milliseconds, or RFC 3339 with a zone.
    Told,
    /// Seconds, or in a column called `…_ms` milliseconds, since the log began.
    Elapsed {
        /// When that was, Unix milliseconds.
        start_ms: i64,
    },
}

/// How a log's times are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) clock: Clock,
    pub(super) latest_ms: i64,
    /// Elapsed times are in milliseconds.
    pub(super) in_ms: bool,
    /// A comma is a decimal point.
    pub(super) decimal_comma: bool,
}

impl Times {
    /// The Unix time in milliseconds of a field.
    pub(super) fn ms(&self, text: &str) -> Result<i64, LineError> {
        let number = if self.decimal_comma { text.replacen(',', ".", 1) } else { text.to_owned() };
        let ms = match (number.parse::<f64>(), self.clock) {
            (Ok(number), Clock::Told) => unix_ms(number).ok_or_else(|| no_unix_time(text, number))?,
            (Err(_), Clock::Told) => rfc3339_ms(text).ok_or_else(|| LineError::NoTime(quote(text)))?,
            (number, Clock::Elapsed { start_ms }) => {
                let passed = number.ok().and_then(|number| self.elapsed_ms(number, start_ms));
                passed.ok_or_else(|| LineError::NotElapsed(quote(text)))?
            }
        };
        match ms {
            ms if ms < EARLIEST_MS => Err(LineError::TooEarly(quote(text))),
            ms if ms > self.latest_ms => Err(LineError::Ahead(quote(text))),
            ms => Ok(ms),
        }
    }

    fn elapsed_ms(&self, number: f64, start_ms: i64) -> Option<i64> {
        let ms = if self.in_ms { number } else { number * 1000.0 };
        (0.0..MILLISECONDS_FROM * 1000.0).contains(&ms).then(|| start_ms.saturating_add(whole(ms)))
    }
}

fn unix_ms(number: f64) -> Option<i64> {
    let ms = if number.abs() < MILLISECONDS_FROM { number * 1000.0 } else { number };
    (EARLIEST_MS as f64..=LAST_MS as f64).contains(&ms).then(|| whole(ms))
}

fn no_unix_time(text: &str, number: f64) -> LineError {
    let text = quote(text);
    if SERIAL_DATES.contains(&number) && number.fract() != 0.0 {
        LineError::SerialDate(text)
    } else if (0.0..EARLIEST_MS as f64 / 1000.0).contains(&number) {
        LineError::PerhapsElapsed(text)
    } else {
        LineError::NoUnixTime(text)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "times up to the year 9999 are below 2^53 milliseconds")]
fn whole(ms: f64) -> i64 {
    ms.round() as i64
}
