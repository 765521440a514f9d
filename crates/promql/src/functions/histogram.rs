//! Classic histograms: cumulative counters, of which the label `le` says up to which value they count.

use crate::labels::Labels;

/// The label with a bucket's upper bound.
pub(crate) const BOUND: &str = "le";
/// Counts of neighbours that differ by less than this share are the same but for rounding.
const SAME_SHARE: f64 = 1e-12;

/// How often a value was up to a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) bound: f64,
    pub(crate) count: f64,
}

/// The upper bound of a series that is a bucket.
pub(crate) fn bound(labels: &Labels) -> Option<f64> {
    let text = labels.get(BOUND);
    let bound: f64 = text.parse().ok()?;
    let overflowed = bound.is_infinite() && text.contains(|character: char| character.is_ascii_digit());
    (!overflowed).then_some(bound)
}

/// The quantile of a histogram, linear within its bucket, whose lower bound is zero for the first one; and whether
/// counts had to be raised because a smaller bucket counted more. A quantile in the last bucket is the bound of the one
/// before. NaN without observations, without a bucket up to infinity or with no other.
pub(crate) fn quantile(share: f64, buckets: Vec<Bucket>) -> (f64, bool) {
    if share.is_nan() {
        return (f64::NAN, false);
    }
    if !(0.0..=1.0).contains(&share) {
        return (if share < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, false);
    }
    let Some(mut buckets) = in_order(buckets) else { return (f64::NAN, false) };
    let forced = make_monotonic(&mut buckets);
    let [.., before_last, last] = buckets[..] else { return (f64::NAN, false) };
    if last.count == 0.0 {
        return (f64::NAN, false);
    }
    let rank = share * last.count;
    let at = buckets[..buckets.len() - 1]
        .partition_point(|bucket| bucket.count < rank || bucket.count.is_nan() || rank.is_nan());
    let value = match at {
        at if at == buckets.len() - 1 => before_last.bound,
        0 if buckets[0].bound <= 0.0 => buckets[0].bound,
        0 => buckets[0].bound * (rank / buckets[0].count),
        at => {
            let (lower, upper) = (buckets[at - 1], buckets[at]);
            let within = (rank - lower.count) / (upper.count - lower.count);
            lower.bound + (upper.bound - lower.bound) * within
        }
    };
    (value, forced)
}

/// Which share of the observations lies between two values, linear within buckets. NaN without observations or without
/// a bucket up to infinity.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: Vec<Bucket>) -> f64 {
    let Some(buckets) = in_order(buckets) else { return f64::NAN };
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, &buckets, total) - rank_of(lower, &buckets, total)) / total
}

/// How many observations are below a value.
fn rank_of(value: f64, buckets: &[Bucket], total: f64) -> f64 {
    let mut below =
        Bucket { bound: if buckets[0].bound <= 0.0 { f64::NEG_INFINITY } else { 0.0 }, count: 0.0 };
    for bucket in buckets {
        let rank = if below.bound >= value {
            Some(below.count)
        } else if bucket.bound > value && below.bound == f64::NEG_INFINITY {
            Some(bucket.count)
        } else if bucket.bound > value {
            let within = (value - below.bound) / (bucket.bound - below.bound);
            Some(below.count + (bucket.count - below.count) * within)
        } else {
            None
        };
        if let Some(rank) = rank {
            return if rank > total { total } else { rank };
        }
        below = *bucket;
    }
    total
}

/// The buckets in the order of bounds, those of one bound added up; `None` if the last is not up to infinity.
fn in_order(mut buckets: Vec<Bucket>) -> Option<Vec<Bucket>> {
    buckets.sort_by(|a, b| a.bound.partial_cmp(&b.bound).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last()?.bound != f64::INFINITY {
        return None;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
    Some(buckets)
}

/// Lets no count be less than the one before, and none more by rounding alone; true if one was less.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let rounding = almost_equal(before, bucket.count);
        if rounding || bucket.count < before {
            forced |= !rounding;
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    forced
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, apart) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return apart < SAME_SHARE * f64::MIN_POSITIVE;
    }
    apart / sum.min(f64::MAX) < SAME_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(all: &[(f64, f64)]) -> Vec<Bucket> {
        all.iter().map(|&(bound, count)| Bucket { bound, count }).collect()
    }

    const UP: f64 = f64::INFINITY;

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let all = buckets(&[(UP, 100.0), (1.0, 50.0), (2.0, 90.0)]);
        assert_eq!(quantile(0.25, all.clone()), (0.5, false));
        assert_eq!(quantile(0.7, all.clone()), (1.5, false));
        assert_eq!(quantile(0.95, all.clone()), (2.0, false), "the last bucket has no upper bound");
        assert_eq!(quantile(-0.1, all.clone()).0, f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, all).0, f64::INFINITY);
    }

    #[test]
    fn a_histogram_without_an_end_or_an_observation_has_no_quantile() {
        for all in [vec![(1.0, 5.0), (2.0, 7.0)], vec![(UP, 7.0)], vec![(1.0, 0.0), (UP, 0.0)], vec![]] {
            assert!(quantile(0.5, buckets(&all)).0.is_nan(), "{all:?}");
        }
    }

    #[test]
    fn counts_that_fall_are_raised_and_that_is_said() {
        let falling = buckets(&[(1.0, 50.0), (2.0, 40.0), (3.0, 80.0), (UP, 100.0)]);
        assert_eq!(quantile(0.65, falling), (2.5, true));
        let rounded = buckets(&[(1.0, 50.0), (2.0, 50.0 - 1e-12), (UP, 100.0)]);
        assert!(!quantile(0.5, rounded).1, "rounding alone is not worth a word");
    }

    #[test]
    fn buckets_of_one_bound_are_added_up() {
        let twice = buckets(&[(1.0, 25.0), (1.0, 25.0), (UP, 60.0), (UP, 40.0)]);
        assert_eq!(quantile(0.25, twice).0, 0.5);
    }

    #[test]
    fn a_first_bucket_below_zero_has_no_lower_bound() {
        let below = buckets(&[(-1.0, 10.0), (1.0, 20.0), (UP, 20.0)]);
        assert_eq!(quantile(0.1, below.clone()).0, -1.0);
        assert_eq!(fraction(f64::NEG_INFINITY, -2.0, below), 0.5);
    }

    #[test]
    fn a_fraction_is_what_lies_between() {
        let all = buckets(&[(1.0, 50.0), (2.0, 90.0), (UP, 100.0)]);
        assert_eq!(fraction(0.0, 1.0, all.clone()), 0.5);
        assert_eq!(fraction(0.5, 1.5, all.clone()), 0.45);
        assert_eq!(fraction(2.0, UP, all.clone()), 0.1);
        assert_eq!(fraction(1.0, 1.0, all.clone()), 0.0);
        assert!(fraction(f64::NAN, 1.0, all).is_nan());
        assert!(fraction(0.0, 1.0, buckets(&[(1.0, 1.0)])).is_nan());
    }
}
