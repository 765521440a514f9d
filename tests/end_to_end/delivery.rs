//! Nothing lost, nothing doubled: the collector away, the agent killed.

use std::thread;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_query::{AROUND_MS, energy_points, latest, series_of};
use picollect_settings::time::{now_ms, rfc3339};
use picollect_store::Store;
use picollect_telemetry::catalogue::{JOULES, SAMPLES, TEMP};
use serde_json::Value;

use crate::process::{Collector, Process, eventually, stdout};

const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };

/// The numbers of the samples that arrived, in order of their time.
fn arrived(store: &dyn Store, host: &str) -> Vec<f64> {
    let series = series_of(store, host, &SAMPLES, ALWAYS, 0).unwrap();
    series.into_iter().flat_map(|series| series.samples).map(|sample| sample.value).collect()
}

fn wait_for_samples(collector: &Collector, host: &str, at_least: usize) {
    let store = collector.store();
    eventually("enough samples arrive", || arrived(&store, host).len() >= at_least);
}

#[test]
fn a_collector_that_is_away_for_30_s_misses_nothing_and_doubles_nothing() {
    let mut collector = Collector::start();
    let hosts = ["a", "b", "c"];
    let agents: Vec<Process> =
        hosts.iter().map(|host| collector.simulated_agent(host, "200ms", i64::MAX / 4)).collect();
    for host in hosts {
        wait_for_samples(&collector, host, 5);
    }
    collector.kill();
    thread::sleep(Duration::from_secs(30));
    collector.restart();
    let restarted_ms = now_ms();
    let store = collector.store();
    for host in hosts {
        eventually("the backlog arrives", || {
            let last = latest(&store, host, &SAMPLES, now_ms(), AROUND_MS).unwrap();
            last.is_some_and(|(_, sample)| sample.t_ms > restarted_ms)
        });
    }
    for agent in agents {
        assert_eq!(agent.terminate(), Some(0));
    }
    for host in hosts {
        let arrived = arrived(&store, host);
        let want: Vec<f64> = (1..=arrived.len()).map(|number| number as f64).collect();
        assert!(arrived.len() > 150 && arrived == want, "{host}: {arrived:?}");
        let temps = series_of(&store, host, &TEMP, ALWAYS, 0).unwrap().remove(0).samples;
        assert_eq!(temps.len(), arrived.len(), "{host}");
    }
}

#[test]
fn an_agent_that_is_killed_and_restarted_loses_only_the_time_it_was_dead() {
    let collector = Collector::start();
    let start_ms = now_ms();
    let first = collector.simulated_agent("n", "500ms", i64::MAX / 4);
    wait_for_samples(&collector, "n", 8);
    first.kill();
    let killed_ms = now_ms();
    thread::sleep(Duration::from_secs(3));
    let revived_ms = now_ms();
    let second = collector.simulated_agent("n", "500ms", i64::MAX / 4);
    wait_for_samples(&collector, "n", 16);
    assert_eq!(second.terminate(), Some(0));
    let end_ms = now_ms();

    let (from, to) = (rfc3339(start_ms), rfc3339(end_ms));
    let report = stdout(&[
        "report",
        "--data",
        collector.data_text(),
        "--format",
        "json",
        "--from",
        &from,
        "--to",
        &to,
    ]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let node = &report["nodes"][0];
    let window_s = report["window"]["seconds"].as_f64().unwrap();
    let covered_s = node["coverage"].as_f64().unwrap() * window_s;
    let dead_s = (revived_ms - killed_ms) as f64 / 1000.0;
    // One interval, and for each start the time until the meter's first conversion.
    assert!(window_s - covered_s < dead_s + 0.5 + 2.0 * 0.5, "{covered_s} s of {window_s} s");
    assert!(covered_s < window_s - dead_s, "dead time is not covered: {covered_s} s of {window_s} s");
    // The simulated board takes 6.4 W at full load and is never throttled here: counted once, not twice.
    let mean_w = node["energy_j"].as_f64().unwrap() / covered_s;
    assert!((mean_w - 6.4).abs() < 0.1, "{mean_w} W");

    let store = collector.store();
    let joules = series_of(&store, "n", &JOULES, ALWAYS, 0).unwrap().remove(0);
    let points = energy_points(&store, &joules, ALWAYS).unwrap();
    let mut epochs: Vec<i64> = points.iter().map(|point| point.since_ms).collect();
    epochs.dedup();
    assert_eq!(epochs.len(), 2, "{points:?}");
}
