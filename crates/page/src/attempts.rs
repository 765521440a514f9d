//! Wrong logins in a minute: after some, an address has to wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Wrong logins of one address in a minute.
const MOST_OF_ONE: u32 = 5;
/// And of all addresses together; nobody guesses one of 2²⁵⁶ tokens at this rate.
const MOST_OF_ALL: u32 = 60;
const MINUTE_MS: i64 = 60_000;

/// Counts them; what is a minute old is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    since_ms: i64,
    all: u32,
    of: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// How many wrong ones this address still has in this minute.
    pub(crate) fn left(&self, from: IpAddr, now_ms: i64) -> u32 {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !(minute.since_ms..minute.since_ms + MINUTE_MS).contains(&now_ms) {
            *minute = Minute { since_ms: now_ms, ..Minute::default() };
        }
        let own = minute.of.get(&network(from)).copied().unwrap_or(0);
        MOST_OF_ONE.saturating_sub(own).min(MOST_OF_ALL.saturating_sub(minute.all))
    }

    /// One was wrong; how many are left.
    pub(crate) fn wrong(&self, from: IpAddr, now_ms: i64) -> u32 {
        self.left(from, now_ms);
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        minute.all += 1;
        *minute.of.entry(network(from)).or_insert(0) += 1;
        drop(minute);
        self.left(from, now_ms)
    }
}

/// Who has an address of IPv6 has 2⁶⁴ of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        },
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_ones_of_an_address_are_all_for_a_minute_and_others_may_go_on() {
        let (attempts, one, other) = (Attempts::default(), [192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let left: Vec<u32> = (0..6).map(|_| attempts.wrong(one, 0)).collect();
        assert_eq!(left, [4, 3, 2, 1, 0, 0]);
        assert_eq!((attempts.left(one, MINUTE_MS - 1), attempts.left(other, 0)), (0, 5));
        assert_eq!(attempts.left(one, MINUTE_MS), 5);
    }

    #[test]
    fn many_addresses_together_are_slowed_down_too_and_those_of_one_network_count_as_one() {
        let attempts = Attempts::default();
        for last in 0..60 {
            attempts.wrong([192, 0, 2, last].into(), 0);
        }
        assert_eq!(attempts.left([198, 51, 100, 1].into(), 0), 0);
        let attempts = Attempts::default();
        for last in 0..5 {
            attempts.wrong(format!("2001:db8::{last}").parse().unwrap(), 0);
        }
        assert_eq!(attempts.left("2001:db8::ffff".parse().unwrap(), 0), 0);
        assert_eq!(attempts.left("2001:db8:0:1::1".parse().unwrap(), 0), 5);
    }
}
