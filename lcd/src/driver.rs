//! From cells to bytes on the bus: which cells to write in which order ([`plan`]), spoken by the crate
//! `hd44780-driver` into a recorder ([`recorder`]), and the recording as few bytes for the port ([`squeeze`]).
//!
//! Why through a recorder: docs/adr/0011-the-drivers-crate-speaks-into-a-recorder.md.

pub(crate) mod plan;
pub(crate) mod recorder;
pub(crate) mod squeeze;

use std::time::Duration;

/// Characters that the controller holds, seen or not; two lines of 40 that follow each other.
pub(crate) const DDRAM: usize = 80;
/// Characters of a line.
pub(crate) const LINE: usize = 40;
/// Rows of dots of the eight glyphs together.
pub(crate) const CGRAM: usize = 64;

/// The times of the HD44780U datasheet, table 6, hold for an oscillator of 270 kHz; it may be as slow as 190 kHz.
/// Every instruction that is used here takes 37 µs at most, and a datum 4 µs more.
pub(crate) const ORDINARY: Duration = Duration::from_micros((37 + 4) * 270 / 190 + 1);
/// Return home, by the same rule: 1.52 ms.
pub(crate) const HOME: Duration = Duration::from_micros(1520 * 270 / 190);
/// After the first 0x3 of the initialising: more than 4.1 ms.
pub(crate) const FIRST_WAIT: Duration = Duration::from_micros(4500);
/// After the second: more than 100 µs.
pub(crate) const SECOND_WAIT: Duration = Duration::from_micros(110);
/// After power has come: more than 40 ms from the moment at which 2.7 V are reached.
pub(crate) const POWER_ON: Duration = Duration::from_millis(50);

/// Half of a byte as it goes over the four data lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nibble {
    /// Whether it is of a datum (RS high) or of an instruction.
    pub(crate) data: bool,
    pub(crate) value: u8,
}

/// An instruction, or a datum for the memory that the last instruction pointed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// Whether it is a datum.
    pub(crate) data: bool,
    pub(crate) byte: u8,
}

impl Instruction {
    /// Its halves in the order in which they travel.
    pub(crate) fn nibbles(self) -> [Nibble; 2] {
        [self.byte >> 4, self.byte & 0x0f].map(|value| Nibble { data: self.data, value })
    }
}

/// What goes over the data lines without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// An instruction or a datum.
    Whole(Instruction),
    /// A lone nibble of the initialising, and how long the next one has to wait.
    Half(Nibble, Duration),
}

/// One thing to be done to the panel, which is one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Go to a place of the display data, 0 to 79.
    ToCell(usize),
    /// Go to a row of the glyphs, 0 to 63.
    ToGlyphRow(usize),
    /// Write there and go one further.
    Put(u8),
    /// Show characters, and no cursor.
    Light,
}
