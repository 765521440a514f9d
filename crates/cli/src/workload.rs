//! The built-in load of the demo: dense matrix products on all cores, each checked, the operations
//! counted. It makes a machine work and is no benchmark of what it could reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Rows and columns: three matrices of it fit into a small core's second-level cache.
const SIZE: usize = 128;
/// Operations of one product: a multiplication and an addition per step.
const FLOP: u64 = 2 * (SIZE * SIZE * SIZE) as u64;

type Matrix = Vec<[f64; SIZE]>;

/// The load at work, a thread per core.
#[derive(Debug)]
pub(crate) struct Workload {
    stop: Arc<AtomicBool>,
    products: Arc<AtomicU64>,
    threads: Vec<JoinHandle<bool>>,
}

impl Workload {
    /// Starts on all cores, at a low priority, so that the measuring is not disturbed by the measured.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (stop, products) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let start = |seed| {
            let (stop, products) = (Arc::clone(&stop), Arc::clone(&products));
            thread::Builder::new().name("load".into()).spawn(move || work(seed, &stop, &products))
        };
        let threads = (0..cores).map(start).collect::<Result<_, _>>()?;
        Ok(Self { stop, products, threads })
    }

    /// Ends the load and gives the operations done; `None` if a result was wrong.
    pub(crate) fn finish(self) -> Option<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let right: Vec<bool> =
            self.threads.into_iter().map(|thread| thread.join().unwrap_or(false)).collect();
        right.iter().all(|right| *right).then(|| (self.products.load(Ordering::Relaxed) * FLOP) as f64)
    }
}

fn work(seed: usize, stop: &AtomicBool, products: &AtomicU64) -> bool {
    // On Linux a thread has a priority of its own. Without it the load works all the same.
    let _ = rustix::process::nice(10);
    let (a, b) = (matrix(seed + 1), matrix(seed + 2));
    let mut c = vec![[0.0; SIZE]; SIZE];
    while !stop.load(Ordering::Relaxed) {
        multiply(&a, &b, &mut c);
        products.fetch_add(1, Ordering::Relaxed);
    }
    is_product(&a, &b, &c)
}

fn matrix(seed: usize) -> Matrix {
    let entry = |row: usize, column: usize| ((row * 31 + column * 17 + seed) % 13) as f64 - 6.0;
    (0..SIZE).map(|row| std::array::from_fn(|column| entry(row, column))).collect()
}

fn multiply(a: &Matrix, b: &Matrix, c: &mut Matrix) {
    for (row_a, row_c) in a.iter().zip(c.iter_mut()) {
        row_c.fill(0.0);
        for (factor, row_b) in row_a.iter().zip(b) {
            for (sum, value) in row_c.iter_mut().zip(row_b) {
                *sum += factor * value;
            }
        }
    }
}

/// Freivalds' check: `C·x = A·(B·x)`; with whole numbers this small the arithmetic is exact.
fn is_product(a: &Matrix, b: &Matrix, c: &Matrix) -> bool {
    let x: Vec<f64> = (0..SIZE).map(|index| (index % 7) as f64).collect();
    let times = |matrix: &Matrix, vector: &[f64]| -> Vec<f64> {
        matrix.iter().map(|row| row.iter().zip(vector).map(|(entry, value)| entry * value).sum()).collect()
    };
    times(c, &x) == times(a, &times(b, &x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_counted_and_a_wrong_result_is_found() {
        let load = Workload::start().unwrap();
        while load.products.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        assert!(load.finish().unwrap() >= FLOP as f64);

        let (a, b) = (matrix(1), matrix(2));
        let mut c = vec![[0.0; SIZE]; SIZE];
        multiply(&a, &b, &mut c);
        assert!(is_product(&a, &b, &c));
        c[3][5] += 1.0;
        assert!(!is_product(&a, &b, &c));
    }
}
