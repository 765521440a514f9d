//! One binary for everything: `picollect agent …` is the agent's command line, the rest the collector's,
//! so that a collector can start itself as real agent processes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "picollect",
    version,
    about = "Performance per watt of a Raspberry Pi cluster, measured honestly"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Collector(Box<picollect_collector::cli::Command>),
    /// The node agent, the same as the small binary picollect-agent
    #[command(subcommand)]
    Agent(Box<picollect_agent::cli::Command>),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Collector(command) => picollect_collector::cli::execute(*command),
        Command::Agent(command) => picollect_agent::cli::execute(*command),
    };
    picollect_settings::exit::code("picollect", result)
}
