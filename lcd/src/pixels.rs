//! A frame as the dots of the panel: five by eight for each character, and between two characters a gap as
//! wide as a dot, which no character can darken.

use crate::rom_a00::{HEIGHT, WIDTH};
use crate::{Backlight, Frame};

/// The gap between two characters, in dots.
const GAP: usize = 1;

/// One place in the panel's grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dot {
    /// Between characters: there is no dot.
    Gap,
    /// A dot that is clear.
    Clear,
    /// A dot that is dark.
    Dark,
}

/// The grid of a panel, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    width: usize,
    dots: Vec<Dot>,
}

impl Pixels {
    /// The grid that shows a frame: 95 × 17 places for 16×2 characters, 119 × 35 for 20×4.
    pub fn of(frame: &Frame) -> Self {
        let size = frame.size();
        let width = (size.columns * (WIDTH + GAP)).saturating_sub(GAP);
        let height = (size.rows * (HEIGHT + GAP)).saturating_sub(GAP);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self { width, dots: places.map(|(x, y)| dot(frame, x, y)).collect() }
    }

    /// Places in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows, from the top.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[Dot]> {
        self.dots.chunks(self.width.max(1))
    }
}

fn dot(frame: &Frame, x: usize, y: usize) -> Dot {
    let (column, dot_x) = (x / (WIDTH + GAP), x % (WIDTH + GAP));
    let (row, dot_y) = (y / (HEIGHT + GAP), y % (HEIGHT + GAP));
    if dot_x >= WIDTH || dot_y >= HEIGHT {
        return Dot::Gap;
    }
    let code = frame.codes()[row * frame.size().columns + column];
    let dark = frame.bitmap(code)[dot_y] & (0b1_0000 >> dot_x) != 0;
    if dark { Dot::Dark } else { Dot::Clear }
}

/// The panel in a terminal: a half block for each dot, with a border, 99 characters wide for 16×2. The border
/// tells the light: thick is on, thin is dim, dashed is off.
pub fn half_blocks(frame: &Frame) -> String {
    let pixels = Pixels::of(frame);
    let rows: Vec<&[Dot]> = pixels.rows().collect();
    let [left_top, across, right_top, down, left_bottom, right_bottom] = match frame.backlight() {
        Backlight::On => ['┏', '━', '┓', '┃', '┗', '┛'],
        Backlight::Dim => ['┌', '─', '┐', '│', '└', '┘'],
        Backlight::Off => ['┌', '┄', '┐', '┆', '└', '┘'],
    };
    let edge = String::from(across).repeat(pixels.width() + 2);
    let lines = rows.chunks(2).map(|pair| format!("{down} {} {down}\n", line(pair)));
    format!("{left_top}{edge}{right_top}\n{}{left_bottom}{edge}{right_bottom}\n", lines.collect::<String>())
}

/// A line of a terminal shows two rows of dots.
fn line(pair: &[&[Dot]]) -> String {
    let lower = pair.get(1);
    let dots = pair[0].iter().enumerate();
    dots.map(|(x, upper)| {
        let lower = lower.is_some_and(|lower| lower[x] == Dot::Dark);
        match (*upper == Dot::Dark, lower) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn two_characters_have_a_gap_between_them_and_glyphs_have_their_dots() {
        let mut frame = Frame::blank(Size { columns: 2, rows: 1 });
        frame.write(0, "L▎");
        let want = "\
┏━━━━━━━━━━━━━┓
┃ █     █     ┃
┃ █     █     ┃
┃ █     █     ┃
┃ ▀▀▀▀▀ █     ┃
┗━━━━━━━━━━━━━┛
";
        assert_eq!(half_blocks(&frame), want);
    }

    #[test]
    fn full_cells_do_not_touch() {
        let mut frame = Frame::blank(Size { columns: 2, rows: 2 });
        frame.write(0, "██");
        frame.write(1, "██");
        let pixels = Pixels::of(&frame);
        let gaps = pixels.rows().flatten().filter(|dot| **dot == Dot::Gap).count();
        assert_eq!((pixels.width(), pixels.rows().len(), gaps), (11, 17, 11 + 16));
    }

    #[test]
    fn the_border_tells_the_light() {
        let corners = [Backlight::On, Backlight::Dim, Backlight::Off].map(|light| {
            let mut frame = Frame::blank(Size::SMALL);
            frame.set_backlight(light);
            half_blocks(&frame).chars().take(2).collect::<String>()
        });
        assert_eq!(corners, ["┏━", "┌─", "┌┄"]);
    }

    #[test]
    fn the_panels_grid_has_the_panels_size() {
        let sizes = [Size::SMALL, Size::LARGE].map(|size| Pixels::of(&Frame::blank(size)));
        assert_eq!(sizes.map(|pixels| (pixels.width(), pixels.rows().len())), [(95, 17), (119, 35)]);
    }
}
