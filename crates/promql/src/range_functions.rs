//! Functions of a series' samples in a range of time.

use crate::numeric::{Sum, mean, quantile, sum, variance_over_time};
use crate::source::{Sample, Step};

/// A range of a series: after `from_ms`, up to and with `to_ms`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleRange<'a> {
    pub(crate) samples: &'a [Sample],
    /// What other samples of the range came to when they were downsampled.
    pub(crate) steps: &'a [Step],
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// The moment that is answered, which `offset` and `@` do not move.
    pub(crate) t_ms: i64,
}

impl<'a> SampleRange<'a> {
    fn values(self) -> impl Iterator<Item = f64> + 'a {
        self.samples.iter().map(|sample| sample.value)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.samples.is_empty() && self.steps.is_empty()
    }

    fn count(self) -> f64 {
        let counted = self.steps.iter().map(|step| step.count as f64).sum::<f64>();
        self.samples.len() as f64 + counted
    }

    fn sum(self) -> f64 {
        sum(self.steps.iter().map(|step| step.sum).chain(self.values()))
    }

    fn mean(self) -> Option<f64> {
        if self.steps.is_empty() { mean(self.values()) } else { Some(self.sum() / self.count()) }
    }

    fn last(self) -> Option<f64> {
        let sample = self.samples.last().map(|sample| (sample.t_ms, sample.value));
        let step = self.steps.last().map(|step| (step.t_ms, step.last));
        sample.into_iter().chain(step).max_by_key(|(t_ms, _)| *t_ms).map(|(_, value)| value)
    }

    /// The one value that comes before all others, NaN only if there is nothing else.
    fn extreme(self, of: fn(&Step) -> f64, before: fn(f64, f64) -> bool) -> Option<f64> {
        let all = self.steps.iter().map(of).chain(self.values());
        all.reduce(|a, b| if before(b, a) || a.is_nan() { b } else { a })
    }

    fn pairs(self) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.samples.windows(2).map(|pair| (pair[0].value, pair[1].value))
    }

    fn seconds(self) -> f64 {
        (self.to_ms - self.from_ms) as f64 / 1000.0
    }
}

/// What a function makes of a range that has at least one sample or step; the number is its parameter, where it has one.
pub(crate) type RangeFunction = fn(SampleRange<'_>, f64) -> Option<f64>;

/// Every function of a range.
pub(crate) const RANGE_FUNCTIONS: [(&str, RangeFunction); 20] = [
    ("rate", |range, _| extrapolated(range, true, range.seconds())),
    ("increase", |range, _| extrapolated(range, true, 1.0)),
    ("delta", |range, _| extrapolated(range, false, 1.0)),
    ("irate", |range, _| rate_of_the_last_two(range.samples)),
    ("idelta", |range, _| difference_of_the_last_two(range.samples)),
    ("deriv", |range, _| Some(Line::through(range.samples, range.samples[0].t_ms)?.slope)),
    ("predict_linear", |range, seconds| Some(Line::through(range.samples, range.t_ms)?.at(seconds))),
    ("resets", |range, _| Some(count(range.pairs().filter(|(before, after)| after < before)))),
    ("changes", |range, _| Some(count(range.pairs().filter(|&(before, after)| differ(before, after))))),
    ("avg_over_time", |range, _| range.mean()),
    ("sum_over_time", |range, _| Some(range.sum())),
    ("count_over_time", |range, _| Some(range.count())),
    ("min_over_time", |range, _| range.extreme(|step| step.min, |b, a| b < a)),
    ("max_over_time", |range, _| range.extreme(|step| step.max, |b, a| b > a)),
    ("stddev_over_time", |range, _| Some(variance_over_time(range.values()).sqrt())),
    ("stdvar_over_time", |range, _| Some(variance_over_time(range.values()))),
    ("first_over_time", |range, _| range.samples.first().map(|sample| sample.value)),
    ("last_over_time", |range, _| range.last()),
    ("present_over_time", |_, _| Some(1.0)),
    ("quantile_over_time", |range, share| Some(quantile(share, range.values().collect()))),
];

pub(crate) fn named(name: &str) -> Option<RangeFunction> {
    RANGE_FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// The functions that leave a series its name, because what comes out is a value of the series itself.
pub(crate) const KEEP_THE_NAME: [&str; 2] = ["first_over_time", "last_over_time"];

fn count(found: impl Iterator) -> f64 {
    found.count() as f64
}

fn differ(a: f64, b: f64) -> bool {
    a != b && !(a.is_nan() && b.is_nan())
}

/// How much the series went up in the range, guessed beyond its first and last sample. A series that comes close
/// to an end of the range, by 1.1 of its mean interval, is thought to reach it, else to reach half an interval
/// further; and no counter is thought to have been below zero. The result is for so many `seconds` one.
fn extrapolated(range: SampleRange<'_>, counter: bool, seconds: f64) -> Option<f64> {
    let (first, last) = (range.samples.first()?, range.samples.last()?);
    if range.samples.len() < 2 {
        return None;
    }
    let mut rise = last.value - first.value;
    if counter {
        let resets = range.pairs().filter(|(before, after)| after < before);
        rise = resets.fold(rise, |rise, (before, _)| rise + before);
    }
    let between = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = between(first.t_ms, last.t_ms);
    let interval = sampled / (range.samples.len() - 1) as f64;
    let beyond = |gap: f64| if gap >= interval * 1.1 { interval / 2.0 } else { gap };
    let mut before = beyond(between(range.from_ms, first.t_ms));
    if counter && rise > 0.0 && first.value >= 0.0 {
        before = before.min(sampled * (first.value / rise));
    }
    let after = beyond(between(last.t_ms, range.to_ms));
    Some(rise * ((sampled + before + after) / sampled / seconds))
}

/// A counter's rate between its last two samples; after a reset it counts from zero.
fn rate_of_the_last_two(samples: &[Sample]) -> Option<f64> {
    let [.., before, last] = samples else { return None };
    let rise = if last.value < before.value { last.value } else { last.value - before.value };
    Some(rise / ((last.t_ms - before.t_ms) as f64 / 1000.0))
}

/// The last value less the one before, whatever it counts.
fn difference_of_the_last_two(samples: &[Sample]) -> Option<f64> {
    let [.., before, last] = samples else { return None };
    Some(last.value - before.value)
}

/// The line with the least squares, from a time on.
struct Line {
    /// Change of the value per second.
    slope: f64,
    intercept: f64,
}

impl Line {
    /// Through two samples at least; one that stays the same has exactly its value.
    fn through(samples: &[Sample], from_ms: i64) -> Option<Self> {
        let [first, _, ..] = samples else { return None };
        if samples.iter().all(|sample| sample.value == first.value) {
            let infinite = first.value.is_infinite();
            let (slope, intercept) = if infinite { (f64::NAN, f64::NAN) } else { (0.0, first.value) };
            return Some(Self { slope, intercept });
        }
        let (mut x, mut y, mut xy, mut xx) = (Sum::default(), Sum::default(), Sum::default(), Sum::default());
        for sample in samples {
            let seconds = (sample.t_ms - from_ms) as f64 / 1000.0;
            x = x.add(seconds);
            y = y.add(sample.value);
            xy = xy.add(seconds * sample.value);
            xx = xx.add(seconds * seconds);
        }
        let number = samples.len() as f64;
        let [x, y, xy, xx] = [x, y, xy, xx].map(|sum| sum.sum + sum.lost);
        let slope = (xy - x * y / number) / (xx - x * x / number);
        Some(Self { slope, intercept: y / number - slope * x / number })
    }

    fn at(&self, seconds: f64) -> f64 {
        self.slope * seconds + self.intercept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(name: &str, samples: &[(i64, f64)], parameter: f64) -> Option<f64> {
        let samples: Vec<Sample> = samples.iter().map(|&(t_ms, value)| Sample { t_ms, value }).collect();
        let (_, function) = RANGE_FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap();
        function(
            SampleRange { samples: &samples, steps: &[], from_ms: 0, to_ms: 60_000, t_ms: 60_000 },
            parameter,
        )
    }

    #[test]
    fn an_increase_reaches_to_the_edges_of_its_range_but_not_below_zero() {
        let steady = [(10_000, 100.0), (20_000, 110.0), (30_000, 120.0), (40_000, 130.0), (50_000, 140.0)];
        assert_eq!(apply("increase", &steady, 0.0), Some(60.0));
        assert_eq!(apply("rate", &steady, 0.0), Some(1.0));
        let young = [(10_000, 5.0), (20_000, 15.0), (30_000, 25.0), (40_000, 35.0), (50_000, 45.0)];
        assert_eq!(apply("increase", &young, 0.0), Some(55.0));
        assert_eq!(apply("delta", &young, 0.0), Some(60.0));
    }

    #[test]
    fn a_reset_is_counted_from_zero() {
        let reset = [(10_000, 8.0), (20_000, 2.0), (30_000, 3.0)];
        assert_eq!((apply("resets", &reset, 0.0), apply("changes", &reset, 0.0)), (Some(1.0), Some(2.0)));
        assert_eq!(apply("irate", &reset[..2], 0.0), Some(0.2));
    }

    #[test]
    fn one_sample_has_no_rate_but_a_mean() {
        let one = [(10_000, 8.0)];
        for name in ["rate", "increase", "delta", "irate", "idelta", "deriv", "predict_linear"] {
            assert_eq!(apply(name, &one, 0.0), None, "{name}");
        }
        for name in [
            "avg_over_time",
            "sum_over_time",
            "min_over_time",
            "max_over_time",
            "first_over_time",
            "last_over_time",
        ] {
            assert_eq!(apply(name, &one, 0.0), Some(8.0), "{name}");
        }
    }

    #[test]
    fn a_line_has_its_slope() {
        assert_eq!(apply("deriv", &[(10_000, 1.0), (20_000, 3.0), (30_000, 5.0)], 0.0), Some(0.2));
        assert_eq!(apply("deriv", &[(10_000, 1.0), (20_000, 1.0)], 0.0), Some(0.0));
    }

    #[test]
    fn a_line_goes_on_from_the_moment_that_is_answered() {
        let rising = [(10_000, 1.0), (20_000, 3.0), (30_000, 5.0)];
        let predicted = apply("predict_linear", &rising, 10.0).unwrap();
        assert!((predicted - 13.0).abs() < 1e-12, "{predicted}");
        assert_eq!(apply("predict_linear", &[(1, 4.0), (2, 4.0)], 1e9), Some(4.0));
        assert!(apply("predict_linear", &[(1, f64::INFINITY), (2, f64::INFINITY)], 0.0).unwrap().is_nan());
    }

    #[test]
    fn a_difference_does_not_know_resets() {
        assert_eq!(apply("idelta", &[(10_000, 8.0), (20_000, 2.0), (30_000, 3.5)], 0.0), Some(1.5));
        assert_eq!(apply("idelta", &[(10_000, 8.0), (20_000, 2.0)], 0.0), Some(-6.0));
    }

    #[test]
    fn a_variance_is_that_of_the_whole_population() {
        let values = [(1, 2.0), (2, 4.0), (3, 4.0), (4, 4.0), (5, 5.0), (6, 5.0), (7, 7.0), (8, 9.0)];
        assert_eq!(apply("stdvar_over_time", &values, 0.0), Some(4.0));
        assert_eq!(apply("stddev_over_time", &values, 0.0), Some(2.0));
        assert_eq!(apply("stdvar_over_time", &[(1, 3.0)], 0.0), Some(0.0));
        assert!(apply("stdvar_over_time", &[(1, f64::INFINITY)], 0.0).unwrap().is_nan());
    }

    #[test]
    fn a_least_value_is_no_nan_unless_all_are() {
        assert_eq!(apply("min_over_time", &[(1, f64::NAN), (2, 2.0)], 0.0), Some(2.0));
        assert_eq!(apply("max_over_time", &[(1, 3.0), (2, f64::NAN)], 0.0), Some(3.0));
        assert!(apply("max_over_time", &[(1, f64::NAN)], 0.0).unwrap().is_nan());
    }
}
