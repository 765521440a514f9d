//! What a command says on standard output and standard error, also when nobody reads on: behind `| head -1`, or after a
//! pager that was quit.
//!
//! Invariant: a closed pipe is no panic. On standard output it is the error [`Closed`], with which a command ends in
//! silence ([`exit::code`](crate::exit::code)); what would go to a closed standard error is for nobody.

use std::fmt::Display;
use std::io::{self, Write};

/// Whoever read standard output has gone.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
pub struct Closed;

/// Standard output, which says [`Closed`] where a pipe is closed. Not buffered beyond the line.
#[derive(Debug)]
pub struct Output(io::StdoutLock<'static>);

/// Standard output for whoever writes piece by piece.
pub fn output() -> Output {
    Output(io::stdout().lock())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(closed_or)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(closed_or)
    }
}

/// Says a text on standard output, whole. Fails if it cannot be written, for example to a full disk, and with
/// [`Closed`] if nobody reads.
pub fn say(text: &str) -> io::Result<()> {
    let mut output = output();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Says a line on standard error. Where that is closed, nobody wants to know.
pub fn complain(line: impl Display) {
    let _ = io::stderr().write_all(format!("{}\n", without_numbers(&line.to_string())).as_bytes());
}

/// Without the numbers that the standard library puts behind the system's own words, as in
/// `No such file or directory (os error 2)`: they say nothing more.
fn without_numbers(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(" (os error ") {
        plain += before;
        rest = match after.split_once(')') {
            Some((number, after)) if number.bytes().all(|byte| byte.is_ascii_digit()) => after,
            _ => {
                plain += " (os error ";
                after
            }
        };
    }
    plain + rest
}

/// Asks for something on standard error, where an answer on the same line follows.
pub fn prompt(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn closed_or(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), Closed) } else { error }
}

/// Whether an error comes from a standard output that nobody reads.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause.is::<Closed>() || matches!(inner, Some(inner) if inner.is::<Closed>())
    };
    error.chain().any(closed)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_systems_numbers_are_left_out() {
        let missing = io::Error::from_raw_os_error(2).to_string();
        assert!(missing.contains("os error"));
        assert_eq!(
            without_numbers(&format!("a: {missing}; b: {missing}")),
            "a: No such file or directory; b: No such file or directory"
        );
        for text in ["", "as it is", "(os error 2)", " (os error x) and more", "open (os error "] {
            assert_eq!(without_numbers(text), text);
        }
    }

    #[test]
    fn a_closed_pipe_is_known_through_all_that_is_said_of_it_and_another_error_is_none() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let error = Err::<(), _>(closed_or(broken())).context("cannot export").unwrap_err();
        assert!(is_closed(&error), "{error:#}");
        assert!(is_closed(&anyhow::Error::from(Closed)));
        // A pipe of somebody else's, such as a connection to a store.
        assert!(!is_closed(&broken().into()));
        let full = closed_or(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!is_closed(&full.into()));
    }
}
