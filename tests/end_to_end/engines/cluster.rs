//! Collectors without a state before engines that are one or many.

use std::collections::BTreeMap;
use std::fs;

use picollect_evaluate::Window;
use picollect_query::whole;
use picollect_settings::time::now_ms;
use picollect_store::{SeriesKey, Store};
use picollect_telemetry::catalogue::{HOST, SAMPLES};
use picollect_telemetry::line::{Precision, decode};

use crate::engine::{Thanos, VictoriaMetrics, get, open};
use crate::process::{Collector, Process, eventually, picollect, stdout};

#[test]
fn a_receiver_that_is_killed_in_the_middle_costs_no_sample_and_doubles_none() {
    let mut engine = Thanos::start();
    let store = open(&engine.location);
    let begin_ms = (now_ms() - 120_000) / 1000 * 1000;
    let push = |from: i64, to: i64| {
        for second in from..to {
            let lines: String = (0..20)
                .map(|host| format!("m,host=h{host} f={second} {}\n", begin_ms + second * 1000))
                .collect();
            let batch = decode(lines.as_bytes(), Precision::Milliseconds, 0);
            eventually("the cluster takes it", || store.append(&batch.points).is_ok());
        }
    };
    push(0, 20);
    engine.receivers[1].kill();
    push(20, 40);
    complete(store.as_ref(), begin_ms, 40);
    engine.receivers[1].restart();
    push(40, 60);
    engine.receivers[2].kill();
    push(60, 80);
    complete(store.as_ref(), begin_ms, 80);
}

/// Every host has every second once.
fn complete(store: &dyn Store, begin_ms: i64, seconds: i64) {
    let window = Window { start_ms: begin_ms, end_ms: begin_ms + seconds * 1000 };
    let want: Vec<i64> = (0..seconds).collect();
    for host in 0..20 {
        let tags = vec![(HOST.to_owned(), format!("h{host}"))];
        let key = SeriesKey { measurement: "m".into(), field: "f".into(), tags };
        let samples = store.read(&key, window, 0).expect("the cluster answers");
        let got: Vec<i64> = samples.iter().filter_map(|sample| sample.value.as_f64()).map(whole).collect();
        assert_eq!(got, want, "h{host}");
    }
}

/// The collectors that stand before one engine, with the same tokens.
pub(super) fn two_collectors(location: &str, tokens: &std::path::Path) -> (Collector, Collector) {
    let start = || {
        Collector::start_by(|listen, data| {
            let config = format!("tokens = \"{}\"\nstore = \"{location}\"\n", tokens.display());
            fs::write(format!("{data}/collector.toml"), config).expect("writable");
            picollect(&["serve", "--listen", listen, "--data", data])
        })
    };
    (start(), start())
}

#[test]
fn two_collectors_before_one_engine_are_one_to_agents_and_to_whoever_asks() {
    let engine = VictoriaMetrics::start();
    let directory = tempfile::tempdir().unwrap();
    let token = stdout(&[
        "token",
        "create",
        "--data",
        directory.path().to_str().unwrap(),
        "--name",
        "t",
        "--scope",
        "write,run",
    ]);
    let token_file = directory.path().join("token");
    fs::write(&token_file, token).unwrap();
    let location = format!("prometheus+{}", engine.url);
    let (mut one, two) = two_collectors(&location, &directory.path().join("tokens.json"));
    let identity = |collector: &Collector| {
        let answer = ureq::get(format!("{}/healthz", collector.url)).call().unwrap();
        answer.headers()["x-picollect-store"].to_str().unwrap().to_owned()
    };
    assert_eq!(identity(&one), identity(&two));

    let config = directory.path().join("agent.toml");
    let target =
        |url: &str| format!("[[collector]]\nurl = \"{url}\"\ntoken_file = \"{}\"\n", token_file.display());
    let text = "name = \"n\"\ninterval = \"200ms\"\ndelivery = \"first\"\n".to_owned();
    fs::write(&config, text + &target(&one.url) + &target(&two.url)).unwrap();
    let agent = Process::start(picollect(&["agent", "run", "--config", config.to_str().unwrap()]));
    let begin_ms = now_ms();
    let store = open(&location);
    let tags = vec![(HOST.to_owned(), "n".to_owned())];
    let key = SeriesKey { measurement: SAMPLES.measurement.into(), field: SAMPLES.field.into(), tags };
    let arrived = || -> BTreeMap<i64, i64> {
        let window = Window { start_ms: begin_ms - 5000, end_ms: now_ms() };
        let samples = store.read(&key, window, 0).unwrap();
        samples.iter().map(|sample| (whole(sample.value.as_f64().unwrap()), sample.t_ms)).collect()
    };
    eventually("samples arrive by the first", || arrived().len() > 10);
    one.kill();
    let so_far = arrived().len();
    eventually("and by the second", || arrived().len() > so_far + 10);
    one.restart();
    assert_eq!(agent.terminate(), Some(0));
    VictoriaMetrics::settle(&engine.url);
    let numbers: Vec<i64> = arrived().into_keys().collect();
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == 1), "{numbers:?}");

    let (from, to) = (rfc3339(begin_ms), rfc3339(now_ms() - 1000));
    let token_file = token_file.to_str().unwrap();
    let report = |url: &str| {
        let place = ["--collector", url, "--token-file", token_file, "--format", "json"];
        stdout(&[&["report", "--from", &from, "--to", &to][..], &place].concat())
    };
    assert_eq!(report(&one.url), report(&two.url));
    assert!(get(&format!("{}/metrics", two.url)).is_some());
}

fn rfc3339(t_ms: i64) -> String {
    picollect_settings::time::rfc3339(t_ms)
}
