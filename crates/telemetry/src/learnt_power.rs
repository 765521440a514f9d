//! Power by load and clock, as it was learnt on a node that has a meter: the collector fits it, an agent without a
//! meter evaluates it.
//!
//! Invariant: it speaks only of loads and clocks that it was learnt at. Outside of them the answer is `None` and never
//! a number.

/// Clocks this far beyond the lowest and highest that were seen still count as them: a measured clock jitters by so
/// much around its step.
const CLOCK_JITTER: f64 = 0.02;
/// The most clocks of a model; a Pi has some ten steps.
pub const MAX_CLOCKS: usize = 32;

/// What a node took at one clock: a straight line over the loads that were seen there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtClock {
    /// The clock, Hz.
    pub clock_hz: f64,
    /// The least and the greatest share of busy cores that was seen at this clock, 0 to 1.
    pub busy: [f64; 2],
    /// Power at these two, W.
    pub watts: [f64; 2],
}

impl AtClock {
    fn watts_at(&self, busy: f64) -> f64 {
        let slope = (self.watts[1] - self.watts[0]) / (self.busy[1] - self.busy[0]);
        self.watts[0] + slope * (busy - self.busy[0])
    }
}

/// Why clocks with their powers are no model; a sentence for who wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoModel {
    /// None, or more than [`MAX_CLOCKS`].
    Clocks(usize),
    /// The clocks do not rise from one to the next, or are no clocks.
    Order,
    /// A range of loads that is none, or not between 0 and 1.
    Busy,
    /// A power that is negative, falls with the load or is no number.
    Watts,
}

impl std::fmt::Display for NoModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clocks(count) => write!(f, "{count} clocks are no model: it takes 1 to {MAX_CLOCKS}"),
            Self::Order => f.write_str("the clocks have to be above 0 and rise from one to the next"),
            Self::Busy => f.write_str("`busy` wants two shares of busy cores, 0 <= least < greatest <= 1"),
            Self::Watts => f.write_str("`watts` wants the power at these two loads, 0 <= first <= second"),
        }
    }
}

impl std::error::Error for NoModel {}

/// Power by load and clock; between two clocks it is interpolated.
#[derive(Debug, Clone, PartialEq)]
pub struct LearntPower(Vec<AtClock>);

impl LearntPower {
    /// A model of these clocks. [`NoModel`] if they do not make one.
    pub fn new(clocks: Vec<AtClock>) -> Result<Self, NoModel> {
        if clocks.is_empty() || clocks.len() > MAX_CLOCKS {
            return Err(NoModel::Clocks(clocks.len()));
        }
        let positive = clocks[0].clock_hz > 0.0 && clocks.iter().all(|at| at.clock_hz.is_finite());
        let rises = clocks.windows(2).all(|pair| pair[0].clock_hz < pair[1].clock_hz);
        if !positive || !rises {
            return Err(NoModel::Order);
        }
        for AtClock { busy: [least, greatest], watts: [first, second], .. } in &clocks {
            if !(*least >= 0.0 && least < greatest && *greatest <= 1.0) {
                return Err(NoModel::Busy);
            }
            if !(*first >= 0.0 && first <= second && second.is_finite()) {
                return Err(NoModel::Watts);
            }
        }
        Ok(Self(clocks))
    }

    /// The clocks that it was learnt at, rising.
    pub fn clocks(&self) -> &[AtClock] {
        &self.0
    }

    /// Lowest and highest clock, Hz.
    pub fn clock_range_hz(&self) -> (f64, f64) {
        (self.0[0].clock_hz, self.0[self.0.len() - 1].clock_hz)
    }

    /// Power in W at a share of busy cores and a clock in Hz; `None` outside of what was seen.
    pub fn watts(&self, busy: f64, clock_hz: f64) -> Option<f64> {
        let (lowest, highest) = self.clock_range_hz();
        let seen = lowest * (1.0 - CLOCK_JITTER)..=highest * (1.0 + CLOCK_JITTER);
        if !seen.contains(&clock_hz) {
            return None;
        }
        let (below, above, share) = self.neighbours(clock_hz.clamp(lowest, highest));
        let between = |a: f64, b: f64| a + (b - a) * share;
        let loads = between(below.busy[0], above.busy[0])..=between(below.busy[1], above.busy[1]);
        let watts = between(below.watts_at(busy), above.watts_at(busy));
        loads.contains(&busy).then_some(watts.max(0.0))
    }

    /// The clocks around this one, and how far it is from the lower to the upper one, 0 to 1.
    fn neighbours(&self, clock_hz: f64) -> (&AtClock, &AtClock, f64) {
        let above = self.0.partition_point(|at| at.clock_hz < clock_hz).min(self.0.len() - 1);
        let below = above.saturating_sub(1);
        let (below, above) = (&self.0[below], &self.0[above]);
        let step = above.clock_hz - below.clock_hz;
        let share = if step > 0.0 { ((clock_hz - below.clock_hz) / step).clamp(0.0, 1.0) } else { 0.0 };
        (below, above, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mhz: f64, busy: [f64; 2], watts: [f64; 2]) -> AtClock {
        AtClock { clock_hz: mhz * 1e6, busy, watts }
    }

    #[test]
    fn between_clocks_it_is_interpolated_and_outside_of_what_was_seen_it_is_unknown() {
        let model =
            LearntPower::new(vec![at(600.0, [0.0, 0.5], [2.0, 2.5]), at(1500.0, [0.1, 1.0], [2.4, 6.0])]);
        let model = model.unwrap();
        let watts = |busy, mhz: f64| model.watts(busy, mhz * 1e6).map(|watts| (watts * 1e6).round() / 1e6);
        assert_eq!(watts(0.25, 600.0), Some(2.25));
        assert_eq!(watts(1.0, 1500.0), Some(6.0));
        assert_eq!(watts(0.4, 1050.0), Some(3.0), "half-way between 2.4 and 3.6");
        assert_eq!(watts(0.25, 595.0), Some(2.25), "a measured clock jitters");
        for (busy, mhz) in [(0.25, 500.0), (0.25, 1800.0), (0.6, 600.0), (0.05, 1500.0), (0.9, 1050.0)] {
            assert_eq!(watts(busy, mhz), None, "{busy} at {mhz} MHz was never seen");
        }
        assert_eq!((watts(f64::NAN, 600.0), watts(0.2, f64::NAN)), (None, None));
        let one = LearntPower::new(vec![at(1000.0, [0.0, 1.0], [1.0, 2.0])]).unwrap();
        assert_eq!((one.watts(0.5, 1e9), one.watts(0.5, 1.1e9)), (Some(1.5), None));
    }

    #[test]
    fn what_is_no_model_is_refused_with_the_reason() {
        let refused = |clocks: &[AtClock]| LearntPower::new(clocks.to_vec()).unwrap_err();
        let good = at(600.0, [0.0, 1.0], [1.0, 2.0]);
        assert_eq!(refused(&[]), NoModel::Clocks(0));
        assert_eq!(refused(&[good; MAX_CLOCKS + 1]), NoModel::Clocks(MAX_CLOCKS + 1));
        assert_eq!(refused(&[good, good]), NoModel::Order);
        assert_eq!(refused(&[at(f64::NAN, [0.0, 1.0], [1.0, 2.0])]), NoModel::Order);
        assert_eq!(refused(&[at(600.0, [0.5, 0.5], [1.0, 2.0])]), NoModel::Busy);
        assert_eq!(refused(&[at(600.0, [0.0, 1.1], [1.0, 2.0])]), NoModel::Busy);
        assert_eq!(refused(&[at(600.0, [0.0, 1.0], [2.0, 1.0])]), NoModel::Watts);
        assert_eq!(refused(&[at(600.0, [0.0, 1.0], [f64::NAN, 1.0])]), NoModel::Watts);
    }
}
