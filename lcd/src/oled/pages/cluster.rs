//! The whole cluster: nodes up and power from afar, the curve of its watts, the hottest node.

use super::super::canvas::{Canvas, LEFT, RIGHT, Scale, figures_width, room};
use super::super::chart;
use super::super::curve::Curve;
use super::{chip, power_right};
use crate::glyphs::THERMOMETER;
use crate::pages::text::{UNKNOWN, name, number};
use crate::pages::{CaseFacts, ClusterFacts, Figure, Origin};

/// Presence that is wider than this stands in figures of half the size.
const WIDEST_PRESENCE: i32 = 60;
/// More nodes than this are a bar and not a box each.
const MAX_BOXES: usize = 8;
/// Columns of that bar.
const BAR: i32 = 34;

pub(super) fn draw(canvas: &mut Canvas, facts: &ClusterFacts, case: &CaseFacts, curve: &Curve) {
    let tall = canvas.is_tall();
    let y = if tall { 8 } else { 0 };
    let presence = facts.presence();
    let small = figures_width(&presence, Scale::Twice) > WIDEST_PRESENCE;
    let end = if small {
        canvas.figures(LEFT, y + 12, &presence, Scale::Once)
    } else {
        canvas.figures(LEFT, y, &presence, Scale::Twice)
    };
    power_right(canvas, y, end + 3, facts.watts);
    if tall {
        let x = chip(canvas, facts.simulated(), LEFT, 0);
        canvas.text(x, 0, &name(facts.name.as_deref().unwrap_or("cluster"), 10));
        canvas.text_right(RIGHT, 0, &case.time());
        chart::label(canvas, 33, curve);
        let origin = if facts.simulated() { Origin::Simulated } else { facts.watts.origin };
        chart::line(canvas, 41, curve, Figure { origin, ..facts.watts });
        hottest(canvas, facts, LEFT, 57, 7);
        boxes(canvas, facts, 57, 7);
    } else {
        let x = chip(canvas, facts.simulated(), LEFT, 25);
        hottest(canvas, facts, x, 25, 5);
        boxes(canvas, facts, 25, 5);
    }
}

/// The hottest node, its name as long as the boxes leave room for.
fn hottest(canvas: &mut Canvas, facts: &ClusterFacts, x: i32, y: i32, side: i32) {
    const LONGEST_NAME: usize = 6;
    canvas.text(x, y, &THERMOMETER.to_string());
    let text = match &facts.hottest {
        Some((node, temp_c)) => {
            let temperature = format!("{}°C", number(Some(*temp_c), 0));
            let free = room(x + 8, RIGHT - boxes_width(facts, side) - 2);
            let node = name(node, free.saturating_sub(temperature.chars().count() + 1).min(LONGEST_NAME));
            if node.is_empty() { temperature } else { format!("{node} {temperature}") }
        }
        None => UNKNOWN.to_owned(),
    };
    canvas.text(x + 8, y, &text);
}

fn boxes_width(facts: &ClusterFacts, side: i32) -> i32 {
    match facts.all {
        None => 0,
        Some(all) if all > MAX_BOXES => BAR,
        Some(all) => i32::try_from(all).unwrap_or_default() * (side + 1),
    }
}

/// A box for each node, filled if it is up; of many nodes the share that is.
fn boxes(canvas: &mut Canvas, facts: &ClusterFacts, y: i32, side: i32) {
    let (Some(up), Some(all)) = (facts.up, facts.all) else { return };
    if all > MAX_BOXES {
        return canvas.bar(RIGHT - BAR, y, BAR, 7, Some(up as f64 / all as f64));
    }
    for (index, back) in (0..all).zip((1..=i32::try_from(all).unwrap_or_default()).rev()) {
        let x = RIGHT - back * (side + 1) + 1;
        if index < up { canvas.fill(x, y, side - 1, 7) } else { canvas.frame(x, y, side - 1, 7) }
    }
}
