//! `picollect nameplate`: what machines come to that nobody metered.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use picollect_analysis::report::{Format, Nameplates, Screen};
use picollect_analysis::request::Written;
use picollect_settings::exit::{Failure, usage};

/// Which figures.
#[derive(Debug, Clone, Args)]
pub struct NameplateOptions {
    /// A file of powers, times, prices and temperatures, each with how it is known; `examples/thesis` in the sources
    /// has three
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print it: text, html or markdown
    #[arg(long, value_enum, default_value_t = Format::Text, hide_possible_values = true)]
    format: Format,
}

/// Carries the command out.
pub(crate) fn execute(options: &NameplateOptions) -> Result<Written, Failure> {
    let name = options.file.display().to_string();
    let text =
        fs::read_to_string(&options.file).with_context(|| format!("cannot read `{name}`")).map_err(usage)?;
    let sheet: Nameplates = picollect_settings::parse(&text, &name).map_err(usage)?;
    let written = sheet.written(options.format, Screen::of_stdout());
    let written =
        written.ok_or_else(|| usage(anyhow!("nameplates are printed as text, html or markdown")))?;
    Ok(written.into())
}
