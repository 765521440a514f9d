//! How wide a terminal is and whether it shows colours.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// Columns of a page that is for no terminal.
const PLAIN: usize = 80;
/// Fewer columns leave no room for a table,
const LEAST: usize = 40;
/// and more than these are nobody's terminal.
const MOST: usize = 400;

/// What a page of text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Whether it shows colours.
    pub colour: bool,
    columns: usize,
}

impl Default for Screen {
    /// A file, a pipe, a page on the web: 80 columns without colours.
    fn default() -> Self {
        Self { colour: false, columns: PLAIN }
    }
}

impl Screen {
    /// What standard output can show.
    pub fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// What standard error can show.
    pub fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    /// Without colours, so many columns wide; what is no width of a terminal becomes the nearest that is one.
    pub fn of_columns(columns: usize) -> Self {
        Self { colour: false, columns: columns.clamp(LEAST, MOST) }
    }

    /// The same in colours or without.
    #[must_use]
    pub fn coloured(self, colour: bool) -> Self {
        Self { colour, ..self }
    }

    /// Its columns: 40 to 400.
    pub fn width(&self) -> usize {
        self.columns
    }

    /// Colours are for terminals whose user has not said no (<https://no-color.org>).
    fn of(stream: &(impl AsFd + IsTerminal)) -> Self {
        if !stream.is_terminal() {
            return Self::default();
        }
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        // Terminals on a serial line say 0.
        let columns = tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
        Self::of_columns(if columns == 0 { PLAIN } else { columns }).coloured(colour)
    }
}
