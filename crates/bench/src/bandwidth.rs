//! Bandwidth of the memory, by the rules of STREAM (<https://www.cs.virginia.edu/stream/ref.html>).
//!
//! Four loops over arrays that no cache holds, ten rounds of which the first does not count; the shortest
//! time of each loop is its rate. The mean is kept for processes that share a machine, whose shortest times
//! may be of moments in which the others stood still. Copy and scale move 16 bytes per element, add and triad 24: a
//! cache line that is fetched in order to be overwritten is not counted. Afterwards the arrays must hold
//! what the same arithmetic gives for a single element.
//!
//! Threads are started for each loop. That belongs to its time: some ten microseconds of at least some
//! milliseconds.

use std::io;
use std::time::Instant;

use super::lu::share_out;

/// STREAM's number of rounds.
const ROUNDS: usize = 10;
/// Rounds whose times count.
pub const COUNTED_ROUNDS: usize = ROUNDS - 1;
/// The factor of scale and triad.
const FACTOR: f64 = 3.0;
/// What the elements hold at first, in each array; of STREAM, after its own test of the timer.
const FIRST: [f64; 3] = [2.0, 2.0, 0.0];
/// STREAM's bound for the average relative error of an array of double precision.
pub const MAX_ERROR: f64 = 1e-13;
/// STREAM: each array at least four times the last-level caches …
const CACHES: u64 = 4;
/// … or a million elements, whichever is larger.
const FEWEST: usize = 1_000_000;
/// STREAM's own size, where nothing is known about the caches.
const USUAL: usize = 10_000_000;
/// Three arrays of double precision.
const BYTES_PER_ELEMENT: u64 = 3 * 8;

/// The four loops of STREAM, each over whole arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// `c = a`: reads one array and writes one.
    Copy,
    /// b = 3 c
    Scale,
    /// c = a + b
    Add,
    /// a = b + 3 c
    Triad,
}

impl Kernel {
    /// In the order of a round.
    pub const ALL: [Self; 4] = [Self::Copy, Self::Scale, Self::Add, Self::Triad];

    /// As in STREAM's table, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Scale => "scale",
            Self::Add => "add",
            Self::Triad => "triad",
        }
    }

    fn bytes_per_element(self) -> usize {
        match self {
            Self::Copy | Self::Scale => 16,
            Self::Add | Self::Triad => 24,
        }
    }
}

/// Times of the four loops, and whether their results were right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bandwidth {
    /// Elements of each array, over all threads.
    pub elements: usize,
    /// The shortest time of each kernel in seconds, in the order of [`Kernel::ALL`].
    pub best_s: [f64; 4],
    /// The mean time of each kernel in seconds, in the same order.
    pub mean_s: [f64; 4],
    /// The greatest average relative error of an array; not a number if an element was none.
    pub error: f64,
}

impl Bandwidth {
    /// Bytes per second of each kernel; `None` if the arrays were wrong in the end.
    pub fn rates(&self) -> Option<[Rate; 4]> {
        let rate = |index: usize| {
            let kernel = Kernel::ALL[index];
            let bytes = (kernel.bytes_per_element() * self.elements) as f64;
            Rate { kernel, best: bytes / self.best_s[index], mean: bytes / self.mean_s[index] }
        };
        self.passed().then(|| std::array::from_fn(rate))
    }

    /// Whether the arrays held what they should.
    pub fn passed(&self) -> bool {
        self.error < MAX_ERROR
    }
}

/// How fast a kernel was, in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The loop that it is the rate of.
    pub kernel: Kernel,
    /// In its best round.
    pub best: f64,
    /// Over all rounds that count.
    pub mean: f64,
}

/// Elements of each array by STREAM's rule, for one of `processes` that run at the same time on a machine
/// with these last-level caches. Where these are unknown it is STREAM's own size, or the fewest allowed if
/// that would take more than a quarter of the available memory.
pub fn elements(cache_bytes: Option<u64>, processes: usize, available: Option<u64>) -> usize {
    let Some(cache_bytes) = cache_bytes else {
        let all = bytes(USUAL).saturating_mul(processes as u64);
        return if available.is_none_or(|available| all <= available / 4) { USUAL } else { FEWEST };
    };
    let all = cache_bytes.saturating_mul(CACHES).div_ceil(8).div_ceil(processes as u64);
    usize::try_from(all).map_or(usize::MAX, |all| all.max(FEWEST))
}

/// Bytes that the arrays take.
pub fn bytes(elements: usize) -> u64 {
    BYTES_PER_ELEMENT.saturating_mul(elements as u64)
}

/// Runs the rounds on so many threads. Fails only if the system starts no thread.
pub fn run(elements: usize, threads: usize) -> io::Result<Bandwidth> {
    let part = |index: usize| elements * (index + 1) / threads - elements * index / threads;
    let mut parts: Vec<Arrays> = (0..threads).map(|_| Arrays::default()).collect();
    // Who first writes to memory has it near.
    share_out(threads, parts.iter_mut().enumerate(), |(index, slot)| *slot = Arrays::new(part(index)))?;
    let (mut best_s, mut mean_s) = ([f64::INFINITY; 4], [0.0; 4]);
    for round in 0..ROUNDS {
        for (index, kernel) in Kernel::ALL.into_iter().enumerate() {
            let start = Instant::now();
            share_out(threads, parts.iter_mut(), |part| part.run(kernel))?;
            let seconds = start.elapsed().as_secs_f64();
            if round > 0 {
                best_s[index] = best_s[index].min(seconds);
                mean_s[index] += seconds / COUNTED_ROUNDS as f64;
            }
        }
    }
    Ok(Bandwidth { elements, best_s, mean_s, error: error(&parts) })
}

/// One thread's part of the three arrays.
#[derive(Default)]
struct Arrays {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Arrays {
    fn new(elements: usize) -> Self {
        let [a, b, c] = FIRST.map(|value| vec![value; elements]);
        Self { a, b, c }
    }

    fn run(&mut self, kernel: Kernel) {
        let Self { a, b, c } = self;
        match kernel {
            Kernel::Copy => c.copy_from_slice(a),
            Kernel::Scale => b.iter_mut().zip(c).for_each(|(b, c)| *b = FACTOR * *c),
            Kernel::Add => c.iter_mut().zip(a).zip(b).for_each(|((c, a), b)| *c = *a + *b),
            Kernel::Triad => a.iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = *b + FACTOR * *c),
        }
    }
}

/// The greatest average relative error of the three arrays.
fn error(parts: &[Arrays]) -> f64 {
    let mut wanted = Arrays::new(1);
    (0..ROUNDS).flat_map(|_| Kernel::ALL).for_each(|kernel| wanted.run(kernel));
    let arrays: [fn(&Arrays) -> &[f64]; 3] = [|part| &part.a, |part| &part.b, |part| &part.c];
    let errors = arrays.map(|array| {
        let wanted = array(&wanted)[0];
        let values = parts.iter().flat_map(array);
        let (sum, count) =
            values.fold((0.0, 0.0), |(sum, count), value| (sum + (value - wanted).abs(), count + 1.0));
        sum / count / wanted
    });
    errors.into_iter().fold(0.0, |worst, error| if error.is_nan() || error > worst { error } else { worst })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loop_has_a_rate_and_the_arrays_are_right() {
        let measured = run(1001, 3).unwrap();
        assert_eq!((measured.elements, measured.error), (1001, 0.0));
        let rates = measured.rates().unwrap();
        assert_eq!(rates.map(|rate| rate.kernel.name()), ["copy", "scale", "add", "triad"]);
        assert!(rates.iter().all(|rate| rate.best.is_finite() && rate.best >= rate.mean * 0.999));
        assert_eq!(rates[3].best, 24.0 * 1001.0 / measured.best_s[3]);
    }

    #[test]
    fn a_wrong_element_fails_and_leaves_no_rate() {
        let mut parts = [Arrays::new(10), Arrays::new(10)];
        for part in &mut parts {
            (0..ROUNDS).flat_map(|_| Kernel::ALL).for_each(|kernel| part.run(kernel));
        }
        assert_eq!(error(&parts), 0.0);
        for wrong in [parts[1].b[3] * 1.001, f64::NAN] {
            parts[1].b[3] = wrong;
            let measured =
                Bandwidth { elements: 20, best_s: [1.0; 4], mean_s: [1.0; 4], error: error(&parts) };
            assert!(!measured.passed() && measured.rates().is_none(), "{measured:?}");
        }
    }

    #[test]
    fn arrays_are_four_times_the_caches_shared_by_the_processes_and_a_million_elements_at_least() {
        assert_eq!(elements(Some(32 << 20), 1, None), 16 << 20);
        assert_eq!(elements(Some(32 << 20), 4, None), 4 << 20);
        assert_eq!(elements(Some(1 << 20), 1, None), 1_000_000);
        assert_eq!(elements(None, 1, None), 10_000_000);
        assert_eq!(elements(None, 1, Some(512 << 20)), 1_000_000);
    }
}
