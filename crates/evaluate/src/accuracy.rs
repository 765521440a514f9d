//! How far a power may be off because of the meters: gain and offset errors.
//!
//! Within one meter the two add up, because nothing says that they are opposed; independent meters are
//! combined in quadrature.
//!
//! Invariant: where one meter's accuracy is not known, that of the sum is not known either.

/// What a meter's data sheet or configuration promises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    /// Greatest error that grows with the reading, as a ratio of it: 0.01 is 1 %.
    pub gain: f64,
    /// Greatest error whatever the reading, in watts.
    pub offset_w: f64,
}

impl Accuracy {
    /// The greatest error at this mean power, in watts.
    pub fn error_w(self, mean_w: f64) -> f64 {
        self.gain.abs() * mean_w.abs() + self.offset_w.abs()
    }

    /// The same as a ratio of the power; `None` without power.
    pub fn ratio(self, mean_w: f64) -> Option<f64> {
        (mean_w > 0.0).then(|| self.error_w(mean_w) / mean_w)
    }
}

/// The error of the sum of several independent meters, each with its mean power, in watts.
pub fn combined_w(parts: &[(Accuracy, f64)]) -> f64 {
    parts.iter().map(|(accuracy, mean_w)| accuracy.error_w(*mean_w)).fold(0.0, f64::hypot)
}

/// The same as a ratio of the sum. `None` if a part's accuracy is not known, or without power.
pub fn combined_ratio(parts: &[(Option<Accuracy>, f64)]) -> Option<f64> {
    let known: Option<Vec<_>> =
        parts.iter().map(|&(accuracy, mean_w)| accuracy.map(|accuracy| (accuracy, mean_w))).collect();
    let sum_w: f64 = parts.iter().map(|(_, mean_w)| mean_w).sum();
    known.filter(|_| sum_w > 0.0).map(|known| combined_w(&known) / sum_w)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An INA219 of the A grade with a shunt of 0.1 Ω at 5 V: 0.5 % and 1 mA.
    const INA219: Accuracy = Accuracy { gain: 0.005, offset_w: 0.005 };

    #[test]
    fn gain_and_offset_of_one_meter_add_up() {
        assert!((INA219.error_w(5.0) - 0.03).abs() < 1e-12);
        assert!((INA219.ratio(5.0).unwrap() - 0.006).abs() < 1e-12);
        assert_eq!(INA219.ratio(0.0), None);
    }

    #[test]
    fn independent_meters_are_combined_in_quadrature() {
        let four = [(Some(INA219), 5.0); 4];
        assert!((combined_w(&[(INA219, 5.0); 4]) - 0.06).abs() < 1e-12);
        assert!((combined_ratio(&four).unwrap() - 0.003).abs() < 1e-12);
    }

    #[test]
    fn one_meter_of_unknown_accuracy_makes_the_whole_unknown() {
        assert_eq!(combined_ratio(&[(Some(INA219), 5.0), (None, 0.1)]), None);
        assert_eq!(combined_ratio(&[]), None);
    }

    proptest! {
        #[test]
        fn a_sum_is_no_worse_than_its_worst_meter(watts in proptest::collection::vec(0.1..20.0f64, 1..8)) {
            let parts: Vec<_> = watts.iter().map(|&watts| (Some(INA219), watts)).collect();
            let worst = watts.iter().filter_map(|&watts| INA219.ratio(watts)).fold(0.0, f64::max);
            prop_assert!(combined_ratio(&parts).unwrap() <= worst + 1e-12);
        }
    }
}
