//! INA219: one channel, external shunt. Register facts are from TI's datasheet SBOS448G, section 8.6.
//!
//! The chip averages the shunt first and the bus voltage after it (8.3: "converts the shunt voltage up to
//! the number set …, then converts the bus voltage"). So the shunt gets 128 samples (68.1 ms) and the
//! voltage, which changes little, a single one (532 µs): 99 % of the time the current is being watched.
//! With 128 samples for both, half of every spike would go unseen.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use picollect_telemetry::{NoData, Reading};

use crate::conversion::{ChipReply, Conversion, Sense, signed};
use picollect_board::i2c::{read_register, write_register};

/// 128 samples of the shunt and one of the bus voltage, 532 µs each (table 5).
pub(super) const CONVERSION: Duration = Duration::from_micros(129 * 532);

const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const POWER: u8 = 0x03;

/// 8.6.2.1: 32 V range, ±320 mV, bus 12 bits once (BADC 0011), shunt 12 bits 128 times (SADC 1111),
/// both for ever (MODE 111). At reset it is 0x399f.
const CONFIGURED: u16 = 1 << 13 | 0b11 << 11 | 0b0011 << 7 | 0b1111 << 3 | 0b111;
/// 8.6.3.1: 10 µV whatever the range.
const SHUNT_LSB_VOLTS: f64 = 10e-6;
/// 320 mV, the end of the range.
const SHUNT_LIMIT: i16 = 32_000;
/// 8.6.3.2: 4 mV, above three bits of flags.
const BUS_LSB_VOLTS: f64 = 4e-3;
const CONVERSION_READY: u16 = 1 << 1;
const MATH_OVERFLOW: u16 = 1 << 0;

pub(super) fn configure<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<(), B::Error> {
    write_register(bus, address, CONFIGURATION, CONFIGURED)
}

pub(super) fn read<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<ChipReply, B::Error> {
    let voltage = read_register(bus, address, BUS_VOLTAGE)?;
    let ready = voltage & CONVERSION_READY != 0;
    let shunt = if ready { read_register(bus, address, SHUNT_VOLTAGE)? } else { 0 };
    if read_register(bus, address, CONFIGURATION)? != CONFIGURED {
        return Ok(ChipReply::NotConfigured);
    }
    if !ready {
        return Ok(ChipReply::NotReady);
    }
    // Nothing but reading the power register clears "ready" (8.6.3.2); its value is of no use.
    read_register(bus, address, POWER)?;
    Ok(ChipReply::single(conversion(voltage, shunt)))
}

fn conversion(voltage: u16, shunt: u16) -> Reading<Conversion> {
    if voltage & MATH_OVERFLOW != 0 {
        return Err(NoData::Overflow);
    }
    let shunt_volts = signed(shunt, SHUNT_LIMIT)? * SHUNT_LSB_VOLTS;
    let bus_volts = f64::from(voltage >> 3) * BUS_LSB_VOLTS;
    Ok(Conversion { bus_volts, sense: Sense::ShuntVolts(shunt_volts) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power_chip::Chip::Ina219;
    use crate::power_chip::tests::{configure_transcript, first, read_transcript};

    /// 5.1 V (1275 steps) with the ready flag.
    const READY: (u8, u16) = (BUS_VOLTAGE, 1275 << 3 | CONVERSION_READY);
    const OURS: (u8, u16) = (CONFIGURATION, 0x39ff);

    #[test]
    fn it_is_set_to_128_samples() {
        configure_transcript(Ina219, [0x00, 0x39, 0xff]);
    }

    #[test]
    fn a_conversion_is_volts_and_the_drop_across_the_shunt() {
        let got = first(read_transcript(Ina219, &[READY, (SHUNT_VOLTAGE, 6250), OURS, (POWER, 0)])).unwrap();
        assert!((got.bus_volts - 5.1).abs() < 1e-12);
        assert!((got.amps(0.1) - 0.625).abs() < 1e-12, "62.5 mV across 0.1 Ω");
        let back = first(read_transcript(Ina219, &[READY, (SHUNT_VOLTAGE, 0xfff6), OURS, (POWER, 0)]));
        assert!((back.unwrap().amps(0.1) + 0.001).abs() < 1e-12, "-100 µV across 0.1 Ω");
    }

    #[test]
    fn a_conversion_that_was_read_before_is_not_ready() {
        assert_eq!(read_transcript(Ina219, &[(BUS_VOLTAGE, 1275 << 3), OURS]), ChipReply::NotReady);
    }

    #[test]
    fn overflow_and_a_saturated_shunt_are_no_values() {
        let overflow = (BUS_VOLTAGE, READY.1 | MATH_OVERFLOW);
        let got = first(read_transcript(Ina219, &[overflow, (SHUNT_VOLTAGE, 6250), OURS, (POWER, 0)]));
        assert_eq!(got, Err(NoData::Overflow));
        let got = first(read_transcript(Ina219, &[READY, (SHUNT_VOLTAGE, 32_000), OURS, (POWER, 0)]));
        assert_eq!(got, Err(NoData::Overflow));
    }

    #[test]
    fn after_a_brown_out_nothing_counts() {
        let reset = (CONFIGURATION, 0x399f);
        assert_eq!(read_transcript(Ina219, &[READY, (SHUNT_VOLTAGE, 0), reset]), ChipReply::NotConfigured);
        assert_eq!(read_transcript(Ina219, &[(BUS_VOLTAGE, 0), reset]), ChipReply::NotConfigured);
    }
}
