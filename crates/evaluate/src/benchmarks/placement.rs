//! Where a run and its results lie in time: decided here, once, from all that is known at the same time.
//!
//! Known are the beginning and the end of the run, the stamps that the benchmark printed in its own zone, how
//! long it says that each result took, and when each line came in. Which zone it was is not printed. It is the
//! one in which *all* results fit; of several the one in which all lines came in at once. Summer time may
//! begin or end meanwhile.
//!
//! Invariant: a zone is never guessed for one result alone.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::core_phase::{CLOCKS_AGREE_S, Phase, Placed, phase, whole_ms};
use super::{CorePhase, Outcome, as_if_utc_s};
use crate::Window;

/// The offsets from UTC that are not whole hours and were in use since HPL prints its stamps, in minutes
/// (<https://data.iana.org/time-zones/tzdb/>).
const BROKEN_OFFSETS: [i32; 15] =
    [-570, -270, -210, -150, 210, 270, 330, 345, 390, 510, 525, 570, 630, 765, 825];
/// The westernmost and the easternmost zone, in hours from UTC.
const WHOLE_OFFSETS: std::ops::RangeInclusive<i32> = -12..=14;
/// By how many minutes summer time moves the clocks: on Lord Howe, nearly everywhere, at Troll.
pub(super) const CHANGES_MIN: [i32; 3] = [30, 60, 120];
/// Without the end of the run, it has to begin less than this before the benchmark's first stamp: zones are
/// as little as so far apart.
const LATEST_STAMP_S: f64 = 900.0;
/// A line that came in longer ago than this after its result was held back and tells no zone.
const AT_ONCE_S: f64 = 450.0;
/// Results are printed in the order of their ends, but for how long the lines of several processes took.
const PRINTED_LATE_S: f64 = 60.0;
/// More gaps between results in which summer time may have begun are not looked at.
const MAX_CHANGES: usize = 16;

/// A result, and when its line came in, in Unix milliseconds; `None` if nobody saw it coming.
#[derive(Debug, Clone, Copy)]
pub struct Timed<'a> {
    /// What was printed.
    pub outcome: &'a Outcome,
    /// When the end of its line came.
    pub arrival_ms: Option<i64>,
}

/// A run with its results.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// From its beginning to its end.
    pub run: Window,
    /// Each result's core phase, in the order in which the results were given, or why there is none.
    pub results: Vec<Result<Placed, Unplaced>>,
    /// The zone of the machine that printed, in minutes east of UTC; `None` if no stamp needed it, or none is
    /// known.
    pub zone_min: Option<i32>,
}

/// Why a run or a core phase has no place in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplaced {
    /// The output does not tell enough.
    #[error("its output does not tell when it computed")]
    NotTold,
    /// The stamps and the time that were printed exclude each other.
    #[error("it took {took}, and that is not what its stamps say: {start} to {end}")]
    Contradiction {
        /// As the benchmark timed it.
        took: Seconds,
        /// The stamp before the work.
        start: DateTime,
        /// The stamp after it.
        end: DateTime,
    },
    /// The run is shorter than what it holds.
    #[error("its results took {took}, and the run lasted {run}")]
    TooLong {
        /// By the stamps from the first to the last, or by the longest result's own time.
        took: Seconds,
        /// The run.
        run: Seconds,
    },
    /// The stamps lie outside of the run whatever the zone is.
    #[error(
        "its stamps, {first} to {last}, are in no time zone within the run, {run}; the nearest is \
         {zone}, in which it began at {began}"
    )]
    NoZone {
        /// The first stamp.
        first: DateTime,
        /// The last one.
        last: DateTime,
        /// The run as far as it is known.
        run: Stretch,
        /// The zone in which the least sticks out.
        zone: Zone,
        /// The beginning of the first result there.
        began: Moment,
    },
    /// The lines came in before what they tell of had ended.
    #[error("by its stamps, in {0}, it ended after its lines had come in: the clocks disagree")]
    AfterItsLines(Zone),
    /// The stamps lie within the run in more than one zone.
    #[error("its stamps lie within the run in {}, and nothing tells which it was", either(.0))]
    SeveralZones(Vec<Zone>),
    /// By a clock that needs no zone it was before or after the run.
    #[error("it computed from {from} to {to}, which is not within the run, {run}")]
    Outside {
        /// When it began by the clock of the node.
        from: Moment,
        /// When it ended.
        to: Moment,
        /// The run.
        run: Stretch,
    },
    /// The output does not tell how long the run took.
    #[error("its output does not tell how long the run took")]
    NoEnd,
}

/// So many milliseconds, written in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0 as f64 / 1000.0);
        write!(f, "{} s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A Unix time in milliseconds, written as a date and a time of day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.0}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// From a beginning to an end, which may not be known; Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch(pub i64, pub Option<i64>);

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(end_ms) => write!(f, "{} to {}", Moment(self.0), Moment(end_ms)),
            None => write!(f, "which begins at {}", Moment(self.0)),
        }
    }
}

/// Minutes east of UTC, written as `UTC+05:45`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub i32);

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "UTC{sign}{:02}:{:02}", self.0.abs() / 60, self.0.abs() % 60)
    }
}

fn either(zones: &[Zone]) -> String {
    zones.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and in ")
}

/// Places the results of a run whose beginning and end were seen. What fits nowhere has no core phase.
pub fn within(run: Window, results: &[Timed<'_>]) -> Placement {
    let stamped = Stamped::of(results);
    let zone = stamped.zone(run.start_ms, Some(run.end_ms));
    placed(run, results, &stamped, zone)
}

/// The same of a run that somebody tells of afterwards. The end is taken from the output if it is not given.
/// Fails if the run cannot hold its results: then something that was told of it is wrong.
pub fn saved(start_ms: i64, end_ms: Option<i64>, outcomes: &[Outcome]) -> Result<Placement, Unplaced> {
    let results: Vec<_> = outcomes.iter().map(|outcome| Timed { outcome, arrival_ms: None }).collect();
    let stamped = Stamped::of(&results);
    let zone = match stamped.zone(start_ms, end_ms) {
        Err(several @ Unplaced::SeveralZones(_)) if end_ms.is_some() => Err(several),
        zone => Ok(zone?),
    };
    let told = zone.as_ref().ok().and_then(Option::as_ref).and_then(|zone| stamped.end_ms(zone));
    let end_ms = end_ms.or(told).or_else(|| by_durations(start_ms, outcomes)).ok_or(Unplaced::NoEnd)?;
    let run = Window { start_ms, end_ms };
    let longest_ms = outcomes.iter().filter_map(|outcome| outcome.seconds).map(whole_ms).max();
    if let Some(took_ms) =
        longest_ms.filter(|took_ms| *took_ms > end_ms - start_ms + whole_ms(CLOCKS_AGREE_S))
    {
        return Err(Unplaced::TooLong { took: Seconds(took_ms), run: Seconds(end_ms - start_ms) });
    }
    let placement = placed(run, &results, &stamped, zone);
    let wrong = placement.results.iter().find_map(|result| match result {
        Err(why @ (Unplaced::Outside { .. } | Unplaced::NoZone { .. } | Unplaced::TooLong { .. })) => {
            Some(why)
        }
        _ => None,
    });
    match wrong.cloned() {
        Some(why) => Err(why),
        None => Ok(placement),
    }
}

/// All of them one after the other, or as late as a clock without a zone says; `None` if one's length is not
/// known.
fn by_durations(start_ms: i64, outcomes: &[Outcome]) -> Option<i64> {
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum::<Option<f64>>()?;
    let told = outcomes.iter().filter_map(|outcome| match outcome.core_phase {
        CorePhase::Exact { end_ms, .. } => Some(end_ms),
        CorePhase::EndsBefore { unix_s } => unix_s.checked_add(1)?.checked_mul(1000),
        _ => None,
    });
    told.chain([start_ms.saturating_add(whole_ms(seconds))]).max()
}

fn placed(
    run: Window,
    results: &[Timed<'_>],
    stamped: &Stamped,
    zone: Result<Option<Clock>, Unplaced>,
) -> Placement {
    let of = |(index, result): (usize, &Timed<'_>)| {
        let phase = phase(result.outcome, result.arrival_ms)?;
        if !phase.local {
            return phase.in_run(0.0, run).ok_or_else(|| phase.outside(run));
        }
        let clock = match &zone {
            Ok(Some(clock)) => clock,
            Ok(None) => return Err(Unplaced::NotTold),
            Err(why) => return Err(why.clone()),
        };
        let at = stamped.results.iter().position(|stamped| stamped.index == index);
        let offset_s = at.map(|at| clock.offset_s(at, &stamped.results[at])).ok_or(Unplaced::NotTold)?;
        phase.in_run(offset_s, run).ok_or(Unplaced::NotTold)
    };
    let results = results.iter().enumerate().map(of).collect();
    Placement { run, results, zone_min: zone.ok().flatten().map(|clock| clock.zone_min) }
}

/// The zone of the first result's beginning, and a change of it between two results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    zone_min: i32,
    /// From this result on by so many minutes.
    change: Option<(usize, i32)>,
}

impl Clock {
    /// What its local time is ahead of UTC at the end of a result.
    fn offset_min(self, at: usize, result: &StampedResult) -> i32 {
        let between = self.change.filter(|(from, _)| at >= *from).map_or(0, |(_, by_min)| by_min);
        self.zone_min + result.changed_min + between
    }

    fn offset_s(self, at: usize, result: &StampedResult) -> f64 {
        f64::from(self.offset_min(at, result)) * 60.0
    }
}

struct StampedResult {
    /// Among all results.
    index: usize,
    phase: Phase,
    /// By so much the clock was moved since the first result's beginning, while a result was computed.
    changed_min: i32,
    arrived_s: Option<f64>,
    stamps: (DateTime, DateTime),
}

impl StampedResult {
    /// When it ended at the earliest on the first result's clock.
    fn end_s(&self) -> f64 {
        self.phase.ends.from_s - f64::from(self.changed_min) * 60.0
    }

    fn start_s(&self) -> f64 {
        self.end_s() - self.phase.seconds
    }
}

/// The results that are stamped in local time, in the order in which they were printed.
struct Stamped {
    results: Vec<StampedResult>,
    /// The clock was moved while one of them was computed.
    changed: bool,
}

impl Stamped {
    fn of(results: &[Timed<'_>]) -> Self {
        let mut order: Vec<usize> = (0..results.len()).collect();
        order.sort_by_key(|index| results[*index].outcome.line);
        let mut stamped = Self { results: Vec::new(), changed: false };
        let mut changed_min = 0;
        for index in order {
            let Timed { outcome, arrival_ms } = results[index];
            let CorePhase::Stated { start, end } = outcome.core_phase else { continue };
            let Ok(phase) = phase(outcome, arrival_ms) else { continue };
            // The first one that sees it counts: others beside it see the same change.
            if phase.changed_min != 0 && !stamped.changed {
                (stamped.changed, changed_min) = (true, phase.changed_min);
            }
            let arrived_s = arrival_ms.map(|ms| ms as f64 / 1000.0);
            stamped.results.push(StampedResult {
                index,
                phase,
                changed_min,
                arrived_s,
                stamps: (start, end),
            });
        }
        stamped
    }

    /// The clock by which every result lies in the run; `None` if none has stamps.
    fn zone(&self, start_ms: i64, end_ms: Option<i64>) -> Result<Option<Clock>, Unplaced> {
        if self.results.is_empty() {
            return Ok(None);
        }
        let run = Window { start_ms, end_ms: end_ms.unwrap_or(i64::MAX / 4) };
        let mut clocks = self.fitting(run, Self::before_its_line);
        if let (true, Some(late)) = (clocks.is_empty(), self.fitting(run, |_, _| true).first()) {
            return Err(Unplaced::AfterItsLines(Zone(late.zone_min)));
        }
        if end_ms.is_none() {
            clocks.retain(|clock| self.begins_s(*clock) - start_ms as f64 / 1000.0 < LATEST_STAMP_S);
        }
        if clocks.len() > 1 {
            let prompt: Vec<_> = clocks.iter().copied().filter(|clock| self.at_once(*clock)).collect();
            clocks = if prompt.is_empty() { clocks } else { prompt };
        }
        match clocks[..] {
            [] => Err(self.misfit(start_ms, end_ms)),
            [only] => Ok(Some(only)),
            _ => {
                let mut zones: Vec<Zone> = clocks.iter().map(|clock| Zone(clock.zone_min)).collect();
                zones.dedup();
                Err(Unplaced::SeveralZones(zones))
            }
        }
    }

    /// The clocks that fit. That they went forward between two results leaves room that may have been there
    /// as well, so it is believed only if nothing else fits.
    fn fitting(&self, run: Window, more: fn(&StampedResult, f64) -> bool) -> Vec<Clock> {
        let of = |changes: &[Option<(usize, i32)>]| {
            let clocks = changes
                .iter()
                .flat_map(|change| offsets_min().map(move |zone_min| Clock { zone_min, change: *change }));
            clocks.filter(|clock| self.fits(*clock, run, more)).collect::<Vec<_>>()
        };
        let back: Vec<_> = std::iter::once(None).chain(self.set_back().into_iter().map(Some)).collect();
        let clocks = of(&back);
        if !clocks.is_empty() {
            return clocks;
        }
        let forward: Vec<_> = self.set_forward().into_iter().map(Some).collect();
        of(&forward)
    }

    /// Whether a result that ended at this Unix time, in seconds, had done so when its line came in.
    fn before_its_line(result: &StampedResult, end_s: f64) -> bool {
        result.arrived_s.is_none_or(|arrived_s| end_s <= arrived_s + CLOCKS_AGREE_S)
    }

    /// Whether all results lie in the run, in the order of their lines, and what more is asked of each and of
    /// the time of its end.
    fn fits(&self, clock: Clock, run: Window, more: fn(&StampedResult, f64) -> bool) -> bool {
        let mut last_s = f64::NEG_INFINITY;
        self.results.iter().enumerate().all(|(at, result)| {
            let zone_is_there = offsets_min().any(|known| known == clock.offset_min(at, result));
            let offset_s = clock.offset_s(at, result);
            let end_s = result.phase.ends.from_s - offset_s;
            let in_order = end_s + PRINTED_LATE_S >= last_s;
            last_s = last_s.max(end_s);
            let told = zone_is_there && in_order && more(result, end_s);
            told && result.phase.in_run(offset_s, run).is_some()
        })
    }

    /// Whether every line came in soon after its result.
    fn at_once(&self, clock: Clock) -> bool {
        self.results.iter().enumerate().all(|(at, result)| {
            let end_s = result.phase.ends.from_s - clock.offset_s(at, result);
            result.arrived_s.is_some_and(|arrived_s| arrived_s - end_s < AT_ONCE_S)
        })
    }

    /// When the first result began, Unix seconds.
    fn begins_s(&self, clock: Clock) -> f64 {
        let begins =
            self.results.iter().enumerate().map(|(at, result)| {
                result.phase.ends.from_s - result.phase.seconds - clock.offset_s(at, result)
            });
        begins.fold(f64::INFINITY, f64::min)
    }

    /// The end of the last second that is stamped, Unix milliseconds, or when a slower rank can have ended.
    fn end_ms(&self, clock: &Clock) -> Option<i64> {
        let ends = self.results.iter().enumerate().map(|(at, result)| {
            let stamped_s = (as_if_utc_s(result.stamps.1) + 1) as f64;
            whole_ms(stamped_s.max(result.phase.ends.to_s) - clock.offset_s(at, result))
        });
        ends.max()
    }

    fn gaps_s(&self) -> impl Iterator<Item = (usize, f64)> {
        let pairs = self.results.windows(2).enumerate();
        pairs.map(|(at, pair)| (at + 1, pair[1].start_s() - pair[0].end_s()))
    }

    /// Where a result begins, by its stamp, about an hour before the one before it has ended.
    fn set_back(&self) -> Vec<(usize, i32)> {
        let at = |(at, gap_s): (usize, f64)| {
            CHANGES_MIN.into_iter().filter_map(move |by_min| {
                let by_s = f64::from(by_min) * 60.0;
                (-by_s - CLOCKS_AGREE_S..LATEST_STAMP_S - by_s).contains(&gap_s).then_some((at, -by_min))
            })
        };
        self.changes(self.gaps_s().flat_map(at))
    }

    /// Where there is room for an hour that never was.
    fn set_forward(&self) -> Vec<(usize, i32)> {
        let at = |(at, gap_s): (usize, f64)| {
            let fits = move |by_min: &i32| gap_s >= f64::from(*by_min) * 60.0 - CLOCKS_AGREE_S;
            CHANGES_MIN.into_iter().filter(fits).map(move |by_min| (at, by_min))
        };
        self.changes(self.gaps_s().flat_map(at))
    }

    /// Clocks are moved twice a year.
    fn changes(&self, found: impl Iterator<Item = (usize, i32)>) -> Vec<(usize, i32)> {
        if self.changed { Vec::new() } else { found.take(MAX_CHANGES).collect() }
    }

    fn misfit(&self, start_ms: i64, end_ms: Option<i64>) -> Unplaced {
        let first = self.results.iter().map(StampedResult::start_s).fold(f64::INFINITY, f64::min);
        let last = self.results.iter().map(StampedResult::end_s).fold(f64::NEG_INFINITY, f64::max);
        let took_s = last - first;
        if let Some(run_ms) = end_ms.map(|end_ms| end_ms - start_ms) {
            if took_s > run_ms as f64 / 1000.0 + 2.0 * CLOCKS_AGREE_S {
                return Unplaced::TooLong { took: Seconds(whole_ms(took_s)), run: Seconds(run_ms) };
            }
        }
        let first = self.results.iter().map(|result| result.stamps.0).min().unwrap_or_default();
        let began_ms = |zone_min: i32| (as_if_utc_s(first) - i64::from(zone_min) * 60) * 1000;
        let off_ms = |zone_min: &i32| began_ms(*zone_min).saturating_sub(start_ms).saturating_abs();
        let zone_min = offsets_min().min_by_key(off_ms).unwrap_or(0);
        Unplaced::NoZone {
            first,
            last: self.results.iter().map(|result| result.stamps.1).max().unwrap_or_default(),
            run: Stretch(start_ms, end_ms),
            zone: Zone(zone_min),
            began: Moment(began_ms(zone_min)),
        }
    }
}

/// Every offset from UTC that is in use, in minutes.
fn offsets_min() -> impl Iterator<Item = i32> {
    WHOLE_OFFSETS.map(|hours| hours * 60).chain(BROKEN_OFFSETS)
}
