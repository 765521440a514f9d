//! Which nodes have curves of their own: all, or of many those that differ.

use super::super::charts::MOST_LINES;
use super::super::numbers::count;
use super::super::{Node, NodeTimeline, Report};
use picollect_evaluate::presence::Presence;

/// The nodes whose curves are drawn.
pub(super) struct Shown<'a> {
    pub(super) nodes: Vec<&'a NodeTimeline>,
    /// What stands behind the drawing's title.
    pub(super) whose: String,
}

/// Whether the nodes are more than one drawing can tell apart.
pub(super) fn are_many(report: &Report) -> bool {
    report.timeline.nodes.len() > MOST_LINES
}

/// All nodes, or of many those that differ, as many as one drawing can tell apart.
pub(super) fn shown(report: &Report) -> Shown<'_> {
    let all = &report.timeline.nodes;
    if !are_many(report) {
        return Shown { nodes: all.iter().collect(), whose: "by node".to_owned() };
    }
    let hosts = differing(report);
    let found = |host: &&str| all.iter().find(|node| node.host == *host);
    let nodes: Vec<&NodeTimeline> = hosts.iter().take(MOST_LINES).filter_map(found).collect();
    let rest = hosts.len().saturating_sub(nodes.len());
    let rest = if rest > 0 { format!(" ({rest} more do)") } else { String::new() };
    Shown { whose: format!("of the {} most different{rest}", count(nodes.len(), "node")), nodes }
}

/// The nodes that somebody has to look at, first those that do not speak, then by the work that they lost, then those
/// that stand out among their peers.
fn differing(report: &Report) -> Vec<&str> {
    let lost = |node: &Node| {
        let episodes = node.episodes.as_ref().filter(|list| !list.is_empty())?;
        Some(episodes.iter().filter_map(|episode| episode.lost_core_s).sum::<f64>())
    };
    let silent = report.nodes.iter().filter(|node| node.state != Presence::Up);
    let mut throttled: Vec<(f64, &Node)> =
        report.nodes.iter().filter_map(|node| Some((lost(node)?, node))).collect();
    throttled.sort_by(|a, b| b.0.total_cmp(&a.0));
    let hosts = silent.chain(throttled.into_iter().map(|(_, node)| node)).map(|node| node.host.as_str());
    let of_findings = report
        .balance
        .iter()
        .map(|outlier| outlier.host.as_str())
        .chain(report.advice.iter().map(|advice| advice.host.as_str()));
    let mut found: Vec<&str> = Vec::new();
    for host in hosts.chain(of_findings) {
        if !found.contains(&host) {
            found.push(host);
        }
    }
    found
}
