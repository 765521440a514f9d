//! `[page]`: by which names people reach the collector's page.

use serde::Deserialize;

/// What the page in the browser has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageConfig {
    /// Names by which a browser may ask, beside addresses and this machine's own name: those that a proxy or a DNS gives
    /// it. `*` is any name, which lets a page elsewhere pass for the collector.
    pub hosts: Vec<String>,
}
