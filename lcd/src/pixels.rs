//! A frame as the dots of the panel: five by eight for each character, and between two characters a gap as
//! wide as a dot, which no character can darken.

use crate::oled::{self, Picture};
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

    /// The dots of a glass as they shine: one that is lit counts as dark, so that a picture has three colours only. A
    /// glass that is off has none.
    pub fn of_glass(picture: &Picture) -> Self {
        let light = picture.light;
        let shines = |x: usize, y: usize| light.on && picture.is_set(x, y) != light.inverted;
        let dot = |x, y| if shines(x, y) { Dot::Dark } else { Dot::Clear };
        let places = (0..picture.size().height()).flat_map(|y| (0..oled::WIDTH).map(move |x| (x, y)));
        Self { width: oled::WIDTH, dots: places.map(|(x, y)| dot(x, y)).collect() }
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
    let [left_top, across, right_top, down, left_bottom, right_bottom] = border(frame.backlight());
    let edge = String::from(across).repeat(pixels.width() + 2);
    let lines = rows.chunks(2).map(|pair| format!("{down} {} {down}\n", line(pair)));
    format!("{left_top}{edge}{right_top}\n{}{left_bottom}{edge}{right_bottom}\n", lines.collect::<String>())
}

/// A glass in a terminal: eight dots for each character, with a border, 68 characters wide. The border tells the light
/// as that of [`half_blocks`] does.
pub fn braille(picture: &Picture) -> String {
    /// Columns and rows of dots in a character.
    const CELL: (usize, usize) = (2, 4);
    let pixels = Pixels::of_glass(picture);
    let rows: Vec<&[Dot]> = pixels.rows().collect();
    let backlight = match picture.light {
        light if !light.on => Backlight::Off,
        light if light.contrast < oled::Light::USUAL.contrast => Backlight::Dim,
        _ => Backlight::On,
    };
    let [left_top, across, right_top, down, left_bottom, right_bottom] = border(backlight);
    let edge = String::from(across).repeat(pixels.width() / CELL.0 + 2);
    let cell = |band: &[&[Dot]], x: usize| {
        let places = BRAILLE
            .iter()
            .enumerate()
            .flat_map(|(y, bits)| bits.iter().enumerate().map(move |(dx, bit)| (y, dx, bit)));
        let lit = places.filter(|(y, dx, _)| band[*y][x + dx] == Dot::Dark);
        char::from_u32(BLANK_BRAILLE + lit.map(|(_, _, bit)| 1u32 << bit).sum::<u32>()).unwrap_or(' ')
    };
    let line =
        |band: &[&[Dot]]| (0..pixels.width()).step_by(CELL.0).map(|x| cell(band, x)).collect::<String>();
    let lines = rows.chunks_exact(CELL.1).map(|band| format!("{down} {} {down}\n", line(band)));
    format!("{left_top}{edge}{right_top}\n{}{left_bottom}{edge}{right_bottom}\n", lines.collect::<String>())
}

/// Unicode's braille: which bit of the code is which dot, row by row.
const BRAILLE: [[u8; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];
const BLANK_BRAILLE: u32 = 0x2800;

/// Corners and edges that tell the light.
fn border(light: Backlight) -> [char; 6] {
    match light {
        Backlight::On => ['┏', '━', '┓', '┃', '┗', '┛'],
        Backlight::Dim => ['┌', '─', '┐', '│', '└', '┘'],
        Backlight::Off => ['┌', '┄', '┐', '┆', '└', '┘'],
    }
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
    fn a_glass_has_eight_dots_in_a_character_and_the_border_tells_its_light() {
        let mut picture = Picture::blank(oled::OledSize::Flat);
        picture.set(0, 0, true);
        picture.set(3, 3, true);
        let rows = |picture: &Picture| {
            braille(picture).lines().map(|line| line.chars().take(4).collect()).collect::<Vec<String>>()
        };
        assert_eq!(rows(&picture)[..2], ["┏━━━", "┃ ⠁⢀"]);
        assert_eq!(
            (braille(&picture).lines().count(), braille(&picture).lines().next().unwrap().chars().count()),
            (10, 68)
        );
        picture.light = oled::Light { inverted: true, ..oled::Light::of(0.1) };
        assert_eq!(rows(&picture)[..2], ["┌───", "│ ⣾⡿"]);
        picture.light = oled::Light::of(0.0);
        assert_eq!(rows(&picture)[..2], ["┌┄┄┄", "┆ ⠀⠀"]);
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
