//! The whole cluster: nodes up, power, the hottest node.

use super::{Figure, Origin, text};
use crate::glyphs::THERMOMETER;
use crate::{Frame, Size};

/// What the cluster page shows, from the collector's summary; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterFacts {
    /// As its agents call it, where the sums are of this one of several; `None` is the whole.
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

/// What stands before the watts on a small panel: the cluster's name as far as it fits, or a word; the label costs
/// either.
fn left(facts: &ClusterFacts, room: usize) -> String {
    const SHORTEST: usize = 3;
    let presence = facts.presence();
    let free = room.saturating_sub(presence.chars().count() + 1);
    match &facts.name {
        _ if facts.simulated() => text::labelled(true, &presence),
        Some(name) if free >= SHORTEST => format!("{} {presence}", text::name(name, free)),
        Some(_) => presence,
        None => presence + " up",
    }
}

/// Draws the page of the whole cluster, or of the one among several that has a name; what is unknown is dashes. A
/// large panel tells the minute of the day too.
pub fn cluster(facts: &ClusterFacts, minute: Option<u16>, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let watts = text::watts(facts.watts);
    let hottest = text::known(facts.hottest.as_ref().map(|(name, _)| name.as_str()));
    let temperature = format!("{}°C", text::number(facts.hottest.as_ref().map(|(_, temp_c)| *temp_c), 1));
    if size.rows < 4 {
        let left = left(facts, size.columns.saturating_sub(watts.chars().count() + 1));
        text::spread(&mut frame, 0, &left, &watts);
        text::spread(&mut frame, 1, &format!("{THERMOMETER}{hottest}"), &temperature);
    } else {
        let title = facts.name.as_deref().unwrap_or("cluster");
        let time = minute.map_or_else(String::new, |minute| text::clock_time(Some(minute)));
        let room = size.columns.saturating_sub(time.len() + 1);
        text::spread(&mut frame, 0, &text::labelled_within(facts.simulated(), title, room), &time);
        text::spread(&mut frame, 1, "nodes up", &facts.presence());
        text::spread(&mut frame, 2, "power", &watts);
        text::spread(&mut frame, 3, &format!("{THERMOMETER}{hottest}"), &temperature);
    }
    frame
}
