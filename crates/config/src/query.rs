//! `[query]`: what a query of Prometheus' API may take.

use std::time::Duration;

use picollect_settings::duration;
use serde::Deserialize;

/// Limits of one query; each is an error that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryConfig {
    /// Steps of a range query. Prometheus allows 11,000 from start to end, which is a point more.
    pub max_steps: usize,
    /// Series that a query finds.
    pub max_series: usize,
    /// Samples that a query reads: two days of one metric of twenty nodes at one a second are 3.5 million.
    pub max_samples: usize,
    /// Mebibytes that a query takes for samples and values.
    pub max_memory_mib: usize,
    /// Time that a query takes.
    #[serde(deserialize_with = "given")]
    pub timeout: Duration,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            max_steps: 11_001,
            max_series: 10_000,
            max_samples: 10_000_000,
            max_memory_mib: 256,
            timeout: Duration::from_secs(30),
        }
    }
}

fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Ok(duration::optional(from)?.unwrap_or(QueryConfig::default().timeout))
}
