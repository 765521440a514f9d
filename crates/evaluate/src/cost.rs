//! What a run costs: energy by tariff, carbon by grid intensity, hardware by the years that it serves.
//!
//! Amounts are in whatever currency the configuration uses; with a grid intensity they are grams of CO2
//! equivalent.
//!
//! Invariant: what is not configured or not known costs an unknown amount, never nothing.

mod price_series;

pub use price_series::{MAX_STEPS, PriceError, PriceSeries};

use crate::Window;
use crate::energy::Energy;

/// Joules in a kilowatt-hour.
pub const JOULES_PER_KWH: f64 = 3.6e6;
/// Hours in a year of 365 days, over which hardware is written off.
const HOURS_PER_YEAR: f64 = 8760.0;
const SECONDS_PER_HOUR: f64 = 3600.0;
/// From this coverage on a charge is that of the whole run: a second in two minutes may be missing, which
/// is less than the meters' own error.
const COMPLETE: f64 = 0.99;

/// An amount per kilowatt-hour: a tariff, or a grid intensity in grams of CO2 equivalent.
#[derive(Debug, Clone, PartialEq)]
pub enum PerKwh {
    /// The same at any time.
    Constant(f64),
    /// One that changes with time.
    Series(PriceSeries),
}

impl PerKwh {
    /// The parts of the window during which the amount is known and does not change, in order.
    pub fn pieces(&self, window: Window) -> Vec<(Window, f64)> {
        match self {
            Self::Constant(_) if window.end_ms <= window.start_ms => Vec::new(),
            Self::Constant(value) => vec![(window, *value)],
            Self::Series(series) => series.pieces(window),
        }
    }
}

/// What the energy of a window comes to, as far as energy and amount per kilowatt-hour are both known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charge {
    /// Currency units, or grams of CO2 equivalent.
    pub amount: f64,
    /// The energy that it is for, in joules.
    pub joules: f64,
    /// Seconds that it is for, added up over the nodes as in the energy.
    pub covered_s: f64,
}

impl Charge {
    /// The covered share of what should have been covered: the window's seconds, times the nodes where the
    /// energy is a sum of several. `None` if that is nothing.
    pub fn coverage(self, whole_s: f64) -> Option<f64> {
        (whole_s > 0.0).then(|| self.covered_s / whole_s)
    }

    /// The mean amount per kilowatt-hour, weighted with the energy. `None` without energy.
    pub fn per_kwh(self) -> Option<f64> {
        (self.joules > 0.0).then(|| self.amount / (self.joules / JOULES_PER_KWH))
    }
}

/// The charge for a window, piece by piece; `energy_of` gives the energy of any part of it. `None` if no
/// piece is known. Fails if `energy_of` does.
pub fn charge<E>(
    per_kwh: &PerKwh,
    window: Window,
    energy_of: impl Fn(Window) -> Result<Option<Energy>, E>,
) -> Result<Option<Charge>, E> {
    let mut whole: Option<Charge> = None;
    for (piece, value) in per_kwh.pieces(window) {
        let Some(energy) = energy_of(piece)? else { continue };
        let so_far = whole.unwrap_or(Charge { amount: 0.0, joules: 0.0, covered_s: 0.0 });
        whole = Some(Charge {
            amount: so_far.amount + energy.joules / JOULES_PER_KWH * value,
            joules: so_far.joules + energy.joules,
            covered_s: so_far.covered_s + energy.covered_s,
        });
    }
    Ok(whole)
}

/// What the machine was bought for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hardware {
    /// Price of a node.
    pub node_price: f64,
    /// How many nodes were bought.
    pub nodes: usize,
    /// Price of everything else: switch, supplies, case.
    pub rest_price: f64,
    /// Years of use, day and night.
    pub years: f64,
}

impl Hardware {
    /// Price of the whole machine.
    pub fn price(&self) -> f64 {
        self.node_price * self.nodes as f64 + self.rest_price
    }

    /// A rate by the machine's price: FLOPS per currency unit for example. `None` for what cost nothing.
    pub fn rate_per_price(&self, rate: f64) -> Option<f64> {
        (self.price() > 0.0).then(|| rate / self.price())
    }

    /// What an hour costs, written off linearly. `None` without years.
    pub fn per_hour(&self) -> Option<f64> {
        written_off_per_hour(self.price(), self.years)
    }
}

/// What something costs, in its two parts; an unknown part leaves the total unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Of the hardware, written off; `None` without a price or years of use.
    pub hardware: Option<f64>,
    /// By the tariff; `None` without one, or where part of the energy is not known.
    pub energy: Option<f64>,
}

impl Cost {
    /// Both together; `None` unless both are known.
    pub fn total(self) -> Option<f64> {
        Some(self.hardware? + self.energy?)
    }
}

/// The cost of a run of this many seconds, during which nothing else ran. The energy counts only if the
/// charge covers all of the run: `whole_s`, as in [`Charge::coverage`].
pub fn of_run(hardware: Option<&Hardware>, seconds: f64, energy: Option<Charge>, whole_s: f64) -> Cost {
    let complete = |charge: &Charge| charge.coverage(whole_s).is_some_and(|covered| covered >= COMPLETE);
    Cost {
        hardware: hardware.and_then(Hardware::per_hour).map(|hourly| hourly * seconds / SECONDS_PER_HOUR),
        energy: energy.filter(complete).map(|charge| charge.amount),
    }
}

/// The cost of a year at this mean power and this mean amount per kilowatt-hour.
pub fn of_year(hardware: Option<&Hardware>, mean_w: Option<f64>, per_kwh: Option<f64>) -> Cost {
    let hourly = energy_per_hour(mean_w, per_kwh);
    Cost {
        hardware: hardware.and_then(Hardware::per_hour).map(|hourly| hourly * HOURS_PER_YEAR),
        energy: hourly.map(|hourly| hourly * HOURS_PER_YEAR),
    }
}

/// What another machine would be paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Terms {
    /// Rented: price of an hour, energy included.
    Hourly(f64),
    /// Bought: price of the whole machine, years of use, mean power under load in watts.
    Owned {
        /// Price of the whole machine.
        price: f64,
        /// Years of use, day and night.
        years: f64,
        /// Mean power under load, in watts.
        watts: f64,
    },
}

/// A machine to compare with, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// As configured; only shown.
    pub name: String,
    /// Its rate, in the unit of the rate that it is compared with.
    pub rate: f64,
    /// Rented by the hour, or bought.
    pub terms: Terms,
}

/// The same work on the alternative.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The alternative, as configured.
    pub name: String,
    /// How long it would take, in seconds.
    pub seconds: f64,
    /// What it would cost.
    pub cost: f64,
    /// Our cost by its cost: below 1 ours is cheaper. `None` if ours is not known or its is nothing.
    pub ratio: Option<f64>,
}

impl Alternative {
    /// What `work` (a rate's unit times seconds) takes and costs there, beside our `cost`. The amount per
    /// kilowatt-hour is for a bought machine. `None` if the alternative's own cost cannot be known.
    pub fn compare(&self, work: f64, cost: Option<f64>, per_kwh: Option<f64>) -> Option<Comparison> {
        let hourly = self.per_hour(per_kwh)?;
        let seconds = (self.rate > 0.0).then(|| work / self.rate)?;
        let theirs = hourly * seconds / SECONDS_PER_HOUR;
        let ratio = cost.filter(|_| theirs > 0.0).map(|ours| ours / theirs);
        Some(Comparison { name: self.name.clone(), seconds, cost: theirs, ratio })
    }

    fn per_hour(&self, per_kwh: Option<f64>) -> Option<f64> {
        match self.terms {
            Terms::Hourly(price) => Some(price),
            Terms::Owned { price, years, watts } => {
                Some(written_off_per_hour(price, years)? + energy_per_hour(Some(watts), per_kwh)?)
            }
        }
    }
}

fn written_off_per_hour(price: f64, years: f64) -> Option<f64> {
    (years > 0.0).then(|| price / (years * HOURS_PER_YEAR))
}

fn energy_per_hour(mean_w: Option<f64>, per_kwh: Option<f64>) -> Option<f64> {
    Some(mean_w? / 1000.0 * per_kwh?)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use proptest::prelude::*;

    const HOUR_MS: i64 = 3_600_000;

    /// 1 kW from the epoch on, for ten hours.
    fn kilowatt(window: Window) -> Option<Energy> {
        let end_ms = window.end_ms.min(10 * HOUR_MS);
        let seconds = (end_ms - window.start_ms.max(0)) as f64 / 1000.0;
        (seconds > 0.0).then_some(Energy { joules: 1000.0 * seconds, covered_s: seconds })
    }

    /// What it costs where no piece of energy fails to be known.
    fn charged(
        per_kwh: &PerKwh,
        window: Window,
        energy_of: impl Fn(Window) -> Option<Energy>,
    ) -> Option<Charge> {
        let Ok(charge) = charge(per_kwh, window, |piece| Ok::<_, Infallible>(energy_of(piece)));
        charge
    }

    #[test]
    fn what_fails_within_a_window_fails_it() {
        let fails = |_| Err::<Option<Energy>, _>("no store");
        assert_eq!(charge(&PerKwh::Constant(0.3), hours(0, 2), fails), Err("no store"));
    }

    fn hours(start: i64, end: i64) -> Window {
        Window { start_ms: start * HOUR_MS, end_ms: end * HOUR_MS }
    }

    fn series(text: &str) -> PerKwh {
        PerKwh::Series(PriceSeries::parse(text).unwrap())
    }

    #[test]
    fn a_constant_tariff_is_taken_times_the_energy() {
        let charge = charged(&PerKwh::Constant(0.3), hours(0, 2), kilowatt).unwrap();
        assert!((charge.amount - 0.6).abs() < 1e-12);
        assert_eq!(charge.coverage(7200.0), Some(1.0));
        assert!((charge.per_kwh().unwrap() - 0.3).abs() < 1e-12);
    }

    #[test]
    fn a_changing_tariff_is_taken_piece_by_piece_and_before_its_first_step_it_is_unknown() {
        let tariff = series("time,eur\n3600,0.2\n7200,0.4\n");
        let charge = charged(&tariff, hours(0, 4), kilowatt).unwrap();
        assert!((charge.amount - (0.2 + 2.0 * 0.4)).abs() < 1e-12);
        assert_eq!(charge.coverage(4.0 * 3600.0), Some(0.75));
        assert!((charge.per_kwh().unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(charged(&tariff, hours(0, 1), kilowatt), None);
    }

    #[test]
    fn energy_that_is_not_known_is_not_free() {
        let charge = charged(&PerKwh::Constant(0.3), hours(8, 12), kilowatt).unwrap();
        assert_eq!(charge.coverage(4.0 * 3600.0), Some(0.5));
        let run = of_run(None, 4.0 * 3600.0, Some(charge), 4.0 * 3600.0);
        assert_eq!(run, Cost { hardware: None, energy: None });
        assert_eq!(charged(&PerKwh::Constant(0.3), hours(20, 21), kilowatt), None);
        assert_eq!(charged(&PerKwh::Constant(0.3), hours(1, 1), kilowatt), None);
    }

    /// Four nodes for 80 each and 118 for the rest: 438, or 0.05 an hour for a year.
    const FOUR: Hardware = Hardware { node_price: 80.0, nodes: 4, rest_price: 118.0, years: 1.0 };

    #[test]
    fn hardware_is_written_off_over_its_years() {
        assert_eq!(FOUR.price(), 438.0);
        assert_eq!(FOUR.per_hour(), Some(0.05));
        assert_eq!(FOUR.rate_per_price(43.8e9), Some(0.1e9));
        assert_eq!(Hardware { years: 0.0, ..FOUR }.per_hour(), None);
        assert_eq!(Hardware { node_price: 0.0, rest_price: 0.0, ..FOUR }.rate_per_price(1e9), None);
    }

    #[test]
    fn a_run_and_a_year_cost_hardware_and_energy() {
        let energy = charged(&PerKwh::Constant(0.3), hours(0, 2), kilowatt);
        let run = of_run(Some(&FOUR), 7200.0, energy, 7200.0);
        assert!((run.total().unwrap() - 0.7).abs() < 1e-12, "{run:?}");
        let year = of_year(Some(&FOUR), Some(24.0), Some(0.3));
        assert!((year.hardware.unwrap() - 438.0).abs() < 1e-9);
        assert!((year.energy.unwrap() - 24.0 * 8.76 * 0.3).abs() < 1e-9);
        assert_eq!(of_year(Some(&FOUR), None, Some(0.3)).total(), None);
        assert_eq!(of_year(None, Some(24.0), Some(0.3)).total(), None);
    }

    #[test]
    fn the_same_work_on_a_rented_and_on_a_bought_machine() {
        let cloud = Alternative { name: "cloud".into(), rate: 1e12, terms: Terms::Hourly(1.8) };
        let comparison = cloud.compare(1e15, Some(1.0), None).unwrap();
        assert_eq!((comparison.seconds, comparison.cost, comparison.ratio), (1000.0, 0.5, Some(2.0)));
        assert_eq!(cloud.compare(1e15, None, None).unwrap().ratio, None);

        let terms = Terms::Owned { price: 8760.0, years: 1.0, watts: 1000.0 };
        let server = Alternative { name: "server".into(), rate: 1e12, terms };
        let comparison = server.compare(3600e12, Some(0.65), Some(0.3)).unwrap();
        assert!((comparison.cost - 1.3).abs() < 1e-12 && (comparison.ratio.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(server.compare(3600e12, Some(0.65), None), None);
        assert_eq!(Alternative { rate: 0.0, ..cloud }.compare(1e15, Some(1.0), None), None);
    }

    proptest! {
        #[test]
        fn a_series_of_one_value_charges_like_a_constant_and_is_additive(
            cut in 1..9i64,
            steps in 1..20usize,
            value in -1.0..1.0f64,
        ) {
            let lines: String = (0..steps).map(|step| format!("{},{value}\n", step * 1800)).collect();
            let (tariff, constant) = (series(&format!("time,value\n{lines}")), PerKwh::Constant(value));
            let amount = |tariff, window| charged(tariff, window, kilowatt).unwrap().amount;
            let whole = amount(&constant, hours(0, 10));
            prop_assert!((amount(&tariff, hours(0, 10)) - whole).abs() < 1e-9);
            let parts = amount(&tariff, hours(0, cut)) + amount(&tariff, hours(cut, 10));
            prop_assert!((parts - whole).abs() < 1e-9);
        }
    }
}
