//! `[supply]` and `[interconnect]`: what the methodology check has to be told, because no meter knows it.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::amount::{amount, share};

/// The supply between the wall and the nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Supply {
    /// Share of the power from the wall that reaches the nodes; `None` is unknown.
    #[serde(deserialize_with = "share")]
    pub efficiency: Option<f64>,
}

/// Whether the power of the network between the nodes is in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// A meter covers it.
    Yes,
    /// It is left out.
    No,
    /// It is left out, and known to be no more than so many watts.
    UpperBound,
}

impl Measured {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::UpperBound => "upper-bound",
        }
    }
}

/// The network between the nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Interconnect {
    /// Whether it is measured; `None` is unknown.
    pub measured: Option<Measured>,
    /// Its power or the bound on it, watts; there is one if `measured` is an upper bound.
    pub watts: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InterconnectTable {
    measured: Option<Measured>,
    #[serde(deserialize_with = "amount")]
    watts: Option<f64>,
}

impl<'de> Deserialize<'de> for Interconnect {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let InterconnectTable { measured, watts } = InterconnectTable::deserialize(from)?;
        if measured == Some(Measured::UpperBound) && watts.is_none() {
            return Err(D::Error::custom("an upper bound on the interconnect wants its `watts`"));
        }
        Ok(Self { measured, watts })
    }
}
