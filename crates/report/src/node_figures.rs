//! The figures of nodes, a row for each, as a table of a document has them.

use picollect_telemetry::{Boundary, Source};

use super::Node;
use super::figures::{Column, Figure, Figures};
use super::numbers::{DASH, count};

/// What fits on a page.
pub(crate) fn table(nodes: &[Node]) -> Figures {
    let columns = [
        ("node", ""),
        ("mean power", "W"),
        ("energy", "J"),
        ("covered share", ""),
        ("mean temperature", "°C"),
        ("greatest temperature", "°C"),
        ("throttled", ""),
        ("source", ""),
        ("boundary", ""),
    ];
    Figures {
        caption: count(nodes.len(), "node"),
        columns: columns.map(|(name, unit)| Column::new(name, unit)).to_vec(),
        rows: nodes.iter().map(row).collect(),
        notes: nodes.iter().filter(|node| node.simulated).map(simulated).collect(),
    }
}

fn row(node: &Node) -> Vec<Figure> {
    let energy = &node.energy;
    let throttled = match &node.episodes {
        None => "unknown".to_owned(),
        Some(episodes) if episodes.is_empty() => "no".to_owned(),
        Some(episodes) => count(episodes.len(), "episode"),
    };
    let word = |word: Option<&str>| Figure::Text(word.unwrap_or(DASH).to_owned());
    vec![
        Figure::Text(node.host.clone()),
        Figure::with_uncertainty(energy.mean_w, energy.uncertainty_w),
        Figure::number(energy.energy_j),
        Figure::number(energy.coverage),
        Figure::number(node.temp_c.mean),
        Figure::number(node.temp_c.max),
        Figure::Text(throttled),
        word(energy.source.map(Source::as_str)),
        word(energy.boundary.map(Boundary::as_str)),
    ]
}

fn simulated(node: &Node) -> String {
    format!("{} is simulated.", node.host)
}
