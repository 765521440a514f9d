//! Whether a fan pays: two runs of the same work, one with it and one without.
//!
//! What counts is the energy of a unit of work with the fan's own in it. Where a run has no rate, it is the energy of
//! the whole run, which is the same only if both did the same work.
//!
//! Invariant: what is not known of either run makes the verdict unknown, with what it is; it is never taken for zero.

/// The fan of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fan {
    /// It did not run.
    Off,
    /// It ran for all or some of the time.
    On {
        /// What it drew in the mean over the run, W; `None` is unknown.
        mean_w: Option<f64>,
        /// Whether the power of the run has it already, because the fan is fed behind the meter; `None` is unknown.
        counted: Option<bool>,
    },
    /// Nobody says whether it ran.
    Unknown,
}

/// One of the two runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cooled {
    /// What it achieved, in the unit of the other one; `None` if that is unknown or counts something else.
    pub rate: Option<f64>,
    /// From its beginning to its end.
    pub seconds: f64,
    /// Mean power over the rated time, or over the whole run where there is no rate, W.
    pub mean_w: Option<f64>,
    /// How far the power may be off, a share of it; `None` is unknown.
    pub error: Option<f64>,
    /// Whether the fan ran.
    pub fan: Fan,
    /// Work that throttling cost, in core-seconds; `None` is unknown.
    pub lost_core_s: Option<f64>,
}

/// What keeps the verdict from being known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Whether a fan ran.
    Fan,
    /// What the fan drew, which no meter of the run counts.
    FanPower,
    /// Whether the run's meter counts the fan.
    Counted,
    /// The power of the run.
    Power,
    /// Both runs had a fan, or both had none.
    Roles,
}

/// What the fan brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// With it the work takes less energy, its own included.
    Pays,
    /// With it the work takes more energy.
    Costs,
    /// The difference is within what the meters may be off.
    WithinError,
    /// Something is not known, of the first run or of the second one.
    Unknown(Vec<(usize, Missing)>),
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which of the two had the fan, 0 or 1; `None` if that is not known or not so of exactly one.
    pub with: Option<usize>,
    /// Energy of a unit of work, or of the whole run where the rates are unknown, with the fan's; J by unit, or J.
    pub joules: [Option<f64>; 2],
    /// Whether `joules` are those of a unit of work.
    pub by_rate: bool,
    /// The run with the fan by the one without; where that is not known the second by the first.
    pub joules_ratio: Option<f64>,
    /// How far that ratio may be off; `None` is unknown.
    pub error: Option<f64>,
    /// The rate of the same by the other, or the inverse of the times where the rates are unknown.
    pub speed_ratio: Option<f64>,
    /// Whether the fan pays.
    pub verdict: Verdict,
}

/// Compares two runs of the same work.
pub fn compare(runs: [&Cooled; 2]) -> Comparison {
    let by_rate = runs.iter().all(|run| run.rate.is_some_and(|rate| rate > 0.0));
    let power = runs.map(with_fan);
    let joules = [0, 1].map(|at| {
        let watts = power[at].ok()?;
        Some(if by_rate { watts / runs[at].rate? } else { watts * runs[at].seconds })
    });
    let with = roles(runs);
    let (on, off) = with.map_or((1, 0), |with| (with, 1 - with));
    let by = |of: Option<f64>, base: Option<f64>| {
        of.zip(base).map(|(of, base)| of / base).filter(|ratio| ratio.is_finite())
    };
    let joules_ratio = by(joules[on], joules[off]);
    let speed = |run: &Cooled| if by_rate { run.rate } else { Some(1.0 / run.seconds) };
    let error = runs[0].error.zip(runs[1].error).map(|(first, second)| first.hypot(second));
    let mut missing: Vec<_> = (0..2).filter_map(|at| Some((at, power[at].err()?))).collect();
    if with.is_none() && missing.is_empty() {
        missing.push((0, Missing::Roles));
    }
    let verdict = match joules_ratio.filter(|_| missing.is_empty()) {
        None => Verdict::Unknown(missing),
        Some(ratio) if error.is_some_and(|error| (ratio - 1.0).abs() <= error) => Verdict::WithinError,
        Some(ratio) if ratio < 1.0 => Verdict::Pays,
        Some(_) => Verdict::Costs,
    };
    Comparison {
        with,
        joules,
        by_rate,
        joules_ratio,
        error,
        speed_ratio: by(speed(runs[on]), speed(runs[off])),
        verdict,
    }
}

/// The power of a run with that of its fan.
fn with_fan(run: &Cooled) -> Result<f64, Missing> {
    let watts = run.mean_w.filter(|watts| *watts > 0.0).ok_or(Missing::Power)?;
    match run.fan {
        Fan::Off | Fan::On { counted: Some(true), .. } => Ok(watts),
        Fan::Unknown => Err(Missing::Fan),
        Fan::On { counted: None, .. } => Err(Missing::Counted),
        Fan::On { mean_w, counted: Some(false) } => mean_w.map(|fan| watts + fan).ok_or(Missing::FanPower),
    }
}

fn roles(runs: [&Cooled; 2]) -> Option<usize> {
    match runs.map(|run| run.fan) {
        [Fan::On { .. }, Fan::Off] => Some(0),
        [Fan::Off, Fan::On { .. }] => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Cooled = Cooled {
        rate: Some(10e9),
        seconds: 100.0,
        mean_w: Some(6.0),
        error: Some(0.01),
        fan: Fan::Off,
        lost_core_s: Some(40.0),
    };
    const FANNED: Cooled = Cooled {
        rate: Some(12e9),
        seconds: 84.0,
        mean_w: Some(6.2),
        error: Some(0.01),
        fan: Fan::On { mean_w: Some(0.5), counted: Some(false) },
        lost_core_s: Some(0.0),
    };

    #[test]
    fn the_fans_own_power_is_in_the_energy_of_a_unit_of_work_whichever_run_had_it() {
        let found = compare([&BARE, &FANNED]);
        assert_eq!((found.with, found.by_rate, found.verdict.clone()), (Some(1), true, Verdict::Pays));
        assert!((found.joules_ratio.unwrap() - (6.7 / 12.0) / (6.0 / 10.0)).abs() < 1e-12);
        assert!((found.speed_ratio.unwrap() - 1.2).abs() < 1e-12);
        let swapped = compare([&FANNED, &BARE]);
        assert_eq!((swapped.with, swapped.joules_ratio), (Some(0), found.joules_ratio));
        let counted = Cooled { fan: Fan::On { mean_w: None, counted: Some(true) }, ..FANNED };
        let ratio = compare([&BARE, &counted]).joules_ratio.unwrap();
        assert!((ratio - (6.2 / 12.0) / 0.6).abs() < 1e-12, "the meter has it already");
    }

    #[test]
    fn a_fan_that_helps_little_costs_and_what_the_meters_cannot_tell_is_not_told() {
        let strong = Cooled { fan: Fan::On { mean_w: Some(2.0), counted: Some(false) }, ..FANNED };
        assert_eq!(compare([&BARE, &strong]).verdict, Verdict::Costs);
        let even = Cooled { fan: Fan::On { mean_w: Some(1.05), counted: Some(false) }, ..FANNED };
        assert_eq!(compare([&BARE, &even]).verdict, Verdict::WithinError);
        let unknown = Cooled { error: None, ..even };
        assert_eq!(
            (compare([&BARE, &unknown]).verdict, compare([&BARE, &unknown]).error),
            (Verdict::Costs, None)
        );
    }

    #[test]
    fn without_rates_the_energy_of_the_whole_runs_is_compared() {
        let (bare, fanned) = (Cooled { rate: None, ..BARE }, FANNED);
        let found = compare([&bare, &fanned]);
        assert!(!found.by_rate);
        assert_eq!(found.joules, [Some(600.0), Some(6.7 * 84.0)]);
        assert!((found.speed_ratio.unwrap() - 100.0 / 84.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_known_is_named_and_never_zero() {
        let of = |bare: Cooled, fanned: Cooled| match compare([&bare, &fanned]).verdict {
            Verdict::Unknown(missing) => missing,
            verdict => panic!("{verdict:?} is known"),
        };
        let on = |mean_w, counted| Cooled { fan: Fan::On { mean_w, counted }, ..FANNED };
        assert_eq!(of(BARE, Cooled { fan: Fan::Unknown, ..FANNED }), [(1, Missing::Fan)]);
        assert_eq!(of(BARE, on(None, Some(false))), [(1, Missing::FanPower)]);
        assert_eq!(of(BARE, on(Some(0.5), None)), [(1, Missing::Counted)]);
        assert_eq!(of(Cooled { mean_w: None, ..BARE }, FANNED), [(0, Missing::Power)]);
        assert_eq!(of(BARE, BARE), [(0, Missing::Roles)]);
        let both = compare([&FANNED, &FANNED]);
        assert_eq!((both.with, both.joules_ratio), (None, Some(1.0)), "figures stay");
    }
}
