//! An INA228, INA237 or INA238 at its registers: what a real one would say of a given supply at a given moment. It is a
//! test's meter, and it knows the exact energy that it ought to have shown.
//!
//! After TI's datasheets SLYS021A and SLYS025, section 7.6: shunt and bus voltage are taken in turns, and as many pairs
//! are averaged as ADC_CONFIG says; the flag of a conversion stays until it is read only if DIAG_ALRT is latched. Current,
//! power and energy stay zero, as with the calibration of a brown-out.

use std::time::Duration;

use crate::ina219_model::{Supply, Trace};

const CONFIGURATION: u8 = 0x00;
const ADC_CONFIGURATION: u8 = 0x01;
const CALIBRATION: u8 = 0x02;
const SHUNT_VOLTAGE: u8 = 0x04;
const BUS_VOLTAGE: u8 = 0x05;
const FLAGS: u8 = 0x0b;
const MAKER: u8 = 0x3e;

const ADC_CONFIGURATION_AT_RESET: u16 = 0xfb68;
const CALIBRATION_AT_RESET: u16 = 0x1000;
const FLAGS_AT_RESET: u16 = 1;
const TEXAS_INSTRUMENTS: u16 = 0x5449;
const NARROW_RANGE: u16 = 1 << 4;
const LATCHED: u16 = 1 << 15;
const READY: u16 = 1 << 1;
const SHUNT_AND_BUS_FOR_EVER: u16 = 0xb;
/// Conversion times by their codes, in microseconds.
const TIMES: [u64; 8] = [50, 84, 150, 280, 540, 1_052, 2_074, 4_120];
/// Averages by their codes.
const AVERAGES: [u32; 8] = [1, 4, 16, 64, 128, 256, 512, 1_024];

/// The chip: its registers as they would be read now.
pub struct Ina228Model {
    supply: Trace,
    shunt_ohm: f64,
    /// Whether its voltages have 20 bits, as an INA228's.
    twenty_bits: bool,
    now: Duration,
    configuration: u16,
    adc_configuration: u16,
    calibration: u16,
    flags: u16,
    pointer: u8,
    /// In units of the 20-bit voltages.
    shunt: i32,
    bus: i32,
    pairs: u32,
    sums: (f64, f64),
    shunt_is_next: bool,
    exact_joules: f64,
    exact_at_conversion: f64,
    converted_joules: f64,
    conversion_began: Duration,
    missed: u32,
}

impl std::fmt::Debug for Ina228Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ina228Model").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Ina228Model {
    /// An INA228 with this supply through this shunt, in its reset state at this moment.
    pub fn new(supply: Trace, shunt_ohm: f64, now: Duration) -> Self {
        Self {
            supply,
            shunt_ohm,
            twenty_bits: true,
            now,
            configuration: 0,
            adc_configuration: ADC_CONFIGURATION_AT_RESET,
            calibration: CALIBRATION_AT_RESET,
            flags: FLAGS_AT_RESET,
            pointer: 0,
            shunt: 0,
            bus: 0,
            pairs: 0,
            sums: (0.0, 0.0),
            shunt_is_next: true,
            exact_joules: 0.0,
            exact_at_conversion: 0.0,
            converted_joules: 0.0,
            conversion_began: now,
            missed: 0,
        }
    }

    /// An INA237 or INA238, whose voltages have 16 bits.
    #[must_use]
    pub fn sixteen_bits(mut self) -> Self {
        self.twenty_bits = false;
        self
    }

    /// The supply's energy up to now, whatever the chip saw of it.
    pub fn exact_joules(&self) -> f64 {
        self.exact_joules
    }

    /// The supply's energy up to the end of the last conversion: what `converted_joules` ought to be.
    pub fn exact_joules_converted(&self) -> f64 {
        self.exact_at_conversion
    }

    /// The sum over all conversions of what the registers showed times the conversion's length.
    pub fn converted_joules(&self) -> f64 {
        self.converted_joules
    }

    /// Conversions that the next one replaced before anybody had read them.
    pub fn missed_conversions(&self) -> u32 {
        self.missed
    }

    /// Everything is at its reset value again.
    pub fn brown_out(&mut self) {
        (self.configuration, self.adc_configuration) = (0, ADC_CONFIGURATION_AT_RESET);
        (self.calibration, self.flags) = (CALIBRATION_AT_RESET, FLAGS_AT_RESET);
        (self.pointer, self.shunt, self.bus) = (0, 0, 0);
        self.restart();
    }

    /// Lets the chip convert until this moment.
    pub fn advance(&mut self, to: Duration) {
        loop {
            let next = self.now + self.sample_time();
            if next > to {
                return;
            }
            self.sample(next);
        }
    }

    /// The master writes: a register's number, and perhaps its new value.
    pub fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, value)) = bytes.split_first() else { return };
        self.pointer = *pointer;
        let [high, low] = value else { return };
        let value = u16::from_be_bytes([*high, *low]);
        match self.pointer {
            CONFIGURATION => self.configuration = value,
            CALIBRATION => self.calibration = value,
            FLAGS => self.flags = value & LATCHED | self.flags & READY | FLAGS_AT_RESET,
            ADC_CONFIGURATION => {
                self.adc_configuration = value;
                self.restart();
            }
            _ => {}
        }
    }

    /// The master reads the register that was named last.
    pub fn read(&mut self, buffer: &mut [u8]) {
        let sixteen = |value: u16| value.to_be_bytes().to_vec();
        let bytes = match self.pointer {
            CONFIGURATION => sixteen(self.configuration),
            ADC_CONFIGURATION => sixteen(self.adc_configuration),
            CALIBRATION => sixteen(self.calibration),
            SHUNT_VOLTAGE => self.voltage(self.shunt),
            BUS_VOLTAGE => self.voltage(self.bus),
            FLAGS => {
                let flags = self.flags;
                self.flags &= !READY;
                sixteen(flags)
            }
            MAKER => sixteen(TEXAS_INSTRUMENTS),
            _ => vec![0; 5],
        };
        for (byte, read) in buffer.iter_mut().zip(bytes.into_iter().chain([0xff].repeat(64))) {
            *byte = read;
        }
    }

    /// The upper 20 bits of three bytes, or the upper 16 of them alone.
    fn voltage(&self, value: i32) -> Vec<u8> {
        let [_, bytes @ ..] = (value << 4).to_be_bytes();
        if self.twenty_bits { bytes.to_vec() } else { bytes[..2].to_vec() }
    }

    fn restart(&mut self) {
        self.flags &= !READY;
        self.pairs = 0;
        self.sums = (0.0, 0.0);
        self.shunt_is_next = true;
        self.conversion_began = self.now;
    }

    fn code(&self, shift: u16) -> usize {
        usize::from(self.adc_configuration >> shift & 0b111)
    }

    fn sample_time(&self) -> Duration {
        Duration::from_micros(TIMES[self.code(if self.shunt_is_next { 6 } else { 9 })])
    }

    /// One sample, which ends at `next`: the supply as it is in its middle.
    fn sample(&mut self, next: Duration) {
        let time = next.saturating_sub(self.now);
        let Supply { volts, amps } = (self.supply)(self.now + time / 2);
        self.exact_joules += volts * amps * time.as_secs_f64();
        self.now = next;
        // Any other mode has the temperature in turns, or stands still; nobody here reads it.
        if self.adc_configuration >> 12 != SHUNT_AND_BUS_FOR_EVER {
            return;
        }
        if self.shunt_is_next {
            self.sums.0 += amps * self.shunt_ohm;
        } else {
            self.sums.1 += volts;
            self.pairs += 1;
        }
        self.shunt_is_next = !self.shunt_is_next;
        if self.pairs == AVERAGES[self.code(0)] {
            self.convert();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "clamped to the register")]
    fn convert(&mut self) {
        self.missed += u32::from(self.flags & (READY | LATCHED) == READY | LATCHED);
        let pairs = f64::from(self.pairs);
        let range = if self.configuration & NARROW_RANGE == 0 { 1.0 } else { 0.25 };
        let (shunt_lsb, bus_lsb) = (312.5e-9 * range, 195.3125e-6);
        // Sixteen bits are cut off, not rounded from twenty.
        let coarse = if self.twenty_bits { 1.0 } else { 16.0 };
        let limit = f64::from((1 << 19) - 1);
        let of = |volts: f64, lsb: f64| ((volts / (lsb * coarse)).round() * coarse).clamp(-limit, limit);
        let (shunt, bus) = (of(self.sums.0 / pairs, shunt_lsb), of(self.sums.1 / pairs, bus_lsb).max(0.0));
        (self.shunt, self.bus) = (shunt as i32, bus as i32);
        let seconds = self.now.saturating_sub(self.conversion_began).as_secs_f64();
        self.converted_joules += bus * bus_lsb * (shunt * shunt_lsb / self.shunt_ohm) * seconds;
        self.exact_at_conversion = self.exact_joules;
        self.restart();
        self.flags |= READY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Ina228Model {
        Ina228Model::new(Box::new(|_| Supply { volts: 5.0, amps: 1.0 }), 0.01, Duration::ZERO)
    }

    fn register<const N: usize>(chip: &mut Ina228Model, number: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.write(&[number]);
        chip.read(&mut bytes);
        bytes
    }

    #[test]
    fn a_latched_conversion_takes_as_long_as_the_configuration_says_and_is_told_once() {
        let mut chip = steady();
        chip.write(&[FLAGS, 0x80, 0x01]);
        chip.write(&[ADC_CONFIGURATION, 0xb5, 0x6b]);
        chip.advance(Duration::from_micros(64 * 1_202 - 1));
        assert_eq!(register(&mut chip, FLAGS), [0x80, 0x01]);
        chip.advance(Duration::from_micros(64 * 1_202));
        // 10 mV are 32,000 steps, 5 V are 25,600.
        assert_eq!(register(&mut chip, SHUNT_VOLTAGE), [0x07, 0xd0, 0x00]);
        assert_eq!(register(&mut chip, BUS_VOLTAGE), [0x06, 0x40, 0x00]);
        assert_eq!(register(&mut chip, FLAGS), [0x80, 0x03]);
        assert_eq!(register(&mut chip, FLAGS), [0x80, 0x01], "reading it clears it");
        assert!((chip.converted_joules() - chip.exact_joules()).abs() < 1e-9);
    }

    #[test]
    fn sixteen_bits_are_the_upper_ones_and_a_brown_out_puts_everything_back() {
        let mut chip = steady().sixteen_bits();
        chip.write(&[ADC_CONFIGURATION, 0xb5, 0x6b]);
        chip.advance(Duration::from_secs(1));
        assert_eq!(register(&mut chip, SHUNT_VOLTAGE), [0x07, 0xd0]);
        chip.brown_out();
        assert_eq!(register(&mut chip, ADC_CONFIGURATION), [0xfb, 0x68]);
        assert_eq!(register(&mut chip, SHUNT_VOLTAGE), [0, 0]);
        assert_eq!(register(&mut chip, MAKER), *b"TI");
    }
}
