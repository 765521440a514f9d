//! Where axes begin and end, and where their marks stand.

use picollect_settings::time::rfc3339;

/// Marks on an axis, at most.
const MOST_MARKS: f64 = 6.0;
/// Distances between marks of time; their labels are wide.
const MOST_TIMES: i64 = 5;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Distances between marks of time that divide the next larger unit, ms.
const TIME_STEPS: [i64; 20] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
];

/// A stretch of values and the distance between its marks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// Where the axis begins; always a mark.
    pub(super) low: f64,
    /// Where the axis ends; always a mark.
    pub(super) high: f64,
    /// Between two of them; 1, 2 or 5 times a power of ten.
    pub(super) step: f64,
}

impl Axis {
    /// An axis that holds both values.
    pub(super) fn around(low: f64, high: f64) -> Self {
        // A flat line needs some room around it.
        let (low, high) = if high > low { (low, high) } else { (low, low + low.abs().max(1.0)) };
        let raw = (high - low) / (MOST_MARKS - 1.0);
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= raw);
        let step = step.unwrap_or(10.0 * power);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// From the lowest to the highest, both ends included.
    pub(super) fn marks(self) -> Vec<f64> {
        let number = picollect_evaluate::whole((self.high - self.low) / self.step);
        (0..=number).map(|index| self.low + index as f64 * self.step).collect()
    }

    /// Decimals that tell its marks apart.
    pub(super) fn decimals(self) -> usize {
        (0..6)
            .zip([1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
            .find(|(_, times)| self.step * times >= 0.999)
            .map_or(6, |(decimals, _)| decimals)
    }

    /// Where a value lies between the first mark (0) and the last (1).
    pub(super) fn share(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// Marks of a window at round times, Unix milliseconds, with their labels in UTC. A mark at midnight is
/// labelled by its day.
pub(super) fn times(start_ms: i64, end_ms: i64) -> Vec<(i64, String)> {
    let length = end_ms.saturating_sub(start_ms);
    let intervals = |step: i64| length / step + i64::from(length % step > 0);
    let fits = |step: &&i64| intervals(**step) <= MOST_TIMES;
    let longest = DAY.saturating_mul(length / DAY / MOST_TIMES + 1);
    let step = TIME_STEPS.iter().find(fits).copied().unwrap_or(longest);
    let first = start_ms.div_euclid(step) * step + if start_ms.rem_euclid(step) == 0 { 0 } else { step };
    let marks = (0..=MOST_TIMES + 1).map(|index| first + index * step).take_while(|mark| *mark <= end_ms);
    marks.map(|mark| (mark, label(mark, step))).collect()
}

fn label(mark: i64, step: i64) -> String {
    let text = rfc3339(mark);
    let part = match step {
        _ if mark.rem_euclid(DAY) == 0 => text.get(5..10),
        step if step >= MINUTE => text.get(11..16),
        _ => text.get(11..19),
    };
    part.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_marks_around_its_values() {
        let axis = Axis::around(0.0, 34.6);
        assert_eq!(axis.marks(), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Axis::around(41.3, 85.0).marks(), [40.0, 50.0, 60.0, 70.0, 80.0, 90.0]);
        assert_eq!(Axis::around(5.0, 5.0).decimals(), 0);
        assert_eq!(Axis::around(0.0, 0.4).decimals(), 1);
        assert_eq!(axis.share(20.0), 0.5);
    }

    #[test]
    fn times_are_round_and_a_new_day_is_named() {
        let labels = |start_ms, end_ms| -> Vec<String> {
            times(start_ms, end_ms).into_iter().map(|(_, label)| label).collect()
        };
        let noon = 1_795_435_200_000;
        assert_eq!(
            labels(noon, noon + 10_000),
            ["12:00:00", "12:00:02", "12:00:04", "12:00:06", "12:00:08", "12:00:10"]
        );
        assert_eq!(labels(noon + 1, noon + 30 * MINUTE), ["12:10", "12:20", "12:30"]);
        assert_eq!(labels(noon, noon + DAY), ["12:00", "18:00", "11-24", "06:00", "12:00"]);
        assert!(times(noon, noon + 4_000 * DAY).len() <= 7);
        assert_eq!(times(5, 5).len(), 0);
    }
}
