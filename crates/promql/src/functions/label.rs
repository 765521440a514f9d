//! `label_replace` and `label_join`: a label made of others, of every series.
//!
//! Invariant: a label's length is bounded before it is built, because a replacement may repeat a label a thousand times
//! and a query may nest replacements.

use promql_parser::parser::Call;

use crate::budget::Budget;
use crate::error::Error;
use crate::evaluator::{argument, text};
use crate::grid::{Stepped, merge};
use crate::regex::{self, REGEX_BYTES};

/// A label from another one that matches a regular expression as a whole.
pub(crate) fn replace(all: Vec<Stepped>, call: &Call, budget: &Budget<'_>) -> Result<Vec<Stepped>, Error> {
    let part = |at| argument(call, at).and_then(text);
    let (target, replacement, from, pattern) = (part(1)?, part(2)?, part(3)?, part(4)?);
    named(target, "label_replace")?;
    let regex = regex::compile(pattern, REGEX_BYTES)?;
    let groups = replacement.matches('$').count();
    let mut replaced = Vec::with_capacity(all.len());
    for mut series in all {
        let value = series.labels.get(from);
        budget.work(value.len())?;
        if let Some(captures) = regex.captures(value) {
            let longest = groups.saturating_mul(value.len()).saturating_add(replacement.len());
            let room = budget.lease(longest)?;
            let mut new = String::new();
            captures.expand(replacement, &mut new);
            new.shrink_to_fit();
            drop(room);
            budget.charge_bytes(new.len().saturating_add(target.len()))?;
            series.labels.set(target, new);
        }
        replaced.push(series);
    }
    merge(replaced, budget)
}

/// A label from the values of others with something between them.
pub(crate) fn join(all: Vec<Stepped>, call: &Call, budget: &Budget<'_>) -> Result<Vec<Stepped>, Error> {
    let part = |at| argument(call, at).and_then(text);
    let (target, separator) = (part(1)?, part(2)?);
    let sources = (3..call.args.args.len()).map(part).collect::<Result<Vec<_>, _>>()?;
    sources.iter().try_for_each(|source| named(source, "label_join"))?;
    named(target, "label_join")?;
    let mut joined = Vec::with_capacity(all.len());
    for mut series in all {
        let values: Vec<&str> = sources.iter().map(|source| series.labels.get(source)).collect();
        let between = separator.len().saturating_mul(values.len().saturating_sub(1));
        let length = values.iter().fold(between, |sum, value| sum.saturating_add(value.len()));
        budget.work(length)?;
        budget.charge_bytes(length.saturating_add(target.len()))?;
        let new = values.join(separator);
        series.labels.set(target, new);
        joined.push(series);
    }
    merge(joined, budget)
}

fn named(label: &str, function: &str) -> Result<(), Error> {
    if label.is_empty() {
        return Err(Error::Parameter(format!("invalid label name in {function}(): {label:?}")));
    }
    Ok(())
}
