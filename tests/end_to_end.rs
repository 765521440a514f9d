//! The main job over real processes.

mod alert_rules;
mod alerts;
mod backup;
mod bad_input;
mod chaos;
mod clients;
mod dashboards;
mod delivery;
mod demo;
mod emulated_pi;
mod engines;
mod evaluation;
mod influxdb2;
mod join;
mod query_api;
mod report_pages;
mod run;
mod several;
mod store;
mod summary;
mod time;
mod tls;
mod up;
mod vanishing;
mod wall;
mod write_api;
