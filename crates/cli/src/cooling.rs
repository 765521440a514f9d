//! `picollect cooling compare`: whether a fan pays.

use clap::{Args, Subcommand};
use picollect_analysis::cooling::CoolingRequest;
use picollect_client::SourceOptions;
use picollect_settings::exit::Failure;

use super::output_format::TextOrJson;
use super::print;

/// What can be asked of the cooling.
#[derive(Debug, Subcommand)]
pub enum CoolingCommand {
    /// Whether a fan pays: two runs of the same work, one with it and one without
    #[command(
        after_help = "What the fan draws stands in [cooling] of the collector's configuration. Whether it turned is known\n\
                            from its tachometer, else from the run's label cooling=fan or cooling=none.\n\n\
                            Example:\n  picollect run --label cooling=none -- ./xhpl\n  \
                            picollect run --label cooling=fan -- ./xhpl\n  picollect cooling compare none fan"
    )]
    Compare(CompareOptions),
}

/// Which two runs.
#[derive(Debug, Clone, Args)]
pub struct CompareOptions {
    #[command(flatten)]
    ask: SourceOptions,
    /// A run by its id, or by its label cooling=…, of which the last one is taken
    #[arg(value_name = "A")]
    first: String,
    /// The other one
    #[arg(value_name = "B")]
    second: String,
    #[command(flatten)]
    format: TextOrJson,
}

impl CoolingCommand {
    /// Carries the command out.
    ///
    /// # Errors
    ///
    /// [`Failure`] if a run is not there, or the store or the collector cannot be asked.
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let Self::Compare(CompareOptions { ask, first, second, format }) = self;
        let (a, b, format) = (first.clone(), second.clone(), (*format).into());
        print(&ask.open()?.ask_written(&CoolingRequest { a, b, format })?)
    }
}
