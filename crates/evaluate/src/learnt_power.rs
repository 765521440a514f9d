//! Learns what a board takes by load and clock, from nodes that have a meter, for its siblings that have none.
//!
//! At each clock that was seen often enough power is a straight line over the share of busy cores; between two clocks it
//! is interpolated. All lines are fitted at once by least squares, so that a sample between two clocks counts for both.
//! Where a clock was seen at one load only, its slope is that of its neighbours, and the model speaks of that load alone.
//!
//! How far it may be off is tried on what it was not fitted to: on every fourth hour, and with several boards on each
//! board by a model of the others.
//!
//! Invariant: no model is a reason and never a number; a model speaks of no clock and load that it did not see.

mod clocks;
mod least_squares;

use std::collections::{BTreeMap, BTreeSet};

use picollect_telemetry::learnt_power::{AtClock, LearntPower};

use crate::series::{Sample, in_order};
use clocks::Clocks;
use least_squares::NormalEquations;

/// One hour of so many is held out.
const HELD_OUT_OF: i64 = 4;
/// Fewer hours leave no whole one to try the model on beside what it is fitted to.
const MIN_HOURS: usize = 4;
/// A clock that was seen less often than this is no clock of the model.
const MIN_AT_CLOCK: usize = 60;
/// Somewhere the load must have moved by so much, or nothing says what load takes.
const MIN_BUSY_RANGE: f64 = 0.3;
/// What is seen of the loads at a clock is this far from its ends more often than not.
const BUSY_MARGIN: f64 = 0.03;
/// So many of the samples on either side are strays.
const STRAYS: f64 = 0.005;
/// How much a clock's slope holds on to its neighbours': as much as a few samples of other loads.
const HOLD: f64 = 0.1;
/// A clock at which the load moved less than this says nothing of its slope.
const FLAT_RANGE: f64 = 0.15;
/// The error that is told is that of the worst but so many of the minutes.
const QUANTILE: f64 = 0.95;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// What a node did between two samples, and what it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// When, Unix milliseconds.
    pub t_ms: i64,
    /// Share of busy cores since the sample before, 0 to 1.
    pub busy: f64,
    /// Mean of the clocks at both ends, Hz.
    pub clock_hz: f64,
    /// Mean power since the sample before, W.
    pub watts: f64,
}

/// Why there is no model.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoFit {
    /// Too little time.
    #[error("power, load and clock were seen together in {hours} hours: it takes {MIN_HOURS}")]
    TooShort {
        /// In how many different hours there is a sample.
        hours: usize,
    },
    /// No clock was seen often enough.
    #[error("no clock was seen in {MIN_AT_CLOCK} samples")]
    NoClock,
    /// The load was nearly the same all the time.
    #[error(
        "the load moved by {:.0} % of the cores only: measure idle and busy hours at the clocks that count",
        100.0 * .range
    )]
    SteadyLoad {
        /// Greatest share of busy cores minus the least, at the clock where that is most.
        range: f64,
    },
    /// Power falls with the load.
    #[error("power falls with the load at {:.0} MHz: something else than the processor takes it", .clock_hz / 1e6)]
    NotPhysical {
        /// At which clock, Hz.
        clock_hz: f64,
    },
    /// The held-out hours have no load and clock that the others have.
    #[error("the hours that were held out have no load and clock of the others: measure for longer")]
    NothingHeldOut,
}

/// How far a model was off where it was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// In 95 of 100 minutes the mean power was off by no more than this share of it.
    pub error: f64,
    /// Minutes in which it spoke.
    pub minutes: usize,
    /// Share of the samples of which it did not speak, because it had not seen their load and clock.
    pub unknown: f64,
}

/// A model with what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// Power by load and clock.
    pub power: LearntPower,
    /// On the hours that it was not fitted to.
    pub held_out: Tried,
    /// With several boards: on each board, by a model of the others.
    pub other_boards: Option<Tried>,
    /// Hours with samples, of all boards, held-out ones included.
    pub hours: usize,
    /// Mean of the power over all samples, W.
    pub mean_w: f64,
}

impl Learnt {
    /// How far a sibling may be off, as far as it was tried: the worse of both.
    pub fn error(&self) -> f64 {
        self.other_boards.map_or(0.0, |tried| tried.error).max(self.held_out.error)
    }
}

/// The samples of power, load and clock that belong together. A sample of power or load is about the time since the one
/// before; those of one moment are less than half an interval apart.
pub fn observations(
    watts: &[Sample],
    busy: &[Sample],
    clock_hz: &[Sample],
    interval_s: f64,
) -> Vec<Observation> {
    let half_ms = crate::whole(interval_s * 500.0);
    let (watts, busy, clocks) = (in_order(watts), in_order(busy), in_order(clock_hz));
    let (mut watts, mut clocks) = (Nearest::new(&watts), Nearest::new(&clocks));
    let mut before: Option<(i64, f64)> = None;
    let mut found = Vec::new();
    for Sample { t_ms, value: busy } in busy {
        let clock = clocks.at(t_ms, half_ms);
        let recent = before.filter(|(before_ms, _)| t_ms - before_ms <= 3 * half_ms);
        before = clock.map(|clock| (t_ms, clock));
        if let (Some(clock), Some((_, before)), Some(watts)) = (clock, recent, watts.at(t_ms, half_ms)) {
            found.push(Observation { t_ms, busy, clock_hz: f64::midpoint(before, clock), watts });
        }
    }
    let sound = |at: &Observation| {
        (0.0..=1.0).contains(&at.busy) && at.watts > 0.0 && at.watts.is_finite() && at.clock_hz > 0.0
    };
    found.retain(sound);
    found
}

/// The sample nearest to moments that do not go back.
struct Nearest<'a> {
    samples: &'a [Sample],
    next: usize,
}

impl<'a> Nearest<'a> {
    fn new(samples: &'a [Sample]) -> Self {
        Self { samples, next: 0 }
    }

    fn at(&mut self, t_ms: i64, within_ms: i64) -> Option<f64> {
        let distance = |sample: &Sample| (sample.t_ms - t_ms).abs();
        let nearer = |pair: &[Sample]| distance(&pair[1]) <= distance(&pair[0]);
        self.next += self.samples[self.next..].windows(2).take_while(|pair| nearer(pair)).count();
        self.samples.get(self.next).filter(|sample| distance(sample) <= within_ms).map(|sample| sample.value)
    }
}

/// A model of what these boards took, each with its observations in order of time. They are to be of one model of board
/// and to have one kind of clock.
///
/// # Errors
///
/// [`NoFit`] says what the observations cannot tell.
pub fn learn(boards: &[Vec<Observation>]) -> Result<Learnt, NoFit> {
    let hours: usize = boards.iter().map(|board| hours_of(board).len()).sum();
    if hours < MIN_HOURS {
        return Err(NoFit::TooShort { hours });
    }
    let (fitted, held_out): (Vec<_>, Vec<_>) = boards.iter().map(|board| split(board)).unzip();
    let power = fit(&fitted.concat())?;
    let held_out = tried(held_out.iter().map(|board| (&power, board.as_slice())));
    let held_out = held_out.ok_or(NoFit::NothingHeldOut)?;
    let all = || boards.iter().flatten();
    Ok(Learnt {
        power,
        held_out,
        other_boards: by_the_others(boards),
        hours,
        mean_w: all().map(|at| at.watts).sum::<f64>() / all().count() as f64,
    })
}

fn hours_of(board: &[Observation]) -> Vec<i64> {
    let hours: BTreeSet<i64> = board.iter().map(|at| at.t_ms.div_euclid(HOUR_MS)).collect();
    hours.into_iter().collect()
}

/// What is fitted, and every fourth hour of those in which there is anything.
fn split(board: &[Observation]) -> (Vec<Observation>, Vec<Observation>) {
    let held: BTreeSet<i64> = (0..)
        .zip(hours_of(board))
        .filter(|(at, _)| at % HELD_OUT_OF == HELD_OUT_OF - 1)
        .map(|(_, hour)| hour)
        .collect();
    board.iter().partition(|at| !held.contains(&at.t_ms.div_euclid(HOUR_MS)))
}

/// Each board by a model of the others; `None` of one board, or if a model of the others cannot be made.
fn by_the_others(boards: &[Vec<Observation>]) -> Option<Tried> {
    let without = |left_out: usize| {
        let others = boards.iter().enumerate().filter(|(at, _)| *at != left_out);
        let others: Vec<Observation> = others.flat_map(|(_, board)| board.iter().copied()).collect();
        fit(&others).ok()
    };
    let models: Vec<LearntPower> = (0..boards.len()).map(without).collect::<Option<_>>()?;
    tried(models.iter().zip(boards.iter().map(Vec::as_slice)))
}

/// How far models are off on what each was not fitted to; `None` if they say nothing of it.
pub fn tried<'a>(on: impl Iterator<Item = (&'a LearntPower, &'a [Observation])>) -> Option<Tried> {
    let (mut errors, mut spoken, mut all) = (Vec::new(), 0, 0);
    for (power, board) in on {
        let mut minutes: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for at in board {
            all += 1;
            let Some(watts) = power.watts(at.busy, at.clock_hz) else { continue };
            spoken += 1;
            let minute = minutes.entry(at.t_ms.div_euclid(MINUTE_MS)).or_default();
            *minute = (minute.0 + watts, minute.1 + at.watts);
        }
        errors.extend(minutes.values().map(|(said, real)| (said / real - 1.0).abs()));
    }
    errors.sort_by(f64::total_cmp);
    let worst = errors.get(rank(errors.len(), QUANTILE)).copied()?;
    Some(Tried { error: worst, minutes: errors.len(), unknown: 1.0 - f64::from(spoken) / f64::from(all) })
}

/// The index of a quantile in so many sorted values.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn rank(count: usize, quantile: f64) -> usize {
    (count.saturating_sub(1) as f64 * quantile).round() as usize
}

/// All lines at once.
fn fit(observed: &[Observation]) -> Result<LearntPower, NoFit> {
    let clocks = Clocks::of(observed, MIN_AT_CLOCK).ok_or(NoFit::NoClock)?;
    let loads: Vec<[f64; 2]> = clocks.loads(observed).into_iter().map(seen).collect();
    let range = loads.iter().map(|[least, most]| most - least).fold(0.0, f64::max);
    if range < MIN_BUSY_RANGE {
        return Err(NoFit::SteadyLoad { range });
    }
    let lines = lines(&clocks, observed);
    let at = |((clock_hz, load), (idle_w, slope)): ((f64, [f64; 2]), (f64, f64))| {
        let watts = |busy: f64| (idle_w + slope * busy).max(0.0);
        if slope >= 0.0 {
            return Ok(AtClock { clock_hz, busy: load, watts: load.map(watts) });
        }
        // Of one load only the slope is noise.
        let flat = load[1] - load[0] < FLAT_RANGE;
        let middle = watts(f64::midpoint(load[0], load[1]));
        flat.then_some(AtClock { clock_hz, busy: load, watts: [middle; 2] })
            .ok_or(NoFit::NotPhysical { clock_hz })
    };
    let at = clocks.hz().iter().copied().zip(loads).zip(lines).map(at).collect::<Result<_, _>>()?;
    Ok(LearntPower::new(at).expect("rising clocks with rising powers are a model"))
}

/// Power at rest and by load, of each clock.
fn lines(clocks: &Clocks, observed: &[Observation]) -> Vec<(f64, f64)> {
    let count = clocks.hz().len();
    let mut equations = NormalEquations::new(2 * count);
    for at in observed {
        let Some((below, above, share)) = clocks.around(at.clock_hz) else { continue };
        let (near, far) = (1.0 - share, share);
        equations.add(
            &[
                (2 * below, near),
                (2 * below + 1, near * at.busy),
                (2 * above, far),
                (2 * above + 1, far * at.busy),
            ],
            at.watts,
            1.0,
        );
    }
    for below in 1..count {
        equations.add(&[(2 * below - 1, 1.0), (2 * below + 1, -1.0)], 0.0, HOLD);
    }
    let solved = equations.solve();
    solved.chunks_exact(2).map(|line| (line[0], line[1])).collect()
}

/// The range of the loads that were seen, without strays, with a margin.
fn seen(mut busy: Vec<f64>) -> [f64; 2] {
    busy.sort_by(f64::total_cmp);
    let at = |quantile| busy.get(rank(busy.len(), quantile)).copied().unwrap_or_default();
    [(at(STRAYS) - BUSY_MARGIN).max(0.0), (at(1.0 - STRAYS) + BUSY_MARGIN).min(1.0)]
}
