//! INA260: one channel with a shunt of 2 mΩ inside. Register facts are from TI's datasheet SBOS656C,
//! section 8.6.
//!
//! Current and voltage are measured in turns and averaged in pairs, as in the INA226. The current
//! register needs no calibration: the chip knows its shunt.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use picollect_telemetry::Reading;

use crate::conversion::{ChipReply, Conversion, Sense, signed};
use picollect_board::i2c::{read_register, write_register};

/// 64 pairs of 1.1 ms and 140 µs.
pub(super) const CONVERSION: Duration = Duration::from_micros(64 * (1_100 + 140));

const CONFIGURATION: u8 = 0x00;
const CURRENT: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const MASK_ENABLE: u8 = 0x06;

/// 8.6.1: bits 14 to 12 always 110, 64 averages (AVG 011), bus 140 µs (000), current 1.1 ms (100), both
/// for ever (MODE 111). At reset it is 0x6127.
const CONFIGURED: u16 = 0b110 << 12 | 0b011 << 9 | 0b100 << 3 | 0b111;
/// 8.6.2: 1.25 mA.
const CURRENT_LSB_AMPS: f64 = 1.25e-3;
/// 8.6.3: 1.25 mV.
const BUS_LSB_VOLTS: f64 = 1.25e-3;
/// The chip's own shunt.
const SHUNT_OHM: f64 = 2e-3;
/// CVRF: set at the end of a conversion, cleared by reading the Mask/Enable register.
const CONVERSION_READY: u16 = 1 << 3;

pub(super) fn configure<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<(), B::Error> {
    write_register(bus, address, CONFIGURATION, CONFIGURED)
}

pub(super) fn read<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<ChipReply, B::Error> {
    let ready = read_register(bus, address, MASK_ENABLE)? & CONVERSION_READY != 0;
    let (mut current, mut voltage) = (0, 0);
    if ready {
        current = read_register(bus, address, CURRENT)?;
        voltage = read_register(bus, address, BUS_VOLTAGE)?;
    }
    Ok(match (read_register(bus, address, CONFIGURATION)?, ready) {
        (CONFIGURED, true) => ChipReply::single(conversion(voltage, current)),
        (CONFIGURED, false) => ChipReply::NotReady,
        _ => ChipReply::NotConfigured,
    })
}

fn conversion(voltage: u16, current: u16) -> Reading<Conversion> {
    let amps = signed(current, i16::MAX)? * CURRENT_LSB_AMPS;
    let bus_volts = signed(voltage, i16::MAX)? * BUS_LSB_VOLTS;
    Ok(Conversion { bus_volts, sense: Sense::Amps { amps, drop_volts: amps * SHUNT_OHM } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power_chip::Chip::Ina260;
    use crate::power_chip::tests::{configure_transcript, first, read_transcript};
    use picollect_telemetry::NoData;

    const READY: (u8, u16) = (MASK_ENABLE, CONVERSION_READY);
    const OURS: (u8, u16) = (CONFIGURATION, 0x6627);

    #[test]
    fn it_is_set_to_64_pairs() {
        configure_transcript(Ina260, [0x00, 0x66, 0x27]);
    }

    #[test]
    fn a_conversion_is_volts_and_amps_whatever_shunt_is_configured() {
        let got =
            first(read_transcript(Ina260, &[READY, (CURRENT, 800), (BUS_VOLTAGE, 4080), OURS])).unwrap();
        assert!((got.bus_volts - 5.1).abs() < 1e-12);
        assert_eq!((got.amps(0.1), got.drop_volts()), (1.0, 0.002));
    }

    #[test]
    fn a_conversion_that_was_read_before_is_not_ready() {
        assert_eq!(read_transcript(Ina260, &[(MASK_ENABLE, 0), OURS]), ChipReply::NotReady);
    }

    #[test]
    fn a_saturated_current_is_no_value() {
        let answer = read_transcript(Ina260, &[READY, (CURRENT, 0x8000), (BUS_VOLTAGE, 4080), OURS]);
        assert_eq!(first(answer), Err(NoData::Overflow));
    }

    #[test]
    fn after_a_brown_out_nothing_counts() {
        let reset = (CONFIGURATION, 0x6127);
        let answer = read_transcript(Ina260, &[READY, (CURRENT, 0), (BUS_VOLTAGE, 0), reset]);
        assert_eq!(answer, ChipReply::NotConfigured);
    }
}
