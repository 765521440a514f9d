//! Engines of the Prometheus family as a back end: remote write in, PromQL out. VictoriaMetrics, Prometheus itself,
//! Thanos, Mimir; nothing here needs what only one of them has. `docs/engines.md` says what each cannot do.
//!
//! Invariant: nothing that decides an answer is kept in this process, so any number of collectors can stand in front
//! of one engine.

mod http;
mod names;
mod query;
mod remote_write;
mod texts;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use picollect_evaluate::Window;
use picollect_settings::hex;
use picollect_telemetry::Value;
use picollect_telemetry::line::Point;

use self::http::Http;
use self::query::{Gathered, Reader};
use self::remote_write::Writer;
use super::location::{Location, Secrets};
use super::{Appended, Bucket, Capabilities, Selector, SeriesKey, Store, StoreError, StoredSample};
use picollect_settings::time::now_ms;

/// A series' neighbours outside a window are looked for so far away first: most speak more often.
const NEAR_MS: i64 = 60 * 1000;
/// And then by so many times more.
const WIDENING: i64 = 16;
/// Around the present VictoriaMetrics moves the moment that something is computed for; further away it does not.
const NOT_NOW_MS: i64 = 5 * 60 * 1000;
/// The series that holds the store's identity.
const IDENTITY: (&str, &str) = ("picollect_store", "identity");
/// The identity is asked for again and written again so often: an engine forgets what is old.
const IDENTITY_AGE: Duration = Duration::from_secs(3600);
/// A new sample may be invisible for half a minute.
const VISIBLE_WITHIN: Duration = Duration::from_secs(45);
/// So often it is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Collectors that start together see each other's identity after this.
const SETTLING: Duration = Duration::from_secs(2);

/// An engine of the Prometheus family as a store.
#[derive(Debug)]
pub struct PrometheusStore {
    http: Http,
    writer: Writer,
    reader: Reader,
    /// The identity, and when it was written last.
    identity: Mutex<Option<(String, Instant)>>,
}

impl PrometheusStore {
    /// Connects to nothing yet.
    pub fn new(location: &Location, secrets: &Secrets) -> Result<Self, StoreError> {
        let Location::Prometheus { url, write } = location else {
            let why = "it is no address of an engine of the Prometheus family".to_owned();
            return Err(StoreError::Unusable { location: location.to_string(), why });
        };
        Ok(Self {
            http: Http::new(location, secrets)?,
            writer: Writer::new(write.clone()),
            reader: Reader::new(url.clone()),
            identity: Mutex::new(None),
        })
    }

    /// The nearest sample on one side of a window, between `near_ms` and `far_ms` from its edge.
    fn neighbour(
        &self,
        key: &SeriesKey,
        edge_ms: i64,
        (near_ms, far_ms): (i64, i64),
        before: bool,
    ) -> Result<Option<StoredSample>, StoreError> {
        let mut from_ms = near_ms;
        while from_ms < far_ms {
            let to_ms = far_ms.min(from_ms.max(NEAR_MS / WIDENING).saturating_mul(WIDENING));
            let span = if before {
                (edge_ms.saturating_sub(to_ms), edge_ms.saturating_sub(from_ms + 1))
            } else {
                (edge_ms.saturating_add(from_ms + 1), edge_ms.saturating_add(to_ms))
            };
            let found = self.reader.nearest(&self.http, key, span, before)?;
            if found.is_some() {
                return Ok(found);
            }
            from_ms = to_ms;
        }
        Ok(None)
    }

    /// Which series have samples on one side of a window, between [`NEAR_MS`] and `far_ms` from its edge, or have
    /// some that may be taken for it: whoever asks looks again.
    fn present_beyond(
        &self,
        selector: &str,
        edge_ms: i64,
        far_ms: i64,
        before: bool,
    ) -> Result<BTreeSet<SeriesKey>, StoreError> {
        let now_ms = now_ms();
        let (start_ms, mut end_ms) = if before {
            (edge_ms.saturating_sub(far_ms).max(0), edge_ms.saturating_sub(NEAR_MS))
        } else {
            let end_ms = edge_ms.saturating_add(far_ms).min(now_ms.saturating_add(NOT_NOW_MS));
            (edge_ms.saturating_add(NEAR_MS), end_ms)
        };
        if start_ms <= now_ms && (end_ms - now_ms).abs() < NOT_NOW_MS {
            end_ms = now_ms + NOT_NOW_MS;
        }
        self.reader.present(&self.http, selector, start_ms, end_ms)
    }

    /// What collectors before us wrote, the earliest first.
    fn identities(&self) -> Result<Option<String>, StoreError> {
        let key = identity_key();
        let mut gathered = Gathered::default();
        self.reader.samples(&self.http, &names::selector_of(&key), 0, i64::MAX, &mut gathered)?;
        let samples = gathered.finish().into_iter().flat_map(|(_, samples)| samples);
        Ok(samples
            .filter_map(|sample| if let Value::Text(text) = sample.value { Some(text) } else { None })
            .min())
    }

    fn write_identity(&self, text: &str) -> Result<(), StoreError> {
        let SeriesKey { measurement, field, tags } = identity_key();
        let fields = vec![(field, Value::Text(text.to_owned()))];
        let outcome =
            self.writer.append(&self.http, &[Point { measurement, tags, fields, t_ms: now_ms() }])?;
        match outcome.refusals.into_iter().next() {
            Some(refusal) => Err(self.http.refused(refusal.reason)),
            None => Ok(()),
        }
    }

    /// Makes an identity, and waits until it can be read: another collector may have made one just before, and the
    /// one that was made first counts.
    fn make_identity(&self) -> Result<String, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| StoreError::Engine {
            message: "the system gives no random numbers".to_owned(),
            source: error.to_string().into(),
        })?;
        self.write_identity(&format!("{:013}-{}", now_ms(), hex(&random)))?;
        let (deadline, mut said) = (Instant::now() + VISIBLE_WITHIN, false);
        while self.identities()?.is_none() {
            if !said {
                let at_most_s = VISIBLE_WITHIN.as_secs();
                tracing::info!(at_most_s, "waiting until the engine gives back what was written to it");
                said = true;
            }
            if Instant::now() > deadline {
                let text = format!("what is written cannot be read within {} s", VISIBLE_WITHIN.as_secs());
                return Err(self.http.unavailable(text));
            }
            thread::sleep(LOOK_EVERY);
        }
        thread::sleep(SETTLING);
        let found = self.identities()?;
        found.ok_or_else(|| self.http.unavailable("its identity was there and is gone"))
    }
}

fn identity_key() -> SeriesKey {
    SeriesKey { measurement: IDENTITY.0.to_owned(), field: IDENTITY.1.to_owned(), tags: Vec::new() }
}

impl Store for PrometheusStore {
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        self.writer.append(&self.http, points)
    }

    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let found = self.reader.series(&self.http, &names::selector(selector))?;
        Ok(found.into_iter().filter(|key| *key != identity_key()).collect())
    }

    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError> {
        let Window { start_ms, end_ms } = window;
        let near_ms = around_ms.min(NEAR_MS);
        let mut gathered = Gathered::default();
        let (from_ms, to_ms) = (start_ms.saturating_sub(near_ms), end_ms.saturating_add(near_ms));
        self.reader.samples(&self.http, &names::selector_of(key), from_ms, to_ms, &mut gathered)?;
        let samples = gathered.finish().into_iter().flat_map(|(_, samples)| samples).collect();
        self.with_neighbours(key, samples, window, around_ms, (true, true))
    }

    fn read_all(
        &self,
        selector: &Selector<'_>,
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<(SeriesKey, Vec<StoredSample>)>, StoreError> {
        let Window { start_ms, end_ms } = window;
        let selector = names::selector(selector);
        let near_ms = around_ms.min(NEAR_MS);
        let mut gathered = Gathered::default();
        let (from_ms, to_ms) = (start_ms.saturating_sub(near_ms), end_ms.saturating_add(near_ms));
        self.reader.samples(&self.http, &selector, from_ms, to_ms, &mut gathered)?;
        let mut found: std::collections::BTreeMap<_, _> = gathered.finish().into_iter().collect();
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        if around_ms > NEAR_MS {
            before = self.present_beyond(&selector, start_ms, around_ms, true)?;
            after = self.present_beyond(&selector, end_ms, around_ms, false)?;
        }
        let keys: BTreeSet<SeriesKey> = found.keys().chain(&before).chain(&after).cloned().collect();
        let mut all = Vec::new();
        for key in keys.into_iter().filter(|key| *key != identity_key()) {
            let sides = (before.contains(&key), after.contains(&key));
            let samples = found.remove(&key).unwrap_or_default();
            let samples = self.with_neighbours(&key, samples, window, around_ms, sides)?;
            all.extend((!samples.is_empty()).then_some((key, samples)));
        }
        Ok(all)
    }

    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        let samples = self.read(key, Window { end_ms: window.end_ms - 1, ..window }, 0)?;
        Ok(buckets(&samples, window.start_ms, step_ms))
    }

    fn identity(&self) -> Result<String, StoreError> {
        let mut known = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((identity, written)) = known.as_ref()
            && written.elapsed() < IDENTITY_AGE
        {
            return Ok(identity.clone());
        }
        let identity = match self.identities()? {
            Some(identity) => {
                self.write_identity(&identity)?;
                identity
            }
            None => self.make_identity()?,
        };
        *known = Some((identity.clone(), Instant::now()));
        Ok(identity)
    }

    /// The identity is known for an hour, so the engine is asked for a number.
    fn ready(&self) -> Result<(), StoreError> {
        self.reader.answers(&self.http)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: None,
            reads_cost_requests: true,
            aggregates: false,
            replaces: false,
            // Prometheus does; VictoriaMetrics rounds.
            keeps_every_digit: false,
            keeps_wide_integers: false,
            refuses_other_types: false,
        }
    }
}

impl PrometheusStore {
    /// `samples` hold the window and [`NEAR_MS`] around it: of what is outside the nearest is kept on each side, or,
    /// where there is none and `sides` says that there may be, looked for further away.
    fn with_neighbours(
        &self,
        key: &SeriesKey,
        samples: Vec<StoredSample>,
        window: Window,
        around_ms: i64,
        sides: (bool, bool),
    ) -> Result<Vec<StoredSample>, StoreError> {
        let Window { start_ms, end_ms } = window;
        let far = (NEAR_MS, around_ms);
        let mut before = samples.iter().rev().find(|sample| sample.t_ms < start_ms).cloned();
        let mut after = samples.iter().find(|sample| sample.t_ms > end_ms).cloned();
        if before.is_none() && sides.0 {
            before = self.neighbour(key, start_ms, far, true)?;
        }
        if after.is_none() && sides.1 {
            after = self.neighbour(key, end_ms, far, false)?;
        }
        let inside = samples.into_iter().filter(|sample| (start_ms..=end_ms).contains(&sample.t_ms));
        Ok(before.into_iter().chain(inside).chain(after).collect())
    }
}

/// The numbers of each step from `start_ms` on; steps without samples are left out.
fn buckets(samples: &[StoredSample], start_ms: i64, step_ms: i64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (t_ms, value) in samples.iter().filter_map(|sample| Some((sample.t_ms, sample.value.as_f64()?))) {
        let step = start_ms + (t_ms - start_ms) / step_ms * step_ms;
        match buckets.last_mut().filter(|last| last.start_ms == step) {
            Some(last) => {
                last.count += 1;
                last.sum += value;
                (last.min, last.max, last.last) = (last.min.min(value), last.max.max(value), value);
            }
            None => buckets.push(Bucket {
                start_ms: step,
                count: 1,
                sum: value,
                min: value,
                max: value,
                first: value,
                last: value,
            }),
        }
    }
    buckets
}
