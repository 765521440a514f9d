//! A request is what somebody asks of the measurements. Its answer is a value of its own type; only at the edge, a
//! terminal, HTTP or a file, it is written in the format that was asked for.

use picollect_config::Config;
use picollect_query::prometheus_api::ApiError;
use picollect_store::{Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::Format;

/// An answer over HTTP names its findings in this header.
pub const FINDINGS_HEADER: &str = "x-picollect-findings";

/// An answer as it is shown, and what is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// In the format that was asked for.
    pub text: String,
    /// What was asked to be told if it is so.
    pub findings: Vec<String>,
}

impl From<String> for Written {
    fn from(text: String) -> Self {
        Self { text, findings: Vec::new() }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
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

/// What a request is answered from.
pub struct Sources<'a> {
    /// The store that holds the measurements.
    pub store: &'a dyn Store,
    /// The collector's configuration: prices, limits of queries, alerts that are off.
    pub config: &'a Config,
    /// The moment of the answer, Unix time in milliseconds.
    pub now_ms: i64,
}

/// A request; its fields are the query of its page.
pub trait Request: Serialize + DeserializeOwned + Send + 'static {
    /// The path of its page.
    const PATH: &'static str;

    /// What is known. As JSON it is what [`written`](Self::written) gives for [`Format::Json`].
    type Answer;

    /// Reads the store for the answer.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if the fields make no sense, [`RequestError::NotFound`] if they name a run
    /// that is not there, [`RequestError::Store`] or [`RequestError::Rule`] if the store cannot be read.
    fn answer(&self, from: &Sources<'_>) -> Result<Self::Answer, RequestError>;

    /// How the answer is to be written.
    fn format(&self) -> Format;

    /// Writes the answer that was found at a moment, Unix time in milliseconds. [`RequestError::Invalid`] if
    /// it does not have that format.
    fn written(&self, answer: &Self::Answer, now_ms: i64) -> Result<Written, RequestError>;
}

/// The answer of a request as it is shown. Fails as its [`answer`](Request::answer) and
/// [`written`](Request::written) do.
pub fn answered<R: Request>(request: &R, from: &Sources<'_>) -> Result<Written, RequestError> {
    request.written(&request.answer(from)?, from.now_ms)
}
