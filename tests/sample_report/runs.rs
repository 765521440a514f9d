//! The runs that the sample report shows.

use picollect_analysis::report::RunStatus;
use picollect_analysis::report::{EnergyFigure, Methodology, Rule, Run, RunNode, RunResult};
use picollect_analysis::runs::Check;
use picollect_evaluate::methodology::{self, Verdict};
use picollect_telemetry::Boundary;
use picollect_telemetry::Source;

use super::{HOSTILE, measured, span};

/// One run of HPL with two results on four nodes, the better of which counts.
pub(crate) fn hpl() -> Run {
    let better = result("WR11C2R4 N=20000 NB=128 P=4 Q=4", 1.2345e10, (420, 770), 34.9);
    let other = result("WR11C2R4 N=10000 NB=128 P=4 Q=4", 9.81e9, (330, 415), 33.1);
    Run {
        id: "hpl-2026-11-23".into(),
        name: "hpl".into(),
        labels: [("cooling".into(), "fans at full speed".into()), (HOSTILE.into(), HOSTILE.into())].into(),
        command: ["mpirun", "-np", "16", "--hostfile", "my hosts", "./xhpl"].map(Into::into).to_vec(),
        window: span(300, 900),
        status: RunStatus::Done,
        remarks: vec!["two results; the better one counts".into()],
        simulated: false,
        throttled: Some(true),
        nodes_without_flags: 0,
        results: vec![other, better.clone()],
        result: Some(better),
        energy: EnergyFigure {
            energy_j: Some(19_830.0),
            mean_w: Some(33.05),
            peak_w: Some(38.2),
            ..measured(Boundary::Wall, 0.01)
        },
        idle: Some(EnergyFigure {
            mean_w: Some(19.61),
            energy_j: Some(588.0),
            ..measured(Boundary::Wall, 0.006)
        }),
        energy_to_solution_j: Some(19_830.0),
        edp_js: Some(19_830.0 * 600.0),
        ed2p_js2: Some(19_830.0 * 600.0 * 600.0),
        share_of_window: Some(0.368),
        methodology: methodology(),
        nodes: ["pi-1", "pi-2", "pi-3", "pi-4"].map(node).to_vec(),
        provenance: provenance("6.12.47+rpt-rpi-v8", "performance"),
    }
}

/// The same a day before: another kernel, no throttling, estimated power.
pub(crate) fn earlier_hpl() -> Run {
    let mut run = hpl();
    run.id = "hpl-2026-11-22".into();
    run.labels.clear();
    run.throttled = Some(false);
    run.energy.source = Some(Source::Estimated);
    run.provenance = provenance("6.6.51+rpt-rpi-v8", "performance");
    if let Some(result) = &mut run.result {
        result.rate = Some(1.1812e10);
        result.rate_per_w = Some(3.51e8);
        result.rate_per_w_by_readings = None;
        result.rate_per_w_whole = Some(3.42e8);
        result.reason = None;
    }
    run
}

/// A run that was broken off, of a program that nobody knows, under a hostile name.
pub(crate) fn interrupted() -> Run {
    Run {
        id: "r-17".into(),
        name: HOSTILE.into(),
        command: vec!["./simulate".into()],
        window: span(1140, 1380),
        status: RunStatus::Interrupted,
        remarks: vec!["signal 2 after 240.0 s".into()],
        energy: EnergyFigure {
            energy_j: Some(10_462.0),
            mean_w: Some(34.1),
            coverage: Some(0.71),
            ..measured(Boundary::Wall, 0.01)
        },
        share_of_window: Some(0.194),
        methodology: Methodology { level: None, reasons: vec!["no result".into()], rules: Vec::new() },
        nodes: vec![RunNode { host: "pi-5.rack-2.cluster.example.org".into(), ..RunNode::default() }],
        nodes_without_flags: 1,
        ..Run::default()
    }
}

fn result(label: &str, rate: f64, core: (i64, i64), mean_w: f64) -> RunResult {
    let seconds = (core.1 - core.0) as f64;
    RunResult {
        benchmark: "HPL".into(),
        label: label.into(),
        verdict: Check::Passed,
        reason: None,
        rate: Some(rate),
        unit: "FLOPS".into(),
        unit_per_w: "FLOPS/W".into(),
        core: Some(span(core.0, core.1)),
        core_edge_s: Some(1.0),
        core_energy: EnergyFigure {
            energy_j: Some(mean_w * seconds),
            mean_w: Some(mean_w),
            peak_w: Some(38.2),
            ..measured(Boundary::Wall, 0.0116)
        },
        rate_per_w: Some(rate / mean_w),
        rate_per_w_by_readings: Some(rate / (mean_w + 0.12)),
        uncertainty: Some(0.0115),
        rate_per_w_whole: Some(rate / 33.05),
        rate_per_w_corrected: None,
    }
}

fn node(host: &str) -> RunNode {
    let estimated = host == "pi-4";
    RunNode {
        host: host.into(),
        flops: (!estimated).then_some(3.1e9),
        flops_per_w: (!estimated).then_some(4.6e8),
        energy: EnergyFigure {
            source: Some(if estimated { Source::Estimated } else { Source::Measured }),
            energy_j: Some(4_044.0),
            mean_w: Some(6.74),
            uncertainty_w: (!estimated).then_some(0.081),
            ..measured(Boundary::Node, 0.0)
        },
    }
}

fn methodology() -> Methodology {
    let rule = |name, levels, figure: &str| Rule { name, levels, figure: figure.into() };
    Methodology {
        level: Some(1),
        reasons: Vec::new(),
        rules: vec![
            rule(
                methodology::Rule::MeterAccuracy,
                [Verdict::Pass, Verdict::Pass, Verdict::Fail],
                "1.2 % of 34.9 W",
            ),
            rule(
                methodology::Rule::Sampling,
                [Verdict::Pass, Verdict::Pass, Verdict::Fail],
                "10 conversions a second, an energy counter",
            ),
            rule(methodology::Rule::Readings, [Verdict::Pass; 3], "350 in the core phase, ends covered"),
            rule(methodology::Rule::MachinePart, [Verdict::Pass; 3], "all 4 nodes"),
            rule(methodology::Rule::Interconnect, [Verdict::Pass; 3], "within the wall boundary"),
            rule(methodology::Rule::CorePhase, [Verdict::Pass; 3], "350.0 s"),
            rule(methodology::Rule::ConversionLoss, [Verdict::NotKnown; 3], "AC meter: nothing to correct"),
        ],
    }
}

fn provenance(kernel: &str, governor: &str) -> std::collections::BTreeMap<String, String> {
    [
        ("kernel", kernel),
        ("governor", governor),
        ("compiler", "gcc 14.2.0 -O3 -mcpu=cortex-a72"),
        ("program sha256", "5c6f4d9b0f6a1f8e7d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0f9e8d7c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
