//! Functions of one number.

use std::f64::consts::PI;

/// What becomes of a value, whatever its series and its time.
pub(crate) type MathFunction = fn(f64) -> f64;

/// Every function of one number.
pub(crate) const MATH_FUNCTIONS: [(&str, MathFunction); 23] = [
    ("abs", f64::abs),
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("ceil", f64::ceil),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("deg", |value| value * 180.0 / PI),
    ("exp", f64::exp),
    ("floor", f64::floor),
    ("ln", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("rad", |value| value * PI / 180.0),
    ("sgn", sign),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

pub(crate) fn named(name: &str) -> Option<MathFunction> {
    MATH_FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// Zero and NaN stay what they are.
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: f64) -> f64 {
        named(name).unwrap()(value)
    }

    #[test]
    fn the_documented_special_cases_hold() {
        assert_eq!(of("exp", f64::INFINITY), f64::INFINITY);
        assert_eq!((of("ln", f64::INFINITY), of("ln", 0.0)), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(of("ln", -1.0).is_nan() && of("log2", -1.0).is_nan() && of("log10", f64::NAN).is_nan());
        assert_eq!((of("log2", 8.0), of("log10", 1000.0)), (3.0, 3.0));
        assert!(of("sqrt", -1.0).is_nan());
    }

    #[test]
    fn degrees_radians_and_signs() {
        assert_eq!((of("deg", PI), of("rad", 180.0)), (180.0, PI));
        assert_eq!([of("sgn", -3.0), of("sgn", 0.0), of("sgn", 0.1)], [-1.0, 0.0, 1.0]);
        assert!(of("sgn", f64::NAN).is_nan());
    }
}
