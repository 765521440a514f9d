//! The pages that a panel turns through: the built-in ones of [`pages`](crate::pages), and those that are written in
//! the configuration ([`template`](crate::template)).

use crate::pages::{Facts, case, cluster, efficiency, network, node, run};
use crate::template::Template;
use crate::{Frame, Size};

/// The pages that a panel turns through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Temperature, power, clock and load of this node.
    Node,
    /// Name and address of this node.
    Network,
    /// System time, the air in the case, the voltage at the board's input.
    Case,
    /// Energy of the day and what a run got out of its watts.
    Efficiency,
    /// Power, temperature and state of all nodes together.
    Cluster,
    /// The run in progress.
    Run,
    /// The template of this index, from the configuration.
    Custom(usize),
}

impl Page {
    /// The built-in pages by the names that they have in a configuration.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("node", Self::Node),
        ("network", Self::Network),
        ("case", Self::Case),
        ("efficiency", Self::Efficiency),
        ("cluster", Self::Cluster),
        ("run", Self::Run),
    ];
    /// The pages that a panel turns through if nothing is said, in this order.
    pub const USUAL: [Self; 6] =
        [Self::Node, Self::Network, Self::Case, Self::Cluster, Self::Efficiency, Self::Run];
}

/// Draws a page. A custom page whose template is not there is the node page.
pub fn draw(page: Page, facts: &Facts, templates: &[Template], size: Size) -> Frame {
    match page {
        Page::Node => node(&facts.node, size),
        Page::Network => network(&facts.network, size),
        Page::Efficiency => efficiency(&facts.efficiency, size),
        Page::Case => case(&facts.case, size),
        Page::Cluster => cluster(&facts.cluster, facts.case.minute, size),
        Page::Run => run(&facts.run, size),
        Page::Custom(index) => {
            templates.get(index).map_or_else(|| node(&facts.node, size), |template| template.render(facts))
        }
    }
}
