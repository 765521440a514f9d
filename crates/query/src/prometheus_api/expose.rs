//! The last sample of every series of the catalogue, for a Prometheus that scrapes: text format 0.0.4, or OpenMetrics 1.0
//! for who asks for it (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). Each sample has its own time, so
//! that a node that fell silent looks silent.

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{self, COLLECTOR, Metric};

use super::{json, names};
use picollect_store::prometheus_names::tag_label;
use picollect_store::{Selector, SeriesKey, Store, StoreError};

/// A sample that is older is no longer shown: Prometheus itself looks back no further.
const SHOWN_MS: i64 = picollect_promql::LOOKBACK_MS;

/// Which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text format, version 0.0.4.
    Text,
    /// OpenMetrics; the caller ends the page with `# EOF`.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The type that the page has.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The name of a family: OpenMetrics has `_total` at a counter's samples only.
    pub fn family(self, name: &str) -> &str {
        match self {
            Self::Text => name,
            Self::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
        }
    }

    fn time(self, t_ms: i64) -> String {
        match self {
            Self::Text => t_ms.to_string(),
            Self::OpenMetrics => format!("{}.{:03}", t_ms.div_euclid(1000), t_ms.rem_euclid(1000)),
        }
    }
}

/// The last samples up to this time, Unix milliseconds.
pub fn last_samples(store: &dyn Store, now_ms: i64, format: Format) -> Result<String, StoreError> {
    let mut page = String::new();
    for metric in catalogue::METRICS {
        let Some(kind) = names::type_of(metric) else { continue };
        // The page has what a collector says of itself as it is now, not as it was stored.
        if metric.tags == [COLLECTOR] {
            continue;
        }
        let lines = lines(store, metric, now_ms, format)?;
        if lines.is_empty() {
            continue;
        }
        let name = metric.prometheus_name();
        let family = format.family(&name);
        page += &format!("# HELP {family} {}\n# TYPE {family} {kind}\n{lines}", escape(metric.help));
    }
    Ok(page)
}

fn lines(store: &dyn Store, metric: &Metric, now_ms: i64, format: Format) -> Result<String, StoreError> {
    let selector = Selector { measurement: Some(metric.measurement), field: Some(metric.field), tags: &[] };
    let mut lines = String::new();
    for key in store.series(&selector)? {
        let window = Window { start_ms: now_ms, end_ms: now_ms };
        let samples = store.read(&key, window, SHOWN_MS)?;
        let last = samples.iter().rev().find(|sample| sample.t_ms <= now_ms);
        if let Some((last, value)) = last.and_then(|last| Some((last, last.value.as_f64()?))) {
            let (name, time) = (metric.prometheus_name(), format.time(last.t_ms));
            lines += &format!("{name}{} {} {time}\n", labels(&key), json::number(value));
        }
    }
    Ok(lines)
}

fn labels(key: &SeriesKey) -> String {
    let pair = |(name, value): &(String, String)| {
        format!("{}=\"{}\"", tag_label(name), escape(value).replace('"', "\\\""))
    };
    let pairs: Vec<String> = key.tags.iter().map(pair).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    fn page(format: Format) -> String {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let lines = "power,host=a\"b,meter=m joules=5 1000\npower,host=a\"b,meter=m joules=7 2500\nthermal,host=c temp_c=1 -900000\n";
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        last_samples(&store, 3000, format).unwrap()
    }

    #[test]
    fn the_last_sample_is_shown_with_its_time_and_an_old_one_is_not() {
        let text = page(Format::Text);
        assert!(text.contains("# TYPE picollect_power_joules_total counter\n"), "{text}");
        assert!(
            text.ends_with("picollect_power_joules_total{host=\"a\\\"b\",meter=\"m\"} 7 2500\n"),
            "{text}"
        );
        assert!(!text.contains("temp_c"), "{text}");
    }

    #[test]
    fn open_metrics_has_total_at_the_samples_only() {
        let text = page(Format::OpenMetrics);
        assert!(text.contains("# TYPE picollect_power_joules counter\n"), "{text}");
        assert!(
            text.ends_with("picollect_power_joules_total{host=\"a\\\"b\",meter=\"m\"} 7 2.500\n"),
            "{text}"
        );
        assert_eq!(Format::accepted("application/openmetrics-text;version=1.0.0,*/*"), Format::OpenMetrics);
    }
}
