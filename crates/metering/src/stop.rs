//! The order to stop, which every thread can wait for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by all threads; once given, the order stands.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Gives the order, which wakes every thread that waits.
    pub fn order(&self) {
        let (ordered, changed) = &*self.0;
        *ordered.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether the order was given.
    pub fn ordered(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `deadline` or the order; says whether the order was given.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let (ordered, changed) = &*self.0;
        let guard = ordered.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = deadline.saturating_duration_since(Instant::now());
        let (guard, _) = changed
            .wait_timeout_while(guard, wait, |ordered| !*ordered)
            .unwrap_or_else(PoisonError::into_inner);
        *guard
    }

    /// Waits for this long or the order; says whether the order was given.
    pub fn wait(&self, time: Duration) -> bool {
        self.wait_until(Instant::now() + time)
    }
}
