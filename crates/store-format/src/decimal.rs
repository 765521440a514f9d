//! Floats that are decimals of few places: what a sensor says in thousandths is an integer and a scale.

/// Most decimal places that are looked for.
pub(crate) const MAX_PLACES: u8 = 9;
const POWERS: [f64; MAX_PLACES as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Integers up to here are exact as floats.
const EXACT: i64 = 1 << 53;

/// The integer that is `value` times ten to the `places`, if that gives exactly the float again, bit by bit.
pub(crate) fn scaled(value: f64, places: u8) -> Option<i64> {
    let power = POWERS[usize::from(places)];
    #[expect(clippy::cast_possible_truncation, reason = "a wrong integer does not give the float again")]
    let integer = (value * power + 0.5_f64.copysign(value)) as i64;
    let exact = integer.unsigned_abs() < EXACT.unsigned_abs();
    (exact && unscaled(integer, places).to_bits() == value.to_bits()).then_some(integer)
}

/// The float: the quotient of two exact ones, and so the nearest to the decimal, as a parser of text has it.
pub(crate) fn unscaled(integer: i64, places: u8) -> f64 {
    integer as f64 / POWERS[usize::from(places.min(MAX_PLACES))]
}

/// The least number of places from `at_least` on that is enough.
pub(crate) fn places(value: f64, at_least: u8) -> Option<u8> {
    (at_least..=MAX_PLACES).find(|places| scaled(value, *places).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_an_integer_and_a_scale() {
        assert_eq!((scaled(48.312, 3), scaled(48.312, 2), scaled(-0.1, 1)), (Some(48_312), None, Some(-1)));
        assert_eq!((places(1.5, 0), places(1.5, 3), places(7.0, 0)), (Some(1), Some(3), Some(0)));
        for value in [-0.0, f64::NAN, f64::INFINITY, 1e300, 5e-324, 0.1 + 0.2, std::f64::consts::PI] {
            assert_eq!(places(value, 0), None, "{value}");
        }
        assert_eq!(unscaled(scaled(4_503_599_627_370_495.0, 0).unwrap(), 0), 4_503_599_627_370_495.0);
    }
}
