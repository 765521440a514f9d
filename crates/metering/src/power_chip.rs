//! The list of power-monitor chips on an I2C bus. A chip's registers are in its own file.
//!
//! Invariant: a conversion counts only if the configuration register, read *after* the values, still
//! holds what was written: after a brown-out it holds its reset value, and the values are zeroes that
//! nobody measured.

use std::ops::RangeInclusive;
use std::time::Duration;

use embedded_hal::i2c::I2c;
use serde::Deserialize;

use crate::conversion::ChipReply;
use crate::ina228::Bits;
use crate::{ina219, ina226, ina228, ina260, ina3221};

/// The chips that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chip {
    /// One channel, external shunt, 12 bits.
    Ina219,
    /// One channel, external shunt, 16 bits.
    Ina226,
    /// One channel, external shunt, 20 bits.
    Ina228,
    /// One channel, external shunt, 16 bits, coarser than its sister.
    Ina237,
    /// One channel, external shunt, 16 bits.
    Ina238,
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
            Self::Ina228 => "ina228",
            Self::Ina237 => "ina237",
            Self::Ina238 => "ina238",
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

    /// How many currents it measures.
    pub fn channels(self) -> u8 {
        if self == Self::Ina3221 { 3 } else { 1 }
    }

    /// Whether the board brings the shunt.
    pub fn has_external_shunt(self) -> bool {
        self != Self::Ina260
    }

    /// The greatest voltage across its shunt that it can show; `None` where the shunt is inside and cannot be chosen.
    pub fn shunt_range_volts(self) -> Option<f64> {
        match self {
            Self::Ina219 => Some(0.32),
            Self::Ina226 => Some(0.081_92),
            Self::Ina228 | Self::Ina237 | Self::Ina238 => Some(0.163_84),
            Self::Ina260 => None,
            Self::Ina3221 => Some(0.163_8),
        }
    }

    /// Length of a conversion as [`configure`](Self::configure) sets it.
    pub fn conversion(self) -> Duration {
        match self {
            Self::Ina219 => ina219::CONVERSION,
            Self::Ina226 => ina226::CONVERSION,
            Self::Ina228 | Self::Ina237 | Self::Ina238 => ina228::CONVERSION,
            Self::Ina260 => ina260::CONVERSION,
            Self::Ina3221 => ina3221::CONVERSION,
        }
    }

    /// Sets the chip up for continuous, averaged conversions.
    pub fn configure<B: I2c + ?Sized>(self, bus: &mut B, address: u8) -> Result<(), B::Error> {
        match self {
            Self::Ina219 => ina219::configure(bus, address),
            Self::Ina226 => ina226::configure(bus, address),
            Self::Ina228 | Self::Ina237 | Self::Ina238 => ina228::configure(bus, address),
            Self::Ina260 => ina260::configure(bus, address),
            Self::Ina3221 => ina3221::configure(bus, address),
        }
    }

    /// The latest conversion, if it was not read before.
    pub fn read<B: I2c + ?Sized>(self, bus: &mut B, address: u8) -> Result<ChipReply, B::Error> {
        match self {
            Self::Ina219 => ina219::read(bus, address),
            Self::Ina226 => ina226::read(bus, address),
            Self::Ina228 => ina228::read(bus, address, Bits::Twenty),
            Self::Ina237 | Self::Ina238 => ina228::read(bus, address, Bits::Sixteen),
            Self::Ina260 => ina260::read(bus, address),
            Self::Ina3221 => ina3221::read(bus, address),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::conversion::Conversion;
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
    use picollect_telemetry::Reading;

    /// Reads a chip whose registers are read in this order with these contents.
    pub(crate) fn read_transcript(chip: Chip, registers: &[(u8, u16)]) -> ChipReply {
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
    pub(crate) fn configure_transcript(chip: Chip, bytes: [u8; 3]) {
        let mut bus = Mock::new(&[Transaction::write(0x40, bytes.to_vec())]);
        chip.configure(&mut bus, 0x40).unwrap();
        bus.done();
    }

    /// The first channel of an answer that must be a conversion.
    pub(crate) fn first(answer: ChipReply) -> Reading<Conversion> {
        match answer {
            ChipReply::Ready([first, ..]) => first,
            other => panic!("{other:?}"),
        }
    }
}
