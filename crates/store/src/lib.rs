//! The store: everything above it is built on the methods of one small trait.
//!
//! Invariants: `Store` has at most eight methods; a back end is known only in this module's files. What each has to
//! do is written down as a suite in `tests/conformance.rs`.

mod embedded;
#[cfg(feature = "influxdb2")]
mod influxdb2;
pub mod location;
pub mod probe;
mod prometheus;
pub mod prometheus_names;
mod remembered;

use std::error::Error;
use std::sync::Arc;

use picollect_evaluate::Window;
use picollect_telemetry::Value;
use picollect_telemetry::line::{Point, escape_tag};

use self::location::{Location, Secrets};
pub use embedded::{Durability, EmbeddedStore, Resolution, Verified, open, open_durable};
#[cfg(feature = "influxdb2")]
pub use influxdb2::Influxdb2Store;
pub use prometheus::PrometheusStore;
pub use remembered::remembering;

/// Names one series: the measurement, the tags and the field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The line protocol's measurement.
    pub measurement: String,
    /// The line protocol's field.
    pub field: String,
    /// Tag keys and values, sorted by key.
    pub tags: Vec<(String, String)>,
}

impl SeriesKey {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The tags in line protocol's spelling: one text for one set of tags.
    pub fn tags_text(tags: &[(String, String)]) -> String {
        let mut text = String::new();
        for (key, value) in tags {
            if !text.is_empty() {
                text.push(',');
            }
            escape_tag(key, &mut text);
            text.push('=');
            escape_tag(value, &mut text);
        }
        text
    }

    /// Splits such a text at its unescaped commas and equals signs.
    pub fn tags_from_text(text: &str) -> Vec<(String, String)> {
        let mut tags = vec![(String::new(), String::new())];
        let (mut in_value, mut chars) = (false, text.chars());
        while let Some(character) = chars.next() {
            let Some((key, value)) = tags.last_mut() else { break };
            let target = if in_value { value } else { key };
            match character {
                '\\' => match chars.clone().next() {
                    Some(escaped @ (',' | '=' | ' ')) => {
                        target.push(escaped);
                        chars.next();
                    }
                    _ => target.push('\\'),
                },
                ',' => {
                    tags.push((String::new(), String::new()));
                    in_value = false;
                }
                '=' if !in_value => in_value = true,
                _ => target.push(character),
            }
        }
        tags.retain(|(key, _)| !key.is_empty());
        tags
    }
}

/// Which series are meant; what is not given is any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector<'a> {
    /// The measurement.
    pub measurement: Option<&'a str>,
    /// The field.
    pub field: Option<&'a str>,
    /// Tags that have to be there with these values.
    pub tags: &'a [(&'a str, &'a str)],
}

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSample {
    /// Unix time, milliseconds.
    pub t_ms: i64,
    /// The value.
    pub value: Value,
}

/// The numbers of a series in one step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Beginning of the step, Unix milliseconds.
    pub start_ms: i64,
    /// Number of samples.
    pub count: u32,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest of them.
    pub max: f64,
    /// The earliest of them.
    pub first: f64,
    /// The latest of them.
    pub last: f64,
}

/// What an append did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples written; a sample that was there already counts too.
    pub written: usize,
    /// Fields refused because their series holds another type.
    pub conflicts: Vec<Conflict>,
    /// Samples of new series refused because there are too many series.
    pub over_limit: usize,
    /// Samples that the engine took none of and never will, by reason; the rest of the batch was taken.
    pub refusals: Vec<Refusal>,
    /// Points of which at least one field was refused.
    pub refused_points: usize,
}

impl Appended {
    /// Why something was refused, each reason a sentence.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        let conflicts = self.conflicts.iter().map(|Conflict { measurement, field, holds, got }| {
            format!("field type conflict: `{field}` of `{measurement}` is {holds}, not {got}")
        });
        let limit = (self.over_limit > 0).then(|| "too many series: is a tag really a value?".to_owned());
        conflicts.chain(limit).chain(self.refusals.iter().map(|refusal| refusal.reason.clone()))
    }
}

/// Samples that an engine refuses for good, such as those that are too old for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How many samples.
    pub samples: usize,
    /// Why, in one sentence that says what an operator can do about it.
    pub reason: String,
}

/// A field whose type is not its series' type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The measurement.
    pub measurement: String,
    /// The field.
    pub field: String,
    /// The type that the series holds.
    pub holds: &'static str,
    /// The type that came.
    pub got: &'static str,
}

/// Most series in a store: some thousand nodes. More is a tag that should have been a field.
pub const MAX_SERIES: usize = 100_000;

/// What went wrong inside a back end, in its own words.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store's file cannot be used.
    #[error("cannot open the store `{path}`")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: Cause,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory `{path}`")]
    Directory {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The engine cannot be used as it is configured, and will not be before somebody changes that.
    #[error("cannot use the store `{location}`: {why}")]
    Unusable {
        /// Its address, without secrets.
        location: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The engine failed.
    #[error("{message}")]
    Engine {
        /// What it was asked for.
        message: String,
        /// Why.
        source: Cause,
    },
    /// The engine is away, or too busy, and nothing of a batch was acknowledged: the same may work later. The
    /// collector answers 503, and the agents keep their samples.
    #[error("the store `{location}` is not available: {why}")]
    Unavailable {
        /// Its address, without secrets.
        location: String,
        /// What happened.
        why: String,
    },
    /// The engine refused the request whole and will refuse it again; of a batch nothing was taken.
    #[error("the store `{location}` refuses: {why}")]
    Refused {
        /// Its address, without secrets.
        location: String,
        /// Its own words, and what to do.
        why: String,
    },
}

/// Opens the store at a location. An engine that is away is an error only once it is asked; how durable it is, is its
/// own affair.
pub fn connect(
    location: &Location,
    secrets: &Secrets,
    durability: Durability,
) -> Result<Arc<dyn Store>, StoreError> {
    match location {
        Location::Embedded(directory) => Ok(Arc::new(open_durable(directory, durability)?)),
        Location::Prometheus { .. } => Ok(Arc::new(PrometheusStore::new(location, secrets)?)),
        #[cfg(feature = "influxdb2")]
        Location::Influxdb2 { .. } => Ok(Arc::new(Influxdb2Store::new(location, secrets)?)),
        #[cfg(not(feature = "influxdb2"))]
        Location::Influxdb2 { .. } => Err(StoreError::Unusable {
            location: location.to_string(),
            why: "this picollect was built without the feature `influxdb2`".to_owned(),
        }),
    }
}

/// A back end.
pub trait Store: Send + Sync {
    /// Adds points, all or none of them durable when it returns. A sample is known by series and time:
    /// one that comes again replaces itself.
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError>;

    /// The series that match, in order.
    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError>;

    /// The samples of a series from the window's start to its end, both included, in order of time, and
    /// the nearest one on either side of the window if it is no further away than `around_ms`.
    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError>;

    /// What [`read`](Self::read) gives for every series that matches, in the series' order; those without a sample
    /// there are left out. An engine answers it in one request where `read` would take one for each series.
    fn read_all(
        &self,
        selector: &Selector<'_>,
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<(SeriesKey, Vec<StoredSample>)>, StoreError> {
        let keys = self.series(selector)?.into_iter();
        let read = keys.map(|key| self.read(&key, window, around_ms).map(|samples| (key, samples)));
        let found = read.filter(|read| !read.as_ref().is_ok_and(|(_, samples)| samples.is_empty()));
        found.collect()
    }

    /// The numbers of a series in steps from the window's start (included) to its end (excluded); steps
    /// without samples are left out.
    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError>;

    /// Deletes all samples before this time, and series that hold none any more; says how many samples. An
    /// engine with a retention of its own deletes nothing here.
    fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError>;

    /// What tells this store from any other; the same for as long as the data lives.
    fn identity(&self) -> Result<String, StoreError>;

    /// Bytes that the store takes; `None` for an engine elsewhere.
    fn size_bytes(&self) -> Result<Option<u64>, StoreError>;
}
