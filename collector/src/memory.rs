//! What the whole process may take, shared out: so much to bodies that come in, so much to answers.
//!
//! Everything large that a request makes is on a [`Share`]: a body while it arrives, the samples that an answer reads,
//! an answer's text until its last byte is sent, however slowly somebody reads it. Who finds no room within
//! [`PATIENCE`] is asked to come back.
//!
//! Invariant: what is shared out, what connections may buffer and what the rest of the process takes together are no
//! more than `[limits] memory_mib`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const MIB: usize = 1024 * 1024;
/// What the process takes without any request: the program, the store's buffers, what a body is while it is taken in.
const AT_REST: usize = 112 * MIB;
/// A body may have this size, as received and decompressed: an hour of a node's samples.
pub(crate) const MAX_BODY_BYTES: usize = 10 * MIB;
/// Bodies that are decompressed and read at once; what that takes is in [`AT_REST`].
const TURNS_OF_BODIES: usize = 2;
/// Queries of Prometheus' API under way at once.
const TURNS_OF_QUERIES: usize = 2;
/// Reports and other pages under way at once: a short one need not wait for two long ones.
const TURNS_OF_PAGES: usize = 4;
/// What a page begins with.
const BEGINNING_OF_PAGE: usize = MIB;
/// Who waits longer for a turn is asked to come back: as long as a query may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A page that finds no memory waits so long for what others give back.
const PATIENCE_OF_PAGE: Duration = Duration::from_secs(10);
/// Of what answers have, one part in so many is for pages alone: somebody who looks at the nodes need not wait for two
/// long queries.
const PART_OF_PAGES: usize = 8;
/// Memory is shared out in such pieces.
const PIECE: usize = 1024;

/// No room or no turn was free in time; there may be later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// Why a page cannot take more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Others have it; later there may be room.
    Now,
    /// It would be more than a page may have, which is so many bytes.
    Always(usize),
}

/// How the process' memory is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Division {
    /// What connections may buffer.
    pub(crate) connections: usize,
    /// Bodies that arrive or wait for their turn.
    bodies: usize,
    /// Everything that answers take.
    answers: usize,
}

impl Division {
    /// Divides so many bytes; how little they may be is what the configuration says.
    fn of(all: usize) -> Self {
        let connections = all / 8;
        let rest = all.saturating_sub(AT_REST + connections).max(16 * MIB);
        Self { connections, bodies: rest / 4, answers: rest - rest / 4 }
    }
}

/// The memory for requests.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) division: Division,
    answers: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    scrapes: Arc<Semaphore>,
    taking_in: Semaphore,
    bodies: Arc<Bodies>,
    /// What one query may take, its text included.
    one_query: usize,
    patience: Duration,
}

impl Memory {
    /// Shares out so many mebibytes. A query takes what is configured for it, `wanted_mib`, or its part of what answers
    /// have together.
    pub(crate) fn new(all_mib: u64, wanted_mib: usize) -> Self {
        let all = usize::try_from(all_mib).unwrap_or(usize::MAX).saturating_mul(MIB);
        let division = Division::of(all);
        let of_queries = division.answers - division.answers / PART_OF_PAGES;
        let one_query = wanted_mib.saturating_mul(MIB).min(of_queries / TURNS_OF_QUERIES);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            division,
            answers: semaphore(pieces(division.answers) as usize),
            queries: semaphore(TURNS_OF_QUERIES),
            pages: semaphore(TURNS_OF_PAGES),
            scrapes: semaphore(1),
            taking_in: Semaphore::new(TURNS_OF_BODIES),
            bodies: Arc::new(Bodies::new(division.bodies)),
            one_query,
            patience: PATIENCE,
        }
    }

    /// What one query may take in bytes, its text included.
    pub(crate) fn one_query(&self) -> usize {
        self.one_query
    }

    /// A query's turn with the memory for it.
    pub(crate) async fn query(&self) -> Result<Share, Busy> {
        self.share(&self.queries, self.one_query, self.one_query).await
    }

    /// The turn of a report or another page, which takes memory as it goes.
    pub(crate) async fn page(&self) -> Result<Share, Busy> {
        self.share(&self.pages, BEGINNING_OF_PAGE, self.division.answers - self.one_query).await
    }

    /// The turn of a page of metrics: one is made at a time.
    pub(crate) async fn scrape(&self) -> Result<Share, Busy> {
        self.share(&self.scrapes, BEGINNING_OF_PAGE, self.division.answers - self.one_query).await
    }

    async fn share(&self, turns: &Arc<Semaphore>, bytes: usize, most: usize) -> Result<Share, Busy> {
        let both = async {
            let turn = Arc::clone(turns).acquire_owned().await.ok()?;
            let memory = Arc::clone(&self.answers).acquire_many_owned(pieces(bytes)).await.ok()?;
            Some(Share { memory, most, patience: self.patience.min(PATIENCE_OF_PAGE), turn: Some(turn) })
        };
        timeout(self.patience, both).await.ok().flatten().ok_or(Busy)
    }

    /// A body that begins to arrive with this token.
    pub(crate) fn body(&self, token: &str) -> Arriving {
        Arriving { bodies: Arc::clone(&self.bodies), token: token.to_owned(), bytes: 0 }
    }

    /// A turn of reading a body that is there.
    pub(crate) async fn taking_in(&self) -> Result<impl Drop, Busy> {
        timeout(self.patience, self.taking_in.acquire()).await.ok().and_then(Result::ok).ok_or(Busy)
    }
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

/// Memory that an answer has.
#[derive(Debug)]
pub(crate) struct Share {
    memory: OwnedSemaphorePermit,
    most: usize,
    patience: Duration,
    /// Until the answer is made.
    turn: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes so many bytes more, and waits a while for them. Blocks: not for where others are served.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        if bytes.saturating_add(self.memory.num_permits() * PIECE) > self.most {
            return Err(Full::Always(self.most));
        }
        let all = Arc::clone(self.memory.semaphore());
        let more = match all.try_acquire_many_owned(pieces(bytes)) {
            Ok(more) => more,
            Err(_) => self.waited_for(bytes).ok_or(Full::Now)?,
        };
        self.memory.merge(more);
        Ok(())
    }

    fn waited_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let all = Arc::clone(self.memory.semaphore());
        let more = timeout(self.patience, all.acquire_many_owned(pieces(bytes)));
        Handle::current().block_on(more).ok()?.ok()
    }

    /// The text of the answer; what it does not need of the share is given back now, the rest when the last byte of it
    /// is sent.
    pub(crate) fn holding(mut self, text: impl Into<Vec<u8>>) -> Bytes {
        drop(self.turn.take());
        let text = text.into();
        // A text that is longer than expected is there already; what can be had for it keeps others from as much.
        let short = text.capacity().saturating_sub(self.memory.num_permits() * PIECE);
        let all = Arc::clone(self.memory.semaphore());
        if let Ok(more) = all.try_acquire_many_owned(pieces(short)) {
            self.memory.merge(more);
        }
        let needless = self.memory.num_permits().saturating_sub(pieces(text.capacity()) as usize);
        drop(self.memory.split(needless));
        Bytes::from_owner(Held { text, _share: self })
    }
}

struct Held {
    text: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// What bodies take together, and each token's bodies.
#[derive(Debug)]
struct Bodies {
    /// All tokens together.
    most: usize,
    /// One token's: as much as the largest body, so that it can be sent, and else a quarter.
    most_of_one: usize,
    taken: Mutex<(usize, HashMap<String, usize>)>,
}

impl Bodies {
    fn new(most: usize) -> Self {
        Self { most, most_of_one: (most / 4).max(MAX_BODY_BYTES), taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, (usize, HashMap<String, usize>)> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that arrives, with what it takes; all of it is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Arriving {
    bodies: Arc<Bodies>,
    token: String,
    bytes: usize,
}

impl Arriving {
    /// Takes so many bytes more, if they are there.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Busy> {
        let mut taken = self.bodies.taken();
        let (all, of_token) = &mut *taken;
        let own = of_token.get(&self.token).copied().unwrap_or_default() + bytes;
        if *all + bytes > self.bodies.most || own > self.bodies.most_of_one {
            return Err(Busy);
        }
        *all += bytes;
        of_token.insert(self.token.clone(), own);
        self.bytes += bytes;
        Ok(())
    }

    /// Gives everything back.
    pub(crate) fn clear(&mut self) {
        let mut taken = self.bodies.taken();
        let (all, of_token) = &mut *taken;
        *all -= self.bytes;
        if let Some(own) = of_token.get_mut(&self.token) {
            *own -= self.bytes;
            if *own == 0 {
                of_token.remove(&self.token);
            }
        }
        self.bytes = 0;
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_no_more_than_the_whole() {
        for mib in [192, 256, 512, 2048] {
            let Division { connections, bodies, answers } = Division::of(mib * MIB);
            assert!(connections + bodies + answers + AT_REST <= mib * MIB, "{mib}");
            assert!(bodies >= MAX_BODY_BYTES, "the largest body has room: {mib}");
        }
    }

    fn at_once(mib: u64) -> Memory {
        Memory { patience: Duration::ZERO, ..Memory::new(mib, 512) }
    }

    #[tokio::test]
    async fn a_query_holds_its_text_until_it_is_sent_and_its_turn_until_it_is_made() {
        let memory = at_once(192);
        let (one, two) = (memory.query().await.unwrap(), memory.query().await.unwrap());
        assert!(memory.query().await.is_err(), "a third one waits, and is asked to come back");
        let free = || memory.answers.available_permits();
        let (all, of_query) = (pieces(memory.division.answers) as usize, pieces(memory.one_query) as usize);
        let text = one.holding(vec![b'x'; 5000]);
        assert_eq!(free(), all - of_query - 5);
        drop(two);
        assert!(memory.query().await.is_ok(), "its turn came back");
        let part = text.slice(..10);
        drop(text);
        assert_eq!(free(), all - 5);
        drop(part);
        assert_eq!(free(), all);
    }

    /// As a thread that makes a page grows it.
    async fn grown(mut page: Share, bytes: usize) -> (Share, Result<(), Full>) {
        let growing = tokio::task::spawn_blocking(move || {
            let grown = page.grow(bytes);
            (page, grown)
        });
        growing.await.unwrap()
    }

    #[tokio::test]
    async fn a_page_grows_and_leaves_room_for_a_query() {
        let memory = at_once(192);
        let most = memory.division.answers - memory.one_query;
        let (page, too_much) = grown(memory.page().await.unwrap(), most).await;
        assert_eq!(too_much, Err(Full::Always(most)));
        let (page, all) = grown(page, most - BEGINNING_OF_PAGE).await;
        assert_eq!(all, Ok(()));
        let query = memory.query().await.expect("there is room for it");
        assert!(memory.page().await.is_err());
        drop(query);
        let (_one, first) = grown(memory.page().await.unwrap(), most / 2).await;
        let (_two, second) = grown(memory.page().await.unwrap(), most / 2).await;
        drop(page);
        assert_eq!([first, second], [Ok(()), Err(Full::Now)]);
    }

    #[tokio::test]
    async fn two_queries_leave_a_part_for_pages_and_a_page_that_needs_more_waits_for_them() {
        let memory = at_once(256);
        let (one, two) = (memory.query().await.unwrap(), memory.query().await.unwrap());
        let mut page = memory.page().await.expect("there is room for it");
        page.patience = Duration::from_secs(3600);
        let waits = grown(page, memory.division.answers / 4);
        tokio::pin!(waits);
        let waited = timeout(Duration::from_millis(1), &mut waits).await;
        assert!(waited.is_err(), "two queries have it");
        drop((one, two));
        assert_eq!(waits.await.1, Ok(()));
    }

    #[test]
    fn the_bodies_of_one_token_leave_room_for_the_others() {
        let memory = Memory::new(512, 512);
        let mut greedy: Vec<_> = std::iter::repeat_with(|| memory.body("greedy")).take(100).collect();
        let grown = greedy.iter_mut().filter_map(|body| body.grow(MIB).ok()).count();
        let most = memory.bodies.most / 4;
        assert_eq!(grown, most / MIB);
        let mut other = memory.body("other");
        assert_eq!(other.grow(MAX_BODY_BYTES), Ok(()));
        assert_eq!(memory.body("greedy").grow(MIB), Err(Busy));
        drop((greedy, other));
        assert_eq!(*memory.bodies.taken(), (0, HashMap::new()));
    }
}
