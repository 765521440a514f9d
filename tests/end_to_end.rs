//! The main job over real processes.

mod bad_input;
mod delivery;
mod demo;
mod up;
