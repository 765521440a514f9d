//! The frame buffer: the character codes that a panel should show, the glyphs that they need, and its light.
//!
//! Text comes in as Unicode. What the ROM has becomes its code ([`crate::rom_a00`]); what is drawn in
//! [`crate::glyphs`] takes one of the eight slots; the rest is replaced by something plain and counted.
//!
//! Invariant: a cell holds a code of the ROM or that of a slot which this frame fills.

use crate::glyphs::{self, Glyph, SLOTS};
use crate::rom_a00::{self, BLANK, Bitmap};

/// The size of a panel in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: usize,
    /// How many lines of characters it has.
    pub rows: usize,
}

impl Size {
    /// The common small panel.
    pub const SMALL: Self = Self { columns: 16, rows: 2 };
    /// The common large panel.
    pub const LARGE: Self = Self { columns: 20, rows: 4 };
}

/// The light behind the characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backlight {
    /// Switched off; the characters stay.
    Off,
    /// At the brightness configured for the night, where the light is wired so that this can be chosen.
    Dim,
    /// Switched on at its full brightness.
    #[default]
    On,
}

/// What one cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A character of the panel's own ROM, by its code.
    Rom(u8),
    /// A glyph: which of the frame's slots, and its dots.
    Glyph(usize, Bitmap),
}

/// Codes below this are glyphs; 8 to 15 show the same eight again (HD44780U datasheet, table 4).
const FIRST_IN_ROM: u8 = 0x10;
/// What stands where a character is neither in the ROM nor drawn.
const REPLACEMENT: u8 = b'?';

/// What a panel should show: exactly `rows` rows of `columns` characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    cells: Vec<u8>,
    slots: [Option<Glyph>; SLOTS],
    backlight: Backlight,
    replaced: usize,
}

impl Frame {
    /// A blank frame, lit.
    pub fn blank(size: Size) -> Self {
        let cells = vec![BLANK; size.columns * size.rows];
        Self { size, cells, slots: [None; SLOTS], backlight: Backlight::On, replaced: 0 }
    }

    /// Columns and rows of the panel that it is drawn for.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The character codes, row by row from the top left; 0 to 7 are the glyph slots.
    pub fn codes(&self) -> &[u8] {
        &self.cells
    }

    /// The dots of each glyph slot; a slot that is `None` is not shown, so it may hold anything.
    pub fn glyphs(&self) -> [Option<Bitmap>; SLOTS] {
        self.slots.map(|slot| slot.map(|glyph| glyph.bitmap))
    }

    /// What a cell shows: the glyph's slot and dots, or a code of the ROM. Outside there are blanks.
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        let inside = row < self.size.rows && column < self.size.columns;
        let code = if inside { self.cells[row * self.size.columns + column] } else { BLANK };
        if code >= FIRST_IN_ROM {
            return Cell::Rom(code);
        }
        let slot = usize::from(code) % SLOTS;
        self.slots[slot].map_or(Cell::Rom(BLANK), |glyph| Cell::Glyph(slot, glyph.bitmap))
    }

    /// The light behind it.
    pub fn backlight(&self) -> Backlight {
        self.backlight
    }

    /// Says how bright the panel is while it shows this.
    pub fn set_backlight(&mut self, backlight: Backlight) {
        self.backlight = backlight;
    }

    /// How many of the characters written so far had to be replaced by something plain.
    pub fn replaced(&self) -> usize {
        self.replaced
    }

    /// Writes a text from the left edge of a row; what does not fit is cut. Rows that the panel does not
    /// have are left out.
    pub fn write(&mut self, row: usize, text: &str) {
        self.write_at(row, 0, text);
    }

    /// Writes a text that ends at the right edge of a row; what does not fit is cut at its end.
    pub fn write_right(&mut self, row: usize, text: &str) {
        self.write_at(row, self.size.columns.saturating_sub(text.chars().count()), text);
    }

    /// Writes a text from a column of a row on; what does not fit is cut.
    pub fn write_at(&mut self, row: usize, column: usize, text: &str) {
        for (column, character) in (column..self.size.columns).zip(text.chars()) {
            if row < self.size.rows {
                self.set(row * self.size.columns + column, character);
            }
        }
    }

    /// The characters of a row, as Unicode.
    pub fn row(&self, row: usize) -> String {
        let codes = &self.cells[row * self.size.columns..(row + 1) * self.size.columns];
        codes.iter().map(|code| self.character(*code)).collect()
    }

    /// The text of the panel drawn with a border; lines end in line feeds. Its dots, as a person sees them,
    /// are in [`crate::pixels`].
    pub fn to_terminal(&self) -> String {
        let edge = "─".repeat(self.size.columns + 2);
        let rows: String = (0..self.size.rows).map(|row| format!("│ {} │\n", self.row(row))).collect();
        format!("┌{edge}┐\n{rows}└{edge}┘\n")
    }

    /// The dots of a code in this frame.
    pub fn bitmap(&self, code: u8) -> Bitmap {
        let glyph = self.slots.get(usize::from(code)).copied().flatten();
        glyph.map_or_else(|| rom_a00::bitmap(code), |glyph| glyph.bitmap)
    }

    fn character(&self, code: u8) -> char {
        let glyph = self.slots.get(usize::from(code)).copied().flatten();
        glyph.map(|glyph| glyph.character).or_else(|| rom_a00::character(code)).unwrap_or(' ')
    }

    fn set(&mut self, cell: usize, character: char) {
        let before = std::mem::replace(&mut self.cells[cell], BLANK);
        if usize::from(before) < SLOTS && !self.cells.contains(&before) {
            self.slots[usize::from(before)] = None;
        }
        self.cells[cell] = self.code(character).unwrap_or_else(|plain| {
            self.replaced += 1;
            plain
        });
    }

    /// The code of a character, or that of what stands in for it.
    fn code(&mut self, character: char) -> Result<u8, u8> {
        if let Some(code) = rom_a00::code(character) {
            return Ok(code);
        }
        let glyph = *glyphs::of(character).ok_or(REPLACEMENT)?;
        self.slot(glyph).ok_or_else(|| rom_a00::code(glyph.plain).unwrap_or(REPLACEMENT))
    }

    /// The slot that has the glyph, else its home, else the next that is free.
    fn slot(&mut self, glyph: Glyph) -> Option<u8> {
        let slots = (glyph.home..8).chain(0..glyph.home);
        let has = |slot: &u8| self.slots[usize::from(*slot)] == Some(glyph);
        let free = |slot: &u8| self.slots[usize::from(*slot)].is_none();
        let found = slots.clone().find(has).or_else(|| slots.clone().find(free))?;
        self.slots[usize::from(found)] = Some(glyph);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Frame {
        /// Any codes, row by row, and any dots for them, also what no text could ask for.
        pub(crate) fn of_codes(size: Size, codes: &[u8], dots: [Option<Bitmap>; SLOTS]) -> Self {
            let mut frame = Self::blank(size);
            for (cell, code) in frame.cells.iter_mut().zip(codes) {
                *cell = *code;
            }
            frame.slots = dots.map(|dots| Some(Glyph { character: '?', plain: '?', home: 0, bitmap: dots? }));
            frame
        }
    }

    #[test]
    fn a_code_without_dots_is_a_blank_and_the_codes_from_eight_on_are_the_first_eight_again() {
        let mut dots = [None; SLOTS];
        dots[1] = Some([0x1f; 8]);
        let frame = Frame::of_codes(Size::SMALL, &[b'f', 1, 9, 2], dots);
        let cells = [0, 1, 2, 3, 99].map(|column| frame.cell(0, column));
        let glyph = Cell::Glyph(1, [0x1f; 8]);
        assert_eq!(cells, [Cell::Rom(b'f'), glyph, glyph, Cell::Rom(b' '), Cell::Rom(b' ')]);
        assert_eq!(frame.cell(2, 0), Cell::Rom(b' '));
    }

    #[test]
    fn a_text_that_does_not_fit_is_cut_and_a_row_that_is_not_there_is_left_out() {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "0123456789abcdefGHI");
        frame.write(1, "left");
        frame.write_right(1, "48.3°C");
        frame.write(2, "nowhere");
        frame.write_at(1, 99, "nowhere");
        assert_eq!(frame.row(0), "0123456789abcdef");
        assert_eq!(frame.row(1), "left      48.3°C");
        assert_eq!(frame.codes()[16..20], *b"left");
    }

    #[test]
    fn a_frame_is_drawn_with_its_border() {
        let mut frame = Frame::blank(Size { columns: 3, rows: 1 });
        frame.write(0, "ok");
        assert_eq!(frame.to_terminal(), "┌─────┐\n│ ok  │\n└─────┘\n");
    }

    #[test]
    fn german_comes_from_the_rom_where_it_can_and_from_glyphs_where_it_must() {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "äöüß ÄÖÜ °µ→←~");
        assert_eq!(frame.row(0), "äöüß ÄÖÜ °µ→←~  ");
        assert_eq!(frame.codes()[..8], [0xE1, 0xEF, 0xF5, 0xE2, 0x20, 0, 1, 2]);
        assert_eq!((frame.replaced(), frame.glyphs().iter().flatten().count()), (0, 4));
    }

    #[test]
    fn the_ninth_glyph_is_replaced_by_something_plain_and_counted_as_is_a_character_that_nobody_drew() {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "▎▍▋▊~🌡✓⚠ÄÖ▎漢");
        assert_eq!(frame.row(0), "▎▍▋▊~🌡✓⚠AO▎?    ");
        assert_eq!(frame.replaced(), 3);
    }

    #[test]
    fn a_glyph_that_is_overwritten_gives_its_slot_back() {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "▎▍▋▊~🌡✓⚠");
        frame.write(0, "ÄÖ");
        assert_eq!((frame.row(0).as_str(), frame.replaced()), ("ÄÖ▋▊~🌡✓⚠        ", 0));
    }

    #[test]
    fn a_glyph_goes_home_so_that_two_pages_need_no_upload_between_them() {
        let homes = ["🌡 ~", "~ 🌡"].map(|text| {
            let mut frame = Frame::blank(Size::SMALL);
            frame.write(0, text);
            frame.glyphs()
        });
        assert_eq!(homes[0], homes[1]);
    }
}
