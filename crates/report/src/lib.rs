//! The report and what each format makes of it: the structure ([`Report`], [`Run`]), the words, and a writer for each
//! format. Who fills the structure is `picollect-analysis`.
//!
//! A format is a file here and a line in each part of this file.
//!
//! Invariant: nothing here reads a store, a file or a clock; a report is written the same way wherever it comes from.
//!
//! ```
//! use picollect_report::{Format, Report, Screen, written};
//!
//! let mut report = Report::default();
//! report.verdict = vec!["5 nodes used 1.20 MJ.".to_owned()];
//! let text = written(&report, Format::Markdown, Screen::default())?;
//! assert!(text.contains("5 nodes used 1.20 MJ."));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod charts;
mod comparison;
mod csv;
pub mod fail_on;
mod figures;
mod html;
mod json;
mod latex;
mod markdown;
mod nameplate;
mod node_figures;
pub mod numbers;
mod one_run;
mod page;
mod run_figures;
mod scaling;
mod schema;
mod sections;
mod text;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use picollect_terminal::Screen;

pub use nameplate::Nameplates;
pub use one_run::{run_page, runs_table, verdict_of_run};
pub use scaling::Scaled;
pub use schema::*;

/// How an answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For a terminal
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One self-contained page with charts
    Html,
    /// Tables for a README or an issue
    Markdown,
    /// For a spreadsheet
    Csv,
    /// Tables for a paper, with booktabs
    Latex,
}

impl Format {
    /// What it is called on the web.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Latex => "application/x-latex; charset=utf-8",
        }
    }
}

/// A report in a format. Only [`Format::Json`] can fail.
pub fn written(report: &Report, format: Format, screen: Screen) -> Result<String, serde_json::Error> {
    Ok(match format {
        Format::Text => text::text(report, screen),
        Format::Json => json::json(report)?,
        Format::Html => html::html(report),
        Format::Markdown => markdown::markdown(report),
        Format::Csv => csv::csv(report),
        Format::Latex => {
            latex::tables(&[node_figures::table(&report.nodes), run_figures::brief(&report.runs)])
        }
    })
}

/// Two runs beside each other. Only [`Format::Json`] can fail.
pub fn compared(
    first: &Run,
    second: &Run,
    format: Format,
    screen: Screen,
) -> Result<String, serde_json::Error> {
    let page = || comparison::page(first, second);
    Ok(match format {
        Format::Text => text::write(&page(), screen),
        Format::Markdown => markdown::write(&page()),
        Format::Html => html::write(&page()),
        Format::Json => serde_json::to_string_pretty(&[first, second])? + "\n",
        Format::Csv => {
            csv::side_by_side(&comparison::figures(first, second, run_figures::all), comparison::NAMES)
        }
        Format::Latex => {
            latex::side_by_side(&comparison::figures(first, second, run_figures::of_two), comparison::NAMES)
        }
    })
}

/// Runs, a row for each, and sentences on what of the store is none. Only [`Format::Json`] can fail, and it has the
/// runs alone, as CSV has.
pub fn runs_written(
    runs: &[Run],
    left_out: &[String],
    format: Format,
    screen: Screen,
) -> Result<String, serde_json::Error> {
    Ok(match format {
        Format::Text => left_out.iter().fold(runs_table(runs, screen), |text, why| text + why + "\n"),
        Format::Markdown => markdown::write(&one_run::runs_page(runs, left_out)),
        Format::Html => html::write(&one_run::runs_page(runs, left_out)),
        Format::Json => serde_json::to_string_pretty(runs)? + "\n",
        Format::Csv => csv::wide(&run_figures::all(runs)),
        Format::Latex => latex::tables(&[run_figures::brief(runs)]),
    })
}

/// Everything of one run. Only [`Format::Json`] can fail.
pub fn run_written(run: &Run, format: Format, screen: Screen) -> Result<String, serde_json::Error> {
    let one = std::slice::from_ref(run);
    Ok(match format {
        Format::Text => run_page(run, screen),
        Format::Markdown => markdown::write(&one_run::page(run)),
        Format::Html => html::write(&one_run::page(run)),
        Format::Json => serde_json::to_string_pretty(run)? + "\n",
        Format::Csv => csv::wide(&run_figures::all(one)),
        Format::Latex => latex::tables(&[run_figures::brief(one)]),
    })
}
