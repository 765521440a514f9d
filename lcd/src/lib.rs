//! The character panel on the case: what it shows and how that looks in a terminal.
//!
//! A [`Frame`] is what the panel should show; [`pages`] and [`template`] make frames from facts, [`alarms`]
//! those that pre-empt them, and [`rotation`] says which is due. [`pixels`] shows a frame as the panel's
//! dots, [`png`] as a picture. Nothing here knows where the facts come from, and time comes in as a number.

pub mod alarms;
mod frame;
pub mod glyphs;
pub mod pages;
pub mod pixels;
pub mod png;
pub mod rom_a00;
pub mod rotation;
pub mod template;

pub use frame::{Backlight, Frame, Size};
