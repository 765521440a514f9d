//! The shared corpus (`tests/corpus`): traces whose exact answer was worked out by hand.

use std::fs;
use std::path::Path;

use picollect_evaluate::Window;
use picollect_evaluate::energy::{Energy, EnergyPoint, of_counter, of_epochs, of_watts};
use picollect_evaluate::series::Sample;
use picollect_evaluate::throttle::{Flags, Moment, episodes};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnergyTrace {
    kind: String,
    window: (i64, i64),
    #[serde(default)]
    interval_s: f64,
    #[serde(default)]
    points: Vec<(i64, i64, f64, f64)>,
    #[serde(default)]
    samples: Vec<(i64, f64)>,
    expect: ExpectedEnergy,
}

#[derive(Deserialize)]
struct ExpectedEnergy {
    joules: f64,
    covered_s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThrottleTrace {
    interval_s: f64,
    cores: Option<f64>,
    window: (i64, i64),
    moments: Vec<(i64, i64, f64, f64, f64)>,
    expect: Vec<ExpectedEpisode>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct ExpectedEpisode {
    start_ms: i64,
    end_ms: i64,
    cause: String,
    peak_c: f64,
    lowest_hz: f64,
    lost_core_s: f64,
}

fn traces<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(folder);
    let files = fs::read_dir(&folder).expect("the corpus is there").map(|entry| entry.unwrap().path());
    let parse = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (
            path.display().to_string(),
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        )
    };
    let traces: Vec<_> = files.map(parse).collect();
    assert!(!traces.is_empty());
    traces
}

#[test]
fn every_energy_trace_gives_its_exact_joules_and_seconds() {
    for (name, trace) in traces::<EnergyTrace>("energy") {
        let window = Window { start_ms: trace.window.0, end_ms: trace.window.1 };
        let samples: Vec<_> = trace.samples.iter().map(|&(t_ms, value)| Sample { t_ms, value }).collect();
        let point =
            |&(t_ms, since_ms, total, metered_s): &_| EnergyPoint { t_ms, since_ms, total, metered_s };
        let points: Vec<_> = trace.points.iter().map(point).collect();
        let got: Energy = match trace.kind.as_str() {
            "epochs" => of_epochs(&points, window),
            "watts" => of_watts(&samples, window, trace.interval_s),
            "counter" => of_counter(&samples, window, trace.interval_s),
            other => panic!("{name}: no such kind {other}"),
        }
        .expect("something is covered");
        assert!((got.joules - trace.expect.joules).abs() < 1e-9, "{name}: {got:?}");
        assert!((got.covered_s - trace.expect.covered_s).abs() < 1e-9, "{name}: {got:?}");
    }
}

#[test]
fn every_throttle_trace_gives_its_episodes() {
    for (name, trace) in traces::<ThrottleTrace>("throttle") {
        let window = Window { start_ms: trace.window.0, end_ms: trace.window.1 };
        let flags = |bits: i64| {
            let flag = |bit: i64| (bits >= 0).then_some(bits & bit != 0);
            Flags { under_voltage: flag(1), freq_capped: flag(2), throttled: flag(4), soft_limit: flag(8) }
        };
        let moment = |&(t_ms, bits, temp_c, clock_hz, busy): &_| Moment {
            t_ms,
            flags: flags(bits),
            temp_c: Some(temp_c),
            clock_hz: Some(clock_hz),
            max_hz: Some(1.5e9),
            busy_cores: Some(busy),
            cores: trace.cores,
        };
        let moments: Vec<_> = trace.moments.iter().map(moment).collect();
        let rounded = |value: Option<f64>| (value.expect("known") * 1e6).round() / 1e6;
        let got: Vec<_> = episodes(&moments, window, trace.interval_s)
            .iter()
            .map(|episode| ExpectedEpisode {
                start_ms: episode.start_ms,
                end_ms: episode.end_ms,
                cause: episode.cause.as_str().to_owned(),
                peak_c: rounded(episode.peak_c),
                lowest_hz: rounded(episode.lowest_hz),
                lost_core_s: rounded(episode.lost_core_s),
            })
            .collect();
        assert_eq!(got, trace.expect, "{name}");
    }
}
