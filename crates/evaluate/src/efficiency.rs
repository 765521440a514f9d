//! Work per energy, and how far it may be off.
//!
//! Invariant: a rate is divided by the mean power of the same window only; what is not known about the
//! power is not known about the efficiency either.

use crate::Window;
use crate::energy::Energy;

/// Achieved rate of a run: operations by seconds. `None` for a run without length.
pub fn flops(flop: f64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| flop / seconds)
}

/// FLOPS/W: achieved rate by mean power over the same window. `None` without power.
pub fn flops_per_w(flops: f64, mean_w: f64) -> Option<f64> {
    rate_per_w(flops, mean_w)
}

/// A rate of any unit by mean power over the same window; [`Unit::per_watt`] names it. `None` without
/// power.
///
/// [`Unit::per_watt`]: crate::benchmarks::Unit::per_watt
pub fn rate_per_w(rate: f64, mean_w: f64) -> Option<f64> {
    (mean_w > 0.0).then(|| rate / mean_w)
}

/// What a piece of work took, whatever its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToSolution {
    /// Energy to solution, E, in joules.
    pub joules: f64,
    /// Time to solution, T, in seconds.
    pub seconds: f64,
    /// Energy-delay product E·T in J·s: energy and time count alike.
    pub edp_j_s: f64,
    /// E·T² in J·s²: time counts twice, so that lowering voltage and clock alone hardly changes it.
    pub ed2p_j_s2: f64,
}

/// Energy to solution and its products with the time, from the mean power over the work and its length.
/// `None` without length or power.
pub fn to_solution(mean_w: f64, seconds: f64) -> Option<ToSolution> {
    let joules = mean_w * seconds;
    let known = mean_w > 0.0 && seconds > 0.0;
    known.then_some(ToSolution {
        joules,
        seconds,
        edp_j_s: joules * seconds,
        ed2p_j_s2: joules * seconds * seconds,
    })
}

/// How far the mean power of a core phase may be off because nobody knows to the millisecond where the
/// phase lay: the greater change when the window is moved by `edge_s` to either side, as a ratio.
/// `None` if the power of the phase or of both moved windows is not known. Fails if `energy_of` does.
pub fn edge_ratio<E>(
    phase: Window,
    edge_s: f64,
    energy_of: impl Fn(Window) -> Result<Option<Energy>, E>,
) -> Result<Option<f64>, E> {
    let mean_w = |window| Ok(energy_of(window)?.and_then(Energy::mean_w));
    let Some(middle_w) = mean_w(phase)?.filter(|watts| *watts > 0.0) else { return Ok(None) };
    let reach_ms = whole_ms(edge_s);
    let mut greatest = None;
    for by_ms in [-reach_ms, reach_ms] {
        let moved = Window {
            start_ms: phase.start_ms.saturating_add(by_ms),
            end_ms: phase.end_ms.saturating_add(by_ms),
        };
        let change = mean_w(moved)?.map(|watts| (watts - middle_w).abs() / middle_w);
        greatest = greatest.into_iter().chain(change).reduce(f64::max);
    }
    Ok(greatest)
}

/// The relative uncertainty of a rate per watt: that of the meters and that of the edges, which are
/// independent, in quadrature. `None` if either is not known.
pub fn uncertainty_ratio(accuracy_ratio: Option<f64>, edge_ratio: Option<f64>) -> Option<f64> {
    Some(accuracy_ratio?.hypot(edge_ratio?))
}

#[expect(clippy::cast_possible_truncation, reason = "an edge is seconds at most")]
fn whole_ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::energy::of_watts;
    use crate::series::Sample;

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
        assert_eq!(rate_per_w(1e9, f64::NAN), None);
        assert_eq!(to_solution(0.0, 10.0), None);
        assert_eq!(to_solution(5.0, 0.0), None);
    }

    #[test]
    fn energy_to_solution_and_its_products() {
        let wanted = ToSolution { joules: 600.0, seconds: 120.0, edp_j_s: 72e3, ed2p_j_s2: 8.64e6 };
        assert_eq!(to_solution(5.0, 120.0), Some(wanted));
    }

    /// 2 W, and 6 W from 10 s to 20 s.
    fn step(window: Window) -> Option<Energy> {
        let watts = |t: i64| if (10_000..=20_000).contains(&t) { 6.0 } else { 2.0 };
        let samples: Vec<_> =
            (0..=300).map(|tenth| Sample { t_ms: tenth * 100, value: watts(tenth * 100) }).collect();
        of_watts(&samples, window, 0.1)
    }

    #[test]
    fn a_window_that_may_lie_beside_the_load_is_uncertain_by_what_it_would_miss() {
        let ratio = |start_ms, end_ms| {
            let known = |window| Ok::<_, Infallible>(step(window));
            let Ok(ratio) = edge_ratio(Window { start_ms, end_ms }, 0.5, known);
            ratio
        };
        assert_eq!(ratio(12_000, 18_000), Some(0.0));
        // Moved by half a second, a twentieth of it is at 2 W and not at 6 W.
        let edge = ratio(10_000, 20_000).unwrap();
        assert!((edge - 0.05 * 4.0 / 6.0).abs() < 0.004, "{edge}");
        assert_eq!(ratio(50_000, 60_000), None);
        assert_eq!(ratio(25_000, 30_000), Some(0.0), "one side is enough");
    }

    #[test]
    fn meters_and_edges_are_combined_in_quadrature_and_an_unknown_one_makes_both_unknown() {
        assert_eq!(uncertainty_ratio(Some(0.03), Some(0.04)), Some(0.05));
        assert_eq!(uncertainty_ratio(None, Some(0.04)), None);
        assert_eq!(uncertainty_ratio(Some(0.03), None), None);
    }
}
