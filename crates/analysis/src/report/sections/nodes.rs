//! The nodes: their energy, and in which state they were.

use super::super::Node;
use super::super::numbers::{decimals, percent, si};
use super::super::page::{Block, Cell, Section, Table, Tone};
use super::{mean_power, source};
use picollect_evaluate::presence::Presence;

pub(super) fn section(nodes: &[Node]) -> Option<Section> {
    Section::new("Nodes", vec![energy(nodes), condition(nodes)])
}

fn energy(nodes: &[Node]) -> Block {
    let row = |node: &Node| {
        vec![
            Cell::from(&node.host),
            state(node.state),
            si(node.energy.energy_j, "J").into(),
            mean_power(&node.energy).into(),
            si(node.energy.peak_w, "W").into(),
            percent(node.energy.coverage).into(),
            source(&node.energy),
        ]
    };
    let columns = ["node", "state", ">energy", ">mean power", ">peak", ">covered", "source"];
    Table::block("Energy of each node", &columns, nodes.iter().map(row).collect())
}

fn condition(nodes: &[Node]) -> Block {
    let row = |node: &Node| {
        vec![
            Cell::from(&node.host),
            decimals(node.temp_c.mean, 1).into(),
            decimals(node.temp_c.max, 1).into(),
            percent(node.busy_ratio.mean).into(),
            percent(node.busy_ratio.max).into(),
            meter(node),
            model(node),
        ]
    };
    let columns = ["node", ">mean °C", ">max °C", ">mean busy", ">max busy", "meter", "board"];
    Table::block("Temperature, load and hardware", &columns, nodes.iter().map(row).collect())
}

/// The meter and what it is drawn around.
fn meter(node: &Node) -> Cell {
    let Some(meter) = &node.meter else { return Cell::maybe(None) };
    node.energy.boundary.map_or_else(|| meter.into(), |boundary| format!("{meter} ({boundary})").into())
}

fn model(node: &Node) -> Cell {
    match (node.simulated, node.model.as_deref()) {
        (true, Some(model)) if model.starts_with("simulated") => Cell::toned(model, Tone::Caution),
        (true, Some(model)) => Cell::toned(format!("{model} (simulated)"), Tone::Caution),
        (true, None) => Cell::toned("simulated", Tone::Caution),
        (false, model) => Cell::maybe(model),
    }
}

fn state(state: Presence) -> Cell {
    let tone = match state {
        Presence::Up => Tone::Good,
        Presence::Late => Tone::Caution,
        Presence::Down => Tone::Bad,
    };
    Cell::toned(state.as_str(), tone)
}
