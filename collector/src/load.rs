//! What the server had to turn away or to end, counted for the page of metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start, and how many connections there are now.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Connections that are open.
    pub(crate) connections: AtomicU64,
    /// Connections closed unread: all others were at work.
    pub(crate) refused: AtomicU64,
    /// Connections closed because another one wanted their place, those that did nothing first.
    pub(crate) shed: AtomicU64,
    /// Connections closed because no request came on them for a minute, as is usual.
    pub(crate) idle_timeouts: AtomicU64,
    /// Connections closed because the handshake or the head of a request did not come in time.
    pub(crate) head_timeouts: AtomicU64,
    /// Connections closed because a body did not come, or too slowly.
    pub(crate) body_timeouts: AtomicU64,
    /// Connections closed because an answer was not read, or too slowly.
    pub(crate) answer_timeouts: AtomicU64,
    /// Requests answered with "come back": no memory or no turn was free.
    pub(crate) busy: AtomicU64,
}

/// One more; says how many it were with it.
pub(crate) fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}
