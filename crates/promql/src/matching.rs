//! By which labels the series of two vectors find each other: `on` and `ignoring`.

use promql_parser::parser::{BinModifier, LabelModifier};

use crate::labels::Labels;

/// The labels by which series find each other.
pub(crate) fn signature(labels: &Labels, modifier: Option<&BinModifier>) -> Labels {
    match modifier.and_then(|modifier| modifier.matching.as_ref()) {
        Some(LabelModifier::Include(names)) => labels.clone().only(&names.labels),
        Some(LabelModifier::Exclude(names)) => labels.clone().without(&names.labels).nameless(),
        None => labels.clone().nameless(),
    }
}
