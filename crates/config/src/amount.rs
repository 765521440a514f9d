//! Numbers in the configuration that have a range: a mistake is reported where it stands.

use serde::{Deserialize, Deserializer, de::Error as _};

/// More than anything costs, draws or lasts here; a number beyond it is a slip of the keyboard.
const GREATEST: f64 = 1e12;

/// A number from 0, such as a price or a power.
pub(super) fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let value = f64::deserialize(from)?;
    let fits = (0.0..=GREATEST).contains(&value);
    fits.then_some(Some(value))
        .ok_or_else(|| D::Error::custom(format!("{value} is not a number from 0 to 1e12")))
}

/// A number above 0, such as a duration or a rate.
pub(super) fn above_zero<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let value = f64::deserialize(from)?;
    let fits = value > 0.0 && value <= GREATEST;
    fits.then_some(Some(value))
        .ok_or_else(|| D::Error::custom(format!("{value} is not a number above 0 and up to 1e12")))
}

/// A share above 0 and up to 1, such as an efficiency.
pub(super) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let value = f64::deserialize(from)?;
    let fits = value > 0.0 && value <= 1.0;
    fits.then_some(Some(value))
        .ok_or_else(|| D::Error::custom(format!("{value} is not a share above 0 and up to 1 (0.88 is 88 %)")))
}
