//! The collector's server: takes in what agents push ([`web`], [`ingest`]), asks the meters at the wall ([`wall`]), keeps
//! the store in order ([`retention`]), publishes what dashboards need ([`recording_rules`]), and says what is wrong ([`alerts`]).
//!
//! Invariants: only `web`, `server` and `http_client` know HTTP; a back end is known only behind
//! [`picollect_store::Store`].
//!
//! [`server::start`] opens the store and listens. What it does with the body of a push:
//!
//! ```
//! use std::sync::Arc;
//!
//! use picollect_collector::ingest::Ingest;
//! use picollect_collector::tokens::Grant;
//! use picollect_store::{Store, open};
//! use picollect_telemetry::line::Precision;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let store: Arc<dyn Store> = Arc::new(open(directory.path())?);
//! let ingest = Ingest::new(store);
//!
//! let body = b"thermal,host=pi-1 temp_c=48.3 1800000000\nno line at all\n";
//! let outcome = ingest.body(body, Precision::Seconds, 1_800_000_000_000, &Grant::everything())?;
//! assert_eq!((outcome.written, outcome.bad_lines, outcome.first_bad_line), (1, 1, Some(2)));
//! # Ok(())
//! # }
//! ```

pub mod alerts;
pub mod health;
pub mod http_client;
pub mod ingest;
mod load;
mod memory;
mod metered;
mod own_metrics;
mod quotas;
pub mod readiness;
pub mod recording_rules;
pub mod retention;
pub mod server;
mod shared;
pub mod wall;
pub mod web;

pub use picollect_tokens as tokens;
pub use shared::Collector;
