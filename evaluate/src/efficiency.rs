//! Work per energy.

/// Achieved rate of a run: operations by seconds. `None` for a run without length.
pub fn flops(flop: f64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| flop / seconds)
}

/// FLOPS/W: achieved rate by mean power over the same window. `None` without power.
pub fn flops_per_w(flops: f64, mean_w: f64) -> Option<f64> {
    (mean_w > 0.0).then(|| flops / mean_w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_green500_leader_of_2007_is_found_again() {
        // Blue Gene/P at Daresbury, Green500 of November 2007: 11.11 TFLOPS at 31.10 kW.
        let efficiency = flops_per_w(11.11e12, 31.10e3).unwrap();
        assert!((efficiency / 357.23e6 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn no_time_and_no_power_give_no_figure() {
        assert_eq!(flops(1e9, 0.0), None);
        assert_eq!(flops_per_w(1e9, 0.0), None);
    }
}
