//! Time as people and JSON write it: RFC 3339, UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in Unix milliseconds.
pub fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The last millisecond of the year 9999, the last that RFC 3339 can say.
pub const LATEST_MS: i64 = 253_402_300_799_999;

/// Whether a time can be one: from 1970 to the end of the year 9999, Unix milliseconds.
pub fn is_time(t_ms: i64) -> bool {
    (0..=LATEST_MS).contains(&t_ms)
}

/// `2026-11-23T14:00:00.000Z`; times before 1970 are shown as its beginning, those after the year 9999 as its end.
pub fn rfc3339(t_ms: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(t_ms.clamp(0, LATEST_MS).unsigned_abs());
    humantime::format_rfc3339_millis(time).to_string()
}

/// The time of day, `14:00:00`.
pub fn clock(t_ms: i64) -> String {
    rfc3339(t_ms).chars().skip(11).take(8).collect()
}

/// Reads RFC 3339 into Unix milliseconds. Fails for any other text, and for a time before 1970.
pub fn parse_rfc3339(text: &str) -> Result<i64, String> {
    let time = humantime::parse_rfc3339_weak(text).map_err(|error| error.to_string())?;
    let since_epoch = time.duration_since(UNIX_EPOCH).map_err(|_| "before 1970".to_owned())?;
    i64::try_from(since_epoch.as_millis()).map_err(|_| "too far in the future".to_owned())
}

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_back() {
        assert_eq!(rfc3339(1_795_443_117_043), "2026-11-23T14:11:57.043Z");
        assert_eq!(parse_rfc3339("2026-11-23T14:11:57.043Z"), Ok(1_795_443_117_043));
        assert_eq!(clock(1_795_443_117_043), "14:11:57");
        assert!(parse_rfc3339("yesterday").is_err());
    }

    #[test]
    fn any_number_can_be_shown_as_a_time() {
        assert_eq!(rfc3339(LATEST_MS), "9999-12-31T23:59:59.999Z");
        assert_eq!(parse_rfc3339(&rfc3339(LATEST_MS)), Ok(LATEST_MS));
        assert_eq!([rfc3339(LATEST_MS + 1), rfc3339(i64::MAX)], [rfc3339(LATEST_MS), rfc3339(LATEST_MS)]);
        assert_eq!(rfc3339(i64::MIN), rfc3339(0));
        assert!(is_time(0) && is_time(LATEST_MS) && !is_time(-1) && !is_time(LATEST_MS + 1));
    }
}
