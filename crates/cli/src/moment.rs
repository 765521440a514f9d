//! A moment as a person writes it on the command line.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use picollect_settings::time::is_time;

/// Reads a moment into Unix milliseconds, 1970 to 9999. What has no offset is in UTC, as everything is that is shown.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    at(text, Timestamp::now())
}

fn at(text: &str, now: Timestamp) -> Result<i64, String> {
    let utc = |civil: DateTime| TimeZone::UTC.to_timestamp(civil).ok();
    let today = TimeZone::UTC.to_datetime(now).date();
    let moment = match text.trim() {
        "now" => Some(now),
        "today" => utc(today.into()),
        "yesterday" => today.yesterday().ok().and_then(|day| utc(day.into())),
        text => text.parse().ok().or_else(|| utc(text.parse().ok()?)),
    };
    moment.map(Timestamp::as_millisecond).filter(|t_ms| is_time(*t_ms)).ok_or_else(|| {
        "it is no moment of the years 1970 to 9999; write a date such as 2026-11-30, which means its beginning, a time \
         such as 2026-11-30T14:00 or 2026-11-30T14:00:00+01:00, `now`, `today` or `yesterday`; without an offset it is UTC"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_offsets_and_the_words_for_days_are_moments() {
        let now: Timestamp = "2026-12-01T07:40:00.5Z".parse().unwrap();
        let wanted = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        for (text, want) in [
            ("2026-11-30", "2026-11-30T00:00:00Z"),
            ("2026-11-30T14:00", "2026-11-30T14:00:00Z"),
            ("2026-11-30 14:00:05", "2026-11-30T14:00:05Z"),
            ("2026-11-30T14:00:05.25Z", "2026-11-30T14:00:05.25Z"),
            ("2026-11-30T14:00:00+01:00", "2026-11-30T13:00:00Z"),
            ("2026-11-30T14:00:00+0530", "2026-11-30T08:30:00Z"),
            ("now", "2026-12-01T07:40:00.5Z"),
            ("today", "2026-12-01T00:00:00Z"),
            (" yesterday", "2026-11-30T00:00:00Z"),
        ] {
            assert_eq!(at(text, now), Ok(wanted(want)), "{text}");
        }
        for text in ["", "tomorrow", "30.11.2026", "2026-13-01", "1969-12-31", "14:00", "2026-11-30T25:00"] {
            assert!(at(text, now).unwrap_err().contains("without an offset it is UTC"), "{text}");
        }
    }
}
