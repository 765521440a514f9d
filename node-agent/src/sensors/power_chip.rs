//! What the power-monitor chips on an I2C bus have in common: how one conversion is told, and which chip
//! is which. A chip's registers are in its own file.
//!
//! Invariant: a conversion counts only if the configuration register, read *after* the values, still
//! holds what was written: after a brown-out it holds its reset value, and the values are zeroes that
//! nobody measured.

use std::ops::RangeInclusive;
use std::time::Duration;

use embedded_hal::i2c::I2c;
use picollect_telemetry::{NoData, Reading};
use serde::Deserialize;

use super::{ina219, ina226, ina260, ina3221};

/// Most channels that a chip has (INA3221).
pub const MAX_CHANNELS: usize = 3;

/// What carries the current's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sense {
    /// Volts across a shunt on the board; its resistance is configuration.
    ShuntVolts(f64),
    /// Amperes, measured with a shunt inside the chip, and what that drops.
    Amps {
        /// The current.
        amps: f64,
        /// The drop across the chip's own shunt, volts.
        drop_volts: f64,
    },
}

/// One channel's averages over one conversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// Volts at the load's side of the shunt.
    pub bus_volts: f64,
    /// The current.
    pub sense: Sense,
}

impl Conversion {
    /// The current through a shunt of this resistance, uncalibrated.
    pub fn amps(&self, shunt_ohm: f64) -> f64 {
        match self.sense {
            Sense::ShuntVolts(volts) => volts / shunt_ohm,
            Sense::Amps { amps, .. } => amps,
        }
    }

    /// What the shunt takes away from the load, volts.
    pub fn drop_volts(&self) -> f64 {
        match self.sense {
            Sense::ShuntVolts(volts) => volts,
            Sense::Amps { drop_volts, .. } => drop_volts,
        }
    }
}

/// What a chip says when it is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// No conversion has ended since the last one was read.
    NotReady,
    /// The chip is not set up as it should be: new, replugged or after a brown-out.
    NotConfigured,
    /// One reading for each channel; beyond the chip's channels it is `Absent`.
    Ready([Reading<Conversion>; MAX_CHANNELS]),
}

impl Answer {
    /// Of a chip with a single channel.
    pub(super) fn single(reading: Reading<Conversion>) -> Self {
        Self::Ready([reading, Err(NoData::Absent), Err(NoData::Absent)])
    }
}

/// The chips that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chip {
    /// One channel, external shunt, 12 bits.
    Ina219,
    /// One channel, external shunt, 16 bits.
    Ina226,
    /// One channel, 2 mΩ inside.
    Ina260,
    /// Three channels, external shunts, 13 bits.
    Ina3221,
}

impl Chip {
    /// The name in keys and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ina219 => "ina219",
            Self::Ina226 => "ina226",
            Self::Ina260 => "ina260",
            Self::Ina3221 => "ina3221",
        }
    }

    /// Where it may answer: two address pins with four choices each, on the INA3221 one.
    pub fn addresses(self) -> RangeInclusive<u8> {
        match self {
            Self::Ina3221 => 0x40..=0x43,
            _ => 0x40..=0x4f,
        }
    }

    /// Number of channels.
    pub fn channels(self) -> u8 {
        if self == Self::Ina3221 { 3 } else { 1 }
    }

    /// Whether the board brings the shunt.
    pub fn has_external_shunt(self) -> bool {
        self != Self::Ina260
    }

    /// Length of a conversion as [`configure`](Self::configure) sets it.
    pub fn conversion(self) -> Duration {
        match self {
            Self::Ina219 => ina219::CONVERSION,
            Self::Ina226 => ina226::CONVERSION,
            Self::Ina260 => ina260::CONVERSION,
            Self::Ina3221 => ina3221::CONVERSION,
        }
    }

    /// Sets the chip up for continuous, averaged conversions.
    pub fn configure<B: I2c + ?Sized>(self, bus: &mut B, address: u8) -> Result<(), B::Error> {
        match self {
            Self::Ina219 => ina219::configure(bus, address),
            Self::Ina226 => ina226::configure(bus, address),
            Self::Ina260 => ina260::configure(bus, address),
            Self::Ina3221 => ina3221::configure(bus, address),
        }
    }

    /// The latest conversion, if it was not read before.
    pub fn read<B: I2c + ?Sized>(self, bus: &mut B, address: u8) -> Result<Answer, B::Error> {
        match self {
            Self::Ina219 => ina219::read(bus, address),
            Self::Ina226 => ina226::read(bus, address),
            Self::Ina260 => ina260::read(bus, address),
            Self::Ina3221 => ina3221::read(bus, address),
        }
    }
}

/// The signed value of a register; one at either end of its range is beyond what the chip can show.
pub(super) fn signed(register: u16, limit: i16) -> Reading<f64> {
    let value = i16::from_be_bytes(register.to_be_bytes());
    if value >= limit || value <= -limit { Err(NoData::Overflow) } else { Ok(f64::from(value)) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    /// Reads a chip whose registers are read in this order with these contents.
    pub(in crate::sensors) fn read_transcript(chip: Chip, registers: &[(u8, u16)]) -> Answer {
        let exchange = |&(register, value): &(u8, u16)| {
            Transaction::write_read(0x40, vec![register], value.to_be_bytes().to_vec())
        };
        let transcript: Vec<_> = registers.iter().map(exchange).collect();
        let mut bus = Mock::new(&transcript);
        let answer = chip.read(&mut bus, 0x40).unwrap();
        bus.done();
        answer
    }

    /// Configures a chip that is to be written exactly this.
    pub(in crate::sensors) fn configure_transcript(chip: Chip, bytes: [u8; 3]) {
        let mut bus = Mock::new(&[Transaction::write(0x40, bytes.to_vec())]);
        chip.configure(&mut bus, 0x40).unwrap();
        bus.done();
    }

    /// The first channel of an answer that must be a conversion.
    pub(in crate::sensors) fn first(answer: Answer) -> Reading<Conversion> {
        match answer {
            Answer::Ready([first, ..]) => first,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_ends_of_a_register_are_an_overflow() {
        assert_eq!(signed(0x7fff, i16::MAX), Err(NoData::Overflow));
        assert_eq!(signed(0x8000, i16::MAX), Err(NoData::Overflow));
        assert_eq!(signed(0x7ffe, i16::MAX), Ok(32766.0));
        assert_eq!(signed(0xffff, i16::MAX), Ok(-1.0));
        assert_eq!(signed(0, i16::MAX), Ok(0.0));
    }
}
