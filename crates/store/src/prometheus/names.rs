//! How a series of ours is called in an engine of the Prometheus family, and back: by `prometheus_names`, with the type as
//! one label more. Whatever an engine or its operator adds, such as the number of a replica, is no tag of ours.
//!
//! Invariant: [`parse`] gives back exactly what [`labels`] was given.

use std::collections::BTreeMap;

use picollect_telemetry::Value;

use crate::prometheus_names::{self, FIELD, MEASUREMENT, TAGS, tag_label, tag_list, tag_name};
use crate::{Selector, SeriesKey};

/// The label with the type; absent for floats.
pub(super) const TYPE: &str = "picollect_type";
/// The types, as the label names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Type {
    Float,
    Integer,
    Unsigned,
    Boolean,
    Text,
}

impl Type {
    const NAMED: [(Self, &str); 4] = [
        (Self::Integer, "integer"),
        (Self::Unsigned, "unsigned"),
        (Self::Boolean, "boolean"),
        (Self::Text, "text"),
    ];

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float,
            Value::Int(_) => Self::Integer,
            Value::UInt(_) => Self::Unsigned,
            Value::Bool(_) => Self::Boolean,
            Value::Text(_) => Self::Text,
        }
    }

    fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name)
    }

    fn from_name(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self::Float) };
        Self::NAMED.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// A number of the engine as a value of this type; `None` for a text, which is no number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was an integer, and `as` saturates"
    )]
    pub(super) fn value(self, number: f64) -> Option<Value> {
        Some(match self {
            Self::Float => Value::Float(number),
            Self::Integer => Value::Int(number as i64),
            Self::Unsigned => Value::UInt(number as u64),
            Self::Boolean => Value::Bool(number != 0.0),
            Self::Text => return None,
        })
    }
}

/// All labels of a series, sorted by name as remote write wants them.
pub(super) fn labels(
    measurement: &str,
    field: &str,
    tags: &[(String, String)],
    kind: Type,
) -> Vec<(String, String)> {
    let mut labels = prometheus_names::labels(measurement, field, tags);
    labels.extend(kind.name().map(|name| (TYPE.to_owned(), name.to_owned())));
    labels.sort();
    labels
}

/// Reads a series' labels; `None` if it is not ours. Labels that are no tags of ours are passed over.
pub(super) fn parse(labels: &BTreeMap<String, String>) -> Option<(SeriesKey, Type)> {
    let measurement = labels.get(MEASUREMENT)?.clone();
    let field = labels.get(FIELD)?.clone();
    let kind = Type::from_name(labels.get(TYPE).map(String::as_str))?;
    let listed = labels.get(TAGS).map(String::as_str).unwrap_or_default();
    let tag = |label: &str| Some((tag_name(label)?, labels.get(label)?.clone()));
    let mut tags =
        listed.split(',').filter(|label| !label.is_empty()).map(tag).collect::<Option<Vec<_>>>()?;
    tags.sort();
    Some((SeriesKey { measurement, field, tags }, kind))
}

/// A selector of PromQL for exactly this series, of any type.
pub(super) fn selector_of(key: &SeriesKey) -> String {
    let listed = tag_list(&key.tags);
    let mut matchers =
        vec![matcher(MEASUREMENT, &key.measurement), matcher(FIELD, &key.field), matcher(TAGS, &listed)];
    matchers.extend(key.tags.iter().map(|(name, value)| matcher(&tag_label(name), value)));
    format!("{{{}}}", matchers.join(","))
}

/// A selector of PromQL for all series that match.
pub(super) fn selector(selector: &Selector<'_>) -> String {
    let mut matchers: Vec<String> =
        selector.measurement.iter().map(|text| matcher(MEASUREMENT, text)).collect();
    match selector.field {
        Some(field) => matchers.push(matcher(FIELD, field)),
        // At least one matcher has to refuse the empty text.
        None => matchers.push(format!("{FIELD}=~\".+\"")),
    }
    matchers.extend(selector.tags.iter().map(|(name, value)| matcher(&tag_label(name), value)));
    format!("{{{}}}", matchers.join(","))
}

/// A string of PromQL is written like one of Go
/// (<https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals>).
fn matcher(label: &str, value: &str) -> String {
    let mut text = format!("{label}=\"");
    for character in value.chars() {
        match character {
            '"' => text += "\\\"",
            '\\' => text += "\\\\",
            '\n' => text += "\\n",
            other => text.push(other),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_metric_of_the_catalogue_has_its_name_and_its_tags_as_they_are() {
        let labels = labels("power", "joules", &tags(&[("host", "pi-1")]), Type::Float);
        let want = [
            ("__name__", "picollect_power_joules_total"),
            ("host", "pi-1"),
            (FIELD, "joules"),
            (MEASUREMENT, "power"),
            (TAGS, "host"),
        ];
        assert_eq!(labels, tags(&want));
    }

    #[test]
    fn a_foreign_one_has_a_name_that_looks_right_and_odd_tags_are_spelled() {
        let labels = labels("1.cpu", "usage-idle", &tags(&[("_", "a"), ("ä", "b")]), Type::Integer);
        let value =
            |name: &str| labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str());
        assert_eq!(value("__name__"), Some("_1_cpu_usage_idle"));
        assert_eq!((value("picollect_tag__5F"), value("picollect_tag__C3_A4")), (Some("a"), Some("b")));
        assert_eq!(value(TYPE), Some("integer"));
    }

    #[test]
    fn labels_that_somebody_added_are_no_tags_and_a_strangers_series_is_not_ours() {
        let mut all: BTreeMap<_, _> =
            labels("m", "f", &tags(&[("host", "a")]), Type::Boolean).into_iter().collect();
        all.insert("receive_replica".into(), "1".into());
        let (key, kind) = parse(&all).unwrap();
        assert_eq!((key.tags, kind), (tags(&[("host", "a")]), Type::Boolean));
        assert_eq!(parse(&tags(&[("__name__", "up")]).into_iter().collect()), None);
    }

    #[test]
    fn a_selector_is_quoted() {
        let tags = [("host", "a\"b\\c\nd"), ("x-y", "1")];
        let got = selector(&Selector { measurement: Some("m"), field: None, tags: &tags });
        let want =
            r#"{picollect_measurement="m",picollect_field=~".+",host="a\"b\\c\nd",picollect_tag_x_2Dy="1"}"#;
        assert_eq!(got, want);
    }

    proptest! {
        #[test]
        fn every_name_comes_back(
            measurement in ".{1,8}",
            field in ".{1,8}",
            tags in proptest::collection::btree_map(".{1,8}|picollect_tag_.{0,4}|[a-z_]{1,6}", ".{1,8}", 0..5),
        ) {
            let tags: Vec<_> = tags.into_iter().collect();
            let labels = labels(&measurement, &field, &tags, Type::Unsigned);
            prop_assert!(labels.is_sorted());
            let map: BTreeMap<_, _> = labels.iter().cloned().collect();
            prop_assert_eq!(map.len(), labels.len());
            prop_assert_eq!(parse(&map), Some((SeriesKey { measurement, field, tags }, Type::Unsigned)));
        }
    }
}
