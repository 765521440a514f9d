//! The thermal model of a node: C·dT/dt = P − (T − T_ambient)/R for its board, on which the chip is warmer
//! by R₀·P, fitted to its temperatures and power.
//!
//! R₀ is there because the thermometer sits in the chip, which follows a load within seconds while the
//! board takes minutes: a model without it has to put a time constant between the two, and is many
//! kelvins too low at the end. Where R₀ does not show, it is 0.
//!
//! The solution is T = T_ambient + R·x + R₀·P + D·exp(−t/τ) with τ = R·C, where x is the power behind a
//! first-order filter of time constant τ and D belongs to the beginning of each stretch without a gap.
//! For a given τ all of that is linear, so the search has one dimension. It compares whole simulated
//! responses with the readings: fitting each reading to the one before instead would mistake the
//! thermometer's steps (0.5 K and more on a Pi) for fast cooling.
//!
//! Invariant: a bad fit is a reason and never a number; time is samples × a constant.

mod change;
mod full_load;
mod response;

pub use change::{CoolingChange, cooling_change};
pub use full_load::FullLoad;

use crate::series::Sample;
use crate::statistics::median;
use crate::throttle::HARD_LIMIT_C;
use response::{Linear, Readings, Step};

/// Readings that must have a predecessor without a gap: a few for each of the unknowns.
const MIN_READINGS: usize = 30;
/// Temperatures that stay within so many kelvins are mostly the thermometer's own steps.
const MIN_RANGE_K: f64 = 3.0;
/// What the changes of the drive must move the temperature, root mean square: half a kelvin is one step
/// of a Pi's thermometer. With less the ambient temperature and the resistance cannot be told apart.
const MIN_EFFECT_K: f64 = 0.5;
/// Below this the model misses the temperatures by more than a fifth of their own scatter (√0.05), for
/// example because a fan changes the resistance: too much to promise a headroom of a few kelvins.
const MIN_R2: f64 = 0.95;
/// The time constants that are looked for. A chip without any board cools within seconds, a passively
/// cooled case in most of an hour.
const TIME_CONSTANT_S: (f64, f64) = (1.0, 7200.0);
/// Steps of the first, geometric search; neighbours differ by a factor of 1.25.
const GRID_STEPS: u32 = 40;
/// Halvings (by the golden ratio) of the interval around the best of them: then τ is known to 0.02 %.
const REFINEMENTS: u32 = 16;
/// The soft limit of the 3A+ and 3B+ as they are delivered (`temp_soft_limit` may raise it to 70 °C).
const SOFT_LIMIT_C: f64 = 60.0;

/// What drives the temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drive {
    /// Power, watts: the resistance is in K/W.
    Watts,
    /// The busy ratio, 0 to 1, where no power is known: the resistance is in K per full load.
    Load,
}

/// A node's thermal model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// What the model is driven by, and so the unit of `resistance`.
    pub drive: Drive,
    /// Rise above ambient by drive, in the end: K/W, or K at full load.
    pub resistance: f64,
    /// The part of `resistance` between the chip and its board, which shows within seconds; 0 if none does.
    pub prompt: f64,
    /// Time constant of the rest, seconds: after it 63 % of a change has happened.
    pub time_constant_s: f64,
    /// Temperature without any drive, °C. That is the air around the node only for [`Drive::Watts`]; with
    /// the load as drive it is the temperature of the idle node.
    pub ambient_c: f64,
    /// Share of the temperatures' variance that the model explains.
    pub r2: f64,
    /// Root mean square of what it leaves, kelvins.
    pub rms_c: f64,
}

/// Why there is no model.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoFit {
    /// Too few readings with a known drive up to them.
    #[error(
        "{readings} readings of temperature with power or load beside them are too few: it takes {MIN_READINGS}"
    )]
    TooFew {
        /// How many there are.
        readings: usize,
    },
    /// The temperature was the same all the time.
    #[error("the temperature moved by {range_k:.1} K only: measure across a change of load")]
    Flat {
        /// Highest minus lowest, kelvins.
        range_k: f64,
    },
    /// The drive hardly moved the temperature, so resistance and ambient cannot be told apart.
    #[error("power or load changed too little: measure across a change of load")]
    SteadyDrive,
    /// The model does not describe the node.
    #[error("the thermal model explains {:.0} % of the temperature only: a fan or other heat may act", 100.0 * .r2)]
    Poor {
        /// Share of the variance that the best fit explains; may be negative.
        r2: f64,
    },
    /// The best fit has the temperature fall with power.
    #[error("the temperature falls when power or load rise")]
    NotPhysical,
    /// The time constant is shorter than the samples can show or longer than the longest stretch.
    #[error(
        "the time constant lies outside of what these samples can show ({shortest_s:.0} to {longest_s:.0} s)"
    )]
    Unresolved {
        /// Shortest that would be seen, seconds.
        shortest_s: f64,
        /// Longest that would be seen, seconds.
        longest_s: f64,
    },
}

/// Distance to a limit under a given drive. Negative: the limit will be passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Headroom {
    /// Limit minus steady state, kelvins.
    pub headroom_k: f64,
    /// What the drive may grow by until the steady state is the limit: watts, or share of full load.
    pub headroom_w: f64,
}

/// What is left to the limit in kelvins, negative beyond it, as far as the drive at full load is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Room {
    /// Limit minus steady state.
    Exactly(f64),
    /// No more than this: the node may draw more than it was seen to.
    AtMost(f64),
}

/// The model of a node, from its temperatures (°C) and its drive (watts or busy ratio).
///
/// Samples may be irregular, out of order and repeated. A sample of the drive is the mean since the one
/// before, as our agents publish it. A stretch longer than three `interval_s` without a temperature or
/// without a drive is not bridged.
///
/// # Errors
///
/// [`NoFit`] says what these samples cannot tell: there are too few of them, temperature or drive hardly
/// change, the best model explains too little, or its time constant is none that they could show.
pub fn fit(temps: &[Sample], drive: Drive, driving: &[Sample], interval_s: f64) -> Result<Fit, NoFit> {
    let readings = Readings::new(temps, driving, interval_s);
    let range_k = range_k(&readings.steps);
    if readings.usable() < MIN_READINGS {
        return Err(NoFit::TooFew { readings: readings.usable() });
    }
    if range_k < MIN_RANGE_K {
        return Err(NoFit::Flat { range_k });
    }
    let (time_constant_s, linear) = search(&readings).ok_or(NoFit::SteadyDrive)?;
    let (shortest_s, longest_s) = resolved_s(&readings.steps);
    verdict(&linear)?;
    if !(shortest_s..=longest_s).contains(&time_constant_s) {
        return Err(NoFit::Unresolved { shortest_s, longest_s });
    }
    let Linear { resistance, prompt, ambient_c, r2, rms_c, .. } = linear;
    Ok(Fit { drive, resistance, prompt, time_constant_s, ambient_c, r2, rms_c })
}

/// Whether the best of all time constants is good enough to be told.
fn verdict(linear: &Linear) -> Result<(), NoFit> {
    if linear.r2 < MIN_R2 {
        return Err(NoFit::Poor { r2: linear.r2 });
    }
    if linear.effect_k < MIN_EFFECT_K {
        return Err(NoFit::SteadyDrive);
    }
    if linear.resistance <= 0.0 {
        return Err(NoFit::NotPhysical);
    }
    Ok(())
}

/// The temperature that the node settles at under this drive, °C; `None` if that is no number.
pub fn steady_state_c(fit: &Fit, drive: f64) -> Option<f64> {
    Some(fit.ambient_c + fit.resistance * drive).filter(|temp_c| temp_c.is_finite())
}

/// How far the steady state under this drive is from the limit.
pub fn headroom(fit: &Fit, limit_c: f64, drive: f64) -> Option<Headroom> {
    let headroom_k = limit_c - steady_state_c(fit, drive)?;
    let headroom_w = headroom_k / fit.resistance;
    headroom_w.is_finite().then_some(Headroom { headroom_k, headroom_w })
}

/// When the limit is reached from `now_c` under this drive, which already acts, in seconds; 0 where it is
/// reached already, `None` if it never is.
pub fn seconds_to_limit(fit: &Fit, now_c: f64, drive: f64, limit_c: f64) -> Option<f64> {
    if now_c >= limit_c {
        return Some(0.0);
    }
    let steady_c = steady_state_c(fit, drive)?;
    let seconds = fit.time_constant_s * ((steady_c - now_c) / (steady_c - limit_c)).ln();
    (steady_c > limit_c && seconds.is_finite()).then_some(seconds)
}

/// The temperature at which the firmware of this model first slows the processor down, °C, unless it was
/// configured otherwise; `None` for a board that is no Raspberry Pi. The model is spelled as in the
/// device tree. Our simulated board behaves like a Pi 4.
pub fn first_limit_c(model: Option<&str>) -> Option<f64> {
    let model = model?;
    let soft = ["Raspberry Pi 3 Model A Plus", "Raspberry Pi 3 Model B Plus"];
    if soft.iter().any(|name| model.starts_with(name)) {
        return Some(SOFT_LIMIT_C);
    }
    let known = model.starts_with("Raspberry Pi") || model.starts_with("simulated");
    known.then_some(HARD_LIMIT_C)
}

fn range_k(steps: &[Step]) -> f64 {
    let of = |pick: fn(f64, f64) -> f64| steps.iter().map(|step| step.temp_c).reduce(pick);
    of(f64::max).zip(of(f64::min)).map_or(0.0, |(hottest, coldest)| hottest - coldest)
}

/// The time constants that show in these steps: not shorter than the usual step, not longer than the
/// longest stretch, of which less than 63 % of a change would be seen.
fn resolved_s(steps: &[Step]) -> (f64, f64) {
    let mut lengths: Vec<f64> = steps.iter().filter_map(|step| Some(step.since?.0)).collect();
    let usual = median(&mut lengths).unwrap_or_default();
    let (mut stretch, mut longest) = (0.0, 0.0_f64);
    for step in steps {
        stretch = step.since.map_or(0.0, |(seconds, _)| stretch + seconds);
        longest = longest.max(stretch);
    }
    (usual.max(TIME_CONSTANT_S.0), longest.min(TIME_CONSTANT_S.1))
}

/// The time constant that leaves least, with what goes with it. First on a grid, because there may be
/// several minima, then by golden section between the neighbours of the best. `None` if the drive never
/// changed.
fn search(readings: &Readings) -> Option<(f64, Linear)> {
    let (low, high) = (TIME_CONSTANT_S.0.ln(), TIME_CONSTANT_S.1.ln());
    let width = (high - low) / f64::from(GRID_STEPS);
    let left = |log: f64| readings.explain(log.exp()).map_or(f64::INFINITY, |linear| linear.left);
    let grid = (0..=GRID_STEPS).map(|step| low + width * f64::from(step));
    let (_, best) = grid.map(|log| (left(log), log)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut from, mut to) = (best - width, best + width);
    for _ in 0..REFINEMENTS {
        let reach = golden * (to - from);
        if left(to - reach) <= left(from + reach) {
            to = from + reach;
        } else {
            from = to - reach;
        }
    }
    let time_constant_s = f64::midpoint(from, to).exp();
    Some((time_constant_s, readings.explain(time_constant_s)?))
}
