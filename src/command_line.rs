//! The command line of the whole program. The manual (`examples/manual.rs`) is made from it too.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

#[derive(Parser)]
#[command(
    name = "picollect",
    version,
    about = "Performance per watt of a Raspberry Pi cluster, measured honestly"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Collector(Box<picollect_cli::Command>),
    /// The node agent, the same as the small binary picollect-agent
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Print what completes these commands in a shell; the packages bring it for bash, zsh and fish
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

const COMPLETIONS_EXAMPLE: &str = "\
Example:
  picollect completions bash > ~/.local/share/bash-completion/completions/picollect";

#[derive(Subcommand)]
pub(crate) enum AgentCommand {
    #[command(flatten)]
    Agent(Box<picollect_agent::cli::Command>),
    /// Power models of boards without a meter
    #[command(subcommand)]
    Model(Box<picollect_cli::ModelCommand>),
}
