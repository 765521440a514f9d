//! The joules of the day, cheap enough for panels that ask every few seconds.
//!
//! Energy is additive over adjacent windows, so the day is cut at one of the meter's own points: what lies before
//! is counted once and kept, what lies after is counted anew at every question. Both parts are
//! `picollect_evaluate`'s [`of_epochs`]; there is no second formula.
//!
//! Invariant: this is a cache. What it answers is what [`energy_of`] says of the whole day, whatever was asked
//! before: a day that cannot be cut is counted whole. Only a point that arrives later than [`GRACE_MS`], and out
//! of its order, is missed, and for an hour at most.

use std::collections::{BTreeSet, HashMap};

use picollect_evaluate::Window;
use picollect_evaluate::energy::{Energy, EnergyPoint, of_epochs};

use crate::{energy_of, points_of};
use picollect_store::{SeriesKey, Store, StoreError};

/// A cut lies at least this far back: a push that failed comes again within seconds, and what a spool brings
/// after hours comes in its order, which is after the cut.
const GRACE_MS: i64 = 5 * 60 * 1000;
/// So much of a day is read at a time: a store is not held for long.
const STEP_MS: i64 = 3600 * 1000;
/// A sum is counted anew when it is older; points that came later than anything foresees are in it then.
const LIFETIME_MS: i64 = 3600 * 1000;
/// One question begins no further sum once it has read so many points: less than the day of one meter at 1 Hz,
/// which takes seconds where the disk is slow, and an agent waits for ten. What is left waits for the next question.
const MAX_POINTS: usize = 50_000;

/// The energy of each meter since a day began.
#[derive(Debug, Default)]
pub struct Meters {
    day_start_ms: i64,
    running: HashMap<SeriesKey, Running>,
    points_read: usize,
}

/// A meter's energy from the beginning of the day to a point of its own.
#[derive(Debug, Clone, Copy)]
struct Running {
    counted_ms: i64,
    settled: Energy,
    cut: Option<EnergyPoint>,
}

impl Meters {
    /// Begins a question. `day` is from its beginning to now; `meters` are all there are.
    pub fn begin(&mut self, meters: &BTreeSet<&SeriesKey>, day: Window) {
        if self.day_start_ms != day.start_ms {
            self.running.clear();
            self.day_start_ms = day.start_ms;
        }
        self.points_read = 0;
        let is_behind = |running: &Running| running.cut.is_none_or(|cut| cut.t_ms <= day.end_ms);
        self.running.retain(|meter, running| meters.contains(meter) && is_behind(running));
        // One at a time, so that no question counts them all.
        let age_ms = |running: &Running| day.end_ms.abs_diff(running.counted_ms);
        let oldest = self.running.iter().max_by_key(|(_, running)| age_ms(running));
        let old = oldest.filter(|(_, running)| age_ms(running) >= LIFETIME_MS.unsigned_abs());
        if let Some(meter) = old.map(|(meter, _)| meter.clone()) {
            self.running.remove(&meter);
        }
    }

    /// Whether this question may still ask for the energy of this meter.
    pub fn has_time_for(&self, meter: &SeriesKey) -> bool {
        self.running.contains_key(meter) || self.points_read < MAX_POINTS
    }

    /// The energy of a meter in the day of [`Meters::begin`]; `None` if nothing of it is covered.
    pub fn energy(
        &mut self,
        store: &dyn Store,
        meter: &SeriesKey,
        day: Window,
    ) -> Result<Option<Energy>, StoreError> {
        let known = self.running.get(meter).copied();
        let fresh = Running { counted_ms: day.end_ms, settled: NOTHING, cut: None };
        let counted = known.unwrap_or(fresh).count(store, meter, day, &mut self.points_read)?;
        let counted = match counted {
            // What could be cut there a minute ago cannot any more: from the beginning.
            Counted::NoCut if known.is_some() => fresh.count(store, meter, day, &mut self.points_read)?,
            counted => counted,
        };
        match counted {
            Counted::Sum(running, energy) => {
                self.running.insert(meter.clone(), running);
                Ok(energy)
            }
            Counted::NoCut => {
                self.running.remove(meter);
                energy_of(store, meter, day)
            }
        }
    }
}

const NOTHING: Energy = Energy { joules: 0.0, covered_s: 0.0 };

/// What counting came to.
enum Counted {
    /// What is kept, and the energy of the day.
    Sum(Running, Option<Energy>),
    /// The meter has no epochs, or several at one time: it is counted whole.
    NoCut,
}

impl Running {
    /// Counts on from the cut to the end of the day so far, and moves the cut.
    fn count(
        mut self,
        store: &dyn Store,
        meter: &SeriesKey,
        day: Window,
        points_read: &mut usize,
    ) -> Result<Counted, StoreError> {
        let settled_ms = day.end_ms - GRACE_MS;
        let mut step_ms = STEP_MS;
        loop {
            let start_ms = self.cut.map_or(day.start_ms, |cut| cut.t_ms);
            let rest = Window { start_ms, end_ms: day.end_ms };
            let part = Window { end_ms: rest.end_ms.min(start_ms + step_ms), ..rest };
            let points = points_of(store, meter, part)?;
            *points_read += points.len();
            if self.is_crossed(&points) || (self.cut.is_none() && points.is_empty() && part == rest) {
                return Ok(Counted::NoCut);
            }
            let tail = (part == rest).then(|| of_epochs(&points, part));
            let before_tail = self.settled;
            let latest_ms = part.end_ms.min(settled_ms);
            let next = points.iter().rfind(|point| (start_ms + 1..=latest_ms).contains(&point.t_ms));
            if let Some(next) = next {
                let until = Window { end_ms: next.t_ms, ..part };
                self.settled = sum(self.settled, of_epochs(&points, until));
                self.cut = Some(*next);
                step_ms = STEP_MS;
            } else {
                // Nothing to cut at: whoever was silent for so long is found further on.
                step_ms = step_ms.saturating_mul(2);
            }
            if let Some(tail) = tail {
                let energy = sum(before_tail, tail);
                return Ok(Counted::Sum(self, (energy.covered_s > 0.0).then_some(energy)));
            }
        }
    }

    /// Whether another epoch than that of the cut began before the cut and goes on after it: then the totals of
    /// that epoch at the cut depend on points that were not known.
    fn is_crossed(&self, points: &[EnergyPoint]) -> bool {
        let Some(cut) = self.cut else { return false };
        let crosses = |point: &EnergyPoint| {
            point.t_ms > cut.t_ms && point.since_ms < cut.t_ms && point.since_ms != cut.since_ms
        };
        points.iter().any(crosses)
    }
}

fn sum(one: Energy, other: Option<Energy>) -> Energy {
    let other = other.unwrap_or(NOTHING);
    Energy { joules: one.joules + other.joules, covered_s: one.covered_s + other.covered_s }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_store::{EmbeddedStore, open};
    use picollect_telemetry::line::{Precision, decode};
    use proptest::prelude::*;

    /// Midnight UTC, 23 November 2026.
    const START_MS: i64 = 1_795_392_000_000;
    const MINUTE_MS: i64 = 60_000;

    fn meter() -> SeriesKey {
        let tags = [("boundary", "node"), ("host", "n"), ("meter", "m"), ("source", "measured")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        SeriesKey { measurement: "power".into(), field: "watts".into(), tags }
    }

    fn line(t_ms: i64, since_ms: i64, joules: f64, metered_s: f64) -> String {
        format!(
            "power,boundary=node,host=n,meter=m,source=measured \
             joules={joules},metered_s={metered_s},since_ms={since_ms}i {t_ms}\n"
        )
    }

    fn append(store: &EmbeddedStore, lines: &str) {
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
    }

    fn day(end_ms: i64) -> Window {
        Window { start_ms: START_MS, end_ms }
    }

    fn ask(meters: &mut Meters, store: &EmbeddedStore, day: Window) -> Option<Energy> {
        let meter = meter();
        meters.begin(&BTreeSet::from([&meter]), day);
        assert!(meters.has_time_for(&meter));
        meters.energy(store, &meter, day).unwrap()
    }

    #[track_caller]
    fn assert_same(meters: &mut Meters, store: &EmbeddedStore, day: Window) {
        let (got, want) = (ask(meters, store, day), energy_of(store, &meter(), day).unwrap());
        let close = match (got, want) {
            (None, None) => true,
            (Some(got), Some(want)) => {
                (got.joules - want.joules).abs() < 1e-6 && (got.covered_s - want.covered_s).abs() < 1e-6
            }
            _ => false,
        };
        assert!(close, "{got:?} is not {want:?} at {}", day.end_ms - START_MS);
    }

    /// A point a minute from before midnight on: lost, late by so many minutes, or the first of an epoch.
    fn points() -> impl Strategy<Value = Vec<(f64, u8, i64)>> {
        proptest::collection::vec((0.0..600.0f64, 0..20u8, 0..4i64), 1..240)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 5))]
        #[test]
        fn every_answer_is_that_of_the_whole_day(points in points(), asked_every in 1..30i64) {
            let directory = tempfile::tempdir().unwrap();
            let store = open(directory.path()).unwrap();
            let mut arriving: Vec<(i64, String)> = Vec::new();
            let (mut since_ms, mut joules, mut metered_s) = (START_MS - 30 * MINUTE_MS, 0.0, 0.0);
            for (minute, (used, kind, late)) in (-30i64..).zip(&points) {
                let t_ms = START_MS + minute * MINUTE_MS;
                if *kind == 0 {
                    (since_ms, joules, metered_s) = (t_ms - MINUTE_MS / 2, 0.0, -30.0);
                }
                (joules, metered_s) = (joules + used, metered_s + 60.0);
                if *kind != 1 {
                    arriving.push((minute + late, line(t_ms, since_ms, joules, metered_s)));
                }
                if *kind == 2 {
                    arriving.push((minute + 3, line(t_ms, since_ms, joules, metered_s)));
                }
            }
            arriving.sort_by_key(|(minute, _)| *minute);
            let mut meters = Meters::default();
            let mut asked = 0;
            for (minute, line) in &arriving {
                append(&store, line);
                if *minute > 0 && minute - asked >= asked_every {
                    asked = *minute;
                    assert_same(&mut meters, &store, day(START_MS + minute * MINUTE_MS + 17));
                }
            }
            assert_same(&mut meters, &store, day(START_MS + 300 * MINUTE_MS));
        }
    }

    /// A store with a point a minute at 10 W for so many minutes.
    fn steady(minutes: i64) -> (tempfile::TempDir, EmbeddedStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        let minute = |minute: i64| {
            line(START_MS + minute * MINUTE_MS, START_MS, minute as f64 * 600.0, minute as f64 * 60.0)
        };
        append(&store, &(1..=minutes).map(minute).collect::<String>());
        (directory, store)
    }

    #[test]
    fn only_what_lies_after_the_cut_is_read_again() {
        let (_directory, store) = steady(600);
        let mut meters = Meters::default();
        let now = day(START_MS + 600 * MINUTE_MS);
        assert_eq!(ask(&mut meters, &store, now), Some(Energy { joules: 360_000.0, covered_s: 36_000.0 }));
        assert!(meters.points_read > 590);
        assert_same(&mut meters, &store, now);
        assert!(meters.points_read < 20, "{}", meters.points_read);
    }

    #[test]
    fn midnight_begins_a_new_sum() {
        let (_directory, store) = steady(24 * 60 + 10);
        let mut meters = Meters::default();
        assert_same(&mut meters, &store, day(START_MS + 24 * 60 * MINUTE_MS - 1));
        let start_ms = START_MS + 24 * 60 * MINUTE_MS;
        assert_same(&mut meters, &store, Window { start_ms, end_ms: start_ms + 10 * MINUTE_MS });
    }

    #[test]
    fn a_silence_of_hours_within_an_epoch_loses_nothing() {
        let (_directory, store) = steady(60);
        let mut meters = Meters::default();
        assert_same(&mut meters, &store, day(START_MS + 90 * MINUTE_MS));
        append(&store, &line(START_MS + 400 * MINUTE_MS, START_MS, 240_000.0, 24_000.0));
        assert_same(&mut meters, &store, day(START_MS + 401 * MINUTE_MS));
        assert_same(&mut Meters::default(), &store, day(START_MS + 401 * MINUTE_MS));
    }

    #[test]
    fn two_epochs_at_one_time_cannot_be_cut_and_are_counted_whole() {
        let (_directory, store) = steady(60);
        let mut meters = Meters::default();
        let since_ms = START_MS + 10 * MINUTE_MS;
        for minute in 61..90 {
            append(&store, &line(START_MS + minute * MINUTE_MS, since_ms, minute as f64, 60.0));
            assert_same(&mut meters, &store, day(START_MS + minute * MINUTE_MS));
        }
    }

    #[test]
    fn a_point_that_nobody_foresaw_is_in_the_sum_within_the_hour() {
        let (_directory, store) = steady(120);
        let mut meters = Meters::default();
        assert_same(&mut meters, &store, day(START_MS + 120 * MINUTE_MS));
        // An epoch that began and ended half an hour before.
        append(&store, &line(START_MS + 91 * MINUTE_MS, START_MS + 90 * MINUTE_MS, 7.0, 60.0));
        assert_same(&mut meters, &store, day(START_MS + 180 * MINUTE_MS));
    }

    #[test]
    fn a_meter_without_epochs_is_counted_as_the_report_does() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        for minute in 0..30 {
            let t_ms = START_MS + minute * MINUTE_MS;
            append(&store, &format!("power,boundary=node,host=n,meter=m,source=measured watts=5 {t_ms}\n"));
        }
        assert_same(&mut Meters::default(), &store, day(START_MS + 29 * MINUTE_MS));
    }
}
