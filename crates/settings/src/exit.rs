//! How both programs end: the documented exit codes, and one line on standard error that says why.
//!
//! 0 fine, 1 a finding (of a check), 2 usage, 3 runtime failure, 141 in silence if nobody reads standard output any
//! more.

use std::process::ExitCode;

use crate::output::{complain, is_closed};

/// Exit code of a check that found something.
pub const FINDING: u8 = 1;
/// Exit code of a wrong command line or configuration.
pub const USAGE: u8 = 2;
/// Exit code of everything that the world did not allow.
pub const RUNTIME: u8 = 3;
/// Exit code of a command whose standard output was closed: what a shell says of one that the signal SIGPIPE ended.
pub const CLOSED: u8 = 141;

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the configuration is wrong.
    Usage(anyhow::Error),
    /// The world did not allow it.
    Runtime(anyhow::Error),
    /// A check found so many things, which it has printed.
    Finding(usize),
    /// A command that was run ended with this status, and so do we.
    Command(u8),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Runtime(error.into())
    }
}

/// Turns an error into a usage failure.
pub fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Usage(error.into())
}

/// Prints a failure once, with its causes, and gives the exit code.
pub fn code(program: &str, result: Result<(), Failure>) -> ExitCode {
    let (error, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => (error, USAGE),
        Err(Failure::Runtime(error)) => (error, RUNTIME),
        Err(Failure::Finding(_)) => return ExitCode::from(FINDING),
        Err(Failure::Command(status)) => return ExitCode::from(status),
    };
    if is_closed(&error) {
        return ExitCode::from(CLOSED);
    }
    complain(format_args!("{program}: {error:#}"));
    ExitCode::from(code)
}
