//! What a result tells of when it was computed: between which times it ended, and how long it took.
//!
//! A mean power has to be of the same window as the rate, so the window comes with how far it may be off.
//! [`placement`](super::placement) decides in which zone the stamps are.
//!
//! Invariant: a window that is given lies in the run. What the clocks of the node and of the run cannot
//! agree on has no window.

use jiff::civil::DateTime;

use super::placement::{CHANGES_MIN, Moment, Seconds, Stretch, Unplaced};
use super::{CorePhase, Outcome, as_if_utc_s};
use crate::Window;

/// Two clocks that differ by no more are called in agreement, as by the agent: so much may a phase stick
/// out of its run.
pub(super) const CLOCKS_AGREE_S: f64 = 2.0;
/// HPL's stamps stand just outside of what it times and its time is rounded to hundredths: so much may the
/// difference of its stamps miss the whole seconds that it ought to have.
const STAMP_SLACK_S: f64 = 0.05;
/// Ranks leave one barrier and meet at the next: what sets them further apart is no skew but another run's
/// stamps or a wrong time. Far less than what zones are apart, so that no second zone fits.
const MAX_SKEW_S: f64 = 10.0;
/// The same as a share of the solution's time.
const MAX_SKEW_SHARE: f64 = 0.05;
/// How far a line's arrival may be from the end of the work. The line passes a pipe, mpirun's forwarding
/// and perhaps ssh, each a process that a busy node lets wait for a few time slices.
const OUTPUT_DELAY_S: f64 = 0.5;
/// What a check of the result takes at most, as a share of the solution's time: HPL's is of the order N²
/// beside N³.
const CHECK_SHARE: f64 = 0.01;
/// What it takes at most beyond that, which matters for small matrices only.
const CHECK_S: f64 = 0.5;

/// Where a core phase lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// From its beginning to its end, inside the run.
    pub window: Window,
    /// The window may lie so many seconds earlier or later.
    pub edge_s: f64,
    /// By so many seconds, at least, the benchmark's time of the slowest rank exceeds what its stamps
    /// allow: its ranks did not begin or end together. 0 where nothing tells of it. `edge_s` has grown by it.
    pub skew_s: f64,
}

/// What a result tells of its core phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase {
    pub(super) seconds: f64,
    pub(super) ends: Ends,
    /// Whether its times are on a clock whose zone is not told; else they are Unix time.
    pub(super) local: bool,
    /// By so many minutes that clock was moved between its stamps.
    pub(super) changed_min: i32,
}

/// Between which times a phase ended, in seconds.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "what they share is their unit")]
pub(super) struct Ends {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    /// By so much, at least, the ranks were apart.
    skew_s: f64,
}

/// What a result tells, its line having come in at `arrival_ms`, Unix milliseconds.
pub(super) fn phase(outcome: &Outcome, arrival_ms: Option<i64>) -> Result<Phase, Unplaced> {
    let seconds = outcome.seconds.ok_or(Unplaced::NotTold)?;
    let arrived_s = arrival_ms.map(|ms| ms as f64 / 1000.0).ok_or(Unplaced::NotTold);
    let delayed = |ended_s: f64| Ends::between(ended_s - OUTPUT_DELAY_S, ended_s + OUTPUT_DELAY_S);
    let fixed = |seconds, ends| Ok(Phase { seconds, ends, local: false, changed_min: 0 });
    match outcome.core_phase {
        CorePhase::Stated { start, end } => {
            let (ends, changed_min) = Ends::stated(start, end, seconds).ok_or(Unplaced::Contradiction {
                took: Seconds(whole_ms(seconds)),
                start,
                end,
            })?;
            Ok(Phase { seconds, ends, local: true, changed_min })
        }
        CorePhase::Exact { start_ms, end_ms } => {
            let end_s = end_ms as f64 / 1000.0;
            let length_ms = end_ms.checked_sub(start_ms).ok_or(Unplaced::NotTold)?;
            fixed(length_ms as f64 / 1000.0, Ends::between(end_s, end_s))
        }
        CorePhase::EndsAtLine => fixed(seconds, delayed(arrived_s?)),
        CorePhase::EndsBeforeLine { by_ms } => fixed(seconds, delayed(arrived_s? - by_ms as f64 / 1000.0)),
        CorePhase::EndsBefore { unix_s } => {
            let told_s = unix_s as f64;
            fixed(seconds, Ends::between(told_s - CHECK_S - CHECK_SHARE * seconds, told_s + 1.0))
        }
        CorePhase::Scattered | CorePhase::Unknown => Err(Unplaced::NotTold),
    }
}

impl Ends {
    fn between(from_s: f64, to_s: f64) -> Self {
        Self { from_s, to_s, skew_s: 0.0 }
    }

    /// From the printed times, as if the zone were UTC. Both are cut to whole seconds, so each leaves a
    /// second for the end; it lies in both. Summer time may begin or end between them; by how many minutes
    /// it moved the clock comes with it, and the end is on the clock that was moved.
    ///
    /// The stamps are one rank's and the length is the greatest of all ranks. Where it is longer than the
    /// stamps allow, another rank began earlier or ended later, and the end lies in either second or
    /// between them.
    fn stated(start: DateTime, end: DateTime, seconds: f64) -> Option<(Self, i32)> {
        let (start_s, end_s) = (as_if_utc_s(start) as f64, as_if_utc_s(end) as f64);
        let longer_s = |by_min: &i32| (end_s - start_s - seconds - f64::from(*by_min) * 60.0).abs();
        let changes = [0].into_iter().chain(CHANGES_MIN.into_iter().flat_map(|by_min| [by_min, -by_min]));
        let changed_min = changes.min_by(|a, b| longer_s(a).total_cmp(&longer_s(b)))?;
        let by_start_s = start_s + f64::from(changed_min) * 60.0 + seconds;
        let from_s = end_s.max(by_start_s - STAMP_SLACK_S);
        let to_s = end_s.min(by_start_s + STAMP_SLACK_S) + 1.0;
        let skew_s = from_s - to_s;
        if skew_s <= 0.0 {
            return Some((Self { from_s, to_s, skew_s: 0.0 }, changed_min));
        }
        let longer = by_start_s > end_s && skew_s <= MAX_SKEW_S.min(MAX_SKEW_SHARE * seconds);
        longer.then_some((Self { from_s: end_s, to_s: by_start_s + 1.0, skew_s }, changed_min))
    }
}

impl Phase {
    /// A phase of this length in the middle of what is possible, on a clock that is ahead of the run's by
    /// `offset_s`. What sticks out of the run is the difference of two clocks: the window is moved by it and
    /// may be off by as much. How well the end is known adds to what may stick out.
    pub(super) fn in_run(&self, offset_s: f64, run: Window) -> Option<Placed> {
        let Ends { from_s, to_s, skew_s } = self.ends;
        let half_s = (to_s - from_s) / 2.0;
        let end_s = f64::midpoint(from_s, to_s) - offset_s;
        let (run_start_s, run_end_s) = (run.start_ms as f64 / 1000.0, run.end_ms as f64 / 1000.0);
        let early_s = (run_start_s - (end_s - self.seconds)).max(0.0);
        let late_s = (end_s - run_end_s).max(0.0);
        let longer_s = self.seconds - run.seconds();
        if early_s + late_s > CLOCKS_AGREE_S + half_s || longer_s > CLOCKS_AGREE_S {
            return None;
        }
        let end_s = end_s + early_s - late_s;
        let window = Window {
            start_ms: whole_ms(end_s - self.seconds).max(run.start_ms),
            end_ms: whole_ms(end_s).min(run.end_ms),
        };
        Some(Placed { window, edge_s: half_s + early_s.max(late_s), skew_s })
    }

    /// That it is not in the run, on the run's own clock.
    pub(super) fn outside(&self, run: Window) -> Unplaced {
        let end_s = f64::midpoint(self.ends.from_s, self.ends.to_s);
        Unplaced::Outside {
            from: Moment(whole_ms(end_s - self.seconds)),
            to: Moment(whole_ms(end_s)),
            run: Stretch(run.start_ms, Some(run.end_ms)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time in or beside a run, which is in milliseconds")]
pub(super) fn whole_ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::super::placement::{Timed, within};
    use super::super::{ctime, recognise};
    use super::*;
    use proptest::prelude::*;

    /// `Mon Nov 23 12:57:05 2026` in UTC.
    const START_S: i64 = 1_795_438_625;

    /// The core phase of the only result of a run.
    fn place(outcome: &Outcome, run: Window, arrival_ms: Option<i64>) -> Option<Placed> {
        within(run, &[Timed { outcome, arrival_ms }]).results.remove(0).ok()
    }

    #[test]
    fn exact_times_are_taken_as_they_are_unless_the_clocks_disagree() {
        let run = Window { start_ms: 10_000, end_ms: 20_000 };
        let exact = |start_ms, end_ms| {
            let mut outcome = Outcome::new("x", "", super::super::Unit::FlopPerSecond, 1);
            outcome.seconds = Some(1.0);
            outcome.core_phase = CorePhase::Exact { start_ms, end_ms };
            place(&outcome, run, None)
        };
        let window = Window { start_ms: 12_000, end_ms: 15_500 };
        assert_eq!(exact(12_000, 15_500), Some(Placed { window, edge_s: 0.0, skew_s: 0.0 }));
        let moved = exact(17_000, 21_000).unwrap();
        assert_eq!((moved.window, moved.edge_s), (Window { start_ms: 16_000, end_ms: 20_000 }, 1.0));
        assert_eq!(exact(17_000, 23_000), None);
        assert_eq!(exact(i64::MIN, i64::MAX), None);
    }

    fn output(name: &str) -> Vec<Outcome> {
        let outputs = [
            ("plain", include_str!("../../../../tests/benchmark-outputs/hpl-2.3-plain.txt")),
            ("six", include_str!("../../../../tests/benchmark-outputs/hpl-2.3-progress-six-results.txt")),
            ("hpcc", include_str!("../../../../tests/benchmark-outputs/hpcc-1.5.0-hpccoutf.txt")),
            ("hpcg", include_str!("../../../../tests/benchmark-outputs/hpcg-3.1-report.txt")),
            ("stream", include_str!("../../../../tests/benchmark-outputs/stream-5.10-one-thread.txt")),
        ];
        recognise(outputs.iter().find(|(known, _)| *known == name).unwrap().1)
    }

    fn seconds_from(start_s: i64, from: f64, to: f64) -> Window {
        Window { start_ms: start_s * 1000 + whole_ms(from), end_ms: start_s * 1000 + whole_ms(to) }
    }

    /// The window in seconds since `START_S`, and the edge, both to the hundredth.
    fn rounded(placed: Option<Placed>) -> Option<(f64, f64, f64)> {
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        placed.map(|placed| {
            let since = |ms: i64| hundredths((ms - START_S * 1000) as f64 / 1000.0);
            (since(placed.window.start_ms), since(placed.window.end_ms), hundredths(placed.edge_s))
        })
    }

    #[test]
    fn hpl_lies_where_both_of_its_stamps_allow_it() {
        // From 12:57:05 to 12:57:10, 5.10 s: it ended in second 10 and began in second 5, so it ended
        // between 10.05 (with the slack) and 11.00.
        let run = seconds_from(START_S, -3.0, 9.0);
        let arrival_ms = START_S * 1000 + 6200;
        let placed = place(&output("plain")[0], run, Some(arrival_ms));
        assert_eq!(rounded(placed), Some((0.43, 5.53, 0.48)));
        assert_eq!(place(&output("plain")[0], run, None), placed);
    }

    #[test]
    fn the_six_results_follow_each_other_and_each_has_its_own_length() {
        let run = seconds_from(START_S, -25.0, 0.0);
        let outcomes = output("six");
        let placed: Vec<_> = outcomes.iter().map(|outcome| place(outcome, run, None).unwrap()).collect();
        for (placed, outcome) in placed.iter().zip(&outcomes) {
            assert!((placed.window.seconds() - outcome.seconds.unwrap()).abs() < 0.0021, "{placed:?}");
            assert!(placed.edge_s <= 0.53, "{placed:?}");
        }
        for pair in placed.windows(2) {
            let overlap_ms = pair[0].window.end_ms - pair[1].window.start_ms;
            assert!(overlap_ms as f64 / 1000.0 <= pair[0].edge_s + pair[1].edge_s, "{pair:?}");
        }
    }

    #[test]
    fn the_zone_is_found_by_the_arrival_or_by_the_run() {
        let outcome = &output("plain")[0];
        for quarters in [-48, -14, 0, 4, 23, 51, 56] {
            let offset_s = i64::from(quarters) * 900;
            let run = seconds_from(START_S - offset_s, -30.0, 60.0);
            let by_arrival = place(outcome, run, Some(run.end_ms)).unwrap();
            assert_eq!(by_arrival.window.end_ms, START_S * 1000 - offset_s * 1000 + 5525);
            assert_eq!(place(outcome, run, None), Some(by_arrival));
        }
        // No zone is so far east, and none is a quarter of an hour west of Greenwich.
        let beyond = seconds_from(START_S - 57 * 900, -30.0, 60.0);
        assert_eq!(place(outcome, beyond, Some(beyond.end_ms)), None);
        assert_eq!(place(outcome, beyond, None), None);
        assert_eq!(place(outcome, seconds_from(START_S + 900, -30.0, 60.0), None), None);
    }

    #[test]
    fn a_run_long_enough_for_two_zones_needs_the_arrival() {
        let outcome = &output("plain")[0];
        let run = seconds_from(START_S, -3700.0, 30.0);
        assert_eq!(place(outcome, run, None), None);
        assert!(place(outcome, run, Some(run.end_ms)).is_some());
    }

    #[test]
    fn a_time_longer_than_the_stamps_widens_the_edges_and_is_said() {
        // Of 512 ranks: the stamps are 9000 s apart, so at most 9001 s, and the slowest rank took 9001.37 s.
        let plain = &output("plain")[0];
        let (start, end) = ("Tue Apr 23 21:12:04 2024", "Tue Apr 23 23:42:04 2024");
        let stated =
            CorePhase::Stated { start: ctime::parse(start).unwrap(), end: ctime::parse(end).unwrap() };
        let of = |seconds| Outcome { seconds: Some(seconds), core_phase: stated, ..plain.clone() };
        let end_s = as_if_utc_s(ctime::parse(end).unwrap()) - 7200;
        let run = Window { start_ms: (end_s - 9060) * 1000, end_ms: (end_s + 10) * 1000 };
        let placed = place(&of(9001.37), run, None).unwrap();
        assert_eq!(placed.window, Window { start_ms: end_s * 1000 - 9_000_185, end_ms: end_s * 1000 + 1185 });
        assert!((placed.edge_s - 1.185).abs() < 1e-6 && (placed.skew_s - 0.32).abs() < 1e-6, "{placed:?}");
        assert_eq!(place(&of(9001.37), run, Some((end_s + 3) * 1000)), Some(placed));
        assert_eq!(place(&of(9000.5), run, None).unwrap().skew_s, 0.0);
        assert!(place(&of(9011.0), run, None).is_some());
        assert_eq!(place(&of(9011.1), run, None), None, "that is no skew");
        assert_eq!(place(&of(8998.9), run, None), None, "no rank is faster than the fastest of all");
        let short = Outcome { seconds: Some(5.0), ..of(5.0) };
        assert_eq!(place(&short, run, None), None);
    }

    #[test]
    fn summer_time_may_end_while_it_computes() {
        let text = "Sun Oct 25 02:59:58 2026";
        let (start, end) = (ctime::parse(text).unwrap(), ctime::parse("Sun Oct 25 02:00:08 2026").unwrap());
        let outcome = Outcome {
            seconds: Some(10.0),
            core_phase: CorePhase::Stated { start, end },
            ..output("plain")[0].clone()
        };
        let end_s = as_if_utc_s(end) - 3600;
        let placed = place(&outcome, seconds_from(end_s, -20.0, 20.0), Some(end_s * 1000 + 900)).unwrap();
        assert_eq!(placed.window, seconds_from(end_s, -9.5, 0.5));
        let impossible = Outcome { seconds: Some(13.0), ..outcome };
        assert_eq!(place(&impossible, seconds_from(end_s, -20.0, 20.0), Some(end_s * 1000)), None);
    }

    #[test]
    fn hpcc_ended_a_check_before_the_sections_time_of_day() {
        let end_s = 1_795_438_767;
        let placed = place(&output("hpcc")[0], seconds_from(end_s, -6.0, 1.0), None).unwrap();
        assert_eq!(placed.window, seconds_from(end_s, -0.031, 0.249));
        assert!((placed.edge_s - 0.751).abs() < 0.001);
        assert_eq!(place(&output("hpcc")[0], seconds_from(end_s + 60, -6.0, 1.0), None), None);
    }

    #[test]
    fn hpcg_ended_when_its_line_came_in_and_without_that_it_is_unknown() {
        let outcome = &output("hpcg")[0];
        let run = seconds_from(START_S, 0.0, 60.0);
        let placed = place(outcome, run, Some(START_S * 1000 + 59_000));
        assert_eq!(rounded(placed), Some((3.09, 59.0, 0.5)));
        assert_eq!(place(outcome, run, None), None);
    }

    #[test]
    fn what_sticks_out_a_little_is_moved_and_said_and_more_is_refused() {
        let outcome = &output("hpcg")[0];
        let run = seconds_from(START_S, 0.0, 60.0);
        let late = place(outcome, run, Some(START_S * 1000 + 61_500));
        assert_eq!(rounded(late), Some((4.09, 60.0, 2.0)));
        // Two seconds beyond what is not known of the end anyway.
        assert_eq!(place(outcome, run, Some(START_S * 1000 + 62_501)), None);
        let longer = seconds_from(START_S, 0.0, 55.0);
        assert_eq!(rounded(place(outcome, longer, Some(longer.end_ms))), Some((0.0, 55.0, 1.41)));
        let much_longer = seconds_from(START_S, 0.0, 50.0);
        assert_eq!(place(outcome, much_longer, Some(much_longer.end_ms)), None);
    }

    #[test]
    fn scattered_work_and_work_without_a_length_have_no_place() {
        let run = seconds_from(START_S, 0.0, 60.0);
        assert_eq!(place(&output("stream")[0], run, Some(run.end_ms)), None);
        let endless = Outcome { seconds: None, ..output("plain")[0].clone() };
        assert_eq!(place(&endless, seconds_from(START_S, -3.0, 9.0), None), None);
    }

    proptest! {
        #[test]
        fn a_placed_window_lies_in_its_run_and_any_figure_is_taken_without_harm(
            seconds in prop_oneof![0.0..100.0f64, Just(f64::MAX), Just(0.0)],
            unix_s in prop_oneof![START_S - 200..START_S + 200, any::<i64>()],
            arrival_ms in proptest::option::of(START_S * 1000 - 100_000..START_S * 1000 + 100_000),
            length_ms in 0..100_000i64,
            phase in 0..3,
        ) {
            let run = Window { start_ms: START_S * 1000, end_ms: START_S * 1000 + length_ms };
            let core_phase = match phase {
                0 => CorePhase::EndsBefore { unix_s },
                1 => CorePhase::EndsAtLine,
                _ => output("plain")[0].core_phase,
            };
            let outcome = Outcome { seconds: Some(seconds), core_phase, ..output("plain")[0].clone() };
            if let Some(placed) = place(&outcome, run, arrival_ms) {
                let Window { start_ms, end_ms } = placed.window;
                prop_assert!(run.start_ms <= start_ms && start_ms <= end_ms && end_ms <= run.end_ms);
                prop_assert!(placed.edge_s >= 0.0 && placed.window.seconds() <= seconds + 0.002);
            }
        }
    }
}
