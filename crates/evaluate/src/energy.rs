//! Energy of a window, by the three ways in which energy reaches us: totals with an epoch (our agents),
//! totals without one (foreign counters), and watts only (foreign gauges).
//!
//! Invariant: energy is additive over adjacent windows, whatever order and however often samples came.
//! Invariant: what two boards say under one name is not added up: that time is uncovered.

use std::collections::BTreeMap;

use crate::series::{Sample, in_order, integral};
use crate::speakers::together;
use crate::{GAP_INTERVALS, Window};

/// Energy and the seconds of the window that it covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// Joules used during the covered seconds.
    pub joules: f64,
    /// Seconds of the window during which something measured.
    pub covered_s: f64,
}

impl Energy {
    /// Covered share of the window; an empty window has none.
    pub fn coverage(self, window: Window) -> Option<f64> {
        // Seconds are counted by one clock and the window by another, which are never quite the same.
        (window.seconds() > 0.0).then(|| (self.covered_s / window.seconds()).min(1.0))
    }

    /// Mean power over the covered time, in watts.
    pub fn mean_w(self) -> Option<f64> {
        (self.covered_s > 0.0).then(|| self.joules / self.covered_s)
    }

    fn known(self) -> Option<Self> {
        (self.covered_s > 0.0).then_some(self)
    }
}

/// One point of a meter with an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyPoint {
    /// Unix time of the point, milliseconds.
    pub t_ms: i64,
    /// The epoch: when `total` and `metered_s` were zero, Unix milliseconds.
    pub since_ms: i64,
    /// Running total: joules, or any other counted unit.
    pub total: f64,
    /// Seconds that the total covers.
    pub metered_s: f64,
}

/// The points of one epoch by their times.
type Epoch = BTreeMap<i64, EnergyPoint>;

/// Differences of the totals within each epoch, the edges of the window interpolated between the points
/// that bracket them; an epoch counts from zero at its beginning. While two epochs speak in turns, two boards
/// or agents have one name: nobody can say whose energy that is, so this time is not covered. `None` if nothing
/// in the window is covered.
pub fn of_epochs(points: &[EnergyPoint], window: Window) -> Option<Energy> {
    let mut epochs: BTreeMap<i64, Epoch> = BTreeMap::new();
    for point in points {
        epochs.entry(point.since_ms).or_default().insert(point.t_ms, *point);
    }
    let disputed = disputed(&epochs);
    for (since_ms, epoch) in &mut epochs {
        let zero = EnergyPoint { t_ms: *since_ms, since_ms: *since_ms, total: 0.0, metered_s: 0.0 };
        epoch.entry(*since_ms).or_insert(zero);
    }
    let mut sum = Energy { joules: 0.0, covered_s: 0.0 };
    for stretch in without(window, &disputed) {
        for epoch in epochs.values() {
            let start = at(epoch, stretch.start_ms);
            let end = at(epoch, stretch.end_ms);
            sum.joules += end.joules - start.joules;
            sum.covered_s += end.covered_s - start.covered_s;
        }
    }
    sum.known()
}

/// The stretches in which more than one epoch speaks, in order and apart from each other. Epochs follow each other
/// where an agent is restarted, so each is held only against those that have not ended before it begins.
fn disputed(epochs: &BTreeMap<i64, Epoch>) -> Vec<Window> {
    let mut stretches = Vec::new();
    let mut open: Vec<(i64, Vec<i64>)> = Vec::new();
    for (since_ms, epoch) in epochs {
        open.retain(|(_, times)| times.last() > Some(since_ms));
        let times: Vec<i64> = epoch.keys().copied().collect();
        for (_, other) in &open {
            // What the later one counted before its first point is as much in dispute.
            let both = together(other, &times);
            stretches.extend(both.map(|(_, end_ms)| Window { start_ms: *since_ms, end_ms }));
        }
        open.push((*since_ms, times));
    }
    joined(stretches)
}

fn joined(mut stretches: Vec<Window>) -> Vec<Window> {
    stretches.sort_by_key(|stretch| stretch.start_ms);
    let mut joined: Vec<Window> = Vec::new();
    for stretch in stretches {
        match joined.last_mut() {
            Some(last) if stretch.start_ms <= last.end_ms => last.end_ms = last.end_ms.max(stretch.end_ms),
            _ => joined.push(stretch),
        }
    }
    joined
}

/// What is left of a window without these stretches, which are in order.
fn without(window: Window, stretches: &[Window]) -> Vec<Window> {
    let mut left = Vec::with_capacity(stretches.len() + 1);
    let mut start_ms = window.start_ms;
    for stretch in stretches {
        left.push(Window { start_ms, end_ms: stretch.start_ms.min(window.end_ms) });
        start_ms = start_ms.max(stretch.end_ms);
    }
    left.push(Window { start_ms, end_ms: window.end_ms });
    left.retain(|part| part.start_ms < part.end_ms);
    left
}

/// The totals at a time: interpolated inside the epoch, its first or last ones outside.
fn at(epoch: &Epoch, t_ms: i64) -> Energy {
    let before = epoch.range(..=t_ms).next_back().map(|(_, point)| *point);
    let after = epoch.range(t_ms..).next().map(|(_, point)| *point);
    let (a, b) = match (before, after) {
        (Some(a), Some(b)) => (a, b),
        (Some(only), None) | (None, Some(only)) => (only, only),
        (None, None) => return Energy { joules: 0.0, covered_s: 0.0 },
    };
    let share = if a.t_ms == b.t_ms { 0.0 } else { (t_ms - a.t_ms) as f64 / (b.t_ms - a.t_ms) as f64 };
    Energy {
        joules: a.total + (b.total - a.total) * share,
        covered_s: a.metered_s + (b.metered_s - a.metered_s) * share,
    }
}

/// A foreign total without an epoch: a decrease is a reset, after which it counts from zero. Between two
/// samples of one life the total is exact however long they are apart; over a reset, stretches longer
/// than three `interval_s` are uncovered time.
pub fn of_counter(samples: &[Sample], window: Window, interval_s: f64) -> Option<Energy> {
    let mut sum = Energy { joules: 0.0, covered_s: 0.0 };
    for pair in in_order(samples).windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let overlap_ms = b.t_ms.min(window.end_ms) - a.t_ms.max(window.start_ms);
        if overlap_ms <= 0 {
            continue;
        }
        let reset = b.value < a.value;
        let used = if reset { b.value } else { b.value - a.value };
        sum.joules += used * overlap_ms as f64 / (b.t_ms - a.t_ms) as f64;
        if !reset || (b.t_ms - a.t_ms) as f64 <= GAP_INTERVALS * interval_s * 1000.0 {
            sum.covered_s += overlap_ms as f64 / 1000.0;
        }
    }
    sum.known()
}

/// A feed with watts only: trapezoid over irregular intervals, gaps not bridged.
pub fn of_watts(samples: &[Sample], window: Window, interval_s: f64) -> Option<Energy> {
    let sum = integral(samples, window, interval_s);
    Energy { joules: sum.value_s, covered_s: sum.covered_s }.known()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Watts for each second, cut into epochs wherever the flag says so, one point a second.
    fn trace(seconds: &[(f64, bool)]) -> Vec<EnergyPoint> {
        let (mut since_ms, mut total, mut metered_s) = (0, 0.0, 0.0);
        let mut points = Vec::new();
        for (second, &(watts, restart)) in (0i64..).zip(seconds) {
            if restart {
                (since_ms, total, metered_s) = (second * 1000, 0.0, 0.0);
            }
            total += watts;
            metered_s += 1.0;
            points.push(EnergyPoint { t_ms: (second + 1) * 1000, since_ms, total, metered_s });
        }
        points
    }

    fn joules(points: &[EnergyPoint], start_ms: i64, end_ms: i64) -> f64 {
        of_epochs(points, Window { start_ms, end_ms }).map_or(0.0, |energy| energy.joules)
    }

    proptest! {
        #[test]
        fn energy_is_additive_monotone_and_blind_to_order_and_repetition(
            seconds in proptest::collection::vec((0.0..20.0f64, proptest::bool::weighted(0.1)), 1..60),
            cuts in proptest::array::uniform3(-2000..62_000i64),
            seed in any::<i64>(),
        ) {
            let points = trace(&seconds);
            let mut cuts = cuts;
            cuts.sort_unstable();
            let [a, b, c] = cuts;
            let whole = joules(&points, a, c);
            prop_assert!((whole - joules(&points, a, b) - joules(&points, b, c)).abs() < 1e-6);
            prop_assert!(whole + 1e-9 >= joules(&points, a, b));

            let mut shuffled = points.clone();
            shuffled.extend_from_slice(&points);
            shuffled.sort_by_key(|point| point.t_ms.wrapping_mul(seed | 1).rotate_left(17));
            prop_assert!((whole - joules(&shuffled, a, c)).abs() < 1e-9);
        }

        #[test]
        fn energy_equals_the_exact_sum_over_whole_seconds(
            seconds in proptest::collection::vec((0.0..20.0f64, proptest::bool::weighted(0.1)), 1..60),
        ) {
            let exact: f64 = seconds.iter().map(|(watts, _)| watts).sum();
            let end_ms = i64::try_from(seconds.len()).unwrap() * 1000;
            let window = Window { start_ms: 0, end_ms };
            let energy = of_epochs(&trace(&seconds), window).unwrap();
            prop_assert!((energy.joules - exact).abs() < 1e-6);
            let coverage = energy.coverage(window).unwrap();
            prop_assert!((coverage - 1.0).abs() < 1e-9);
        }
    }

    fn window(start_ms: i64, end_ms: i64) -> Window {
        Window { start_ms, end_ms }
    }

    #[test]
    fn coverage_is_a_share_of_the_window_and_never_more_than_all_of_it() {
        let energy = Energy { joules: 20.0, covered_s: 5.0 };
        assert_eq!(energy.coverage(window(0, 20_000)), Some(0.25));
        assert_eq!(energy.coverage(window(0, 4990)), Some(1.0));
        assert_eq!(energy.coverage(window(7, 7)), None);
        assert_eq!(energy.mean_w(), Some(4.0));
        assert_eq!(Energy { joules: 1.0, covered_s: 0.0 }.mean_w(), None);
    }

    fn counter(list: &[(i64, f64)]) -> Vec<Sample> {
        list.iter().map(|&(t_ms, value)| Sample { t_ms, value }).collect()
    }

    #[test]
    fn a_foreign_counter_counts_from_zero_after_a_reset() {
        // 40 J in 10 s; then a reset, after which it has counted 6 J in 3 s.
        let samples = counter(&[(0, 100.0), (10_000, 140.0), (13_000, 6.0)]);
        let of = |from, to, interval_s| of_counter(&samples, window(from, to), interval_s);
        let energy = |joules, covered_s| Some(Energy { joules, covered_s });
        assert_eq!(of(0, 10_000, 1.0), energy(40.0, 10.0), "however far two samples of one life are apart");
        assert_eq!(of(2000, 7000, 1.0), energy(20.0, 5.0));
        assert_eq!(of(0, 13_000, 1.0), energy(46.0, 13.0), "three intervals over a reset are known");
        assert_eq!(of(0, 13_000, 0.9), energy(46.0, 10.0), "more of them are not");
        assert_eq!(of(10_000, 13_000, 0.9), None);
        assert_eq!(of(13_000, 20_000, 1.0), None);
        let still = counter(&[(0, 100.0), (10_000, 100.0)]);
        assert_eq!(of_counter(&still, window(0, 10_000), 1.0), energy(0.0, 10.0), "it did not begin anew");
    }

    #[test]
    fn an_epoch_begins_at_zero_and_its_edges_are_interpolated() {
        let point = |t_ms, total, metered_s| EnergyPoint { t_ms, since_ms: 1000, total, metered_s };
        let points = [point(3000, 8.0, 2.0), point(7000, 28.0, 5.0)];
        let of = |from, to| of_epochs(&points, window(from, to));
        let energy = |joules, covered_s| Some(Energy { joules, covered_s });
        assert_eq!(of(0, 9000), energy(28.0, 5.0));
        assert_eq!(of(2000, 3000), energy(4.0, 1.0));
        assert_eq!(of(4000, 6000), energy(10.0, 1.5));
        assert_eq!(of(7000, 9000), None);
    }

    /// A board of so many watts that began and ended at these seconds and speaks each second.
    fn board(watts: f64, from_s: i64, to_s: i64, shift_ms: i64) -> Vec<EnergyPoint> {
        let point = |second: i64| EnergyPoint {
            t_ms: second * 1000 + shift_ms,
            since_ms: from_s * 1000 + shift_ms,
            total: watts * (second - from_s) as f64,
            metered_s: (second - from_s) as f64,
        };
        (from_s + 1..=to_s).map(point).collect()
    }

    #[test]
    fn the_time_in_which_two_boards_speak_as_one_is_not_covered_and_the_rest_is() {
        let both = [board(1.0, 0, 100, 0), board(2.0, 40, 60, 500)].concat();
        let alone = Some(Energy { joules: 40.5 + 39.5, covered_s: 40.5 + 39.5 });
        let of = |from, to| of_epochs(&both, window(from, to));
        let near = |got: Option<Energy>, want: Option<Energy>| {
            let (got, want) = (got.unwrap(), want.unwrap());
            assert!((got.joules - want.joules).abs() < 1e-9, "{got:?} is not {want:?}");
            assert!((got.covered_s - want.covered_s).abs() < 1e-9, "{got:?} is not {want:?}");
        };
        // Disputed is from the second one's beginning, at 40.5 s, to its last word, at 60.5 s.
        near(of(0, 100_000), alone);
        near(of(0, 40_500), Some(Energy { joules: 40.5, covered_s: 40.5 }));
        assert_eq!(of(45_000, 55_000), None, "1.5 W is nobody's power");
        let whole = of(0, 100_000).unwrap().joules;
        let parts = [(0, 30_000), (30_000, 50_000), (50_000, 80_000), (80_000, 100_000)];
        let sum: f64 = parts.iter().filter_map(|(from, to)| of(*from, *to)).map(|part| part.joules).sum();
        assert!((whole - sum).abs() < 1e-9);
        let restarted = [board(1.0, 0, 50, 0), board(1.0, 52, 100, 300)].concat();
        assert_eq!(of_epochs(&restarted, window(0, 101_000)).unwrap().joules, 98.0);
    }

    #[test]
    fn three_boards_under_one_name_leave_nothing_and_count_nothing_twice() {
        let three = [board(1.0, 0, 60, 0), board(2.0, 0, 60, 300), board(3.0, 0, 60, 600)].concat();
        let energy = of_epochs(&three, window(1000, 59_000));
        assert_eq!(energy, None, "{energy:?}");
    }

    #[test]
    fn nothing_known_is_none_and_not_zero() {
        let window = Window { start_ms: 0, end_ms: 1000 };
        assert_eq!(of_epochs(&[], window), None);
        assert_eq!(of_counter(&[], window, 1.0), None);
        assert_eq!(of_watts(&[Sample { t_ms: 5, value: 1.0 }], window, 1.0), None);
    }
}
