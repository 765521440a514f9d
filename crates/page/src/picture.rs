//! The cluster at a moment, read once for all who look at it within a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use picollect_analysis::nodes::{Node, observe};
use picollect_analysis::request::{RequestError, Sources};
use picollect_query::{last_of, latest, power_meters};
use picollect_store::{Store, StoreError};
use picollect_telemetry::catalogue::{CLUSTER, NODE_INFO};
use picollect_telemetry::summary::Summary;
use tokio::sync::Mutex;

use crate::answer::Failure;
use crate::hour::Hour;
use crate::{Page, Site};

/// A picture is shown again for so long, a little less than a tick.
const FRESH: Duration = Duration::from_millis(900);
/// The hour is read again after so long, or after so many times what reading it took.
const HOUR_FRESH: Duration = Duration::from_secs(30);
const HOUR_COST: u32 = 20;
/// A reading of a meter at the wall that is older is not of now.
const WALL_FRESH_MS: i64 = 30_000;

/// The cluster at a moment.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
    /// What the cluster is called, where all nodes say the same.
    pub(crate) name: Option<String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) summary: Summary,
    pub(crate) wall: Option<Wall>,
    pub(crate) hour: Arc<Hour>,
}

/// The meters at the wall now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wall {
    /// What those that speak add up to, W; `None` if none does.
    pub(crate) watts: Option<f64>,
    /// How many speak, of how many.
    pub(crate) speaking: usize,
    pub(crate) all: usize,
}

/// Makes pictures, and keeps the last one.
#[derive(Debug, Default)]
pub(crate) struct Pictures(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    picture: Option<(Instant, Arc<Picture>)>,
    hour: Option<(Instant, Duration, Arc<Hour>)>,
}

impl Pictures {
    /// The picture of now. Who asks while one is made waits for it.
    pub(crate) async fn now(page: &Arc<Page>) -> Result<Arc<Picture>, Failure> {
        let mut kept = page.pictures.0.lock().await;
        if let Some((_, picture)) = kept.picture.as_ref().filter(|(made, _)| made.elapsed() < FRESH) {
            return Ok(Arc::clone(picture));
        }
        let fresh = |(made, took, _): &&(Instant, Duration, Arc<Hour>)| {
            made.elapsed() < HOUR_FRESH.max(*took * HOUR_COST)
        };
        let hour = kept.hour.as_ref().filter(fresh).map(|(_, _, hour)| Arc::clone(hour));
        let site = Arc::clone(&page.site);
        let made = page.read(move |from| read(site.as_ref(), from, hour)).await?;
        if let (_, Some(took)) = made {
            kept.hour = Some((Instant::now(), took, Arc::clone(&made.0.hour)));
        }
        let picture = Arc::new(made.0);
        kept.picture = Some((Instant::now(), Arc::clone(&picture)));
        Ok(picture)
    }
}

/// The picture, and how long the hour took if it was read.
fn read(
    site: &dyn Site,
    from: &Sources<'_>,
    hour: Option<Arc<Hour>>,
) -> Result<(Picture, Option<Duration>), RequestError> {
    let nodes = observe(from.store, from.now_ms)?;
    let is_of_these = |hour: &Arc<Hour>| nodes.iter().all(|node| hour.of.contains_key(&node.host));
    let (hour, took) = if let Some(hour) = hour.filter(is_of_these) {
        (hour, None)
    } else {
        let began = Instant::now();
        (Arc::new(Hour::read(from, &nodes)?), Some(began.elapsed()))
    };
    let picture = Picture {
        at_ms: from.now_ms,
        name: name(from.store, &nodes, from.now_ms)?,
        summary: site.summary()?,
        wall: wall(from.store, from.now_ms)?,
        nodes,
        hour,
    };
    Ok((picture, took))
}

/// The name that the first node gives the cluster.
fn name(store: &dyn Store, nodes: &[Node], now_ms: i64) -> Result<Option<String>, StoreError> {
    let Some(node) = nodes.first() else { return Ok(None) };
    let info = latest(store, &node.host, &NODE_INFO, now_ms, 24 * 3_600_000)?;
    Ok(info.and_then(|(key, _)| key.tag(CLUSTER).map(ToOwned::to_owned)))
}

fn wall(store: &dyn Store, now_ms: i64) -> Result<Option<Wall>, StoreError> {
    let meters = power_meters(store, None)?;
    if meters.is_empty() {
        return Ok(None);
    }
    let mut watts = Vec::new();
    for meter in &meters {
        watts.extend(last_of(store, meter, now_ms, WALL_FRESH_MS)?.map(|sample| sample.value));
    }
    let speaking = watts.len();
    Ok(Some(Wall { watts: (speaking > 0).then(|| watts.iter().sum()), speaking, all: meters.len() }))
}
