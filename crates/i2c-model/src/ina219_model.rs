//! An INA219 at its registers: what a real one would say of a given supply at a given moment. It is a
//! test's meter, and it knows the exact energy that it ought to have shown.
//!
//! After TI's datasheet SBOS448G: shunt samples are averaged first, the bus voltage's after them (8.3);
//! sample times are those of table 5; registers as in 8.6. Current, power and calibration stay zero, as
//! after a brown-out.

use std::time::Duration;

/// What flows through the shunt at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Supply {
    /// At the load's side.
    pub volts: f64,
    /// To the load; negative from it.
    pub amps: f64,
}

/// A supply over time, from the model's start.
pub type Trace = Box<dyn Fn(Duration) -> Supply + Send>;

const CONFIGURATION_AT_RESET: u16 = 0x399f;
const READY: u16 = 1 << 1;
const CONTINUOUS_SHUNT_AND_BUS: u16 = 0b111;
const SHUNT_LSB_VOLTS: f64 = 10e-6;
const SHUNT_LIMIT: f64 = 32_000.0;
const BUS_LSB_VOLTS: f64 = 4e-3;

/// The chip: its registers as they would be read now.
pub struct Ina219Model {
    supply: Trace,
    shunt_ohm: f64,
    /// Its clock's error: 1.05 takes 5 % longer for everything.
    slowness: f64,
    now: Duration,
    configuration: u16,
    pointer: u8,
    shunt: u16,
    bus: u16,
    ready: bool,
    missed: u32,
    /// Of the conversion under way: samples of shunt and bus voltage so far, and their sum.
    samples: (u32, u32),
    sums: (f64, f64),
    exact_joules: f64,
    converted_joules: f64,
    exact_at_conversion: f64,
    conversion_began: Duration,
}

impl std::fmt::Debug for Ina219Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ina219Model").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Ina219Model {
    /// With this supply through this shunt, in its reset state at this moment.
    pub fn new(supply: Trace, shunt_ohm: f64, now: Duration) -> Self {
        Self {
            supply,
            shunt_ohm,
            slowness: 1.0,
            now,
            configuration: CONFIGURATION_AT_RESET,
            pointer: 0,
            shunt: 0,
            bus: 0,
            ready: false,
            missed: 0,
            samples: (0, 0),
            sums: (0.0, 0.0),
            exact_joules: 0.0,
            converted_joules: 0.0,
            exact_at_conversion: 0.0,
            conversion_began: now,
        }
    }

    /// With a clock of its own: the datasheet allows 10 % more than the typical time.
    #[must_use]
    pub fn slower(mut self, factor: f64) -> Self {
        self.slowness = factor;
        self
    }

    /// The supply's energy up to now, whatever the chip saw of it.
    pub fn exact_joules(&self) -> f64 {
        self.exact_joules
    }

    /// The sum over all conversions of what the registers showed times the conversion's length.
    pub fn converted_joules(&self) -> f64 {
        self.converted_joules
    }

    /// The supply's energy up to the end of the last conversion: what `converted_joules` ought to be.
    pub fn exact_joules_converted(&self) -> f64 {
        self.exact_at_conversion
    }

    /// Conversions that the next one replaced before anybody had read them.
    pub fn missed_conversions(&self) -> u32 {
        self.missed
    }

    /// Everything is at its reset value again.
    pub fn brown_out(&mut self) {
        self.configuration = CONFIGURATION_AT_RESET;
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
        if let (0, [high, low]) = (self.pointer, value) {
            self.configuration = u16::from_be_bytes([*high, *low]);
            self.restart();
        }
    }

    /// The master reads the register that was named last.
    pub fn read(&mut self, buffer: &mut [u8]) {
        let value = match self.pointer {
            0 => self.configuration,
            1 => self.shunt,
            2 => self.bus | if self.ready { READY } else { 0 },
            3 => {
                self.ready = false;
                0
            }
            _ => 0,
        };
        for (byte, read) in buffer.iter_mut().zip(value.to_be_bytes().into_iter().chain([0xff].repeat(64))) {
            *byte = read;
        }
    }

    fn restart(&mut self) {
        self.ready = false;
        (self.samples, self.sums) = ((0, 0), (0.0, 0.0));
        self.conversion_began = self.now;
    }

    /// Samples wanted of the shunt (SADC) and of the bus voltage (BADC).
    fn wanted(&self) -> (u32, u32) {
        let averaged = |code: u16| if code & 0b1000 == 0 { 1 } else { 1 << (code & 0b111) };
        (averaged(self.configuration >> 3 & 0b1111), averaged(self.configuration >> 7 & 0b1111))
    }

    fn sample_time(&self) -> Duration {
        let measures_shunt = self.samples.0 < self.wanted().0;
        let code = self.configuration >> if measures_shunt { 3 } else { 7 } & 0b1111;
        let micros = if code & 0b1000 == 0 { [84, 148, 276, 532][usize::from(code & 0b11)] } else { 532 };
        Duration::from_micros(micros).mul_f64(self.slowness)
    }

    /// One sample, which ends at `next`: the supply as it is in its middle.
    fn sample(&mut self, next: Duration) {
        let time = next.saturating_sub(self.now);
        let Supply { volts, amps } = (self.supply)(self.now + time / 2);
        self.exact_joules += volts * amps * time.as_secs_f64();
        let wanted = self.wanted();
        self.now = next;
        if self.configuration & CONTINUOUS_SHUNT_AND_BUS != CONTINUOUS_SHUNT_AND_BUS {
            return;
        }
        if self.samples.0 < wanted.0 {
            self.samples.0 += 1;
            self.sums.0 += amps * self.shunt_ohm;
        } else {
            self.samples.1 += 1;
            self.sums.1 += volts;
        }
        if self.samples == wanted {
            self.convert();
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the register")]
    fn convert(&mut self) {
        self.missed += u32::from(self.ready);
        let shunt_volts = self.sums.0 / f64::from(self.samples.0);
        let bus_volts = self.sums.1 / f64::from(self.samples.1);
        let shunt = (shunt_volts / SHUNT_LSB_VOLTS).round().clamp(-SHUNT_LIMIT, SHUNT_LIMIT);
        let bus = (bus_volts / BUS_LSB_VOLTS).round().clamp(0.0, 8000.0);
        (self.shunt, self.bus) = (u16::from_be_bytes((shunt as i16).to_be_bytes()), (bus as u16) << 3);
        let seconds = self.now.saturating_sub(self.conversion_began).as_secs_f64();
        let watts = bus * BUS_LSB_VOLTS * (shunt * SHUNT_LSB_VOLTS / self.shunt_ohm);
        self.converted_joules += watts * seconds;
        self.exact_at_conversion = self.exact_joules;
        self.restart();
        self.ready = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Ina219Model {
        Ina219Model::new(Box::new(|_| Supply { volts: 5.0, amps: 1.0 }), 0.1, Duration::ZERO)
    }

    fn register(chip: &mut Ina219Model, number: u8) -> u16 {
        let mut bytes = [0; 2];
        chip.write(&[number]);
        chip.read(&mut bytes);
        u16::from_be_bytes(bytes)
    }

    #[test]
    fn a_conversion_takes_as_long_as_the_configuration_says() {
        let mut chip = steady();
        chip.write(&[0, 0x39, 0xff]);
        chip.advance(Duration::from_micros(129 * 532 - 1));
        assert_eq!(register(&mut chip, 2) & READY, 0);
        chip.advance(Duration::from_micros(129 * 532));
        assert_eq!(register(&mut chip, 2), 1250 << 3 | READY);
        assert_eq!(register(&mut chip, 1), 10_000);
        assert_eq!(register(&mut chip, 3), 0);
        assert_eq!(register(&mut chip, 2) & READY, 0, "reading the power register clears it");
        assert!((chip.converted_joules() - chip.exact_joules()).abs() < 1e-9);
    }

    #[test]
    fn a_brown_out_puts_everything_back() {
        let mut chip = steady();
        chip.write(&[0, 0x39, 0xff]);
        chip.advance(Duration::from_secs(1));
        chip.brown_out();
        assert_eq!((register(&mut chip, 0), register(&mut chip, 1), register(&mut chip, 2)), (0x399f, 0, 0));
    }

    #[test]
    fn a_slow_clock_takes_longer() {
        let mut chip = steady().slower(1.1);
        chip.write(&[0, 0x39, 0xff]);
        chip.advance(Duration::from_micros(129 * 532));
        assert_eq!(register(&mut chip, 2) & READY, 0);
        chip.advance(Duration::from_millis(76));
        assert_eq!(register(&mut chip, 2) & READY, READY);
    }
}
