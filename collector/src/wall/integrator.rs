//! From a device's readings to totals with an epoch, as an agent publishes them.
//!
//! Power is integrated by trapezoid while readings are close together: a counter in steps of a watt-hour says
//! nothing of a minute (`docs/adr/0010`). Over a longer gap the counter knows better than a straight line; its
//! difference counts if it is large against the counter's coarseness, else the gap is uncovered time.
//!
//! Invariant: the totals never go down, unless the meter itself shows negative power.

use std::time::Duration;

use picollect_evaluate::GAP_INTERVALS;

use super::device::{Reading, Resolution};

/// A counter's difference counts if the counter's coarseness is at most this share of it.
const MAX_COARSENESS: f64 = 0.02;
/// A wall clock that moved by so much more or less than time has passed was set: the epoch's name and the
/// stamps no longer fit together.
const MAX_CLOCK_STEP_MS: i64 = 1000;

/// A reading with its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Time on a clock that is never set.
    pub at: Duration,
    /// The same moment in Unix milliseconds, which a clock that is set may move.
    pub t_ms: i64,
    /// Power and counter at that moment.
    pub reading: Reading,
}

/// The totals at a reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// The epoch: Unix time at which they were zero, milliseconds.
    pub since_ms: i64,
    /// Energy since then, joules.
    pub joules: f64,
    /// Seconds since then that the energy covers.
    pub metered_s: f64,
}

/// Integrates the readings of one device.
#[derive(Debug)]
pub struct Integrator {
    interval: Duration,
    resolution: Option<Resolution>,
    last: Option<Moment>,
    totals: Totals,
    /// The counter and our totals where both were last known to begin together.
    both_from: Option<(f64, Totals)>,
}

impl Integrator {
    /// For a device that is read every `interval` and whose counter is that coarse; `None` is unknown, and
    /// then its counter is never counted on.
    pub fn new(interval: Duration, resolution: Option<Resolution>) -> Self {
        let totals = Totals { since_ms: 0, joules: 0.0, metered_s: 0.0 };
        Self { interval, resolution, last: None, totals, both_from: None }
    }

    /// The totals with this reading, which has to be newer than the one before.
    pub fn reading(&mut self, now: Moment) -> Totals {
        let last = self.last.replace(now);
        let Some(last) = last.filter(|last| !clock_was_set(*last, now)) else {
            self.begin(now);
            return self.totals;
        };
        let seconds = now.at.saturating_sub(last.at).as_secs_f64();
        if seconds <= GAP_INTERVALS * self.interval.as_secs_f64() {
            self.totals.joules += f64::midpoint(last.reading.watts, now.reading.watts) * seconds;
            self.totals.metered_s += seconds;
        } else if let Some(joules) = self.counted(last, now, seconds) {
            self.totals.joules += joules;
            self.totals.metered_s += seconds;
        } else {
            self.both_from = None;
        }
        self.compare_from(last, now);
        self.totals
    }

    /// By what share our joules are above (or, negative, below) those of the device's counter, as soon as the
    /// counter has gone far enough to tell.
    pub fn disagreement(&self) -> Option<f64> {
        let (counter_j, from) = self.both_from?;
        let counted = self.last?.reading.counter_j? - counter_j;
        let (integrated, seconds) =
            (self.totals.joules - from.joules, self.totals.metered_s - from.metered_s);
        let Resolution { step_j, lag_s } = self.resolution?;
        // What the counter lags behind may have flowed at any power: the mean is the best guess.
        let coarse_j = step_j + lag_s * counted.max(integrated) / seconds;
        (counted > 0.0 && coarse_j <= MAX_COARSENESS * counted).then(|| integrated / counted - 1.0)
    }

    fn begin(&mut self, now: Moment) {
        self.totals = Totals { since_ms: now.t_ms, joules: 0.0, metered_s: 0.0 };
        self.both_from = now.reading.counter_j.map(|counter_j| (counter_j, self.totals));
    }

    /// What the counter counted between two readings; `None` if it began anew or is too coarse to tell.
    fn counted(&self, last: Moment, now: Moment, seconds: f64) -> Option<f64> {
        let Resolution { step_j, lag_s } = self.resolution?;
        let counted = now.reading.counter_j? - last.reading.counter_j?;
        let coarse_j = step_j + lag_s * counted / seconds;
        (counted > 0.0 && coarse_j <= MAX_COARSENESS * counted).then_some(counted)
    }

    /// A counter that went down, or that was not there, is compared anew from here.
    fn compare_from(&mut self, last: Moment, now: Moment) {
        let Some(counter_j) = now.reading.counter_j else {
            self.both_from = None;
            return;
        };
        let went_down = last.reading.counter_j.is_none_or(|before| counter_j < before);
        if went_down || self.both_from.is_none() {
            self.both_from = Some((counter_j, self.totals));
        }
    }
}

fn clock_was_set(last: Moment, now: Moment) -> bool {
    let passed = i64::try_from(now.at.saturating_sub(last.at).as_millis()).unwrap_or(i64::MAX);
    (now.t_ms - last.t_ms).saturating_sub(passed).abs() > MAX_CLOCK_STEP_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WATT_HOURS: Resolution = Resolution { step_j: 3600.0, lag_s: 1.0 };

    fn moment(second: u64, watts: f64, counter_j: Option<f64>) -> Moment {
        let t_ms = 1_795_435_200_000 + i64::try_from(second).unwrap() * 1000;
        Moment { at: Duration::from_secs(second), t_ms, reading: Reading { watts, counter_j } }
    }

    #[test]
    fn a_minute_is_integrated_from_the_power_and_not_from_a_counter_of_watt_hours() {
        let mut plug = Integrator::new(SECOND, Some(WATT_HOURS));
        let mut totals = None;
        for second in 0..=60 {
            // 30 W: the counter makes its only step somewhere in this minute.
            let counter_j = if second < 40 { 7200.0 } else { 10_800.0 };
            totals = Some(plug.reading(moment(second, 30.0, Some(counter_j))));
        }
        let totals = totals.unwrap();
        assert_eq!((totals.joules, totals.metered_s), (1800.0, 60.0));
        assert_eq!(plug.disagreement(), None, "one step proves nothing");
    }

    #[test]
    fn a_long_outage_is_counted_by_the_counter_and_a_short_one_is_uncovered() {
        let mut plug = Integrator::new(SECOND, Some(WATT_HOURS));
        plug.reading(moment(0, 100.0, Some(0.0)));
        plug.reading(moment(1, 100.0, Some(0.0)));
        // Ten seconds at 100 W are less than a step of the counter.
        let short = plug.reading(moment(11, 100.0, Some(0.0)));
        assert_eq!((short.joules, short.metered_s), (100.0, 1.0));
        // Two hours are 200 steps.
        let long = plug.reading(moment(7211, 100.0, Some(720_000.0)));
        assert_eq!((long.joules, long.metered_s), (720_100.0, 7201.0));
    }

    #[test]
    fn a_counter_that_began_anew_is_never_a_negative_energy() {
        let mut plug = Integrator::new(SECOND, Some(WATT_HOURS));
        plug.reading(moment(0, 100.0, Some(9e6)));
        let after = plug.reading(moment(7200, 100.0, Some(3600.0)));
        assert_eq!((after.joules, after.metered_s), (0.0, 0.0));
        let next = plug.reading(moment(7201, 100.0, Some(3600.0)));
        assert_eq!((next.joules, next.since_ms), (100.0, after.since_ms));
    }

    #[test]
    fn a_counter_of_unknown_coarseness_bridges_nothing() {
        let mut meter = Integrator::new(SECOND, None);
        meter.reading(moment(0, 100.0, Some(0.0)));
        assert_eq!(meter.reading(moment(7200, 100.0, Some(720_000.0))).metered_s, 0.0);
    }

    #[test]
    fn a_clock_that_was_set_begins_a_new_epoch() {
        let mut plug = Integrator::new(SECOND, None);
        let first = plug.reading(moment(0, 5.0, None));
        let mut later = moment(1, 5.0, None);
        later.t_ms += 3_600_000;
        let after = plug.reading(later);
        assert_eq!((after.joules, after.since_ms), (0.0, later.t_ms));
        assert_ne!(first.since_ms, after.since_ms);
    }

    #[test]
    fn a_counter_that_merely_lags_is_no_disagreement() {
        let mut plug = Integrator::new(SECOND, Some(Resolution { step_j: 3.6, lag_s: 60.0 }));
        for second in 0..=600 {
            // Brought up to date by the minute; then the load is switched off.
            let watts = if second < 90 { 100.0 } else { 0.0 };
            let counted = if second < 120 { (second / 60) * 60 } else { 90 };
            plug.reading(moment(second, watts, Some(100.0 * counted as f64)));
            assert!(plug.disagreement().is_none_or(|share| share.abs() < 0.05), "{second}");
        }
    }

    #[test]
    fn a_power_that_is_not_what_the_counter_counts_is_noticed() {
        let mut plug = Integrator::new(SECOND, Some(Resolution { step_j: 3.6, lag_s: 1.0 }));
        for second in 0..=600 {
            plug.reading(moment(second, 110.0, Some(100.0 * second as f64)));
        }
        assert!((plug.disagreement().unwrap() - 0.1).abs() < 1e-9, "{:?}", plug.disagreement());
    }

    proptest! {
        #[test]
        fn totals_never_go_down_whatever_the_counter_does(
            steps in proptest::collection::vec((1..9000u64, 0.0..500.0f64, proptest::option::of(0.0..1e7f64)), 1..50),
        ) {
            let mut plug = Integrator::new(SECOND, Some(WATT_HOURS));
            let (mut second, mut before) = (0, (0.0, 0.0));
            for (gap, watts, counter_j) in steps {
                second += gap;
                let totals = plug.reading(moment(second, watts, counter_j));
                prop_assert!(totals.joules >= before.0 && totals.metered_s >= before.1);
                prop_assert!(totals.metered_s <= second as f64);
                before = (totals.joules, totals.metered_s);
            }
        }
    }
}
