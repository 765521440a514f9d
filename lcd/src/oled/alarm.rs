//! An alarm: the whole glass inverted, which the controller does by one command, so that blinking sends no picture.

use super::canvas::{Canvas, LEFT, RIGHT, Scale, figures_width, letters, text_width};
use super::pages::WARNING;
use super::{OledSize, Picture};
use crate::alarms::{Alarm, Turn};
use crate::pages::text::name;

/// Units that stand beside a large figure.
const UNITS: [&str; 4] = ["°C", "V", "s", "W"];
/// The longest title in letters twice as wide.
const LONGEST_WIDE_TITLE: usize = 9;

/// Draws an alarm, not yet inverted: [`Light::inverted`](super::Light) is who blinks it.
pub fn alarm(turn: Turn<'_>, size: OledSize, shift: i32) -> Picture {
    let mut canvas = Canvas::new(size, shift);
    let place = if turn.of > 1 { format!("{}/{}", turn.number, turn.of) } else { String::new() };
    if canvas.is_tall() {
        tall(&mut canvas, turn.alarm, &place);
    } else {
        flat(&mut canvas, turn.alarm, &place);
    }
    canvas.finish()
}

fn title(canvas: &mut Canvas, y: i32, title: &str) {
    canvas.sign(LEFT, y, WARNING, Scale::Once);
    if title.len() <= LONGEST_WIDE_TITLE {
        canvas.tall_text(LEFT + 17, y, title);
    } else {
        canvas.high_text(LEFT + 20, y, title);
    }
}

fn tall(canvas: &mut Canvas, alarm: &Alarm, place: &str) {
    title(canvas, 2, alarm.cause.title());
    let figure = figure(&alarm.detail);
    match &figure {
        Some((digits, unit)) => {
            let end = canvas.figures(LEFT, 20, digits, Scale::Twice);
            canvas.tall_text(end + 5, 30, unit);
        }
        None => drop(canvas.tall_text(LEFT, 24, &name(&alarm.node, 10))),
    }
    let x = if alarm.simulated { chip(canvas, 48) } else { LEFT };
    canvas.text(x, 48, &name(if figure.is_some() { &alarm.node } else { &alarm.detail }, 12));
    canvas.text_right(RIGHT, 48, place);
    canvas.text(LEFT, 56, alarm.cause.remedy());
}

fn flat(canvas: &mut Canvas, alarm: &Alarm, place: &str) {
    title(canvas, 1, alarm.cause.title());
    let x = if alarm.simulated { chip(canvas, 16) } else { LEFT };
    canvas.text(x, 16, &name(&alarm.node, 8));
    canvas.text(LEFT, 24, first_advice(alarm.cause.remedy()));
    match figure(&alarm.detail) {
        Some((digits, unit)) => {
            canvas.text_right(RIGHT, 22, unit);
            let right = RIGHT - text_width(unit) - 3;
            canvas.figures_right(right, 17, &digits, Scale::Once);
            let width = figures_width(&digits, Scale::Once);
            canvas.text_right(right - width - 3, 16, place);
        }
        None => canvas.text_right(RIGHT, 16, place),
    }
}

fn chip(canvas: &mut Canvas, y: i32) -> i32 {
    super::pages::chip(canvas, true, LEFT, y)
}

/// `81` and `°C` of `81.2°C`: what is large is read from afar. Nothing, if it is no figure with a unit or too long.
fn figure(detail: &str) -> Option<(String, &'static str)> {
    let (digits, unit) = UNITS.iter().find_map(|unit| Some((detail.strip_suffix(unit)?, *unit)))?;
    let value: f64 = digits.trim().trim_start_matches("silent ").parse().ok()?;
    let text = if unit == "°C" {
        format!("{value:.0}")
    } else {
        digits.trim_start_matches("silent ").trim().to_owned()
    };
    let room = RIGHT - LEFT - 5 - 12 * letters(unit);
    (figures_width(&text, Scale::Twice) <= room).then_some((text, unit))
}

/// What to look at first, where there is no room for all of it.
fn first_advice(remedy: &str) -> &str {
    let end = remedy.find(" and ").or_else(|| remedy.find(',')).unwrap_or(remedy.len());
    &remedy[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Cause;

    #[test]
    fn a_figure_with_its_unit_is_large_and_anything_else_is_not() {
        let large = |detail| figure(detail).map(|(digits, unit)| digits + unit);
        assert_eq!(large("81.2°C").as_deref(), Some("81°C"));
        assert_eq!(large("4.63V").as_deref(), Some("4.63V"));
        assert_eq!(large("silent 12 s").as_deref(), Some("12s"));
        assert_eq!(["", "INA226", "power", "123456789V"].map(large), [const { None }; 4]);
    }

    #[test]
    fn every_advice_has_a_first_that_fits_the_flat_glass() {
        for cause in Cause::ALL {
            assert!(first_advice(cause.remedy()).len() <= 13, "{cause:?}");
        }
        assert_eq!(first_advice("see supply and cable"), "see supply");
    }
}
