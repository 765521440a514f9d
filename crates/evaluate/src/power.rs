//! Peak power of one meter and of several together.

use std::collections::BTreeMap;

use crate::series::{Sample, greatest};
use crate::{GAP_INTERVALS, Window};

/// The greatest reading of one meter in the window, from its interval maxima, in watts.
pub fn peak_w(watts_max: &[Sample], window: Window) -> Option<f64> {
    greatest(watts_max, window)
}

/// The greatest simultaneous sum of several meters' interval means, in watts. The sum of their peaks
/// would be too high, because they do not peak together. A mean stands for its meter until the next one
/// comes, three `interval_s` at most; only moments at which every meter is known count.
pub fn peak_of_sum_w(meters: &[Vec<Sample>], window: Window, interval_s: f64) -> Option<f64> {
    let mut moments: BTreeMap<i64, Vec<(usize, f64)>> = BTreeMap::new();
    for (meter, samples) in meters.iter().enumerate() {
        for sample in samples.iter().filter(|sample| sample.t_ms <= window.end_ms) {
            moments.entry(sample.t_ms).or_default().push((meter, sample.value));
        }
    }
    let hold_ms = GAP_INTERVALS * interval_s * 1000.0;
    let mut latest: Vec<Option<Sample>> = vec![None; meters.len()];
    let mut peak: Option<f64> = None;
    for (t_ms, changes) in moments {
        for (meter, value) in changes {
            latest[meter] = Some(Sample { t_ms, value });
        }
        let fresh = |sample: &Sample| (t_ms - sample.t_ms) as f64 <= hold_ms;
        let now: Option<Vec<f64>> =
            latest.iter().map(|held| held.filter(fresh).map(|sample| sample.value)).collect();
        if let Some(now) = now.filter(|now| !now.is_empty() && t_ms >= window.start_ms) {
            let sum = now.iter().sum();
            peak = Some(peak.map_or(sum, |highest: f64| highest.max(sum)));
        }
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(list: &[(i64, f64)]) -> Vec<Sample> {
        list.iter().map(|&(t_ms, value)| Sample { t_ms, value }).collect()
    }

    #[test]
    fn meters_that_peak_one_after_the_other_do_not_add_their_peaks() {
        let a = samples(&[(0, 5.0), (1000, 2.0), (2000, 2.0)]);
        let b = samples(&[(100, 2.0), (1100, 2.0), (2100, 6.0)]);
        let window = Window { start_ms: 0, end_ms: 3000 };
        assert_eq!(peak_of_sum_w(&[a, b], window, 1.0), Some(8.0));
    }

    #[test]
    fn a_moment_with_an_unknown_meter_gives_no_sum() {
        let a = samples(&[(0, 5.0), (9000, 5.0)]);
        let b = samples(&[(5000, 1.0)]);
        let window = Window { start_ms: 0, end_ms: 10_000 };
        assert_eq!(peak_of_sum_w(&[a, b], window, 1.0), None);
        assert_eq!(peak_of_sum_w(&[], window, 1.0), None);
    }
}
