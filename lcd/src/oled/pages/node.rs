//! This node: temperature and power from afar, the curve of its watts, clock and load.

use super::super::canvas::{Canvas, LEFT, RIGHT, room, text_width};
use super::super::chart;
use super::super::curve::Curve;
use super::{chip, power_right, temperature};
use crate::pages::text::{name, number};
use crate::pages::{Figure, NodeFacts, Origin};

/// Where the name begins: after the tick and a gap.
const NAME: i32 = LEFT + 9;
/// The flat glass's bar, with the gap before it.
const BAR: i32 = 42;

pub(super) fn draw(canvas: &mut Canvas, facts: &NodeFacts, curve: &Curve) {
    let tall = canvas.is_tall();
    let (figures, head) = if tall { (8, 0) } else { (0, 25) };
    let end = temperature(canvas, figures, facts.temp_c);
    let power = facts.power();
    power_right(canvas, figures, end + 3, power);
    canvas.text(LEFT, head, &facts.tick().to_string());
    let x = chip(canvas, facts.simulated, NAME, head);
    if !tall {
        canvas.text(x, head, &name(&facts.name, room(x, RIGHT - BAR - 4)));
        canvas.bar(RIGHT - BAR, head, BAR, 7, facts.busy);
        return;
    }
    let clock = clock(facts);
    canvas.text(x, head, &name(&facts.name, room(x, RIGHT - text_width(&clock) - 5)));
    canvas.text_right(RIGHT, head, &clock);
    chart::label(canvas, 33, curve);
    let origin = if facts.simulated { Origin::Simulated } else { power.origin };
    chart::line(canvas, 41, curve, Figure { origin, ..power });
    canvas.bar(LEFT, 57, 96, 7, facts.busy);
    canvas.text_right(RIGHT, 57, &format!("{}%", number(facts.busy.map(|busy| busy * 100.0), 0)));
}

/// The clock; an exclamation mark says that it is held down.
fn clock(facts: &NodeFacts) -> String {
    let alarm = if facts.throttled == Some(true) { "!" } else { "" };
    format!("{}GHz{alarm}", number(facts.clock_hz.map(|hz| hz / 1e9), 1))
}
