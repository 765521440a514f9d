//! One binary for everything: `picollect agent …` is the agent's command line, the rest the collector's,
//! so that a collector can start itself as real agent processes.

mod command_line;

use std::process::ExitCode;

use clap::Parser as _;

use crate::command_line::{AgentCommand, Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Collector(command) => picollect_cli::execute(*command),
        Command::Agent(AgentCommand::Agent(command)) => picollect_agent::cli::execute(*command),
        Command::Agent(AgentCommand::Model(command)) => command.execute(),
    };
    picollect_settings::exit::code("picollect", result)
}
