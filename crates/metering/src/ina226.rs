//! INA226: one channel, external shunt, 16 bits. Register facts are from TI's datasheet SBOS547B,
//! section 7.1.
//!
//! Unlike the INA219 it takes shunt and bus voltage in turns and averages the pairs, so a short bus
//! conversion is enough to leave most of the time to the shunt.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use picollect_telemetry::Reading;

use crate::conversion::{ChipReply, Conversion, Sense, signed};
use picollect_board::i2c::{read_register, write_register};

/// 64 pairs of 1.1 ms and 140 µs (tables 7-3 to 7-5).
pub(super) const CONVERSION: Duration = Duration::from_micros(64 * (1_100 + 140));

const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const MASK_ENABLE: u8 = 0x06;

/// 7.1.1: bit 14 always set, 64 averages (AVG 011), bus 140 µs (000), shunt 1.1 ms (100), both for ever
/// (MODE 111). At reset it is 0x4127.
const CONFIGURED: u16 = 1 << 14 | 0b011 << 9 | 0b100 << 3 | 0b111;
/// 7.1.2: 2.5 µV; the range is the register's.
const SHUNT_LSB_VOLTS: f64 = 2.5e-6;
/// 7.1.3: 1.25 mV.
const BUS_LSB_VOLTS: f64 = 1.25e-3;
/// 7.1.7, CVRF: set at the end of a conversion, cleared by reading this register. The overflow flag beside
/// it speaks of the current and power registers, which nobody uses here.
const CONVERSION_READY: u16 = 1 << 3;

pub(super) fn configure<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<(), B::Error> {
    write_register(bus, address, CONFIGURATION, CONFIGURED)
}

pub(super) fn read<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<ChipReply, B::Error> {
    let ready = read_register(bus, address, MASK_ENABLE)? & CONVERSION_READY != 0;
    let (mut shunt, mut voltage) = (0, 0);
    if ready {
        shunt = read_register(bus, address, SHUNT_VOLTAGE)?;
        voltage = read_register(bus, address, BUS_VOLTAGE)?;
    }
    Ok(match (read_register(bus, address, CONFIGURATION)?, ready) {
        (CONFIGURED, true) => ChipReply::single(conversion(voltage, shunt)),
        (CONFIGURED, false) => ChipReply::NotReady,
        _ => ChipReply::NotConfigured,
    })
}

fn conversion(voltage: u16, shunt: u16) -> Reading<Conversion> {
    let shunt_volts = signed(shunt, i16::MAX)? * SHUNT_LSB_VOLTS;
    let bus_volts = signed(voltage, i16::MAX)? * BUS_LSB_VOLTS;
    Ok(Conversion { bus_volts, sense: Sense::ShuntVolts(shunt_volts) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power_chip::Chip::Ina226;
    use crate::power_chip::tests::{configure_transcript, first, read_transcript};
    use picollect_telemetry::NoData;

    const READY: (u8, u16) = (MASK_ENABLE, CONVERSION_READY);
    const OURS: (u8, u16) = (CONFIGURATION, 0x4627);

    #[test]
    fn it_is_set_to_64_pairs() {
        configure_transcript(Ina226, [0x00, 0x46, 0x27]);
    }

    #[test]
    fn a_conversion_is_volts_and_the_drop_across_the_shunt() {
        let answer = read_transcript(Ina226, &[READY, (SHUNT_VOLTAGE, 4000), (BUS_VOLTAGE, 4080), OURS]);
        let got = first(answer).unwrap();
        assert!((got.bus_volts - 5.1).abs() < 1e-12);
        assert!((got.amps(0.01) - 1.0).abs() < 1e-12, "10 mV across 10 mΩ");
    }

    #[test]
    fn a_conversion_that_was_read_before_is_not_ready() {
        assert_eq!(read_transcript(Ina226, &[(MASK_ENABLE, 0), OURS]), ChipReply::NotReady);
    }

    #[test]
    fn a_saturated_shunt_is_no_value() {
        let answer = read_transcript(Ina226, &[READY, (SHUNT_VOLTAGE, 0x7fff), (BUS_VOLTAGE, 4080), OURS]);
        assert_eq!(first(answer), Err(NoData::Overflow));
    }

    #[test]
    fn after_a_brown_out_nothing_counts() {
        let reset = (CONFIGURATION, 0x4127);
        let answer = read_transcript(Ina226, &[READY, (SHUNT_VOLTAGE, 0), (BUS_VOLTAGE, 0), reset]);
        assert_eq!(answer, ChipReply::NotConfigured);
    }
}
