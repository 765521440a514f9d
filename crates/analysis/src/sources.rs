//! What an answer is made of, and why there may be none.

use picollect_config::Config;
use picollect_query::prometheus_api::ApiError;
use picollect_store::{Store, StoreError};

use crate::runs::FindError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A file that the configuration names cannot be used: which, and why. It is nobody's business outside.
    #[error("{0}")]
    Configuration(String),
    /// It is about something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// The store could not be read; with an engine elsewhere the same may work later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An alert's condition could not be looked at.
    #[error("a rule cannot be asked: {0}")]
    Rule(#[from] ApiError),
    /// The answer cannot be written down.
    #[error("the answer cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<FindError> for RequestError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Store(error) => Self::Store(error),
            absent => Self::NotFound(absent.to_string()),
        }
    }
}

/// What a request is answered from.
pub struct Sources<'a> {
    /// The store that holds the measurements.
    pub store: &'a dyn Store,
    /// The collector's configuration: prices, limits of queries, alerts that are off.
    pub config: &'a Config,
    /// The moment of the answer, Unix time in milliseconds.
    pub now_ms: i64,
}
