//! The collector: ingest, store, report, web, and the command line around them.
//!
//! Invariants: only `web` and `http_client` know HTTP; a back end is known only behind [`store::Store`]; what a report
//! says is computed by `picollect-evaluate`.

pub mod alerts;
pub mod ask;
pub mod backup;
pub mod bench;
pub mod cli;
pub mod client;
pub mod config;
pub mod data_dir;
pub mod demo;
pub mod health;
pub mod http_client;
pub mod import;
pub mod ingest;
pub mod live;
pub mod nodes;
pub mod place;
pub mod prometheus_api;
mod prometheus_names;
pub mod published;
pub mod query;
pub mod questions;
pub mod rename;
pub mod report;
pub mod retention;
pub mod retire;
pub mod run;
pub mod runs;
pub mod samples;
pub mod scaling;
pub mod server;
pub mod store;
pub mod summary;
pub mod time;
pub mod tokens;
pub mod up;
pub mod wall;
pub mod web;
pub mod workload;
