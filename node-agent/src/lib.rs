//! The node agent: sensors, sampler, energy, queue and push.
//!
//! Invariant: every file is read below the root given on the command line, so that a fixture board is
//! read exactly as a real one.

pub mod attr;
pub mod board;
pub mod calibrate;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod energy;
pub mod exposition;
pub mod gpio;
pub mod gzip;
pub mod i2c;
pub mod join;
pub mod lcd;
pub mod mailbox;
pub mod metering;
pub mod power_model;
pub mod probe;
pub mod push;
pub mod queue;
pub mod run;
pub mod sampler;
pub mod sensors;
pub mod simulated;
pub mod spool;
pub mod stamping;
pub mod stop;
