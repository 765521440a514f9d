//! INA3221: three channels, external shunts, 13 bits. Register facts are from TI's datasheet SBOS576C,
//! section 7.6.
//!
//! The chip's averaging is of no use here: it is a running filter that adds a part of the difference to the
//! register (7.4.1), so after a reset it would creep up from zero for a second and every value on the
//! way would be false. Long conversions average as well, and each stands for itself. All channels are
//! always on, so that the time of a round does not depend on which are configured; each is watched for a
//! sixth of it.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use picollect_telemetry::{NoData, Reading};

use crate::conversion::{ChipReply, Conversion, MAX_CHANNELS, Sense, signed};
use picollect_board::i2c::{read_register, write_register};

/// A round over three channels, shunt and bus voltage 8.244 ms each.
pub(super) const CONVERSION: Duration = Duration::from_micros(3 * (8_244 + 8_244));

const CONFIGURATION: u8 = 0x00;
/// The shunt and bus voltages of the three channels, in turns.
const SHUNT_VOLTAGE: [u8; MAX_CHANNELS] = [0x01, 0x03, 0x05];
const BUS_VOLTAGE: [u8; MAX_CHANNELS] = [0x02, 0x04, 0x06];
const MASK_ENABLE: u8 = 0x0f;

/// 7.6.2.1: all channels on, no averaging (AVG 000), bus 8.244 ms (111), shunt 8.244 ms (111), both for
/// ever (MODE 111). At reset it is 0x7127.
const CONFIGURED: u16 = 0b111 << 12 | 0b111 << 6 | 0b111 << 3 | 0b111;
/// 7.6.2.2: 40 µV, above three unused bits.
const SHUNT_LSB_VOLTS: f64 = 40e-6 / 8.0;
/// 7.6.2.3: 8 mV, above three unused bits.
const BUS_LSB_VOLTS: f64 = 8e-3 / 8.0;
/// The largest value of both.
const LIMIT: i16 = 0x7ff8;
/// 7.6.2.16, CVRF: set at the end of a conversion, cleared by reading the Mask/Enable register.
const CONVERSION_READY: u16 = 1 << 0;

pub(super) fn configure<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<(), B::Error> {
    write_register(bus, address, CONFIGURATION, CONFIGURED)
}

pub(super) fn read<B: I2c + ?Sized>(bus: &mut B, address: u8) -> Result<ChipReply, B::Error> {
    let ready = read_register(bus, address, MASK_ENABLE)? & CONVERSION_READY != 0;
    let mut channels = [Err(NoData::Absent); MAX_CHANNELS];
    if ready {
        for (number, channel) in channels.iter_mut().enumerate() {
            let shunt = read_register(bus, address, SHUNT_VOLTAGE[number])?;
            let voltage = read_register(bus, address, BUS_VOLTAGE[number])?;
            *channel = conversion(voltage, shunt);
        }
    }
    Ok(match (read_register(bus, address, CONFIGURATION)?, ready) {
        (CONFIGURED, true) => ChipReply::Ready(channels),
        (CONFIGURED, false) => ChipReply::NotReady,
        _ => ChipReply::NotConfigured,
    })
}

fn conversion(voltage: u16, shunt: u16) -> Reading<Conversion> {
    let shunt_volts = signed(shunt, LIMIT)? * SHUNT_LSB_VOLTS;
    let bus_volts = signed(voltage, LIMIT)? * BUS_LSB_VOLTS;
    Ok(Conversion { bus_volts, sense: Sense::ShuntVolts(shunt_volts) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power_chip::Chip::Ina3221;
    use crate::power_chip::tests::{configure_transcript, read_transcript};

    const READY: (u8, u16) = (MASK_ENABLE, CONVERSION_READY);
    const OURS: (u8, u16) = (CONFIGURATION, 0x71ff);

    fn registers(shunts: [u16; 3], configuration: u16) -> Vec<(u8, u16)> {
        let pairs = shunts
            .iter()
            .enumerate()
            .flat_map(|(number, shunt)| [(SHUNT_VOLTAGE[number], *shunt), (BUS_VOLTAGE[number], 5104)]);
        [READY].into_iter().chain(pairs).chain([(CONFIGURATION, configuration)]).collect()
    }

    #[test]
    fn it_is_set_to_long_conversions_of_all_channels() {
        configure_transcript(Ina3221, [0x00, 0x71, 0xff]);
    }

    #[test]
    fn each_channel_has_its_own_reading() {
        // The datasheet's own example: -80 mV is 0xc180.
        let answer = read_transcript(Ina3221, &registers([0x3e80, 0xc180, 0x7ff8], OURS.1));
        let ChipReply::Ready([first, second, third]) = answer else { panic!("{answer:?}") };
        let first = first.unwrap();
        assert!((first.bus_volts - 5.104).abs() < 1e-12 && (first.drop_volts() - 0.08).abs() < 1e-12);
        assert!((second.unwrap().amps(0.1) + 0.8).abs() < 1e-12);
        assert_eq!(third, Err(NoData::Overflow));
    }

    #[test]
    fn a_conversion_that_was_read_before_is_not_ready() {
        assert_eq!(read_transcript(Ina3221, &[(MASK_ENABLE, 0), OURS]), ChipReply::NotReady);
    }

    #[test]
    fn after_a_brown_out_nothing_counts() {
        assert_eq!(read_transcript(Ina3221, &registers([0; 3], 0x7127)), ChipReply::NotConfigured);
    }
}
