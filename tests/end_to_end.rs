//! The main job over real processes.

mod bad_input;
mod chaos;
mod delivery;
mod demo;
mod emulated_pi;
mod evaluation;
mod join;
mod report_pages;
mod run;
mod several;
mod summary;
mod time;
mod tls;
mod up;
mod vanishing;
mod wall;
