//! FLOPS per watt from a wall meter's log and a saved HPL output, against the exact answer.

use std::fs;

use serde_json::Value;

use crate::process::stdout;

/// The run begins here, Unix seconds: 2026-11-23T12:56:05Z. HPL's stamps are a minute later.
const START_S: f64 = 1_795_438_565.0;
/// Power at the wall, watts, at seconds after the run's beginning; straight lines between them.
const POWER: [(f64, f64); 10] = [
    (-100.0, 15.0),
    (0.0, 15.0),
    (5.0, 20.0),
    (50.0, 20.0),
    (58.0, 32.0),
    (543.0, 32.0),
    (550.0, 18.0),
    (600.0, 18.0),
    (605.0, 15.0),
    (700.0, 15.0),
];
const RUN_S: f64 = 600.0;
const FLOPS: f64 = 130.68e9;
/// Nothing was logged between these.
const GAP: (f64, f64) = (300.0, 304.5);

fn power(at_s: f64) -> f64 {
    let pair = POWER.windows(2).find(|pair| at_s <= pair[1].0).expect("within the trace");
    let share = (at_s - pair[0].0) / (pair[1].0 - pair[0].0);
    pair[0].1 + (pair[1].1 - pair[0].1) * share
}

/// The exact mean power of the run, corner by corner.
fn mean_power() -> f64 {
    let corners: Vec<_> = POWER.iter().filter(|(at_s, _)| (0.0..=RUN_S).contains(at_s)).collect();
    corners.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum::<f64>()
        / RUN_S
}

/// Readings at irregular times, the corners among them, with a gap.
fn readings() -> Vec<(f64, f64)> {
    let mut times: Vec<f64> = POWER.iter().map(|(at_s, _)| *at_s).collect();
    let (mut at_s, mut step) = (-100.0, 0.0_f64);
    while at_s < 700.0 {
        times.push(at_s);
        step = (step + 0.37) % 0.9;
        at_s += 0.5 + step;
    }
    times.retain(|at_s| !(GAP.0..GAP.1).contains(at_s));
    times.sort_by(f64::total_cmp);
    times.into_iter().map(|at_s| (at_s, power(at_s))).collect()
}

/// As loggers write: some lines twice, two of them swapped.
fn log(readings: &[(f64, f64)]) -> String {
    let line = |(at_s, watts): &(f64, f64)| format!("{:.3} {watts:.4}\n", START_S + at_s);
    let mut lines: Vec<String> = readings.iter().map(line).collect();
    for at in (0..lines.len() - 1).step_by(50) {
        lines.swap(at, at + 1);
        let again = lines[at].clone();
        lines.insert(at, again);
    }
    lines.concat()
}

/// The same log as a logger with this interval would have written it; the gap stays.
fn resampled(readings: &[(f64, f64)], every_s: f64) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for pair in readings.windows(2) {
        let ((from_s, from), (to_s, to)) = (pair[0], pair[1]);
        if to_s - from_s > 3.0 {
            continue;
        }
        let mut at_s = (from_s / every_s).ceil() * every_s;
        while at_s < to_s {
            out.push((at_s, from + (to - from) * (at_s - from_s) / (to_s - from_s)));
            at_s += every_s;
        }
    }
    out
}

/// HPL's own output, with a core phase of eight minutes.
fn hpl() -> String {
    let real = include_str!("../benchmark-outputs/hpl-2.3-plain.txt");
    let text = real.replace("  5.10             1.3068e+02", "480.00             1.3068e+02");
    let text = text.replace("end time   Mon Nov 23 12:57:10 2026", "end time   Mon Nov 23 13:05:05 2026");
    assert_ne!(text, real);
    text
}

/// Imports both on five nodes and gives the run as `runs show` tells it.
fn evaluated(readings: &[(f64, f64)]) -> Value {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data");
    let nodes: String = (0..80)
        .flat_map(|step| (1..=5).map(move |node| (step, node)))
        .map(|(step, node)| {
            let at_ms = (START_S * 1000.0) + f64::from(step * 10 - 100) * 1000.0;
            format!("agent,host=pi-{node} interval_s=10 {at_ms:.0}\n")
        })
        .collect();
    let store = picollect_store::open(&data).expect("the store opens");
    let precision = picollect_telemetry::line::Precision::Milliseconds;
    let points = picollect_telemetry::line::decode(nodes.as_bytes(), precision, 0).points;
    picollect_store::Store::append(&store, &points).expect("the store writes");
    drop(store);

    let (wall, output) = (directory.path().join("socket.log"), directory.path().join("HPL.out"));
    fs::write(&wall, log(readings)).expect("writable");
    fs::write(&output, hpl()).expect("writable");
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let data = text(&data);
    stdout(&["import", "--data", &data, "--wall", &text(&wall), "--accuracy", "0.01"]);
    let times = ["--start", "2026-11-23T12:56:05Z", "--end", "2026-11-23T13:06:05Z"];
    stdout(&[&["import", "--data", &data, "--hpl", &text(&output)], &times[..]].concat());
    serde_json::from_str(&stdout(&["runs", "--data", &data, "show", "last", "--json"])).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn within(got: &Value, exact: f64, share: f64) {
    let got = number(got);
    assert!((got / exact - 1.0).abs() < share, "{got} is not within {share} of {exact}");
}

#[test]
fn flops_per_watt_of_five_nodes_is_exact_within_a_thousandth() {
    let run = evaluated(&readings());
    let result = &run["result"];
    assert_eq!(number(&result["rate"]), FLOPS);
    within(&result["rate_per_w"], FLOPS / 32.0, 1e-3);
    within(&result["rate_per_w_whole"], FLOPS / mean_power(), 1e-3);
    within(&run["energy_to_solution_j"], mean_power() * RUN_S, 1e-3);
    // A per cent of the meter, and nothing from the edges, where the power is even.
    within(&result["uncertainty"], 0.01, 1e-3);
    assert_eq!((&run["boundary"], &run["source"]), (&"wall".into(), &"measured".into()));
    assert_eq!(run["methodology"]["level"], 2, "{}", run["methodology"]);
    let coverage = number(&run["coverage"]);
    assert!((coverage - (RUN_S - 4.5) / RUN_S).abs() < 2e-3, "the gap is not bridged: {coverage}");
}

#[test]
fn another_sampling_of_the_same_log_changes_nothing_but_what_it_loses() {
    let readings = readings();
    let original = evaluated(&readings);
    for every_s in [0.5, 2.0] {
        let run = evaluated(&resampled(&readings, every_s));
        within(&run["result"]["rate_per_w"], number(&original["result"]["rate_per_w"]), 1e-3);
        within(&run["result"]["rate_per_w_whole"], number(&original["result"]["rate_per_w_whole"]), 1e-3);
    }
}
