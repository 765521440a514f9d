//! `[cost]`: what a kilowatt-hour costs, in money and in carbon dioxide. Nothing here has a default: a made-up
//! tariff would pass for a fact.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::amount::amount;

/// An amount per kilowatt-hour, of money or of carbon dioxide.
#[derive(Debug, Clone, PartialEq)]
pub enum Rate {
    /// The same at all times, from 0.
    Constant(f64),
    /// Over time: a CSV file.
    File(PathBuf),
}

/// What energy costs; `None` is unknown, and then a report has no such row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cost {
    /// What every price is in, such as `EUR`; there is one if there is a tariff.
    pub currency: Option<String>,
    /// Price of a kWh in `currency`; `None` leaves money out of reports.
    pub tariff_per_kwh: Option<Rate>,
    /// Grams of CO2 equivalent per kWh.
    pub grid_g_per_kwh: Option<Rate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CostTable {
    currency: Option<String>,
    #[serde(deserialize_with = "amount")]
    tariff_per_kwh: Option<f64>,
    tariff_file: Option<PathBuf>,
    #[serde(deserialize_with = "amount")]
    grid_g_per_kwh: Option<f64>,
    grid_file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(CostTable::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn checked(table: CostTable) -> Result<Cost, &'static str> {
    let twice = |constant: Option<f64>, file: &Option<PathBuf>| constant.is_some() && file.is_some();
    if twice(table.tariff_per_kwh, &table.tariff_file) {
        return Err("either `tariff_per_kwh` or `tariff_file`, not both");
    }
    if twice(table.grid_g_per_kwh, &table.grid_file) {
        return Err("either `grid_g_per_kwh` or `grid_file`, not both");
    }
    let tariff_per_kwh = table.tariff_per_kwh.map(Rate::Constant).or(table.tariff_file.map(Rate::File));
    let grid_g_per_kwh = table.grid_g_per_kwh.map(Rate::Constant).or(table.grid_file.map(Rate::File));
    if tariff_per_kwh.is_some() && table.currency.is_none() {
        return Err("a tariff wants a `currency`, such as \"EUR\"");
    }
    Ok(Cost { currency: table.currency, tariff_per_kwh, grid_g_per_kwh })
}
