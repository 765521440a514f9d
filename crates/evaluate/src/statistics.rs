//! The few figures of statistics that more than one verdict rests on.
//!
//! Invariant: of finite values every answer is finite, and of no values there is none.

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom, as in the table of the
/// NIST/SEMATECH handbook (<https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm>).
const T_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The same quantile of the normal distribution.
const Z_95: f64 = 1.959_964;

/// The middle value, or the mean of the two middle ones; sorts the values. `None` of nothing.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// The value below which this share of all values lies, the nearest of them; sorts the values. `None` of nothing.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let below =
        values.iter().enumerate().filter(|(index, _)| *index as f64 <= share * (values.len() - 1) as f64);
    below.map(|(_, value)| *value).next_back()
}

/// How many standard errors a 95 % interval reaches to either side; `None` without a degree of freedom.
///
/// Beyond the table the first two terms of the expansion in 1/ν, which are within 0.0003 there
/// (Abramowitz and Stegun, 26.7.5).
pub(crate) fn t_95(degrees_of_freedom: usize) -> Option<f64> {
    let index = degrees_of_freedom.checked_sub(1)?;
    if let Some(quantile) = T_95.get(index) {
        return Some(*quantile);
    }
    let nu = degrees_of_freedom as f64;
    let first = (Z_95.powi(3) + Z_95) / 4.0;
    let second = (5.0 * Z_95.powi(5) + 16.0 * Z_95.powi(3) + 3.0 * Z_95) / 96.0;
    Some(Z_95 + first / nu + second / (nu * nu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_the_two_and_a_quantile_one_of_the_values() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut [f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(median(&mut []), None);
        assert_eq!(quantile(&mut [5.0, 1.0, 2.0, 3.0, 4.0], 0.25), Some(2.0));
        assert_eq!(quantile(&mut [5.0, 1.0, 2.0, 3.0, 4.0], 0.5), Some(3.0));
        assert_eq!(quantile(&mut [5.0], 0.1), Some(5.0));
        assert_eq!(quantile(&mut [], 0.1), None);
    }

    #[test]
    fn the_quantiles_fall_smoothly_from_the_table_to_the_normal_distribution() {
        assert_eq!((t_95(0), t_95(1), t_95(30)), (None, Some(12.706), Some(2.042)));
        // Tabulated: 2.021 for 40, 2.000 for 60, 1.984 for 100.
        for (degrees_of_freedom, quantile) in [(40, 2.021), (60, 2.000), (100, 1.984)] {
            assert!((t_95(degrees_of_freedom).unwrap() - quantile).abs() < 0.0005);
        }
        let falls = |degrees_of_freedom| t_95(degrees_of_freedom) > t_95(degrees_of_freedom + 1);
        assert!((1..200).all(falls));
    }
}
