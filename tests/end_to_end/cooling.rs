//! Whether a fan pays: two labelled runs in a store, compared by the command that a person types.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use picollect_analysis::runs::{Run, Share, TimeRange, record};
use picollect_store::Store as _;
use picollect_telemetry::line::{Precision, decode};
use serde_json::Value;

use crate::process::{run, stdout};

/// 2026-11-30T12:00:00Z.
const START_MS: i64 = 1_796_040_000_000;
const SECONDS: i64 = 100;

/// A run of a node at so many watts that computes so much, throttled or not.
fn load(store: &Path, label: &str, start_ms: i64, (watts, flop): (f64, f64), throttled: bool) {
    let store = picollect_store::open(store).expect("a store");
    let mut lines = String::new();
    for second in 0..=SECONDS {
        let t_ms = start_ms + second * 1000;
        let hz = if throttled { 1.2e9 } else { 1.5e9 };
        let joules = watts * second as f64;
        writeln!(
            lines,
            "agent,host=pi-1 interval_s=1 {t_ms}\n\
             power,boundary=node,host=pi-1,meter=m,source=measured \
             watts={watts},joules={joules},metered_s={second},since_ms={start_ms}i {t_ms}\n\
             meter,boundary=node,host=pi-1,meter=m,source=measured gain_error=0.005,offset_w=0 {t_ms}\n\
             cpu,core=all,host=pi-1 busy_ratio=1,cores=4i {t_ms}\n\
             clock,core=arm,host=pi-1 measured_hz={hz},max_hz=1500000000 {t_ms}\n\
             throttle,host=pi-1,origin=firmware throttled={}i,under_voltage=0i,freq_capped=0i,soft_limit=0i {t_ms}",
            i32::from(throttled)
        )
        .expect("a string takes it");
    }
    store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).expect("it is written");
    let time = TimeRange { start_ms, end_ms: start_ms + SECONDS * 1000 };
    let shares = vec![Share { host: "pi-1".to_owned(), flop: Some(flop) }];
    let mut done = Run::of_load("bench", "bench", "pi-1", time, shares);
    done.labels.insert("cooling".to_owned(), label.to_owned());
    record(&store, &done).expect("it is kept");
}

/// The store of both runs, and a configuration that says this of the cooling.
fn both(directory: &Path, cooling: &str) -> Vec<String> {
    let store = directory.join("store");
    if !store.exists() {
        load(&store, "none", START_MS, (6.0, 1e12), true);
        load(&store, "fan", START_MS + 1_000_000, (6.2, 1.25e12), false);
    }
    let config = directory.join("collector.toml");
    fs::write(&config, cooling).expect("writable");
    ["--store", &format!("embedded:{}", store.display()), "--config", &config.display().to_string()]
        .map(ToOwned::to_owned)
        .to_vec()
}

fn compare(options: &[String], more: &[&str]) -> String {
    let mut arguments = vec!["cooling", "compare"];
    arguments.extend(options.iter().map(String::as_str));
    arguments.extend(more);
    stdout(&arguments)
}

#[test]
fn a_fan_pays_if_a_unit_of_work_takes_less_energy_with_its_own_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let pays = both(directory.path(), "[cooling]\nfan_w = 0.5\nbehind_meter = false\n");
    let text = compare(&pays, &["none", "fan"]);
    assert!(text.starts_with("The fan pays: with it a unit of work took 10.7 % less energy"), "{text}");
    assert!(
        text.contains("the work went 25.0 % faster") && text.contains("core-seconds with the fan"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.starts_with("The fan") || line.chars().count() <= 80), "{text}");
    let json: Value = serde_json::from_str(&compare(&pays, &["fan", "none", "--json"])).unwrap();
    assert_eq!((json["verdict"].as_str(), json["with_fan"].as_str()), (Some("pays"), Some("a")));
    assert_eq!((json["a"]["fan_w"].as_f64(), json["a"]["lost_core_s"].as_f64()), (Some(0.5), Some(0.0)));
    assert!(json["b"]["lost_core_s"].as_f64().unwrap() > 50.0, "a fifth of the clock on four cores: {json}");

    let costs = both(directory.path(), "[cooling]\nfan_w = 2\nbehind_meter = false\n");
    assert!(compare(&costs, &["none", "fan"]).starts_with("The fan does not pay in energy: "));
}

#[test]
fn what_is_not_known_of_the_fan_is_said_and_its_power_is_not_taken_for_zero() {
    let directory = tempfile::tempdir().unwrap();
    let silent = both(directory.path(), "");
    let text = compare(&silent, &["none", "fan"]);
    assert!(
        text.starts_with("Whether the fan pays is not known: whether the meter counts the fan in B"),
        "{text}"
    );
    assert!(text.contains("on, unknown W"), "{text}");
    let missing = run(&[&["cooling", "compare", "none", "water"][..], &["--store", &silent[1]]].concat());
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(said.contains("no run `water` and none with --label cooling=water"), "{said}");
}
