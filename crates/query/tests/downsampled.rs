//! What PromQL says of downsampled series: what it said before, or a warning.

use std::sync::Arc;

use picollect_config::QueryConfig;
use picollect_query::prometheus_api::{Api, Parameters};
use picollect_store::{EmbeddedStore, Maintenance as _, Resolution, Store as _, open};
use picollect_telemetry::line::{Precision, decode};
use serde_json::Value as Json;

const DAY_S: i64 = 24 * 3600;

/// A temperature, a state and a counter every ten seconds for two days.
fn store(directory: &tempfile::TempDir) -> Arc<EmbeddedStore> {
    let store = open(directory.path()).unwrap();
    let line = |t: i64| {
        let celsius = 40 + t * 7919 % 31;
        let throttled = i64::from(t % 1000 < 150);
        format!(
            "thermal,host=a,zone=z temp_c={celsius} {t}\nthrottle,host=a,origin=o throttled={throttled}i {t}\n\
             power,boundary=node,host=a,meter=m,source=measured joules={} {t}\n",
            t * 3
        )
    };
    let lines: String = (10..=2 * DAY_S).step_by(10).map(line).collect();
    store.append(&decode(lines.as_bytes(), Precision::Seconds, 0).points).unwrap();
    store.seal().unwrap();
    Arc::new(store)
}

/// The value of a query that finds one series, and its warnings.
fn ask(store: &Arc<EmbeddedStore>, query: &str, t_s: i64) -> (f64, Vec<String>) {
    let api = Api { store: store.clone(), limits: QueryConfig::default(), now_ms: t_s * 1000 };
    let parameters = Parameters(vec![("query".to_owned(), query.to_owned())]);
    let answer: Json = serde_json::from_str(&api.query(&parameters).unwrap()).unwrap();
    let value = answer["data"]["result"][0]["value"][1].as_str();
    let value = value.unwrap_or_else(|| panic!("{query} finds nothing: {answer}"));
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    (value.parse().unwrap(), warnings.map(|warning| warning.as_str().unwrap().to_owned()).collect())
}

#[test]
fn of_downsampled_series_least_greatest_sum_count_mean_and_last_are_those_of_the_samples() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let mut before = Vec::new();
    for function in ["min", "max", "sum", "count", "avg", "last", "present"] {
        for metric in ["picollect_thermal_temp_c", "picollect_throttle_throttled"] {
            for (range, t_s) in
                [("1h", DAY_S / 2), ("6h", DAY_S), ("1d", DAY_S + 6 * 3600), ("2d", 2 * DAY_S)]
            {
                let query = format!("{function}_over_time({metric}[{range}])");
                let (value, warnings) = ask(&store, &query, t_s);
                assert_eq!(warnings, <[String; 0]>::default(), "{query}");
                before.push((query, t_s, value));
            }
        }
    }
    for (resolution, days) in [(Resolution::Minute, 2), (Resolution::Hour, 1)] {
        store.downsample(resolution, days * DAY_S * 1000 - 6 * 3_600_000, &[]).unwrap();
        for (query, t_s, value) in &before {
            let (now, warnings) = ask(&store, query, *t_s);
            assert!((now - value).abs() < 1e-9, "{query} was {value} and is {now} {resolution:?}");
            assert_eq!(warnings, <[String; 0]>::default(), "{query}");
        }
    }
    let (mean, _) = ask(&store, "picollect_thermal_temp_c", DAY_S / 2);
    assert!(mean > 41.0 && mean < 69.0, "an instant shows the mean of its step, {mean}");
}

#[test]
fn what_a_chunk_came_to_is_what_its_samples_come_to() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let celsius = |t: i64| (40 + t * 7919 % 31) as f64;
    // From within one chunk to within another, and the whole of all.
    for (from_s, to_s) in [(7_000, 150_000), (0, 2 * DAY_S), (12_345, 12_400)] {
        let times = (10..=2 * DAY_S).step_by(10).filter(|t| *t > from_s && *t <= to_s);
        let numbers: Vec<f64> = times.map(celsius).collect();
        let (count, sum) = (numbers.len() as f64, numbers.iter().sum::<f64>());
        let right = [
            ("count", count),
            ("sum", sum),
            ("avg", sum / count),
            ("min", numbers.iter().copied().fold(f64::INFINITY, f64::min)),
            ("max", numbers.iter().copied().fold(0.0, f64::max)),
            ("last", numbers[numbers.len() - 1]),
        ];
        for (function, right) in right {
            let query = format!("{function}_over_time(picollect_thermal_temp_c[{}s])", to_s - from_s);
            let (value, _) = ask(&store, &query, to_s);
            assert!((value - right).abs() < 1e-9, "{query} is {value} and not {right}");
        }
    }
}

#[test]
fn what_downsampled_series_cannot_say_any_more_carries_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let (increase, _) = ask(&store, "increase(picollect_power_joules_total[6h])", DAY_S / 2);
    store.downsample(Resolution::Minute, DAY_S * 1000, &[]).unwrap();
    let gauge = "picollect_thermal_temp_c";
    for query in [
        format!("quantile_over_time(0.9, {gauge}[6h])"),
        format!("stddev_over_time({gauge}[6h])"),
        format!("changes({gauge}[6h])"),
        "avg_over_time(picollect_power_joules_total[6h])".to_owned(),
    ] {
        let (_, warnings) = ask(&store, &query, DAY_S / 2);
        let [warning] = &warnings[..] else { panic!("{query}: {warnings:?}") };
        assert!(warning.starts_with("PromQL warning: older samples are downsampled"), "{warning}");
        assert_eq!(ask(&store, &query, 2 * DAY_S).1, <[String; 0]>::default(), "all samples are there");
    }
    // Of a counter nobody keeps what its samples add up to, though newer ones are all there.
    let (_, warnings) = ask(&store, "avg_over_time(picollect_power_joules_total[2d])", 2 * DAY_S);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for query in ["changes(picollect_throttle_throttled[6h])", "resets(picollect_power_joules_total[6h])"] {
        assert_eq!(ask(&store, query, DAY_S / 2).1, <[String; 0]>::default(), "{query}");
    }
    let (now, warnings) = ask(&store, "increase(picollect_power_joules_total[6h])", DAY_S / 2);
    assert!((now - increase).abs() < increase * 0.01, "{increase} {now}");
    assert_eq!(warnings, <[String; 0]>::default());
}
