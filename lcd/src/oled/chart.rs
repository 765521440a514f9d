//! The curve of ten minutes as a line of dots. How it is drawn tells how the figure came to be, as its mark does.

use super::canvas::{Canvas, LEFT, RIGHT, whole};
use super::curve::{Curve, POINTS};
use crate::pages::{Figure, Origin};

/// Rows of the line.
const HEIGHT: i32 = 14;
/// A figure that changes by less than this, in watts, is a quiet line and not a mountain range.
const LEAST_RANGE: f64 = 0.5;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Unbroken over a dotted ground: measured.
    Whole,
    /// Dashes without a ground: estimated, or without a part.
    Dashed,
    /// Single dots: simulated.
    Dotted,
}

impl Line {
    fn of(figure: Figure) -> Self {
        match figure.origin {
            Origin::Simulated => Self::Dotted,
            Origin::Estimated => Self::Dashed,
            Origin::Measured if figure.partial => Self::Dashed,
            Origin::Measured => Self::Whole,
        }
    }
}

/// The least and the greatest of what is known.
fn range(curve: &Curve) -> Option<(f64, f64)> {
    curve.points().flatten().fold(None, |range, value| {
        let (least, most) = range.unwrap_or((value, value));
        Some((f64::min(least, value), f64::max(most, value)))
    })
}

/// What time the line is about, and its least and greatest watts.
pub(super) fn label(canvas: &mut Canvas, y: i32, curve: &Curve) {
    canvas.text(LEFT, y, "10 min");
    let range = range(curve).map_or_else(
        || "--W".to_owned(),
        |(least, most)| {
            let decimals = usize::from(most < 99.95);
            format!("{least:.decimals$}-{most:.decimals$}W")
        },
    );
    canvas.text_right(RIGHT, y, &range);
}

/// The line, a column for five seconds, the newest at the right; a gap is dots at its foot.
pub(super) fn line(canvas: &mut Canvas, y: i32, curve: &Curve, figure: Figure) {
    let (least, most) = range(curve).unwrap_or((0.0, 1.0));
    let span = (most - least).max(LEAST_RANGE);
    let line = Line::of(figure);
    let x = RIGHT - 2 - i32::try_from(POINTS).unwrap_or_default();
    let mut before = None;
    for (column, value) in (0..).zip(curve.points()) {
        let Some(value) = value else {
            before = None;
            canvas.dots((column % 4 == 0).then_some((x + column, y + HEIGHT - 1)));
            continue;
        };
        let row = y + HEIGHT - 1 - whole(f64::from(HEIGHT - 1) * (value - least) / span);
        point(canvas, (x, y), column, (row, before), line);
        before = Some(row);
    }
}

/// One column; a steep step is joined to the column before.
fn point(
    canvas: &mut Canvas,
    (x, y): (i32, i32),
    column: i32,
    (row, before): (i32, Option<i32>),
    line: Line,
) {
    let (from, to) = match before {
        Some(before) if before < row => (before + 1, row),
        Some(before) if before > row => (row, before - 1),
        _ => (row, row),
    };
    match line {
        Line::Whole => {
            canvas.fill(x + column, from, 1, to - from + 1);
            let ground = (row + 2..y + HEIGHT).filter(|j| column % 2 == 0 && j % 2 == 0);
            canvas.dots(ground.map(|j| (x + column, j)));
        }
        Line::Dashed if column % 5 < 3 => canvas.fill(x + column, from, 1, to - from + 1),
        Line::Dotted if column % 3 == 0 => canvas.dots([(x + column, row)]),
        Line::Dashed | Line::Dotted => {}
    }
}
