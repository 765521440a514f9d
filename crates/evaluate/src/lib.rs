//! Series in, verdicts out: what a window's samples say about energy, efficiency and throttling.
//!
//! Invariant: pure functions. No I/O, no clock; what is unknown comes out as `None`, never as zero.

pub mod accuracy;
pub mod advice;
pub mod alert_rules;
pub mod balance;
pub mod benchmarks;
pub mod cluster;
pub mod cost;
pub mod efficiency;
pub mod energy;
pub mod methodology;
pub mod power;
pub mod presence;
pub mod references;
pub mod scaling;
pub mod series;
mod statistics;
pub mod thermal;
pub mod throttle;
pub mod wall_log;

/// A time interval that an answer is about: from `start_ms` to `end_ms`, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub start_ms: i64,
    /// Its end; not before the beginning.
    pub end_ms: i64,
}

impl Window {
    /// Its length in seconds.
    pub fn seconds(self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1000.0
    }
}

/// After this many missing samples the time between two samples is a gap: it is not bridged.
pub const GAP_INTERVALS: f64 = 3.0;
