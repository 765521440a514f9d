//! Energy of one meter, integrated on the node at the meter's own rate.
//!
//! Invariant: a failed or late reading is a gap in the metered seconds, never a straight line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use picollect_board::bounds;
use picollect_telemetry::{NoData, Reading};

use crate::meter::MeterValue;

/// Readings further apart than this many periods of the meter are not joined.
const GAP_PERIODS: u32 = 3;

/// What one meter publishes at a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyPoint {
    /// The moment up to which the totals count.
    pub at: Duration,
    /// The epoch: the moment from which they count.
    pub since: Duration,
    /// Joules since the epoch.
    pub joules: f64,
    /// Seconds since the epoch that `joules` covers.
    pub metered_s: f64,
    /// Power since the last point; `None` if nothing was read.
    pub power: Option<PowerRange>,
}

/// Power over some time, watts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerRange {
    /// Energy by metered time.
    pub mean_w: f64,
    /// The least reading of that time.
    pub least_w: f64,
    /// The greatest reading of that time.
    pub greatest_w: f64,
}

/// An integrator that the meter's thread fills and the sampler empties. Each holds the lock for one reading
/// or one [`Integrator::take`].
pub type SharedIntegrator = Arc<Mutex<Integrator>>;

/// Its integrator; what a thread that panicked left is as it was between two readings.
pub(crate) fn lock(integrator: &SharedIntegrator) -> MutexGuard<'_, Integrator> {
    integrator.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Integrates the readings of one meter.
#[derive(Debug)]
pub struct Integrator {
    period: Duration,
    since: Option<Duration>,
    last: Option<(Duration, f64)>,
    /// The counter's total at the last reading.
    total: Option<(Duration, f64)>,
    at: Duration,
    joules: f64,
    metered_s: f64,
    published_joules: f64,
    published_s: f64,
    least_w: f64,
    greatest_w: f64,
    failure: Option<NoData>,
}

impl Integrator {
    /// For a meter that gives a reading every `period`.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            since: None,
            last: None,
            total: None,
            at: Duration::ZERO,
            joules: 0.0,
            metered_s: 0.0,
            published_joules: 0.0,
            published_s: 0.0,
            least_w: f64::INFINITY,
            greatest_w: f64::NEG_INFINITY,
            failure: None,
        }
    }

    /// What a meter shows at a moment, or why it shows nothing.
    pub fn value(&mut self, at: Duration, value: Reading<MeterValue>) {
        match value {
            Ok(MeterValue::Watts(watts)) => self.watts(at, Ok(watts)),
            Ok(MeterValue::TotalJoules(joules)) => self.total_joules(at, Ok(joules)),
            // A counter may have begun anew meanwhile, so that its next difference is unknown too.
            Err(why) => self.total_joules(at, Err(why)),
        }
    }

    /// A reading of the power at a moment: trapezoid since the reading before. Readings that are not
    /// newer than the last one say nothing new.
    pub fn watts(&mut self, at: Duration, watts: Reading<f64>) {
        let Some(watts) = self.accept(at, watts) else { return };
        if let Some((before, watts_before)) = self.last.filter(|(before, _)| self.joined(*before, at)) {
            self.add(at.saturating_sub(before), f64::midpoint(watts_before, watts));
        }
        self.last = Some((at, watts));
    }

    /// The mean power between two moments; the first one begins the epoch.
    pub fn mean_between(&mut self, from: Duration, to: Duration, watts: Reading<f64>) {
        if watts.is_ok() {
            self.since.get_or_insert(from);
        }
        let Some(watts) = self.accept(to, watts) else { return };
        self.add(to.saturating_sub(from), watts);
        self.last = Some((to, watts));
    }

    /// So many joules between two moments; the first one begins the epoch.
    pub fn joules_between(&mut self, from: Duration, to: Duration, joules: Reading<f64>) {
        let seconds = to.saturating_sub(from).as_secs_f64();
        if seconds > 0.0 || joules.is_err() {
            self.mean_between(from, to, joules.map(|joules| joules / seconds));
        }
    }

    /// What a counter of joules shows. Late readings lose nothing: the difference is exact however long it
    /// took. A failed reading is a gap, because the counter may have begun anew meanwhile, and so is a
    /// counter that went down.
    pub fn total_joules(&mut self, at: Duration, total: Reading<f64>) {
        let before = self.total.take();
        match total {
            Ok(total) => {
                self.total = Some((at, total));
                if let Some((from, _)) = before.filter(|(_, before)| *before <= total) {
                    let joules = total - before.map_or(total, |(_, before)| before);
                    self.joules_between(from, at, Ok(joules));
                }
            }
            Err(why) => self.joules_between(at, at, Err(why)),
        }
    }

    /// The totals, and the watts since the last call; or why there are none.
    pub fn take(&mut self) -> Reading<EnergyPoint> {
        let since = self.since.ok_or(self.failure.unwrap_or(NoData::Absent))?;
        if let (None, Some(why)) = (self.last, self.failure) {
            return Err(why);
        }
        let (joules, metered_s) = (self.joules - self.published_joules, self.metered_s - self.published_s);
        let (least_w, greatest_w) = (self.least_w, self.greatest_w);
        let power = match self.last {
            _ if metered_s > 0.0 => Some(PowerRange { mean_w: joules / metered_s, least_w, greatest_w }),
            Some((_, watts)) if least_w.is_finite() => {
                Some(PowerRange { mean_w: watts, least_w: watts, greatest_w: watts })
            }
            _ => None,
        };
        (self.published_joules, self.published_s) = (self.joules, self.metered_s);
        (self.least_w, self.greatest_w) = (f64::INFINITY, f64::NEG_INFINITY);
        Ok(EnergyPoint { at: self.at, since, joules: self.joules, metered_s: self.metered_s, power })
    }

    /// Begins the epoch at the first good reading; a failed one breaks the line.
    fn accept(&mut self, at: Duration, watts: Reading<f64>) -> Option<f64> {
        if self.last.is_some_and(|(last, _)| at <= last) {
            return None;
        }
        let watts = match watts {
            Ok(watts) if bounds::WATTS.contains(&watts) => watts,
            Ok(_) => return self.fail(NoData::Garbled),
            Err(why) => return self.fail(why),
        };
        self.failure = None;
        self.since.get_or_insert(at);
        self.at = at;
        self.least_w = self.least_w.min(watts);
        self.greatest_w = self.greatest_w.max(watts);
        Some(watts)
    }

    fn fail(&mut self, why: NoData) -> Option<f64> {
        self.failure = Some(why);
        self.last = None;
        None
    }

    fn joined(&self, before: Duration, at: Duration) -> bool {
        at.saturating_sub(before) <= self.period * GAP_PERIODS
    }

    fn add(&mut self, time: Duration, watts: f64) {
        self.joules += watts * time.as_secs_f64();
        self.metered_s += time.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_trapezoid_between_readings_and_the_watts_of_each_tick() {
        let mut meter = Integrator::new(ms(100));
        for (at, watts) in [(1000, 2.0), (1100, 4.0), (1200, 4.0)] {
            meter.watts(ms(at), Ok(watts));
        }
        let point = meter.take().unwrap();
        assert!((point.joules - 0.7).abs() < 1e-12 && (point.metered_s - 0.2).abs() < 1e-12, "{point:?}");
        assert_eq!((point.since, point.at), (ms(1000), ms(1200)));
        let power = point.power.unwrap();
        assert!((power.mean_w - 3.5).abs() < 1e-12);
        assert_eq!((power.least_w, power.greatest_w), (2.0, 4.0));
    }

    #[test]
    fn a_failed_and_a_late_reading_are_uncovered_time() {
        let mut meter = Integrator::new(ms(100));
        meter.watts(ms(0), Ok(10.0));
        meter.watts(ms(100), Ok(10.0));
        meter.watts(ms(200), Err(NoData::Failed));
        assert_eq!(meter.take(), Err(NoData::Failed));
        meter.watts(ms(300), Ok(10.0));
        meter.watts(ms(400), Ok(10.0));
        meter.watts(ms(701), Ok(10.0));
        let point = meter.take().unwrap();
        assert!((point.joules - 2.0).abs() < 1e-12 && (point.metered_s - 0.2).abs() < 1e-12, "{point:?}");
        assert_eq!(point.since, ms(0));
    }

    #[test]
    fn the_same_conversion_read_twice_counts_once() {
        let mut meter = Integrator::new(ms(100));
        meter.watts(ms(0), Ok(1.0));
        meter.watts(ms(100), Ok(1.0));
        meter.watts(ms(100), Ok(1.0));
        assert!((meter.take().unwrap().joules - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_meter_that_was_never_read_has_no_totals() {
        assert_eq!(Integrator::new(ms(100)).take(), Err(NoData::Absent));
        let mut denied = Integrator::new(ms(100));
        denied.watts(ms(0), Err(NoData::Denied));
        assert_eq!(denied.take(), Err(NoData::Denied));
        let mut nan = Integrator::new(ms(100));
        nan.watts(ms(0), Ok(f64::NAN));
        assert_eq!(nan.take(), Err(NoData::Garbled));
        nan.watts(ms(1), Ok(4.2e6));
        assert_eq!(nan.take(), Err(NoData::Garbled), "no board takes megawatts");
    }

    #[test]
    fn joules_between_two_moments_are_exact_and_their_mean_is_the_power() {
        let mut meter = Integrator::new(ms(100));
        meter.joules_between(ms(1000), ms(1500), Ok(2.0));
        meter.joules_between(ms(1500), ms(1500), Ok(2.0));
        meter.joules_between(ms(1500), ms(3500), Ok(4.0));
        let point = meter.take().unwrap();
        assert_eq!((point.joules, point.metered_s, point.since), (6.0, 2.5, ms(1000)));
        assert_eq!(point.power, Some(PowerRange { mean_w: 2.4, least_w: 2.0, greatest_w: 4.0 }));
    }

    #[test]
    fn a_counter_gives_differences_also_late_ones_but_none_over_a_failure_or_a_fresh_start() {
        let mut meter = Integrator::new(ms(100));
        for (at, total) in [(0, Ok(1000.0)), (100, Ok(1001.0)), (10_100, Ok(1101.0))] {
            meter.total_joules(ms(at), total);
        }
        assert_eq!(meter.take().map(|point| (point.joules, point.metered_s)), Ok((101.0, 10.1)));
        meter.total_joules(ms(10_200), Err(NoData::Failed));
        assert_eq!(meter.take(), Err(NoData::Failed));
        for (at, total) in [(10_300, Ok(5000.0)), (10_400, Ok(5001.0)), (10_500, Ok(3.0)), (10_600, Ok(4.0))]
        {
            meter.total_joules(ms(at), total);
        }
        let point = meter.take().unwrap();
        assert!((point.joules - 103.0).abs() < 1e-9 && (point.metered_s - 10.3).abs() < 1e-9, "{point:?}");
    }

    #[test]
    fn means_are_summed_over_their_time() {
        let mut model = Integrator::new(ms(1000));
        model.mean_between(ms(0), ms(10_000), Ok(5.0));
        model.mean_between(ms(10_000), ms(11_000), Err(NoData::Absent));
        model.mean_between(ms(11_000), ms(12_000), Ok(5.0));
        let point = model.take().unwrap();
        assert_eq!((point.joules, point.metered_s, point.since), (55.0, 11.0, ms(0)));
    }
}
