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
mod html;
mod json;
mod markdown;
pub mod numbers;
mod one_run;
mod page;
mod schema;
mod sections;
mod text;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use picollect_terminal::Screen;

pub use one_run::{run_page, runs_table, verdict_of_run};
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
    })
}

/// Two runs beside each other; `None` in a format that does not have that. Only [`Format::Json`] can fail.
pub fn compared(
    first: &Run,
    second: &Run,
    format: Format,
    screen: Screen,
) -> Result<Option<String>, serde_json::Error> {
    let page = comparison::page(first, second);
    Ok(match format {
        Format::Text => Some(text::write(&page, screen)),
        Format::Markdown => Some(markdown::write(&page)),
        Format::Html => Some(html::write(&page)),
        Format::Json => Some(serde_json::to_string_pretty(&[first, second])? + "\n"),
        Format::Csv => None,
    })
}
