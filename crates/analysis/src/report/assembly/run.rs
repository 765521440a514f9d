//! A run: what its nodes used, over the whole of it and over each result's core phase.

use picollect_evaluate::Window;
use picollect_evaluate::benchmarks::Unit;
use picollect_evaluate::efficiency::{
    edge_ratio, flops, flops_per_w, rate_per_w, to_solution, uncertainty_ratio,
};
use picollect_evaluate::energy::Energy;
use picollect_evaluate::presence::{Presence, presence};
use picollect_telemetry::Boundary;

use super::super::{Run, RunNode, RunResult, RunStatus};
use super::energy::{MeteredNodes, Scope};
use super::{Moment, Result, by_readings, methodology, node, provenance, span};
use crate::runs::NODES_LABEL;
use crate::runs::{self, Check, Core, End};
use crate::sources::Sources;
use picollect_query::hosts;
use picollect_query::throttling::episodes_in;

/// Idle power is measured for at least so long.
const SHORTEST_IDLE_S: f64 = 10.0;
/// A node that works more than this before a run was not idle.
const IDLE_BUSY: f64 = 0.1;
/// Energy that covers less of a run than this is not its energy to solution.
const WHOLE: f64 = 0.99;

/// What the parser calls the parts of HPCC other than HPL.
const HPCC_PART: &str = "HPCC";

/// What is to be said of a run. Fails only if the store cannot be read ([`RequestError::Store`]).
pub fn run(from: &Sources<'_>, kept: runs::Run) -> Result<Run> {
    let subject = Subject::of(from, &kept)?;
    let whole = subject.part(kept.time.into())?;
    let core = |result: &runs::RunResult| result.core.map(|core| subject.part(core.time.into())).transpose();
    let cores = kept.results.iter().map(core).collect::<Result<Vec<_>>>()?;
    let with_core = kept.results.iter().zip(&cores);
    let results = with_core.map(|(result, core)| subject.result(result, core.as_ref(), &whole));
    let mut results = results.collect::<Result<Vec<_>>>()?;
    results.extend(counted(&kept, &whole));
    let (status, mut remarks) = status(&kept);
    let headline = headline(&results).filter(|_| status == RunStatus::Done);
    let told_nodes = kept.labels.get(NODES_LABEL).and_then(|label| label.parse().ok());
    let methodology = match headline.and_then(|at| cores.get(at)?.as_ref()) {
        Some(core) => methodology::check(from, core, true, told_nodes),
        // A counted load is at work from its beginning to its end.
        None => methodology::check(from, &whole, !kept.shares.is_empty(), told_nodes),
    };
    let idle = kept.idle.map(|idle| subject.part(idle.into())).transpose()?;
    remarks.extend(short_idle(&kept));
    remarks.extend(whole.resolution_s.map(rolled_up));
    remarks.extend(subject.busy_while_idle(&kept)?);
    if headline.is_some_and(|at| results[at].core.is_none()) {
        remarks.push("the core phase is not known: the rate is divided by the power of the whole run".into());
    }
    let (throttled, nodes_without_flags) = subject.throttled(whole.window)?;
    let covered = whole.energy.coverage.is_some_and(|coverage| coverage >= WHOLE);
    let solution = whole.all_mean_w().filter(|_| covered);
    let solution = solution.and_then(|mean_w| to_solution(mean_w, whole.window.seconds()));
    let mut provenance = kept.provenance.clone();
    provenance.extend(provenance::of_nodes(from.store, &subject.nodes, whole.window)?);
    Ok(Run {
        throttled,
        nodes_without_flags,
        window: span(whole.window, whole.resolution_s),
        status,
        remarks,
        simulated: kept.simulated,
        result: headline.map(|at| results[at].clone()),
        results,
        idle: idle.map(|idle| idle.energy),
        energy_to_solution_j: solution.map(|solution| solution.joules),
        edp_js: solution.map(|solution| solution.edp_j_s),
        ed2p_js2: solution.map(|solution| solution.ed2p_j_s2),
        share_of_window: None,
        methodology,
        nodes: subject.parts(&kept, &whole),
        energy: whole.energy,
        provenance,
        id: kept.id,
        name: kept.name,
        labels: kept.labels,
        command: kept.command,
    })
}

/// The work that throttling cost the nodes of a run, in core-seconds; `None` unless it is known of each of them. Fails
/// only if the store cannot be read ([`RequestError::Store`]).
pub fn lost_core_s(from: &Sources<'_>, kept: &runs::Run) -> Result<Option<f64>> {
    let subject = Subject::of(from, kept)?;
    let window: Window = kept.time.into();
    let end = Moment::at(from, window.end_ms)?;
    let mut lost = (!subject.nodes.is_empty()).then_some(0.0);
    for host in &subject.nodes {
        let known = match end.last_seen(host)? {
            Some((_, interval_s)) => episodes_in(from.store, host, window, interval_s)?,
            None => None,
        };
        let of_node: Option<f64> =
            known.and_then(|episodes| episodes.iter().map(|episode| episode.lost_core_s).sum());
        lost = lost.zip(of_node).map(|(sum, more)| sum + more);
    }
    Ok(lost)
}

/// The nodes that a run is about.
pub(super) struct Subject<'a> {
    from: &'a Sources<'a>,
    nodes: Vec<String>,
    scope: Scope,
}

impl<'a> Subject<'a> {
    /// The named nodes, those that did counted work, or every one that was heard of meanwhile.
    pub(super) fn of(from: &'a Sources<'a>, run: &runs::Run) -> Result<Self> {
        if let Some(names) = &run.nodes {
            return Ok(Self { from, nodes: names.clone(), scope: Scope::Some });
        }
        let mut nodes = Vec::new();
        let end = Moment::at(from, run.time.end_ms)?;
        for host in hosts(from.store)? {
            let Some((last_seen_ms, interval_s)) = end.last_seen(&host)? else { continue };
            // A run may be shorter than the time between two samples.
            let up = presence(last_seen_ms, run.time.end_ms, interval_s) == Presence::Up;
            if up || last_seen_ms >= run.time.start_ms {
                nodes.push(host);
            }
        }
        Ok(Self { from, nodes, scope: Scope::Cluster })
    }

    pub(super) fn part(&self, window: Window) -> Result<MeteredNodes> {
        MeteredNodes::of(self.from, &self.nodes, self.scope, window)
    }

    fn result(
        &self,
        kept: &runs::RunResult,
        core: Option<&MeteredNodes>,
        whole: &MeteredNodes,
    ) -> Result<RunResult> {
        let part = core.unwrap_or(whole);
        // Of a part of HPCC it is not known when it ran, and most of the run was something else.
        let rate = kept.rate.filter(|_| core.is_some() || kept.benchmark != HPCC_PART);
        let per_w = |watts: Option<f64>| rate.zip(watts).and_then(|(rate, w)| rate_per_w(rate, w));
        let edge = kept.core.map(|core| self.edge(core)).transpose()?.flatten();
        let by_readings = core.map(|core| by_readings::mean_w(self.from, core)).transpose()?.flatten();
        let uncertainty = uncertainty_ratio(part.accuracy_ratio(), edge).filter(|_| core.is_some());
        Ok(RunResult {
            benchmark: kept.benchmark.clone(),
            label: kept.label.clone(),
            verdict: kept.check,
            reason: kept.reason.clone(),
            rate: kept.rate,
            unit: kept.unit.clone(),
            unit_per_w: Unit::parse(&kept.unit).0.per_watt(),
            core: kept.core.map(|core| span(core.time.into(), part.resolution_s)),
            core_edge_s: kept.core.map(|core| core.edge_s),
            rate_per_w: per_w(part.all_mean_w()),
            rate_per_w_by_readings: per_w(by_readings),
            uncertainty,
            // At another boundary it would be another machine's.
            rate_per_w_whole: per_w(whole.all_mean_w().filter(|_| whole.boundary() == part.boundary())),
            rate_per_w_corrected: per_w(self.corrected_w(part)),
            core_energy: core.map(|part| part.energy.clone()).unwrap_or_default(),
        })
    }

    /// Power with what is configured of the supply's loss and of the switch.
    fn corrected_w(&self, part: &MeteredNodes) -> Option<f64> {
        let config = self.from.config;
        let efficiency = config.supply.efficiency.filter(|_| part.boundary() == Some(Boundary::Node))?;
        let switch_w = config.interconnect.watts.unwrap_or(0.0);
        part.all_mean_w().map(|mean_w| (mean_w + switch_w) / efficiency)
    }

    /// How far the mean power of the core phase depends on where exactly it lies.
    fn edge(&self, core: Core) -> Result<Option<f64>> {
        edge_ratio(core.time.into(), core.edge_s, |window: Window| {
            let mean_w = self.part(window)?.all_mean_w();
            let seconds = window.seconds();
            Ok(mean_w.map(|mean_w| Energy { joules: mean_w * seconds, covered_s: seconds }))
        })
    }

    fn busy_while_idle(&self, run: &runs::Run) -> Result<Option<String>> {
        let Some(idle) = run.idle else { return Ok(None) };
        let end = Moment::at(self.from, idle.end_ms)?;
        let mut busy = Vec::new();
        for host in &self.nodes {
            busy.extend(node::mean_busy(&end, host, idle.into())?.map(|busy| (busy, host)));
        }
        let busiest = busy.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b));
        Ok(busiest.filter(|(busy, _)| *busy > IDLE_BUSY).map(|(busy, host)| {
            format!(
                "{host} was {:.0} % busy while idle power was measured: it is not that of idle nodes",
                busy * 100.0
            )
        }))
    }

    /// Whether any node was, and of how many it is not known. That none was is known only if it is of all.
    fn throttled(&self, window: Window) -> Result<(Option<bool>, usize)> {
        let (mut any, mut without_flags) = (false, 0);
        let end = Moment::at(self.from, window.end_ms)?;
        for host in &self.nodes {
            let known = match end.last_seen(host)? {
                Some((_, interval_s)) => episodes_in(self.from.store, host, window, interval_s)?,
                None => None,
            };
            any = any || known.as_ref().is_some_and(|episodes| !episodes.is_empty());
            without_flags += usize::from(known.is_none());
        }
        let all_known = without_flags == 0 && !self.nodes.is_empty();
        Ok(((any || all_known).then_some(any), without_flags))
    }

    fn parts(&self, run: &runs::Run, whole: &MeteredNodes) -> Vec<RunNode> {
        let seconds = whole.window.seconds();
        let part = |host: &String| {
            let share = run.shares.iter().find(|share| share.host == *host);
            let rate = share.and_then(|share| flops(share.flop?, seconds));
            let meter = whole.metered.get(host);
            let energy = meter.map(|meter| meter.energy_figure(whole.window)).unwrap_or_default();
            let per_w = rate.zip(energy.mean_w).and_then(|(rate, watts)| flops_per_w(rate, watts));
            RunNode { host: host.clone(), flops: rate, flops_per_w: per_w, energy }
        };
        self.nodes.iter().map(part).collect()
    }
}

/// The result of a load whose work each node counted.
fn counted(run: &runs::Run, whole: &MeteredNodes) -> Option<RunResult> {
    if run.shares.is_empty() {
        return None;
    }
    let flop: Option<f64> = run.shares.iter().map(|share| share.flop).sum();
    let rate = flop.and_then(|flop| flops(flop, whole.window.seconds()));
    let per_w = rate.zip(whole.all_mean_w()).and_then(|(rate, watts)| flops_per_w(rate, watts));
    Some(RunResult {
        benchmark: run.name.clone(),
        verdict: if rate.is_some() { Check::Passed } else { Check::Failed },
        rate,
        unit: Unit::FlopPerSecond.name().to_owned(),
        unit_per_w: Unit::FlopPerSecond.per_watt(),
        core: Some(span(whole.window, whole.resolution_s)),
        core_edge_s: Some(0.0),
        core_energy: whole.energy.clone(),
        rate_per_w: per_w,
        uncertainty: whole.accuracy_ratio(),
        rate_per_w_whole: per_w,
        ..RunResult::default()
    })
}

fn short_idle(run: &runs::Run) -> Option<String> {
    let seconds = Window::from(run.idle?).seconds();
    (seconds < SHORTEST_IDLE_S).then(|| {
        format!("idle power was measured for {seconds:.1} s only; {SHORTEST_IDLE_S} s are asked for")
    })
}

fn rolled_up(resolution_s: f64) -> String {
    format!(
        "its samples are old and stored as a point in {resolution_s} s; energy from its beginning to its end and of \
         its core phase stayed exact"
    )
}

fn status(run: &runs::Run) -> (RunStatus, Vec<String>) {
    let failed = run.results.iter().find(|result| result.check == Check::Failed);
    let cut = !run.results.is_empty() && run.results.iter().all(|result| result.check == Check::Interrupted);
    match (run.end, failed) {
        (End::Signal(signal), _) => {
            (RunStatus::Interrupted, vec![format!("the command was ended by signal {signal}")])
        }
        (_, Some(result)) => {
            let why = result.reason.as_deref().unwrap_or("its own check failed");
            (RunStatus::Failed, vec![format!("{} {}: {why}", result.benchmark, result.label)])
        }
        (End::Exit(status), None) if status != 0 => {
            (RunStatus::Failed, vec![format!("the command ended with exit status {status}")])
        }
        _ if cut => (RunStatus::Interrupted, vec!["the output ends before a result".to_owned()]),
        _ if run.results.is_empty() && run.shares.is_empty() => {
            let text = "the output is of no benchmark that is known: energy without a rate";
            (RunStatus::Done, vec![text.to_owned()])
        }
        _ => {
            let said = run.results.iter().filter_map(|result| Some((result, result.reason.as_ref()?)));
            let said = said.map(|(result, why)| format!("{} {}: {why}", result.benchmark, result.label));
            (RunStatus::Done, said.collect())
        }
    }
}

/// The result that stands for a run: floating-point rates before others, a whole benchmark before a part
/// of HPCC, STREAM's triad before its other kernels, what a language model writes before what it reads, then
/// the highest rate.
fn headline(results: &[RunResult]) -> Option<usize> {
    let rank = |result: &RunResult| {
        let counts_flop = result.unit == Unit::FlopPerSecond.name();
        let writes = result.label.contains("decode") && !result.label.contains("prefill");
        (counts_flop, result.benchmark != HPCC_PART, result.label.starts_with("Triad") || writes)
    };
    let rated = results.iter().enumerate().filter_map(|(at, result)| Some((at, rank(result), result.rate?)));
    let best = rated.max_by(|(_, a, rate_a), (_, b, rate_b)| a.cmp(b).then(rate_a.total_cmp(rate_b)));
    best.map(|(at, ..)| at)
}
