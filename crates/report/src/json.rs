//! The report as JSON, one document; the structure is [`Report`](super::Report) itself and described in
//! `docs/report-schema.md`.

use super::Report;

/// Indented, ended by a line feed.
pub(super) fn json(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}
