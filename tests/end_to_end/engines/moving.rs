//! Samples that move from one store to another, and the report that stays the same.

use std::process::{Command, Stdio};

use crate::engine::{Prometheus, Thanos, VictoriaMetrics};
use crate::influxd::Influxd;
use crate::process::{eventually, picollect, stdout};

use super::difference;

/// With what opens the InfluxDB of these tests; the others look at no token.
fn with_token(arguments: &[&str]) -> Command {
    let mut command = picollect(arguments);
    command.env("PICOLLECT_STORE_TOKEN", Influxd::TOKEN);
    command
}

fn output(arguments: &[&str]) -> String {
    let output = with_token(arguments).output().expect("picollect starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// `picollect export --store FROM | picollect import --store TO`.
pub(in crate::end_to_end) fn moved(from: &str, to: &str, format: &str) -> String {
    let mut export = with_token(&["export", "--store", from, "--format", format]);
    let mut export = export.stdout(Stdio::piped()).spawn().expect("picollect starts");
    let pipe = export.stdout.take().expect("it is piped");
    let import = with_token(&["import", "--store", to]).stdin(pipe).output().expect("picollect starts");
    assert!(export.wait().expect("it is our child").success());
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    String::from_utf8(import.stdout).expect("UTF-8")
}

fn report(store: &str, window: [&str; 4]) -> serde_json::Value {
    let arguments = [&["report", "--format", "json", "--store", store], &window[..]].concat();
    serde_json::from_str(&output(&arguments)).expect("JSON")
}

#[test]
fn a_demo_that_moves_through_every_engine_is_reported_the_same_everywhere_and_comes_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("demo");
    let demo = ["demo", "--for", "6s", "--format", "json", "--keep", kept.to_str().unwrap()];
    let demo: serde_json::Value = serde_json::from_str(&stdout(&demo)).expect("JSON");
    let embedded = format!("embedded:{}", kept.display());
    let time = |edge: &str| demo["window"][edge].as_str().expect("a time").to_owned();
    let (from, to) = (time("start"), time("end"));
    let window = ["--from", &from, "--to", &to];
    let here = report(&embedded, window);
    let lines = output(&["export", "--store", &embedded]);

    let (victoria_metrics, prometheus) = (VictoriaMetrics::start(), Prometheus::start("1d"));
    let (thanos, influxd) = (Thanos::start(), Influxd::start());
    let back = format!("embedded:{}", directory.path().join("back").display());
    let stages = [
        (format!("prometheus+{}", prometheus.url), "lines"),
        (thanos.location.clone(), "csv"),
        (influxd.location(), "lines"),
        (back.clone(), "csv"),
        (format!("prometheus+{}", victoria_metrics.url), "lines"),
    ];
    let mut from = embedded;
    for (to, format) in stages {
        eprintln!("{from} to {to}: {}", moved(&from, &to, format).trim());
        let count = |text: &str| text.lines().filter(|line| !line.starts_with("ready ")).count();
        eventually("what was imported is visible", || {
            count(&output(&["export", "--store", &to])) == count(&lines)
        });
        let mut differs = None;
        eventually("the report is the embedded store's", || {
            let found = difference(&here, &report(&to, window), "report");
            let same = found.is_none();
            if found != differs {
                eprintln!("{found:?}");
                differs = found;
            }
            same
        });
        from = to;
    }
    let kept = output(&["export", "--store", &back]);
    let kept: Vec<&str> = kept.lines().filter(|line| !line.starts_with("ready ")).collect();
    assert_eq!(kept, lines.lines().collect::<Vec<_>>(), "to the last bit, before VictoriaMetrics rounds");
}
