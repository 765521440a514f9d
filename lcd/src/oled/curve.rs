//! The last ten minutes of a figure, as a line has room for them: the mean of each five seconds.
//!
//! Invariant: five seconds in which nothing was known are a gap.

/// Points of the curve, one to a column.
pub const POINTS: usize = 120;
/// How long a point lasts.
const POINT_MS: u64 = 5_000;

/// The mean of each five seconds of the last ten minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// A ring; not a number is unknown.
    means: [f32; POINTS],
    /// Which five seconds since the beginning of time are being summed.
    now: Option<u64>,
    sum: f64,
    count: u32,
}

impl Default for Curve {
    fn default() -> Self {
        Self { means: [f32::NAN; POINTS], now: None, sum: 0.0, count: 0 }
    }
}

impl Curve {
    /// What is known at this moment, in milliseconds of a clock that never goes back. Allocates nothing.
    pub fn push(&mut self, at_ms: u64, value: Option<f64>) {
        let now = at_ms / POINT_MS;
        let before = *self.now.get_or_insert(now);
        if now > before {
            self.close(before);
            let skipped = (before + 1..now).rev().take(POINTS);
            for point in skipped {
                self.means[place(point)] = f32::NAN;
            }
            self.now = Some(now);
            (self.sum, self.count) = (0.0, 0);
        }
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.sum += value;
            self.count += 1;
        }
    }

    /// The points that are over, the newest last; `None` is unknown.
    pub fn points(&self) -> impl Iterator<Item = Option<f64>> {
        let next = self.now.unwrap_or(0);
        (0..POINTS as u64).map(move |index| {
            let mean = self.means[place(next + index)];
            (!mean.is_nan()).then(|| f64::from(mean))
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a column has fourteen dots")]
    fn close(&mut self, point: u64) {
        let mean = if self.count == 0 { f64::NAN } else { self.sum / f64::from(self.count) };
        self.means[place(point)] = mean as f32;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "less than the number of points")]
fn place(point: u64) -> usize {
    (point % POINTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(curve: &Curve) -> Vec<Option<f64>> {
        curve.points().collect()
    }

    #[test]
    fn a_point_is_the_mean_of_its_five_seconds_and_the_newest_stands_last() {
        let mut curve = Curve::default();
        for second in 0..15 {
            curve.push(second * 1000, Some(f64::from(u32::try_from(second).unwrap())));
        }
        let got = points(&curve);
        assert_eq!((got.len(), &got[117..]), (120, &[None, Some(2.0), Some(7.0)][..]));
    }

    #[test]
    fn what_was_not_known_is_a_gap_and_what_is_older_than_ten_minutes_is_gone() {
        let mut curve = Curve::default();
        curve.push(0, Some(1.0));
        curve.push(5_000, None);
        curve.push(20_000, Some(4.0));
        curve.push(25_000, Some(f64::NAN));
        assert_eq!(points(&curve)[115..], [Some(1.0), None, None, None, Some(4.0)]);
        curve.push(600_000, Some(9.0));
        assert_eq!(points(&curve).iter().flatten().copied().collect::<Vec<_>>(), [1.0, 4.0]);
        curve.push(9_000_000, Some(9.0));
        assert_eq!(points(&curve).iter().flatten().count(), 0);
    }
}
