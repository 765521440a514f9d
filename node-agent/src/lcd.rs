//! The panel on this node: what it is told ([`PanelFeed`]), what it says of that ([`face`]), and how that gets onto
//! the bus between the meters' readings ([`panel`]), or to the driver of the kernel that has the panel
//! ([`char_device`]). What a page looks like is the crate `picollect-lcd`'s.

pub mod addresses;
pub mod backlight;
pub mod char_device;
pub mod face;
pub mod frames;
pub mod local_time;
pub mod panel;
pub mod trial;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use picollect_telemetry::summary::Summary;

use picollect_sensors::status::Status;

/// What the sampler and the push say and the panel's thread reads: only the latest of each is kept, so that
/// nobody waits and nothing grows.
#[derive(Debug, Clone, Default)]
pub struct PanelFeed(Arc<Mutex<Latest>>);

/// The latest of everything.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    /// The last sample and when it was taken.
    pub sample: Option<(Duration, Status)>,
    /// How many samples there were.
    pub samples: u64,
    /// Whether the last delivery arrived; `None` before the first.
    pub delivered: Option<bool>,
    /// The collector's last summary and when it came.
    pub summary: Option<(Duration, Summary)>,
}

impl PanelFeed {
    /// A sample was taken at this moment of the agent's clock. Allocates nothing.
    pub fn sampled(&self, at: Duration, status: &Status) {
        let mut latest = self.lock();
        latest.sample = Some((at, *status));
        latest.samples += 1;
    }

    /// A delivery has arrived, or has not.
    pub fn delivered(&self, arrived: bool) {
        self.lock().delivered = Some(arrived);
    }

    /// The collector's summary came at this moment.
    pub fn summarised(&self, at: Duration, summary: Summary) {
        self.lock().summary = Some((at, summary));
    }

    /// The latest of everything.
    pub fn latest(&self) -> Latest {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
