//! The agent as a binary of its own, for nodes that need nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    picollect_agent::cli::main()
}
