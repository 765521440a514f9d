//! The series that a query means, by the labels of `prometheus_names`.

use picollect_promql::{Labels, Matcher, MatcherKind};
use picollect_telemetry::catalogue::{self, Kind, Metric};

use picollect_store::prometheus_names::{self, FIELD, MEASUREMENT, NAME};
use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// All labels of a series.
pub(super) fn labels(key: &SeriesKey) -> Labels {
    Labels::new(prometheus_names::labels(&key.measurement, &key.field, &key.tags))
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

/// The metric of the catalogue with this name.
fn named(name: &str) -> Option<&'static Metric> {
    catalogue::METRICS.iter().copied().find(|metric| metric.prometheus_name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_store::prometheus_names::TAGS;

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
