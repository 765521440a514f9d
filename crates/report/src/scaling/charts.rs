//! What is drawn over the number of nodes: speed-up with the laws, efficiency, energy.

use picollect_evaluate::scaling::{At, Fit, Spread};

use super::Scaled;
use crate::charts::over_nodes::{Curve, Marks, OverNodes};

/// Points of a law's line; more are finer than any screen.
const MOST_POINTS: u32 = 240;

/// Those of which anything was measured on more than one number of nodes.
pub(super) fn charts(scaled: &Scaled) -> Vec<OverNodes> {
    let several = |chart: &OverNodes| chart.marks.iter().any(|marks| marks.at.len() > 1);
    [speedup(scaled), efficiency(scaled), energy(scaled)].into_iter().filter(several).collect()
}

fn marks(scaled: &Scaled, name: &str, of: impl Fn(&At) -> Option<Spread>) -> Marks {
    let at = scaled.scaling.by_nodes.iter().filter_map(|at| Some((at.nodes, of(at)?))).collect();
    Marks { name: name.to_owned(), at }
}

fn speedup(scaled: &Scaled) -> OverNodes {
    let found = &scaled.scaling;
    let base = f64::from(found.base_nodes);
    let most = found.by_nodes.last().map_or(found.base_nodes, |at| at.nodes);
    let ends = [base, f64::from(most)];
    let ideal = Curve {
        name: "ideal".to_owned(),
        points: ends.map(|nodes| (nodes, nodes / base)).to_vec(),
        band: Vec::new(),
    };
    let laws = [("Amdahl", &found.amdahl), ("Gustafson", &found.gustafson)];
    let laws = laws.into_iter().filter_map(|(name, fit)| Some(law(name, *fit.as_ref().ok()?, most)));
    OverNodes {
        title: "Speed-up over the number of nodes".to_owned(),
        unit: String::new(),
        marks: vec![marks(scaled, "measured, median of the runs", |at| at.speedup)],
        laws: std::iter::once(ideal).chain(laws).collect(),
    }
}

/// A law with the band of its 95 % interval.
fn law(name: &str, fit: Fit, most: u32) -> Curve {
    let step = usize::try_from(most / MOST_POINTS + 1).unwrap_or(usize::MAX);
    let mut all: Vec<u32> = (1..=most).step_by(step).collect();
    all.extend((all.last() != Some(&most)).then_some(most));
    let at = |parallel: f64, nodes: u32| Fit { parallel, ..fit }.speedup(nodes);
    let point = |nodes: &u32| Some((f64::from(*nodes), at(fit.parallel, *nodes)?));
    let between = |nodes: &u32, (low, high): (f64, f64)| {
        let (one, other) = (at(low, *nodes)?, at(high, *nodes)?);
        Some((f64::from(*nodes), one.min(other), one.max(other)))
    };
    let band = fit.interval.map(|interval| all.iter().filter_map(|nodes| between(nodes, interval)).collect());
    let band: Vec<_> = band.unwrap_or_default();
    let with = if band.is_empty() { "" } else { " with its 95 % interval" };
    Curve { name: format!("{name}{with}"), points: all.iter().filter_map(point).collect(), band }
}

fn efficiency(scaled: &Scaled) -> OverNodes {
    let alone = |value: Option<f64>| value.map(|median| Spread { median, min: median, max: median });
    let several = |marks: &Marks| marks.at.len() > 1;
    let both = [
        marks(scaled, "speed-up by nodes", |at| alone(at.efficiency)),
        marks(scaled, "energy of the base by energy here", |at| alone(at.energy_efficiency)),
    ];
    OverNodes {
        title: "Efficiency over the number of nodes; 1 is ideal".to_owned(),
        unit: String::new(),
        marks: both.into_iter().filter(several).collect(),
        laws: Vec::new(),
    }
}

fn energy(scaled: &Scaled) -> OverNodes {
    let about = if scaled.scaling.same_work == Some(false) { "; not of the same work" } else { "" };
    OverNodes {
        title: format!("Energy over the number of nodes{about}"),
        unit: "J".to_owned(),
        marks: vec![marks(scaled, "a run, median", |at| at.joules)],
        laws: Vec::new(),
    }
}
