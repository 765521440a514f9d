//! The terminal that somebody sits at: how wide it is and whether it shows colours ([`Screen`]), and one live line on
//! standard error ([`LiveLine`]). Numbers with their units are the module `numbers` of `picollect-evaluate`.
//!
//! Where a stream is a file or a pipe, it counts as 80 columns without colours and has no live line: what a program
//! reads is the same on every machine.
//!
//! ```
//! use picollect_terminal::Screen;
//!
//! let narrow = Screen::of_columns(10);
//! assert_eq!((narrow.width(), narrow.colour), (40, false), "a page needs some room");
//! assert_eq!(Screen::default().width(), 80);
//! ```

mod live_line;
mod screen;

pub use live_line::LiveLine;
pub use screen::Screen;
