//! Engines that are away, slow, or refuse.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use picollect_evaluate::Window;
use picollect_settings::time::now_ms;
use picollect_store::probe::{Trial, probe};
use picollect_store::{Selector, SeriesKey, StoreError};
use picollect_telemetry::catalogue::SAMPLES;
use picollect_telemetry::line::{Point, Precision, decode};

use crate::engine::{Prometheus, Server, VictoriaMetrics, open};
use crate::process::{Collector, eventually, run};

fn points(lines: &str) -> Vec<Point> {
    decode(lines.as_bytes(), Precision::Milliseconds, 0).points
}

fn key(measurement: &str) -> SeriesKey {
    SeriesKey { measurement: measurement.into(), field: "f".into(), tags: Vec::new() }
}

/// From an hour ago to now.
fn lately() -> Window {
    Window { start_ms: now_ms() - 3_600_000, end_ms: now_ms() }
}

#[test]
fn a_victoria_metrics_that_restarts_in_the_middle_has_everything_once() {
    // Killed it would lose the last seconds, which it acknowledges before they are on disk.
    let engine = VictoriaMetrics::start();
    let url = engine.url.clone();
    restarted_in_the_middle(&url, engine.server, Server::stop, || VictoriaMetrics::settle(&url));
}

#[test]
fn a_prometheus_that_is_killed_in_the_middle_has_everything_once() {
    let engine = Prometheus::start("1d");
    restarted_in_the_middle(&engine.url, engine.server, Server::kill, || {});
}

fn restarted_in_the_middle(url: &str, mut server: Server, end: impl Fn(&mut Server), settle: impl Fn()) {
    let store = open(&format!("prometheus+{url}"));
    let (t_ms, lines) = (now_ms() - 10_000, |from: i64, to: i64, t_ms: i64| {
        (from..to).map(|n| format!("m f={n} {}\n", t_ms + n * 1000)).collect::<String>()
    });
    store.append(&points(&lines(0, 3, t_ms))).unwrap();
    settle();
    end(&mut server);
    let away = store.append(&points(&lines(2, 5, t_ms))).unwrap_err();
    assert!(matches!(away, StoreError::Unavailable { .. }), "{away}");
    assert!(matches!(store.read(&key("m"), lately(), 0), Err(StoreError::Unavailable { .. })));
    server.restart();
    store.append(&points(&lines(2, 5, t_ms))).unwrap();
    settle();
    let samples = store.read(&key("m"), lately(), 0).unwrap();
    let numbers: Vec<f64> = samples.iter().filter_map(|sample| sample.value.as_f64()).collect();
    assert_eq!(numbers, [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn while_the_engine_is_away_agents_keep_their_samples() {
    let mut engine = VictoriaMetrics::start();
    let location = format!("prometheus+{}", engine.url);
    let collector = Collector::start_with(&["--store", &location]);
    let agent = collector.agent(&["--name", "n", "--interval", "200ms"]);
    let store = open(&location);
    let series = SeriesKey {
        measurement: SAMPLES.measurement.into(),
        field: SAMPLES.field.into(),
        tags: vec![("host".into(), "n".into())],
    };
    let arrived = || -> Vec<f64> {
        let samples = store.read(&series, lately(), 0).unwrap_or_default();
        samples.iter().filter_map(|sample| sample.value.as_f64()).collect()
    };
    eventually("samples arrive", || arrived().len() > 5);
    engine.server.stop();
    let answer =
        ureq::get(format!("{}/healthz", collector.url)).config().http_status_as_error(false).build().call();
    let token = std::fs::read_to_string(collector.token_file()).unwrap();
    let post =
        ureq::post(format!("{}/api/v2/write", collector.url)).config().http_status_as_error(false).build();
    let refused = post.header("Authorization", format!("Token {}", token.trim())).send("m f=1").unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(answer.unwrap().status(), 503, "the collector cannot do its work");
    thread::sleep(Duration::from_secs(2));
    let before = Instant::now();
    engine.server.restart();
    eventually("what was kept arrives", || arrived().len() > 25);
    eprintln!("delivered {:.1} s after the engine was back", before.elapsed().as_secs_f64());
    assert_eq!(agent.terminate(), Some(0));
    VictoriaMetrics::settle(&engine.url);
    let numbers = arrived();
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "{numbers:?}");
}

#[test]
fn what_prometheus_refuses_as_late_is_counted_and_explained_and_the_rest_is_kept() {
    let engine = Prometheus::start("0s");
    let location = format!("prometheus+{}", engine.url);
    let collector = Collector::start_with(&["--store", &location]);
    let token = std::fs::read_to_string(collector.token_file()).unwrap();
    let push = |lines: &str| {
        let request = ureq::post(format!("{}/api/v2/write?precision=ms", collector.url));
        let request = request.header("Authorization", format!("Token {}", token.trim()));
        let mut answer = request.config().http_status_as_error(false).build().send(lines).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    let now = now_ms();
    assert_eq!(push(&format!("m f=1 {now}")).0, 204);
    let late: String = (1..=20).map(|n| format!("m f=2 {}\n", now - n * 1000)).collect();
    let (status, body) = push(&format!("{late}m f=3 {}\nn f=4 {now}", now + 1000));
    assert_eq!(status, 422, "not 5xx, which the agents would try again: {body}");
    assert!(body.contains("2 samples written") && body.contains("20 fields refused"), "{body}");
    assert!(body.contains("out of order") && body.contains("docs/engines.md"), "{body}");
    let store = open(&location);
    let window = Window { start_ms: now - 60_000, end_ms: now + 60_000 };
    assert_eq!(store.read(&key("m"), window, 0).unwrap().len(), 2);
    assert_eq!(store.read(&key("n"), window, 0).unwrap().len(), 1);
    let metrics = crate::engine::get(&format!("{}/metrics", collector.url)).unwrap();
    assert!(metrics.contains("picollect_ingest_refused_total 20"), "{metrics}");
}

#[test]
fn an_engine_that_does_not_answer_in_time_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = open(&format!("prometheus+http://{}", listener.local_addr().unwrap()));
    // Connections are taken and nothing is said.
    let begin = Instant::now();
    let error = store.append(&points("m f=1 1")).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10), "an agent waits for ten seconds");
}

#[test]
fn what_is_no_engine_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = open(&format!("prometheus+http://{}", listener.local_addr().unwrap()));
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ =
                client.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let error = store.append(&points("m f=1 1")).unwrap_err().to_string();
    assert!(error.contains("404") || error.contains("not available"), "{error}");
    assert!(store.series(&Selector::default()).is_err());
}

#[test]
fn check_writes_and_reads_back_and_says_what_the_engine_cannot_do() {
    let engine = VictoriaMetrics::start();
    let location = format!("prometheus+{}", engine.url);
    assert!(matches!(probe(open(&location).as_ref()).unwrap(), Trial::Visible(_)));
    let data = tempfile::tempdir().unwrap();
    // What others can read is a finding of its own.
    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let data = data.path().to_str().unwrap();
    let checked = run(&["check", "--connect", "--data", data, "--store", &location]);
    let page = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(0), "{page}");
    assert!(page.contains("gives back what it takes") && page.contains("integers beyond 2^53"), "{page}");
    drop(engine);
    let checked = run(&["check", "--connect", "--data", data, "--store", &location]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("finding: the store does not work"));
}
