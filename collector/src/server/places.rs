//! The places for connections: how many there are, who has one, and who gives way when they are all taken.
//!
//! Invariant: there are never more than [`Places::most`] connections that were not told to end, so that neither memory
//! nor file descriptors run out; and a place is found for a newcomer as long as anybody waits for nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, getrlimit};

use super::connection::{Connection, Deadlines, Rank};
use crate::load::{Load, count};

/// Files that everything else has open at most: the store, the journal's segments, wall meters, receivers of alerts.
const OTHER_FILES: u64 = 124;
/// More than this needs a head node that nobody calls small.
const MOST: usize = 10_000;
/// Even a process that may open very few files serves somebody.
const LEAST: usize = 16;

/// As many connections as this process may have files open beside its own, and as have their buffers in so much
/// memory.
pub(super) fn most_connections(memory_bytes: usize, bytes_each: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES);
    let by_files = usize::try_from(files).unwrap_or(usize::MAX);
    by_files.min(memory_bytes / bytes_each).clamp(LEAST, MOST)
}

/// Who is connected.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    deadlines: Deadlines,
    load: Arc<Load>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

/// A connection's place, which is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    places: Arc<Places>,
    connection: Arc<Connection>,
}

impl Places {
    /// So many places, all of them free.
    pub(super) fn new(most: usize, deadlines: Deadlines, load: Arc<Load>) -> Arc<Self> {
        Arc::new(Self { most, deadlines, load, taken: Mutex::default() })
    }

    /// A place for a newcomer. If none is free, somebody who does nothing gives way: the oldest of those who share the
    /// address with most connections. `None` if all are at work.
    pub(super) fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken();
        if taken.connections.len() >= self.most {
            let Some(number) = taken.gives_way() else {
                let refused = count(&self.load.refused);
                // Each time twice as many, so that who fills the places does not fill the log as well.
                if refused.is_power_of_two() {
                    tracing::warn!(
                        refused,
                        "connections are refused: all of {} are being answered",
                        self.most
                    );
                }
                return None;
            };
            if let Some(connection) = taken.connections.remove(&number) {
                connection.shed();
                count(&self.load.shed);
            }
        }
        let connection = Arc::new(Connection::new(peer, self.deadlines, Arc::clone(&self.load)));
        taken.next += 1;
        let number = taken.next;
        taken.connections.insert(number, Arc::clone(&connection));
        self.show(&taken);
        Some(Place { number, places: Arc::clone(self), connection })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, taken: &Taken) {
        self.load.connections.store(taken.connections.len() as u64, Ordering::Relaxed);
    }
}

impl Taken {
    fn gives_way(&self) -> Option<u64> {
        let mut of_peer: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for connection in self.connections.values() {
            *of_peer.entry(connection.peer).or_default() += 1;
        }
        let ranked = self.connections.iter().filter_map(|(number, connection)| {
            let Rank(class, since) = connection.rank()?;
            let alone = usize::MAX - of_peer.get(&connection.peer).copied().unwrap_or_default();
            Some(((class, alone, since), *number))
        });
        ranked.min().map(|(_, number)| number)
    }
}

impl Place {
    /// Whose place it is.
    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.connections.remove(&self.number);
        self.places.show(&taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize) -> Arc<Places> {
        Places::new(most, Deadlines::default(), Arc::default())
    }

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_oldest_idle_one_of_the_greediest_address_gives_way() {
        let places = places(3);
        let alone = places.enter(Some(from(1))).unwrap();
        let greedy = [places.enter(Some(from(2))).unwrap(), places.enter(Some(from(2))).unwrap()];
        let new = places.enter(Some(from(3))).expect("somebody gives way");
        let here = |place: &Place| place.connection().still_here().is_ok();
        assert_eq!([&alone, &greedy[0], &greedy[1], &new].map(here), [true, false, true, true]);
        assert_eq!(places.load.shed.load(Ordering::Relaxed), 1);
        assert_eq!(places.load.connections.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn who_is_being_answered_keeps_the_place_and_it_comes_back_in_the_end() {
        let places = places(1);
        let first = places.enter(None).unwrap();
        first.connection().requested(false);
        assert!(places.enter(None).is_none());
        assert_eq!(places.load.refused.load(Ordering::Relaxed), 1);
        drop(first);
        assert!(places.enter(None).is_some());
    }

    #[test]
    fn the_bound_follows_memory_and_open_files() {
        let files = most_connections(usize::MAX, 1);
        assert!((LEAST..=MOST).contains(&files));
        assert_eq!(most_connections(1000, 50), 20);
        assert_eq!(most_connections(0, 50), LEAST);
    }
}
