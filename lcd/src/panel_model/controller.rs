//! The HD44780 itself: its registers and memories, and what each instruction does to them. Names, codes and
//! times are those of Hitachi's HD44780U datasheet, ADE-207-272(Z), table 6.

use std::time::Duration;

use crate::{Cell, Frame, Size};

/// Characters that the memory holds, seen or not.
const DDRAM: usize = 80;
/// Rows of dots in the eight glyphs, eight each.
const CGRAM: usize = 64;
/// Characters of a line, of which a panel shows a part.
const LINE: usize = 40;

/// The oscillator at which the datasheet states its times, Hz.
pub(super) const TYPICAL_HZ: u32 = 270_000;
/// Every instruction but two.
const ORDINARY: Duration = Duration::from_micros(37);
/// How much later the address counter follows after a datum (t_ADD).
const COUNTING: Duration = Duration::from_micros(4);
/// Clear display and return home.
const HOMING: Duration = Duration::from_micros(1520);

/// Which memory the address counter points into, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    Ddram(usize),
    Cgram(usize),
}

#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the controller, by the datasheet's letters"
)]
pub(super) struct Controller {
    pub(super) ddram: [u8; DDRAM],
    pub(super) cgram: [u8; CGRAM],
    counter: Counter,
    increments: bool,
    shifts: bool,
    pub(super) on: bool,
    pub(super) cursor: bool,
    pub(super) blinks: bool,
    pub(super) eight_bits: bool,
    pub(super) two_lines: bool,
    /// How far the display is shifted to the left, 0 to 39.
    shift: usize,
}

impl Controller {
    /// As after power came: an 8-bit interface, one line, dark. The internal reset that clears the memory is
    /// not to be relied on (it needs a supply that rises in 0.1 to 10 ms), so here is garbage.
    pub(super) fn powered_on(garbage: &mut impl FnMut() -> u8) -> Self {
        Self {
            ddram: [(); DDRAM].map(|()| garbage()),
            cgram: [(); CGRAM].map(|()| garbage() & 0x1f),
            counter: Counter::Ddram(0),
            increments: true,
            shifts: false,
            on: false,
            cursor: false,
            blinks: false,
            eight_bits: true,
            two_lines: false,
            shift: 0,
        }
    }

    /// Takes one datum or instruction; how long that keeps the controller busy with a typical oscillator.
    pub(super) fn take(&mut self, data: bool, byte: u8) -> Duration {
        if data {
            self.store(byte);
            return ORDINARY + COUNTING;
        }
        match byte {
            0x80.. => self.counter = Counter::Ddram(self.place(byte & 0x7f)),
            0x40.. => self.counter = Counter::Cgram(usize::from(byte & 0x3f)),
            0x20.. => (self.eight_bits, self.two_lines) = (byte & 0x10 != 0, byte & 0x08 != 0),
            0x10.. => self.move_by_one(byte & 0x08 != 0, byte & 0x04 != 0),
            0x08.. => {
                (self.on, self.cursor, self.blinks) = (byte & 4 != 0, byte & 2 != 0, byte & 1 != 0);
            }
            0x04.. => (self.increments, self.shifts) = (byte & 2 != 0, byte & 1 != 0),
            0x01.. => return self.home(byte == 0x01),
            0x00 => {}
        }
        ORDINARY
    }

    /// What stands in each cell of a panel of this size, from its top left. Rows that the controller does not
    /// drive in its present mode are blank. The third and fourth row are the first two, further right.
    pub(super) fn cells(&self, size: Size) -> Vec<Vec<u8>> {
        let cell = |row: usize, column: usize| {
            let along = self.shift + column + size.columns * (row / 2);
            if self.two_lines {
                self.ddram[row % 2 * LINE + along % LINE]
            } else if row % 2 == 0 {
                self.ddram[along % DDRAM]
            } else {
                b' '
            }
        };
        (0..size.rows).map(|row| (0..size.columns).map(|column| cell(row, column)).collect()).collect()
    }

    /// The eight glyphs' dots.
    pub(super) fn glyphs(&self) -> [[u8; 8]; 8] {
        std::array::from_fn(|glyph| std::array::from_fn(|row| self.cgram[glyph * 8 + row]))
    }

    /// Whether a panel of this size shows exactly these cells, glyphs by their dots, and no cursor.
    pub(super) fn shows(&self, frame: &Frame, size: Size) -> bool {
        let (cells, glyphs) = (self.cells(size), self.glyphs());
        let right = |row: usize, column: usize| match (frame.cell(row, column), cells[row][column]) {
            (Cell::Rom(code), shown) => code == shown,
            (Cell::Glyph(_, dots), shown) => glyphs.get(usize::from(shown)) == Some(&dots),
        };
        let all = |row| (0..size.columns).all(|column| right(row, column));
        self.on && !self.cursor && !self.blinks && (0..size.rows).all(all)
    }

    /// Where an address of the display data lies in the memory. Addresses between the lines do not exist; here
    /// they count as the next line's first.
    fn place(&self, address: u8) -> usize {
        let address = usize::from(address);
        match address {
            _ if !self.two_lines => address % DDRAM,
            0x40.. => LINE + (address - 0x40) % LINE,
            _ => address.min(LINE),
        }
    }

    fn store(&mut self, byte: u8) {
        match self.counter {
            Counter::Ddram(place) => {
                self.ddram[place] = byte;
                if self.shifts {
                    self.shift_display(!self.increments);
                }
            }
            Counter::Cgram(place) => self.cgram[place] = byte & 0x1f,
        }
        self.count(self.increments);
    }

    fn count(&mut self, up: bool) {
        let step = |place: usize, length: usize| (place + if up { 1 } else { length - 1 }) % length;
        self.counter = match self.counter {
            Counter::Ddram(place) => Counter::Ddram(step(place, DDRAM)),
            Counter::Cgram(place) => Counter::Cgram(step(place, CGRAM)),
        };
    }

    fn move_by_one(&mut self, display: bool, right: bool) {
        if display { self.shift_display(right) } else { self.count(right) }
    }

    fn shift_display(&mut self, right: bool) {
        self.shift = (self.shift + if right { LINE - 1 } else { 1 }) % LINE;
    }

    fn home(&mut self, clear: bool) -> Duration {
        if clear {
            self.ddram = [b' '; DDRAM];
            self.increments = true;
        }
        self.counter = Counter::Ddram(0);
        self.shift = 0;
        HOMING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Controller {
        let mut controller = Controller::powered_on(&mut || 0x55);
        for instruction in [0x28, 0x0c, 0x01, 0x06] {
            controller.take(false, instruction);
        }
        controller
    }

    fn rows(controller: &Controller, size: Size) -> Vec<String> {
        controller.cells(size).into_iter().map(|row| String::from_utf8(row).unwrap()).collect()
    }

    #[test]
    fn the_large_panels_lower_rows_continue_the_upper_ones() {
        let mut controller = ready();
        for letter in b'0'..b'0' + 80 {
            controller.take(true, letter);
        }
        let text: String = (b'0'..b'0' + 80).map(char::from).collect();
        assert_eq!(rows(&controller, Size::LARGE), [&text[..20], &text[40..60], &text[20..40], &text[60..]]);
        controller.take(false, 0x80 | 0x54);
        controller.take(true, b'!');
        assert!(rows(&controller, Size::LARGE)[3].starts_with('!'));
    }

    #[test]
    fn a_shift_moves_what_is_seen_and_home_moves_it_back() {
        let mut controller = ready();
        controller.take(true, b'a');
        controller.take(true, b'b');
        controller.take(false, 0x18);
        assert!(rows(&controller, Size::SMALL)[0].starts_with("b "));
        controller.take(false, 0x1c);
        assert!(rows(&controller, Size::SMALL)[0].starts_with("ab"));
        controller.take(false, 0x1c);
        assert_eq!(controller.take(false, 0x02), HOMING);
        assert!(rows(&controller, Size::SMALL)[0].starts_with("ab"));
        controller.take(false, 0x07);
        controller.take(true, b'A');
        assert!(rows(&controller, Size::SMALL)[0].starts_with("b "));
    }

    #[test]
    fn the_counter_goes_both_ways_and_wraps_in_either_memory() {
        let mut controller = ready();
        controller.take(false, 0x04);
        controller.take(true, b'a');
        controller.take(true, b'z');
        assert_eq!((controller.ddram[0], controller.ddram[79]), (b'a', b'z'));
        controller.take(false, 0x06);
        controller.take(false, 0x7f);
        controller.take(true, 0xff);
        controller.take(true, 0x01);
        assert_eq!((controller.cgram[63], controller.cgram[0]), (0x1f, 0x01));
        controller.take(false, 0x14);
        controller.take(true, 0x02);
        assert_eq!(controller.cgram[2], 0x02);
    }

    #[test]
    fn one_line_leaves_every_second_row_blank() {
        let mut controller = ready();
        controller.take(false, 0x20);
        controller.take(true, b'a');
        assert_eq!(rows(&controller, Size::SMALL), ["a               ", "                "]);
    }
}
