//! A panel that belongs to the kernel: what its driver `charlcd` makes of the bytes that are written into its
//! character device, down to the controller's instructions.
//!
//! Facts: drivers/auxdisplay/charlcd.c and hd44780_common.c of Linux 6 (the parser of the escape codes, its 24
//! characters, what becomes of a cursor at the end of a row), and Documentation/admin-guide/lcd-panel-cgram.rst.

use super::Panel;
use super::controller::Controller;
use crate::backpack::PinMap;
use crate::{Backlight, Frame, Size};

/// Characters after ESC at which the driver gives up understanding them.
const LONGEST_ESCAPE: usize = 24;
const ESCAPE: u8 = 0x1b;
/// A row of a panel with one or two of them in the controller's memory; with more, it is as long as the panel.
const LONG_ROW: usize = 40;
/// The distance of the second row in the controller's addresses.
const SECOND_ROW: usize = 0x40;

/// The panel and its driver.
#[derive(Debug, Clone)]
pub struct DrivenPanel {
    size: Size,
    controller: Controller,
    column: usize,
    row: usize,
    escape: Option<Vec<u8>>,
    flags: Flags,
    lit: bool,
}

/// What the driver thinks is switched on; it acts only when one of them changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the driver")]
struct Flags {
    on: bool,
    cursor: bool,
    blinks: bool,
    light: bool,
}

impl DrivenPanel {
    /// A panel whose driver has just been loaded; it shows what the driver says then.
    pub fn new(size: Size) -> Self {
        let Panel { controller, .. } = Panel::new(size, PinMap::USUAL, 100_000);
        let flags = Flags { on: true, cursor: true, blinks: true, light: false };
        let mut panel = Self { size, controller, column: 0, row: 0, escape: None, flags, lit: false };
        panel.initialise();
        panel.take(b"\x1b[Lc\x1b[Lb\x1b[L+Linux-6.12.47\n");
        panel
    }

    /// What a program writes into the device.
    pub fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.take_one(byte);
        }
    }

    /// The panel is unplugged and plugged in again, and the driver does not know.
    pub fn power_cycle(&mut self) {
        let Panel { controller, .. } = Panel::new(self.size, PinMap::USUAL, 100_000);
        self.controller = controller;
    }

    /// The codes that are seen, row by row.
    pub fn cells(&self) -> Vec<Vec<u8>> {
        self.controller.cells(self.size)
    }

    /// Whether exactly this frame is to be seen: every cell, glyphs by their dots, the light, no cursor.
    pub fn shows(&self, frame: &Frame) -> bool {
        self.controller.shows(frame, self.size) && self.lit == (frame.backlight() != Backlight::Off)
    }

    fn take_one(&mut self, byte: u8) {
        match &mut self.escape {
            Some(escape) if byte != b'\n' => escape.push(byte),
            escape => {
                *escape = (byte == ESCAPE).then(Vec::new);
                self.print_or_move(byte);
            }
        }
        let Some(escape) = self.escape.clone() else { return };
        if self.understands(&escape) || escape.len() >= LONGEST_ESCAPE {
            self.escape = None;
        }
    }

    fn print_or_move(&mut self, byte: u8) {
        match byte {
            ESCAPE => {}
            0x08 => {
                self.column = self.column.saturating_sub(1);
                self.go();
                self.print(b' ');
                self.column = self.column.saturating_sub(1);
                self.go();
            }
            0x0c => self.clear(),
            b'\n' => {
                while self.column < self.size.columns {
                    self.print(b' ');
                }
                self.column = 0;
                self.row = (self.row + 1) % self.size.rows;
                self.go();
            }
            b'\r' => {
                self.column = 0;
                self.go();
            }
            b'\t' => self.print(b' '),
            code => self.print(code),
        }
    }

    /// A cursor that has passed the last column stays there, and what is printed then is lost.
    fn print(&mut self, code: u8) {
        if self.column < self.size.columns {
            self.controller.take(true, code);
            self.column += 1;
            if self.column == self.size.columns {
                self.go_to(self.column - 1);
            }
        }
    }

    fn go(&mut self) {
        self.go_to(self.column);
    }

    fn go_to(&mut self, column: usize) {
        let width = if self.size.rows > 2 { self.size.columns } else { LONG_ROW };
        let along = column.min(width - 1) + if self.row & 2 == 0 { 0 } else { width };
        let address = along + if self.row & 1 == 0 { 0 } else { SECOND_ROW };
        self.instruct(0x80 | u8::try_from(address & 0x7f).unwrap_or_default());
    }

    fn clear(&mut self) {
        self.instruct(0x01);
        (self.column, self.row) = (0, 0);
    }

    fn initialise(&mut self) {
        for instruction in [0x28, 0x08, 0x0f, 0x06, 0x01] {
            self.instruct(instruction);
        }
        self.flags = Flags { on: true, cursor: true, blinks: true, light: false };
    }

    fn instruct(&mut self, instruction: u8) {
        self.controller.take(false, instruction);
    }

    /// Carries an escape sequence out; whether it was one, right or wrong.
    fn understands(&mut self, escape: &[u8]) -> bool {
        match escape {
            b"[2J" => self.clear(),
            b"[H" => {
                (self.column, self.row) = (0, 0);
                self.go();
            }
            [b'[', b'L', b'I'] => self.initialise(),
            [b'[', b'L', flag @ (b'D' | b'd' | b'C' | b'c' | b'B' | b'b' | b'+' | b'-')] => {
                self.switch(*flag);
            }
            [b'[', b'L', b'G', glyph @ .., b';'] => self.draw(glyph),
            [b'[', b'L', place @ .., b';'] if place.first().is_some_and(|first| b"xy".contains(first)) => {
                if let Some((column, row)) = parsed_place(place, self.column, self.row) {
                    (self.column, self.row) = (column, row);
                    self.go();
                }
            }
            _ => return false,
        }
        true
    }

    fn switch(&mut self, flag: u8) {
        let before = self.flags;
        match flag {
            b'D' | b'd' => self.flags.on = flag == b'D',
            b'C' | b'c' => self.flags.cursor = flag == b'C',
            b'B' | b'b' => self.flags.blinks = flag == b'B',
            _ => self.flags.light = flag == b'+',
        }
        let Flags { on, cursor, blinks, light } = self.flags;
        if self.flags.light != before.light {
            self.lit = light;
        } else if self.flags != before {
            self.instruct(0x08 | (u8::from(on) << 2) | (u8::from(cursor) << 1) | u8::from(blinks));
        }
    }

    /// A slot and up to eight pairs of hexadecimal digits; the cursor is put back where it was.
    fn draw(&mut self, glyph: &[u8]) {
        let Some((slot @ b'0'..=b'7', digits)) = glyph.split_first() else { return };
        self.instruct(0x40 | ((slot - b'0') * 8));
        for pair in digits.chunks_exact(2).take(8) {
            let dots = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            self.controller.take(true, dots.unwrap_or_default());
        }
        self.go();
    }
}

/// `x` or `y` and a number, as often as there are.
fn parsed_place(text: &[u8], mut column: usize, mut row: usize) -> Option<(usize, usize)> {
    let mut rest = std::str::from_utf8(text).ok()?;
    while let Some(axis) = rest.chars().next() {
        rest = &rest[axis.len_utf8()..];
        let end = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..end].parse().ok()?;
        match axis {
            'x' => column = number,
            'y' => row = number,
            _ => return None,
        }
        rest = &rest[end..];
    }
    Some((column, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(panel: &DrivenPanel) -> Vec<String> {
        panel.cells().into_iter().map(|row| row.into_iter().map(char::from).collect()).collect()
    }

    #[test]
    fn a_driver_that_was_loaded_says_so_and_a_program_clears_it() {
        let mut panel = DrivenPanel::new(Size::SMALL);
        assert_eq!(rows(&panel)[0], "Linux-6.12.47   ");
        panel.take(b"\x1b[2Ja\x1b[Lx3y1;b\x1b[Ly0;c");
        assert_eq!(rows(&panel), ["a   c           ", "   b            "]);
    }

    #[test]
    fn what_is_printed_beyond_a_row_is_lost() {
        let mut panel = DrivenPanel::new(Size::SMALL);
        panel.take(b"\x1b[H0123456789abcdefghi");
        assert_eq!(rows(&panel), ["0123456789abcdef", "                "]);
    }

    #[test]
    fn the_rows_of_a_large_panel_are_where_the_driver_puts_them() {
        let mut panel = DrivenPanel::new(Size::LARGE);
        panel.take(b"\x0c\x1b[Lx0y1;one\x1b[Lx0y2;two\x1b[Lx17y3;end");
        let text = rows(&panel);
        assert!(text[1].starts_with("one") && text[2].starts_with("two") && text[3].ends_with("end"));
    }

    #[test]
    fn a_sequence_that_is_none_swallows_what_follows_until_it_is_too_long_or_a_line_ends() {
        let mut panel = DrivenPanel::new(Size::SMALL);
        panel.take(b"\x0c\x1b[Lq456789012345678901234X\x1b[LG\nY");
        assert_eq!(rows(&panel), ["X               ", "Y               "]);
        assert_eq!((parsed_place(b"x", 1, 2), parsed_place(b"x1y2q3", 1, 2)), (None, None));
    }
}
