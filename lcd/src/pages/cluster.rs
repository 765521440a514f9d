//! The whole cluster: nodes up, power, the hottest node.

use super::{Figure, Origin, text};
use crate::glyphs::THERMOMETER;
use crate::{Frame, Size};

/// What the cluster page shows, from the collector's summary; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterFacts {
    /// As the agents call it; `None` if they call it nothing.
    pub name: Option<String>,
    /// Whether any of its nodes is simulated.
    pub simulated: bool,
    /// Nodes that are heard.
    pub up: Option<usize>,
    /// How many nodes there are, silent ones too; `None` is unknown.
    pub all: Option<usize>,
    /// Power of all nodes together, watts; partial if a node's is not known.
    pub watts: Figure,
    /// The hottest node and its temperature in °C.
    pub hottest: Option<(String, f64)>,
}

impl ClusterFacts {
    /// Nodes up of all, `6/8`.
    pub(crate) fn presence(&self) -> String {
        let count =
            |count: Option<usize>| count.map_or_else(|| text::UNKNOWN.into(), |count| count.to_string());
        format!("{}/{}", count(self.up), count(self.all))
    }

    /// Whether any of it is simulated.
    pub(crate) fn simulated(&self) -> bool {
        self.simulated || self.watts.origin == Origin::Simulated
    }
}

/// Draws the page of the whole cluster; what is unknown is dashes.
pub fn cluster(facts: &ClusterFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let watts = text::watts(facts.watts);
    let hottest = text::known(facts.hottest.as_ref().map(|(name, _)| name.as_str()));
    let temperature = format!("{}°C", text::number(facts.hottest.as_ref().map(|(_, temp_c)| *temp_c), 1));
    if size.rows < 4 {
        // The label costs the word.
        let up = if facts.simulated() { "" } else { " up" };
        text::spread(&mut frame, 0, &text::labelled(facts.simulated(), &(facts.presence() + up)), &watts);
        text::spread(&mut frame, 1, &format!("{THERMOMETER}{hottest}"), &temperature);
    } else {
        let title = facts.name.as_deref().unwrap_or("cluster");
        frame.write(0, &text::labelled_within(facts.simulated(), title, size.columns));
        text::spread(&mut frame, 1, "nodes up", &facts.presence());
        text::spread(&mut frame, 2, "power", &watts);
        text::spread(&mut frame, 3, &format!("{THERMOMETER}{hottest}"), &temperature);
    }
    frame
}
