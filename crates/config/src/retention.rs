//! `[retention]`: how long data is kept, and in which resolution.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use picollect_settings::duration::shown;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What everything is kept for that nobody limits.
const FOREVER: &str = "forever";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// For this long after it was measured.
    For(Duration),
    /// As long as there is room.
    Forever,
}

impl FromStr for Keep {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == FOREVER { Ok(Self::Forever) } else { humantime::parse_duration(text).map(Self::For) }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => shown(*time).fmt(formatter),
            Self::Forever => FOREVER.fmt(formatter),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = |why| D::Error::custom(format!("{why}; a time, such as \"90d\", or \"{FOREVER}\""));
        text.parse().map_err(wrong)
    }
}

/// How long the embedded store keeps what it has. An engine has a retention of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Samples as they came.
    pub raw: Keep,
    /// Points a minute, which older samples become.
    pub minutes: Keep,
    /// Points an hour, which older points a minute become; what is still older is deleted.
    pub hours: Keep,
    /// Mebibytes that may be in use; if it is more, old samples are rolled up early.
    pub max_mib: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        let (raw, minutes) = (Keep::For(14 * DAY), Keep::For(365 * DAY));
        Self { raw, minutes, hours: Keep::Forever, max_mib: None }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raw, minutes, hours, max_mib } = self;
        write!(formatter, "raw {raw}, minutes {minutes}, hours {hours}")?;
        match max_mib {
            Some(mib) => write!(formatter, ", at most {mib} MiB"),
            None => Ok(()),
        }
    }
}

impl Retention {
    /// The same with everything deleted after a time.
    #[must_use]
    pub fn deleting_after(self, hours: Keep) -> Self {
        Self { raw: self.raw.min(hours), minutes: self.minutes.min(hours), hours, ..self }
    }

    fn checked(self) -> Result<Self, String> {
        let Self { raw, minutes, hours, .. } = self;
        if raw > minutes || minutes > hours {
            return Err(format!(
                "what is finer is not kept longer: `raw` ({raw}), `minutes` ({minutes}), `hours` ({hours})"
            ));
        }
        Ok(self)
    }
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionTable {
    raw: Option<Keep>,
    minutes: Option<Keep>,
    hours: Option<Keep>,
    max_mib: Option<u64>,
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TimeOrTable)
    }
}

struct TimeOrTable;

impl<'de> Visitor<'de> for TimeOrTable {
    type Value = Retention;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a time, after which all is deleted, or a table")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Retention, E> {
        let hours = text.parse().map_err(E::custom)?;
        Ok(Retention::default().deleting_after(hours))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Retention, A::Error> {
        let RetentionTable { raw, minutes, hours, max_mib } =
            RetentionTable::deserialize(MapAccessDeserializer::new(map))?;
        // Who deletes early need not say the rest.
        let usual = Retention::default().deleting_after(hours.unwrap_or(Keep::Forever));
        let minutes = minutes.unwrap_or(usual.minutes);
        let raw = raw.unwrap_or(usual.raw.min(minutes));
        Retention { raw, minutes, max_mib, ..usual }.checked().map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Retention, String> {
        #[derive(Deserialize)]
        struct File {
            retention: Retention,
        }
        let file: Result<File, _> = toml::from_str(text);
        file.map(|file| file.retention).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_not_said_is_usual_and_never_longer_than_what_is_coarser() {
        assert_eq!(read("[retention]").unwrap(), Retention::default());
        let week = Keep::For(7 * DAY);
        let short = Retention { raw: week, minutes: week, hours: week, max_mib: None };
        assert_eq!(read("[retention]\nhours = \"7d\"").unwrap(), short);
        assert_eq!(read("retention = \"7d\"").unwrap(), short);
        let all = Retention { raw: Keep::Forever, minutes: Keep::Forever, ..Retention::default() };
        assert_eq!(read("[retention]\nraw = \"forever\"\nminutes = \"forever\"").unwrap(), all);
        let text = read("[retention]\nminutes = \"100d\"\nmax_mib = 500").unwrap().to_string();
        assert_eq!(text, "raw 14d, minutes 100d, hours forever, at most 500 MiB");
    }

    #[test]
    fn nonsense_is_refused() {
        let error = read("[retention]\nraw = \"30d\"\nminutes = \"20d\"").unwrap_err();
        assert!(error.starts_with("what is finer is not kept longer: `raw` (30d)"), "{error}");
        let error = read("[retention]\nraw = \"soon\"").unwrap_err();
        assert!(error.ends_with("a time, such as \"90d\", or \"forever\""), "{error}");
        assert!(read("[retention]\ndays = \"1d\"").is_err());
        assert!(read("retention = 5").is_err());
    }
}
