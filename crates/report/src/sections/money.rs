//! What the energy costs, and what the hardware gives for its price.

use super::super::numbers::{count, money, percent, ratio, si};
use super::super::page::{Block, Cell, Section, Table, Tone};
use super::super::{Affordability, Alternative, Cost};

pub(super) fn cost(cost: &Cost) -> Option<Section> {
    let mut facts = Vec::new();
    if cost.energy_price.is_some() || cost.price_coverage.is_some() {
        facts.push((
            "energy".to_owned(),
            covered(&money(cost.energy_price, &cost.currency), cost.price_coverage),
        ));
    }
    if cost.co2e_g.is_some() || cost.co2e_coverage.is_some() {
        facts.push(("CO2 equivalent".to_owned(), covered(&si(cost.co2e_g, "g"), cost.co2e_coverage)));
    }
    Section::new("Cost and carbon", vec![Block::Facts(facts)])
}

/// A sum that knows only a part of the energy says so.
fn covered(text: &str, coverage: Option<f64>) -> Cell {
    match coverage {
        Some(share) if share >= 1.0 => text.into(),
        share => Cell::toned(format!("{text}, for {} of the energy", percent(share)), Tone::Caution),
    }
}

pub(super) fn affordability(figures: &Affordability) -> Option<Section> {
    let Affordability { currency, hardware_price, years, run, .. } = figures;
    let hardware = format!(
        "{}, written off over {}",
        money(Some(*hardware_price), currency),
        if years.fract() == 0.0 { format!("{years:.0} years") } else { format!("{years} years") },
    );
    let facts = Block::facts([
        ("hardware", hardware.into()),
        ("rate of run", Cell::maybe(run.as_deref())),
        ("for the price", per_currency(figures.gflops_per_currency, currency).into()),
        ("a year costs", money(figures.year_price, currency).into()),
    ]);
    let rows = figures.alternatives.iter().map(|other| alternative(other, currency)).collect();
    let columns = ["alternative", ">rate for the price", ">a year", ">this cluster's year by it"];
    let caption = format!("Against {}", count(figures.alternatives.len(), "configured alternative"));
    Section::new("Affordability", vec![facts, Table::block(caption, &columns, rows)])
}

fn alternative(other: &Alternative, currency: &str) -> Vec<Cell> {
    let relative = other.relative_year_price.map(|relative| ratio(Some(relative), Some(1.0)));
    vec![
        Cell::from(&other.name),
        per_currency(other.gflops_per_currency, currency).into(),
        money(other.year_price, currency).into(),
        Cell::maybe(relative.as_deref()),
    ]
}

fn per_currency(gflops: Option<f64>, currency: &str) -> String {
    si(gflops.map(|gflops| gflops * 1e9), &format!("FLOPS/{currency}"))
}
