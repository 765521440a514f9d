//! A duration as a person writes it: `1s`, `90d`; for an optional key of a configuration.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// For `#[serde(default, deserialize_with = …)]`. The error says what humantime makes of the text.
pub fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map(Some).map_err(D::Error::custom)
}
