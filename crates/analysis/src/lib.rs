//! What people ask of the measurements: which nodes there are ([`nodes`]), which runs ([`runs`]), what a window or a run
//! comes to ([`report`]), what more nodes bring ([`scaling`]), what a
//! board without a meter takes ([`power_model`]), whether a fan pays ([`cooling`]), what is wrong now ([`alerts`]), and the cluster in a few
//! figures ([`summary`]).
//!
//! Invariant: every figure is computed by `picollect-evaluate`; nothing here knows which back end the store is.
//!
//! ```
//! use picollect_analysis::request::{Request as _, Sources};
//! use picollect_analysis::requests::NodesRequest;
//! use picollect_config::Config;
//! use picollect_evaluate::presence::Presence;
//! use picollect_store::{Store as _, open};
//! use picollect_telemetry::line::{Precision, decode};
//!
//! let directory = tempfile::tempdir()?;
//! let (store, config, now_ms) = (open(directory.path())?, Config::default(), 1_800_000_000_000);
//! store.append(&decode(b"thermal,host=pi-1,zone=0 temp_c=48.3", Precision::Seconds, now_ms).points)?;
//!
//! let from = Sources { store: &store, config: &config, now_ms };
//! let nodes = NodesRequest::default().answer(&from)?;
//! assert_eq!((nodes[0].host.as_str(), nodes[0].state), ("pi-1", Presence::Up));
//! assert_eq!((nodes[0].temp_c, nodes[0].watts), (Some(48.3), None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod alerts;
pub mod cooling;
pub mod nodes;
pub mod power_model;
pub mod report;
pub mod request;
pub mod requests;
pub mod runs;
pub mod scaling;
mod sources;
pub mod summary;
