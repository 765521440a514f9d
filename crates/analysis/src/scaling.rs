//! What more nodes bring: speed-up, efficiency and energy over runs that were measured, or over points from elsewhere.

use crate::report::RunStatus;
use picollect_evaluate::scaling::{Basis, Fit, Point, Scaling, Share, Spread, scaling};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::report::Format;
use crate::report::numbers::{count, decimals, si_spaced};
use crate::request::{Request, RequestError, Sources, Written};
use crate::runs::{self, NODES_LABEL};

/// Runs of one verdict, and lines of a table.
pub const MAX_RUNS: usize = 10_000;
/// Width of a bar.
const BAR: f64 = 40.0;

/// For the scaling over some runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalingRequest {
    /// Ids, separated by commas; the runs of the last sweep over nodes without any.
    #[serde(default)]
    pub runs: String,
    /// Text or JSON; any other is refused as [`RequestError::Invalid`].
    #[serde(default)]
    pub format: Format,
}

impl Request for ScalingRequest {
    const PATH: &'static str = "/api/v1/scaling";

    type Answer = Scaled;

    fn answer(&self, from: &Sources<'_>) -> Result<Scaled, RequestError> {
        let (mut points, mut unit) = (Vec::new(), String::new());
        for kept in self.which(from)? {
            let id = &kept.id;
            let nodes = nodes_of(&kept).ok_or_else(|| {
                let text =
                    "it is not known on how many nodes the run was; give it --label nodes=N or --nodes";
                RequestError::Invalid(format!("{text}: `{id}`"))
            })?;
            let run = crate::report::run(from, kept)?;
            let result = run.result.as_ref();
            let this_unit = result.map_or("", |result| result.unit.as_str());
            if !unit.is_empty() && !this_unit.is_empty() && unit != this_unit {
                return Err(RequestError::Invalid(format!(
                    "the runs count different things: {unit} and {this_unit}"
                )));
            }
            this_unit.clone_into(&mut unit);
            points.push(Point {
                nodes,
                seconds: Some(run.window.seconds).filter(|_| run.status == RunStatus::Done),
                rate: result.and_then(|result| result.rate),
                joules: run.energy_to_solution_j,
            });
        }
        Scaled::of(&points, &unit)
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

/// What more nodes bring, and the unit of the rates.
#[derive(Debug, Clone)]
pub struct Scaled {
    scaling: Scaling,
    unit: String,
}

impl Scaled {
    /// The scaling over these points, whose rates are in `unit`; an error where none has a rate or a time.
    pub fn of(points: &[Point], unit: &str) -> Result<Self, RequestError> {
        let none = || {
            RequestError::Invalid("none of the runs has a rate or a time: nothing can be compared".to_owned())
        };
        Ok(Self { scaling: scaling(points).ok_or_else(none)?, unit: unit.to_owned() })
    }

    /// As text or JSON; an error for any other format.
    pub fn written(&self, format: Format) -> Result<Written, RequestError> {
        let Self { scaling, unit } = self;
        Ok(Written::from(match format {
            Format::Text => text(scaling, unit),
            Format::Json => serde_json::to_string_pretty(&as_json(scaling, unit))? + "\n",
            _ => return Err(RequestError::Invalid("scaling is written as text or json".to_owned())),
        }))
    }
}

fn nodes_of(run: &runs::Run) -> Option<u32> {
    match run.labels.get(NODES_LABEL) {
        Some(label) => label.parse().ok().filter(|nodes| *nodes > 0),
        None => u32::try_from(run.nodes.as_ref()?.len()).ok(),
    }
}

fn text(found: &Scaling, unit: &str) -> String {
    let basis = match found.basis {
        Basis::Rates => "rates",
        Basis::Times => "times of what is taken to be the same work",
    };
    let mut page = format!("SCALING   relative to {}, by {basis}\n\n", nodes(found.base_nodes));
    page += &format!(
        "  {:>5} {:>4} {:>10} {:>13} {:>10} {:>8} {:>6} {:>6} {:>7}\n",
        "nodes", "runs", "time", "rate", "energy", "speed-up", "eff.", "E eff.", "K–F e"
    );
    let median = |spread: Option<Spread>, unit: &str| si_spaced(spread.map(|spread| spread.median), unit);
    for at in &found.by_nodes {
        page += &format!(
            "  {:>5} {:>4} {:>10} {:>13} {:>10} {:>8} {:>6} {:>6} {:>7}\n",
            at.nodes,
            at.runs,
            median(at.seconds, "s"),
            median(at.rate, unit),
            median(at.joules, "J"),
            decimals(at.speedup.map(|speedup| speedup.median), 2),
            decimals(at.efficiency, 3),
            decimals(at.energy_efficiency, 3),
            decimals(at.karp_flatt, 4),
        );
    }
    page += "\n";
    page += &bars(found);
    page += &law("Amdahl", found.amdahl.as_ref().map_err(ToString::to_string), found);
    page += &law("Gustafson", found.gustafson.as_ref().map_err(ToString::to_string), found);
    page += &match found.least_edp_nodes {
        Some(number) => format!("  least energy × time: {}\n", nodes(number)),
        None => "  least energy × time: not known\n".to_owned(),
    };
    if found.same_work == Some(false) {
        page += "  the runs did different amounts of work: times and energies are not of the same problem\n";
    }
    page
}

fn nodes(number: u32) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "node")
}

/// Speed-up as a bar, with the ideal at the end of the dots.
fn bars(found: &Scaling) -> String {
    let most = found.by_nodes.iter().map(|at| f64::from(at.nodes) / f64::from(found.base_nodes));
    let most =
        most.chain(found.by_nodes.iter().filter_map(|at| Some(at.speedup?.median))).fold(1.0, f64::max);
    let mut page = String::new();
    for at in &found.by_nodes {
        let Some(speedup) = at.speedup else { continue };
        let cells = |value: f64| whole_cells(value / most * BAR);
        let (real, ideal) = (cells(speedup.median), cells(f64::from(at.nodes) / f64::from(found.base_nodes)));
        let bar = "█".repeat(real) + &"·".repeat(ideal.saturating_sub(real));
        page += &format!("  {:>5} {bar} {:.2}\n", at.nodes, speedup.median);
    }
    if page.is_empty() { page } else { format!("  speed-up; the dots end where it would be ideal\n{page}\n") }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a bar's width")]
fn whole_cells(cells: f64) -> usize {
    cells.round().clamp(0.0, BAR) as usize
}

fn law(name: &str, fit: Result<&Fit, String>, found: &Scaling) -> String {
    let fit = match fit {
        Ok(fit) => fit,
        Err(why) => return format!("  {name}: no fit, {why}\n"),
    };
    let interval = fit.interval.map_or_else(
        || "no interval from so few numbers of nodes".to_owned(),
        |(low, high)| format!("95 % from {low:.4} to {high:.4}"),
    );
    let mut text = format!("  {name}: parallel share {:.4} ({interval})\n", fit.parallel);
    text += &format!("    off by {:.1} %", fit.rms_share * 100.0);
    let most = found.by_nodes.last().map_or(1, |at| at.nodes * 2);
    if let Some(speedup) = fit.speedup(most) {
        text += &format!("; {most} nodes would give {speedup:.2}");
    }
    if let Some(limit) = fit.limit().filter(|limit| *limit >= 1.0) {
        text += &format!(", no number of nodes more than {limit:.1}");
    }
    text += match fit.share() {
        Share::Plausible => "",
        Share::Superlinear => "\n    which is no share: the speed-up is superlinear, or the base was slow",
        Share::Slowdown => "\n    which is no share: more nodes are slower than one",
    };
    text + "\n"
}

fn as_json(found: &Scaling, unit: &str) -> Value {
    let spread = |spread: Option<Spread>| {
        spread.map(|spread| json!({"median": spread.median, "min": spread.min, "max": spread.max}))
    };
    let fit = |fit: Result<&Fit, String>| match fit {
        Ok(fit) => json!({
            "parallel": fit.parallel,
            "interval_95": fit.interval,
            "rms_share": fit.rms_share,
            "limit": fit.limit(),
        }),
        Err(why) => json!({"unknown": why}),
    };
    json!({
        "schema": 1,
        "base_nodes": found.base_nodes,
        "basis": match found.basis { Basis::Rates => "rates", Basis::Times => "times" },
        "same_work": found.same_work,
        "unit": unit,
        "by_nodes": found.by_nodes.iter().map(|at| json!({
            "nodes": at.nodes,
            "runs": at.runs,
            "seconds": spread(at.seconds),
            "rate": spread(at.rate),
            "joules": spread(at.joules),
            "speedup": spread(at.speedup),
            "efficiency": at.efficiency,
            "energy_efficiency": at.energy_efficiency,
            "edp_js": at.edp_js,
            "ed2p_js2": at.ed2p_js2,
            "karp_flatt": at.karp_flatt,
        })).collect::<Vec<_>>(),
        "amdahl": fit(found.amdahl.as_ref().map_err(ToString::to_string)),
        "gustafson": fit(found.gustafson.as_ref().map_err(ToString::to_string)),
        "least_edp_nodes": found.least_edp_nodes,
    })
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::scaling::BEOWULF_1994;

    use super::*;

    #[test]
    fn a_slowdown_is_called_one() {
        let timed = |nodes, seconds| Point { nodes, seconds: Some(seconds), ..Point::default() };
        let text = |points: &[Point]| Scaled::of(points, "s").unwrap().written(Format::Text).unwrap().text;
        let slower = text(&[timed(1, 100.0), timed(2, 110.0), timed(4, 130.0)]);
        assert!(slower.contains("which is no share: more nodes are slower than one"), "{slower}");
        assert!(!slower.contains("superlinear") && !slower.contains("no number of nodes more"), "{slower}");
        let faster = text(&[timed(1, 100.0), timed(2, 45.0), timed(4, 21.0)]);
        assert!(faster.contains("the speed-up is superlinear"), "{faster}");
    }

    #[test]
    fn the_first_beowulf_is_found_again() {
        let answer = Scaled::of(&BEOWULF_1994, "FLOPS").unwrap().written(Format::Json).unwrap();
        let found: Value = serde_json::from_str(&answer.text).unwrap();
        let sixteen = &found["by_nodes"][1];
        assert!((sixteen["speedup"]["median"].as_f64().unwrap() - 13.33).abs() < 0.01);
        assert!((sixteen["efficiency"].as_f64().unwrap() - 0.83).abs() < 0.005);
    }

    #[test]
    fn the_page_fits_a_terminal() {
        let page = Scaled::of(&BEOWULF_1994, "FLOPS").unwrap().written(Format::Text).unwrap().text;
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    }
}
