//! What a selector asks for.

use promql_parser::label::{self, MatchOp};
use promql_parser::parser::{Expr, VectorSelector};
use regex::Regex;

use crate::error::Error;
use crate::labels::{Labels, NAME};
use crate::position;
use crate::regex::{REGEX_BYTES, compile};

/// Most regular expressions of one selector: more than any label has reason for, and few enough to compile at once.
const MAX_REGEXES: usize = 64;

/// One condition on a label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The name of the label that is compared.
    pub name: String,
    /// The value or the regular expression.
    pub value: String,
    /// How they are compared.
    pub kind: MatcherKind,
    regex: Option<Regex>,
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
        let matches = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.kind {
            MatcherKind::Equal => self.value == value,
            MatcherKind::NotEqual => self.value != value,
            MatcherKind::Matches => matches(),
            MatcherKind::NotMatches => !matches(),
        }
    }

    /// The parser's matcher, whose regular expression is only a number there.
    fn read(from: &label::Matcher, regexes: &[String], most_bytes: usize) -> Result<Self, Error> {
        let kind = match from.op {
            MatchOp::Equal => MatcherKind::Equal,
            MatchOp::NotEqual => MatcherKind::NotEqual,
            MatchOp::Re(_) => MatcherKind::Matches,
            MatchOp::NotRe(_) => MatcherKind::NotMatches,
        };
        let name = from.name.clone();
        if !is_regex(from) {
            return Ok(Self { name, value: from.value.clone(), kind, regex: None });
        }
        let pattern = from.value.parse().ok().and_then(|at: usize| regexes.get(at));
        let pattern =
            pattern.ok_or_else(|| Error::Regex(format!("no regular expression: {}", from.value)))?;
        let regex = compile(pattern, most_bytes)?;
        Ok(Self { name, value: pattern.clone(), kind, regex: Some(regex) })
    }
}

fn is_regex(matcher: &label::Matcher) -> bool {
    matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_))
}

/// Which samples may come as steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepsFor {
    /// None.
    Nothing,
    /// Those that were downsampled.
    Downsampled,
    /// Any: no more is wanted than what all samples of the time come to.
    Everything,
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
    /// What may come as [`Found::steps`](crate::Found::steps), and not among the samples.
    pub steps: StepsFor,
    /// More series are an error.
    pub most_series: usize,
    /// More samples and steps are an error.
    pub most_samples: usize,
}

impl Selection<'_> {
    /// True for labels that are meant.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name)))
    }
}

/// The conditions of a selector, its name being one of them. All its regular expressions together take what one may.
pub(crate) fn matchers(selector: &VectorSelector, regexes: &[String]) -> Result<Vec<Matcher>, Error> {
    let count = selector.matchers.matchers.iter().filter(|matcher| is_regex(matcher)).count();
    if count > MAX_REGEXES {
        let message = format!("a selector has {count} regular expressions, the most is {MAX_REGEXES}");
        return Err(Error::Regex(message));
    }
    let name = selector.name.as_ref().map(|name| label::Matcher::new(MatchOp::Equal, NAME, name));
    let all = name.iter().chain(&selector.matchers.matchers);
    all.map(|matcher| Matcher::read(matcher, regexes, REGEX_BYTES / count.max(1))).collect()
}

/// Reads a selector that stands alone, such as `match[]` of Prometheus' API takes.
///
/// # Errors
/// When the text is no PromQL, is another expression than a selector, or has a regular expression that cannot be used.
pub fn selections(text: &str) -> Result<Vec<Matcher>, Error> {
    let query = crate::Query::parse(text)?;
    match &query.expression {
        Expr::VectorSelector(selector) => matchers(selector, &query.regexes),
        _ => Err(position::refusal(text, 0, "a selector is wanted here, such as `name{label=\"value\"}`")),
    }
}
