//! What more nodes bring: speed-up, efficiency and energy over runs that were measured, or over points from elsewhere.

use std::collections::BTreeSet;

use picollect_evaluate::scaling::{Point, scaling};
use picollect_telemetry::{Boundary, Source};
use serde::{Deserialize, Serialize};

use crate::report::numbers::count;
use crate::report::{self, Format, Run, RunStatus};
use crate::request::{Request, RequestError, Sources, Written};
use crate::runs::{self, NODES_LABEL};

/// Runs of one verdict, and lines of a table.
pub const MAX_RUNS: usize = 10_000;

/// For the scaling over some runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalingRequest {
    /// Ids, separated by commas; the runs of the last sweep over nodes without any.
    #[serde(default)]
    pub runs: String,
    /// How to write it.
    #[serde(default)]
    pub format: Format,
}

impl Request for ScalingRequest {
    const PATH: &'static str = "/api/v1/scaling";

    type Answer = Scaled;

    fn answer(&self, from: &Sources<'_>) -> Result<Scaled, RequestError> {
        let runs =
            self.which(from)?.into_iter().map(|kept| judged(from, kept)).collect::<Result<Vec<_>, _>>()?;
        let unit = unit_of(&runs)?;
        let mut remarks = remarks(&runs);
        let same_boundary = boundaries(&runs).len() < 2;
        if !same_boundary {
            remarks.push(different_boundaries(&runs));
        }
        let point = |(nodes, run): &(u32, Run)| Point {
            nodes: *nodes,
            seconds: Some(run.window.seconds).filter(|_| run.status == RunStatus::Done),
            rate: run.result.as_ref().and_then(|result| result.rate),
            joules: run.energy_to_solution_j.filter(|_| same_boundary),
        };
        let points: Vec<Point> = runs.iter().map(point).collect();
        Ok(Scaled::of(&points, &unit)?.with_remarks(remarks))
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, scaled: &Scaled, _now_ms: i64) -> Result<Written, RequestError> {
        scaled.written(self.format)
    }
}

impl ScalingRequest {
    /// The runs that are meant.
    fn which(&self, from: &Sources<'_>) -> Result<Vec<runs::Run>, RequestError> {
        let ids: Vec<&str> = self.runs.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.len() > MAX_RUNS {
            return Err(RequestError::Invalid(format!("name {MAX_RUNS} runs at most")));
        }
        if ids.is_empty() {
            let runs = runs::last_sweep(from.store)?;
            let none = "there is no sweep over nodes yet; name the runs, or make one: \
                        `picollect run --sweep nodes=1,2,4 -- COMMAND {nodes}`";
            return if runs.is_empty() { Err(RequestError::NotFound(none.to_owned())) } else { Ok(runs) };
        }
        ids.into_iter().map(|id| Ok(runs::find(from.store, id)?)).collect()
    }
}

/// What more nodes bring, before any format.
#[derive(Debug, Clone)]
pub struct Scaled(report::Scaled);

impl Scaled {
    /// The scaling over these points, whose rates are in `unit`; an error where none has a rate or a time.
    pub fn of(points: &[Point], unit: &str) -> Result<Self, RequestError> {
        let none = || {
            RequestError::Invalid("none of the runs has a rate or a time: nothing can be compared".to_owned())
        };
        let scaling = scaling(points).ok_or_else(none)?;
        Ok(Self(report::Scaled { scaling, unit: unit.to_owned(), remarks: Vec::new() }))
    }

    /// With sentences on where its points come from.
    #[must_use]
    pub fn with_remarks(self, remarks: Vec<String>) -> Self {
        Self(report::Scaled { remarks, ..self.0 })
    }

    /// In a format; only JSON can fail.
    pub fn written(&self, format: Format) -> Result<Written, RequestError> {
        Ok(Written::from(self.0.written(format)?))
    }
}

/// A run with the number of its nodes.
fn judged(from: &Sources<'_>, kept: runs::Run) -> Result<(u32, Run), RequestError> {
    let nodes = nodes_of(&kept).ok_or_else(|| {
        let text = "it is not known on how many nodes the run was; give it --label nodes=N or --nodes";
        RequestError::Invalid(format!("{text}: `{}`", kept.id))
    })?;
    Ok((nodes, report::run(from, kept)?))
}

/// What all rates count; empty if no run has one.
fn unit_of(runs: &[(u32, Run)]) -> Result<String, RequestError> {
    let results = runs.iter().filter_map(|(_, run)| run.result.as_ref());
    let mut units = results.map(|result| result.unit.as_str()).filter(|unit| !unit.is_empty());
    let first = units.next().unwrap_or_default();
    match units.find(|unit| *unit != first) {
        Some(other) => {
            Err(RequestError::Invalid(format!("the runs count different things: {first} and {other}")))
        }
        None => Ok(first.to_owned()),
    }
}

/// What one has to know to believe the figures.
fn remarks(runs: &[(u32, Run)]) -> Vec<String> {
    let of = |wanted: fn(&Run) -> bool| runs.iter().filter(|(_, run)| wanted(run)).count();
    let estimated = of(|run| run.energy.source == Some(Source::Estimated));
    let simulated = of(|run| run.simulated || run.energy.source == Some(Source::Simulated));
    let throttled = of(|run| run.throttled == Some(true));
    let unknown = of(|run| run.throttled.is_none());
    let not_done = of(|run| run.status != RunStatus::Done);
    let all = runs.len();
    let said = [
        (estimated, "the power is estimated, not measured"),
        (simulated, "work or power is simulated"),
        (throttled, "nodes were throttled, so that it is not the scaling of a machine at its rated clock"),
        (unknown, "it is not known whether nodes were throttled"),
        (not_done, "the command did not end well; its time does not count"),
    ];
    let said = said.into_iter().filter(|(number, _)| *number > 0);
    said.map(|(number, what)| format!("in {number} of {}: {what}", count(all, "run"))).collect()
}

fn boundaries(runs: &[(u32, Run)]) -> BTreeSet<Boundary> {
    let metered = runs.iter().filter(|(_, run)| run.energy_to_solution_j.is_some());
    metered.filter_map(|(_, run)| run.energy.boundary).collect()
}

fn different_boundaries(runs: &[(u32, Run)]) -> String {
    let names: Vec<&str> = boundaries(runs).into_iter().map(Boundary::as_str).collect();
    let names = names.join(" and ");
    format!(
        "the energies were taken at different boundaries, {names}, so that they do not compare: none is used"
    )
}

fn nodes_of(run: &runs::Run) -> Option<u32> {
    match run.labels.get(NODES_LABEL) {
        Some(label) => label.parse().ok().filter(|nodes| *nodes > 0),
        None => u32::try_from(run.nodes.as_ref()?.len()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{EnergyFigure, RunResult};

    use super::*;

    fn run(source: Source, boundary: Boundary) -> Run {
        Run {
            status: RunStatus::Done,
            throttled: Some(false),
            energy_to_solution_j: Some(1.0),
            energy: EnergyFigure {
                source: Some(source),
                boundary: Some(boundary),
                ..EnergyFigure::default()
            },
            ..Run::default()
        }
    }

    #[test]
    fn what_weakens_the_figures_is_said_and_how_many_runs_it_is_about() {
        let good = run(Source::Measured, Boundary::Wall);
        assert_eq!(remarks(&[(1, good.clone())]), [""; 0]);
        let hot = Run { throttled: Some(true), ..run(Source::Estimated, Boundary::Wall) };
        let said = remarks(&[(1, good), (2, hot)]).join("\n");
        assert!(said.starts_with("in 1 of 2 runs: the power is estimated, not measured\n"), "{said}");
        assert!(said.contains("in 1 of 2 runs: nodes were throttled"), "{said}");
    }

    #[test]
    fn energies_of_different_boundaries_are_not_compared() {
        let both = [(1, run(Source::Measured, Boundary::Node)), (2, run(Source::Measured, Boundary::Wall))];
        assert_eq!(boundaries(&both).len(), 2);
        assert!(different_boundaries(&both).contains("node and wall"), "{}", different_boundaries(&both));
    }

    #[test]
    fn a_run_without_a_rate_hides_no_other_unit() {
        let counting = |unit: &str| {
            let result = RunResult { unit: unit.to_owned(), ..RunResult::default() };
            (1, Run { result: Some(result), ..Run::default() })
        };
        let none = (1, Run::default());
        assert!(unit_of(&[counting("FLOPS"), none.clone(), counting("B/s")]).is_err());
        assert_eq!(unit_of(&[counting("FLOPS"), none]).unwrap(), "FLOPS");
    }
}
