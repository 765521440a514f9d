//! The cluster in a few figures: what a collector answers on `GET /api/v1/summary` and a node's panel shows.
//!
//! Both sides are tolerant, so that their versions may differ: a field that is missing is unknown, and one that
//! is not known here is left out.

use serde::{Deserialize, Serialize};

/// The cluster now; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Nodes that are heard.
    pub nodes_up: Option<usize>,
    /// All nodes that are known.
    pub nodes_all: Option<usize>,
    /// The first of those that are down.
    pub down: Vec<String>,
    /// Power of the nodes that are up, watts, all of one boundary.
    pub watts: Option<f64>,
    /// What that power is drawn around: the name of a [`Boundary`](crate::Boundary).
    pub watts_boundary: Option<String>,
    /// Whether a node that is up is not in this sum.
    pub watts_partial: bool,
    /// Whether a part of it comes from a model.
    pub watts_estimated: bool,
    /// Whether any node is simulated.
    pub simulated: bool,
    /// The node whose processor is hottest; `None` if no temperature is known.
    pub hottest: Option<Hottest>,
    /// What was used since the day began; unknown also while a collector that has just started counts it.
    pub today: Option<Today>,
    /// The run that began last and has not ended.
    pub run: Option<Running>,
    /// The run that ended last among those that did floating-point work.
    pub last_run: Option<LastRun>,
    /// The sums of each cluster, by name, where the nodes belong to more than one; else empty.
    pub clusters: Vec<ClusterSum>,
    /// The parts of the collectors' alerting that fail now: a rule's name, `webhook`, `ntfy`, `email`, `heartbeat`.
    pub alerts_failing: Vec<String>,
}

/// The nodes that call themselves of one cluster, in the figures of [`Summary`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterSum {
    /// As its agents call it (`cluster` in their configuration).
    pub name: String,
    /// Its nodes that are heard; `None` is unknown.
    pub nodes_up: Option<usize>,
    /// All its nodes; `None` is unknown.
    pub nodes_all: Option<usize>,
    /// Power of those that are up, watts, all of one boundary; `None` is unknown.
    pub watts: Option<f64>,
    /// What that power is drawn around: the name of a [`Boundary`](crate::Boundary).
    pub watts_boundary: Option<String>,
    /// Whether a node that is up is not in this sum.
    pub watts_partial: bool,
    /// Whether a part of it comes from a model.
    pub watts_estimated: bool,
    /// Whether any of its nodes is simulated.
    pub simulated: bool,
    /// Its node whose processor is hottest; `None` if no temperature is known.
    pub hottest: Option<Hottest>,
    /// What it used since the day began; `None` is unknown.
    pub today: Option<Today>,
}

/// A node and its temperature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hottest {
    /// As the node calls itself.
    pub host: String,
    /// Processor temperature, °C.
    pub temp_c: f64,
}

/// Energy since the day began in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Today {
    /// Joules of the nodes that have a meter of this boundary.
    pub joules: f64,
    /// What it is drawn around: the name of a [`Boundary`](crate::Boundary).
    pub boundary: String,
    /// When the day began, Unix milliseconds.
    pub since_ms: i64,
    /// Whether a node that was heard today is not in this sum, or not all the time.
    #[serde(default)]
    pub partial: bool,
    /// Whether a part of it comes from a model.
    #[serde(default)]
    pub estimated: bool,
}

/// A run in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// What the user calls the run.
    pub name: String,
    /// When it began, Unix milliseconds.
    pub start_ms: i64,
}

/// A run that has ended, and what it got out of its watts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    /// What tells it from others.
    pub id: String,
    /// What the user calls the run.
    pub name: String,
    /// When it ended, Unix milliseconds.
    pub end_ms: i64,
    /// Floating-point operations per second and watt, both of the rated work; `None` if the power of all its
    /// nodes is not known.
    pub flops_per_w: Option<f64>,
    /// What that power is drawn around: the name of a [`Boundary`](crate::Boundary).
    pub boundary: Option<String>,
    /// The level of the measurement methodology that the figure reaches, 1 to 3; `None` is below.
    pub level: Option<u8>,
    /// Whether that power comes from a model, in whole or in part.
    #[serde(default)]
    pub estimated: bool,
    /// Whether its work or a node of it is simulated.
    #[serde(default)]
    pub simulated: bool,
}
