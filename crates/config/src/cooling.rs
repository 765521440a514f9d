//! `[cooling]`: what a fan draws, which the meter of a node may count or not.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::amount::above_zero;

/// The fans of the nodes; what nobody said is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cooling {
    /// What the fan of a node draws while it turns, W.
    pub fan_w: Option<f64>,
    /// The meter that measures it, by its name.
    pub fan_meter: Option<String>,
    /// Whether the fan is fed behind the meter of the node, so that the node's power has it already.
    pub behind_meter: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    #[serde(deserialize_with = "above_zero")]
    fan_w: Option<f64>,
    fan_meter: Option<String>,
    behind_meter: Option<bool>,
}

impl<'de> Deserialize<'de> for Cooling {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Table { fan_w, fan_meter, behind_meter } = Table::deserialize(from)?;
        if fan_w.is_some() && fan_meter.is_some() {
            return Err(D::Error::custom(
                "the fan's power is either told by `fan_w` or measured by `fan_meter`",
            ));
        }
        if (fan_w.is_some() || fan_meter.is_some()) && behind_meter.is_none() {
            let text =
                "`behind_meter` is missing: true if the fan is fed behind the node's meter, else false";
            return Err(D::Error::custom(text));
        }
        Ok(Self { fan_w, fan_meter, behind_meter })
    }
}
