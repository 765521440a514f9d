//! The main job over real processes.

mod bad_input;
mod chaos;
mod delivery;
mod demo;
mod evaluation;
mod query_api;
mod report_pages;
mod run;
mod several;
mod summary;
mod time;
mod tls;
mod up;
mod vanishing;
mod wall;
