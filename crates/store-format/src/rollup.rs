//! A roll-up: what stays of samples that are too old to be kept one by one.
//!
//! Of a series stay a few of its samples, as they came, and for each step of time how many there were, their sum,
//! least and greatest. A step has its end and not its beginning, because most samples stand for the time before them.
//! Rolling up again, to the same steps or longer ones, gives what one rolling up would have given.

use std::collections::{BTreeMap, BTreeSet};

use crate::decimal::{places, scaled, unscaled};
use crate::samples::{Samples, Values};

/// Which samples of a series stay as they are, beside the last one of each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Only the last one of each step: for gauges.
    Last,
    /// Those on both sides of each change.
    Changes,
    /// The first one of each step, so that differences over whole steps stay exact, and those on both sides of each
    /// fall.
    Totals,
}

/// The numbers of steps of time, a row each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// When the last sample of the step was, Unix milliseconds.
    pub times: Vec<i64>,
    /// How many samples fell into the step.
    pub count: Vec<u64>,
    /// Sum of the samples of the step.
    pub sum: Vec<f64>,
    /// The least sample of the step.
    pub min: Vec<f64>,
    /// The greatest sample of the step.
    pub max: Vec<f64>,
}

/// What stays of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct RolledUp {
    /// Some of its samples.
    pub samples: Samples,
    /// What all of them come to; empty for texts, and for a series of which nobody wants to know.
    pub numbers: Numbers,
}

/// A series that is to be rolled up.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its number in the store's table of series.
    pub series: u64,
    /// Which of its samples stay beside the last of each step.
    pub keep: Keep,
    /// Whether the numbers of its steps are wanted.
    pub numbered: bool,
    /// What was rolled up before, to the same steps or shorter ones.
    pub before: Option<RolledUp>,
    /// What was not, in order of time.
    pub samples: Samples,
}

/// Parts of a rolled-up series, each a column of a chunk: its samples, and the four numbers.
const PARTS_BITS: u32 = 3;
const SAMPLES: u64 = 0;
const COUNT: u64 = 1;
const SUM: u64 = 2;
const MIN: u64 = 3;
const MAX: u64 = 4;

/// The series that a column of a rolled-up chunk belongs to, and whether it is of its samples.
pub fn series_of(column: u64) -> (u64, bool) {
    (column >> PARTS_BITS, column & ((1 << PARTS_BITS) - 1) == SAMPLES)
}

/// The number that such a column has if it is another series'.
pub fn column_of(column: u64, series: u64) -> u64 {
    series << PARTS_BITS | column & ((1 << PARTS_BITS) - 1)
}

/// Rolls up the series of a group to steps of `step_ms`. Counters and states of a group keep their samples at the same
/// times, so that what belongs together stays together; `exact_at` are times, in order, on both sides of which they
/// keep a sample as well.
pub fn roll_up(group: Vec<Series>, step_ms: i64, exact_at: &[i64]) -> Vec<(u64, RolledUp)> {
    let mut merged: Vec<Series> = group.into_iter().map(|series| series.merged(step_ms)).collect();
    let mut together = BTreeSet::new();
    for series in merged.iter().filter(|series| series.keep != Keep::Last) {
        together.extend(series.kept(step_ms, exact_at));
    }
    let rolled = merged.iter_mut().map(|series| {
        let times = &series.samples.times;
        let last = |at: &usize| is_last(times, *at, step_ms);
        let kept = |at: &usize| last(at) || (series.keep != Keep::Last && together.contains(&times[*at]));
        let kept: Vec<usize> = (0..times.len()).filter(kept).collect();
        let numbers = series.before.take().map(|before| before.numbers).unwrap_or_default();
        (series.series, RolledUp { samples: series.samples.picked(&kept), numbers })
    });
    rolled.collect()
}

/// A step of time that begins after its first moment and has its last one.
fn step_of(t_ms: i64, step_ms: i64) -> i64 {
    t_ms.saturating_sub(1).div_euclid(step_ms)
}

fn is_last(times: &[i64], at: usize, step_ms: i64) -> bool {
    times.get(at + 1).is_none_or(|next| step_of(*next, step_ms) != step_of(times[at], step_ms))
}

impl Series {
    /// With all samples in `samples` and the numbers of all steps in `before`.
    fn merged(self, step_ms: i64) -> Self {
        let Self { before, samples, numbered, .. } = self;
        let before = before.unwrap_or_else(|| RolledUp {
            samples: Samples::new(samples.values.kind()),
            numbers: Numbers::default(),
        });
        let RolledUp { samples: mut all, mut numbers } = before;
        if numbered {
            numbers.add(&samples, step_ms);
        }
        all.append(samples);
        all.put_in_order();
        let numbers = numbers.stepped(step_ms);
        let before = Some(RolledUp { samples: Samples::new(all.values.kind()), numbers });
        Self { before, samples: all, ..self }
    }

    /// The times of the samples that this series wants to keep.
    fn kept(&self, step_ms: i64, exact_at: &[i64]) -> BTreeSet<i64> {
        let Samples { times, values } = &self.samples;
        let mut kept = BTreeSet::new();
        for (at, t_ms) in times.iter().enumerate() {
            if is_last(times, at, step_ms) {
                kept.insert(*t_ms);
            }
            let Some(before) = at.checked_sub(1) else {
                kept.insert(*t_ms);
                continue;
            };
            let first = self.keep == Keep::Totals && is_last(times, before, step_ms);
            if first {
                kept.insert(*t_ms);
            }
            let turns = match self.keep {
                Keep::Last => false,
                Keep::Changes => values.get(before) != values.get(at),
                Keep::Totals => values.number(at) < values.number(before),
            };
            if turns {
                kept.extend([times[before], *t_ms]);
            }
        }
        for exact_ms in exact_at {
            let after = times.partition_point(|t_ms| t_ms < exact_ms);
            kept.extend(times.get(after));
            kept.extend(after.checked_sub(1).map(|before| times[before]));
        }
        kept
    }
}

impl Numbers {
    /// Adds samples, each a step of its own, but those that came again: of a step that is there its last sample's time is
    /// known, so that samples which have it, and those before it in the step, were counted already, unless what the
    /// step came to says that they were not. A part of a step that comes again without its last sample cannot be told
    /// from samples that fill a gap, and is counted.
    fn add(&mut self, samples: &Samples, step_ms: i64) {
        let known = self.times.clone();
        let all: Vec<(i64, f64)> = samples.numbers().collect();
        // What was there may have shorter steps: each of them has its end in `known`.
        let step = |t_ms: i64| (step_of(t_ms, step_ms), known.partition_point(|end_ms| *end_ms < t_ms));
        for late in all.chunk_by(|a, b| step(a.0) == step(b.0)) {
            let ends = late.last().and_then(|(t_ms, _)| known.binary_search(t_ms).ok());
            if ends.is_some_and(|row| self.counted(row, late)) {
                continue;
            }
            for (t_ms, number) in late {
                match known.binary_search(t_ms) {
                    Err(_) => self.push(*t_ms, 1, [*number; 3]),
                    // What it was is known: it replaces itself.
                    Ok(row) if self.count[row] == 1 => {
                        (self.sum[row], self.min[row], self.max[row]) = (*number, *number, *number);
                    }
                    Ok(_) => {}
                }
            }
        }
    }

    /// Whether these samples, of which the last one is the step's last, can be among those that the step in this row came
    /// to.
    fn counted(&self, row: usize, late: &[(i64, f64)]) -> bool {
        let within = |(_, number): &(i64, f64)| (self.min[row]..=self.max[row]).contains(number);
        let several = self.count[row] > 1 && late.len() as u64 <= self.count[row];
        let whole = late.len() as u64 == self.count[row];
        let sum = total(&late.iter().map(|(_, number)| *number).collect::<Vec<_>>());
        let same = (sum - self.sum[row]).abs() <= 1e-9 * sum.abs().max(1.0);
        several && late.iter().all(within) && (!whole || same)
    }

    fn push(&mut self, t_ms: i64, count: u64, [sum, min, max]: [f64; 3]) {
        self.times.push(t_ms);
        self.count.push(count);
        self.sum.push(sum);
        self.min.push(min);
        self.max.push(max);
    }

    /// The same numbers, added up over steps of `step_ms` milliseconds.
    fn stepped(&self, step_ms: i64) -> Self {
        let mut steps: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (at, t_ms) in self.times.iter().enumerate() {
            steps.entry(step_of(*t_ms, step_ms)).or_default().push(at);
        }
        let mut stepped = Self::default();
        for rows in steps.into_values() {
            let t_ms = rows.iter().map(|at| self.times[*at]).max().unwrap_or_default();
            let count = rows.iter().fold(0u64, |sum, at| sum.saturating_add(self.count[*at]));
            let sum = total(&rows.iter().map(|at| self.sum[*at]).collect::<Vec<_>>());
            let min = rows.iter().map(|at| self.min[*at]).fold(f64::INFINITY, f64::min);
            let max = rows.iter().map(|at| self.max[*at]).fold(f64::NEG_INFINITY, f64::max);
            stepped.push(t_ms, count, [sum, min, max]);
        }
        stepped
    }
}

/// The sum; of decimals it is one again, with as many places, and small to store.
fn total(numbers: &[f64]) -> f64 {
    let places = numbers.iter().try_fold(0, |so_far, number| places(*number, so_far));
    let exact = places.and_then(|places| {
        let whole = numbers.iter().try_fold(0i64, |sum, number| sum.checked_add(scaled(*number, places)?));
        whole.map(|whole| unscaled(whole, places))
    });
    exact.unwrap_or_else(|| numbers.iter().sum())
}

/// The columns of a rolled-up series.
pub fn columns((series, rolled): (u64, RolledUp)) -> Vec<(u64, Samples)> {
    let RolledUp { samples, numbers: Numbers { times, count, sum, min, max } } = rolled;
    let float = |values| Samples { times: times.clone(), values: Values::Float(values) };
    let numbers = [
        (COUNT, Samples { times: times.clone(), values: Values::UInt(count) }),
        (SUM, float(sum)),
        (MIN, float(min)),
        (MAX, float(max)),
    ];
    let parts = [(SAMPLES, samples)].into_iter().chain(numbers);
    let parts = parts.filter(|(_, samples)| !samples.is_empty());
    parts.map(|(part, samples)| (series << PARTS_BITS | part, samples)).collect()
}

/// The columns of a rolled-up series, as a chunk has them.
pub fn parts_of(series: u64) -> impl Iterator<Item = u64> {
    (SAMPLES..=MAX).map(move |part| series << PARTS_BITS | part)
}

/// The series again, from some of its columns; `None` if there are none of it.
pub fn of_columns(series: u64, columns: &[(u64, Samples)]) -> Option<RolledUp> {
    let part = |part: u64| {
        columns.iter().find(|(number, _)| *number == series << PARTS_BITS | part).map(|(_, samples)| samples)
    };
    let floats = |number| match part(number).map(|samples| &samples.values) {
        Some(Values::Float(values)) => values.clone(),
        _ => Vec::new(),
    };
    let samples = part(SAMPLES)?.clone();
    let mut numbers = Numbers { sum: floats(SUM), min: floats(MIN), max: floats(MAX), ..Numbers::default() };
    if let Some(Samples { times, values: Values::UInt(count) }) = part(COUNT) {
        (numbers.times, numbers.count) = (times.clone(), count.clone());
    }
    let rows = numbers.times.len();
    let whole = [&numbers.sum, &numbers.min, &numbers.max].iter().all(|column| column.len() == rows);
    whole.then_some(RolledUp { samples, numbers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(keep: Keep, times: Vec<i64>, values: Values) -> Series {
        Series { series: 1, keep, numbered: true, before: None, samples: Samples { times, values } }
    }

    fn one(series: Series, step_ms: i64) -> RolledUp {
        roll_up(vec![series], step_ms, &[]).remove(0).1
    }

    #[test]
    fn a_step_has_its_end_and_not_its_beginning() {
        let times = vec![1, 50, 100, 101, 200, 350];
        let rolled = one(series(Keep::Last, times, Values::Float(vec![1.0, 0.1, 0.2, 7.0, 9.0, 4.0])), 100);
        assert_eq!(rolled.samples.times, [100, 200, 350]);
        let Numbers { times, count, sum, min, max } = rolled.numbers;
        assert_eq!((times, count), (vec![100, 200, 350], vec![3, 2, 1]));
        assert_eq!((sum, min, max), (vec![1.3, 16.0, 4.0], vec![0.1, 7.0, 4.0], vec![1.0, 9.0, 4.0]));
    }

    #[test]
    fn a_counter_keeps_both_sides_of_a_fall_and_its_siblings_the_same_times() {
        let times: Vec<i64> = (1..=9).map(|n| n * 10).collect();
        let total = series(Keep::Totals, times.clone(), Values::UInt(vec![1, 2, 3, 4, 1, 2, 3, 4, 5]));
        let epoch = series(Keep::Changes, times, Values::Int(vec![7, 7, 7, 7, 7, 7, 8, 8, 8]));
        let rolled = roll_up(vec![total, epoch], 1000, &[25]);
        for (_, RolledUp { samples, .. }) in &rolled {
            assert_eq!(samples.times, [10, 20, 30, 40, 50, 60, 70, 90]);
        }
    }

    #[test]
    fn texts_keep_their_changes_and_have_no_numbers() {
        let texts = ["a", "a", "b", "b"].map(str::to_owned).to_vec();
        let rolled = one(series(Keep::Changes, vec![1, 2, 3, 4], Values::Text(texts)), 100);
        assert_eq!((rolled.samples.times, rolled.numbers), (vec![1, 2, 3, 4], Numbers::default()));
    }

    #[test]
    fn samples_that_come_again_after_they_were_rolled_up_are_counted_once() {
        let minute = |from: i64| (from + 1..=from + 60).collect::<Vec<i64>>();
        let samples = |times: Vec<i64>| {
            let values = times.iter().map(|t_ms| *t_ms as f64).collect();
            series(Keep::Last, times, Values::Float(values))
        };
        let once = one(samples([minute(0), minute(60)].concat()), 60);
        for (again, counts) in [
            ([minute(0), minute(60)].concat(), vec![60, 60]),
            (minute(60), vec![60, 60]),
            ((30..=60).collect(), vec![60, 60]),
            (vec![60], vec![60, 60]),
            ([minute(60), minute(120)].concat(), vec![60, 60, 60]),
        ] {
            let late = Series { before: Some(once.clone()), ..samples(again.clone()) };
            let rolled = one(late, 60);
            assert_eq!(rolled.numbers.count, counts, "{again:?}");
            assert_eq!(rolled.numbers.sum[..2], once.numbers.sum[..], "{again:?}");
        }
        let half = one(samples((1..=30).collect()), 60);
        let late = Series { before: Some(half), ..samples((31..=60).collect()) };
        assert_eq!(one(late, 60).numbers.count, [60], "what fills a gap is new");
    }

    #[test]
    fn a_step_of_one_sample_takes_what_the_sample_is_said_to_be_later() {
        let one_sample = |value| series(Keep::Last, vec![60], Values::Float(vec![value]));
        let late = Series { before: Some(one(one_sample(7.0), 60)), ..one_sample(9.0) };
        let Numbers { times, count, sum, min, max } = one(late, 60).numbers;
        assert_eq!((times, count), (vec![60], vec![1]));
        assert_eq!((sum, min, max), (vec![9.0], vec![9.0], vec![9.0]));
    }

    #[test]
    fn the_columns_of_a_series_are_known_from_its_number_and_its_number_from_them() {
        let of_5: Vec<u64> = parts_of(5).collect();
        assert_eq!(of_5, [40, 41, 42, 43, 44]);
        assert_eq!(series_of(of_5[0]), (5, true));
        assert!(of_5[1..].iter().all(|column| series_of(*column) == (5, false)));
        let of_9: Vec<u64> = of_5.iter().map(|column| column_of(*column, 9)).collect();
        assert_eq!(of_9, parts_of(9).collect::<Vec<u64>>());
    }

    fn keep() -> impl Strategy<Value = Keep> {
        prop_oneof![Just(Keep::Last), Just(Keep::Changes), Just(Keep::Totals)]
    }

    proptest! {
        #[test]
        fn in_two_steps_or_with_late_samples_it_is_the_same_as_at_once(
            samples in proptest::collection::btree_map(0..5000i64, -50..50i32, 1..200),
            late in proptest::collection::vec(any::<bool>(), 200),
            keep in keep(),
        ) {
            let floats = |samples: &mut dyn Iterator<Item = (i64, i32)>| {
                let (times, values): (Vec<i64>, Vec<f64>) =
                    samples.map(|(t_ms, value)| (t_ms, f64::from(value) / 10.0)).unzip();
                series(keep, times, Values::Float(values))
            };
            let all = samples.iter().map(|(t_ms, value)| (*t_ms, *value));
            let at_once = one(floats(&mut all.clone()), 600);
            let shorter = one(floats(&mut all.clone()), 100);
            let again = Series { before: Some(shorter), ..floats(&mut std::iter::empty()) };
            prop_assert_eq!(&one(again, 600), &at_once);

            let late = |wanted: bool| all.clone().zip(&late).filter(move |(_, late)| **late == wanted);
            let early = one(floats(&mut late(false).map(|(sample, _)| sample)), 600);
            let both = Series { before: Some(early), ..floats(&mut late(true).map(|(sample, _)| sample)) };
            let both = one(both, 600);
            prop_assert_eq!(&both.numbers, &at_once.numbers);
            let times = |rolled: &RolledUp| rolled.samples.times.iter().copied().collect::<BTreeSet<_>>();
            let last = Series { keep: Keep::Last, ..floats(&mut all.clone()) };
            prop_assert!(times(&both).is_superset(&times(&one(last, 600))));

            let columns = columns((5, both.clone()));
            prop_assert_eq!(of_columns(5, &columns), Some(both));
        }
    }
}
