//! The node agent: sensors, sampler, energy, queue and push.
//!
//! Invariant: every file is read below the root given on the command line, so that a fixture board is
//! read exactly as a real one.

pub mod attr;
pub mod board;
mod calibrate;
pub mod cli;
mod client;
pub mod clock;
pub mod config;
pub mod energy;
mod exposition;
mod gpio;
mod gzip;
pub mod i2c;
pub mod join;
pub mod lcd;
mod mailbox;
pub mod metering;
pub mod power_model;
mod probe;
mod push;
pub mod queue;
pub mod run;
pub mod sampler;
pub mod sensors;
pub mod simulated;
mod spool;
mod stamping;
pub mod stop;
