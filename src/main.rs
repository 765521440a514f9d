//! One binary for everything: `picollect agent …` is the agent's command line, the rest the collector's,
//! so that a collector can start itself as real agent processes.

mod command_line;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;
use picollect_settings::exit::Failure;
use picollect_settings::output::say;

use crate::command_line::{AgentCommand, Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Collector(command) => picollect_cli::execute(*command),
        Command::Agent(AgentCommand::Agent(command)) => picollect_agent::cli::execute(*command),
        Command::Agent(AgentCommand::Model(command)) => command.execute(),
        Command::Completions { shell } => completions(shell),
    };
    picollect_settings::exit::code("picollect", result)
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "picollect", &mut script);
    Ok(say(&String::from_utf8(script)?)?)
}
