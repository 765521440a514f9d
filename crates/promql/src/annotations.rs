//! What Prometheus tells beside an answer: warnings, where it may be wrong, and infos, where the query may be.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// Most different ones that are shown of each kind, as in Prometheus' API, and that are counted.
const MOST_SHOWN: usize = 10;
const MOST_COUNTED: usize = 1000;
/// Longest name or value of a label that is repeated in one, in characters.
const LONGEST: usize = 100;

/// What is to be said beside an answer, each once and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The answer may not be what was meant; ten at most, and how many more there are.
    pub warnings: Vec<String>,
    /// The query looks like a slip; ten at most, and how many more there are.
    pub infos: Vec<String>,
}

/// Collects annotations while a query is evaluated.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    warnings: RefCell<BTreeSet<String>>,
    infos: RefCell<BTreeSet<String>>,
}

impl Notes {
    /// A parameter that should be a share is none.
    pub(crate) fn quantile(&self, share: f64) {
        if !(0.0..=1.0).contains(&share) {
            let share = number(share);
            let text = format!("PromQL warning: quantile value should be between 0 and 1, got {share}");
            add(&self.warnings, text);
        }
    }

    /// The same of the parameters of all moments.
    pub(crate) fn quantiles(&self, shares: &[f64]) {
        for share in shares {
            self.quantile(*share);
        }
    }

    /// A series that should be a bucket has no upper bound.
    pub(crate) fn bad_bucket(&self, bound: &str) {
        let text = "PromQL warning: bucket label \"le\" is missing or has a malformed value of";
        add(&self.warnings, format!("{text} {:?}", short(bound)));
    }

    /// A range query sorts, which it does by labels whatever it says.
    pub(crate) fn sorted_range(&self) {
        let text = "PromQL warning: sort is ineffective for range queries since results are always ordered by labels";
        add(&self.warnings, text.to_owned());
    }

    /// A function needs samples that were downsampled.
    pub(crate) fn downsampled(&self, function: &str, metric: &str) {
        let text = "PromQL warning: older samples are downsampled, so that this is computed of the points that are \
                    kept of them:";
        add(&self.warnings, format!("{text} {function} of {:?}", short(metric)));
    }

    /// Buckets counted less than smaller ones did.
    pub(crate) fn forced_monotonic(&self) {
        let text = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
                    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        add(&self.infos, text.to_owned());
    }

    /// A function of counters is given something whose name is no counter's.
    pub(crate) fn possible_non_counter(&self, metric: &str) {
        let counters = ["_total", "_sum", "_count", "_bucket"];
        if metric.is_empty() || counters.iter().any(|end| metric.ends_with(end)) {
            return;
        }
        let text =
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        add(&self.infos, format!("{text} {:?}", short(metric)));
    }

    pub(crate) fn taken(self) -> Annotations {
        Annotations { warnings: shown(self.warnings, "warning"), infos: shown(self.infos, "info") }
    }
}

fn shown(from: RefCell<BTreeSet<String>>, kind: &str) -> Vec<String> {
    let mut all: Vec<String> = from.into_inner().into_iter().collect();
    let more = all.len().saturating_sub(MOST_SHOWN);
    all.truncate(MOST_SHOWN);
    if more > 0 {
        all.push(format!("{more} more {kind} annotations omitted"));
    }
    all
}

fn add(to: &RefCell<BTreeSet<String>>, text: String) {
    let mut to = to.borrow_mut();
    if to.len() < MOST_COUNTED {
        to.insert(text);
    }
}

fn short(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(at, _)| &text[..at])
}

/// A number as Go's `%g` writes it: with an exponent below 0.0001 and from a million on.
fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let exponent =
        scientific.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse().ok()?)));
    match exponent {
        Some((digits, exponent)) if !(-4..6i32).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_an_exponent_where_go_gives_it_one() {
        let numbers =
            [2.0, -0.5, 100_000.0, 1_700_000_002.0, 1e-5, f64::INFINITY, f64::NAN, 1e300].map(number);
        assert_eq!(numbers, ["2", "-0.5", "100000", "1.700000002e+09", "1e-05", "+Inf", "NaN", "1e+300"]);
    }

    #[test]
    fn ten_annotations_are_enough_and_a_name_is_cut_off() {
        let notes = Notes::default();
        for share in 2..100 {
            notes.quantile(f64::from(share));
        }
        notes.possible_non_counter(&"x".repeat(1000));
        notes.possible_non_counter("requests_total");
        let taken = notes.taken();
        assert_eq!((taken.warnings.len(), taken.infos.len()), (11, 1));
        assert_eq!(taken.warnings[10], "88 more warning annotations omitted");
        assert!(taken.infos[0].len() < 300);
    }
}
