//! What a series is called for PromQL: the catalogue's name where it knows the field, else measurement and field joined;
//! its tags; and, because neither a joined name nor a spelled tag says for certain what it comes from, measurement,
//! field and the list of tags once more as labels. An engine of the Prometheus family that is fed by picollect has the
//! same labels, so a dashboard asks the same of both.

use picollect_promql::{Labels, Matcher, MatcherKind};
use picollect_telemetry::catalogue::{self, Kind, Metric};

use crate::store::{Selector, SeriesKey, Store, StoreError};

/// The label with the measurement.
const MEASUREMENT: &str = "picollect_measurement";
/// The label with the field.
const FIELD: &str = "picollect_field";
/// The label that lists the labels that are tags; absent where there are none.
const TAGS: &str = "picollect_tags";
/// Begins the label of a tag whose own name cannot be a label's.
const ODD_TAG: &str = "picollect_tag_";
/// No tag keeps a name that begins so.
const OURS: &str = "picollect_";
/// Prometheus' label with the name.
const NAME: &str = "__name__";

/// All labels of a series.
pub(super) fn labels(key: &SeriesKey) -> Labels {
    let mut tags: Vec<String> = key.tags.iter().map(|(name, _)| tag_label(name)).collect();
    tags.sort();
    let own = [
        (NAME, metric_name(&key.measurement, &key.field)),
        (MEASUREMENT, key.measurement.clone()),
        (FIELD, key.field.clone()),
        (TAGS, tags.join(",")),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    Labels::new(own.chain(key.tags.iter().map(|(name, value)| (tag_label(name), value.clone()))))
}

/// The series that fulfil all conditions, with their labels, in the order of these; what the catalogue knows to be a text
/// is none.
pub(super) fn find(store: &dyn Store, matchers: &[Matcher]) -> Result<Vec<(Labels, SeriesKey)>, StoreError> {
    let equal = |name: &str| {
        let matcher =
            matchers.iter().find(|matcher| matcher.kind == MatcherKind::Equal && matcher.name == name);
        matcher.map(|matcher| matcher.value.as_str())
    };
    let known = equal(NAME).and_then(named);
    let selector = Selector {
        measurement: known.map(|metric| metric.measurement).or(equal(MEASUREMENT)),
        field: known.map(|metric| metric.field).or(equal(FIELD)),
        tags: &[],
    };
    let is_number = |key: &SeriesKey| {
        catalogue::find(&key.measurement, &key.field).is_none_or(|metric| metric.kind != Kind::Text)
    };
    let keys = store.series(&selector)?.into_iter().filter(is_number);
    let meant = |labels: &Labels| matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name)));
    let mut found: Vec<_> = keys.map(|key| (labels(&key), key)).filter(|(labels, _)| meant(labels)).collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// What Prometheus calls such a metric; `None` for a text, which it cannot hold.
pub(super) fn type_of(metric: &Metric) -> Option<&'static str> {
    match metric.kind {
        Kind::Counter => Some("counter"),
        Kind::Gauge | Kind::State => Some("gauge"),
        Kind::Text => None,
    }
}

/// The metric of the catalogue with this name.
fn named(name: &str) -> Option<&'static Metric> {
    catalogue::METRICS.iter().copied().find(|metric| metric.prometheus_name() == name)
}

fn metric_name(measurement: &str, field: &str) -> String {
    if let Some(metric) = catalogue::find(measurement, field) {
        return metric.prometheus_name();
    }
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    let name: String = format!("{measurement}_{field}").chars().map(plain).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The tag's own name where it can be a label's, else one that spells every other byte in hexadecimal digits.
pub(super) fn tag_label(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if first && name.bytes().all(plain) && !name.starts_with(OURS) {
        return name.to_owned();
    }
    let spell = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("_{byte:02X}"),
    };
    ODD_TAG.to_owned() + &name.bytes().map(spell).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(measurement: &str, field: &str, tags: &[(&str, &str)]) -> Vec<(String, String)> {
        let tags = tags.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let key = SeriesKey { measurement: measurement.to_owned(), field: field.to_owned(), tags };
        labels(&key).iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_metric_of_the_catalogue_has_its_name_and_its_tags_as_they_are() {
        let pairs = [
            (NAME, "picollect_power_joules_total"),
            ("host", "pi-1"),
            (FIELD, "joules"),
            (MEASUREMENT, "power"),
            (TAGS, "host"),
        ];
        assert_eq!(
            labelled("power", "joules", &[("host", "pi-1")]),
            pairs.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }

    #[test]
    fn two_foreign_series_that_would_have_one_name_differ_in_what_they_come_from() {
        let (a, b) = (labelled("cpu.usage", "idle", &[]), labelled("cpu", "usage-idle", &[]));
        assert_eq!((a[0].1.as_str(), b[0].1.as_str()), ("cpu_usage_idle", "cpu_usage_idle"));
        assert_ne!(a, b);
        assert_eq!(labelled("1", "f", &[("ä", "x")])[3], ("picollect_tag__C3_A4".to_owned(), "x".to_owned()));
    }
}
