//! *Energy evaluation*: what was used, by whom, what it cost, and what runs got for it.

use picollect_telemetry::catalogue::{
    ENERGY_CO2E_G, ENERGY_COVERED_S, ENERGY_J, ENERGY_PRICE, ENERGY_SPEAKING_J, HOST, Metric, RESULT_J,
    RESULT_MEAN_W, RESULT_RATE, RESULT_RATE_PER_W, RESULT_S,
};

use super::runs;
use crate::dashboard::{Dashboard, variables};
use crate::panel::{Panel, Shape};
use crate::query::{Make, Query, Scope, of};

/// Over such a time the collector gives energy, s.
pub(super) const MINUTE_S: u32 = 60;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "energy",
        title: "Energy evaluation",
        about: "What was used, by whom, what it cost in money and carbon, and what runs got for it. Energy is the collector's own, minute by minute, so sums over time are exact.",
        from: "now-24h",
        refresh: "1m",
        variables: variables(true),
        annotations: vec![runs()],
        panels: vec![
            total(),
            wall(),
            price(),
            carbon(),
            over_time(),
            by_node(),
            coverage(),
            mean_power(),
            rates_per_watt(),
            energies(),
            table(),
        ],
        in_flux: true,
    }
}

fn total() -> Panel {
    Panel::new(Shape::Stat, "Energy of the nodes", "joule", ENERGY_SPEAKING_J.help)
        .ask(of(&ENERGY_SPEAKING_J).query(Make::Sum, "sum", &["boundary"], "{{boundary}}"))
        .or_says("no meter")
}

fn wall() -> Panel {
    let wall = of(&ENERGY_J).scope(Scope::NoNode);
    Panel::of(Shape::Stat, "Energy at the wall", &ENERGY_J)
        .ask(wall.query(Make::Sum, "sum", &["meter", "boundary"], "{{meter}} {{boundary}}"))
        .or_says("no meter at the wall")
}

fn price() -> Panel {
    Panel::of(Shape::Stat, "Cost of the nodes", &ENERGY_PRICE)
        .ask(of(&ENERGY_PRICE).query(Make::Sum, "sum", &["boundary"], "{{boundary}}"))
        .or_says("no tariff in [cost]")
}

fn carbon() -> Panel {
    Panel::of(Shape::Stat, "Carbon of the nodes", &ENERGY_CO2E_G)
        .ask(of(&ENERGY_CO2E_G).query(Make::Sum, "sum", &["boundary"], "{{boundary}}"))
        .or_says("no grid intensity in [cost]")
}

fn over_time() -> Panel {
    Panel::new(Shape::Bars, "Energy over time", "joule", "Of all nodes, each bar the energy of its step and exact: minutes are added, nothing is extrapolated.")
        .ask(of(&ENERGY_SPEAKING_J).query(Make::SumOfStep, "sum", &["boundary"], "{{boundary}}"))
        .size(24, 8)
        .every("1m")
        .or_says("no meter")
}

fn by_node() -> Panel {
    Panel::new(Shape::Ranking, "Energy of each node", "joule", ENERGY_J.help)
        .ask(of(&ENERGY_J).query(
            Make::Sum,
            "sum",
            &[HOST, "boundary", "source"],
            "{{host}} {{boundary}}, {{source}}",
        ))
        .or_says("no meter")
}

fn coverage() -> Panel {
    let covered =
        of(&ENERGY_COVERED_S).query(Make::MeanOfAll, "max", &[HOST, "boundary"], "{{host}} {{boundary}}");
    Panel::new(Shape::Ranking, "Covered share of the metered minutes", "percentunit", "The share of the minutes with a figure that each meter really measured; below 99 % figures are too low by the rest.")
        .ask(covered.per(MINUTE_S))
        .axis(0.0, Some(1.0))
        .at_least(0.95, 0.99)
        .or_says("no meter")
}

fn mean_power() -> Panel {
    let by = [HOST, "boundary", "source"];
    Panel::new(
        Shape::Lines,
        "Power of each node by the minute",
        "watt",
        "The energy of each minute by its length; gaps in it are what the meter did not see.",
    )
    .ask(of(&ENERGY_J).query(Make::Each, "max", &by, "{{host}} {{boundary}}, {{source}}").per(MINUTE_S))
    .size(24, 8)
    .axis(0.0, None)
    .every("1m")
    .or_says("no meter")
}

const NO_RUN: &str = "no run with a result in this time";

fn rates_per_watt() -> Panel {
    Panel::of(Shape::Ranking, "Runs: rate per watt", &RESULT_RATE_PER_W)
        .ask(of_runs(&RESULT_RATE_PER_W, "{{name}} {{run}} {{unit}}/W"))
        .or_says(NO_RUN)
}

fn energies() -> Panel {
    Panel::of(Shape::Ranking, "Runs: energy to solution", &RESULT_J)
        .ask(of_runs(&RESULT_J, "{{name}} {{run}}"))
        .or_says(NO_RUN)
}

fn of_runs(metric: &Metric, legend: &str) -> Query {
    of(metric).scope(Scope::All).query(Make::LastOfAll, "max", &["name", "run", "unit", "simulated"], legend)
}

fn table() -> Panel {
    let columns = [
        (&RESULT_RATE, "Rate"),
        (&RESULT_RATE_PER_W, "Rate per W"),
        (&RESULT_J, "Energy to solution, J"),
        (&RESULT_MEAN_W, "Mean power, W"),
        (&RESULT_S, "Length, s"),
    ];
    let panel = Panel::new(
        Shape::Table,
        "Runs compared",
        "short",
        "Rates are in SI units of the column `unit`; a run that is simulated says so. `picollect runs` and its report have uncertainty and methodology.",
    );
    columns
        .iter()
        .fold(panel, |panel, (metric, title)| panel.ask(of_runs(metric, title)))
        .size(24, 9)
        .or_says("no run in this time")
}
