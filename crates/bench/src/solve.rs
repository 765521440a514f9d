//! A x = b with random entries, solved again and again for a while; every solution is checked as HPL
//! checks its own.
//!
//! Operations are HPL's: 2/3 n³ + 3/2 n². So is the check: ‖A x − b‖∞ / (ε (‖A‖∞ ‖x‖∞ + ‖b‖∞) n) has to be
//! below 16 (`HPL_pdtest.c` of HPL 2.3, <https://www.netlib.org/benchmark/hpl/>; ε is LAPACK's, half of Rust's).
//!
//! The rate is of the whole time from the first solution's beginning to the last one's end, so that the
//! power of that time is its power. Between two solutions the first is checked and the matrix is made
//! again, which is n² work.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lu::{Matrix, PANEL, share_out};
use picollect_settings::time::now_ms;

/// A scaled residual below this is a right solution: HPL's own threshold.
pub const THRESHOLD: f64 = 16.0;
/// LAPACK's relative machine precision of a rounding to nearest.
const EPSILON: f64 = f64::EPSILON / 2.0;
/// Columns that one thread takes at a time when the check makes the matrix again.
const STRIPE: usize = 64;
/// The right-hand side's place among the random columns, behind those of the matrix.
const RIGHT_HAND_SIDE: usize = usize::MAX;

/// What was solved how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solved {
    /// Order of the matrix.
    pub order: usize,
    /// How often it was solved; the operations are so many times HPL's.
    pub times: u32,
    /// When the first began, Unix milliseconds.
    pub start_ms: i64,
    /// When the last ended: the beginning and the time since by the monotonic clock, Unix milliseconds.
    pub end_ms: i64,
    /// Seconds of it that were spent on solving, the rest on making and checking.
    pub solving_s: f64,
    /// The worst of the scaled residuals; not a number if a solution was not.
    pub residual: f64,
}

impl Solved {
    /// Operations of all the solutions.
    pub fn flop(&self) -> f64 {
        let n = self.order as f64;
        f64::from(self.times) * (2.0 / 3.0 * n * n * n + 1.5 * n * n)
    }

    /// Operations per second over the whole time; `None` if a solution was wrong.
    pub fn flops(&self) -> Option<f64> {
        let seconds = (self.end_ms - self.start_ms) as f64 / 1000.0;
        self.passed().then(|| self.flop() / seconds)
    }

    /// Whether every solution was right.
    pub fn passed(&self) -> bool {
        self.residual < THRESHOLD
    }
}

/// Bytes that a matrix of this order takes.
pub fn bytes(order: usize) -> u64 {
    8 * (order as u64).saturating_mul(order as u64)
}

/// The greatest order, in whole panels, whose matrix fits into so many bytes; at least one panel.
pub fn order_within(bytes: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a root of a size in memory")]
    let order = (bytes / 8.0).sqrt() as usize;
    (order / PANEL).max(1) * PANEL
}

/// Solves a system of this order, again until `at_least` has passed, once at least and not after a wrong
/// solution. Fails only if the system starts no thread.
pub fn run(order: usize, at_least: Duration, threads: usize) -> io::Result<Solved> {
    let mut matrix = Matrix::zeroes(order);
    matrix.fill(threads, column)?;
    let (start_ms, start) = (now_ms(), Instant::now());
    let mut solved = Solved { order, times: 0, start_ms, end_ms: start_ms, solving_s: 0.0, residual: 0.0 };
    loop {
        let began = Instant::now();
        let mut x = right_hand_side(order);
        let factors = matrix.factor(threads)?;
        factors.solve(&mut x);
        solved.times += 1;
        solved.solving_s += began.elapsed().as_secs_f64();
        let elapsed = start.elapsed();
        solved.end_ms = start_ms + whole_ms(elapsed);
        solved.residual = worse(solved.residual, scaled_residual(&x, threads)?);
        if elapsed >= at_least || !solved.passed() || solved.times == u32::MAX {
            return Ok(solved);
        }
        matrix = factors.into_matrix();
        matrix.fill(threads, column)?;
    }
}

/// Begun milliseconds count, so that no time is zero.
fn whole_ms(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_micros().div_ceil(1000).max(1)).unwrap_or(i64::MAX / 2)
}

/// The greater, or the one that is not a number.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Uniform entries between −0.5 and 0.5, as HPL's; the same at each call.
fn column(index: usize, entries: &mut [f64]) {
    let mut random = fastrand::Rng::with_seed(index as u64);
    for entry in entries {
        *entry = random.f64() - 0.5;
    }
}

fn right_hand_side(order: usize) -> Vec<f64> {
    let mut b = vec![0.0; order];
    column(RIGHT_HAND_SIDE, &mut b);
    b
}

/// Sums over columns, for each row.
struct Rows {
    /// The product of matrix and solution.
    product: Vec<f64>,
    /// Σ |a|, whose greatest is ‖A‖∞.
    magnitude: Vec<f64>,
}

impl Rows {
    fn new(order: usize) -> Self {
        Self { product: vec![0.0; order], magnitude: vec![0.0; order] }
    }

    /// Makes these columns again and adds them.
    fn of_columns(columns: std::ops::Range<usize>, x: &[f64]) -> Self {
        let mut rows = Self::new(x.len());
        let mut entries = vec![0.0; x.len()];
        for index in columns {
            column(index, &mut entries);
            let sums = rows.product.iter_mut().zip(&mut rows.magnitude);
            for (entry, (product, magnitude)) in entries.iter().zip(sums) {
                *product += entry * x[index];
                *magnitude += entry.abs();
            }
        }
        rows
    }

    fn add(&mut self, other: &Self) {
        self.product.iter_mut().zip(&other.product).for_each(|(sum, part)| *sum += part);
        self.magnitude.iter_mut().zip(&other.magnitude).for_each(|(sum, part)| *sum += part);
    }
}

/// HPL's scaled residual of a solution.
fn scaled_residual(x: &[f64], threads: usize) -> io::Result<f64> {
    let order = x.len();
    let sum = Mutex::new(Rows::new(order));
    let stripes = (0..order).step_by(STRIPE).map(|first| first..order.min(first + STRIPE));
    share_out(threads, stripes, |columns| {
        let part = Rows::of_columns(columns, x);
        sum.lock().unwrap_or_else(PoisonError::into_inner).add(&part);
    })?;
    let rows = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let b = right_hand_side(order);
    let error = greatest(rows.product.iter().zip(&b).map(|(product, b)| product - b));
    let scale = greatest(rows.magnitude.iter().copied()) * greatest(x.iter().copied());
    Ok(error / (EPSILON * (scale + greatest(b.iter().copied())) * order as f64))
}

/// ‖v‖∞; not a number if an entry is none.
fn greatest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(0.0, worse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_passes_and_its_rate_is_of_the_whole_time() {
        let solved = run(200, Duration::ZERO, 2).unwrap();
        assert_eq!(solved.times, 1);
        assert!(solved.passed() && solved.residual > 0.0, "{solved:?}");
        let (n, seconds) = (200.0_f64, (solved.end_ms - solved.start_ms) as f64 / 1000.0);
        let flop = 2.0 / 3.0 * n.powi(3) + 1.5 * n.powi(2);
        assert!((solved.flops().unwrap() * seconds / flop - 1.0).abs() < 1e-12);
    }

    #[test]
    fn it_goes_on_for_the_time_that_is_asked_for() {
        let solved = run(50, Duration::from_millis(50), 1).unwrap();
        assert!(solved.times > 1 && solved.end_ms - solved.start_ms >= 50, "{solved:?}");
        assert!(solved.solving_s <= (solved.end_ms - solved.start_ms) as f64 / 1000.0);
    }

    #[test]
    fn a_wrong_solution_and_one_that_is_not_finite_fail_and_have_no_rate() {
        let mut x = right_hand_side(100);
        let mut matrix = Matrix::zeroes(100);
        matrix.fill(1, column).unwrap();
        matrix.factor(1).unwrap().solve(&mut x);
        assert!(scaled_residual(&x, 1).unwrap() < 1.0);
        x[7] += 1e-9;
        let slightly_wrong = scaled_residual(&x, 2).unwrap();
        x[7] = f64::NAN;
        let not_a_number = scaled_residual(&x, 2).unwrap();
        let right = run(100, Duration::ZERO, 1).unwrap();
        for residual in [slightly_wrong, not_a_number, f64::INFINITY] {
            let wrong = Solved { residual, ..right };
            assert!(!wrong.passed() && wrong.flops().is_none(), "{residual}");
        }
    }
}
