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

use crate::query::{energy_of, points_of};
use crate::store::{SeriesKey, Store, StoreError};

/// A cut lies at least this far back: a push that failed comes again within seconds, and what a spool brings
/// after hours comes in its order, which is after the cut.
const GRACE_MS: i64 = 5 * 60 * 1000;
/// So much of a day is read at a time: a store is not held for long.
const STEP_MS: i64 = 3600 * 1000;
/// A sum is counted anew when it is older; points that came later than anything foresees are in it then.
const LIFETIME_MS: i64 = 3600 * 1000;
/// One question begins no further sum once it has read so many points: the day of two meters at 1 Hz. What is
/// left waits for the next question.
const MAX_POINTS: usize = 200_000;

/// The energy of each meter since a day began.
#[derive(Debug, Default)]
pub(super) struct Meters {
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
    pub(super) fn begin(&mut self, meters: &BTreeSet<&SeriesKey>, day: Window) {
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
    pub(super) fn has_time_for(&self, meter: &SeriesKey) -> bool {
        self.running.contains_key(meter) || self.points_read < MAX_POINTS
    }

    /// The energy of a meter in the day of [`Meters::begin`]; `None` if nothing of it is covered.
    pub(super) fn energy(
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
