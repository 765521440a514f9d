//! Whether the cooling changed within a window: what a node's model of the time before says against what it then did.
//!
//! A fan that stops, a blocked way of air, or air that became warmer show as a node that is hotter than its own model
//! for the same power. One model for the whole window then fits badly and tells nothing; one of the beginning fits well.

use super::response::Readings;
use super::{Fit, NoFit};
use crate::series::{Sample, in_order};

/// The parts of the window that are tried as the time before, the longest first.
const BEFORE: [f64; 5] = [0.8, 0.65, 0.5, 0.4, 0.3];
/// The end of the window, over which the node has to be hotter.
const END: f64 = 0.1;
/// By so many kelvins at least: a warmer afternoon is no change of the cooling.
const MIN_CHANGE_K: f64 = 6.0;
/// And by so many times what the model leaves of the time before.
const MIN_CHANGE_RMS: f64 = 4.0;
/// A model that leaves less than this explains its window, kelvins: two steps of a thermometer.
const EXPLAINED_K: f64 = 1.0;
/// The change began where the node was last within this share of it.
const BEGUN: f64 = 0.15;

/// A node whose cooling got worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoolingChange {
    /// About when, Unix milliseconds.
    pub at_ms: i64,
    /// How much hotter than its model of the time before it was in the end, kelvins.
    pub by_k: f64,
}

/// When the cooling got worse; `None` if it did not, or if these samples cannot tell. `driving` is as in
/// [`fit`](super::fit), whose answer over the whole window is `whole`: where one model explains all of it,
/// nothing changed.
pub fn cooling_change(
    temps: &[Sample],
    drive: super::Drive,
    driving: &[Sample],
    interval_s: f64,
    whole: &Result<Fit, NoFit>,
) -> Option<CoolingChange> {
    match whole {
        Err(NoFit::TooFew { .. } | NoFit::Flat { .. } | NoFit::SteadyDrive) => return None,
        Ok(fit) if fit.rms_c < EXPLAINED_K => return None,
        Ok(_) | Err(_) => {}
    }
    let temps = in_order(temps);
    let (first, last) = (temps.first()?.t_ms, temps.last()?.t_ms);
    let span_ms = last.saturating_sub(first) as f64;
    BEFORE.into_iter().find_map(|share| {
        let before = temps.partition_point(|sample| (sample.t_ms - first) as f64 <= share * span_ms);
        let fit = super::fit(&temps[..before], drive, driving, interval_s).ok()?;
        let left = left(&fit, &Readings::new(&temps, driving, interval_s));
        changed(&fit, &left)
    })
}

/// When, and by how many kelvins the node is hotter than the model says.
fn left(fit: &Fit, readings: &Readings) -> Vec<(i64, f64)> {
    let slow = fit.resistance - fit.prompt;
    let (mut left, mut board) = (Vec::new(), None);
    for step in &readings.steps {
        let Some((seconds, drive)) = step.since else {
            board = board.or(Some(step.temp_c - fit.ambient_c));
            continue;
        };
        let decay = (-seconds / fit.time_constant_s).exp();
        let next = decay * board.unwrap_or_default() + (1.0 - decay) * slow * drive;
        board = Some(next);
        left.push((step.t_ms, step.temp_c - (fit.ambient_c + next + fit.prompt * drive)));
    }
    left
}

fn changed(fit: &Fit, left: &[(i64, f64)]) -> Option<CoolingChange> {
    let (first, last) = (left.first()?.0, left.last()?.0);
    let end_ms = last.saturating_sub(first) as f64 * (1.0 - END);
    let end: Vec<f64> =
        left.iter().filter(|(t_ms, _)| (t_ms - first) as f64 >= end_ms).map(|(_, left)| *left).collect();
    let by_k = end.iter().sum::<f64>() / end.len() as f64;
    if by_k < MIN_CHANGE_K.max(MIN_CHANGE_RMS * fit.rms_c) {
        return None;
    }
    let begun = left.iter().rposition(|(_, left)| *left < BEGUN * by_k);
    Some(CoolingChange { at_ms: begun.map_or(first, |index| left[index].0), by_k })
}
