//! What a report says: the structure that every format writes down, and the fields of its JSON
//! (`docs/report-schema.md`).
//!
//! Invariant: what is unknown is `None` and comes out as `null` or a dash, never as zero.

use picollect_evaluate::balance::What;
use picollect_evaluate::methodology;
use picollect_evaluate::presence::Presence;
use picollect_evaluate::throttle::Cause;
use picollect_telemetry::Boundary;
use picollect_telemetry::NoData;
use picollect_telemetry::Source;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of the JSON's structure; a field that changes its meaning raises it.
pub const SCHEMA: u32 = 2;

/// The name of the provenance of an imported run that says which file it was.
pub const IMPORTED_FROM: &str = "imported from";

/// Everything a report says.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// What it is about.
    pub window: Span,
    /// What a person would say of it, in at most three sentences.
    pub verdict: Vec<String>,
    /// The sums over all nodes and how many of them are up.
    pub cluster: Cluster,
    /// What is lost between the nodes and a wider boundary; `null` unless both were metered.
    pub overhead: Option<Overhead>,
    /// Each node, by name.
    pub nodes: Vec<Node>,
    /// The nodes that are hotter or slower than the others at the same load.
    pub balance: Vec<Outlier>,
    /// What to do about what was found.
    pub advice: Vec<Advice>,
    /// The runs in the window.
    pub runs: Vec<Run>,
    /// The window without its runs; `null` if there are none.
    pub between_runs: Option<EnergyFigure>,
    /// Money and carbon; `null` unless a tariff or an intensity is configured.
    pub cost: Option<Cost>,
    /// What the hardware gives for its price; `null` unless prices are configured.
    pub affordability: Option<Affordability>,
    /// Published figures to compare with.
    pub references: Vec<Reference>,
    /// Power, temperature and throttling over the window, for charts.
    pub timeline: Timeline,
}

/// A stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// First moment, RFC 3339 in UTC.
    pub start: String,
    /// Last moment, RFC 3339 in UTC.
    pub end: String,
    /// From start to end, whatever of it is covered.
    pub seconds: f64,
    /// How far apart the points are that stand for some of its samples, s; `null` if all that came is still stored.
    pub resolution_s: Option<f64>,
}

/// All nodes together. Energy is that of the widest boundary that is covered about as well as any; figures
/// of different boundaries are never added.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cluster {
    /// Nodes that were heard of.
    pub nodes: usize,
    /// How many are up at the window's end.
    pub up: usize,
    /// How many are late.
    pub late: usize,
    /// How many are down.
    pub down: usize,
    /// The sum of the boundary that speaks for the cluster.
    #[serde(flatten)]
    pub energy: EnergyFigure,
    /// How many nodes are in that sum; of meters at the wall all that are behind them.
    pub nodes_with_energy: usize,
    /// That sum by source.
    pub by_source: Vec<SourcePart>,
    /// The sums of the other boundaries, widest first.
    pub other_boundaries: Vec<EnergyFigure>,
}

/// Energy and power with what one has to know about them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EnergyFigure {
    /// How it came to be; of a sum the weakest of its parts.
    pub source: Option<Source>,
    /// What the meters measure around.
    pub boundary: Option<Boundary>,
    /// Covered share of the window.
    pub coverage: Option<f64>,
    /// Joules during the covered time.
    pub energy_j: Option<f64>,
    /// Mean power over the covered time.
    pub mean_w: Option<f64>,
    /// Highest power that was seen, W; `null` where it cannot be told.
    pub peak_w: Option<f64>,
    /// Standing for the meters' gain and offset errors: so many watts either way of `mean_w`.
    pub uncertainty_w: Option<f64>,
    /// Why there is no energy of all nodes together; left out where there is, and of single nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_unknown: Option<String>,
}

/// The part of one source in a sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourcePart {
    /// How their figures came to be.
    pub source: Source,
    /// How many nodes, or wall meters, have a figure of this source.
    pub nodes: usize,
    /// Sum over those nodes, J.
    pub energy_j: f64,
}

/// The difference between a wide boundary and the sum of the nodes within it: supplies, switch, fans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overhead {
    /// The boundary that is wider than the nodes', such as the wall.
    pub boundary: Boundary,
    /// Mean power at that boundary, W.
    pub outer_w: f64,
    /// Mean power of all nodes together.
    pub nodes_w: f64,
    /// `outer_w` minus `nodes_w`, W.
    pub overhead_w: f64,
    /// The difference as a share of the wide one.
    pub share: f64,
}

/// What is known of one node in the window; `null` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Node {
    /// The name that its agent gives itself, in the tag `host`.
    pub host: String,
    /// As the board calls itself; `null` if its agent never said it, as foreign ones do not.
    pub model: Option<String>,
    /// The serial numbers of the boards that used this name in the window; more than one is an alarm.
    pub serials: Vec<String>,
    /// How many boards spoke under this name at the same time, by their boots; more than one is an alarm, and the energy
    /// of that time is not known. `null` if none said its boot.
    pub boards_at_once: Option<usize>,
    /// Whether it is simulated.
    pub simulated: bool,
    /// Whether it spoke at the window's end.
    pub state: Presence,
    /// The meter that speaks for it.
    pub meter: Option<String>,
    /// Energy and power by that meter.
    #[serde(flatten)]
    pub energy: EnergyFigure,
    /// Of the processor, °C.
    pub temp_c: MeanMax,
    /// Share of the cores that worked.
    pub busy_ratio: MeanMax,
    /// Stretches of throttling; `null` if its flags are unknown.
    pub episodes: Option<Vec<Episode>>,
    /// How it heats up and how far from its limit it stays.
    pub thermal: Thermal,
    /// Its supply, its last reset and its flash.
    pub supply_and_flash: SupplyAndFlash,
    /// What it could not read, and why.
    pub missing: Vec<Missing>,
}

/// What a board says of its supply, its last reset and its flash; `null` is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SupplyAndFlash {
    /// Lowest voltage at its input in the window, V; boards before the Pi 5 do not measure it.
    pub least_supply_v: Option<f64>,
    /// Whether its last reset was by an under-voltage, where its firmware tells.
    pub brown_out: Option<bool>,
    /// Share of its rated life that its flash has used, at most; most SD cards do not tell.
    pub flash_used_ratio: Option<f64>,
    /// What is written to its cards in a day, bytes, at the pace of the window.
    pub written_bytes_per_day: Option<f64>,
    /// Years until the rated writes of its flash are used up at that pace; of several the first one.
    pub flash_years_left: Option<f64>,
    /// Whether it is only known that it lasts no less; `null` with `flash_years_left`.
    pub flash_years_are_least: Option<bool>,
    /// Over how many days of its own estimate and of what was written that is.
    pub flash_watched_days: Option<f64>,
    /// State of its reserved blocks: 1 normal, 2 four fifths are used, 3 nine tenths are.
    pub flash_pre_eol: Option<f64>,
}

/// Mean and greatest value of a gauge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MeanMax {
    /// Over the covered time.
    pub mean: Option<f64>,
    /// Greatest sample in the window; `null` without one.
    pub max: Option<f64>,
}

/// A stretch of throttling.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Episode {
    /// First moment with a flag, RFC 3339 in UTC.
    pub start: String,
    /// When its flags were clear again, else its last sample, RFC 3339 in UTC.
    pub end: String,
    /// What limited the clock, as far as flags and temperature tell.
    pub cause: Cause,
    /// Highest temperature during it, °C; `null` if no sample falls into it.
    pub peak_c: Option<f64>,
    /// Lowest real clock during it, Hz; `null` if no sample falls into it.
    pub lowest_hz: Option<f64>,
    /// Work that was not done, in core-seconds at full clock.
    pub lost_core_s: Option<f64>,
    /// The same as a share of what all cores could do in the window.
    pub lost_share: Option<f64>,
}

/// A node's thermal model; all `null` with the reason in `unknown` where none fits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Thermal {
    /// Why there is no model.
    pub unknown: Option<String>,
    /// Thermal resistance from the chip to the air, K/W.
    pub resistance_k_per_w: Option<f64>,
    /// How long a step in power takes to reach 63 % of its effect on the temperature, s.
    pub time_constant_s: Option<f64>,
    /// The air, as the model sees it, °C.
    pub ambient_c: Option<f64>,
    /// Share of the temperature's variance that the model explains.
    pub r2: Option<f64>,
    /// The limit that comes first on this board, °C.
    pub limit_c: Option<f64>,
    /// Its power at full load is not known, so that the next four are bounds: at least so hot, at most so
    /// much room, at most so long. Left out where it is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_bounds: bool,
    /// Temperature at which it settles at full load, °C.
    pub steady_state_c: Option<f64>,
    /// From there to the limit, K; negative is above it.
    pub headroom_k: Option<f64>,
    /// Power that could be added before the limit is reached, W.
    pub headroom_w: Option<f64>,
    /// Time at that power until the limit is reached from the ambient, s; `null` if never.
    pub seconds_to_limit: Option<f64>,
}

/// Something that a node could not read at the window's end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Missing {
    /// The measurement and its tags.
    pub what: String,
    /// The reason that the node itself gave.
    pub why: NoData,
    /// Since when, RFC 3339, within the window.
    pub since: String,
}

/// A node that differs from its peers at the same load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlier {
    /// The node that stands out, not one of its peers.
    pub host: String,
    /// In what it differs: hotter (`value` in °C) or slower (`value` a share of the full clock).
    pub what: What,
    /// The node's own mean over the window, in the unit that `what` says.
    pub value: f64,
    /// Median of the nodes under the same load, itself among them, in the same unit.
    pub median: f64,
    /// How far it is on the bad side of the median: its robust z-score, above 3.5.
    pub z: f64,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// The node that the advice is for.
    pub host: String,
    /// What in the figures of the window gave rise to the advice.
    pub finding: String,
    /// A step that a person can take, in one or two sentences.
    pub what_to_do: String,
}

/// What is known of one run; its figures are those of the nodes it used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What tells it from other runs.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// What the user set by `--label`.
    pub labels: BTreeMap<String, String>,
    /// The command line; empty for a load of picollect's own.
    pub command: Vec<String>,
    /// From its beginning to its end.
    pub window: Span,
    /// How it ended; only a run that is done has a rate.
    pub status: RunStatus,
    /// Why it is not done, or what is worth knowing of a run that is.
    pub remarks: Vec<String>,
    /// Whether its work is simulated.
    pub simulated: bool,
    /// Whether any of its nodes was throttled meanwhile; `null` if none is known to have been and the flags of
    /// some are not known.
    pub throttled: Option<bool>,
    /// How many of its nodes have no throttle flags that are known.
    #[serde(default)]
    pub nodes_without_flags: usize,
    /// The program that was recognised and the result that counts; `null` for unknown output.
    pub result: Option<RunResult>,
    /// Every result that the output holds, the one that counts included.
    pub results: Vec<RunResult>,
    /// Energy of its nodes over the whole run.
    #[serde(flatten)]
    pub energy: EnergyFigure,
    /// The same nodes over the idle time measured before it; never subtracted.
    pub idle: Option<EnergyFigure>,
    /// Energy to solution, J: that of the whole run, if it is covered.
    pub energy_to_solution_j: Option<f64>,
    /// Energy × time, J·s.
    pub edp_js: Option<f64>,
    /// Energy × time², J·s².
    pub ed2p_js2: Option<f64>,
    /// Share of the window's energy.
    pub share_of_window: Option<f64>,
    /// What the figure is worth as a measurement.
    pub methodology: Methodology,
    /// Each of its nodes.
    pub nodes: Vec<RunNode>,
    /// What one has to know to do it again: a name and its value.
    pub provenance: BTreeMap<String, String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// The command ended by itself, and no result is wrong.
    Done,
    /// The command or one of its results failed.
    Failed,
    /// A signal ended the command, or its output ends before a result.
    #[default]
    Interrupted,
}

impl RunStatus {
    /// The word in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A result of a benchmark within a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The program that printed it, `HPL` for example.
    pub benchmark: String,
    /// What tells this result from others of the same program.
    pub label: String,
    /// Whether the benchmark vouches for it.
    pub verdict: Check,
    /// In the benchmark's own words.
    pub reason: Option<String>,
    /// The rate in `unit`, SI without prefix; `null` for a failed or interrupted one.
    pub rate: Option<f64>,
    /// What the rate counts, `FLOPS` for example.
    pub unit: String,
    /// What the rate by power is called, `FLOPS/W` for example.
    pub unit_per_w: String,
    /// The core phase; `null` if it is not known.
    pub core: Option<Span>,
    /// Half of what is not known about where the core phase lies, s.
    pub core_edge_s: Option<f64>,
    /// Energy over the core phase.
    pub core_energy: EnergyFigure,
    /// The result: rate by mean power over the core phase; over the whole run where `core` is `null`.
    pub rate_per_w: Option<f64>,
    /// The same by the methodology's own rule: the mean power from the first to the last reading inside the core
    /// phase; `null` where a meter has fewer than two there.
    #[serde(default)]
    pub rate_per_w_by_readings: Option<f64>,
    /// Its relative uncertainty: meters and edges of the core phase.
    pub uncertainty: Option<f64>,
    /// Rate by the mean power of the whole run: shown beside, overstates if idle ends are included.
    pub rate_per_w_whole: Option<f64>,
    /// The result with the configured power of the switch added and the configured loss of the supply;
    /// `null` unless a supply's efficiency is configured and the nodes are metered behind it.
    pub rate_per_w_corrected: Option<f64>,
}

/// Whether a benchmark vouches for a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// It checked it and found it right.
    Passed,
    /// It did not check it.
    Unchecked,
    /// It found it wrong.
    Failed,
    /// Its output ended before.
    #[default]
    Interrupted,
}

impl Check {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unchecked => "unchecked",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The check against the rules of the EE HPC WG Power Measurement Methodology.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Methodology {
    /// The highest level whose rules all pass; `null` is below level 1.
    pub level: Option<u8>,
    /// Why it is below level 1.
    pub reasons: Vec<String>,
    /// How each rule of the methodology is met, in the methodology's order.
    pub rules: Vec<Rule>,
}

/// One rule at the three levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The aspect that the rule is about.
    pub name: methodology::Rule,
    /// Whether it is kept at level 1, 2 and 3.
    pub levels: [methodology::Verdict; 3],
    /// The figure behind it.
    pub figure: String,
}

/// One node in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunNode {
    /// The node that did this part of the work.
    pub host: String,
    /// Its part of the rate, FLOP/s, where each node's is known.
    pub flops: Option<f64>,
    /// `flops` by the node's own mean power, FLOP/s per watt; `null` where either is unknown.
    pub flops_per_w: Option<f64>,
    /// Its energy during the run.
    #[serde(flatten)]
    pub energy: EnergyFigure,
}

/// What the window's energy cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cost {
    /// As `[cost]` names it; every price here is in it.
    pub currency: String,
    /// Price of the energy; of its covered part.
    pub energy_price: Option<f64>,
    /// Share of the energy for which a tariff is known.
    pub price_coverage: Option<f64>,
    /// Carbon dioxide equivalent of the energy, g.
    pub co2e_g: Option<f64>,
    /// Share of the energy for which an intensity is known.
    pub co2e_coverage: Option<f64>,
}

/// What the hardware gives for its price.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Affordability {
    /// As `[cost]` names it; every price here is in it.
    pub currency: String,
    /// Price of all nodes and the rest.
    pub hardware_price: f64,
    /// Years over which it is written off.
    pub years: f64,
    /// The run whose rate is used, and its rate in FLOP/s.
    pub run: Option<String>,
    /// GFLOPS per unit of the currency.
    pub gflops_per_currency: Option<f64>,
    /// Price of a year: hardware written off, and energy at the window's mean power.
    pub year_price: Option<f64>,
    /// The same for the configured alternatives.
    pub alternatives: Vec<Alternative>,
}

/// Other hardware, rented or bought, that the configuration compares with.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Alternative {
    /// As the configuration calls it.
    pub name: String,
    /// GFLOPS per unit of the currency; of a year's price where it is rented.
    pub gflops_per_currency: Option<f64>,
    /// Price of a year.
    pub year_price: Option<f64>,
    /// Price of a year of this cluster by that of the alternative, at equal rate.
    pub relative_year_price: Option<f64>,
}

/// A result of another machine that somebody published; not measured by picollect.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reference {
    /// The machine and what sets it apart, such as its number of nodes.
    pub name: String,
    /// Year in which it was measured or listed.
    pub year: u16,
    /// Where it is published.
    pub source: String,
    /// Rate of the machine, FLOP/s; `null` if it was not published.
    pub flops: Option<f64>,
    /// Rate by power, FLOP/s per watt; `null` if it was not published.
    pub flops_per_w: Option<f64>,
}

/// The window in equal steps; `null` where nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// Beginning of the first step, Unix milliseconds.
    pub start_ms: i64,
    /// Length of a step.
    pub step_s: f64,
    /// A curve for each node of the report, in the same order.
    pub nodes: Vec<NodeTimeline>,
    /// Mean power at the wall, W.
    pub outer_w: Vec<Option<f64>>,
}

/// A node over the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NodeTimeline {
    /// The node whose curves these are.
    pub host: String,
    /// Mean power in each step, W.
    pub watts: Vec<Option<f64>>,
    /// Greatest temperature in each step, °C.
    pub temp_c: Vec<Option<f64>>,
}
