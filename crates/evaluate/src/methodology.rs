//! Which level of the EE HPC WG's Power Measurement Methodology 2.0 a result may claim, rule by rule.
//!
//! The methodology is the one of the Green500's and TOP500's submissions
//! (<https://datacenters.lbl.gov/resources/energy-efficient-high-performance>).
//! Every rule is judged at each of the three levels, and the figure behind the verdict stands beside it.
//!
//! Invariant: what is not known never passes, and an estimated or simulated power passes no level.

use std::fmt;

use serde::{Deserialize, Serialize};
mod rules;

use picollect_telemetry::{Boundary, Source};

/// What is known of a measurement; `None` is not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The weakest source among the figures.
    pub source: Option<Source>,
    /// What the figures are drawn around.
    pub boundary: Option<Boundary>,
    /// Greatest error of the power, as a ratio of it (`accuracy::combined_ratio`).
    pub accuracy_ratio: Option<f64>,
    /// Longest time between two stored readings of a meter in the core phase, in seconds.
    pub readings_interval_s: Option<f64>,
    /// How often the slowest meter is read.
    pub meter_reads_per_s: Option<f64>,
    /// How often the slowest meter converts by itself, between its readings too.
    pub conversions_per_s: Option<f64>,
    /// Whether all meters are energy counters: what happens between two readings is integrated.
    pub integrated: Option<bool>,
    /// Whether the meters measure AC; where the boundary tells it, that counts.
    pub ac: Option<bool>,
    /// Stored readings of the meter with the fewest in the core phase.
    pub readings_in_core: Option<usize>,
    /// Seconds at the beginning of the core phase that no energy is known of.
    pub uncovered_start_s: Option<f64>,
    /// Seconds at its end that no energy is known of.
    pub uncovered_end_s: Option<f64>,
    /// Length of the core phase in seconds.
    pub core_s: Option<f64>,
    /// Nodes that did the work.
    pub nodes_total: Option<usize>,
    /// Those of them whose power is known.
    pub nodes_measured: Option<usize>,
    /// Mean power of the measured part, in watts.
    pub mean_w: Option<f64>,
    /// What is known of the power of switches and cables.
    pub interconnect: Option<Interconnect>,
    /// Whether a DC figure was corrected for the loss in the supply.
    pub supply_loss_corrected: Option<bool>,
}

/// How the interconnect's power got into the figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interconnect {
    /// A meter includes it.
    Measured,
    /// A greatest possible power was added.
    UpperBound,
    /// It is left out.
    NotMeasured,
}

/// A rule of the methodology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// How exact the meters are.
    #[serde(rename = "meter accuracy")]
    MeterAccuracy,
    /// How often the power is sampled.
    #[serde(rename = "sampling")]
    Sampling,
    /// How the readings lie in the core phase.
    #[serde(rename = "readings")]
    Readings,
    /// How much of the machine is measured.
    #[serde(rename = "part of the machine measured")]
    MachinePart,
    /// Whether switches and cables are in the figure.
    #[serde(rename = "interconnect")]
    Interconnect,
    /// How long the core phase is.
    #[serde(rename = "core phase")]
    CorePhase,
    /// Whether the loss in the supply is in the figure.
    #[serde(rename = "conversion loss")]
    ConversionLoss,
}

impl Rule {
    /// Every rule, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::MeterAccuracy,
        Self::Sampling,
        Self::Readings,
        Self::MachinePart,
        Self::Interconnect,
        Self::CorePhase,
        Self::ConversionLoss,
    ];

    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MeterAccuracy => "meter accuracy",
            Self::Sampling => "sampling",
            Self::Readings => "readings",
            Self::MachinePart => "part of the machine measured",
            Self::Interconnect => "interconnect",
            Self::CorePhase => "core phase",
            Self::ConversionLoss => "conversion loss",
        }
    }
}

/// A level of quality; the higher, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// "Adequate": what a list of many machines can ask for.
    One,
    /// "Moderate": the whole run, ten readings and more in its core phase.
    Two,
    /// "Best": all of the machine, by energy counters.
    Three,
}

impl Level {
    /// Every level, the lowest first.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Three];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

/// Whether a rule is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The figure is on the right side of the level's bound.
    Pass,
    /// The figure is on the wrong side of it.
    Fail,
    /// The fact behind it is not known, so it is not kept either.
    #[serde(rename = "not known")]
    NotKnown,
}

impl Verdict {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotKnown => "not known",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A rule at a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which row of the table.
    pub rule: Rule,
    /// Which column of the table.
    pub level: Level,
    /// Whether it is kept.
    pub verdict: Verdict,
    /// The figure behind the verdict, as a phrase that stands by itself: `core phase shorter than 60 s:
    /// 12.3 s`.
    pub figure: String,
}

/// The verdict on a measurement: the whole table, and the level that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Each rule at each level; the rules in their order, and each with its levels from the lowest.
    pub checks: Vec<Check>,
    /// The highest level whose rules are all kept; `None` is below level 1.
    pub level: Option<Level>,
}

impl Assessment {
    /// What a level lacks: the figures of its rules that fail or are not known, in the order of the table. What
    /// two rules lack, such as a core phase, is said once.
    pub fn lacks(&self, level: Level) -> Vec<&str> {
        let mut lacking: Vec<&str> = Vec::new();
        for check in self.checks.iter().filter(|check| check.level == level) {
            if check.verdict != Verdict::Pass && !lacking.contains(&check.figure.as_str()) {
                lacking.push(&check.figure);
            }
        }
        lacking
    }

    /// Why not even level 1 is reached; empty if it is.
    pub fn reasons(&self) -> Vec<&str> {
        if self.level.is_some() { Vec::new() } else { self.lacks(Level::One) }
    }
}

/// Judges every rule at every level.
pub fn assess(facts: &Facts) -> Assessment {
    let at_levels = |rule| Level::ALL.map(|level| rules::check(rule, level, facts));
    let checks: Vec<Check> = Rule::ALL.into_iter().flat_map(at_levels).collect();
    let mut assessment = Assessment { checks, level: None };
    assessment.level = Level::ALL.into_iter().rev().find(|level| assessment.lacks(*level).is_empty());
    assessment
}
