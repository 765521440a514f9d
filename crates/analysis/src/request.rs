//! Questions about what was measured, asked of the store on this machine or of a collector elsewhere:
//! both answer with the same text.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::report::Format;
use picollect_config::Config;
use picollect_query::prometheus_api::ApiError;
use picollect_store::{Store, StoreError};

/// An answer over HTTP names its findings in this header.
pub const FINDINGS_HEADER: &str = "x-picollect-findings";

/// What there is to say, and what is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// In the format that was asked for.
    pub text: String,
    /// What was asked to be told if it is so.
    pub findings: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The question makes no sense.
    #[error("{0}")]
    Question(String),
    /// It is about something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An alert's condition could not be looked at.
    #[error("a rule cannot be asked: {0}")]
    Rule(#[from] ApiError),
    /// The answer cannot be written down.
    #[error("the answer cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// What a question is answered from.
pub struct Sources<'a> {
    /// What was measured.
    pub store: &'a dyn Store,
    /// What is configured.
    pub config: &'a Config,
    /// Unix time, milliseconds.
    pub now_ms: i64,
}

/// A question; its fields are the query of its page.
pub trait Question: Serialize + DeserializeOwned + Send + 'static {
    /// Its page.
    const PATH: &'static str;

    /// The answer.
    fn answer(&self, from: &Sources<'_>) -> Result<Answer, AskError>;

    /// How the answer is written.
    fn format(&self) -> Format;
}
