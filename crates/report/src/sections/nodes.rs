//! The nodes: their energy, and in which state they were.

use super::super::numbers::{DASH, decimals, percent, si, significant};
use super::super::page::{Block, Cell, Section, Table, Tone};
use super::super::{Node, SupplyAndFlash};
use super::{mean_power, source};
use picollect_evaluate::presence::Presence;
use picollect_telemetry::catalogue::LOW_EXT5V_VOLTS;

/// Flash that lasts no longer is worth a plan.
const SHORT_YEARS: f64 = 2.0;

pub(super) fn section(nodes: &[Node]) -> Option<Section> {
    Section::new("Nodes", vec![energy(nodes), condition(nodes), supply_and_flash(nodes)])
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

/// Of the nodes that say any of it.
fn supply_and_flash(nodes: &[Node]) -> Block {
    let told = nodes.iter().filter(|node| node.supply_and_flash != SupplyAndFlash::default());
    let row = |node: &Node| {
        let SupplyAndFlash { least_supply_v, brown_out, flash_used_ratio, written_bytes_per_day, .. } =
            node.supply_and_flash;
        let low = least_supply_v.is_some_and(|volts| volts < LOW_EXT5V_VOLTS);
        let reset = brown_out.map(|by_voltage| if by_voltage { "under-voltage" } else { "other" });
        vec![
            Cell::from(&node.host),
            Cell::toned(decimals(least_supply_v, 2), if low { Tone::Bad } else { Tone::Plain }),
            Cell::toned(reset.unwrap_or(DASH), if brown_out == Some(true) { Tone::Bad } else { Tone::Plain }),
            flash_used_ratio
                .map_or_else(|| DASH.to_owned(), |ratio| format!("≤ {}", percent(Some(ratio))))
                .into(),
            si(written_bytes_per_day, "B").into(),
            flash_lasts(&node.supply_and_flash),
        ]
    };
    let columns = [
        "node",
        ">least V at input",
        "last reset by",
        ">flash used",
        ">written a day",
        ">years left (by days)",
    ];
    Table::block("Supply, last reset and cards", &columns, told.map(row).collect())
}

/// How long its flash lasts at the pace of the window, with the days of watching that this rests on.
fn flash_lasts(told: &SupplyAndFlash) -> Cell {
    let Some(years) = told.flash_years_left else { return Cell::maybe(None) };
    let sign = if told.flash_years_are_least == Some(true) { "≥" } else { "≈" };
    let days = told.flash_watched_days.map(|days| format!(" ({days:.0})")).unwrap_or_default();
    let worn = told.flash_pre_eol.is_some_and(|state| state >= 2.0);
    let soon = worn || (years < SHORT_YEARS && told.flash_years_are_least == Some(false));
    Cell::toned(
        format!("{sign} {}{days}", significant(years, 2)),
        if soon { Tone::Caution } else { Tone::Plain },
    )
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
