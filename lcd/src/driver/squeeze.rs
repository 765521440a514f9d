//! Instructions as the bytes that the expander's port gets, no more of them than the controller's timing wants.
//!
//! A nibble takes two bytes: E high with the nibble, E low with the nibble still there (hold times t_AH and t_H).
//! RS has to stand before E rises (set-up time t_AS) and to stay until it has fallen, so a change of RS takes one
//! byte of its own; a nibble may change as E rises, because the controller looks only when it falls.

use std::time::Duration;

use super::{Instruction, Nibble, ORDINARY, Piece};
use crate::backpack::{Levels, PinMap};
use crate::screen::{BITS_PER_BYTE, FRAMING_BITS, LONGEST_HOLD};

/// An instruction with a change of RS; on a bus so slow that this takes longer than [`LONGEST_HOLD`], it still has
/// to go through.
const SHORTEST_TRANSACTION: usize = 5;

/// The expander's port as it was last written, and how fast its bus is.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pins: PinMap,
    bus_hz: u32,
    pub(crate) backlight: bool,
    last: Option<u8>,
}

impl Port {
    pub(crate) fn new(pins: PinMap, bus_hz: u32) -> Self {
        Self { pins, bus_hz: bus_hz.max(1), backlight: false, last: None }
    }

    /// Nothing is known of the port any more.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// Whether a byte read from the port has E low, as every transaction leaves it. After power-on all pins are
    /// high (PCF8574 datasheet, "power-on reset").
    pub(crate) fn rests(&self, read: u8) -> bool {
        !self.pins.levels(read).e
    }

    /// Whether the backlight has still to be switched.
    pub(crate) fn backlight_is_due(&self) -> bool {
        self.last.is_some_and(|last| self.pins.levels(last).backlight != self.backlight)
    }

    /// Makes E low, wherever a fault or power-on has left it, and changes nothing else meanwhile; then lets go of
    /// RW. `read` is what stands at the pins.
    pub(crate) fn release(&mut self, out: &mut Vec<u8>, read: u8) {
        let levels = Levels { e: false, backlight: self.backlight, ..self.pins.levels(read) };
        self.push(out, levels);
        self.push(out, Levels { rs: false, rw: false, ..levels });
    }

    /// Repeats the last byte with the backlight as it should be.
    pub(crate) fn idle(&mut self, out: &mut Vec<u8>) {
        if let Some(last) = self.last {
            let levels = Levels { backlight: self.backlight, ..self.pins.levels(last) };
            self.push(out, levels);
        }
    }

    /// Idles until the controller has had this long since the last byte, the next byte included.
    fn idle_for(&mut self, out: &mut Vec<u8>, time: Duration) {
        for _ in 1..self.bytes_within(time) {
            self.idle(out);
        }
    }

    /// Half a byte, and nothing to wait for it.
    pub(crate) fn nibble(&mut self, out: &mut Vec<u8>, nibble: Nibble) {
        let Nibble { data, value } = nibble;
        let low = Levels { rs: data, rw: false, e: false, backlight: self.backlight, nibble: value };
        let stands = |last: Levels| last.rs == data && !last.rw && !last.e;
        if !self.last.is_some_and(|last| stands(self.pins.levels(last))) {
            self.push(out, low);
        }
        self.push(out, Levels { e: true, ..low });
        self.push(out, low);
    }

    /// An instruction or a datum, and idling where the bus is faster than the controller.
    fn instruction(&mut self, out: &mut Vec<u8>, instruction: Instruction) {
        for nibble in instruction.nibbles() {
            self.nibble(out, nibble);
        }
        self.idle_for(out, ORDINARY);
    }

    /// As many of the pieces as one transaction may hold, at least one, and how many these are.
    pub(crate) fn transaction(&mut self, pieces: &[Piece]) -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        for (taken, &piece) in pieces.iter().enumerate() {
            let (before, length) = (self.last, bytes.len());
            match piece {
                Piece::Whole(instruction) => self.instruction(&mut bytes, instruction),
                Piece::Half(nibble, wait) => {
                    self.nibble(&mut bytes, nibble);
                    self.idle_for(&mut bytes, wait);
                }
            }
            if taken > 0 && bytes.len() > self.longest() {
                self.last = before;
                bytes.truncate(length);
                return (bytes, taken);
            }
        }
        (bytes, pieces.len())
    }

    /// Bytes without the address that a transaction may hold.
    fn longest(&self) -> usize {
        let bits = LONGEST_HOLD.as_nanos() * u128::from(self.bus_hz) / 1_000_000_000;
        let bytes = bits.saturating_sub(FRAMING_BITS + BITS_PER_BYTE) / BITS_PER_BYTE;
        usize::try_from(bytes).unwrap_or(usize::MAX).max(SHORTEST_TRANSACTION)
    }

    /// The number of bytes that take at least this long.
    fn bytes_within(&self, time: Duration) -> u128 {
        (time.as_nanos() * u128::from(self.bus_hz)).div_ceil(BITS_PER_BYTE * 1_000_000_000)
    }

    fn push(&mut self, out: &mut Vec<u8>, levels: Levels) {
        let byte = self.pins.byte(levels);
        out.push(byte);
        self.last = Some(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn datum(byte: u8) -> Piece {
        Piece::Whole(Instruction { data: true, byte })
    }

    const fn code(byte: u8) -> Piece {
        Piece::Whole(Instruction { data: false, byte })
    }

    fn port(bus_hz: u32) -> Port {
        Port { backlight: true, ..Port::new(PinMap::USUAL, bus_hz) }
    }

    #[test]
    fn rs_gets_a_byte_of_its_own_when_it_changes_and_only_then() {
        let (bytes, taken) = port(100_000).transaction(&[code(0x80), datum(b'A'), datum(b'B')]);
        assert_eq!(taken, 3);
        let command = [0x88, 0x8c, 0x88, 0x0c, 0x08];
        let text = [0x49, 0x4d, 0x49, 0x1d, 0x19, 0x4d, 0x49, 0x2d, 0x29];
        assert_eq!(bytes, [&command[..], &text[..]].concat());
    }

    #[test]
    fn a_transaction_ends_with_a_whole_instruction_and_within_five_milliseconds() {
        let pieces = [datum(b'A'); 40];
        let mut port = port(100_000);
        let (bytes, taken) = port.transaction(&pieces);
        assert_eq!((bytes.len(), taken), (1 + 13 * 4, 13));
        let (bytes, taken) = port.transaction(&pieces[taken..]);
        assert_eq!((bytes.len(), taken), (13 * 4, 13));
    }

    #[test]
    fn a_fast_bus_waits_in_bytes_and_a_slow_one_sends_at_least_one_instruction() {
        let (bytes, _) = port(400_000).transaction(&[datum(b'A'), datum(b'B')]);
        assert_eq!(bytes.len(), 1 + 2 * (4 + 2));
        assert_eq!(port(1000).transaction(&[datum(b'A'); 2]).1, 1);
    }

    #[test]
    fn e_falls_alone() {
        let mut out = Vec::new();
        port(100_000).release(&mut out, 0xff);
        assert_eq!(out, [0xfb, 0xf8]);
    }

    #[test]
    fn a_port_that_has_just_got_its_power_does_not_rest() {
        let mut port = port(100_000);
        let (bytes, _) = port.transaction(&[datum(b'A')]);
        assert!(bytes.last().is_some_and(|&last| port.rests(last)));
        assert!(!port.rests(0xff));
    }
}
