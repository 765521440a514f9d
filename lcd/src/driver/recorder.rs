//! The crate `hd44780-driver` speaks, and nobody but a tape listens.
//!
//! The crate knows the instructions' codes and the order in which a panel is initialised. What it sends over I2C
//! (embedded-hal 0.2) is caught here nibble by nibble: a nibble is each byte with E high. It cannot point into the
//! glyphs' memory, so that one instruction is put on the tape beside it.

use std::cell::RefCell;
use std::convert::Infallible;

use embedded_hal_02::blocking::delay::{DelayMs, DelayUs};
use embedded_hal_02::blocking::i2c::Write;
use hd44780_driver::bus::I2CBus;
use hd44780_driver::{Cursor, CursorBlink, Display, DisplayMode, HD44780};

use super::{Edit, Instruction, LINE, Nibble};

/// The pins that the crate takes for granted: RS, E, and the data in the upper half.
const RS: u8 = 1 << 0;
const E: u8 = 1 << 2;
/// The instruction that sets the address of a row of a glyph (CGRAM).
const TO_GLYPH_ROW: u8 = 0x40;
/// Where the second line's addresses begin.
const SECOND_LINE: usize = 0x40;
/// The recorder has no address; the crate wants one.
const NO_ADDRESS: u8 = 0;

type Tape = RefCell<Vec<Nibble>>;

struct Recorder<'a>(&'a Tape);

impl Write for Recorder<'_> {
    type Error = Infallible;

    fn write(&mut self, _address: u8, bytes: &[u8]) -> Result<(), Infallible> {
        let pulses = bytes.iter().filter(|&byte| byte & E != 0);
        self.0.borrow_mut().extend(pulses.map(|byte| Nibble { data: byte & RS != 0, value: byte >> 4 }));
        Ok(())
    }
}

/// Waits for nothing: where a wait is due, [`super::squeeze`] and the display know from the datasheet.
struct NoDelay;

impl DelayMs<u8> for NoDelay {
    fn delay_ms(&mut self, _ms: u8) {}
}

impl DelayUs<u16> for NoDelay {
    fn delay_us(&mut self, _us: u16) {}
}

/// The beginning of the crate's own initialising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Initialising {
    /// Three times 0x3, after which the interface has eight bits whatever it was; then 0x2 for four.
    pub(crate) interface: [Nibble; 4],
    /// Function set: four bits, two lines. What the crate does next, a cursor and clearing, is not wanted.
    pub(crate) function: Instruction,
    /// Characters go from left to right and the display stands.
    pub(crate) entry: Instruction,
    /// Return home, which also undoes a shift.
    pub(crate) home: Instruction,
}

/// What each instruction of the crate looks like, recorded once.
pub(crate) fn initialising() -> Initialising {
    let tape = Tape::default();
    let mut driver = driver(&tape);
    let start = tape.take();
    played(driver.set_cursor_mode(hd44780_driver::entry_mode::CursorMode::Increment, &mut NoDelay));
    played(driver.reset(&mut NoDelay));
    let after = instructions(&tape.take());
    Initialising {
        interface: std::array::from_fn(|at| start[at]),
        function: instruction(start[4], start[5]),
        entry: after[0],
        home: after[1],
    }
}

/// The instructions for these edits, one for each.
pub(crate) fn record(edits: &[Edit]) -> Vec<Instruction> {
    let tape = Tape::default();
    let mut driver = driver(&tape);
    tape.take();
    for &edit in edits {
        match edit {
            Edit::ToCell(place) => played(driver.set_cursor_pos(address(place), &mut NoDelay)),
            Edit::ToGlyphRow(row) => {
                let byte = TO_GLYPH_ROW | low_six_bits(row);
                tape.borrow_mut().extend(Instruction { data: false, byte }.nibbles());
            }
            Edit::Put(byte) => played(driver.write_byte(byte, &mut NoDelay)),
            Edit::Light => played(driver.set_display_mode(characters_only(), &mut NoDelay)),
        }
    }
    instructions(&tape.take())
}

fn driver(tape: &Tape) -> HD44780<I2CBus<Recorder<'_>>> {
    HD44780::new_i2c(Recorder(tape), NO_ADDRESS, &mut NoDelay).expect("a recorder does not fail")
}

/// The crate's own error says nothing and never comes: it drops those of the bus, and the recorder has none.
fn played(result: Result<(), hd44780_driver::error::Error>) {
    result.expect("a recorder does not fail");
}

fn characters_only() -> DisplayMode {
    DisplayMode { display: Display::On, cursor_visibility: Cursor::Invisible, cursor_blink: CursorBlink::Off }
}

fn instructions(nibbles: &[Nibble]) -> Vec<Instruction> {
    nibbles.chunks_exact(2).map(|pair| instruction(pair[0], pair[1])).collect()
}

fn instruction(upper: Nibble, lower: Nibble) -> Instruction {
    Instruction { data: upper.data, byte: upper.value << 4 | lower.value }
}

#[expect(clippy::cast_possible_truncation, reason = "a place is less than 80")]
fn address(place: usize) -> u8 {
    (if place < LINE { place } else { SECOND_LINE + place - LINE }) as u8
}

#[expect(clippy::cast_possible_truncation, reason = "cut to six bits")]
fn low_six_bits(row: usize) -> u8 {
    (row & 0x3f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(byte: u8) -> Instruction {
        Instruction { data: false, byte }
    }

    #[test]
    fn the_crates_initialising_is_the_datasheets() {
        let Initialising { interface, function, entry, home } = initialising();
        assert_eq!(
            interface.map(|nibble| (nibble.data, nibble.value)),
            [3, 3, 3, 2].map(|value| (false, value))
        );
        assert_eq!([function, entry, home], [code(0x28), code(0x06), code(0x02)]);
    }

    #[test]
    fn each_edit_is_one_instruction() {
        let edits = [
            Edit::ToCell(39),
            Edit::ToCell(40),
            Edit::Put(0xdf),
            Edit::ToGlyphRow(63),
            Edit::Put(1),
            Edit::Light,
        ];
        let datum = |byte| Instruction { data: true, byte };
        assert_eq!(
            record(&edits),
            [code(0x80 + 39), code(0x80 + 0x40), datum(0xdf), code(0x7f), datum(1), code(0x0c)]
        );
    }
}
