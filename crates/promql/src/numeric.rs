//! Arithmetic as Prometheus does it, so that its answers come out to the last digits.

use std::cmp::Ordering;

/// A sum that keeps what rounding loses (Neumaier's form of Kahan's summation).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Sum {
    pub(crate) fn add(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - sum) + value)
        } else {
            self.lost + ((value - sum) + self.sum)
        };
        Self { sum, lost }
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }

    fn scaled(self, factor: f64) -> Self {
        Self { sum: self.sum * factor, lost: self.lost * factor }
    }
}

pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(Sum::default(), Sum::add).total()
}

/// The mean; as long as the sum does not overflow, the sum by the number, else step by step. `None` for no values.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values = values.into_iter();
    let mut so_far = Sum { sum: values.next()?, lost: 0.0 };
    let (mut count, mut stepwise) = (1.0, false);
    for value in values {
        count += 1.0;
        if !stepwise {
            let longer = so_far.add(value);
            if !longer.sum.is_infinite() {
                so_far = longer;
                continue;
            }
            stepwise = true;
            so_far = Sum { sum: so_far.sum / (count - 1.0), lost: so_far.lost / (count - 1.0) };
        }
        so_far = so_far.scaled((count - 1.0) / count).add(value / count);
    }
    Some(if stepwise { so_far.sum + so_far.lost } else { so_far.sum / count + so_far.lost / count })
}

/// The variance of the whole population, by Welford's recurrence. `None` for no values.
pub(crate) fn variance(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values = values.into_iter();
    let mut mean = values.next()?;
    let mut squares = if mean.is_finite() { 0.0 } else { f64::NAN };
    let mut count = 1.0;
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    Some(squares / count)
}

/// The variance of a series' values in time: the same recurrence with sums that keep what rounding loses.
pub(crate) fn variance_over_time(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut mean, mut squares, mut count) = (Sum::default(), Sum::default(), 0.0);
    for value in values {
        count += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean = mean.add(delta / count);
        squares = squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / count
}

/// The quantile, between two values by their weighted mean; below 0 and above 1 it is infinite.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rank lies within the values"
)]
pub(crate) fn quantile(share: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| nan_first(*a, *b));
    let rank = share * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let weight = rank - rank.floor();
    if weight == 0.0 {
        return values[lower];
    }
    let upper = (lower + 1).min(values.len() - 1);
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// The order of numbers, NaN before all.
pub(crate) fn nan_first(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// The greater of the two, NaN if one is; infinity before that.
pub(crate) fn greater(a: f64, b: f64) -> f64 {
    let infinite = a == f64::INFINITY || b == f64::INFINITY;
    if !infinite && (a.is_nan() || b.is_nan()) { f64::NAN } else { a.max(b) }
}

/// The less of the two, NaN if one is; negative infinity before that.
pub(crate) fn less(a: f64, b: f64) -> f64 {
    -greater(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_rounding_loses() {
        assert_eq!(sum([1e100, 1.0, -1e100]), 1.0);
        assert_eq!(mean([1.0, 1e100, 1.0, -1e100]), Some(0.5));
        assert_eq!(sum([f64::INFINITY, 1.0]), f64::INFINITY);
    }

    #[test]
    fn a_mean_does_not_overflow() {
        assert_eq!(mean([f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(mean([]), None);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours_and_nan_is_the_least() {
        assert_eq!(quantile(0.5, vec![3.0, 1.0]), 2.0);
        assert_eq!(quantile(1.0, vec![f64::NAN, 7.0, 1.0]), 7.0);
        assert!(quantile(0.0, vec![7.0, f64::NAN]).is_nan());
        assert_eq!(quantile(1.1, vec![1.0]), f64::INFINITY);
        assert_eq!(quantile(-0.1, vec![1.0]), f64::NEG_INFINITY);
    }

    #[test]
    fn nan_wins_except_over_infinity() {
        assert!(greater(f64::NAN, 1.0).is_nan());
        assert_eq!(greater(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(less(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!((greater(1.0, 2.0), less(1.0, 2.0)), (2.0, 1.0));
    }
}
