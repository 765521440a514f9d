//! What each of the built-in pages says, and the facts that any page is drawn from.
//!
//! Invariant: an unknown figure is `--`, never zero; an estimated one has `~` before it, one that lacks a
//! part (a node without a meter, an hour without readings) `>`; a page with anything simulated says `SIM`.

mod case;
mod cluster;
mod efficiency;
mod network;
mod node;
mod run;
pub(crate) mod text;

pub use case::{CaseFacts, case};
pub use cluster::{ClusterFacts, cluster};
pub use efficiency::{EfficiencyFacts, efficiency};
pub use network::{NetworkFacts, network};
pub use node::{NodeFacts, node};
pub use run::{RunFacts, run};

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Read from a meter.
    #[default]
    Measured,
    /// Computed by a model.
    Estimated,
    /// From a simulated node, whole or in part.
    Simulated,
}

/// A figure with what has to be said of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figure {
    /// The value in SI units; `None` is unknown.
    pub value: Option<f64>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether a part of what it claims to cover is unknown, so that the truth is higher.
    pub partial: bool,
}

impl Figure {
    /// A figure that covers all it claims to.
    pub fn new(value: Option<f64>, origin: Origin) -> Self {
        Self { value, origin, partial: false }
    }

    /// What stands before its digits.
    pub(crate) fn mark(self) -> &'static str {
        match (self.value.is_some(), self.partial, self.origin == Origin::Estimated) {
            (true, true, true) => ">~",
            (true, true, false) => ">",
            (true, false, true) => "~",
            _ => "",
        }
    }
}

/// Everything that any page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// For the node page.
    pub node: NodeFacts,
    /// For the network page.
    pub network: NetworkFacts,
    /// For the page of the case.
    pub case: CaseFacts,
    /// For the efficiency page.
    pub efficiency: EfficiencyFacts,
    /// For the cluster page.
    pub cluster: ClusterFacts,
    /// For the page of the run in progress.
    pub run: RunFacts,
}

impl Facts {
    /// Whether anything in it is simulated.
    pub fn simulated(&self) -> bool {
        let Self { node, network, case, efficiency, cluster, run } = self;
        node.simulated
            || network.simulated
            || case.simulated
            || efficiency.simulated()
            || cluster.simulated()
            || run.simulated()
    }
}
