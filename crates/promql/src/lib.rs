//! PromQL over series of one's own: a query and a source of series in, series out.
//!
//! ```
//! use picollect_promql::{
//!     Context, Found, LOOKBACK_MS, Labels, Limits, Query, QueryResult, Sample, Selection, Series, Source, SourceError,
//! };
//!
//! struct Memory(Vec<Series>);
//!
//! impl Source for Memory {
//!     fn select(&self, wanted: &Selection<'_>) -> Result<Vec<Found>, SourceError> {
//!         let found = self.0.iter().filter(|series| wanted.matches(&series.labels)).cloned();
//!         Ok(found.map(Found::whole).collect())
//!     }
//! }
//!
//! let watts = |host: &str, value| Series {
//!     labels: Labels::new([("__name__".to_owned(), "watts".to_owned()), ("host".to_owned(), host.to_owned())]),
//!     samples: vec![Sample { t_ms: 0, value }],
//! };
//! let context = Context {
//!     source: &Memory(vec![watts("pi-1", 3.5), watts("pi-2", 4.0)]),
//!     limits: Limits { steps: 11_000, series: 100, samples: 10_000, memory_bytes: 1 << 20 },
//!     lookback_ms: LOOKBACK_MS,
//!     subquery_step_ms: 60_000,
//!     out_of_time: &|| false,
//! };
//! let QueryResult::Vector(sum) = Query::parse("sum(watts)")?.instant(&context, 1000)? else { unreachable!() };
//! assert_eq!(sum[0].samples, [Sample { t_ms: 1000, value: 7.5 }]);
//! # Ok::<(), picollect_promql::Error>(())
//! ```
//!
//! Text becomes a syntax tree in the crate `promql-parser`; this crate says what of it is understood
//! (`check.rs`) and evaluates it as Prometheus 3 does (`evaluator.rs`). Prometheus' own documentation says what
//! each function means (<https://prometheus.io/docs/prometheus/latest/querying/functions/>); where it is silent,
//! a real Prometheus was asked, and `tests/end_to_end.rs` goes on asking it.
//!
//! Invariants: no I/O and no clock; every answer is complete or an error; what a query may take is bounded by
//! its [`Limits`].

mod aggregate;
mod annotations;
mod binary;
mod budget;
mod check;
mod downsampled;
mod error;
mod evaluator;
mod functions;
mod grid;
mod invariance;
mod labels;
mod literals;
mod matching;
mod numeric;
mod position;
mod range_functions;
mod regex;
mod selection;
mod set;
mod source;

use promql_parser::parser::Expr;

pub use annotations::Annotations;
pub use error::{Error, Kind};
pub use labels::Labels;
pub use position::Position;
pub use selection::{Matcher, MatcherKind, Selection, StepsFor, selections};
pub use source::{Downsampled, Found, Sample, Series, Source, SourceError, Step};

use evaluator::Evaluator;
use grid::Grid;

/// Longest text of a query, in bytes: some pages of a dashboard's longest. The syntax tree of a longer one could be too
/// deep for a thread's stack.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;

/// How long a sample stands for its series in Prometheus if nobody says otherwise, in milliseconds.
pub const LOOKBACK_MS: i64 = 5 * 60 * 1000;

/// What a query may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Moments at which a range query is answered.
    pub steps: usize,
    /// Series that all its selectors find together.
    pub series: usize,
    /// Samples that all its selectors read together.
    pub samples: usize,
    /// Bytes of everything that it reads and builds: samples, values, labels, groups. What a function needs for itself
    /// only is given back at the function's end, the rest at the query's.
    pub memory_bytes: usize,
}

/// A query that was read and understood.
#[derive(Debug)]
pub struct Query {
    text: String,
    expression: Expr,
    /// The regular expressions, by the numbers that stand in the tree for them.
    regexes: Vec<String>,
}

/// When a query is asked: `start_ms`, `start_ms + step_ms`, … up to `end_ms`, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The first step's time.
    pub start_ms: i64,
    /// No step is after this.
    pub end_ms: i64,
    /// From one step to the next; more than zero.
    pub step_ms: i64,
}

/// What a query is asked of and within which bounds.
pub struct Context<'a> {
    /// Where the series are.
    pub source: &'a dyn Source,
    /// What the query may take.
    pub limits: Limits,
    /// How long a sample stands for its series when no newer one comes, in milliseconds.
    pub lookback_ms: i64,
    /// The resolution of a subquery that names none, in milliseconds.
    pub subquery_step_ms: i64,
    /// Says that the query has taken too long; asked often.
    pub out_of_time: &'a dyn Fn() -> bool,
}

/// What a query is: Prometheus' four types of results.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryResult {
    /// A number, at the time that was asked about.
    Scalar(f64),
    /// A text that stood in the query.
    Text(String),
    /// Of each series one sample, at the moment that was asked about; in order where the query sorts.
    Vector(Vec<Series>),
    /// Of each series some samples, in the order of labels.
    Matrix(Vec<Series>),
}

/// An answer with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What the query is.
    pub answer: QueryResult,
    /// What is to be said beside it.
    pub annotations: Annotations,
    /// How many samples were read for it.
    pub samples: usize,
}

impl Query {
    /// Reads a query and refuses what is not understood here.
    ///
    /// # Errors
    /// [`Error::TooLong`] and [`Error::Query`], the latter with line and column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(Error::TooLong { bytes: text.len(), most: MAX_QUERY_BYTES });
        }
        let (expression, regexes) = read(text).map_err(|unread| match unread {
            Unread::Literal((at, message)) => position::refusal(text, at, message),
            Unread::TooLong => position::refusal(text, 0, "a duration in the query is too long"),
            Unread::Syntax(message) => position::syntax_error(text, message),
        })?;
        check::check(text, &expression, &regexes)?;
        Ok(Self { text: text.to_owned(), expression, regexes })
    }

    /// Answers for one time, Unix milliseconds.
    ///
    /// # Errors
    /// When a limit is reached, the source fails, or the query has no answer over these series ([`Error::kind`]).
    pub fn instant(&self, context: &Context<'_>, t_ms: i64) -> Result<QueryResult, Error> {
        self.answered_instant(context, t_ms).map(|answered| answered.answer)
    }

    /// Answers for one time and says what belongs to the answer.
    ///
    /// # Errors
    /// As [`Query::instant`].
    pub fn answered_instant(&self, context: &Context<'_>, t_ms: i64) -> Result<Answered, Error> {
        let times = Times { start_ms: t_ms, end_ms: t_ms, step_ms: 1 };
        Evaluator::new(context, times, &self.regexes).instant(&self.expression)
    }

    /// Answers for each step of a range.
    ///
    /// # Errors
    /// As [`Query::instant`]; [`Error::NoStep`] for a step that is not above zero and [`Error::NoRange`] for an expression
    /// that is a text or a range of samples.
    pub fn range(&self, context: &Context<'_>, times: Times) -> Result<QueryResult, Error> {
        self.answered_range(context, times).map(|answered| answered.answer)
    }

    /// Answers for each step of a range and says what belongs to the answer.
    ///
    /// # Errors
    /// As [`Query::range`].
    pub fn answered_range(&self, context: &Context<'_>, times: Times) -> Result<Answered, Error> {
        if times.step_ms <= 0 {
            return Err(Error::NoStep);
        }
        let wanted = Grid::of(times).count;
        if wanted > context.limits.steps {
            return Err(Error::TooManySteps { wanted, most: context.limits.steps });
        }
        Evaluator::new(context, times, &self.regexes).range(&self.expression)
    }

    /// The query in the usual form: spaces where they belong, and lines where it is long.
    pub fn formatted(&self) -> String {
        literals::restore(&self.expression.prettify(), &self.regexes)
    }

    /// The query as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Why the parser made no tree of a text.
enum Unread {
    /// A literal that cannot be.
    Literal(literals::Wrong),
    /// It panicked, as it does at a duration that none can hold, such as `x[1e99]`.
    TooLong,
    /// What it says is wrong.
    Syntax(String),
}

/// The only call of the parser: the tree, and the regular expressions that stand in it as numbers.
fn read(text: &str) -> Result<(Expr, Vec<String>), Unread> {
    let rewritten = literals::rewrite(text).map_err(Unread::Literal)?;
    let read = std::panic::catch_unwind(|| promql_parser::parser::parse(&rewritten.text));
    let expression = read.map_err(|_| Unread::TooLong)?.map_err(Unread::Syntax)?;
    Ok((expression, rewritten.regexes))
}

/// A duration as PromQL writes it, such as `1m30s`, in milliseconds; `None` if it is none. The parser also reads
/// plain numbers here and panics at those that no duration can hold, so it is not given any.
pub fn duration_ms(text: &str) -> Option<i64> {
    let units = |character: char| character.is_ascii_digit() || "smhdwy".contains(character);
    if !text.chars().all(units) || !text.ends_with(|last: char| last.is_ascii_alphabetic()) {
        return None;
    }
    let duration = promql_parser::util::parse_duration(text).ok()?;
    i64::try_from(duration.as_millis()).ok()
}
