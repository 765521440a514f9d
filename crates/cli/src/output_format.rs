//! How an answer is printed: `--format`, and `--json` for `--format json` wherever there is JSON.

use clap::{Args, ValueEnum};
use picollect_analysis::report::Format;

/// For what is text or JSON.
#[derive(Debug, Clone, Copy, Args)]
pub struct TextOrJson {
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Kind::Text)]
    format: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Text,
    Json,
}

impl TextOrJson {
    pub(crate) fn is_json(self) -> bool {
        self.json || self.format == Kind::Json
    }
}

impl From<TextOrJson> for Format {
    fn from(wanted: TextOrJson) -> Self {
        if wanted.is_json() { Self::Json } else { Self::Text }
    }
}

/// For what is also a page, a document or a table.
#[derive(Debug, Clone, Copy, Args)]
pub struct AnyFormat {
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl From<AnyFormat> for Format {
    fn from(AnyFormat { json, format }: AnyFormat) -> Self {
        if json { Self::Json } else { format }
    }
}
