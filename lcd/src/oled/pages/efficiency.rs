//! Energy of the day from afar, watts now, and what the last run got out of a watt.

use super::super::canvas::{Canvas, LEFT, RIGHT, Scale, figures_width, text_width};
use super::{chip, watts};
use crate::pages::EfficiencyFacts;
use crate::pages::text::{kwh, si};
use crate::pages::{Figure, Origin};

pub(super) fn draw(canvas: &mut Canvas, facts: &EfficiencyFacts) {
    let y = if canvas.is_tall() { 8 } else { 0 };
    let mut x = LEFT;
    for mark in facts.today.mark().chars() {
        x = canvas.figures(x, y + 6, &mark.to_string(), Scale::Once) + 3;
    }
    let now = format!("{}{}", facts.watts.mark(), watts(facts.watts.value));
    let (last, unit) = last_run(facts.last_run);
    let beside = text_width(&now).max(text_width(&last)).max(text_width(&unit)) + 8;
    let limit = if canvas.is_tall() { RIGHT } else { RIGHT - beside };
    let digits = kwh(unmarked(facts.today), "");
    let fits = x + figures_width(&digits, Scale::Twice) + 3 + text_width("kWh") <= limit;
    let (digits_y, scale) = if fits { (y, Scale::Twice) } else { (y + 6, Scale::Once) };
    let end = canvas.figures(x, digits_y, &digits, scale);
    canvas.text(end + 3, digits_y + if fits { 17 } else { 5 }, "kWh");
    if canvas.is_tall() {
        let x = chip(canvas, facts.simulated(), LEFT, 0);
        canvas.text(x, 0, "today");
        canvas.text_right(RIGHT, 0, if facts.simulated() { " 0:00 UTC" } else { "since 0:00 UTC" });
        canvas.text(LEFT, 36, "now");
        canvas.text_right(RIGHT, 36, "last run");
        let end = canvas.figures(LEFT, 46, &now, Scale::Once);
        canvas.text(end + 4, 51, "W");
        canvas.text_right(RIGHT, 51, &unit);
        canvas.figures_right(RIGHT - 6 * i32::try_from(unit.len()).unwrap_or(4) - 3, 46, &last, Scale::Once);
    } else {
        canvas.text_right(RIGHT, 0, &format!("{now}W"));
        canvas.text_right(RIGHT, 9, &last);
        canvas.text_right(RIGHT, 17, &unit);
        let x = chip(canvas, facts.simulated(), LEFT, 25);
        canvas.text(x, 25, "today");
        canvas.text_right(RIGHT, 25, "last run");
    }
}

/// The figure without what its marks say.
fn unmarked(figure: Figure) -> Figure {
    Figure { origin: Origin::Measured, partial: false, ..figure }
}

/// Digits with their marks, and the unit with its prefix: `1.50` and `GF/W`.
fn last_run(figure: Figure) -> (String, String) {
    let text = si(figure, "F/W");
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit);
    let unit = if figure.value.is_none() { "GF/W" } else { unit };
    (digits.to_owned(), unit.to_owned())
}
