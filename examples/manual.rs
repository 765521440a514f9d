//! Writes the manual pages and the shells' completions of both programs, from their command lines:
//!
//! ```text
//! cargo run --example manual -- DIRECTORY
//! ```
//!
//! What is made for the agent lands in `DIRECTORY/agent`: two packages must not hold the same file.

#[path = "../src/command_line.rs"]
mod command_line;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).context("usage: manual DIRECTORY")?;
    let directory = PathBuf::from(directory);
    // Its pages are the other package's.
    let collector = command_line::Cli::command().mut_subcommand("agent", |agent| agent.hide(true));
    write(collector, command_line::Cli::command(), &directory)?;
    let agent = picollect_agent::cli::command_line;
    write(agent(), agent(), &directory.join("agent"))
}

fn write(pages: Command, mut completed: Command, directory: &Path) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write to `{}`", directory.display());
    fs::create_dir_all(directory).with_context(cannot_write)?;
    let name = completed.get_name().to_owned();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut completed, &name, directory).with_context(cannot_write)?;
    }
    clap_mangen::generate_to(pages, directory).with_context(cannot_write)
}
