//! The stream that keeps pages live (server-sent events): one reading a second for all viewers, of which each gets what
//! has changed.
//!
//! An event is JSON: `of` names its topic (`cluster`, or `node.` and the node's name), `shape` the page that it fits,
//! `t` the moment (Unix milliseconds), `every` how long until the next (milliseconds), and `set` the content of each slot
//! that changed, made and escaped by what made the page. The first event of a topic has all of them.
//!
//! Invariants: there are never more than `most` streams, whatever else is connected; with none open nothing is read; a
//! stream ends at the first reading after its session did.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use picollect_settings::hex;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::{broadcast, watch};

use crate::answer::Failure;
use crate::picture::{Picture, Pictures};
use crate::visitor::Visitor;
use crate::{Page, assets, cluster, node};

/// What of a page moves, by key.
pub(crate) type Slots = BTreeMap<String, String>;

/// Between two readings of up to [`FEW`] nodes; of more it is longer.
const TICK: Duration = Duration::from_secs(1);
const FEW: usize = 200;
const SLOWEST: Duration = Duration::from_secs(10);
/// Topics of a stream: tabs of one browser.
const MOST_TOPICS: usize = 12;
/// Readings that a slow viewer may be behind; then it gets all slots anew.
const BEHIND: usize = 4;

/// What a page that is shaped so has to know: other nodes, or another version of the program, make another page.
pub(crate) fn shape(names: &[&str]) -> String {
    let text = format!("{}\n{}\n{}", env!("CARGO_PKG_VERSION"), assets::address("page.js"), names.join("\n"));
    hex(&Sha256::digest(text.as_bytes()))[..12].to_owned()
}

/// What a stream is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Cluster,
    Node(String),
}

impl Topic {
    fn of(name: &str) -> Option<Self> {
        match name.strip_prefix("node.") {
            Some(host) => Some(Self::Node(host.to_owned())),
            None => (name == "cluster").then_some(Self::Cluster),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Cluster => "cluster".to_owned(),
            Self::Node(host) => format!("node.{host}"),
        }
    }

    /// Shape and slots; `None` if there is nothing to show.
    fn slots(&self, picture: &Picture) -> Option<(String, Slots)> {
        match self {
            Self::Cluster => Some((
                shape(&cluster::names(picture)),
                if picture.nodes.is_empty() { Slots::new() } else { cluster::slots(picture) },
            )),
            Self::Node(host) => {
                let found = picture.nodes.iter().find(|node| node.host == *host)?;
                Some((shape(&[host]), node::slots(picture, found)))
            }
        }
    }
}

/// A reading as it is sent.
#[derive(Debug, Default)]
struct Tick {
    /// Of each topic that somebody watches: what changed, and everything.
    of: BTreeMap<Topic, (Bytes, Bytes)>,
}

/// Who watches, and what they are sent.
pub(crate) struct Live {
    most: usize,
    open: AtomicUsize,
    watched: Mutex<BTreeMap<Topic, usize>>,
    ticks: broadcast::Sender<Arc<Tick>>,
    /// Whether somebody reads for all.
    reading: Mutex<bool>,
}

impl Live {
    pub(crate) fn new(most: usize) -> Self {
        let (open, watched, reading) = (AtomicUsize::new(0), Mutex::default(), Mutex::new(false));
        Self { most, open, watched, ticks: broadcast::Sender::new(BEHIND), reading }
    }

    fn watched(&self) -> BTreeSet<Topic> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// A viewer, who is no longer counted when this is dropped.
struct Viewer {
    page: Arc<Page>,
    visitor: Visitor,
    topics: BTreeSet<Topic>,
    ticks: broadcast::Receiver<Arc<Tick>>,
    closing: watch::Receiver<bool>,
    /// Whether everything is sent the next time.
    anew: bool,
    ended: bool,
}

impl Viewer {
    /// `None` if there are as many as there may be.
    fn enter(page: &Arc<Page>, visitor: Visitor, topics: BTreeSet<Topic>) -> Option<Self> {
        let live = &page.live;
        let place = |open: usize| (open < live.most).then_some(open + 1);
        live.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place).ok()?;
        let mut watched = live.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in &topics {
            *watched.entry(topic.clone()).or_insert(0) += 1;
        }
        drop(watched);
        let ticks = live.ticks.subscribe();
        let closing = page.site.door().closing();
        let viewer =
            Self { page: Arc::clone(page), visitor, topics, ticks, closing, anew: true, ended: false };
        start_reading(page);
        Some(viewer)
    }

    /// What is sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let tick = tokio::select! {
            tick = self.ticks.recv() => tick,
            _ = self.closing.wait_for(|closing| *closing) => return None,
        };
        if !self.visitor.is_still_in(&self.page) {
            self.ended = true;
            return Some(Bytes::from_static(b"event: out\ndata: {}\n\n"));
        }
        let tick = match tick {
            Ok(tick) => tick,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.anew = true;
                return Some(Bytes::from_static(b":\n\n"));
            }
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        let mut all = Vec::new();
        for topic in &self.topics {
            let Some((changed, whole)) = tick.of.get(topic) else { continue };
            all.extend_from_slice(if self.anew { whole } else { changed });
        }
        // Before the reading that knows of this viewer there may be nothing for it.
        self.anew = self.anew && all.is_empty();
        if all.is_empty() { Some(Bytes::from_static(b":\n\n")) } else { Some(all.into()) }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let live = &self.page.live;
        live.open.fetch_sub(1, Ordering::Relaxed);
        let mut watched = live.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in &self.topics {
            if let Some(count) = watched.get_mut(topic) {
                *count -= 1;
            }
        }
        watched.retain(|_, count| *count > 0);
    }
}

/// Has somebody read for all, until nobody watches any more.
fn start_reading(page: &Arc<Page>) {
    let mut reading = page.live.reading.lock().unwrap_or_else(PoisonError::into_inner);
    if !*reading {
        *reading = true;
        tokio::spawn(read_for_all(Arc::clone(page)));
    }
}

async fn read_for_all(page: Arc<Page>) {
    let mut before: BTreeMap<Topic, Slots> = BTreeMap::new();
    loop {
        let began = tokio::time::Instant::now();
        let topics = page.live.watched();
        {
            // Under this lock, so that who comes now starts it again.
            let mut reading = page.live.reading.lock().unwrap_or_else(PoisonError::into_inner);
            if page.live.watched().is_empty() {
                *reading = false;
                return;
            }
        }
        let mut every = TICK;
        // What could not be read was said in the log; viewers see that nothing comes.
        if let Ok(picture) = Pictures::now(&page).await {
            every = pace(picture.nodes.len());
            before.retain(|topic, _| topics.contains(topic));
            let of = topics.iter().map(|topic| (topic.clone(), event(topic, &picture, every, &mut before)));
            let tick = Tick { of: of.collect() };
            // Nobody may have stayed to hear it.
            let _ = page.live.ticks.send(Arc::new(tick));
        }
        tokio::time::sleep_until(began + every).await;
    }
}

/// How often so many nodes are read.
fn pace(nodes: usize) -> Duration {
    let times = u32::try_from(nodes.div_ceil(FEW).max(1)).unwrap_or(u32::MAX);
    TICK.saturating_mul(times).min(SLOWEST)
}

/// What changed of a topic, and all of it.
fn event(
    topic: &Topic,
    picture: &Picture,
    every: Duration,
    before: &mut BTreeMap<Topic, Slots>,
) -> (Bytes, Bytes) {
    let (shape, slots) = topic.slots(picture).unwrap_or_default();
    let write = |set: &BTreeMap<&String, &String>| {
        let of = topic.name();
        let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        let event = json!({ "of": of, "shape": shape, "t": picture.at_ms, "every": every, "set": set });
        Bytes::from(format!("data: {event}\n\n"))
    };
    let old = before.get(topic);
    let is_new = |(key, value): &(&String, &String)| old.is_none_or(|old| old.get(*key) != Some(*value));
    let both = (write(&slots.iter().filter(is_new).collect()), write(&slots.iter().collect()));
    before.insert(topic.clone(), slots);
    both
}

/// A stream of the topics that are named by `of`, several of them separated by commas in their escaped form.
pub(crate) async fn stream(
    State(page): State<Arc<Page>>,
    visitor: Visitor,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let named = query.iter().filter(|(key, _)| key == "of");
    let topics: Option<BTreeSet<Topic>> = named.map(|(_, name)| Topic::of(name)).collect();
    let topics = topics.filter(|topics| (1..=MOST_TOPICS).contains(&topics.len()));
    let Some(topics) = topics else {
        let sentence = format!("A stream is of one to {MOST_TOPICS} topics: of=cluster, of=node.NAME.");
        return Err(Failure::new(StatusCode::BAD_REQUEST, sentence));
    };
    let Some(viewer) = Viewer::enter(&page, visitor, topics) else {
        let sentence = "As many pages are live as this collector keeps live. This one is as it was when it was loaded; it tries again.";
        let mut answer = (StatusCode::SERVICE_UNAVAILABLE, sentence).into_response();
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return Ok(answer);
    };
    let begin = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"retry: 2000\n\n")) });
    let events = stream::unfold(viewer, |mut viewer| async move { Some((Ok(viewer.next().await?), viewer)) });
    let body = Body::from_stream(stream::StreamExt::chain(begin, events));
    Ok(([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")], body)
        .into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_the_cluster_or_a_node() {
        assert_eq!(Topic::of("cluster"), Some(Topic::Cluster));
        assert_eq!(Topic::of("node.pi,1"), Some(Topic::Node("pi,1".into())));
        assert_eq!(Topic::of("other"), None);
        assert_eq!(Topic::of("node.a").unwrap().name(), "node.a");
    }

    #[test]
    fn many_nodes_are_read_less_often() {
        assert_eq!(
            [0, 20, 200, 201, 1000, 1_000_000].map(pace),
            [1, 1, 1, 2, 5, 10].map(Duration::from_secs)
        );
    }

    #[test]
    fn another_cluster_is_another_page() {
        assert_eq!(shape(&["a", "b"]), shape(&["a", "b"]));
        assert_ne!(shape(&["a", "b"]), shape(&["a"]));
    }
}
