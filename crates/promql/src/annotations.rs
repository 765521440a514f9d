//! What Prometheus tells beside an answer: warnings, where it may be wrong, and infos, where the query may be.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// Most different ones that are kept of each kind; Prometheus' API shows ten.
const MOST: usize = 10;
/// Longest name or value of a label that is repeated in one, in characters.
const LONGEST: usize = 100;

/// What is to be said beside an answer, each once and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The answer may not be what was meant; ten at most.
    pub warnings: Vec<String>,
    /// The query looks like a slip; ten at most.
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
    pub(crate) fn bad_bucket(&self, bound: &str, metric: &str) {
        let (bound, metric) = (short(bound), short(metric));
        let text = "PromQL warning: bucket label \"le\" is missing or has a malformed value of";
        let of = if metric.is_empty() { String::new() } else { format!(" for metric name {metric:?}") };
        add(&self.warnings, format!("{text} {bound:?}{of}"));
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
        let all = |from: RefCell<BTreeSet<String>>| from.into_inner().into_iter().collect();
        Annotations { warnings: all(self.warnings), infos: all(self.infos) }
    }
}

fn add(to: &RefCell<BTreeSet<String>>, text: String) {
    let mut to = to.borrow_mut();
    if to.len() < MOST {
        to.insert(text);
    }
}

fn short(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(at, _)| &text[..at])
}

/// A number as Go's `%g` writes it, as far as a share needs it.
fn number(value: f64) -> String {
    match value {
        value if value == f64::INFINITY => "+Inf".to_owned(),
        value if value == f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}
