//! What a given time constant makes of the readings: the linear half of the thermal fit.

use crate::GAP_INTERVALS;
use crate::series::{Sample, in_order};

/// More readings than these are thinned out. A week of one reading a second then keeps one in ten.
const MAX_STEPS: usize = 65_536;
/// Readings outside of this are garbage of the bus and not temperatures, °C.
const PLAUSIBLE_C: (f64, f64) = (-100.0, 200.0);
/// No node draws more, and a load is at most one.
const MAX_DRIVE: f64 = 100_000.0;
/// A determinant that is smaller by this much than its diagonal is nothing but rounding errors.
const SINGULAR: f64 = 1e-12;

/// The readings of a node, with the means that everything is computed against.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Readings {
    /// In order of time.
    pub(super) steps: Vec<Step>,
    mean_c: f64,
    mean_drive: f64,
}

/// One reading of the temperature, and what drove it since the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Seconds since the reading before and the mean drive in them; `None` at the beginning of a stretch.
    pub(super) since: Option<(f64, f64)>,
    /// The reading, °C.
    pub(super) temp_c: f64,
}

/// The best that a time constant can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Linear {
    /// Rise by drive, K/W or K.
    pub(super) resistance: f64,
    /// Temperature without drive, °C.
    pub(super) ambient_c: f64,
    /// Sum of the squares that are left, K².
    pub(super) left: f64,
    /// Share of the temperatures' variance that is explained, for as many unknowns as there are.
    pub(super) r2: f64,
    /// Root mean square of what is left, K.
    pub(super) rms_c: f64,
    /// Root mean square of what the changes of the drive do to the temperature, K.
    pub(super) effect_k: f64,
}

impl Readings {
    /// Temperatures with what drove them; a beginning without a second reading is left out.
    pub(super) fn new(temps: &[Sample], driving: &[Sample], interval_s: f64) -> Self {
        let plausible = |temp: &f64| (PLAUSIBLE_C.0..=PLAUSIBLE_C.1).contains(temp);
        let temps = in_order(&only(temps, plausible));
        let driving = in_order(&only(driving, |drive| drive.abs() <= MAX_DRIVE));
        let steps = steps(&temps, Held::new(&driving, interval_s));
        let drives = || steps.iter().filter_map(|step| step.since).map(|(_, drive)| drive);
        let mean_c = steps.iter().map(|step| step.temp_c).sum::<f64>() / steps.len().max(1) as f64;
        let mean_drive = drives().sum::<f64>() / drives().count().max(1) as f64;
        Self { steps, mean_c, mean_drive }
    }

    /// How many readings have one before them without a gap.
    pub(super) fn usable(&self) -> usize {
        self.steps.iter().filter(|step| step.since.is_some()).count()
    }

    /// What is left of the temperatures' scatter with this time constant, and by which resistance and
    /// ambient; `None` if the drive never changed.
    ///
    /// Temperatures and drives are taken against their means, so that large numbers do not drown small
    /// ones.
    pub(super) fn explain(&self, time_constant_s: f64) -> Option<Linear> {
        let mut all = Sums::default();
        let mut stretch = Sums::default();
        let (mut x, mut start, mut stretches) = (0.0, 1.0, 0);
        let (mut seconds_before, mut decay) = (0.0, 1.0);
        for step in &self.steps {
            if let Some((seconds, drive)) = step.since {
                if seconds != seconds_before {
                    (seconds_before, decay) = (seconds, (-seconds / time_constant_s).exp());
                }
                x = decay * x + (1.0 - decay) * (drive - self.mean_drive);
                start *= decay;
            } else {
                all.add(&stretch.without_start());
                (stretch, x, start, stretches) = (Sums::default(), 0.0, 1.0, stretches + 1);
            }
            stretch.observe(start, x, step.temp_c - self.mean_c);
        }
        all.add(&stretch.without_start());
        self.solve(&all, stretches)
    }

    fn solve(&self, sums: &Sums, stretches: usize) -> Option<Linear> {
        let determinant = sums.one_one * sums.x_x - sums.one_x * sums.one_x;
        if determinant <= SINGULAR * sums.one_one * sums.x_x {
            return None;
        }
        let resistance = (sums.one_one * sums.x_t - sums.one_x * sums.one_t) / determinant;
        let offset = (sums.x_x * sums.one_t - sums.one_x * sums.x_t) / determinant;
        let left = (sums.t_t - resistance * sums.x_t - offset * sums.one_t).max(0.0);
        let total: f64 = self.steps.iter().map(|step| (step.temp_c - self.mean_c).powi(2)).sum();
        // Unknown are the resistance, the ambient, the time constant and the start of each stretch.
        let count = self.steps.len() as f64;
        let freedom = (count - 3.0 - stretches as f64).max(1.0);
        Some(Linear {
            resistance,
            ambient_c: self.mean_c + offset - resistance * self.mean_drive,
            left,
            r2: 1.0 - (left / freedom) / (total / (count - 1.0)),
            rms_c: (left / freedom).sqrt(),
            effect_k: resistance.abs() * (determinant / sums.one_one / count).sqrt(),
        })
    }
}

/// Sums of products over readings: of the start's decay `s`, of 1, of the filtered drive `x` and of the
/// temperature `t`.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    s_s: f64,
    s_one: f64,
    s_x: f64,
    s_t: f64,
    one_one: f64,
    one_x: f64,
    one_t: f64,
    x_x: f64,
    x_t: f64,
    t_t: f64,
}

impl Sums {
    fn observe(&mut self, s: f64, x: f64, t: f64) {
        self.s_s += s * s;
        self.s_one += s;
        self.s_x += s * x;
        self.s_t += s * t;
        self.one_one += 1.0;
        self.one_x += x;
        self.one_t += t;
        self.x_x += x * x;
        self.x_t += x * t;
        self.t_t += t * t;
    }

    /// The sums after each stretch's own unknown, the temperature that it starts with, has taken what it
    /// can: everything less its projection on `s`.
    fn without_start(self) -> Self {
        let s_s = self.s_s.max(f64::MIN_POSITIVE);
        Self {
            one_one: self.one_one - self.s_one * self.s_one / s_s,
            one_x: self.one_x - self.s_one * self.s_x / s_s,
            one_t: self.one_t - self.s_one * self.s_t / s_s,
            x_x: self.x_x - self.s_x * self.s_x / s_s,
            x_t: self.x_t - self.s_x * self.s_t / s_s,
            t_t: self.t_t - self.s_t * self.s_t / s_s,
            ..Self::default()
        }
    }

    fn add(&mut self, stretch: &Self) {
        self.one_one += stretch.one_one;
        self.one_x += stretch.one_x;
        self.one_t += stretch.one_t;
        self.x_x += stretch.x_x;
        self.x_t += stretch.x_t;
        self.t_t += stretch.t_t;
    }
}

fn only(samples: &[Sample], keep: impl Fn(&f64) -> bool) -> Vec<Sample> {
    samples.iter().filter(|sample| keep(&sample.value)).copied().collect()
}

/// The steps between temperatures that are close enough together and have a drive, thinned out evenly.
fn steps(temps: &[Sample], mut drive: Held) -> Vec<Step> {
    let apart_ms = match temps {
        [first, .., last] if temps.len() > MAX_STEPS => ms(first.t_ms, last.t_ms) / MAX_STEPS as f64,
        _ => 0.0,
    };
    let mut steps = Vec::new();
    let mut start = temps.first().copied();
    let (mut pending_ms, mut pending) = (0.0, 0.0);
    for pair in temps.windows(2) {
        let between_ms = ms(pair[0].t_ms, pair[1].t_ms);
        let Some(mean) = drive.mean(pair[0].t_ms, pair[1].t_ms) else {
            (start, pending_ms, pending) = (Some(pair[1]), 0.0, 0.0);
            continue;
        };
        pending_ms += between_ms;
        pending += mean * between_ms;
        if pending_ms >= apart_ms {
            steps.extend(start.take().map(|start| Step { since: None, temp_c: start.value }));
            let since = Some((pending_ms / 1000.0, pending / pending_ms));
            steps.push(Step { since, temp_c: pair[1].value });
            (pending_ms, pending) = (0.0, 0.0);
        }
    }
    steps
}

/// A drive of which each sample is the mean since the one before it.
struct Held<'a> {
    samples: &'a [Sample],
    interval_ms: f64,
    next: usize,
}

impl<'a> Held<'a> {
    fn new(samples: &'a [Sample], interval_s: f64) -> Self {
        Self { samples, interval_ms: interval_s * 1000.0, next: 0 }
    }

    /// The mean between two times, if all of that is known and no gap; the times must not go back.
    fn mean(&mut self, from_ms: i64, to_ms: i64) -> Option<f64> {
        let wanted_ms = ms(from_ms, to_ms);
        let ended = |sample: &&Sample| sample.t_ms <= from_ms;
        self.next += self.samples[self.next..].iter().take_while(ended).count();
        let (mut covered_ms, mut sum) = (0.0, 0.0);
        for index in self.next..self.samples.len() {
            let sample = self.samples[index];
            // From `from_ms` on: where the sample's time begins, and where it or the question ends.
            let end_ms = ms(from_ms, sample.t_ms);
            let begin_ms = (end_ms - self.length_ms(index)).max(0.0);
            if begin_ms >= wanted_ms {
                break;
            }
            let overlap_ms = end_ms.min(wanted_ms) - begin_ms;
            covered_ms += overlap_ms;
            sum += sample.value * overlap_ms;
        }
        let known = wanted_ms <= GAP_INTERVALS * self.interval_ms && covered_ms >= wanted_ms * (1.0 - 1e-9);
        known.then(|| sum / covered_ms)
    }

    /// How long a sample speaks for: since the one before, or one interval where that is too long ago.
    fn length_ms(&self, index: usize) -> f64 {
        let before = index.checked_sub(1).map(|before| self.samples[before].t_ms);
        let since = before.map(|before| ms(before, self.samples[index].t_ms));
        since.filter(|since| *since <= GAP_INTERVALS * self.interval_ms).unwrap_or(self.interval_ms)
    }
}

/// From one time to a later one; saturates where clocks are absurd.
fn ms(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64
}
