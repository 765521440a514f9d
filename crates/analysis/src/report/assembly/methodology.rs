//! What a figure is worth as a measurement: the facts for the rules of `evaluate::methodology`.

use picollect_evaluate::Window;
use picollect_evaluate::methodology::{Facts, Interconnect, Level, assess};
use picollect_evaluate::series::Sample;
use picollect_telemetry::Boundary;

use super::super::{Methodology, Rule};
use super::energy::MeteredNodes;
use crate::sources::Sources;
use picollect_config::Measured;

/// The rules have so many levels.
const LEVELS: usize = 3;

/// The check of a part of a run: of its core phase or, where that is not known, of all of it. `told_nodes`: how
/// many nodes the user says it had.
pub(super) fn check(
    from: &Sources<'_>,
    part: &MeteredNodes,
    is_core: bool,
    told_nodes: Option<usize>,
) -> Methodology {
    let facts = facts(from, part, is_core);
    // A meter at the wall feeds all nodes, also those of which nobody else ever heard.
    let told = told_nodes.filter(|_| part.nodes == 0 && part.boundary() == Some(Boundary::Wall));
    let assessment = assess(&match told {
        Some(nodes) => Facts { nodes_total: Some(nodes), nodes_measured: Some(nodes), ..facts },
        None => facts,
    });
    let rules = assessment.checks.chunks(LEVELS).map(|levels| Rule {
        name: levels[0].rule,
        levels: std::array::from_fn(|at| levels[at].verdict),
        figure: levels[0].figure.clone(),
    });
    Methodology {
        level: assessment.level.map(Level::number),
        reasons: assessment.reasons().into_iter().map(ToOwned::to_owned).collect(),
        rules: rules.collect(),
    }
}

fn facts(from: &Sources<'_>, part: &MeteredNodes, is_core: bool) -> Facts {
    let window = part.window;
    let readings: Vec<Vec<i64>> = part.speaking().map(|meter| within(&meter.watts, window)).collect();
    let longest_s = readings.iter().map(|times| longest_gap_s(times, window)).reduce(f64::max);
    let conversions = part.speaking().map(|meter| meter.conversions_per_s).reduce(both_least);
    let covered_s = part.energy.coverage.map(|coverage| coverage * window.seconds());
    Facts {
        source: part.energy.source,
        boundary: part.boundary(),
        accuracy_ratio: part.accuracy_ratio(),
        // How often the meter was read is not known any more once its readings are rolled up.
        readings_interval_s: longest_s.filter(|_| part.resolution_s.is_none()),
        meter_reads_per_s: part.speaking().map(|meter| 1.0 / meter.interval_s).reduce(f64::min),
        conversions_per_s: conversions.flatten(),
        integrated: part.speaking().map(|meter| meter.integrated).reduce(|a, b| a && b),
        ac: None,
        readings_in_core: readings
            .iter()
            .map(Vec::len)
            .min()
            .filter(|_| is_core && part.resolution_s.is_none()),
        // All of what is uncovered is taken for an end: the least favourable place.
        uncovered_start_s: covered_s.map(|covered_s| (window.seconds() - covered_s).max(0.0)),
        uncovered_end_s: covered_s.map(|_| 0.0),
        core_s: is_core.then(|| window.seconds()),
        nodes_total: Some(part.nodes),
        nodes_measured: Some(part.nodes_with_energy),
        mean_w: part.energy.mean_w,
        interconnect: from.config.interconnect.measured.map(|measured| match measured {
            Measured::Yes => Interconnect::Measured,
            Measured::UpperBound => Interconnect::UpperBound,
            Measured::No => Interconnect::NotMeasured,
        }),
        supply_loss_corrected: Some(from.config.supply.efficiency.is_some()),
    }
}

fn both_least(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.min(b))
}

fn within(samples: &[Sample], window: Window) -> Vec<i64> {
    let times = samples.iter().map(|sample| sample.t_ms);
    times.filter(|t_ms| (window.start_ms..=window.end_ms).contains(t_ms)).collect()
}

/// Between two readings, or between an edge of the window and the next one; without any the whole window.
fn longest_gap_s(times: &[i64], window: Window) -> f64 {
    let ends = [window.start_ms].into_iter().chain(times.iter().copied()).chain([window.end_ms]);
    let times: Vec<i64> = ends.collect();
    let longest_ms = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    longest_ms as f64 / 1000.0
}
