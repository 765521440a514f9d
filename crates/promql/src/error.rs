//! Why a query has no answer.

use crate::position::Position;
use crate::source::SourceError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no query, or one that is not understood here.
    #[error("{position}: {message}")]
    Query {
        /// Where in the text, as far as it is known.
        position: Position,
        /// What is wrong there, in a sentence for people.
        message: String,
    },
    /// The text is too long.
    #[error("the query has {bytes} bytes, the most is {most}")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// The bound, [`crate::MAX_QUERY_BYTES`], in bytes.
        most: usize,
    },
    /// A regular expression cannot be used.
    #[error("{0}")]
    Regex(String),
    /// A range query without a step.
    #[error("the step has to be more than zero")]
    NoStep,
    /// A range query over a range or a text.
    #[error(
        "a range query wants a number or one value for each series at each step; this expression is a {0}"
    )]
    NoRange(&'static str),
    /// A range query asks for more steps than [`crate::Limits::steps`].
    #[error("the query asks for {wanted} steps, the most is {most}; a longer step or a shorter time helps")]
    TooManySteps {
        /// How many steps it asks for.
        wanted: usize,
        /// How many it may have.
        most: usize,
    },
    /// Its selectors find more than [`crate::Limits::series`].
    #[error("the query finds more than {0} series, which is the most; a narrower selector helps")]
    TooManySeries(usize),
    /// Its selectors read more than [`crate::Limits::samples`].
    #[error(
        "the query reads more than {0} samples, which is the most; a shorter time or a narrower selector helps"
    )]
    TooManySamples(usize),
    /// What it reads and builds is more than [`crate::Limits::memory_bytes`].
    #[error(
        "the query takes more than {0} bytes of memory, which is the most; a longer step, a shorter time or a narrower selector helps"
    )]
    TooMuchMemory(usize),
    /// [`crate::Context::out_of_time`] said so, or the source did.
    #[error("the query took too long; a longer step, a shorter time or a narrower selector helps")]
    OutOfTime,
    /// Two series came out with the same labels.
    #[error("the result has two series with the same labels, {{{0}}}")]
    SameLabels(String),
    /// A match between vectors is not unique.
    #[error("{0}")]
    Matching(String),
    /// A parameter cannot be used.
    #[error("{0}")]
    Parameter(String),
    /// The source could not be read; why is its `source`.
    #[error("the series cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text of the query cannot be used.
    BadQuery,
    /// The query cannot be answered over these series, or takes too much.
    Execution,
    /// It took too long.
    OutOfTime,
    /// The series could not be read.
    Source,
}

impl Error {
    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Query { .. }
            | Self::TooLong { .. }
            | Self::Regex(_)
            | Self::NoStep
            | Self::NoRange(_)
            | Self::TooManySteps { .. } => Kind::BadQuery,
            Self::TooManySeries(_)
            | Self::TooManySamples(_)
            | Self::TooMuchMemory(_)
            | Self::SameLabels(_)
            | Self::Matching(_)
            | Self::Parameter(_) => Kind::Execution,
            Self::OutOfTime => Kind::OutOfTime,
            Self::Source(_) => Kind::Source,
        }
    }

    pub(crate) fn of_source(error: SourceError, limits: crate::Limits) -> Self {
        match error {
            SourceError::TooManySeries => Self::TooManySeries(limits.series),
            SourceError::TooManySamples => Self::TooManySamples(limits.samples),
            SourceError::OutOfTime => Self::OutOfTime,
            SourceError::Failed(error) => Self::Source(error),
        }
    }
}
