//! One line at the bottom of a terminal that says how far something is, and gives way to whatever else is written there.
//!
//! Invariants: without a terminal on standard error there is no line. What a command writes stays as it is: the line is
//! taken away before, and comes back only where the command's own last line has ended. A command that moves the cursor
//! has the terminal to itself from then on.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Screen;

/// To the line's first column, and nothing right of it: ECMA-48, 8.3.41 (erase in line).
const ERASE: &[u8] = b"\r\x1b[K";

/// A live line for one stretch of work; its copies are the same line.
#[derive(Clone)]
pub struct LiveLine {
    state: Arc<Mutex<State>>,
    stretch: u64,
}

struct State {
    terminal: Box<dyn Write + Send>,
    columns: Box<dyn Fn() -> usize + Send>,
    text: String,
    drawn: bool,
    others: Others,
    /// Whose word counts: what an earlier stretch still says comes too late.
    stretch: u64,
}

/// What somebody else has written to the same terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Others {
    /// Whole lines: there is room below.
    #[default]
    Lines,
    /// Part of a line.
    InLine,
    /// It draws by itself.
    Drawing,
}

impl LiveLine {
    /// A line on standard error; `None` where that is no terminal.
    pub fn on_stderr() -> Option<Self> {
        let columns = || Screen::of_stderr().width();
        io::stderr().is_terminal().then(|| Self::on(io::stderr(), columns))
    }

    fn on(terminal: impl Write + Send + 'static, columns: impl Fn() -> usize + Send + 'static) -> Self {
        let state = State {
            terminal: Box::new(terminal),
            columns: Box::new(columns),
            text: String::new(),
            drawn: false,
            others: Others::default(),
            stretch: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), stretch: 0 }
    }

    /// The same line for the next stretch of work; nothing is said before it says something.
    #[must_use]
    pub fn begin(&self) -> Self {
        let stretch = self.end();
        Self { state: Arc::clone(&self.state), stretch }
    }

    /// Says this from now on; one line, cut where the terminal ends. An empty text takes the line away.
    pub fn set(&self, text: &str) {
        let mut state = self.state();
        if state.stretch == self.stretch {
            text.clone_into(&mut state.text);
            state.draw();
        }
    }

    /// Writes what somebody else says to the same terminal: the line is away meanwhile. `write` does it, and what it
    /// returns is returned.
    pub fn give_way<T>(&self, bytes: &[u8], write: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        state.erase();
        let done = write();
        state.others = after(state.others, bytes);
        state.draw();
        done
    }

    /// Takes the line away: the stretch of work is over, and what its threads still say is not heard.
    pub fn end(&self) -> u64 {
        let mut state = self.state();
        state.text.clear();
        state.erase();
        state.others = Others::default();
        state.stretch += 1;
        state.stretch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A terminal that takes nothing more needs no line.
    fn draw(&mut self) {
        self.erase();
        if self.others == Others::Lines && !self.text.is_empty() {
            // One column stays free, or some terminals begin the next line.
            let room = (self.columns)() - 1;
            let text: String = self.text.chars().filter(|letter| !letter.is_control()).take(room).collect();
            self.drawn =
                self.terminal.write_all(text.as_bytes()).and_then(|()| self.terminal.flush()).is_ok();
        }
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = self.terminal.write_all(ERASE).and_then(|()| self.terminal.flush());
        }
    }
}

/// Where the cursor is after these bytes.
fn after(before: Others, bytes: &[u8]) -> Others {
    match bytes.last() {
        _ if before == Others::Drawing || draws(bytes) => Others::Drawing,
        None => before,
        Some(b'\n') => Others::Lines,
        Some(_) => Others::InLine,
    }
}

/// Whether there is a control sequence that is more than colour and erasing within the line. One that is cut in two is
/// taken for such.
fn draws(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        let sequence = &rest[at + 1..];
        let end = sequence.iter().skip(1).position(|byte| (0x40..=0x7e).contains(byte));
        match (sequence.first(), end) {
            (Some(b'['), Some(end)) if matches!(sequence[end + 1], b'm' | b'K') => {
                rest = &sequence[end + 2..];
            }
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reached the terminal.
    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<u8>>>);

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Terminal {
        fn seen(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }

        fn says(&self, line: &LiveLine, text: &str) {
            let mut terminal = self.clone();
            line.give_way(text.as_bytes(), || terminal.write_all(text.as_bytes())).unwrap();
        }
    }

    fn line() -> (LiveLine, Terminal) {
        let terminal = Terminal::default();
        (LiveLine::on(terminal.clone(), || 12), terminal)
    }

    #[test]
    fn the_line_is_drawn_anew_and_never_wider_than_the_terminal() {
        let (line, terminal) = line();
        line.set("idle 1/5 s");
        line.set("idle 2/5 s, and what has no room\n");
        assert_eq!(terminal.seen(), "idle 1/5 s\r\x1b[Kidle 2/5 s,");
        line.end();
        assert_eq!(terminal.seen(), "\r\x1b[K");
        line.set("too late");
        line.end();
        assert_eq!(
            terminal.seen(),
            "",
            "what is away is not taken away again, and nobody speaks after the end"
        );
    }

    #[test]
    fn it_gives_way_and_waits_for_the_end_of_a_line_that_somebody_else_began() {
        let (line, terminal) = line();
        line.set("1 s");
        terminal.says(&line, "half");
        assert_eq!(terminal.seen(), "1 s\r\x1b[Khalf");
        line.set("2 s");
        assert_eq!(terminal.seen(), "");
        terminal.says(&line, " a \x1b[1;31mline\x1b[0m\x1b[K\n");
        assert_eq!(terminal.seen(), " a \x1b[1;31mline\x1b[0m\x1b[K\n2 s");
    }

    #[test]
    fn a_command_that_draws_has_the_terminal_to_itself() {
        for drawing in ["\x1b[2Jx\n", "\x1b[?1049h\n", "\x1bc\n", "\x1b[1", "\x1b[3A\n", "\x1b"] {
            let (line, terminal) = line();
            terminal.says(&line, drawing);
            terminal.says(&line, "\n");
            line.set("1 s");
            assert_eq!(terminal.seen(), format!("{drawing}\n"));
            line.begin().set("next");
            assert_eq!(terminal.seen(), "next", "the next command begins anew");
        }
    }
}
