//! Time on the node: samples are taken on the monotonic clock; the wall clock is asked once, at the
//! start, so that a step of the wall clock neither loses nor misorders samples.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The agent's clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_wall_ms: i64,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self { started: Instant::now(), started_wall_ms: wall_ms() }
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The wall time of a moment since the start, in whole Unix milliseconds.
    pub fn stamp_ms(&self, at: Duration) -> i64 {
        let ms = (at + Duration::from_micros(500)).as_millis();
        self.started_wall_ms + i64::try_from(ms).unwrap_or(i64::MAX / 2)
    }

    /// The instant of a moment since the start, to wait for.
    pub fn instant(&self, at: Duration) -> Instant {
        self.started + at
    }
}

fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX / 2)
}
