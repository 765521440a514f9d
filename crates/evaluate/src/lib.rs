//! Series in, verdicts out: what a window's samples say about energy, efficiency and throttling.
//!
//! ```
//! use picollect_evaluate::Window;
//! use picollect_evaluate::benchmarks::placement::{Timed, within};
//! use picollect_evaluate::benchmarks::recognise;
//! use picollect_evaluate::efficiency::rate_per_w;
//! use picollect_evaluate::energy::of_watts;
//! use picollect_evaluate::series::Sample;
//!
//! // What HPL printed; its last line came in 100 s after the run began.
//! let output = "WR00L2L2   20000  128  2  2   90.00   5.0000e+01\n\
//!     ||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)=   0.0034 ...... PASSED\n";
//! let run = Window { start_ms: 0, end_ms: 101_000 };
//! let result = &recognise(output)[0];
//! let placement = within(run, &[Timed { outcome: result, arrival_ms: Some(100_000) }]);
//! let core = placement.results[0].as_ref().expect("it says how long it computed");
//! assert_eq!(core.window, Window { start_ms: 10_000, end_ms: 100_000 });
//!
//! // A meter's watts, once a second: 2 W at first, 5 W while the node computes.
//! let watts = |second| if second < 10 { 2.0 } else { 5.0 };
//! let samples: Vec<Sample> =
//!     (0..=101).map(|second| Sample { t_ms: second * 1000, value: watts(second) }).collect();
//! let energy = of_watts(&samples, core.window, 1.0).expect("samples in the window");
//! assert_eq!((energy.joules, energy.coverage(core.window)), (450.0, Some(1.0)));
//!
//! let mean_w = energy.mean_w().expect("it covers some time");
//! let flops = result.rate.expect("its residual passed");
//! assert_eq!(rate_per_w(flops, mean_w), Some(10e9), "10 GFLOPS/W");
//! ```
//!
//! Invariant: pure functions. No I/O, no clock; what is unknown comes out as `None`, never as zero.

pub mod accuracy;
pub mod advice;
pub mod alert_rules;
pub mod balance;
pub mod benchmarks;
pub mod cluster;
pub mod cooling;
pub mod cost;
pub mod diagnosis;
pub mod efficiency;
pub mod energy;
pub mod flash_life;
pub mod learnt_power;
pub mod methodology;
pub mod nameplate;
pub mod numbers;
pub mod power;
pub mod presence;
pub mod references;
pub mod scaling;
pub mod series;
pub mod speakers;
mod statistics;
pub mod thermal;
pub mod thermometer;
pub mod throttle;
mod timestamp;
pub mod wall_log;

/// A time interval that an answer is about: from `start_ms` to `end_ms`, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first millisecond in it.
    pub start_ms: i64,
    /// Its end; not before the beginning.
    pub end_ms: i64,
}

impl Window {
    /// Its length in seconds.
    pub fn seconds(self) -> f64 {
        self.end_ms.saturating_sub(self.start_ms) as f64 / 1000.0
    }
}

/// A number of milliseconds that came through a float.
#[expect(clippy::cast_possible_truncation, reason = "Unix milliseconds are far below 2^53")]
pub fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// After this many missing samples the time between two samples is a gap: it is not bridged.
pub const GAP_INTERVALS: f64 = 3.0;
