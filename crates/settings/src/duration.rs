//! A duration as a person writes it: `1s`, `90d`.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

const DAY_S: u64 = 24 * 3600;

/// As it would be written into a configuration: whole days as `365d`, which no month or year of an average length
/// comes into, and others such as `1h 30m`.
pub fn shown(duration: Duration) -> String {
    let whole_days = duration.subsec_nanos() == 0 && duration.as_secs() % DAY_S == 0;
    if whole_days && !duration.is_zero() {
        return format!("{}d", duration.as_secs() / DAY_S);
    }
    humantime::format_duration(duration).to_string()
}

/// For `#[serde(default, deserialize_with = …)]`. The error says what humantime makes of the text.
pub fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_was_written() {
        for text in ["5s", "250ms", "1m 30s", "1h 30m", "1d", "14d", "365d", "3650d", "0s"] {
            let duration = humantime::parse_duration(text).unwrap();
            assert_eq!(shown(duration), text);
        }
        let long = Duration::from_secs(36 * 3600);
        assert_eq!(humantime::parse_duration(&shown(long)), Ok(long));
    }
}
