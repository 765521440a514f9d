//! `picollect agent model`: power models of boards without a meter.

use std::time::Duration;

use clap::{Args, Subcommand};
use picollect_analysis::power_model::ModelRequest;
use picollect_client::SourceOptions;
use picollect_settings::exit::Failure;
use picollect_settings::time::millis;

use super::output_format::TextOrJson;
use super::print;

/// What can be done with power models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Learn what a board takes by load and clock from nodes that have a meter, and print a section for its siblings
    #[command(
        after_help = "It reads what the collector has, so it runs where the collector is, or asks it with --collector.\n\
                            Put what it prints into agent.toml of boards of the same model that have no meter.\n\n\
                            Examples:\n  picollect agent model learn pi-1 > learnt.toml\n  \
                            picollect agent model learn pi-1 pi-2 --since 14d --collector http://head-node:8650"
    )]
    Learn(LearnOptions),
}

/// On whom a model is learnt.
#[derive(Debug, Clone, Args)]
pub struct LearnOptions {
    #[command(flatten)]
    ask: SourceOptions,
    /// Nodes of one model of board that have a meter; with several the model is also tried on each by the others
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<String>,
    /// The last so much time, such as 24h or 14d [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    #[command(flatten)]
    format: TextOrJson,
}

impl ModelCommand {
    /// Carries the command out.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if no model can be learnt on these nodes, with the reason; [`Failure::Runtime`] if the store
    /// or the collector cannot be asked.
    pub fn execute(&self) -> Result<(), Failure> {
        let Self::Learn(LearnOptions { ask, nodes, since, format }) = self;
        let (nodes, since_ms) = (nodes.join(","), since.map(millis));
        print(&ask.open()?.ask_written(&ModelRequest { nodes, since_ms, format: (*format).into() })?)
    }
}
