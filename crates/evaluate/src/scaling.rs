//! Parallel efficiency: what more nodes bring, in time and in energy, and the laws that describe it.
//!
//! Speed-up S(N) = R(N)/R(1) or T(1)/T(N); Amdahl S = 1/((1 − P) + P/N) (AFIPS 1967); Gustafson
//! S = (1 − P) + P·N (CACM 31/5, 1988); serial fraction e = (1/S − 1/N)/(1 − 1/N) (Karp and Flatt, CACM
//! 33/5, 1990); energy-delay product E·T.
//!
//! Invariant: neither the order of the runs nor listing all of them twice changes anything.

use std::collections::BTreeMap;

use crate::statistics::{median, t_95};

/// Runs whose work differs by no more than this share did the same work: a rate is printed with three
/// or four digits and a time to a hundredth of a second.
const SAME_WORK: f64 = 0.02;

/// One run on so many nodes; time, rate and energy are of the same window. What is not known is `None`,
/// and what is not a positive number counts as not known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Number of nodes (or of workers); a run on none is ignored.
    pub nodes: u32,
    /// Duration of the window, seconds.
    pub seconds: Option<f64>,
    /// Achieved rate, work units by second (FLOP/s, B/s, requests/s, …).
    pub rate: Option<f64>,
    /// Energy of the run, joules.
    pub joules: Option<f64>,
}

/// The first Beowulf, 1994: 16 nodes gave 60 MFLOPS, a speed-up of 13.33 and so an efficiency of 83 %
/// (the machine: Becker, Sterling et al., "Beowulf: a parallel workstation for scientific computation",
/// ICPP 1995). The rate of one node is not published beside them: 4.5 MFLOPS follows from the two.
pub const BEOWULF_1994: [Point; 2] = [
    Point { nodes: 1, seconds: None, rate: Some(4.5e6), joules: None },
    Point { nodes: 16, seconds: None, rate: Some(60e6), joules: None },
];

/// The median of the repeats of a run, and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Middle value, or the mean of the two middle ones.
    pub median: f64,
    /// Smallest value; the median itself if there is one run only.
    pub min: f64,
    /// Greatest value; the median itself if there is one run only.
    pub max: f64,
}

/// What speed-ups are computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Ratios of rates: right whether or not the work grows with the nodes.
    Rates,
    /// Ratios of times: right only if all runs do the same work, which nothing here can check.
    Times,
}

/// What the runs on one number of nodes say. Unknown is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct At {
    /// How many nodes (or workers) each of these runs had.
    pub nodes: u32,
    /// How many runs had that many, repeats among them.
    pub runs: usize,
    /// Duration in seconds, of the runs where it is known.
    pub seconds: Option<Spread>,
    /// Rate, work units by second.
    pub rate: Option<Spread>,
    /// Energy in joules, of the runs where it is known.
    pub joules: Option<Spread>,
    /// Speed-up against the median of the base; the spread is that of the runs here.
    pub speedup: Option<Spread>,
    /// Speed-up by nodes, both relative to the base: 1 is ideal, above it superlinear.
    pub efficiency: Option<f64>,
    /// Energy of the base by energy here, for the same work: where rates are compared, both by unit of
    /// work.
    pub energy_efficiency: Option<f64>,
    /// Energy-delay product E·T, J·s; the median over the runs.
    pub edp_js: Option<f64>,
    /// E·T², J·s²; the median over the runs.
    pub ed2p_js2: Option<f64>,
    /// The serial fraction of Karp and Flatt; only for more than one node against one node. Negative
    /// where the speed-up is superlinear.
    pub karp_flatt: Option<f64>,
}

/// The verdict on a series of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// What everything is relative to: one node, or the smallest number that has been run.
    pub base_nodes: u32,
    /// Whether rates or times were compared.
    pub basis: Basis,
    /// Whether all runs did the same work, to 2 %; `None` where rates or times are missing.
    pub same_work: Option<bool>,
    /// By number of nodes, ascending.
    pub by_nodes: Vec<At>,
    /// P of Amdahl's law: the same work on more nodes.
    pub amdahl: Result<Fit, NoFit>,
    /// P of Gustafson's law: work that grows with the nodes.
    pub gustafson: Result<Fit, NoFit>,
    /// The number of nodes with the least energy-delay product, unless the runs are known to have done
    /// different work.
    pub least_edp_nodes: Option<u32>,
}

/// A law of scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// S = 1/((1 − P) + P/N).
    Amdahl,
    /// S = (1 − P) + P·N.
    Gustafson,
}

/// A law, fitted to the speed-ups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// The law that `parallel` belongs to.
    pub law: Law,
    /// P, the parallel share. Not clamped: see [`Fit::share`].
    pub parallel: f64,
    /// Its 95 % confidence interval, from how the speed-ups scatter around the law; `None` with fewer
    /// than two numbers of nodes above one. It does not know the error of the single node's figure,
    /// which all speed-ups share.
    pub interval: Option<(f64, f64)>,
    /// Root mean square of the speed-ups' relative deviations from the law.
    pub rms_share: f64,
}

/// Why a law was not fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoFit {
    /// The laws are about speed-ups against one node, and that was not run.
    #[error("there is no run on 1 node to compare with, only on {base_nodes} and more")]
    NoSingleNode {
        /// The smallest number of nodes that was run.
        base_nodes: u32,
    },
    /// Nothing but the base.
    #[error("there is no run on more than 1 node")]
    NoSpeedup,
    /// The figures are too far apart to compute with.
    #[error("the speed-ups are not numbers of a real machine")]
    Absurd,
}

/// What a fitted P is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Share {
    /// A share, from 0 to 1.
    Plausible,
    /// Above one: more nodes bring more than their number, by their caches or because the base was slow.
    Superlinear,
    /// Below zero: more nodes are slower than one.
    Slowdown,
}

impl Fit {
    /// Whether P is a share at all, or what it says instead.
    pub fn share(&self) -> Share {
        if self.parallel > 1.0 {
            Share::Superlinear
        } else if self.parallel < 0.0 {
            Share::Slowdown
        } else {
            Share::Plausible
        }
    }

    /// The speed-up that the law gives for so many nodes; `None` where it gives none.
    pub fn speedup(&self, nodes: u32) -> Option<f64> {
        let n = f64::from(nodes);
        let speedup = match self.law {
            Law::Amdahl => 1.0 / (1.0 - self.parallel + self.parallel / n),
            Law::Gustafson => 1.0 - self.parallel + self.parallel * n,
        };
        known((nodes > 0).then_some(speedup))
    }

    /// The speed-up that no number of nodes exceeds, 1/(1 − P); `None` where the law knows no limit.
    pub fn limit(&self) -> Option<f64> {
        known((self.law == Law::Amdahl).then(|| 1.0 / (1.0 - self.parallel)))
    }
}

/// What the runs say together; `None` without a single rate or time.
pub fn scaling(points: &[Point]) -> Option<Scaling> {
    let mut groups: BTreeMap<u32, Vec<Point>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.nodes > 0) {
        groups.entry(point.nodes).or_default().push(*point);
    }
    let basis = basis(&groups);
    let base = groups.values().find(|runs| spread(runs, |run| basis.figure(run)).is_some())?;
    let by_nodes: Vec<At> = groups.values().map(|runs| at(runs, base, basis)).collect();
    let base_nodes = base[0].nodes;
    let same_work = same_work(&groups);
    let law = |law| fit(law, &by_nodes, base_nodes);
    Some(Scaling {
        base_nodes,
        basis,
        same_work,
        amdahl: law(Law::Amdahl),
        gustafson: law(Law::Gustafson),
        least_edp_nodes: if same_work == Some(false) { None } else { least_edp(&by_nodes) },
        by_nodes,
    })
}

/// Rates, as soon as two numbers of nodes can be compared by them, because they are right whatever the
/// work was; times only where rates are missing.
fn basis(groups: &BTreeMap<u32, Vec<Point>>) -> Basis {
    let with = |basis: Basis| {
        let has = |runs: &&Vec<Point>| runs.iter().any(|run| basis.figure(run).is_some());
        groups.values().filter(has).count()
    };
    if with(Basis::Rates) >= with(Basis::Times).min(2) { Basis::Rates } else { Basis::Times }
}

impl Basis {
    fn figure(self, run: &Point) -> Option<f64> {
        match self {
            Self::Rates => known(run.rate),
            Self::Times => known(run.seconds),
        }
    }

    /// The energy that can be compared: by unit of work where rates tell the work, else as it is.
    fn energy(self, run: &Point) -> Option<f64> {
        match self {
            Self::Rates => known(Some(known(run.joules)? / work(run)?)),
            Self::Times => known(run.joules),
        }
    }

    /// The speed-up of one figure against another, as the ratio is meant.
    fn speedup(self, base: f64, here: f64) -> f64 {
        match self {
            Self::Rates => here / base,
            Self::Times => base / here,
        }
    }
}

fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}

fn work(run: &Point) -> Option<f64> {
    known(Some(known(run.rate)? * known(run.seconds)?))
}

fn spread(runs: &[Point], figure: impl Fn(&Point) -> Option<f64>) -> Option<Spread> {
    let mut values: Vec<f64> = runs.iter().filter_map(figure).collect();
    let median = median(&mut values)?;
    Some(Spread { median, min: *values.first()?, max: *values.last()? })
}

fn at(runs: &[Point], base: &[Point], basis: Basis) -> At {
    let (nodes, base_nodes) = (runs[0].nodes, base[0].nodes);
    let speedup = speedup(runs, base, basis);
    let energy = |of| Some(spread(of, |run| basis.energy(run))?.median);
    let times = |power: i32| {
        spread(runs, |run| known(Some(known(run.joules)? * known(run.seconds)?.powi(power))))
            .map(|product| product.median)
    };
    let relative = f64::from(nodes) / f64::from(base_nodes);
    At {
        nodes,
        runs: runs.len(),
        seconds: spread(runs, |run| known(run.seconds)),
        rate: spread(runs, |run| known(run.rate)),
        joules: spread(runs, |run| known(run.joules)),
        speedup,
        efficiency: known(speedup.map(|speedup| speedup.median / relative)),
        energy_efficiency: energy(base).zip(energy(runs)).and_then(|(base, here)| known(Some(base / here))),
        edp_js: times(1),
        ed2p_js2: times(2),
        karp_flatt: speedup.filter(|_| base_nodes == 1).and_then(|s| karp_flatt(s.median, nodes)),
    }
}

/// The median and the spread of the speed-ups against the base's median.
fn speedup(runs: &[Point], base: &[Point], basis: Basis) -> Option<Spread> {
    let base = spread(base, |run| basis.figure(run))?.median;
    let here = spread(runs, |run| basis.figure(run))?;
    let of = |figure| known(Some(basis.speedup(base, figure)));
    let (one, other) = (of(here.min)?, of(here.max)?);
    Some(Spread { median: of(here.median)?, min: one.min(other), max: one.max(other) })
}

/// The serial fraction that would explain this speed-up on so many nodes; none on a single one.
fn karp_flatt(speedup: f64, nodes: u32) -> Option<f64> {
    let n = f64::from(nodes);
    let serial = (1.0 / speedup - 1.0 / n) / (1.0 - 1.0 / n);
    (nodes > 1).then_some(serial).filter(|serial| serial.is_finite())
}

fn same_work(groups: &BTreeMap<u32, Vec<Point>>) -> Option<bool> {
    let works: Option<Vec<f64>> = groups.values().map(|runs| Some(spread(runs, work)?.median)).collect();
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for work in works? {
        (least, most) = (least.min(work), most.max(work));
    }
    Some(most - least <= SAME_WORK * most)
}

fn least_edp(by_nodes: &[At]) -> Option<u32> {
    let known = by_nodes.iter().filter_map(|at| Some((at.edp_js?, at.nodes)));
    known.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, nodes)| nodes)
}

/// Least squares of the *relative* deviations, because the error of a run is a share of its time
/// whatever the time is: a plain fit of S would hear only the largest clusters, one of 1/S only the
/// smallest. Multiplied out, both laws are lines through the origin, z = P·u:
/// Amdahl S − 1 = P·S·(1 − 1/N), Gustafson (S − 1)/S = P·(N − 1)/S.
///
/// One median for each number of nodes: repeats on the same nodes share what the law leaves out, so they
/// are no further evidence for it. S(1) is 1 by definition and no evidence either.
fn fit(law: Law, by_nodes: &[At], base_nodes: u32) -> Result<Fit, NoFit> {
    if base_nodes != 1 {
        return Err(NoFit::NoSingleNode { base_nodes });
    }
    let several = by_nodes.iter().filter(|at| at.nodes > 1);
    let line: Vec<(f64, f64)> =
        several.filter_map(|at| Some(on_the_line(law, f64::from(at.nodes), at.speedup?.median))).collect();
    if line.is_empty() {
        return Err(NoFit::NoSpeedup);
    }
    through_the_origin(law, &line).ok_or(NoFit::Absurd)
}

/// A speed-up as u and z of the law's line.
fn on_the_line(law: Law, n: f64, speedup: f64) -> (f64, f64) {
    match law {
        Law::Amdahl => (speedup * (1.0 - 1.0 / n), speedup - 1.0),
        Law::Gustafson => ((n - 1.0) / speedup, 1.0 - 1.0 / speedup),
    }
}

/// The slope of z = P·u with its interval; `None` if the sums overflow.
fn through_the_origin(law: Law, line: &[(f64, f64)]) -> Option<Fit> {
    let uu: f64 = line.iter().map(|(u, _)| u * u).sum();
    let uz: f64 = line.iter().map(|(u, z)| u * z).sum();
    let parallel = uz / uu;
    let residual: f64 = line.iter().map(|(u, z)| (z - parallel * u).powi(2)).sum();
    let rms_share = (residual / line.len() as f64).sqrt();
    if !(parallel.is_finite() && rms_share.is_finite()) {
        return None;
    }
    let degrees_of_freedom = line.len() - 1;
    let interval = t_95(degrees_of_freedom).map(|t| {
        let half = t * (residual / degrees_of_freedom as f64 / uu).sqrt();
        (parallel - half, parallel + half)
    });
    if interval.is_some_and(|(low, high)| !(low.is_finite() && high.is_finite())) {
        return None;
    }
    Some(Fit { law, parallel, interval, rms_share })
}
