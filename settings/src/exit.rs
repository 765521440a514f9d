//! How both programs end: the documented exit codes, and one line on standard error that says why.
//!
//! 0 fine, 1 a finding (of a check), 2 usage, 3 runtime failure.

use std::process::ExitCode;

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the configuration is wrong: exit code 2.
    Usage(anyhow::Error),
    /// The world did not allow it: exit code 3.
    Runtime(anyhow::Error),
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
        Err(Failure::Usage(error)) => (error, 2),
        Err(Failure::Runtime(error)) => (error, 3),
    };
    eprintln!("{program}: {error:#}");
    ExitCode::from(code)
}
