//! What machines come to that nobody metered: from nameplates, prices and printed times, each with how it is known.
//!
//! Invariant: a figure that is computed of others is known no better than the weakest of them, and a temperature at the
//! firmware's limit says nothing but that the limit was reached.

use serde::{Deserialize, Serialize};

/// How a figure is known, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// Somebody measured it and wrote it down.
    Measured,
    /// It stands on a bill or in a list of prices.
    Printed,
    /// The maker promises that it is not more.
    Nameplate,
    /// Nobody says so; it is a value to think with.
    Assumed,
}

impl Known {
    /// The word that stands beside the figure.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Printed => "printed",
            Self::Nameplate => "nameplate",
            Self::Assumed => "assumed",
        }
    }
}

/// A value with how it is known; its unit is in the name of its field.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// In the unit of its field.
    pub value: f64,
    /// How it came to be.
    pub known: Known,
}

impl Figure {
    /// A figure of two, known as the weaker of them; `None` where the result is no number.
    fn of(self, other: Self, result: f64) -> Option<Self> {
        let known = self.known.max(other.known);
        result.is_finite().then_some(Self { value: result, known })
    }
}

/// A machine that does a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// What it is called.
    pub name: String,
    /// What one of it costs.
    pub price: Figure,
    /// Its power while it computes, W.
    pub full_w: Figure,
    /// How long it takes for the task, s.
    pub task_s: Figure,
    /// Its rate, GFLOPS; `None` where nobody asked it.
    pub gflops: Option<Figure>,
}

impl Machine {
    /// Power times time, J.
    pub fn task_j(&self) -> Option<Figure> {
        self.full_w.of(self.task_s, self.full_w.value * self.task_s.value)
    }

    /// Its price by what it does in an hour.
    pub fn price_per_task_an_hour(&self) -> Option<Figure> {
        self.price.of(self.task_s, self.price.value * self.task_s.value / 3600.0)
    }

    /// Its price by its rate.
    pub fn price_per_gflops(&self) -> Option<Figure> {
        self.gflops.and_then(|rate| self.price.of(rate, self.price.value / rate.value))
    }

    /// What the energy of so many tasks costs, with the price of a kilowatt-hour.
    pub fn energy_price(&self, tasks: f64, per_kwh: Figure) -> Option<Figure> {
        let joules = self.task_j()?;
        joules.of(per_kwh, joules.value * tasks / 3.6e6 * per_kwh.value)
    }
}

/// A part of a cluster with its power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// Inside what boundary it is: `node` or `enclosure`.
    pub boundary: String,
    /// How many of it there are.
    #[serde(default = "one")]
    pub count: u32,
    /// Power of one while nothing is to do, W.
    pub idle_w: Figure,
    /// Power of one while it works, W.
    pub full_w: Figure,
}

fn one() -> u32 {
    1
}

/// The power of several parts, W, and how many of them there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// While nothing is to do.
    pub idle_w: Figure,
    /// While they work.
    pub full_w: Figure,
}

/// The sum over parts; `None` of none.
pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Option<Sum> {
    let plus = |sum: Option<Figure>, one: Figure, count: u32| {
        let all = one.value * f64::from(count);
        match sum {
            Some(sum) => sum.of(one, sum.value + all),
            None => Some(Figure { value: all, ..one }),
        }
    };
    let (mut idle, mut full) = (None, None);
    for part in parts {
        idle = plus(idle, part.idle_w, part.count);
        full = plus(full, part.full_w, part.count);
    }
    Some(Sum { idle_w: idle?, full_w: full? })
}

/// A processor's temperature in a way of cooling it, idle and at full load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cooling {
    /// How it is cooled.
    pub name: String,
    /// While nothing is to do, °C.
    pub idle_c: Figure,
    /// At full load, °C.
    pub full_c: Figure,
    /// The power while nothing is to do, W.
    pub idle_w: Figure,
    /// The power at full load, W.
    pub full_w: Figure,
}

/// A thermal resistance, K/W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resistance {
    /// Kelvins by watt between the two loads.
    pub figure: Figure,
    /// It is at least this, because the firmware took power away before the temperature had settled.
    pub only_least: bool,
}

impl Cooling {
    /// Whether the temperature at full load is the firmware's limit and not the cooling's.
    pub fn at_the_limit(&self, limits_c: [f64; 2]) -> bool {
        self.full_c.value >= limits_c[0]
    }

    /// The rise of the temperature by the rise of the power; `None` if the power does not rise.
    pub fn resistance(&self, limits_c: [f64; 2]) -> Option<Resistance> {
        let rise_k = self.full_c.value - self.idle_c.value;
        let rise_w = self.full_w.value - self.idle_w.value;
        let of_temperatures = self.idle_c.of(self.full_c, rise_k)?;
        let of_powers = self.idle_w.of(self.full_w, rise_w)?;
        let figure = of_temperatures.of(of_powers, rise_k / rise_w).filter(|_| rise_w > 0.0)?;
        Some(Resistance { figure, only_least: self.at_the_limit(limits_c) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, known: Known) -> Figure {
        Figure { value, known }
    }

    fn machine(price: f64, full_w: f64, task_s: f64) -> Machine {
        Machine {
            name: String::new(),
            price: figure(price, Known::Printed),
            full_w: figure(full_w, Known::Nameplate),
            task_s: figure(task_s, Known::Measured),
            gflops: None,
        }
    }

    #[test]
    fn the_same_primes_take_four_times_the_energy_of_the_pc_on_a_pi() {
        let (pi, pc) = (machine(35.0, 4.0, 115.1536), machine(95.0, 10.0, 11.28));
        let joules = [&pi, &pc].map(|machine| machine.task_j().unwrap());
        assert!((joules[0].value - 460.6144).abs() < 1e-9 && (joules[1].value - 112.8).abs() < 1e-9);
        assert_eq!(joules[0].known, Known::Nameplate, "a measured time makes no measured energy");
        let price = [&pi, &pc].map(|machine| machine.price_per_task_an_hour().unwrap().value);
        assert!((price[0] - 1.1195).abs() < 1e-4 && (price[1] - 0.2977).abs() < 1e-4, "{price:?}");
        assert_eq!(pi.price_per_gflops(), None, "nobody asked it for FLOPS");
        let per_kwh = figure(0.3, Known::Assumed);
        let thousand = pi.energy_price(1000.0, per_kwh).unwrap();
        assert_eq!(thousand.known, Known::Assumed);
        assert!((thousand.value - 0.127_948 * 0.3).abs() < 1e-6, "460,614 J are 0.128 kWh: {thousand:?}");
    }

    #[test]
    fn a_sum_counts_each_part_as_often_as_there_are_of_it() {
        let part = |count, idle, full| Part {
            name: String::new(),
            boundary: "node".into(),
            count,
            idle_w: figure(idle, Known::Nameplate),
            full_w: figure(full, Known::Measured),
        };
        let all = sum(&[part(5, 2.0, 4.0), part(1, 3.75, 3.75)]).unwrap();
        assert_eq!((all.idle_w.value, all.full_w.value), (13.75, 23.75));
        assert_eq!(all.idle_w.known, Known::Nameplate);
        assert_eq!(sum(&[]), None);
    }

    #[test]
    fn a_temperature_at_the_limit_gives_a_bound_only() {
        let at = |idle, full| Cooling {
            name: String::new(),
            idle_c: figure(idle, Known::Measured),
            full_c: figure(full, Known::Measured),
            idle_w: figure(2.0, Known::Nameplate),
            full_w: figure(4.0, Known::Nameplate),
        };
        let limits_c = [80.0, 85.0];
        let fan = at(27.8, 69.8).resistance(limits_c).unwrap();
        assert!((fan.figure.value - 21.0).abs() < 1e-9 && !fan.only_least);
        assert!(at(44.0, 83.3).resistance(limits_c).unwrap().only_least);
        let flat = Cooling { full_w: figure(2.0, Known::Nameplate), ..at(44.0, 50.0) };
        assert_eq!(flat.resistance(limits_c), None);
    }
}
