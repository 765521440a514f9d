//! What the power-monitor chips on an I2C bus have in common: how one conversion is told.

use picollect_telemetry::{NoData, Reading};

/// Most channels that a chip has (INA3221).
pub const MAX_CHANNELS: usize = 3;

/// What carries the current's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sense {
    /// Volts across a shunt on the board; its resistance is configuration.
    ShuntVolts(f64),
    /// Amperes, measured with a shunt inside the chip, and what that drops.
    Amps {
        /// The current to the load; negative from it.
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
    /// The current, as the chip senses it.
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
pub enum ChipReply {
    /// No conversion has ended since the last one was read.
    NotReady,
    /// The chip is not set up as it should be: new, replugged or after a brown-out.
    NotConfigured,
    /// One reading for each channel; beyond the chip's channels it is `Absent`.
    Ready([Reading<Conversion>; MAX_CHANNELS]),
}

impl ChipReply {
    /// Of a chip with a single channel.
    pub(crate) fn single(reading: Reading<Conversion>) -> Self {
        Self::Ready([reading, Err(NoData::Absent), Err(NoData::Absent)])
    }
}

/// The signed value of a register; one at either end of its range is beyond what the chip can show.
pub(crate) fn signed(register: u16, limit: i16) -> Reading<f64> {
    let value = i16::from_be_bytes(register.to_be_bytes());
    if value >= limit || value <= -limit { Err(NoData::Overflow) } else { Ok(f64::from(value)) }
}

/// The signed value in the upper 20 of 24 bits; one at either end of its range is beyond what the chip can show.
pub(crate) fn signed_20(register: u32) -> Reading<f64> {
    const LIMIT: i32 = (1 << 19) - 1;
    // The sign moves to where a 32-bit number has it, and back.
    let value = i32::from_be_bytes((register << 8).to_be_bytes()) >> 12;
    if value >= LIMIT || value <= -LIMIT { Err(NoData::Overflow) } else { Ok(f64::from(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_bits_keep_their_sign_and_their_ends_are_an_overflow() {
        assert_eq!(signed_20(0x00_0010), Ok(1.0));
        assert_eq!(signed_20(0x00_001f), Ok(1.0), "the lower four bits are not part of it");
        assert_eq!(signed_20(0xff_fff0), Ok(-1.0));
        assert_eq!(signed_20(0x7f_ffe0), Ok(524_286.0));
        assert_eq!(signed_20(0x7f_fff0), Err(NoData::Overflow));
        assert_eq!(signed_20(0x80_0000), Err(NoData::Overflow));
        assert_eq!(signed_20(0), Ok(0.0));
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
