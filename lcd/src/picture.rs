//! What a panel is to show, in the controller's own terms: codes, the dots of up to eight glyphs, the backlight.

use crate::Size;

/// A glyph's dots: eight rows from the top, the lowest five bits of each the dots from left to right.
pub type Dots = [u8; 8];

/// How many glyphs of its own a panel can show at once: the codes 0 to 7.
pub const GLYPHS: usize = 8;
/// The dots that a row has.
const ROW_OF_DOTS: u8 = 0x1f;
/// Codes below this are glyphs; 8 to 15 show the same eight again (HD44780U datasheet, table 4).
const FIRST_IN_ROM: u8 = 0x10;

/// A panel's whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    codes: Vec<u8>,
    glyphs: [Option<Dots>; GLYPHS],
    /// Whether the backlight is on.
    pub backlight: bool,
}

impl Picture {
    /// Blanks everywhere, no glyphs, the backlight on.
    pub fn blank(size: Size) -> Self {
        Self { size, codes: vec![b' '; size.rows * size.columns], glyphs: [None; GLYPHS], backlight: true }
    }

    /// Puts a code into a cell; cells that the panel does not have are left out.
    pub fn set(&mut self, row: usize, column: usize, code: u8) {
        if row < self.size.rows && column < self.size.columns {
            self.codes[row * self.size.columns + column] = code;
        }
    }

    /// Puts codes into a row from its left edge; those that do not fit are left out.
    pub fn write(&mut self, row: usize, codes: &[u8]) {
        for (column, &code) in codes.iter().enumerate() {
            self.set(row, column, code);
        }
    }

    /// Says what the codes `slot` and `slot + 8` look like, `slot` from 0 to 7; others are left out. A code whose
    /// look was never said is shown as a blank.
    pub fn set_glyph(&mut self, slot: usize, dots: Dots) {
        if let Some(glyph) = self.glyphs.get_mut(slot) {
            *glyph = Some(dots.map(|row| row & ROW_OF_DOTS));
        }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// What a cell shows: the glyph's slot and dots, or a code of the ROM. Outside there are blanks.
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        let inside = row < self.size.rows && column < self.size.columns;
        let code = if inside { self.codes[row * self.size.columns + column] } else { b' ' };
        if code >= FIRST_IN_ROM {
            return Cell::Rom(code);
        }
        let slot = usize::from(code) % GLYPHS;
        self.glyphs[slot].map_or(Cell::Rom(b' '), |dots| Cell::Glyph(slot, dots))
    }
}

/// What one cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A character of the panel's own ROM, by its code.
    Rom(u8),
    /// A glyph: which of the picture's slots, and its dots.
    Glyph(usize, Dots),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_a_glyph_without_dots_is_a_blank() {
        let mut picture = Picture::blank(Size::SMALL);
        picture.write(0, b"0123456789abcdefGHI");
        picture.set(2, 0, b'x');
        picture.set(1, 0, 9);
        picture.set(1, 1, 2);
        picture.set_glyph(1, [0xff; 8]);
        picture.set_glyph(8, [0xff; 8]);
        assert_eq!(picture.cell(0, 15), Cell::Rom(b'f'));
        assert_eq!(picture.cell(2, 0), Cell::Rom(b' '));
        assert_eq!(picture.cell(1, 0), Cell::Glyph(1, [0x1f; 8]));
        assert_eq!(picture.cell(1, 1), Cell::Rom(b' '));
    }
}
