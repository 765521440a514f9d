//! Where samples are: the embedded store, and engines elsewhere behind the same trait.
//!
//! ```
//! use picollect_evaluate::Window;
//! use picollect_store::{Selector, Store, open};
//! use picollect_telemetry::line::{Precision, decode};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let store = open(directory.path())?;
//!
//! let batch = decode(b"thermal,host=pi-1 temp_c=48.3 1000", Precision::Milliseconds, 0);
//! let appended = store.append(&batch.points)?;
//! assert_eq!(appended.written, 1);
//!
//! let series = store.series(&Selector { field: Some("temp_c"), ..Selector::default() })?;
//! let samples = store.read(&series[0], Window { start_ms: 0, end_ms: 2000 }, 0)?;
//! assert_eq!(samples[0].value.as_f64(), Some(48.3));
//! # Ok(())
//! # }
//! ```
//!
//! Only this crate knows one back end from another. Who needs more than every back end has asks
//! [`Store::capabilities`] or [`Store::maintenance`].

mod appended;
mod durability;
mod embedded;
mod error;
#[cfg(feature = "influxdb2")]
mod influxdb2;
pub mod location;
pub mod probe;
mod prometheus;
pub mod prometheus_names;
mod query_cache;
mod resolution;
mod series;
mod store;
mod verified;

use std::sync::Arc;

use self::location::{Location, Secrets};
pub use appended::{Appended, Conflict, Refusal};
pub use durability::Durability;
pub use embedded::{EmbeddedStore, open, open_durable};
pub use error::{Cause, StoreError};
#[cfg(feature = "influxdb2")]
pub use influxdb2::Influxdb2Store;
pub use prometheus::PrometheusStore;
pub use query_cache::cached;
pub use resolution::Resolution;
pub use series::{Bucket, Downsampled, Selector, SeriesKey, SeriesSteps, Step, StoredSample};
pub use store::{Capabilities, Maintenance, Store};
pub use verified::Verified;

/// How an error calls the location of the embedded store, whose own words name no path.
pub const EMBEDDED: &str = "embedded";

/// Most series in a store: some thousand nodes. More is a tag that should have been a field.
pub const MAX_SERIES: usize = 100_000;

/// Opens the store at a location; `durability` is for the embedded one.
///
/// Fails if the embedded store's files cannot be used ([`StoreError::Open`], [`StoreError::Directory`]) or if an
/// engine's address or secrets are wrong ([`StoreError::Unusable`]). An engine that is away is an error only once it
/// is asked.
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
