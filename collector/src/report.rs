//! The report: what a window's data says of the cluster. [`build`] makes it once; each format only
//! writes it down.
//!
//! Invariant: what is unknown is `None` and comes out as `null` or a dash, never as zero.

mod build;
mod json;
mod text;

pub use build::build;
pub use json::json;
pub use text::text;

use serde::Serialize;

/// Version of the JSON's structure; a field that changes its meaning raises it.
pub const SCHEMA: u32 = 1;

/// Everything a report says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What it is about.
    pub window: Span,
    /// All nodes together.
    pub cluster: Cluster,
    /// Each node, by name.
    pub nodes: Vec<Node>,
    /// The runs that ended in the window.
    pub runs: Vec<Run>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: String,
    /// Its length.
    pub seconds: f64,
}

/// All nodes together. Energy is that of the widest boundary for which there is any; figures of
/// different boundaries are never added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cluster {
    /// Nodes that were heard of.
    pub nodes: usize,
    /// How many are up at the window's end.
    pub up: usize,
    /// How many are late.
    pub late: usize,
    /// How many are down.
    pub down: usize,
    /// The sums by boundary, widest first; the first one speaks for the cluster.
    #[serde(flatten)]
    pub energy: EnergyFigure,
    /// How many nodes are in that sum.
    pub nodes_with_energy: usize,
    /// That sum by source.
    pub by_source: Vec<SourcePart>,
    /// The sums of the narrower boundaries.
    pub other_boundaries: Vec<EnergyFigure>,
}

/// Energy and power with what one has to know about them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EnergyFigure {
    /// `measured`, `estimated` or `simulated`; of a sum the weakest.
    pub source: Option<&'static str>,
    /// What it is drawn around.
    pub boundary: Option<&'static str>,
    /// Covered share of the window.
    pub coverage: Option<f64>,
    /// Joules during the covered time.
    pub energy_j: Option<f64>,
    /// Mean power over the covered time.
    pub mean_w: Option<f64>,
    /// Greatest power.
    pub peak_w: Option<f64>,
}

/// The part of one source in a sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourcePart {
    /// `measured`, `estimated` or `simulated`.
    pub source: &'static str,
    /// Number of nodes.
    pub nodes: usize,
    /// Their energy.
    pub energy_j: f64,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Its name.
    pub host: String,
    /// The board's model.
    pub model: Option<String>,
    /// The serial numbers of the boards that used this name in the window; more than one is an alarm.
    pub serials: Vec<String>,
    /// Whether it is simulated.
    pub simulated: bool,
    /// `up`, `late` or `down` at the window's end.
    pub state: &'static str,
    /// The meter that speaks for it.
    pub meter: Option<String>,
    /// Its energy.
    #[serde(flatten)]
    pub energy: EnergyFigure,
    /// Processor temperature.
    pub temp_c: MeanMax,
    /// Share of the cores that worked.
    pub busy_ratio: MeanMax,
    /// Stretches of throttling; `null` if its flags are unknown.
    pub episodes: Option<Vec<Episode>>,
    /// What it could not read, and why.
    pub missing: Vec<Missing>,
}

/// Mean and greatest value of a gauge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MeanMax {
    /// Over the covered time.
    pub mean: Option<f64>,
    /// The greatest sample.
    pub max: Option<f64>,
}

/// A stretch of throttling.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Episode {
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: String,
    /// Why.
    pub cause: &'static str,
    /// Highest temperature.
    pub peak_c: Option<f64>,
    /// Lowest real clock.
    pub lowest_hz: Option<f64>,
    /// Work that was not done, in core-seconds at full clock.
    pub lost_core_s: Option<f64>,
}

/// Something that a node could not read at the window's end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Missing {
    /// The measurement and its tags.
    pub what: String,
    /// Why.
    pub why: &'static str,
    /// Since when, RFC 3339, within the window.
    pub since: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// What tells it from other runs.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// When it was.
    pub window: Span,
    /// Whether its work is simulated.
    pub simulated: bool,
    /// Whether any of its nodes was throttled meanwhile; `null` if no node's flags are known.
    pub throttled: Option<bool>,
    /// Achieved rate, FLOP/s.
    pub flops: Option<f64>,
    /// FLOP/s by watt, both over the run.
    pub flops_per_w: Option<f64>,
    /// Energy of its nodes during it.
    #[serde(flatten)]
    pub energy: EnergyFigure,
    /// Each of its nodes.
    pub nodes: Vec<RunNode>,
}

/// One node in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunNode {
    /// The node.
    pub host: String,
    /// Its part of the rate, FLOP/s.
    pub flops: Option<f64>,
    /// FLOP/s by watt.
    pub flops_per_w: Option<f64>,
    /// Its energy during the run.
    #[serde(flatten)]
    pub energy: EnergyFigure,
}
