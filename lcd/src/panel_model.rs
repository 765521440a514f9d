//! A panel at its pins: an HD44780 behind a PCF8574, fed with the bytes of I2C transactions. It shows what a
//! real panel would show, and it notes every rule of the datasheets that the feeder breaks.
//!
//! Facts: Hitachi's HD44780U datasheet, ADE-207-272(Z) (table 6 for times, figures 23 to 25 for initialising,
//! "timing characteristics" for set-up and hold), and NXP's PCF8574 datasheet (all pins high after power-on, each
//! byte latched as it is acknowledged). Time passes with the bits on the bus, and by [`Panel::wait`].
//!
//! Simplified: the controller is written and never read, so a read of the expander gives back what was written.
//! An enable pulse while the controller is busy is lost altogether; a real one may do worse.

mod controller;
mod driven;
mod simulated_bus;

use std::time::Duration;

use controller::{Controller, TYPICAL_HZ};
pub use driven::DrivenPanel;
pub use simulated_bus::{BusUse, SimulatedBus, SimulatedFault, Slave};

use crate::backpack::{Levels, PinMap};
use crate::{Backlight, Frame, Size};

/// The datasheet waits this long after the supply has reached 2.7 V, and less after 4.5 V.
const POWER_ON: Duration = Duration::from_millis(40);
/// Bits that a byte takes on the bus: eight and the acknowledge.
pub(crate) const BITS_PER_BYTE: u32 = 9;
/// D3 to D0 are not connected on a backpack; the controller pulls them high itself.
const OPEN_LINES: u8 = 0x0f;
/// How many violations are kept; a test that made more has seen enough.
const MAX_VIOLATIONS: usize = 1000;

/// A rule of the datasheets that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// An instruction came while the controller was busy, which it still was for this long.
    Busy(Duration),
    /// RS or RW changed together with the rise of E, or while E was high: the set-up time t_AS is not kept.
    SetUp,
    /// RS, RW or a data line changed together with the fall of E: the hold times t_AH and t_H are not kept.
    Hold,
    /// A transaction ended between the two nibbles of a byte, and not after a lone 0x3: that is how the
    /// datasheet's own initialising begins.
    HalfByte,
}

/// What was broken and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Since the panel was made.
    pub at: Duration,
    /// Which of the controller's rules was broken.
    pub rule: Rule,
}

/// A simulated panel: controller, glass and backlight behind one bus address.
#[derive(Debug, Clone)]
pub struct Panel {
    size: Size,
    pins: PinMap,
    bit_time: Duration,
    oscillator_hz: u32,
    checks_ends: bool,
    now: Duration,
    busy_until: Duration,
    port: u8,
    controller: Controller,
    /// RS and the upper nibble of a byte whose lower one is still to come.
    upper: Option<(bool, u8)>,
    violations: Vec<Violation>,
    noise: u64,
}

impl Panel {
    /// A panel that has just got its power, on a bus of this many bits per second.
    pub fn new(size: Size, pins: PinMap, bus_hz: u32) -> Self {
        let bit_time = Duration::from_secs(1) / bus_hz.max(1);
        let mut noise = 0x9e37_79b9_7f4a_7c15;
        let controller = Controller::powered_on(&mut || next_noise(&mut noise));
        let now = Duration::ZERO;
        Self {
            size,
            pins,
            bit_time,
            oscillator_hz: TYPICAL_HZ,
            checks_ends: true,
            now,
            busy_until: now + POWER_ON,
            port: u8::MAX,
            controller,
            upper: None,
            violations: Vec::new(),
            noise,
        }
    }

    /// With another oscillator than the datasheet's typical one of 270 kHz; it admits 190 to 350 kHz, and every
    /// time but that after power-on goes with it.
    #[must_use]
    pub fn with_oscillator_hz(self, oscillator_hz: u32) -> Self {
        Self { oscillator_hz: oscillator_hz.max(1), ..self }
    }

    /// Without [`Rule::HalfByte`], for drivers that send each nibble in a transaction of its own.
    #[must_use]
    pub fn with_split_bytes(self) -> Self {
        Self { checks_ends: false, ..self }
    }

    /// A whole write transaction: the address, which takes its time, then these bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.write_part(bytes);
        self.end();
    }

    /// A whole read transaction: what stands at the expander's pins.
    pub fn read(&mut self) -> u8 {
        self.pass_bits(1 + 2 * BITS_PER_BYTE);
        self.pass_bits(1);
        self.port
    }

    /// Power is lost and comes back.
    pub fn power_cycle(&mut self) {
        let noise = &mut self.noise;
        self.controller = Controller::powered_on(&mut || next_noise(noise));
        self.upper = None;
        self.port = u8::MAX;
        self.busy_until = self.now + POWER_ON;
    }

    /// A disturbance on the wires between expander and controller: E pulses once with these levels on the
    /// lines, and the feeder does not know. Breaks no rule, because nobody did it.
    pub fn disturb(&mut self, byte: u8) {
        let levels = self.pins.levels(byte);
        if !levels.rw && self.now >= self.busy_until {
            self.take_nibble(levels);
        }
    }

    /// Lets time pass without anything on the bus.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// The time since the panel was made.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Columns and rows that the model shows.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The codes that are seen, row by row; seen only while [`Panel::is_on`].
    pub fn cells(&self) -> Vec<Vec<u8>> {
        self.controller.cells(self.size)
    }

    /// The eight glyphs' dots, eight rows each, the lowest five bits of a row the dots from left to right.
    pub fn cgram(&self) -> [[u8; 8]; 8] {
        self.controller.glyphs()
    }

    /// Whether characters are shown at all.
    pub fn is_on(&self) -> bool {
        self.controller.on
    }

    /// Whether a cursor is to be seen, as a line or as a blinking cell.
    pub fn has_cursor(&self) -> bool {
        self.controller.cursor || self.controller.blinks
    }

    /// Whether the backlight is on.
    pub fn backlight(&self) -> bool {
        self.pins.levels(self.port).backlight
    }

    /// Whether exactly this frame is to be seen: every cell, glyphs by their dots, the backlight, no cursor.
    pub fn shows(&self, frame: &Frame) -> bool {
        self.controller.shows(frame, self.size) && self.backlight() == (frame.backlight() != Backlight::Off)
    }

    /// What was broken since it was last asked, the first thousand in order.
    pub fn violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// The beginning of a write transaction: address and bytes, as far as they got.
    fn write_part(&mut self, bytes: &[u8]) {
        self.pass_bits(1 + BITS_PER_BYTE);
        for &byte in bytes {
            self.pass_bits(BITS_PER_BYTE);
            self.latch(byte);
        }
    }

    fn end(&mut self) {
        self.pass_bits(1);
        if self.checks_ends && !matches!(self.upper, None | Some((false, 0x3))) {
            self.note(Rule::HalfByte);
        }
    }

    fn pass_bits(&mut self, bits: u32) {
        self.now += self.bit_time * bits;
    }

    /// The expander's pins change all at once.
    fn latch(&mut self, byte: u8) {
        let (before, after) = (self.pins.levels(self.port), self.pins.levels(byte));
        self.port = byte;
        let selects = (before.rs, before.rw) != (after.rs, after.rw);
        match (before.e, after.e) {
            (_, true) if selects => self.note(Rule::SetUp),
            (true, false) if selects || before.nibble != after.nibble => self.note(Rule::Hold),
            _ => {}
        }
        match (before.e, after.e) {
            (false, true) if !after.rw && self.now < self.busy_until => {
                self.note(Rule::Busy(self.busy_until.saturating_sub(self.now)));
            }
            (true, false) => self.fall(before),
            _ => {}
        }
    }

    /// E has fallen; what stood on the lines before counts.
    fn fall(&mut self, levels: Levels) {
        if levels.rw {
            self.read_pulse(levels);
        } else if self.now >= self.busy_until {
            self.take_nibble(levels);
        }
    }

    /// A read takes two pulses of a 4-bit interface as well.
    fn read_pulse(&mut self, levels: Levels) {
        if !self.controller.eight_bits {
            self.upper = if self.upper.is_some() { None } else { Some((levels.rs, 0)) };
        }
    }

    fn take_nibble(&mut self, levels: Levels) {
        if self.controller.eight_bits {
            return self.take(levels.rs, levels.nibble << 4 | OPEN_LINES);
        }
        match self.upper.take() {
            None => self.upper = Some((levels.rs, levels.nibble)),
            Some((_, upper)) => self.take(levels.rs, upper << 4 | levels.nibble),
        }
    }

    fn take(&mut self, data: bool, byte: u8) {
        let busy = self.controller.take(data, byte);
        self.busy_until = self.now + busy * TYPICAL_HZ / self.oscillator_hz;
    }

    fn note(&mut self, rule: Rule) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation { at: self.now, rule });
        }
    }
}

impl Slave for Panel {
    fn write_part(&mut self, bytes: &[u8]) {
        self.write_part(bytes);
    }

    fn end(&mut self) {
        self.end();
    }

    fn read(&mut self) -> u8 {
        self.read()
    }

    fn pass_bits(&mut self, bits: u32) {
        self.pass_bits(bits);
    }

    fn power_cycle(&mut self) {
        self.power_cycle();
    }

    fn now(&self) -> Duration {
        self.now()
    }

    fn wait(&mut self, time: Duration) {
        self.wait(time);
    }
}

/// What stands in a memory without power: xorshift64, the same in every run.
pub(crate) fn next_noise(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()[3]
}

#[cfg(test)]
mod tests;
