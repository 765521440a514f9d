//! A series of gauge samples: its integral, mean and greatest value over a window.
//!
//! Samples may come in any order and more than once; gaps are never bridged.

use crate::{GAP_INTERVALS, Window};

/// One sample of a gauge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken, Unix milliseconds.
    pub t_ms: i64,
    /// The value, in the metric's unit.
    pub value: f64,
}

/// An integral and the seconds that it really covers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Integral {
    /// Value × seconds, over the covered time only.
    pub value_s: f64,
    /// Seconds between samples that are close enough together.
    pub covered_s: f64,
}

/// Sorted by time, each time once; of two samples at one time the later one in the list counts.
pub fn in_order(samples: &[Sample]) -> Vec<Sample> {
    let mut sorted = samples.to_vec();
    sorted.reverse();
    sorted.sort_by_key(|sample| sample.t_ms);
    sorted.dedup_by_key(|sample| sample.t_ms);
    sorted
}

/// Trapezoid over irregular intervals inside the window; stretches longer than three `interval_s`
/// are gaps.
pub fn integral(samples: &[Sample], window: Window, interval_s: f64) -> Integral {
    let sorted = in_order(samples);
    let mut sum = Integral::default();
    for pair in sorted.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if (b.t_ms - a.t_ms) as f64 > GAP_INTERVALS * interval_s * 1000.0 {
            continue;
        }
        let from = a.t_ms.max(window.start_ms);
        let to = b.t_ms.min(window.end_ms);
        if from < to {
            let seconds = (to - from) as f64 / 1000.0;
            sum.value_s += seconds * (between(a, b, from) + between(a, b, to)) / 2.0;
            sum.covered_s += seconds;
        }
    }
    sum
}

/// Mean over the covered time, or over the samples where they cover no time at all.
pub fn mean(samples: &[Sample], window: Window, interval_s: f64) -> Option<f64> {
    let sum = integral(samples, window, interval_s);
    if sum.covered_s > 0.0 {
        return Some(sum.value_s / sum.covered_s);
    }
    let inside: Vec<f64> = within(samples, window).map(|sample| sample.value).collect();
    (!inside.is_empty()).then(|| inside.iter().sum::<f64>() / inside.len() as f64)
}

/// The greatest value inside the window.
pub fn greatest(samples: &[Sample], window: Window) -> Option<f64> {
    within(samples, window).map(|sample| sample.value).max_by(f64::total_cmp)
}

fn within(samples: &[Sample], window: Window) -> impl Iterator<Item = &Sample> {
    samples.iter().filter(move |sample| (window.start_ms..=window.end_ms).contains(&sample.t_ms))
}

fn between(a: Sample, b: Sample, t_ms: i64) -> f64 {
    let share = (t_ms - a.t_ms) as f64 / (b.t_ms - a.t_ms) as f64;
    a.value + (b.value - a.value) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { start_ms: 500, end_ms: 10_000 };

    fn samples(list: &[(i64, f64)]) -> Vec<Sample> {
        list.iter().map(|&(t_ms, value)| Sample { t_ms, value }).collect()
    }

    #[test]
    fn the_mean_weighs_by_duration_and_skips_gaps() {
        let series = samples(&[(0, 10.0), (1000, 10.0), (3000, 20.0), (9000, 99.0)]);
        // 0.5 s at 10, 2 s from 10 to 20; the 6 s to the last sample are a gap.
        let sum = integral(&series, WINDOW, 1.0);
        assert_eq!(sum, Integral { value_s: 35.0, covered_s: 2.5 });
        assert_eq!(mean(&series, WINDOW, 1.0), Some(14.0));
        assert_eq!(greatest(&series, WINDOW), Some(99.0));
    }

    #[test]
    fn a_single_sample_is_its_own_mean_and_none_is_unknown() {
        assert_eq!(mean(&samples(&[(700, 3.0)]), WINDOW, 1.0), Some(3.0));
        assert_eq!(mean(&samples(&[(100, 3.0)]), WINDOW, 1.0), None);
        assert_eq!(greatest(&[], WINDOW), None);
    }
}
