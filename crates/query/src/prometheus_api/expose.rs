//! The last sample of every series of the catalogue, for a Prometheus that scrapes. Each sample has its own time, so
//! that a node that fell silent looks silent.

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{self, COLLECTOR};
use picollect_telemetry::exposition::Page;

use picollect_store::prometheus_names::tag_label;
use picollect_store::{Selector, Store, StoreError};

/// A sample that is older is no longer shown: Prometheus itself looks back no further.
const SHOWN_MS: i64 = picollect_promql::LOOKBACK_MS;

/// Adds the last samples up to this time, Unix milliseconds, to a page. An error is the store's.
pub fn last_samples(store: &dyn Store, now_ms: i64, page: &mut Page) -> Result<(), StoreError> {
    for metric in catalogue::METRICS {
        let Some(kind) = metric.kind.exposed() else { continue };
        // The page has what a collector says of itself as it is now, not as it was stored.
        if metric.tags.contains(&COLLECTOR) {
            continue;
        }
        let name = metric.prometheus_name();
        let mut family = page.family(&name, kind, metric.help);
        let selector =
            Selector { measurement: Some(metric.measurement), field: Some(metric.field), tags: &[] };
        for key in store.series(&selector)? {
            let samples = store.read(&key, Window { start_ms: now_ms, end_ms: now_ms }, SHOWN_MS)?;
            let last = samples.iter().rev().find(|sample| sample.t_ms <= now_ms);
            if let Some((last, value)) = last.and_then(|last| Some((last, last.value.as_f64()?))) {
                let labels: Vec<_> = key.tags.iter().map(|(name, value)| (tag_label(name), value)).collect();
                let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                family.sample(labels, value, Some(last.t_ms));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::exposition::Format;
    use picollect_telemetry::line::{Precision, decode};

    fn page(format: Format) -> String {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let lines = "power,host=a\"b,meter=m joules=5 1000\npower,host=a\"b,meter=m joules=7 2500\nthermal,host=c temp_c=1 -900000\n";
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let mut page = Page::new(format);
        last_samples(&store, 3000, &mut page).unwrap();
        page.finish()
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
            text.ends_with("picollect_power_joules_total{host=\"a\\\"b\",meter=\"m\"} 7 2.500\n# EOF\n"),
            "{text}"
        );
    }
}
