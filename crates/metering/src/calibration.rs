//! A meter held against a better one: gain and offset of its current, from two points.

use serde::Deserialize;

/// Currents closer together than this give no gain worth having.
const LEAST_DIFFERENCE_AMPS: f64 = 0.05;

/// What is done to the current that a chip shows: `gain · amps + offset_a + offset_w / volts`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Factor; 1 is none.
    pub gain: f64,
    /// Amperes, added after the factor.
    pub offset_a: f64,
    /// Watts: a current at the voltage of the moment.
    pub offset_w: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { gain: 1.0, offset_a: 0.0, offset_w: 0.0 }
    }
}

impl Calibration {
    /// The power at this voltage and uncalibrated current.
    pub fn watts(&self, volts: f64, amps: f64) -> f64 {
        volts * (self.gain * amps + self.offset_a) + self.offset_w
    }
}

/// One load, as both meters saw it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The chip's current with gain 1 and offset 0, mean.
    pub raw_amps: f64,
    /// What the reference meter says.
    pub reference_amps: f64,
}

/// Two points give no calibration.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// The loads were too much alike.
    #[error("the two loads are only {0:.3} A apart; 0.05 A is the least, and more is better")]
    TooClose(f64),
    /// The meters do not agree even roughly.
    #[error(
        "the gain would be {gain:.3}: the shunt is more likely {shunt_ohm:.4} Ω than the {configured_ohm} Ω \
         that is configured"
    )]
    WrongShunt {
        /// The factor that came out, outside of 0.5 to 2.
        gain: f64,
        /// The shunt that would explain it.
        shunt_ohm: f64,
        /// The shunt that is configured.
        configured_ohm: f64,
    },
}

/// The straight line through two points.
pub fn calibrate(first: Point, second: Point, shunt_ohm: f64) -> Result<Calibration, CalibrationError> {
    let difference = second.raw_amps - first.raw_amps;
    let reference_difference = second.reference_amps - first.reference_amps;
    if difference.abs().min(reference_difference.abs()) < LEAST_DIFFERENCE_AMPS {
        return Err(CalibrationError::TooClose(difference.abs().min(reference_difference.abs())));
    }
    let gain = reference_difference / difference;
    if !(0.5..2.0).contains(&gain) {
        let (shunt, configured_ohm) = (shunt_ohm / gain, shunt_ohm);
        return Err(CalibrationError::WrongShunt { gain, shunt_ohm: shunt, configured_ohm });
    }
    let offset_a = first.reference_amps - gain * first.raw_amps;
    Ok(Calibration { gain, offset_a, offset_w: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(raw_amps: f64, reference_amps: f64) -> Point {
        Point { raw_amps, reference_amps }
    }

    #[test]
    fn the_line_goes_through_both_points() {
        let line = calibrate(point(0.5, 0.512), point(1.5, 1.522), 0.1).unwrap();
        assert!((line.gain - 1.01).abs() < 1e-12 && (line.offset_a - 0.007).abs() < 1e-12, "{line:?}");
        assert!((line.watts(5.0, 0.5) - 5.0 * 0.512).abs() < 1e-12);
        let swapped = calibrate(point(1.5, 1.522), point(0.5, 0.512), 0.1).unwrap();
        assert!((swapped.gain - line.gain).abs() < 1e-12 && (swapped.offset_a - line.offset_a).abs() < 1e-12);
    }

    #[test]
    fn an_offset_in_watts_is_a_current_at_the_moments_voltage() {
        let calibration = Calibration { gain: 2.0, offset_a: 0.0, offset_w: 0.25 };
        assert_eq!(calibration.watts(5.0, 1.0), 10.25);
        assert_eq!(Calibration::default().watts(5.0, 1.0), 5.0);
    }

    #[test]
    fn loads_that_are_alike_and_a_wrong_shunt_are_refused() {
        assert!(matches!(
            calibrate(point(0.5, 0.5), point(0.52, 0.9), 0.1),
            Err(CalibrationError::TooClose(_))
        ));
        let wrong = calibrate(point(0.05, 0.5), point(0.15, 1.5), 0.1).unwrap_err();
        assert!(wrong.to_string().contains("more likely 0.0100 Ω than the 0.1 Ω"), "{wrong}");
    }
}
