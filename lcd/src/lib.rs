//! The character panel on the case: what it shows, how that looks in a terminal, and how it gets there.
//!
//! A [`Frame`] is what the panel should show; [`pages`] make frames from facts; [`Frame::to_terminal`]
//! draws one. Nothing here knows where the facts come from.
//!
//! A [`picture::Picture`] is the same in the controller's own terms; [`display::Display`] brings it onto a panel and
//! keeps it there; [`panel_model::Panel`] is a panel to try that on.

pub mod backpack;
pub mod display;
mod driver;
mod frame;
pub mod pages;
pub mod panel_model;
pub mod picture;

pub use frame::{Frame, Size};
