//! Time on the node.
//!
//! Samples are taken on the kernel's clock since boot. A wall time is attached to them by an *anchor*:
//! the wall time of the boot. Until the first batch is about to leave, the anchor is provisional (the
//! wall clock at the agent's start, which on a board without a clock of its own may be weeks behind).
//! Then it is settled, once: from the node's own clock if that can be trusted, else from the
//! collector's ([`choose`]). Steps of the wall clock do not touch it. Afterwards it is only steered, so
//! slowly that stamps keep their order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// A node's clock that agrees with the collector's within this much is believed without more ado.
const AGREE_MS: i64 = 2_000;
/// Deviations below this are the network's, not the clock's.
const STEER_FROM_MS: i64 = 20;
/// Stamps are steered by this share of the time at most.
const STEER_SHARE: i64 = 100;

/// Whose clock the stamps follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The node's own clock.
    Node,
    /// The collector's, because the node's cannot be trusted.
    Collector,
}

impl Authority {
    /// The word in the tag `clock`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Collector => "collector",
        }
    }
}

/// How moments become wall times; a copy of it stamps everything of one tick alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Since boot to the agent's start, milliseconds.
    started_ms: i64,
    /// Wall time of the boot, Unix milliseconds.
    pub anchor_ms: i64,
    /// What steering has added since the anchor was settled.
    steered_ms: i64,
    /// Whose clock the anchor was settled by; `None` while it is provisional.
    pub authority: Option<Authority>,
}

impl Stamps {
    /// Of lines that were stamped by an earlier agent, with its anchor in Unix milliseconds; `authority` is
    /// `None` if that anchor was provisional.
    pub fn of_earlier(anchor_ms: i64, authority: Option<Authority>) -> Self {
        Self { started_ms: 0, anchor_ms, steered_ms: 0, authority }
    }

    /// The wall time of a moment, in whole Unix milliseconds.
    pub fn stamp_ms(&self, at: Duration) -> i64 {
        self.epoch_ms(at) + self.steered_ms
    }

    /// The wall time of the beginning of an epoch: never steered, because it is the epoch's name.
    pub fn epoch_ms(&self, at: Duration) -> i64 {
        self.anchor_ms + self.started_ms + millis(at + Duration::from_micros(500))
    }
}

/// The agent's clock; its copies share the anchor.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    stamps: Arc<Mutex<Stamps>>,
}

impl Clock {
    /// Starts now, with the wall clock as the provisional anchor.
    pub fn start() -> Self {
        let started_ms = since_boot_ms();
        let stamps = Stamps { started_ms, anchor_ms: wall_ms() - started_ms, steered_ms: 0, authority: None };
        Self { started: Instant::now(), stamps: Arc::new(Mutex::new(stamps)) }
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The instant of a moment since the start, to wait for.
    pub fn instant(&self, at: Duration) -> Instant {
        self.started + at
    }

    /// How to stamp now.
    pub fn stamps(&self) -> Stamps {
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles the anchor; once settled it stays.
    pub fn settle(&self, anchor_ms: i64, authority: Authority) {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if stamps.authority.is_none() {
            *stamps = Stamps { anchor_ms, authority: Some(authority), ..*stamps };
        }
    }

    /// Brings the stamps nearer to what the authority says the anchor should be: forward at once if they
    /// are seconds behind, otherwise by a hundredth of the time since the last call, so that no stamp
    /// overtakes another.
    pub fn steer(&self, anchor_ms: i64, since_last: Duration) {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let behind_ms = anchor_ms - stamps.anchor_ms - stamps.steered_ms;
        let most = millis(since_last) / STEER_SHARE;
        stamps.steered_ms += match behind_ms {
            _ if behind_ms.abs() < STEER_FROM_MS => 0,
            _ if behind_ms > AGREE_MS => behind_ms,
            _ => behind_ms.clamp(-most, most),
        };
    }
}

/// What an exchange with a collector says of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// The collector's time in its answer, Unix milliseconds.
    pub collector_ms: i64,
    /// The node's wall clock when the answer came, Unix milliseconds.
    pub node_ms: i64,
    /// The node's clock since boot then, milliseconds.
    pub since_boot_ms: i64,
    /// Time from the question to the answer, milliseconds.
    pub round_trip_ms: i64,
}

impl Exchange {
    /// Of an answer that has just come.
    pub fn now(collector_ms: i64, round_trip: Duration) -> Self {
        let (node_ms, since_boot_ms) = (wall_ms(), since_boot_ms());
        Self { collector_ms, node_ms, since_boot_ms, round_trip_ms: millis(round_trip) }
    }
}

/// Whose clock to follow, and the anchor by it: the node's if the kernel calls it synchronised or if it
/// agrees with the collector's within two seconds, otherwise the collector's.
pub fn choose(exchange: Exchange, node_synchronised: bool) -> (i64, Authority) {
    let collector_now_ms = exchange.collector_ms + exchange.round_trip_ms / 2;
    let agrees = (exchange.node_ms - collector_now_ms).abs() <= AGREE_MS;
    if node_synchronised || agrees {
        (exchange.node_ms - exchange.since_boot_ms, Authority::Node)
    } else {
        (collector_now_ms - exchange.since_boot_ms, Authority::Collector)
    }
}

/// The node's own clock as an exchange with itself, for a target that does not tell the time.
pub fn alone() -> Exchange {
    let node_ms = wall_ms();
    Exchange { collector_ms: node_ms, node_ms, since_boot_ms: since_boot_ms(), round_trip_ms: 0 }
}

fn since_boot_ms() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

fn wall_ms() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEKS_MS: i64 = 3 * 7 * 24 * 3600 * 1000;

    fn exchange(node_ms: i64) -> Exchange {
        Exchange { collector_ms: 1_000_000_000, node_ms, since_boot_ms: 60_000, round_trip_ms: 40 }
    }

    #[test]
    fn a_node_that_is_weeks_behind_follows_the_collector() {
        let behind = exchange(1_000_000_000 - WEEKS_MS);
        assert_eq!(choose(behind, false), (1_000_000_020 - 60_000, Authority::Collector));
        // The kernel's word is enough: then the collector is the one that is wrong.
        assert_eq!(choose(behind, true), (behind.node_ms - 60_000, Authority::Node));
    }

    #[test]
    fn a_machine_that_says_unsynchronised_for_ever_is_believed_when_it_agrees() {
        let agrees = exchange(1_000_000_000 + 1_500);
        assert_eq!(choose(agrees, false), (agrees.node_ms - 60_000, Authority::Node));
    }

    #[test]
    fn the_anchor_is_settled_once_and_moves_everything_alike() {
        let clock = Clock::start();
        let (first, second) = (Duration::from_secs(1), Duration::from_millis(2_500));
        let provisional = clock.stamps();
        clock.settle(provisional.anchor_ms + WEEKS_MS, Authority::Collector);
        clock.settle(0, Authority::Node);
        let settled = clock.stamps();
        assert_eq!(settled.authority, Some(Authority::Collector));
        assert_eq!(settled.stamp_ms(first) - provisional.stamp_ms(first), WEEKS_MS);
        assert_eq!(settled.stamp_ms(second) - settled.stamp_ms(first), 1_500);
    }

    #[test]
    fn steering_is_slow_backwards_at_once_forwards_and_never_renames_an_epoch() {
        let clock = Clock::start();
        let anchor_ms = clock.stamps().anchor_ms;
        clock.settle(anchor_ms, Authority::Node);
        let second = Duration::from_secs(1);
        let stamp = || clock.stamps().stamp_ms(second);
        let (before, epoch) = (stamp(), clock.stamps().epoch_ms(second));
        clock.steer(anchor_ms - 500, second);
        assert_eq!(stamp() - before, -10);
        clock.steer(anchor_ms + 5, second);
        assert_eq!(stamp() - before, -10, "fifteen milliseconds are the network's");
        clock.steer(anchor_ms + 9_000, second);
        assert_eq!(stamp() - before, 9_000);
        assert_eq!(clock.stamps().epoch_ms(second), epoch);
    }
}
