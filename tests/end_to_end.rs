//! The main job over real processes.

mod bad_input;
mod chaos;
mod delivery;
mod demo;
mod report_pages;
mod several;
mod time;
mod tls;
mod up;
mod vanishing;
mod wall;
