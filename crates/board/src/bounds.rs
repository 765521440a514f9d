//! What a quantity of a board can be. What lies outside is no value but a fault of a driver, a firmware or a
//! wire: the kernel has said −650 788.984 °C and 65 535 turns a minute. The bounds are wide: what a board
//! *should* be is for alerts.

use std::ops::RangeInclusive;

/// °C: from liquid nitrogen upwards to where no chip works any more.
pub const CELSIUS: RangeInclusive<f64> = -200.0..=200.0;
/// Turns of a fan in a minute; 65 535 is a tachometer that does not count.
pub const RPM: RangeInclusive<f64> = 0.0..=50_000.0;
/// A processor's clock, Hz.
pub const CLOCK_HZ: RangeInclusive<f64> = 1e6..=2e10;
/// A supply's voltage or a rail's, V.
pub const VOLTS: RangeInclusive<f64> = -500.0..=500.0;
/// A supply's current, A.
pub const AMPERES: RangeInclusive<f64> = -1_000.0..=1_000.0;
/// What a node takes or gives, W.
pub const WATTS: RangeInclusive<f64> = -50_000.0..=50_000.0;

/// Degrees from a zone that ought to give thousandths. A zone within this above freezing is much rarer than a
/// kernel that gives whole degrees, as old ones for Allwinner's chips do.
const WHOLE_DEGREES: RangeInclusive<i64> = 10..=120;

/// °C of a kernel's file in thousandths; `None` for what cannot be or is in whole degrees.
///
/// ```
/// use picollect_board::bounds::celsius_of_milli;
///
/// assert_eq!(celsius_of_milli(48_312), Some(48.312));
/// assert_eq!(celsius_of_milli(0), Some(0.0));
/// assert_eq!(celsius_of_milli(-650_788_984), None);
/// assert_eq!(celsius_of_milli(45), None, "whole degrees");
/// ```
pub fn celsius_of_milli(milli: i64) -> Option<f64> {
    let celsius = milli as f64 / 1000.0;
    (CELSIUS.contains(&celsius) && !WHOLE_DEGREES.contains(&milli)).then_some(celsius)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kernels_have_said_and_no_board_can_be_is_no_temperature() {
        // The bounds let in what is cold for a board and keep out absolute zero.
        for milli in [-650_788_984, -256_000, -263_000, -273_150, 2_147_483_647, i64::MIN, i64::MAX, 45, 120]
        {
            assert_eq!(celsius_of_milli(milli), None, "{milli}");
        }
        for milli in [-40_000, -4_200, -1, 0, 1, 9, 121, 85_000, 125_000] {
            assert_eq!(celsius_of_milli(milli), Some(milli as f64 / 1000.0), "{milli}");
        }
    }

    #[test]
    fn a_counter_at_its_end_is_no_speed_and_no_clock() {
        assert!(!RPM.contains(&65_535.0) && !RPM.contains(&-1.0) && RPM.contains(&0.0));
        assert!(!CLOCK_HZ.contains(&0.0) && !CLOCK_HZ.contains(&(f64::from(u32::MAX) * 1000.0)));
    }
}
