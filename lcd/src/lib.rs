//! The panel on the case, of characters or of dots: what it shows, how that looks in a terminal, and how it gets there.
//!
//! A [`Frame`] is what the panel should show; [`page`] makes one of facts, by what [`pages`] or a [`template`] says,
//! [`alarms`] makes those that pre-empt them, and [`rotation`] says which is due. [`pixels`] shows a frame as the panel's
//! dots, [`png`] as a picture. [`display::Display`] brings it onto a panel and keeps it there, [`char_device::Script`]
//! onto one that a driver of the kernel has; [`panel_model`] has a panel to try either on. [`oled`] has all of that for
//! panels of dots. [`summary`] turns what
//! a collector says of the cluster into facts and alarms; time comes in as a number, and nothing here knows where
//! the other facts come from.
//!
//! ```
//! use picollect_lcd::Size;
//! use picollect_lcd::page::{Page, draw};
//! use picollect_lcd::pages::{Facts, NodeFacts};
//!
//! let node = NodeFacts { name: "pi-3".into(), temp_c: Some(61.2), ..NodeFacts::default() };
//! let frame = draw(Page::Node, &Facts { node, ..Facts::default() }, &[], Size::SMALL);
//! assert!(frame.row(0).contains("pi-3"));
//! ```

pub mod alarms;
pub mod backpack;
pub mod char_device;
pub mod display;
mod driver;
mod frame;
pub mod glyphs;
pub mod oled;
pub mod page;
pub mod pages;
pub mod panel_model;
pub mod pixels;
pub mod png;
pub mod rom_a00;
pub mod rotation;
pub mod screen;
pub mod summary;
pub mod template;

pub use frame::{Backlight, Cell, Frame, Size};
