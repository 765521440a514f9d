//! `[hardware]`: what the cluster cost, how long it is used, and what else the money would buy.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::amount::{above_zero, amount};

/// Prices are in the currency of `[cost]`; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hardware {
    /// Price of one node.
    #[serde(deserialize_with = "amount")]
    pub node_price: Option<f64>,
    /// Price of all that is not a node: switch, supplies, case.
    #[serde(deserialize_with = "amount")]
    pub rest_price: Option<f64>,
    /// Years over which the price is written off.
    #[serde(deserialize_with = "above_zero")]
    pub years: Option<f64>,
    /// What the cluster is compared with.
    pub alternative: Vec<Alternative>,
}

/// Another machine, or a rented one.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// What to call it.
    pub name: String,
    /// Rented by the hour, or bought.
    pub price: AlternativePrice,
    /// Its rate, in 1e9 floating-point operations per second.
    pub gflops: f64,
}

/// What an alternative costs, in the currency of `[cost]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlternativePrice {
    /// Rented by the hour.
    Hourly {
        /// Price of an hour, energy included.
        per_hour: f64,
    },
    /// Bought and written off.
    Owned {
        /// Price of the machine.
        price: f64,
        /// Years over which it is written off.
        years: f64,
        /// Its power at work, watts.
        watts: f64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlternativeTable {
    name: String,
    #[serde(default, deserialize_with = "amount")]
    price_per_hour: Option<f64>,
    #[serde(default, deserialize_with = "amount")]
    price: Option<f64>,
    #[serde(default, deserialize_with = "above_zero")]
    years: Option<f64>,
    #[serde(default, deserialize_with = "amount")]
    watts: Option<f64>,
    #[serde(default, deserialize_with = "above_zero")]
    gflops: Option<f64>,
}

impl<'de> Deserialize<'de> for Alternative {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(AlternativeTable::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn checked(table: AlternativeTable) -> Result<Alternative, String> {
    let AlternativeTable { name, price_per_hour, price, years, watts, gflops } = table;
    let gflops = gflops.ok_or_else(|| format!("the alternative `{name}` wants `gflops`"))?;
    let price = match (price_per_hour, price, years, watts) {
        (Some(per_hour), None, None, None) => AlternativePrice::Hourly { per_hour },
        (None, Some(price), Some(years), Some(watts)) => AlternativePrice::Owned { price, years, watts },
        _ => {
            return Err(format!(
                "the alternative `{name}` wants either `price_per_hour`, or `price`, `years` and `watts`"
            ));
        }
    };
    Ok(Alternative { name, price, gflops })
}
