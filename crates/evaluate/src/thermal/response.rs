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
    /// As the thermometer gave it, °C.
    pub(super) temp_c: f64,
    /// When, Unix milliseconds.
    pub(super) t_ms: i64,
}

/// The best that a time constant can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Linear {
    /// Rise by drive in the end, K/W or K.
    pub(super) resistance: f64,
    /// The part of it that is there at once.
    pub(super) prompt: f64,
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
        let mut readings = Self { steps, mean_c: 0.0, mean_drive: 0.0 };
        let count = readings.usable().max(1) as f64;
        readings.mean_c = readings.driven().map(|(_, temp_c)| temp_c).sum::<f64>() / count;
        readings.mean_drive = readings.driven().map(|(drive, _)| drive).sum::<f64>() / count;
        readings
    }

    /// How many readings have one before them without a gap.
    pub(super) fn usable(&self) -> usize {
        self.driven().count()
    }

    /// Drive and temperature of each such reading.
    fn driven(&self) -> impl Iterator<Item = (f64, f64)> {
        self.steps.iter().filter_map(|step| step.since.map(|(_, drive)| (drive, step.temp_c)))
    }

    /// What is left of the temperatures' scatter with this time constant, and by which resistances and
    /// ambient; `None` if the drive never changed.
    ///
    /// Temperatures and drives are taken against their means, so that large numbers do not drown small
    /// ones.
    pub(super) fn explain(&self, time_constant_s: f64) -> Option<Linear> {
        let (mut all, mut stretch) = (Products::default(), Products::default());
        let (mut filtered, mut start, mut stretches) = (0.0, 1.0, 0);
        let (mut seconds_before, mut decay) = (0.0, 1.0);
        for step in &self.steps {
            let Some((seconds, drive)) = step.since else {
                all.add(&stretch.without(START));
                (stretch, filtered, start, stretches) = (Products::default(), 0.0, 1.0, stretches + 1);
                continue;
            };
            if seconds != seconds_before {
                (seconds_before, decay) = (seconds, (-seconds / time_constant_s).exp());
            }
            let drive = drive - self.mean_drive;
            filtered = decay * filtered + (1.0 - decay) * drive;
            start *= decay;
            stretch.observe(start, filtered, drive, step.temp_c - self.mean_c);
        }
        all.add(&stretch.without(START));
        self.solve(&all, stretches)
    }

    fn solve(&self, sums: &Products, stretches: usize) -> Option<Linear> {
        let Products(of) = sums.without(ONE);
        let (slow, prompt) = resistances(&of)?;
        let offset =
            (sums.0[ONE][TEMP] - slow * sums.0[ONE][SLOW] - prompt * sums.0[ONE][PROMPT]) / sums.0[ONE][ONE];
        let left = (of[TEMP][TEMP] - slow * of[SLOW][TEMP] - prompt * of[PROMPT][TEMP]).max(0.0);
        let effect = slow * slow * of[SLOW][SLOW]
            + 2.0 * slow * prompt * of[SLOW][PROMPT]
            + prompt * prompt * of[PROMPT][PROMPT];
        let total: f64 = self.driven().map(|(_, temp_c)| (temp_c - self.mean_c).powi(2)).sum();
        // Unknown are two resistances, the ambient, the time constant and the start of each stretch.
        let count = self.usable() as f64;
        let freedom = (count - 4.0 - stretches as f64).max(1.0);
        Some(Linear {
            resistance: slow + prompt,
            prompt,
            ambient_c: self.mean_c + offset - (slow + prompt) * self.mean_drive,
            left,
            r2: 1.0 - (left / freedom) / (total / (count - 1.0)),
            rms_c: (left / freedom).sqrt(),
            effect_k: (effect.max(0.0) / count).sqrt(),
        })
    }
}

/// The slow and the prompt resistance. Both are positive in a real node: where the best pair is not, the
/// prompt one is none. `None` if the drive never changed.
fn resistances(of: &[[f64; 5]; 5]) -> Option<(f64, f64)> {
    let (slow, prompt, both) = (of[SLOW][SLOW], of[PROMPT][PROMPT], of[SLOW][PROMPT]);
    let determinant = slow * prompt - both * both;
    if determinant > SINGULAR * slow * prompt {
        let by_slow = (prompt * of[SLOW][TEMP] - both * of[PROMPT][TEMP]) / determinant;
        let by_prompt = (slow * of[PROMPT][TEMP] - both * of[SLOW][TEMP]) / determinant;
        if by_slow > 0.0 && by_prompt > 0.0 {
            return Some((by_slow, by_prompt));
        }
    }
    (slow > SINGULAR).then(|| (of[SLOW][TEMP] / slow, 0.0))
}

/// What is multiplied and summed over readings: the decay of the stretch's start, 1, the drive behind the
/// filter, the drive itself, the temperature.
const START: usize = 0;
const ONE: usize = 1;
const SLOW: usize = 2;
const PROMPT: usize = 3;
const TEMP: usize = 4;

/// The sums of the products of each two of them, each pair once: the row's number is never above the
/// column's, and what stands below the diagonal is never read.
#[derive(Debug, Clone, Copy, Default)]
struct Products([[f64; 5]; 5]);

impl Products {
    /// Written out, because nearly all the time of a fit is spent here.
    fn observe(&mut self, s: f64, x: f64, y: f64, t: f64) {
        let [start, one, slow, prompt, temp] = &mut self.0;
        start[START] += s * s;
        start[ONE] += s;
        start[SLOW] += s * x;
        start[PROMPT] += s * y;
        start[TEMP] += s * t;
        one[ONE] += 1.0;
        one[SLOW] += x;
        one[PROMPT] += y;
        one[TEMP] += t;
        slow[SLOW] += x * x;
        slow[PROMPT] += x * y;
        slow[TEMP] += x * t;
        prompt[PROMPT] += y * y;
        prompt[TEMP] += y * t;
        temp[TEMP] += t * t;
    }

    fn add(&mut self, other: &Self) {
        for (row, more) in self.0.iter_mut().zip(other.0) {
            for (sum, more) in row.iter_mut().zip(more) {
                *sum += more;
            }
        }
    }

    /// The sums of what is left of everything when one of them has explained as much of it as it can.
    fn without(self, one: usize) -> Self {
        let by = self.0[one];
        let mut left = self;
        for (row, share) in left.0.iter_mut().zip(by) {
            for (sum, other) in row.iter_mut().zip(by) {
                *sum -= share * other / by[one].max(f64::MIN_POSITIVE);
            }
        }
        left
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
            steps.extend(start.take().map(|start| Step {
                since: None,
                temp_c: start.value,
                t_ms: start.t_ms,
            }));
            let since = Some((pending_ms / 1000.0, pending / pending_ms));
            steps.push(Step { since, temp_c: pair[1].value, t_ms: pair[1].t_ms });
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
