//! What makes a report a finding, for scripts: `throttled,coverage<0.99`.

use super::{Report, Run, RunStatus};
use picollect_evaluate::presence::Presence;
use picollect_telemetry::Source;

/// What one word of `--fail-on` asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Any node was throttled.
    Throttled,
    /// A run failed or was interrupted.
    Failed,
    /// A node is late or down.
    Down,
    /// The energy, or part of it, is not measured.
    NotMeasured,
    /// A figure is below or above a bound.
    Bound {
        /// The figure that is held against the bound.
        figure: Figure,
        /// Whether less than the bound is the finding, or more.
        below: bool,
        /// In the unit of the figure; a figure that is exactly this is no finding.
        bound: f64,
    },
}

/// A figure that can be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The cluster's covered share of the window.
    Coverage,
    /// The highest temperature of any node, °C.
    TempC,
    /// The cluster's mean power, W.
    MeanW,
    /// The cluster's energy, J.
    EnergyJ,
    /// Any run's rate by watt, in its own unit.
    RatePerW,
    /// Any run's level of the methodology; below level 1 is 0.
    Level,
}

const FIGURES: [(&str, Figure); 6] = [
    ("coverage", Figure::Coverage),
    ("temp_c", Figure::TempC),
    ("mean_w", Figure::MeanW),
    ("energy_j", Figure::EnergyJ),
    ("rate_per_w", Figure::RatePerW),
    ("level", Figure::Level),
];
const STATES: [(&str, Condition); 4] = [
    ("throttled", Condition::Throttled),
    ("failed", Condition::Failed),
    ("down", Condition::Down),
    ("not-measured", Condition::NotMeasured),
];

/// A condition that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{condition}` is no condition; known are throttled, failed, down, not-measured, and coverage, temp_c, \
     mean_w, energy_j, rate_per_w and level with < or > and a number"
)]
pub struct ConditionError {
    condition: String,
}

/// Reads conditions, separated by commas. An error names the first word that is none.
pub fn parse(text: &str) -> Result<Vec<Condition>, ConditionError> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let read = |word: &str| condition(word).ok_or_else(|| ConditionError { condition: word.to_owned() });
    words.map(read).collect()
}

fn condition(word: &str) -> Option<Condition> {
    if let Some((_, state)) = STATES.iter().find(|(name, _)| *name == word) {
        return Some(state.clone());
    }
    let (name, bound) = word.split_once(['<', '>'])?;
    let (_, figure) = FIGURES.iter().find(|(known, _)| *known == name.trim())?;
    let bound: f64 = bound.trim().parse().ok()?;
    bound.is_finite().then_some(Condition::Bound { figure: *figure, below: word.contains('<'), bound })
}

/// What of it is so. A figure that is not known is a finding: nothing vouches for its bound.
pub fn findings(report: &Report, conditions: &[Condition]) -> Vec<String> {
    conditions.iter().flat_map(|condition| of(report, condition)).collect()
}

fn of(report: &Report, condition: &Condition) -> Vec<String> {
    let nodes = report.nodes.iter();
    match condition {
        Condition::Throttled => nodes
            .filter(|node| node.episodes.as_ref().is_some_and(|episodes| !episodes.is_empty()))
            .map(|node| format!("{} was throttled", node.host))
            .collect(),
        Condition::Failed => {
            let failed = report.runs.iter().filter(|run| run.status != RunStatus::Done);
            failed.map(|run| format!("the run {} is {}", run.id, run.status)).collect()
        }
        Condition::Down => nodes
            .filter(|node| node.state != Presence::Up)
            .map(|node| format!("{} is {}", node.host, node.state))
            .collect(),
        Condition::NotMeasured => {
            let source = report.cluster.energy.source;
            let other = source.filter(|source| *source != Source::Measured).map(Source::as_str);
            let unknown = source.is_none().then_some("unknown");
            other.or(unknown).map(|source| format!("the energy is {source}")).into_iter().collect()
        }
        Condition::Bound { figure, below, bound } => bounded(report, *figure, *below, *bound),
    }
}

fn bounded(report: &Report, figure: Figure, below: bool, bound: f64) -> Vec<String> {
    let (name, _) = FIGURES.iter().find(|(_, known)| *known == figure).expect("every figure has its name");
    let finding = |of: &str, value: Option<f64>| match value {
        None => Some(format!("{name}{of} is not known")),
        Some(value) if below && value < bound => {
            Some(format!("{name}{of} is {}, below {bound}", short(value)))
        }
        Some(value) if !below && value > bound => {
            Some(format!("{name}{of} is {}, above {bound}", short(value)))
        }
        Some(_) => None,
    };
    let energy = &report.cluster.energy;
    let of_runs = |value: fn(&Run) -> Option<f64>| {
        report.runs.iter().filter_map(|run| finding(&format!(" of the run {}", run.id), value(run))).collect()
    };
    match figure {
        Figure::Coverage => finding("", energy.coverage).into_iter().collect(),
        Figure::MeanW => finding("", energy.mean_w).into_iter().collect(),
        Figure::EnergyJ => finding("", energy.energy_j).into_iter().collect(),
        Figure::TempC => {
            let hottest = report.nodes.iter().filter_map(|node| node.temp_c.max).max_by(f64::total_cmp);
            finding("", hottest).into_iter().collect()
        }
        Figure::RatePerW => of_runs(|run| run.result.as_ref().and_then(|result| result.rate_per_w)),
        Figure::Level => report.runs.iter().filter_map(|run| level(run, below, bound)).collect(),
    }
}

/// A run that reaches no level is below every one.
fn level(run: &Run, below: bool, bound: f64) -> Option<String> {
    let level = run.methodology.level;
    let value = f64::from(level.unwrap_or(0));
    let is = level.map_or_else(|| "below level 1".to_owned(), |level| format!("of level {level}"));
    match below {
        true if value < bound => Some(format!("the run {} is {is}; {bound} is asked for", run.id)),
        false if value > bound => {
            Some(format!("the run {} is {is}; {bound} is the most that is asked for", run.id))
        }
        _ => None,
    }
}

/// Four decimals, as far as they say something.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnergyFigure, Episode, Node};

    fn report() -> Report {
        let throttled = Node {
            host: "hot".into(),
            state: Presence::Late,
            episodes: Some(vec![Episode::default()]),
            ..Node::default()
        };
        let mut report = Report { nodes: vec![throttled], ..Report::default() };
        report.cluster.energy =
            EnergyFigure { source: Some(Source::Estimated), coverage: Some(0.95), ..EnergyFigure::default() };
        report.runs = vec![Run { id: "r".into(), status: RunStatus::Failed, ..Run::default() }];
        report
    }

    fn found(text: &str) -> Vec<String> {
        findings(&report(), &parse(text).unwrap())
    }

    #[test]
    fn each_condition_names_what_it_found() {
        assert_eq!(
            found("throttled, failed,down"),
            ["hot was throttled", "the run r is failed", "hot is late"]
        );
        assert_eq!(found("not-measured"), ["the energy is estimated"]);
        assert_eq!(found("coverage<0.99"), ["coverage is 0.95, below 0.99"]);
        assert_eq!(found("coverage<0.95,coverage>0.95"), [""; 0]);
        assert_eq!(found("level<1"), ["the run r is below level 1; 1 is asked for"]);
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn an_unknown_figure_is_a_finding() {
        assert_eq!(found("temp_c>80"), ["temp_c is not known"]);
        assert_eq!(found("rate_per_w<1e9"), ["rate_per_w of the run r is not known"]);
    }

    #[test]
    fn a_condition_that_cannot_be_understood_is_named() {
        for wrong in ["hot", "coverage", "coverage<much", "speed>1", "coverage<inf"] {
            let error = parse(&format!("throttled,{wrong}")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{wrong}` is no condition")), "{error}");
        }
    }
}
