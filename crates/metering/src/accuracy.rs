//! How far a meter may be off and how often it looks, as its maker says.
//!
//! The chips' figures are the maxima at 25 °C of TI's datasheets (section 7.5 of SBOS448G, the INA219, grade
//! A; 5.5 of SBOS547B, the INA226; 6.5 of SLYS021A and SLYS025, the INA228 and INA238; 7.5 of SBOS656C, the INA260; 7.5
//! of SBOS576B, the INA3221). A chip in a hot case is worse: the INA219 by up to twice. Within one meter they add up
//! linearly: current, voltage and shunt may err in the same direction.

use crate::calibration::Calibration;
use crate::power_chip::Chip;
use crate::settings::MeterSettings;

/// A board's supply: what turns an offset in amperes into watts, and one in volts into a share.
const NOMINAL_VOLTS: f64 = 5.0;

/// What is known of a meter's errors; `None` is unknown, which is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Accuracy {
    /// Greatest error as a share of the reading.
    pub gain_error: Option<f64>,
    /// Greatest error at any reading, watts.
    pub offset_w: Option<f64>,
    /// How often the meter itself looks at the current, or its counter moves, per second.
    pub conversions_per_s: Option<f64>,
}

impl Accuracy {
    /// Of a chip as it is wired and configured. What the configuration says comes first; a calibrated chip
    /// is as exact as the meter it was held against, which only the configuration can tell.
    pub fn of(meter: &MeterSettings) -> Self {
        let limits = Limits::of(meter.chip);
        let as_made = meter.calibration == Calibration::default() && meter.chip != Chip::Ina237;
        let (tolerance, offset_amps) = match limits.offset {
            Offset::Volts(volts) => (meter.shunt_tolerance, volts / meter.shunt_ohm),
            Offset::Amps(amps) => (0.0, amps),
        };
        let gain_error =
            limits.current + limits.voltage + limits.bus_offset_volts / NOMINAL_VOLTS + tolerance;
        let offset_w = offset_amps * NOMINAL_VOLTS;
        Self {
            gain_error: meter.gain_error.or(as_made.then_some(gain_error)),
            offset_w: meter.offset_error_w.or(as_made.then_some(offset_w)),
            conversions_per_s: Some(f64::from(limits.looks) / meter.chip.conversion().as_secs_f64()),
        }
    }
}

/// The greatest errors at 25 °C that a datasheet admits.
struct Limits {
    /// Share of the current, without an external shunt.
    current: f64,
    /// Share of the bus voltage.
    voltage: f64,
    bus_offset_volts: f64,
    offset: Offset,
    /// How often the current is looked at in one conversion.
    looks: u32,
}

/// What is shown when no current flows.
enum Offset {
    /// Across the external shunt.
    Volts(f64),
    /// Through the chip's own shunt.
    Amps(f64),
}

impl Limits {
    fn of(chip: Chip) -> Self {
        let (current, voltage, bus_offset_volts, offset, looks) = match chip {
            // The offset is that of the widest range (PGA /8), which is the one in use.
            Chip::Ina219 => (0.005, 0.005, 0.0, Offset::Volts(200e-6), 128),
            Chip::Ina226 => (0.001, 0.001, 7.5e-3, Offset::Volts(10e-6), 64),
            // Of the bus voltage of an INA228 the figures are the INA238's, which is the coarser one of the two; an
            // INA237's are not known here, and so neither is its error.
            Chip::Ina228 => (0.0005, 0.001, 5e-3, Offset::Volts(1e-6), 64),
            Chip::Ina238 => (0.001, 0.001, 5e-3, Offset::Volts(5e-6), 64),
            Chip::Ina237 => (0.003, 0.003, 0.0, Offset::Volts(50e-6), 64),
            Chip::Ina260 => (0.0015, 0.001, 7.5e-3, Offset::Amps(5e-3), 64),
            Chip::Ina3221 => (0.0025, 0.0025, 16e-3, Offset::Volts(80e-6), 1),
        };
        Self { current, voltage, bus_offset_volts, offset, looks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accuracy(chip: &str, rest: &str) -> Accuracy {
        Accuracy::of(&toml::from_str(&format!("chip = \"{chip}\"\naddress = 0x40\n{rest}")).unwrap())
    }

    #[track_caller]
    fn assert_near(got: Option<f64>, wanted: f64) {
        assert!(got.is_some_and(|got| (got / wanted - 1.0).abs() < 1e-9), "{got:?} is not {wanted}");
    }

    #[test]
    fn current_voltage_and_shunt_add_up_and_a_smaller_shunt_has_a_larger_offset() {
        let usual = accuracy("ina219", "");
        assert_near(usual.gain_error, 0.005 + 0.005 + 0.01);
        assert_near(usual.offset_w, 200e-6 / 0.1 * 5.0);
        assert_near(usual.conversions_per_s, 128.0 / (129.0 * 532e-6));
        let exact = accuracy("ina226", "shunt_ohm = 0.01\nshunt_tolerance = 0.001");
        assert_near(exact.gain_error, 0.001 + 0.001 + 0.0015 + 0.001);
        assert_near(exact.offset_w, 10e-6 / 0.01 * 5.0);
        let precise = accuracy("ina228", "shunt_ohm = 0.01\nshunt_tolerance = 0.001");
        assert_near(precise.gain_error, 0.0005 + 0.001 + 0.001 + 0.001);
        assert_near(precise.offset_w, 1e-6 / 0.01 * 5.0);
        assert_eq!(
            accuracy("ina237", "").gain_error,
            None,
            "its bus voltage is not known to be good to a figure"
        );
        assert_near(accuracy("ina260", "").offset_w, 0.025);
        assert_near(accuracy("ina260", "").gain_error, 0.004);
        assert_near(accuracy("ina3221", "channel = 1").conversions_per_s, 1.0 / (6.0 * 8.244e-3));
    }

    #[test]
    fn the_configuration_comes_first_and_a_calibration_is_as_good_as_its_reference() {
        let told = accuracy("ina219", "gain_error = 0.003\noffset_error_w = 0.002");
        assert_eq!((told.gain_error, told.offset_w), (Some(0.003), Some(0.002)));
        let calibrated = accuracy("ina219", "gain = 1.02");
        assert_eq!((calibrated.gain_error, calibrated.offset_w), (None, None));
        assert_eq!(accuracy("ina219", "gain = 1.02\ngain_error = 0.01").gain_error, Some(0.01));
    }
}
