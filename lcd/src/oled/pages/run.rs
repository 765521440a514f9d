//! The run in progress: the time since it began from afar, its name, the curve of its watts.

use super::super::canvas::{Canvas, LEFT, RIGHT, Scale, figures_width, letters, room};
use super::super::chart;
use super::super::curve::Curve;
use super::{chip, watts};
use crate::glyphs::RUNNING;
use crate::pages::text::{elapsed, known, name};
use crate::pages::{Figure, Origin, RunFacts};

pub(super) fn draw(canvas: &mut Canvas, facts: &RunFacts, curve: &Curve) {
    let tall = canvas.is_tall();
    let head = if tall { 0 } else { 25 };
    let time = facts.elapsed_s.map_or_else(|| "--:--".to_owned(), |s| elapsed(Some(s)));
    let power = format!("{}{}", facts.watts.mark(), watts(facts.watts.value));
    let x = canvas.text(LEFT, head, &RUNNING.to_string()) + 3;
    let x = chip(canvas, facts.simulated(), x, head);
    canvas.text(x, head, &name(known(facts.name.as_deref()), room(x, RIGHT)));
    if tall {
        let width = time_width(&time);
        draw_time(canvas, RIGHT - width, 8, &time);
        let origin = if facts.simulated() { Origin::Simulated } else { facts.watts.origin };
        chart::line(canvas, 35, curve, Figure { origin, ..facts.watts });
        let end = canvas.figures(LEFT, 52, &power, Scale::Once);
        canvas.figures(end + 3, 52, "W", Scale::Once);
        canvas.text_right(RIGHT, 56, "10 min");
    } else {
        let end = LEFT + time_width(&time);
        draw_time(canvas, LEFT, 0, &time);
        // A run of ten hours or more leaves no room for its watts.
        if end < RIGHT - 30 {
            canvas.text_right(RIGHT, 1, &power);
            canvas.text_right(RIGHT, 11, "W");
        }
    }
}

/// Days and hours, `4d04h`, have letters, which are not among the figures.
fn has_letters(time: &str) -> bool {
    time.contains('d')
}

fn time_width(time: &str) -> i32 {
    if has_letters(time) { 12 * letters(time) - 2 } else { figures_width(time, Scale::Twice) }
}

fn draw_time(canvas: &mut Canvas, x: i32, y: i32, time: &str) {
    if has_letters(time) {
        canvas.tall_text(x, y + 6, time);
    } else {
        canvas.figures(x, y, time, Scale::Twice);
    }
}
