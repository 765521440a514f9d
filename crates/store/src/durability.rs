//! How soon what was acknowledged is on the disk.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use picollect_settings::duration::shown;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What holds if nobody says otherwise.
const USUAL: Duration = Duration::from_secs(5);
/// Less is written as `immediate`.
const SHORTEST: Duration = Duration::from_millis(100);
/// More than segments stay in the journal would be a promise of nothing.
const LONGEST: Duration = Duration::from_secs(3600);

/// When what was acknowledged is on the disk. Either way it survives the death of the process at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before it is acknowledged.
    Immediate,
    /// Within this time: a power cut costs what came since.
    Within(Duration),
}

impl Default for Durability {
    fn default() -> Self {
        Self::Within(USUAL)
    }
}

/// A text that says no durability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("durability is `immediate` or a time from 100ms to 1h, such as 5s")]
pub struct BadDurability;

impl FromStr for Durability {
    type Err = BadDurability;

    fn from_str(text: &str) -> Result<Self, BadDurability> {
        if text == "immediate" {
            return Ok(Self::Immediate);
        }
        let time = humantime::parse_duration(text).map_err(|_| BadDurability)?;
        if (SHORTEST..=LONGEST).contains(&time) { Ok(Self::Within(time)) } else { Err(BadDurability) }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immediate => f.write_str("immediate"),
            Self::Within(time) => shown(*time).fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Durability {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_immediate_or_a_time_within_bounds() {
        for text in ["immediate", "5s", "100ms", "1h"] {
            assert_eq!(text.parse::<Durability>().unwrap().to_string(), text);
        }
        for text in ["", "0s", "99ms", "2h", "soon", "Immediate"] {
            assert_eq!(text.parse::<Durability>(), Err(BadDurability), "{text}");
        }
    }
}
