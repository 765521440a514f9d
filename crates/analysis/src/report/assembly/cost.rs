//! Money and carbon, as far as they are configured.

use std::fmt::Display;
use std::fs;

use picollect_evaluate::Window;
use picollect_evaluate::benchmarks::Unit;
use picollect_evaluate::cost::{self, Charge, Hardware, PerKwh, Terms, charge, of_year};

use super::super::{Affordability, Alternative, Cost, Run};
use super::Result;
use super::energy::{MeteredNodes, Scope};
use crate::sources::{RequestError, Sources};
use picollect_config::{AlternativePrice, Rate};

const SECONDS_PER_YEAR: f64 = 365.0 * 24.0 * 3600.0;
/// A price that is known of less of the energy than this is not that of all of it.
const COMPLETE: f64 = 0.99;

/// What is configured, read from its files.
pub(super) struct Prices {
    tariff: Option<PerKwh>,
    grid: Option<PerKwh>,
}

impl Prices {
    /// An error names the file and the line.
    pub(super) fn read(from: &Sources<'_>) -> Result<Self> {
        let read = |rate: &Option<Rate>| rate.as_ref().map(per_kwh).transpose();
        Ok(Self {
            tariff: read(&from.config.cost.tariff_per_kwh)?,
            grid: read(&from.config.cost.grid_g_per_kwh)?,
        })
    }
}

/// A configured amount, read from its file if it has one; an error names the file and the line.
pub fn per_kwh(rate: &Rate) -> Result<PerKwh> {
    match rate {
        Rate::Constant(value) => Ok(PerKwh::Constant(*value)),
        Rate::File(path) => {
            let wrong =
                |error: &dyn Display| RequestError::Configuration(format!("{}: {error}", path.display()));
            let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
            let series = cost::PriceSeries::parse(&text).map_err(|error| wrong(&error))?;
            Ok(PerKwh::Series(series))
        }
    }
}

/// What the energy of the window cost.
pub(super) fn cost(
    from: &Sources<'_>,
    prices: &Prices,
    whole: &MeteredNodes,
    nodes: &[String],
) -> Result<Option<Cost>> {
    if prices.tariff.is_none() && prices.grid.is_none() {
        return Ok(None);
    }
    let charged = |per_kwh: Option<&PerKwh>| match per_kwh {
        Some(per_kwh) => charged(from, per_kwh, whole, nodes),
        None => Ok(None),
    };
    let (money, carbon) = (charged(prices.tariff.as_ref())?, charged(prices.grid.as_ref())?);
    let whole_s = whole.window.seconds() * whole.speaking().count() as f64;
    let coverage = |charge: Option<Charge>| {
        charge.and_then(|charge| charge.coverage(whole_s)).map(|coverage| coverage.min(1.0))
    };
    Ok(Some(Cost {
        currency: from.config.cost.currency.clone().unwrap_or_default(),
        energy_price: money.map(|charge| charge.amount),
        price_coverage: coverage(money),
        co2e_g: carbon.map(|charge| charge.amount),
        co2e_coverage: coverage(carbon),
    }))
}

/// At a constant price the only piece is the whole window, which is measured already.
fn charged(
    from: &Sources<'_>,
    per_kwh: &PerKwh,
    whole: &MeteredNodes,
    nodes: &[String],
) -> Result<Option<Charge>> {
    charge(per_kwh, whole.window, |piece: Window| {
        let energy = if piece == whole.window {
            whole.covered_energy(whole.boundary())
        } else {
            MeteredNodes::of(from, nodes, Scope::Cluster, piece)?.covered_energy(whole.boundary())
        };
        Ok(Some(energy).filter(|energy| energy.covered_s > 0.0))
    })
}

/// What the hardware gives for its price, by the best run of the window.
pub(super) fn affordability(
    from: &Sources<'_>,
    whole: &MeteredNodes,
    runs: &[Run],
    cost: Option<&Cost>,
) -> Option<Affordability> {
    let configured = &from.config.hardware;
    let hardware = Hardware {
        node_price: configured.node_price?,
        nodes: whole.nodes,
        rest_price: configured.rest_price.unwrap_or(0.0),
        years: configured.years?,
    };
    let best = runs.iter().filter_map(|run| Some((run, flops(run)?)));
    let best = best.max_by(|(_, a), (_, b)| a.total_cmp(b));
    // The mean price of this window's energy, as far as it has one.
    let coverage = cost.and_then(|cost| cost.price_coverage).filter(|coverage| *coverage >= COMPLETE);
    let kwh = whole.energy.energy_j.map(|joules| joules / cost::JOULES_PER_KWH).filter(|kwh| *kwh > 0.0);
    let price = cost.and_then(|cost| cost.energy_price).filter(|_| coverage.is_some());
    let per_kwh = price.zip(kwh).map(|(price, kwh)| price / kwh);
    let year_price = of_year(Some(&hardware), whole.energy.mean_w, per_kwh).total();
    let year_work = best.map(|(_, flops)| flops * SECONDS_PER_YEAR);
    let alternative =
        |other: &picollect_config::Alternative| alternative(other, year_work, year_price, per_kwh);
    Some(Affordability {
        currency: from.config.cost.currency.clone().unwrap_or_default(),
        hardware_price: hardware.price(),
        years: hardware.years,
        run: best.map(|(run, _)| run.id.clone()),
        gflops_per_currency: best.and_then(|(_, flops)| hardware.rate_per_price(flops / 1e9)),
        year_price,
        alternatives: configured.alternative.iter().map(alternative).collect(),
    })
}

/// The rate of a run that counts floating-point operations, FLOP/s.
pub(super) fn flops(run: &Run) -> Option<f64> {
    let result = run.result.as_ref().filter(|result| result.unit == Unit::FlopPerSecond.name());
    result.and_then(|result| result.rate)
}

fn alternative(
    other: &picollect_config::Alternative,
    year_work: Option<f64>,
    year_price: Option<f64>,
    per_kwh: Option<f64>,
) -> Alternative {
    let rate = other.gflops * 1e9;
    let terms = match other.price {
        AlternativePrice::Hourly { per_hour } => Terms::Hourly(per_hour),
        AlternativePrice::Owned { price, years, watts } => Terms::Owned { price, years, watts },
    };
    let machine = cost::Alternative { name: other.name.clone(), rate, terms };
    let own_year = machine.compare(rate * SECONDS_PER_YEAR, None, per_kwh).map(|year| year.cost);
    let same_work = year_work.and_then(|work| machine.compare(work, year_price, per_kwh));
    let bought = match other.price {
        AlternativePrice::Hourly { .. } => own_year,
        AlternativePrice::Owned { price, .. } => Some(price),
    };
    Alternative {
        name: other.name.clone(),
        gflops_per_currency: bought.filter(|price| *price > 0.0).map(|price| other.gflops / price),
        year_price: own_year,
        relative_year_price: same_work.and_then(|work| work.ratio),
    }
}
