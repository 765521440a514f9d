//! InfluxDB 2 as a back end: a real one, as it works, restarts, refuses and does not answer.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use picollect_evaluate::Window;
use picollect_settings::time::{now_ms, rfc3339};
use picollect_store as store;
use picollect_store::location::Secrets;
use picollect_store::{Durability, Selector, SeriesKey, Store, StoreError};
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::SAMPLES;
use picollect_telemetry::line::{Point, Precision, decode};

use crate::conformance::{Subject, conforms};
use crate::corpus::energy_corpus;
use crate::influxd::Influxd;
use crate::process::{Collector, eventually, run, stdout};

fn open_with(location: &str, token: &str) -> Arc<dyn Store> {
    let secrets = Secrets { token: Some(token.to_owned()), ..Secrets::default() };
    store::connect(&location.parse().expect("an address"), &secrets, Durability::default())
        .expect("the store opens")
}

fn open(location: &str) -> Arc<dyn Store> {
    open_with(location, Influxd::TOKEN)
}

fn points(lines: &str) -> Vec<Point> {
    decode(lines.as_bytes(), Precision::Milliseconds, 0).points
}

fn key(measurement: &str) -> SeriesKey {
    SeriesKey { measurement: measurement.into(), field: "f".into(), tags: Vec::new() }
}

/// A configuration that names the engine and the file with its token.
fn configuration(engine: &Influxd) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (token, config) = (directory.path().join("token"), directory.path().join("collector.toml"));
    fs::write(&token, Influxd::TOKEN).unwrap();
    let text = format!("[store]\nurl = \"{}\"\ntoken_file = \"{}\"\n", engine.location(), token.display());
    fs::write(&config, text).unwrap();
    (directory, config)
}

#[test]
fn influxdb_2_does_what_every_back_end_has_to() {
    let engine = Influxd::start();
    let location = engine.location();
    conforms(|case| {
        let location = location.clone();
        Subject::new(Box::new(move || open(&location)), Box::new(|| {}), case)
    });
}

#[test]
fn influxdb_2_agrees_with_the_energy_corpus() {
    let engine = Influxd::start();
    let (_directory, config) = configuration(&engine);
    // The longest trace takes less; any time would do.
    let base_ms = (now_ms() - 3_600_000) / 1000 * 1000;
    energy_corpus(base_ms, 1e-12, |lines| {
        let appended = open(&engine.location()).append(&points(lines)).unwrap();
        assert_eq!(appended.refusals, []);
        (vec!["--config".to_owned(), config.to_str().unwrap().to_owned()], ())
    });
}

#[test]
fn ten_thousand_series_are_listed_and_one_of_them_is_read() {
    let engine = Influxd::start();
    let store = open(&engine.location());
    let lines: String = (0..10_000).map(|n| format!("m,host=h{n},odd=${{{n}}} f={n} {n}\n")).collect();
    let batch = points(&lines);
    assert_eq!(batch.len(), 10_000);
    let start = Instant::now();
    assert_eq!(store.append(&batch).unwrap().written, 10_000);
    let written = start.elapsed();
    assert_eq!(store.series(&Selector::default()).unwrap().len(), 10_000);
    let tags = batch[77].tags.clone();
    let one = SeriesKey { tags, ..key("m") };
    assert_eq!(store.read(&one, Window { start_ms: 0, end_ms: 99_999 }, 0).unwrap().len(), 1);
    eprintln!(
        "10,000 series: written in {written:?}, listed and one read in {:?}",
        start.elapsed().saturating_sub(written)
    );
}

#[test]
fn an_influxdb_that_restarts_in_the_middle_has_everything_once() {
    let mut engine = Influxd::start();
    let store = open(&engine.location());
    let base_ms = now_ms() - 10_000;
    let lines = |from: i64, to: i64| -> Vec<Point> {
        points(&(from..to).map(|n| format!("m f={n} {}\n", base_ms + n * 1000)).collect::<String>())
    };
    store.append(&lines(0, 3)).unwrap();
    engine.server.kill();
    let away = store.append(&lines(2, 5)).unwrap_err();
    assert!(matches!(away, StoreError::Unavailable { .. }), "{away}");
    let window = Window { start_ms: base_ms - 1000, end_ms: base_ms + 60_000 };
    assert!(matches!(store.read(&key("m"), window, 0), Err(StoreError::Unavailable { .. })));
    engine.server.restart();
    store.append(&lines(2, 5)).unwrap();
    let samples = store.read(&key("m"), window, 0).unwrap();
    let numbers: Vec<f64> = samples.iter().filter_map(|sample| sample.value.as_f64()).collect();
    assert_eq!(numbers, [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn while_influxdb_is_away_agents_keep_their_samples() {
    let mut engine = Influxd::start();
    let (_directory, config) = configuration(&engine);
    let collector = Collector::start_with(&["--config", config.to_str().unwrap()]);
    let agent = collector.agent(&["--name", "n", "--interval", "200ms"]);
    let store = open(&engine.location());
    let series = SeriesKey {
        measurement: SAMPLES.measurement.into(),
        field: SAMPLES.field.into(),
        tags: vec![("host".into(), "n".into())],
    };
    let arrived = || -> Vec<f64> {
        let window = Window { start_ms: now_ms() - 3_600_000, end_ms: now_ms() };
        let samples = store.read(&series, window, 0).unwrap_or_default();
        samples.iter().filter_map(|sample| sample.value.as_f64()).collect()
    };
    eventually("samples arrive", || arrived().len() > 5);
    engine.server.kill();
    let health = format!("{}/health", collector.url);
    eventually("the collector says that it is of no use", || {
        matches!(ureq::get(&health).call(), Err(ureq::Error::StatusCode(503)))
    });
    engine.server.restart();
    eventually("what was kept arrives", || arrived().len() > 25);
    assert_eq!(agent.terminate(), Some(0));
    let numbers = arrived();
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "{numbers:?}");
}

#[test]
fn what_influxdb_refuses_is_said_with_what_to_do() {
    let engine = Influxd::start();
    let location = engine.location();
    let unusable = |result: Result<(), StoreError>, advice: &str| {
        let error = result.unwrap_err();
        assert!(
            matches!(error, StoreError::Unusable { .. }) && error.to_string().contains(advice),
            "{error}"
        );
        assert!(!error.to_string().contains("wrong-token"), "{error}");
    };
    let wrong = open_with(&location, "wrong-token");
    unusable(wrong.append(&points("m f=1 1")).map(drop), "token_file");
    unusable(wrong.identity().map(drop), "token_file");
    let elsewhere = open(&location.replace("bucket=b", "bucket=none"));
    unusable(elsewhere.append(&points("m f=1 1")).map(drop), "that bucket");
    unusable(elsewhere.identity().map(drop), "no bucket `none`");
    unusable(elsewhere.series(&Selector::default()).map(drop), "that bucket");
}

#[test]
fn names_that_would_be_flux_are_names() {
    let engine = Influxd::start();
    let store = open(&engine.location());
    store.append(&points("m,host=safe f=1 1000")).unwrap();
    let evil = "x\") |> drop(columns: [\"a\"]) //${r.host}\\x22\\";
    for selector in [
        Selector { measurement: Some(evil), ..Selector::default() },
        Selector { field: Some(evil), ..Selector::default() },
        Selector { tags: &[("host", evil)], ..Selector::default() },
        Selector { tags: &[(evil, "v")], ..Selector::default() },
    ] {
        assert_eq!(store.series(&selector).unwrap(), [], "{selector:?}");
    }
    let point = Point {
        tags: vec![(evil.trim_end_matches('\\').to_owned(), "${v}".to_owned())],
        ..points("m f=2 2")[0].clone()
    };
    store.append(std::slice::from_ref(&point)).unwrap();
    let one = SeriesKey { tags: point.tags, ..key("m") };
    assert_eq!(store.read(&one, Window { start_ms: 0, end_ms: 9 }, 0).unwrap().len(), 1);
}

#[test]
fn a_text_of_many_lines_comes_back_with_its_line_feeds() {
    let engine = Influxd::start();
    let store = open(&engine.location());
    store.append(&points("m f=\"one\ntwo\n\n,\\\"three\\\"\" 1")).unwrap();
    let samples = store.read(&key("m"), Window { start_ms: 0, end_ms: 9 }, 0).unwrap();
    assert_eq!(samples[0].value, Value::Text("one\ntwo\n\n,\"three\"".into()));
}

#[test]
fn an_influxdb_that_does_not_answer_in_time_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = open(&format!("influxdb2+http://{}?org=o&bucket=b", listener.local_addr().unwrap()));
    let start = Instant::now();
    let away = store.append(&points("m f=1 1")).unwrap_err();
    assert!(matches!(away, StoreError::Unavailable { .. }), "{away}");
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn check_tries_an_influxdb_and_says_what_it_cannot_do() {
    let engine = Influxd::start();
    let (directory, config) = configuration(&engine);
    let data = directory.path().join("data");
    let arguments =
        ["check", "--connect", "--config", config.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let output = run(&arguments);
    let page =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{page}");
    assert!(page.contains(&engine.location()) && !page.contains(Influxd::TOKEN), "{page}");
}

#[test]
fn two_collectors_before_one_influxdb_take_writes_and_give_the_same_report() {
    let engine = Influxd::start();
    let (_directory, config) = configuration(&engine);
    let start = || Collector::start_with(&["--config", config.to_str().unwrap()]);
    let (one, two) = (start(), start());
    let begin_ms = now_ms();
    let first = one.agent(&["--name", "first", "--interval", "200ms"]);
    let second = two.agent(&["--name", "second", "--interval", "200ms"]);
    let ask = |collector: &Collector, question: &[&str]| {
        let token_file = collector.token_file();
        let place = ["--collector", &collector.url, "--token-file", token_file.to_str().unwrap()];
        stdout(&[question, &place].concat())
    };
    eventually("both know both nodes", || {
        let pages = [&one, &two].map(|collector| ask(collector, &["nodes"]));
        pages.iter().all(|page| page.contains("first") && page.contains("second"))
    });
    assert_eq!([first.terminate(), second.terminate()], [Some(0), Some(0)]);
    let (from, to) = (rfc3339(begin_ms), rfc3339(now_ms()));
    let question = ["report", "--from", &from, "--to", &to, "--format", "json"];
    assert_eq!(ask(&one, &question), ask(&two, &question));
}
