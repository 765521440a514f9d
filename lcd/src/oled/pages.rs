//! The pages as they are drawn for dots: figures that are read from two metres, marks as on the character panel, and
//! the curve of the last ten minutes.
//!
//! Rows are laid out by the bands of eight that the controllers keep in a byte, so that no change touches two of them
//! without need. The wider glass has a head, large figures, a curve and a foot; the flat one has figures and a foot.
//!
//! Invariant: an unknown figure is `--`, never zero; an estimated one has `~` before it, one without a part `>`; a page
//! with anything simulated has the lit chip SIM; no digit is cut.

mod case;
mod cluster;
mod efficiency;
mod network;
mod node;
mod run;

use super::canvas::{Canvas, LEFT, RIGHT, Scale, figures_width};
use super::curve::Curve;
use super::figures::{self, SIMULATED, Sign, figure};
use super::{OledSize, Picture};
use crate::page::Page;
use crate::pages::text::number;
use crate::pages::{Facts, Figure};
use crate::rom_a00::BLANK;
use crate::template::Template;
use crate::{Cell, Frame, rom_a00};

/// What the lines are drawn from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// Watts of this node.
    pub node: Curve,
    /// Watts of the nodes that the cluster page is about.
    pub cluster: Curve,
}

/// Draws a page, shifted by so many columns, at most two to either side. A custom page whose template is not there is
/// the node page.
pub fn draw(
    page: Page,
    facts: &Facts,
    curves: &Curves,
    templates: &[Template],
    size: OledSize,
    shift: i32,
) -> Picture {
    let mut canvas = Canvas::new(size, shift);
    match page {
        Page::Node => node::draw(&mut canvas, &facts.node, &curves.node),
        Page::Network => network::draw(&mut canvas, &facts.network, &facts.case),
        Page::Case => case::draw(&mut canvas, &facts.case),
        Page::Cluster => cluster::draw(&mut canvas, &facts.cluster, &facts.case, &curves.cluster),
        Page::Efficiency => efficiency::draw(&mut canvas, &facts.efficiency),
        Page::Run => run::draw(&mut canvas, &facts.run, &curves.cluster),
        Page::Custom(index) => match templates.get(index) {
            Some(template) => letters(&mut canvas, &template.render(facts)),
            None => node::draw(&mut canvas, &facts.node, &curves.node),
        },
    }
    canvas.finish()
}

/// A page of small letters, such as a template's.
fn letters(canvas: &mut Canvas, frame: &Frame) {
    let size = frame.size();
    for (row, y) in (0..size.rows).zip((0..).step_by(8)) {
        for (column, x) in (0..size.columns).zip((LEFT + 2..).step_by(6)) {
            let dots = match frame.cell(row, column) {
                Cell::Rom(BLANK) => continue,
                Cell::Rom(code) => rom_a00::bitmap(code),
                Cell::Glyph(_, dots) => dots,
            };
            canvas.letter(x, y, dots, Scale::Once);
        }
    }
}

/// The lit chip that says that what is shown is simulated; the column after it.
pub(super) fn chip(canvas: &mut Canvas, simulated: bool, x: i32, y: i32) -> i32 {
    if !simulated {
        return x;
    }
    canvas.sign(x, y, SIMULATED, Scale::Once);
    x + i32::from(SIMULATED.width) + 3
}

/// Watts with tenths below a hundred.
fn watts(value: Option<f64>) -> String {
    number(value, usize::from(value.is_some_and(|value| value.abs() < 99.95)))
}

/// The marks before a figure, from their last on, ending before this column; the column of the first.
fn marks_before(canvas: &mut Canvas, right: i32, y: i32, figure: Figure) -> i32 {
    let mut x = right;
    for sign in figure.mark().chars().rev().filter_map(figures::figure) {
        x -= i32::from(sign.width);
        canvas.sign(x, y, sign, Scale::Once);
        x -= 2;
    }
    x
}

fn marks_width(figure: Figure) -> i32 {
    figure.mark().chars().filter_map(figures::figure).map(|sign| i32::from(sign.width) + 2).sum()
}

/// A large figure that ends at the right edge with its unit, its marks before it, and all of it right of `left`: what
/// does not fit loses its tenths, and then its size.
fn power_right(canvas: &mut Canvas, y: i32, left: i32, power: Figure) {
    let unit = figure('W').map_or(0, |sign| i32::from(sign.width));
    canvas.figures(RIGHT - unit, y + 12, "W", Scale::Once);
    let right = RIGHT - unit - 3;
    let marks = marks_width(power);
    let fits = |text: &str, scale| right - figures_width(text, scale) - marks >= left;
    let (tenths, whole) = (watts(power.value), number(power.value, 0));
    let (text, scale) = if fits(&tenths, Scale::Twice) {
        (tenths, Scale::Twice)
    } else if fits(&whole, Scale::Twice) {
        (whole, Scale::Twice)
    } else {
        (whole, Scale::Once)
    };
    let (foot, marks_y) = if scale == Scale::Twice { (y, y + 6) } else { (y + 12, y + 12) };
    canvas.figures_right(right, foot, &text, scale);
    marks_before(canvas, right - figures_width(&text, scale) - 3, marks_y, power);
}

/// A thermometer, whose column stands for 20 to 92 °C.
fn thermometer(canvas: &mut Canvas, x: i32, y: i32, temp_c: Option<f64>) {
    const TUBE: i32 = 15;
    let level = temp_c.filter(|temp_c| temp_c.is_finite()).map_or(0.0, |temp_c| (temp_c - 20.0) / 72.0);
    canvas.sign(x, y + TUBE, figures::BULB, Scale::Once);
    canvas.fill(x + 2, y + 2, 1, TUBE - 1);
    canvas.fill(x + 6, y + 2, 1, TUBE - 1);
    canvas.fill(x + 3, y + 1, 3, 1);
    let top = TUBE - super::canvas::whole(level.clamp(0.0, 1.0) * f64::from(TUBE - 3));
    canvas.fill(x + 4, y + top, 1, TUBE - top + 1);
    canvas.dots([(x + 3, y + TUBE), (x + 5, y + TUBE)]);
}

/// A large temperature with its thermometer and degree sign; the column after it.
fn temperature(canvas: &mut Canvas, y: i32, temp_c: Option<f64>) -> i32 {
    thermometer(canvas, LEFT, y, temp_c);
    let end = canvas.figures(LEFT + 13, y, &number(temp_c, 0), Scale::Twice);
    canvas.figures(end + 2, y + 2, "°", Scale::Once);
    end + 7
}

/// The large sign of an alarm, for who draws one.
pub(super) const WARNING: Sign = figures::WARNING;
