//! A run: what its nodes used, over the whole of it and over each result's core phase, and what the
//! figure is worth as a measurement.

use std::cell::Cell;

use picollect_evaluate::Window;
use picollect_evaluate::accuracy::combined_ratio;
use picollect_evaluate::benchmarks::Unit;
use picollect_evaluate::benchmarks::core_phase::Placed;
use picollect_evaluate::efficiency::{
    edge_ratio, flops, flops_per_w, rate_per_w, to_solution, uncertainty_ratio,
};
use picollect_evaluate::energy::Energy;
use picollect_evaluate::methodology::{Facts, assess};
use picollect_evaluate::series::Sample;
use picollect_telemetry::Source;

use super::super::{EnergyFigure, Methodology, Rule, Run, RunNode, RunResult};
use super::energy::{Metered, Together, boundary, speaking_meter, together};
use super::{Result, node, span};
use crate::nodes::heard;
use crate::query::hosts;
use crate::runs::{self, Check, End};
use crate::store::Store;

/// A node that works more than this before a run was not idle.
const IDLE_BUSY: f64 = 0.1;
/// Energy that covers less of a run than this is not its energy to solution.
const WHOLE: f64 = 0.99;

/// What is to be said of a run.
pub fn run(store: &dyn Store, run: runs::Run) -> Result<Run> {
    let nodes = nodes_of(store, &run)?;
    let whole_time = Window::from(run.time);
    let whole = Part::of(store, &nodes, whole_time)?;
    let mut results = Vec::new();
    for kept in &run.results {
        results.push(result(store, &nodes, kept, &whole)?);
    }
    results.extend(counted(&run, &whole));
    let (status, mut remarks) = status(&run);
    let headline = headline(&results).filter(|_| status == "done");
    let core = headline.and_then(|at| run.results.get(at)?.core).map(|core| Window::from(core.time));
    let methodology = match core {
        Some(core) => methodology(&Part::of(store, &nodes, core)?, core, true),
        None => methodology(&whole, whole_time, false),
    };
    let idle = run.idle.map(|idle| Part::of(store, &nodes, idle.into())).transpose()?;
    remarks.extend(busy_while_idle(store, &nodes, &run)?);
    if headline.is_some() && core.is_none() {
        remarks.push("the core phase is not known: the rate is divided by the power of the whole run".into());
    }
    let covered = whole.energy().coverage.is_some_and(|coverage| coverage >= WHOLE);
    let solution = whole.all_mean_w().filter(|_| covered);
    let solution = solution.and_then(|mean_w| to_solution(mean_w, whole_time.seconds()));
    Ok(Run {
        throttled: throttled(store, &nodes, whole_time)?,
        window: span(whole_time),
        status,
        remarks,
        simulated: run.simulated,
        result: headline.map(|at| results[at].clone()),
        results,
        energy: whole.energy().clone(),
        idle: idle.map(|idle| idle.together.energy),
        energy_to_solution_j: solution.map(|solution| solution.joules),
        edp_js: solution.map(|solution| solution.edp_j_s),
        ed2p_js2: solution.map(|solution| solution.ed2p_j_s2),
        share_of_window: None,
        methodology,
        nodes: parts(&run, &nodes, &whole),
        provenance: run
            .provenance
            .into_iter()
            .chain(super::provenance::of_nodes(store, &nodes, whole_time)?)
            .collect(),
        id: run.id,
        name: run.name,
        labels: run.labels,
        command: run.command,
    })
}

/// The named nodes, those that did counted work, or every one that was heard of meanwhile.
fn nodes_of(store: &dyn Store, run: &runs::Run) -> Result<Vec<String>> {
    if let Some(names) = &run.nodes {
        return Ok(names.clone());
    }
    if !run.shares.is_empty() {
        return Ok(run.shares.iter().map(|share| share.host.clone()).collect());
    }
    let mut nodes = Vec::new();
    for host in hosts(store)? {
        let heard = heard(store, &host, run.time.end_ms)?;
        if heard.is_some_and(|(heard_ms, _)| heard_ms >= run.time.start_ms) {
            nodes.push(host);
        }
    }
    Ok(nodes)
}

/// The nodes' energy in a part of a run.
struct Part {
    window: Window,
    nodes: usize,
    metered: Metered,
    together: Together,
}

impl Part {
    fn of(store: &dyn Store, nodes: &[String], window: Window) -> Result<Self> {
        let mut metered = Metered::new();
        for host in nodes {
            let interval_s = heard(store, host, window.end_ms)?.map_or(1.0, |(_, interval_s)| interval_s);
            let meter = speaking_meter(store, host, window)?;
            metered.extend(meter.map(|meter| (host.clone(), (meter, interval_s))));
        }
        let together = together(&metered, window);
        Ok(Self { window, nodes: nodes.len(), metered, together })
    }

    fn energy(&self) -> &EnergyFigure {
        &self.together.energy
    }

    /// Mean power of all nodes; work and power have to be those of the same machines.
    fn all_mean_w(&self) -> Option<f64> {
        self.together.energy.mean_w.filter(|_| self.together.nodes == self.nodes)
    }

    /// The meters behind the figure.
    fn speaking(&self) -> impl Iterator<Item = &super::energy::Meter> {
        let speaks = boundary(self.energy());
        self.metered
            .values()
            .map(|(meter, _)| meter)
            .filter(move |meter| Some(meter.figure.boundary) == speaks)
    }

    fn accuracy_ratio(&self) -> Option<f64> {
        let parts =
            self.speaking().map(|meter| (meter.accuracy, meter.figure.energy.mean_w().unwrap_or(0.0)));
        combined_ratio(&parts.collect::<Vec<_>>())
    }
}

fn result(store: &dyn Store, nodes: &[String], kept: &runs::RunResult, whole: &Part) -> Result<RunResult> {
    let unit = Unit::parse(&kept.unit).0;
    let core = kept.core.map(|core| Window::from(core.time));
    let core_part = core.map(|core| Part::of(store, nodes, core)).transpose()?;
    let per_w = |part: &Part| kept.rate.zip(part.all_mean_w()).and_then(|(rate, w)| rate_per_w(rate, w));
    let whole_per_w = per_w(whole);
    let part = core_part.as_ref().unwrap_or(whole);
    let edge = match kept.core {
        Some(core) => edge(store, nodes, Placed { window: core.time.into(), edge_s: core.edge_s })?,
        None => None,
    };
    Ok(RunResult {
        benchmark: kept.benchmark.clone(),
        label: kept.label.clone(),
        verdict: kept.check.as_str(),
        reason: kept.reason.clone(),
        rate: kept.rate,
        unit: kept.unit.clone(),
        unit_per_w: unit.per_watt(),
        core: core.map(span),
        core_edge_s: kept.core.map(|core| core.edge_s),
        rate_per_w: per_w(part),
        uncertainty: uncertainty_ratio(part.accuracy_ratio(), edge).filter(|_| core.is_some()),
        rate_per_w_whole: whole_per_w,
        core_energy: core_part.map(|part| part.together.energy).unwrap_or_default(),
    })
}

/// How far the mean power of the core phase depends on where exactly it lies.
fn edge(store: &dyn Store, nodes: &[String], placed: Placed) -> Result<Option<f64>> {
    let failure = Cell::new(None);
    let energy_of = |window: Window| {
        let part = Part::of(store, nodes, window).map_err(|error| failure.set(Some(error))).ok()?;
        let mean_w = part.all_mean_w()?;
        Some(Energy { joules: mean_w * window.seconds(), covered_s: window.seconds() })
    };
    let ratio = edge_ratio(placed, energy_of);
    failure.into_inner().map_or(Ok(ratio), Err)
}

/// The result of a load whose work each node counted.
fn counted(run: &runs::Run, whole: &Part) -> Option<RunResult> {
    if run.shares.is_empty() {
        return None;
    }
    let flop: Option<f64> = run.shares.iter().map(|share| share.flop).sum();
    let rate = flop.and_then(|flop| flops(flop, whole.window.seconds()));
    let per_w = rate.zip(whole.all_mean_w()).and_then(|(rate, watts)| flops_per_w(rate, watts));
    Some(RunResult {
        benchmark: run.name.clone(),
        verdict: if rate.is_some() { Check::Passed } else { Check::Failed }.as_str(),
        rate,
        unit: Unit::FlopPerSecond.name().to_owned(),
        unit_per_w: Unit::FlopPerSecond.per_watt(),
        core: Some(span(whole.window)),
        core_edge_s: Some(0.0),
        core_energy: whole.energy().clone(),
        rate_per_w: per_w,
        uncertainty: whole.accuracy_ratio(),
        rate_per_w_whole: per_w,
        ..RunResult::default()
    })
}

fn status(run: &runs::Run) -> (&'static str, Vec<String>) {
    let failed = run.results.iter().find(|result| result.check == Check::Failed);
    let cut = !run.results.is_empty() && run.results.iter().all(|result| result.check == Check::Interrupted);
    match (run.end, failed) {
        (End::Signal(signal), _) => {
            ("interrupted", vec![format!("the command was ended by signal {signal}")])
        }
        (_, Some(result)) => {
            let why = result.reason.as_deref().unwrap_or("its own check failed");
            ("failed", vec![format!("{} {}: {why}", result.benchmark, result.label)])
        }
        (End::Exit(status), None) if status != 0 => {
            ("failed", vec![format!("the command ended with exit status {status}")])
        }
        _ if cut => ("interrupted", vec!["the output ends before a result".to_owned()]),
        _ if run.results.is_empty() && run.shares.is_empty() => {
            let text = "the output is of no benchmark that is known: energy without a rate";
            ("done", vec![text.to_owned()])
        }
        _ => ("done", Vec::new()),
    }
}

/// The result that stands for a run: floating-point rates before others, a whole benchmark before a part
/// of HPCC, STREAM's triad before its other kernels, then the highest rate.
fn headline(results: &[RunResult]) -> Option<usize> {
    let rank = |result: &RunResult| {
        (
            result.unit == Unit::FlopPerSecond.name(),
            result.benchmark != "HPCC",
            result.label.starts_with("Triad"),
        )
    };
    let rated = results.iter().enumerate().filter_map(|(at, result)| Some((at, result, result.rate?)));
    let best =
        rated.max_by(|(_, a, rate_a), (_, b, rate_b)| rank(a).cmp(&rank(b)).then(rate_a.total_cmp(rate_b)));
    best.map(|(at, ..)| at)
}

fn busy_while_idle(store: &dyn Store, nodes: &[String], run: &runs::Run) -> Result<Option<String>> {
    let Some(idle) = run.idle else { return Ok(None) };
    let mut busiest: Option<(f64, &str)> = None;
    for host in nodes {
        let busy = node::mean_busy(store, host, idle.into())?;
        if let Some(busy) =
            busy.filter(|busy| *busy > IDLE_BUSY && busiest.is_none_or(|(most, _)| *busy > most))
        {
            busiest = Some((busy, host));
        }
    }
    Ok(busiest.map(|(busy, host)| {
        format!(
            "{host} was {:.0} % busy while idle power was measured: it is not that of idle nodes",
            busy * 100.0
        )
    }))
}

fn throttled(store: &dyn Store, nodes: &[String], window: Window) -> Result<Option<bool>> {
    let mut known = None;
    for host in nodes {
        let interval_s = heard(store, host, window.end_ms)?.map_or(1.0, |(_, interval_s)| interval_s);
        if let Some(episodes) = node::episodes_in(store, host, window, interval_s)? {
            known = Some(known.unwrap_or(false) || !episodes.is_empty());
        }
    }
    Ok(known)
}

fn parts(run: &runs::Run, nodes: &[String], whole: &Part) -> Vec<RunNode> {
    let seconds = whole.window.seconds();
    let part = |host: &String| {
        let share = run.shares.iter().find(|share| share.host == *host);
        let rate = share.and_then(|share| flops(share.flop?, seconds));
        let meter = whole.metered.get(host);
        let energy = meter.map(|(meter, _)| meter.energy_figure(whole.window)).unwrap_or_default();
        let per_w = rate.zip(energy.mean_w).and_then(|(rate, watts)| flops_per_w(rate, watts));
        RunNode { host: host.clone(), flops: rate, flops_per_w: per_w, energy }
    };
    nodes.iter().map(part).collect()
}

/// The check against the rules, of the core phase or, where it is not known, of what the whole run shows.
fn methodology(part: &Part, window: Window, is_core: bool) -> Methodology {
    let readings = part.speaking().map(|meter| within(&meter.watts, window));
    let readings: Vec<Vec<i64>> = readings.collect();
    let slowest_s = readings.iter().filter_map(|times| longest_gap_s(times, window)).reduce(f64::max);
    let slowest_conversions = part.speaking().map(|meter| meter.conversions_per_s).reduce(least);
    let covered_s = part.together.energy.coverage.map(|coverage| coverage * window.seconds());
    let facts = Facts {
        source: part.together.energy.source.and_then(Source::from_name),
        boundary: boundary(part.energy()),
        accuracy_ratio: part.accuracy_ratio(),
        readings_interval_s: slowest_s,
        meter_reads_per_s: slowest_s.filter(|gap_s| *gap_s > 0.0).map(|gap_s| 1.0 / gap_s),
        conversions_per_s: slowest_conversions.flatten(),
        integrated: part.speaking().map(|meter| meter.integrated).reduce(|a, b| a && b),
        ac: None,
        readings_in_core: readings.iter().map(Vec::len).min().filter(|_| is_core),
        // All of what is uncovered is taken for an end: the least favourable place.
        uncovered_start_s: covered_s.map(|covered_s| (window.seconds() - covered_s).max(0.0)),
        uncovered_end_s: covered_s.map(|_| 0.0),
        core_s: is_core.then(|| window.seconds()),
        nodes_total: Some(part.nodes),
        nodes_measured: Some(part.together.nodes),
        mean_w: part.together.energy.mean_w,
        interconnect: None,
        supply_loss_corrected: None,
    };
    let assessment = assess(&facts);
    let rules = assessment.checks.chunks(3).map(|levels| Rule {
        name: levels[0].rule.as_str(),
        levels: std::array::from_fn(|at| levels[at].verdict.as_str()),
        figure: levels[0].figure.clone(),
    });
    Methodology {
        level: assessment.level.map(picollect_evaluate::methodology::Level::number),
        reasons: assessment.reasons().into_iter().map(ToOwned::to_owned).collect(),
        rules: rules.collect(),
    }
}

fn least(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.min(b))
}

fn within(samples: &[Sample], window: Window) -> Vec<i64> {
    let times = samples.iter().map(|sample| sample.t_ms);
    times.filter(|t_ms| (window.start_ms..=window.end_ms).contains(t_ms)).collect()
}

/// Between two readings, or between an edge of the window and the next one.
fn longest_gap_s(times: &[i64], window: Window) -> Option<f64> {
    let inner = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    let ends = times.first().zip(times.last());
    let ends = ends.map(|(first, last)| (first - window.start_ms).max(window.end_ms - last));
    inner.max(ends).map(|gap_ms| gap_ms as f64 / 1000.0)
}
