//! The formats in which answers are written.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

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
