//! The node agent: it samples the board's sensors and meters, queues what they say and pushes it to
//! collectors; its command line, its panel and its metrics page.
//!
//! Invariant: every file is read below the root given on the command line, so that a fixture board is
//! read exactly as a real one.

pub mod apart;
mod calibrate;
pub mod cli;
pub mod client;
pub mod config;
mod exposition;
mod gpio;
mod gzip;
pub mod health;
pub mod join;
pub mod lcd;
mod probe;
mod push;
pub mod queue;
pub mod run;
pub mod sampler;
mod simulated;
pub mod spool;
mod stamping;
