//! The collector's server: takes in what agents push ([`web`], [`ingest`]), asks the meters at the wall ([`wall`]), keeps
//! the store in order ([`retention`]), publishes what dashboards need ([`recording_rules`]), and says what is wrong ([`alerts`]).
//!
//! Invariants: only `web`, `server` and `http_client` know HTTP; a back end is known only behind
//! [`picollect_store::Store`].

pub mod alerts;
pub mod health;
pub mod http_client;
pub mod ingest;
mod own_metrics;
pub mod recording_rules;
pub mod retention;
pub mod server;
mod shared;
pub mod tokens;
pub mod wall;
pub mod web;

pub use shared::Collector;
