//! The case: the time from afar, the air in it, the voltage that feeds the board.

use super::super::canvas::{Canvas, LEFT, RIGHT, Scale, figures_width};
use super::chip;
use crate::pages::CaseFacts;
use crate::pages::text::number;

pub(super) fn draw(canvas: &mut Canvas, facts: &CaseFacts) {
    let (air, supply) = (number(facts.ambient_c, 1), number(facts.supply_volts, 2));
    let time = facts.time();
    if !canvas.is_tall() {
        canvas.figures(LEFT, 0, &time, Scale::Twice);
        canvas.text_right(RIGHT, 0, &format!("{air}°C"));
        canvas.text_right(RIGHT, 10, &format!("{supply}V"));
        let x = chip(canvas, facts.simulated, LEFT, 25);
        canvas.text(x, 25, "case");
        return;
    }
    let x = chip(canvas, facts.simulated, LEFT, 0);
    canvas.text(x, 0, "case");
    let width = figures_width(&time, Scale::Twice);
    canvas.figures(LEFT + (RIGHT - LEFT - width) / 2, 8, &time, Scale::Twice);
    canvas.text(LEFT, 41, "air");
    let end = canvas.figures(LEFT, 50, &air, Scale::Once);
    canvas.text(end + 3, 55, "°C");
    canvas.text_right(RIGHT, 41, "supply");
    canvas.text_right(RIGHT, 55, "V");
    canvas.figures_right(RIGHT - 9, 50, &supply, Scale::Once);
}
