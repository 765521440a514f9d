//! Bad input: each time a clear message, the right status or exit code, and nothing lost.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;

use flate2::Compression;
use flate2::write::GzEncoder;
use picollect_settings::exit;
use picollect_store::{Selector, Store as _};
use serde_json::Value;

use crate::process::{Collector, run};

struct Answer {
    status: u16,
    json: Value,
}

fn post(collector: &Collector, token: Option<&str>, gzip: bool, query: &str, body: &[u8]) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(format!("{}/api/v2/write{query}", collector.url));
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    if gzip {
        request = request.header("Content-Encoding", "gzip");
    }
    let mut answer = request.send(body).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    Answer { status: answer.status().as_u16(), json: serde_json::from_str(&text).unwrap_or_default() }
}

fn token(collector: &Collector) -> String {
    fs::read_to_string(collector.token_file()).unwrap().trim().to_owned()
}

#[test]
fn the_write_path_answers_as_influxdb_does() {
    let collector = Collector::start();
    let token = format!("Token {}", token(&collector));
    let bearer = token.replace("Token", "Bearer");
    assert_eq!(post(&collector, Some(&token), false, "", b"m f=1 1000000").status, 204);
    assert_eq!(post(&collector, Some(&bearer), false, "?precision=s&org=o&bucket=b", b"m f=1 1").status, 204);

    for wrong in [None, Some("Token pc_wrong"), Some("Basic x")] {
        let answer = post(&collector, wrong, false, "", b"m f=1");
        assert_eq!((answer.status, &answer.json["code"]), (401, &Value::from("unauthorized")));
    }

    let answer = post(&collector, Some(&token), false, "", b"good f=1 1\ngarbage\nbetter f=2 2\n");
    assert_eq!(
        (answer.status, &answer.json["code"], &answer.json["line"]),
        (400, &"invalid".into(), &2.into())
    );
    assert!(answer.json["message"].as_str().unwrap().contains("line 2, column 8: field is missing"));
    let series = collector.store().series(&Selector::default()).unwrap();
    assert!(["good", "better"].iter().all(|name| series.iter().any(|key| key.measurement == *name)));

    let answer = post(&collector, Some(&token), false, "", b"good f=1i 3");
    assert_eq!((answer.status, &answer.json["code"]), (422, &"unprocessable entity".into()));
    assert_eq!(post(&collector, Some(&token), false, "?precision=weeks", b"m f=1").status, 400);
    assert_eq!(post(&collector, Some(&token), true, "", b"not gzip").status, 400);
}

#[test]
fn a_body_of_20_mib_is_refused_plain_and_as_a_gzip_bomb() {
    let collector = Collector::start();
    let token = format!("Token {}", token(&collector));
    let body = b"m f=1\n".repeat(20 * 1024 * 1024 / 6);
    let answer = post(&collector, Some(&token), false, "", &body);
    assert_eq!((answer.status, &answer.json["code"]), (413, &"request too large".into()));
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&body).unwrap();
    assert_eq!(post(&collector, Some(&token), true, "", &bomb.finish().unwrap()).status, 413);
    assert_eq!(post(&collector, Some(&token), false, "", b"m f=1 1").status, 204, "and it goes on");
}

/// The exit code and what stands on standard error.
fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_command_that_cannot_do_its_work_says_why_and_ends_with_the_documented_code() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();

    let config = path("agent.toml");
    fs::write(&config, "name = \"a\"\n  [[collector]]\n  tokenfile = \"t\"\n").unwrap();
    let (code, message) = failure(&["agent", "check", "--config", &config]);
    assert_eq!(code, Some(exit::USAGE.into()));
    assert!(
        message.contains("agent.toml:3:3: unknown key `tokenfile`, did you mean `token_file`?"),
        "{message}"
    );

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, message) = failure(&["serve", "--data", &path("data"), "--listen", &address]);
    assert_eq!(code, Some(exit::RUNTIME.into()));
    assert!(
        message.contains(&format!("cannot listen on {address}")) && message.contains("in use"),
        "{message}"
    );

    fs::write(path("file"), "").unwrap();
    let (code, message) = failure(&["serve", "--data", &path("file/data"), "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(exit::RUNTIME.into()));
    assert!(message.contains("cannot use the data directory"), "{message}");

    let (code, message) = failure(&["report", "--data", &path("nowhere")]);
    assert_eq!(code, Some(exit::RUNTIME.into()));
    assert!(message.contains("there is no data directory"), "{message}");

    let (code, message) =
        failure(&["agent", "run", "--collector", "http://127.0.0.1:1", "--token-file", &path("none")]);
    assert_eq!(code, Some(exit::RUNTIME.into()));
    assert!(message.contains("cannot read the token file"), "{message}");

    let (code, message) = failure(&["agent", "run"]);
    assert_eq!(code, Some(exit::USAGE.into()));
    assert!(message.contains("--collector URL"), "{message}");
}

#[test]
fn a_configured_meter_that_does_not_answer_is_a_finding_of_the_probe() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("agent.toml");
    let meter = "[[meter]]\nchip = \"ina219\"\nbus = 9\naddress = 0x40\nshunt_ohm = 0.1\n";
    fs::write(&config, meter).unwrap();
    let board = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boards/pi-4b");
    let written = directory.path().join("written.toml");
    let arguments =
        ["agent", "probe", "--config", config.to_str().unwrap(), "--root", board, "--write-config"];
    let output = run(&[&arguments[..], &[written.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(exit::FINDING.into()));
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().find(|row| row.starts_with("meter ina219-9-40")).expect(&table);
    assert!(row.contains("absent"), "{row}");
    let (code, message) = failure(&["agent", "check", "--config", written.to_str().unwrap()]);
    assert_eq!(code, Some(0), "what the probe wrote is a configuration: {message}");
}

#[test]
fn a_data_directory_has_one_collector() {
    let collector = Collector::start();
    let (code, message) = failure(&["serve", "--data", collector.data_text(), "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(exit::RUNTIME.into()));
    assert!(message.contains("another collector serves the data directory"), "{message}");
}
