//! Time as people and JSON write it: RFC 3339, UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in Unix milliseconds.
pub fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-11-23T14:00:00.000Z`; times before 1970 are shown as its beginning.
pub fn rfc3339(t_ms: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(t_ms).unwrap_or(0));
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
}
