//! INA228, INA237 and INA238: one channel, external shunt, 20 or 16 bits. Register facts are from TI's datasheets
//! SLYS021A (INA228), SBOSA20A (INA237) and SLYS025 (INA238), section 7.6, and the kernel's driver `ina238`.
//!
//! The chips also have current, power and energy registers. They are not used, for the reason for which nobody's are here:
//! they rest on a calibration register that a brown-out puts back, and would then show false joules. Their conversions
//! leave no time unwatched, so what the energy register counts is what the integration of them gives.
//!
//! A conversion is flagged in DIAG_ALRT. Only with its latch bit the flag stays until it is read.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use picollect_telemetry::Reading;

use crate::conversion::{ChipReply, Conversion, Sense, signed, signed_20};
use picollect_board::i2c::{read_register, read_register_24, write_register};

/// 64 pairs of 1.052 ms and 150 µs (table 7-6, ADC_CONFIG).
pub(super) const CONVERSION: Duration = Duration::from_micros(64 * (1_052 + 150));

const CONFIGURATION: u8 = 0x00;
const ADC_CONFIGURATION: u8 = 0x01;
const SHUNT_VOLTAGE: u8 = 0x04;
const BUS_VOLTAGE: u8 = 0x05;
const FLAGS: u8 = 0x0b;

/// The wide range of the shunt, ±163.84 mV (ADCRANGE 0), no delay: what the chip has after a reset, but perhaps not after
/// another program.
const WIDE_RANGE: u16 = 0;
/// ADC_CONFIG: shunt and bus for ever (MODE Bh), bus 150 µs (VBUSCT 2h), shunt 1.052 ms (VSHCT 5h), 64 averages
/// (AVG 3h). At reset it is FB68h, with the temperature in turns.
const CONFIGURED: u16 = 0xb << 12 | 2 << 9 | 5 << 6 | 5 << 3 | 3;
/// DIAG_ALRT: ALATCH and MEMSTAT, which reads as 1 while the chip's memory is whole.
const LATCHED: u16 = 1 << 15 | 1;
/// CNVRF.
const CONVERSION_READY: u16 = 1 << 1;

/// How its voltages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bits {
    /// INA237 and INA238.
    Sixteen,
    /// INA228: in the upper 20 of 24 bits.
    Twenty,
}

/// Volts of the lowest bit of the shunt voltage in the wide range, and of the bus voltage.
fn lsb_volts(bits: Bits) -> (f64, f64) {
    match bits {
        Bits::Sixteen => (5e-6, 3.125e-3),
        Bits::Twenty => (312.5e-9, 195.3125e-6),
    }
}

pub(super) fn configure<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<(), B::Error> {
    write_register(bus, address, CONFIGURATION, WIDE_RANGE)?;
    write_register(bus, address, FLAGS, LATCHED)?;
    // Last, since it begins the conversions, and since it is what tells whether the chip is configured.
    write_register(bus, address, ADC_CONFIGURATION, CONFIGURED)
}

pub(super) fn read<B: I2c + ?Sized>(bus: &mut B, address: u8, bits: Bits) -> Result<ChipReply, B::Error> {
    let ready = read_register(bus, address, FLAGS)? & CONVERSION_READY != 0;
    let mut conversion = None;
    if ready {
        let shunt = voltage(bus, address, SHUNT_VOLTAGE, bits)?;
        conversion = Some((shunt, voltage(bus, address, BUS_VOLTAGE, bits)?));
    }
    let configured = read_register(bus, address, ADC_CONFIGURATION)? == CONFIGURED;
    Ok(match (configured, conversion) {
        (true, Some((shunt, bus))) => ChipReply::single(as_conversion(shunt, bus, bits)),
        (true, None) => ChipReply::NotReady,
        (false, _) => ChipReply::NotConfigured,
    })
}

/// A voltage in units of its lowest bit.
fn voltage<B: I2c + ?Sized>(
    bus: &mut B,
    address: u8,
    register: u8,
    bits: Bits,
) -> Result<Reading<f64>, B::Error> {
    Ok(match bits {
        Bits::Sixteen => signed(read_register(bus, address, register)?, i16::MAX),
        Bits::Twenty => signed_20(read_register_24(bus, address, register)?),
    })
}

fn as_conversion(shunt: Reading<f64>, bus: Reading<f64>, bits: Bits) -> Reading<Conversion> {
    let (shunt_lsb, bus_lsb) = lsb_volts(bits);
    Ok(Conversion { bus_volts: bus? * bus_lsb, sense: Sense::ShuntVolts(shunt? * shunt_lsb) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power_chip::Chip::{self, Ina228, Ina237, Ina238};
    use crate::power_chip::tests::{first, read_transcript};
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
    use picollect_telemetry::NoData;

    const READY: (u8, u16) = (FLAGS, LATCHED | CONVERSION_READY);
    const OURS: (u8, u16) = (ADC_CONFIGURATION, 0xb56b);

    /// Reads an INA228 with this in its 24-bit registers.
    fn read_228(shunt: [u8; 3], bus_voltage: [u8; 3], configuration: u16) -> ChipReply {
        let register = |number, bytes: &[u8]| Transaction::write_read(0x40, vec![number], bytes.to_vec());
        let mut bus = Mock::new(&[
            register(FLAGS, &[0x80, 0x03]),
            register(SHUNT_VOLTAGE, &shunt),
            register(BUS_VOLTAGE, &bus_voltage),
            register(ADC_CONFIGURATION, &configuration.to_be_bytes()),
        ]);
        let answer = Ina228.read(&mut bus, 0x40).unwrap();
        bus.done();
        answer
    }

    #[test]
    fn range_and_latch_are_set_before_the_conversions_begin() {
        let write = |bytes: [u8; 3]| Transaction::write(0x40, bytes.to_vec());
        let transcript = [write([0x00, 0x00, 0x00]), write([0x0b, 0x80, 0x01]), write([0x01, 0xb5, 0x6b])];
        for chip in [Ina228, Ina237, Ina238] {
            let mut bus = Mock::new(&transcript);
            chip.configure(&mut bus, 0x40).unwrap();
            bus.done();
        }
    }

    #[test]
    fn sixteen_bits_are_volts_and_the_drop_across_the_shunt() {
        for chip in [Ina237, Ina238] {
            let answer = read_transcript(chip, &[READY, (SHUNT_VOLTAGE, 2000), (BUS_VOLTAGE, 1632), OURS]);
            let got = first(answer).unwrap();
            assert!((got.bus_volts - 5.1).abs() < 1e-12, "{got:?}");
            assert!((got.amps(0.01) - 1.0).abs() < 1e-12, "10 mV across 10 mΩ");
        }
    }

    #[test]
    fn twenty_bits_stand_in_the_upper_part_of_three_bytes_and_have_a_sign() {
        // 10 mV are 32,000 steps, 5.1 V are 26,112.
        let got = first(read_228([0x07, 0xd0, 0x00], [0x06, 0x60, 0x00], 0xb56b)).unwrap();
        assert!((got.amps(0.01) - 1.0).abs() < 1e-12, "{got:?}");
        assert!((got.bus_volts - 5.1).abs() < 1e-12, "{got:?}");
        // One step below zero; the lower four bits mean nothing.
        let back = first(read_228([0xff, 0xff, 0xff], [0x06, 0x60, 0x0f], 0xb56b)).unwrap();
        assert!((back.amps(0.01) + 312.5e-9 / 0.01).abs() < 1e-12, "{back:?}");
    }

    #[test]
    fn a_saturated_shunt_is_no_value() {
        for shunt in [[0x7f, 0xff, 0xf0], [0x80, 0x00, 0x00]] {
            assert_eq!(first(read_228(shunt, [0x06, 0x60, 0x00], 0xb56b)), Err(NoData::Overflow));
        }
        let answer = read_transcript(Ina238, &[READY, (SHUNT_VOLTAGE, 0x7fff), (BUS_VOLTAGE, 1632), OURS]);
        assert_eq!(first(answer), Err(NoData::Overflow));
    }

    #[test]
    fn a_conversion_that_was_read_before_is_not_ready_and_after_a_brown_out_nothing_counts() {
        assert_eq!(read_transcript(Ina237, &[(FLAGS, LATCHED), OURS]), ChipReply::NotReady);
        assert_eq!(read_228([0; 3], [0; 3], 0xfb68), ChipReply::NotConfigured);
    }

    #[test]
    fn they_answer_where_their_pins_say_and_bring_no_shunt() {
        for (chip, name) in [(Ina228, "ina228"), (Ina237, "ina237"), (Ina238, "ina238")] {
            assert_eq!((chip.as_str(), chip.channels(), chip.addresses()), (name, 1, 0x40..=0x4f));
            assert!(Chip::has_external_shunt(chip));
        }
    }
}
