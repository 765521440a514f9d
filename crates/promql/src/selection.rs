//! What a selector asks for.

use promql_parser::label;
use promql_parser::parser::{Expr, VectorSelector, token};

use crate::error::Error;
use crate::labels::{Labels, NAME};
use crate::position;

/// One condition on a label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The name of the label that is compared.
    pub name: String,
    /// The value or the regular expression.
    pub value: String,
    /// How they are compared.
    pub kind: MatcherKind,
    compiled: label::Matcher,
}

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatcherKind {
    /// `=`: the value is this.
    Equal,
    /// `!=`: the value is not this.
    NotEqual,
    /// `=~`: the whole value matches this expression.
    Matches,
    /// `!~`: the whole value does not match this expression.
    NotMatches,
}

impl Matcher {
    /// True for a value that fulfils it; a label that is not there has the empty value.
    pub fn is_match(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }

    /// Since Prometheus 3 a dot matches a line's end too, which the parser's own expressions do not.
    fn read(from: &label::Matcher) -> Result<Self, String> {
        let (kind, id) = match from.op {
            label::MatchOp::Equal => (MatcherKind::Equal, token::T_EQL),
            label::MatchOp::NotEqual => (MatcherKind::NotEqual, token::T_NEQ),
            label::MatchOp::Re(_) => (MatcherKind::Matches, token::T_EQL_REGEX),
            label::MatchOp::NotRe(_) => (MatcherKind::NotMatches, token::T_NEQ_REGEX),
        };
        let compared = match kind {
            MatcherKind::Equal | MatcherKind::NotEqual => from.value.clone(),
            MatcherKind::Matches | MatcherKind::NotMatches => format!("(?s:{})", from.value),
        };
        let compiled = label::Matcher::new_matcher(id, from.name.clone(), compared)?;
        Ok(Self { name: from.name.clone(), value: from.value.clone(), kind, compiled })
    }
}

/// What a source is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// All of them have to be fulfilled.
    pub matchers: &'a [Matcher],
    /// The first time of interest, Unix milliseconds.
    pub from_ms: i64,
    /// The last time of interest, Unix milliseconds, included.
    pub to_ms: i64,
    /// More series are an error.
    pub most_series: usize,
    /// More samples are an error.
    pub most_samples: usize,
}

impl Selection<'_> {
    /// True for labels that are meant.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name)))
    }
}

/// The conditions of a selector, its name being one of them.
pub(crate) fn matchers(selector: &VectorSelector) -> Result<Vec<Matcher>, Error> {
    let name = selector.name.as_ref().map(|name| label::Matcher::new(label::MatchOp::Equal, NAME, name));
    let all = name.iter().chain(&selector.matchers.matchers);
    all.map(Matcher::read).collect::<Result<_, _>>().map_err(Error::Regex)
}

/// Reads a selector that stands alone, such as `match[]` of Prometheus' API takes.
///
/// # Errors
/// When the text is no PromQL, is another expression than a selector, or has a regular expression that cannot be used.
pub fn selections(text: &str) -> Result<Vec<Matcher>, Error> {
    let query = crate::Query::parse(text)?;
    match &query.expression {
        Expr::VectorSelector(selector) => matchers(selector),
        _ => Err(position::refusal(text, 0, "a selector is wanted here, such as `name{label=\"value\"}`")),
    }
}
