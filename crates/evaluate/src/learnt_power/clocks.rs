//! The clocks that were seen: those of a step are one, and what lies between steps belongs to both.

use super::Observation;

/// Clocks that are this close are one step, as a share: a measured clock jitters around it.
const STEP: f64 = 0.03;
/// More steps than these are made fewer: a governor that takes any clock has no steps.
const MAX_STEPS: usize = 16;
/// As a model of [`picollect_telemetry::learnt_power`] takes it.
const JITTER: f64 = 0.02;

/// The clocks of a model, rising.
pub(super) struct Clocks(Vec<f64>);

impl Clocks {
    /// The medians of the steps at which there are enough observations; `None` if there are at none.
    pub(super) fn of(observed: &[Observation], enough: usize) -> Option<Self> {
        let mut hz: Vec<f64> = observed.iter().map(|at| at.clock_hz).collect();
        hz.sort_by(f64::total_cmp);
        let mut width = STEP;
        loop {
            let steps = steps(&hz, width, enough);
            if steps.len() <= MAX_STEPS {
                return (!steps.is_empty()).then_some(Self(steps));
            }
            width *= 1.5;
        }
    }

    pub(super) fn hz(&self) -> &[f64] {
        &self.0
    }

    /// The steps around a clock, and how far it is from the lower to the upper one; `None` beyond all of them.
    pub(super) fn around(&self, clock_hz: f64) -> Option<(usize, usize, f64)> {
        let (lowest, highest) = (self.0[0], self.0[self.0.len() - 1]);
        if clock_hz < lowest * (1.0 - JITTER) || clock_hz > highest * (1.0 + JITTER) {
            return None;
        }
        let above = self.0.partition_point(|hz| *hz < clock_hz).min(self.0.len() - 1);
        let below = above.saturating_sub(1);
        let step = self.0[above] - self.0[below];
        let share = if step > 0.0 { ((clock_hz - self.0[below]) / step).clamp(0.0, 1.0) } else { 0.0 };
        Some((below, above, share))
    }

    /// The loads that were seen nearest to each step.
    pub(super) fn loads(&self, observed: &[Observation]) -> Vec<Vec<f64>> {
        let mut loads = vec![Vec::new(); self.0.len()];
        for at in observed {
            if let Some((below, above, share)) = self.around(at.clock_hz) {
                loads[if share < 0.5 { below } else { above }].push(at.busy);
            }
        }
        loads
    }
}

fn steps(sorted_hz: &[f64], width: f64, enough: usize) -> Vec<f64> {
    let mut steps = Vec::new();
    let mut left = sorted_hz;
    while let Some(first) = left.first() {
        let count = left.partition_point(|hz| *hz <= first * (1.0 + width));
        if count >= enough {
            steps.push(left[count / 2]);
        }
        left = &left[count..];
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mhz: f64) -> Observation {
        Observation { t_ms: 0, busy: mhz / 2000.0, clock_hz: mhz * 1e6, watts: 1.0 }
    }

    #[test]
    fn a_jittering_step_is_one_clock_and_a_clock_that_was_hardly_seen_is_none() {
        let observed = [600.0, 601.0, 599.0, 1050.0, 1500.0, 1501.0, 1499.0].map(at);
        let clocks = Clocks::of(&observed, 3).unwrap();
        assert_eq!(clocks.hz(), [600e6, 1500e6]);
        assert_eq!(clocks.around(1050e6), Some((0, 1, 0.5)));
        assert_eq!((clocks.around(500e6), clocks.around(1600e6)), (None, None));
        assert_eq!(clocks.loads(&observed)[0].len(), 3);
        assert!(Clocks::of(&observed, 4).is_none());
    }

    #[test]
    fn clocks_without_steps_become_a_bounded_number_of_them() {
        let observed: Vec<Observation> = (0..5000).map(|at_| at(300.0 + 0.5 * f64::from(at_))).collect();
        let clocks = Clocks::of(&observed, 3).unwrap();
        assert!((2..=MAX_STEPS).contains(&clocks.hz().len()), "{:?}", clocks.hz());
    }
}
