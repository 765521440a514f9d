//! How each node heats up, and how far from its limit it stays.

use super::super::numbers::{decimals, duration};
use super::super::page::{Block, Cell, Section, Table, Tone};
use super::super::{Node, Thermal};

pub(super) fn section(nodes: &[Node]) -> Option<Section> {
    let fitted = |node: &&Node| node.thermal.resistance_k_per_w.is_some();
    let unknown = |node: &Node| {
        let why = node.thermal.unknown.as_ref()?;
        Some((node.host.clone(), Cell::toned(format!("no model: {why}"), Tone::Faint)))
    };
    let fits = nodes.iter().filter(fitted).map(fit).collect();
    let room = nodes.iter().filter(fitted).map(headroom).collect();
    let blocks = vec![
        Table::block(
            "Thermal model of each node, fitted to its own temperature and power",
            &["node", ">K/W", ">time constant", ">air °C", ">R²"],
            fits,
        ),
        Table::block(
            "Headroom at full load",
            &["node", ">settles at °C", ">limit °C", ">headroom K", ">headroom W", ">limit reached after"],
            room,
        ),
        Block::Facts(nodes.iter().filter_map(unknown).collect()),
    ];
    Section::new("Thermal", blocks)
}

fn fit(node: &Node) -> Vec<Cell> {
    let Thermal { resistance_k_per_w, time_constant_s, ambient_c, r2, .. } = node.thermal;
    vec![
        Cell::from(&node.host),
        decimals(resistance_k_per_w, 2).into(),
        time_constant_s.map_or_else(|| Cell::maybe(None), |seconds| duration(seconds).into()),
        decimals(ambient_c, 1).into(),
        decimals(r2, 3).into(),
    ]
}

fn headroom(node: &Node) -> Vec<Cell> {
    let Thermal { limit_c, steady_state_c, headroom_k, headroom_w, seconds_to_limit, only_bounds, .. } =
        node.thermal;
    let tone = match headroom_k {
        Some(room) if room < 0.0 => Tone::Bad,
        Some(room) if room < LITTLE_ROOM_K => Tone::Caution,
        _ => Tone::Plain,
    };
    let bound = |sign: &str, figure: String| {
        if only_bounds && headroom_k.is_some() { format!("{sign} {figure}") } else { figure }
    };
    let signed = |room: Option<f64>| match room {
        Some(room) if room < 0.0 => format!("{} (above)", decimals(Some(room), 1)),
        room => decimals(room, 1),
    };
    let reached = match (seconds_to_limit, headroom_k) {
        (Some(seconds), _) => bound("≤", duration(seconds)).into(),
        (None, Some(room)) if room >= 0.0 && !only_bounds => "never".into(),
        _ => Cell::maybe(None),
    };
    vec![
        Cell::from(&node.host),
        bound("≥", decimals(steady_state_c, 1)).into(),
        decimals(limit_c, 1).into(),
        Cell::toned(bound("≤", signed(headroom_k)), tone),
        bound("≤", decimals(headroom_w, 1)).into(),
        reached,
    ]
}

/// A warmer room or more dust takes as much.
const LITTLE_ROOM_K: f64 = 5.0;
