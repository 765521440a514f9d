//! The character panel on the case: what it shows and how that looks in a terminal.
//!
//! A [`Frame`] is what the panel should show; [`pages`] make frames from facts; [`Frame::to_terminal`]
//! draws one. Nothing here knows where the facts come from.

mod frame;
pub mod pages;

pub use frame::{Frame, Size};
