//! Whatever is asked or left undone, by whomever: the collector's memory is bounded, it hears everybody else, and
//! agents keep what is over a limit.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use picollect_evaluate::Window;
use picollect_settings::time::now_ms;
use picollect_store::{Selector, SeriesKey, Store as _};

use crate::process::{Collector, eventually, picollect};

/// A collector with these lines in its configuration.
fn with_limits(limits: &'static str) -> Collector {
    Collector::start_by(|listen, data| {
        fs::write(format!("{data}/collector.toml"), format!("[limits]\n{limits}\n")).expect("writable");
        picollect(&["serve", "--listen", listen, "--data", data])
    })
}

fn token(collector: &Collector) -> String {
    fs::read_to_string(collector.token_file()).expect("readable").trim().to_owned()
}

fn connect(collector: &Collector, says: &str) -> TcpStream {
    let mut stream = TcpStream::connect(collector.url.trim_start_matches("http://")).expect("it listens");
    stream.write_all(says.as_bytes()).expect("it takes bytes");
    stream
}

/// The status line's number and the whole answer.
fn answer(collector: &Collector, head: &str, body: &[u8]) -> (u16, String) {
    let length = body.len();
    let mut stream = connect(
        collector,
        &format!("{head}\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"),
    );
    // Who is turned away may be so before the whole body is sent.
    let _ = stream.write_all(body);
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}

fn write(collector: &Collector, token: &str, body: &[u8]) -> (u16, String) {
    answer(
        collector,
        &format!("POST /api/v2/write?precision=ms HTTP/1.1\r\nauthorization: Token {token}"),
        body,
    )
}

/// What the page of metrics says of the collector itself.
fn counted(collector: &Collector, name: &str) -> f64 {
    let (_, page) = answer(collector, "GET /metrics HTTP/1.1", b"");
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("picollect_{name} ")));
    line.unwrap_or_else(|| panic!("{name} in {page}")).parse().expect("a number")
}

#[test]
fn silent_clients_and_hanging_bodies_deafen_nobody() {
    let collector = with_limits("connections = 16");
    let token = token(&collector);
    let unfinished = [
        String::new(),
        "P".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM".to_owned(),
        "POST /api/v1/join HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{".to_owned(),
        format!(
            "POST /api/v2/write HTTP/1.1\r\nhost: x\r\nauthorization: Token {token}\r\ncontent-length: 9\r\n\r\nm"
        ),
    ];
    let _held: Vec<TcpStream> =
        (0..60).map(|n| connect(&collector, &unfinished[n % unfinished.len()])).collect();
    let (status, text) = write(&collector, &token, b"m,host=good f=1 1");
    assert_eq!(status, 204, "{text}");
    assert!(counted(&collector, "server_shed_connections_total") >= 20.0);
}

#[test]
fn whatever_is_asked_at_once_memory_stays_within_its_bound() {
    let collector = Arc::new(with_limits("memory_mib = 192"));
    let token = token(&collector);
    let long = "$1".repeat(1000);
    let doubled = |inner: &str| format!("label_replace({inner},\"a\",\"{long}\",\"a\",\"(.*)\")");
    let begin = format!("label_replace(vector(1),\"a\",\"{}\",\"a\",\"(.*)\")", "x".repeat(900));
    let bomb: String = doubled(&doubled(&begin)).bytes().map(|byte| format!("%{byte:02X}")).collect();
    let read = format!(
        "POST /api/v1/query HTTP/1.1\r\nauthorization: Token {token}\r\ncontent-type: application/x-www-form-urlencoded"
    );
    // Small lines are what takes most memory in proportion.
    let lines: String = (0..300_000).map(|t| format!("m f=1 {t}\n")).collect();
    let asked: Vec<_> = (0..20)
        .map(|number| {
            let (collector, token, read) = (Arc::clone(&collector), token.clone(), read.clone());
            let (bomb, lines) = (format!("query={bomb}"), lines.clone());
            thread::spawn(move || match number % 5 {
                0 => write(&collector, &token, lines.as_bytes()),
                _ => answer(&collector, &read, bomb.as_bytes()),
            })
        })
        .collect();
    for answer in asked {
        let (status, text) = answer.join().expect("it is answered");
        assert!([204, 422, 429, 503].contains(&status), "{text}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", collector.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("kibibytes");
    assert!(kib <= 192 * 1024, "{kib} KiB at its peak");
}

#[test]
fn an_agent_keeps_what_is_over_a_limit_until_there_is_room() {
    let mut collector = with_limits("host_series = 20");
    let _agent = collector.simulated_agent("a", "200ms", 0);
    eventually("samples wait", || counted(&collector, "ingest_over_limit_total") > 0.0);
    let names = |collector: &Collector| {
        let tags = [("host", "a")];
        collector.store().series(&Selector { tags: &tags, ..Selector::default() }).expect("readable")
    };
    let window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
    let first_ms = |collector: &Collector, key: &SeriesKey| {
        let samples = collector.store().read(key, window, 0).expect("readable");
        samples.first().map(|sample| sample.t_ms)
    };
    let before = names(&collector);
    let killed_ms = now_ms();
    collector.kill();
    fs::write(collector.data().join("collector.toml"), "").expect("writable");
    collector.restart();
    eventually("what waited is here", || names(&collector).len() > before.len() + 5);
    let late = names(&collector).into_iter().filter(|key| !before.contains(key));
    for key in late {
        assert!(first_ms(&collector, &key) < Some(killed_ms), "it came late, but all of it came: {key:?}");
    }
}
