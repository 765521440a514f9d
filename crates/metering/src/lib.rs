//! Power meters of a node: those that the board has as files ([`discover`]), the chips on I2C buses ([`bus`]),
//! a model where nothing measures ([`power_model`]), and the integration of their energy at each meter's own
//! rate ([`energy`], [`metered`]).
//!
//! Invariant: a failed or late reading is uncovered time, never zero and never a straight line.
//!
//! ```
//! use std::time::Duration;
//!
//! use picollect_board::attr::Root;
//! use picollect_metering::{discover, energy::Integrator};
//!
//! for mut meter in discover(&Root::new("/")) {
//!     println!("{:?}: {:?}", meter.name(), meter.read(Duration::ZERO).1);
//! }
//!
//! let mut integrator = Integrator::new(Duration::from_secs(1));
//! integrator.watts(Duration::from_secs(0), Ok(2.0));
//! integrator.watts(Duration::from_secs(1), Ok(4.0));
//! assert_eq!(integrator.take().map(|point| point.joules), Ok(3.0));
//! ```

pub mod accuracy;
pub mod bus;
pub mod calibration;
pub mod conversion;
mod doubts;
pub mod energy;
mod hwmon_power;
mod ina219;
mod ina226;
mod ina228;
mod ina260;
mod ina3221;
pub mod meter;
pub mod metered;
mod pace;
pub mod pmic;
mod poe_hat;
pub mod power_chip;
pub mod power_model;
mod rapl;
pub mod settings;
pub mod stop;

use picollect_board::attr::Root;

use crate::meter::PowerMeter;

/// The power meters that the board has as files; those on I2C buses are configuration ([`bus`]).
pub fn discover(root: &Root) -> Vec<Box<dyn PowerMeter>> {
    let mut meters = hwmon_power::discover(root);
    meters.extend(pmic::discover(root));
    meters.extend(poe_hat::discover(root));
    meters.extend(rapl::discover(root));
    meters
}
