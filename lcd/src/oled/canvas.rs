//! Drawing on a picture: rectangles by `embedded-graphics`, letters and figures from our own tables.

use std::convert::Infallible;

use embedded_graphics::Drawable as _;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::primitives::{Primitive as _, PrimitiveStyle, Rectangle};

use super::figures::{Sign, figure};
use super::{OledSize, Picture, WIDTH};
use crate::glyphs;
use crate::rom_a00::{self, Bitmap};

/// The first column of the contents, where the picture is not shifted.
pub(super) const LEFT: i32 = 2;
/// The column after their last.
pub(super) const RIGHT: i32 = 126;
/// Cells of a small letter: five columns and a gap.
const LETTER: i32 = 6;
/// What stands where a character is not drawn.
const REPLACEMENT: u8 = b'?';

/// How large a sign is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// A dot for each dot.
    Once,
    /// Four dots for each, the corners smoothed.
    Twice,
    /// Two dots, one below the other, for each.
    High,
}

/// A picture that is being drawn. Its contents may be shifted by some columns, so that no dot is lit for years.
pub(super) struct Canvas {
    picture: Picture,
    shift: i32,
}

impl Canvas {
    /// Nothing is drawn yet; all will stand so many columns further right.
    pub(super) fn new(size: OledSize, shift: i32) -> Self {
        Self { picture: Picture::blank(size), shift }
    }

    /// What was drawn.
    pub(super) fn finish(self) -> Picture {
        self.picture
    }

    pub(super) fn is_tall(&self) -> bool {
        self.picture.size() == OledSize::Tall
    }

    /// Draws a sign; dots that it does not set stay as they are.
    pub(super) fn sign(&mut self, x: i32, y: i32, sign: Sign, scale: Scale) {
        let at = |row: i32, column: i32| {
            let bits = usize::try_from(row).ok().and_then(|row| sign.rows.get(row)).copied().unwrap_or(0);
            (0..i32::from(sign.width)).contains(&column)
                && bits >> (i32::from(sign.width) - 1 - column) & 1 == 1
        };
        for row in 0..rows(sign) {
            for column in 0..i32::from(sign.width) {
                self.quarter(x, y, (row, column), &at, scale);
            }
        }
    }

    /// One dot of a sign. Twice as large, each of its quarters takes its two neighbours' colour where only they agree
    /// (the rule that is known as EPX).
    fn quarter(
        &mut self,
        x: i32,
        y: i32,
        (row, column): (i32, i32),
        at: &impl Fn(i32, i32) -> bool,
        scale: Scale,
    ) {
        let dot = at(row, column);
        let (up, right, left, down) =
            (at(row - 1, column), at(row, column + 1), at(row, column - 1), at(row + 1, column));
        let quarters = match scale {
            Scale::Once => return self.dots(dot.then_some((x + column, y + row))),
            Scale::High => {
                let upper = (x + column, y + 2 * row);
                return self.dots([upper, (upper.0, upper.1 + 1)].into_iter().filter(|_| dot));
            }
            Scale::Twice => [
                (0, 0, if left == up && left != down && up != right { up } else { dot }),
                (1, 0, if up == right && up != left && right != down { right } else { dot }),
                (0, 1, if down == left && down != right && left != up { left } else { dot }),
                (1, 1, if right == down && right != up && down != left { down } else { dot }),
            ],
        };
        let (x, y) = (x + 2 * column, y + 2 * row);
        self.dots(quarters.into_iter().filter(|(_, _, on)| *on).map(|(dx, dy, _)| (x + dx, y + dy)));
    }

    /// A small text; the column after it.
    pub(super) fn text(&mut self, x: i32, y: i32, text: &str) -> i32 {
        self.letters(x, y, text, Scale::Once, LETTER)
    }

    /// A small text whose last letter ends before this column.
    pub(super) fn text_right(&mut self, right: i32, y: i32, text: &str) {
        self.text(right - text_width(text), y, text);
    }

    /// Letters twice as large; the column after them.
    pub(super) fn tall_text(&mut self, x: i32, y: i32, text: &str) -> i32 {
        self.letters(x, y, text, Scale::Twice, 2 * LETTER)
    }

    /// Letters twice as high, for long words; the column after them.
    pub(super) fn high_text(&mut self, x: i32, y: i32, text: &str) -> i32 {
        self.letters(x, y, text, Scale::High, LETTER)
    }

    fn letters(&mut self, x: i32, y: i32, text: &str, scale: Scale, step: i32) -> i32 {
        let mut x = x;
        for character in text.chars() {
            self.letter(x, y, bitmap(character), scale);
            x += step;
        }
        x
    }

    /// The dots of one cell of a character panel. The lowest row, a descender's, is left out where it is enlarged.
    pub(super) fn letter(&mut self, x: i32, y: i32, dots: Bitmap, scale: Scale) {
        let rows = dots.map(u32::from);
        let shown = if scale == Scale::Once { 8 } else { 7 };
        let at = |row: i32, column: i32| {
            let bits = usize::try_from(row).ok().and_then(|row| rows[..shown].get(row)).copied().unwrap_or(0);
            (0..5).contains(&column) && bits >> (4 - column) & 1 == 1
        };
        for row in 0..i32::try_from(shown).unwrap_or_default() {
            for column in 0..5 {
                self.quarter(x, y, (row, column), &at, scale);
            }
        }
    }

    /// Figures; the column after them. What no figure is drawn for leaves no gap.
    pub(super) fn figures(&mut self, x: i32, y: i32, text: &str, scale: Scale) -> i32 {
        let (mut x, factor) = (x, factor(scale));
        for sign in text.chars().filter_map(figure) {
            self.sign(x, y, sign, scale);
            x += factor * (i32::from(sign.width) + 1);
        }
        x - factor
    }

    /// Figures that end before this column.
    pub(super) fn figures_right(&mut self, right: i32, y: i32, text: &str, scale: Scale) {
        self.figures(right - figures_width(text, scale), y, text, scale);
    }

    /// A rectangle of set dots, or of dark ones.
    pub(super) fn fill(&mut self, x: i32, y: i32, width: i32, height: i32) {
        let style = PrimitiveStyle::with_fill(BinaryColor::On);
        drawn(rectangle(x, y, width, height).into_styled(style).draw(self));
    }

    /// Its outline.
    pub(super) fn frame(&mut self, x: i32, y: i32, width: i32, height: i32) {
        let style = PrimitiveStyle::with_stroke(BinaryColor::On, 1);
        drawn(rectangle(x, y, width, height).into_styled(style).draw(self));
    }

    /// An outline of dashes: what it would frame is unknown.
    pub(super) fn dashed_frame(&mut self, x: i32, y: i32, width: i32, height: i32) {
        let dash = |n: &i32| n % 4 < 3;
        self.dots((0..width).filter(dash).flat_map(|i| [(x + i, y), (x + i, y + height - 1)]));
        self.dots((0..height).filter(dash).flat_map(|j| [(x, y + j), (x + width - 1, y + j)]));
    }

    /// A share as a bar; unknown is dashes.
    pub(super) fn bar(&mut self, x: i32, y: i32, width: i32, height: i32, share: Option<f64>) {
        let Some(share) = share.filter(|share| share.is_finite()) else {
            return self.dashed_frame(x, y, width, height);
        };
        self.frame(x, y, width, height);
        self.fill(x + 2, y + 2, whole(f64::from(width - 4) * share.clamp(0.0, 1.0)), height - 4);
    }

    fn put(&mut self, x: i32, y: i32, on: bool) {
        if let (Ok(x), Ok(y)) = (usize::try_from(x + self.shift), usize::try_from(y)) {
            self.picture.set(x, y, on);
        }
    }

    /// Sets these dots.
    pub(super) fn dots(&mut self, places: impl IntoIterator<Item = (i32, i32)>) {
        for (x, y) in places {
            self.put(x, y, true);
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        let side = |side: usize| u32::try_from(side).unwrap_or_default();
        Size::new(side(WIDTH), side(self.picture.size().height()))
    }
}

impl DrawTarget for Canvas {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            self.put(at.x, at.y, colour.is_on());
        }
        Ok(())
    }
}

/// A picture takes every dot.
fn drawn(result: Result<(), Infallible>) {
    let Ok(()) = result;
}

fn rectangle(x: i32, y: i32, width: i32, height: i32) -> Rectangle {
    let side = |side: i32| u32::try_from(side).unwrap_or_default();
    Rectangle::new(Point::new(x, y), Size::new(side(width), side(height)))
}

fn rows(sign: Sign) -> i32 {
    i32::try_from(sign.rows.len()).unwrap_or_default()
}

fn factor(scale: Scale) -> i32 {
    if scale == Scale::Twice { 2 } else { 1 }
}

/// The dots of a character: as the ROM of the character panel has them, or as they are drawn for it.
fn bitmap(character: char) -> Bitmap {
    let drawn = glyphs::of(character).map(|glyph| glyph.bitmap);
    drawn.unwrap_or_else(|| rom_a00::bitmap(rom_a00::code(character).unwrap_or(REPLACEMENT)))
}

/// Columns of a small text, without the gap after it.
pub(super) fn text_width(text: &str) -> i32 {
    LETTER * letters(text) - 1
}

/// How many letters a text has.
pub(super) fn letters(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX / LETTER)
}

/// How many small letters fit between two columns.
pub(super) fn room(from: i32, to: i32) -> usize {
    usize::try_from((to - from) / LETTER).unwrap_or_default()
}

/// Columns of these figures.
pub(super) fn figures_width(text: &str, scale: Scale) -> i32 {
    let columns: i32 = text.chars().filter_map(figure).map(|sign| i32::from(sign.width) + 1).sum();
    factor(scale) * (columns - 1)
}

/// The nearest whole number of dots.
#[expect(clippy::cast_possible_truncation, reason = "dots of a glass; what is too large saturates")]
pub(super) fn whole(dots: f64) -> i32 {
    dots.round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_shifted_whole_and_cut_at_the_edge() {
        let draw = |shift| {
            let mut canvas = Canvas::new(OledSize::Flat, shift);
            canvas.frame(0, 0, 128, 32);
            canvas.finish()
        };
        assert_eq!(draw(0).lit(), 2 * (128 + 30));
        let moved = draw(2);
        assert!(moved.is_set(2, 5) && !moved.is_set(1, 5) && !moved.is_set(127, 5) && moved.is_set(127, 0));
    }

    #[test]
    fn a_figure_twice_as_large_has_smooth_corners_and_no_gap() {
        let mut canvas = Canvas::new(OledSize::Tall, 0);
        let end = canvas.figures(0, 0, "0", Scale::Twice);
        assert_eq!((end, figures_width("0", Scale::Twice), figures_width("61", Scale::Once)), (14, 14, 15));
        let picture = canvas.finish();
        let row =
            |y: usize| (0..14).map(|x| if picture.is_set(x, y) { '#' } else { '.' }).collect::<String>();
        assert_eq!([row(0), row(1), row(12)], ["...########...", ".############.", "####......####"]);
    }

    #[test]
    fn a_character_that_nobody_drew_is_a_question_mark() {
        assert_eq!(bitmap('漢'), bitmap('?'));
        assert_ne!(bitmap('~'), bitmap('→'));
    }
}
