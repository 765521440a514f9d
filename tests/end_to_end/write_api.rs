//! InfluxDB's write path, request by request beside a real InfluxDB: the same status and the same error code, but for
//! the deliberate differences that `docs/api.md` names; and afterwards both hold the same.

mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use picollect_evaluate::Window;
use picollect_store::{Selector, Store as _};
use picollect_telemetry::Value;
use requests::{Request, TOKEN, requests};

use crate::engine::program;
use crate::influxd::Influxd;
use crate::process::Collector;

/// Status and `code` of the error JSON.
type Answer = (u16, Option<String>);

struct Server {
    address: String,
    token: String,
}

impl Server {
    fn ask(&self, request: &Request) -> Answer {
        let Request { method, path, query, authorization, encoding, body, .. } = request;
        let mut head =
            format!("{method} {path}?{query} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        if let Some(value) = authorization {
            head += &format!("Authorization: {}\r\n", value.replace(TOKEN, &self.token));
        }
        if let Some(value) = encoding {
            head += &format!("Content-Encoding: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(&[head.as_bytes(), body].concat()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let json = body.find('{').map(|start| body[start..].trim_end_matches(['\r', '\n', '0']));
        let json: serde_json::Value =
            json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        (status, json["code"].as_str().map(ToOwned::to_owned))
    }
}

/// Series and time to value; a time that the server gave is 0, and so is the type of an integer left out.
type Stored = BTreeMap<(String, String, i64), String>;

/// Samples before this were stamped by their lines.
const STAMPED_BEFORE_MS: i64 = 100_000_000_000;

fn here(collector: &Collector) -> Stored {
    let store = collector.store();
    let all = Window { start_ms: i64::MIN / 2, end_ms: i64::MAX / 2 };
    let keys = store.series(&Selector::default()).unwrap().into_iter();
    let samples = keys.flat_map(|key| {
        let samples = store.read(&key, all, 0).unwrap().into_iter();
        let tags: Vec<String> = key.tags.iter().map(|(tag, value)| format!("{tag}={value}")).collect();
        let series = format!("{} {}", tags.join(" "), key.field);
        samples.map(move |sample| {
            ((key.measurement.clone(), series.clone(), stamped(sample.t_ms)), text(&sample.value))
        })
    });
    samples.collect()
}

fn stamped(t_ms: i64) -> i64 {
    if t_ms < STAMPED_BEFORE_MS { t_ms } else { 0 }
}

fn text(value: &Value) -> String {
    match value {
        Value::Float(value) => format!("float {value}"),
        Value::Int(value) => format!("integer {value}"),
        Value::UInt(value) => format!("integer {value}"),
        Value::Bool(value) => format!("boolean {value}"),
        Value::Text(value) => format!("text {value}"),
    }
}

/// Asks InfluxDB by the official client for what it holds of the cases, a JSON array for each sample; there are names
/// besides that are no UTF-8.
const PYTHON: &str = r#"
import json, sys
from influxdb_client import InfluxDBClient
from datetime import datetime, timezone

epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
kind = {float: "float", int: "integer", bool: "boolean", str: "text"}
with InfluxDBClient(url=sys.argv[1], token=sys.argv[2], org="o") as client:
    query = 'from(bucket: "b") |> range(start: 1960-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)'
    query += ' |> filter(fn: (r) => r._measurement =~ /^(case|kept|members)/)'
    for table in client.query_api().query(query):
        for record in table.records:
            v = record.values
            own = ("result", "table")
            tags = sorted((k, t) for k, t in v.items() if not k.startswith("_") and k not in own)
            t_ms = (v["_time"] - epoch) // (datetime.resolution * 1000)
            value = "" if v["_value"] is None else v["_value"]  # So CSV says an empty text,
            if isinstance(value, str):
                value = value.replace("\r\n", "\n")  # and so InfluxDB's says a line feed.
            print(json.dumps([v["_measurement"], " ".join(f"{k}={t}" for k, t in tags) + " " + v["_field"], t_ms,
                              kind[type(value)], value]))
"#;

fn there(influxd: &Influxd) -> Stored {
    let python = program("influxdb-client", "python");
    let output = Command::new(python).args(["-c", PYTHON, &influxd.url, Influxd::TOKEN]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let samples = String::from_utf8(output.stdout).unwrap();
    let sample = |line: &str| {
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |index: usize| sample[index].as_str().unwrap().to_owned();
        let value = match &sample[4] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) if word(3) == "float" => number.as_f64().unwrap().to_string(),
            other => other.to_string(),
        };
        ((word(0), word(1), stamped(sample[2].as_i64().unwrap())), format!("{} {value}", word(3)))
    };
    samples.lines().map(sample).collect()
}

#[test]
fn each_of_200_requests_is_answered_as_a_real_influxdb_answers_it_or_differs_as_documented() {
    let (collector, influxd) = (Collector::start(), Influxd::start());
    let token = fs::read_to_string(collector.token_file()).unwrap().trim().to_owned();
    let host = |url: &str| url.trim_start_matches("http://").to_owned();
    let ours = Server { address: host(&collector.url), token };
    let theirs = Server { address: host(&influxd.url), token: Influxd::TOKEN.to_owned() };
    let document = include_str!("../../docs/api.md");
    let (mut wrong, mut same) = (Vec::new(), BTreeSet::new());
    for request in requests() {
        let (here, there) = (ours.ask(&request), theirs.ask(&request));
        let shown = String::from_utf8_lossy(&request.body[..request.body.len().min(80)]).into_owned();
        let Request { differs, method, path, query, authorization, measurement, .. } = request;
        let what =
            format!("{method} {path}?{query} {authorization:?} {shown:?}: {here:?}, InfluxDB {there:?}");
        match differs {
            None if here == there => {
                if matches!(here.0, 204 | 422) {
                    same.insert(measurement);
                }
            }
            None => wrong.push(format!("differs: {what}")),
            Some(name) if !document.contains(&format!("| {name} |")) => {
                wrong.push(format!("no row `{name}`: {what}"));
            }
            Some(name) if here == there => wrong.push(format!("does not differ ({name}): {what}")),
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let of_same = |stored: Stored| -> Stored {
        let named = |measurement: &str| same.iter().any(|name| is_of(measurement, name));
        stored.into_iter().filter(|((measurement, ..), _)| named(measurement)).collect()
    };
    let (here, there) = (of_same(here(&collector)), of_same(there(&influxd)));
    assert!(here.len() > 60, "{}", here.len());
    let only = |one: &Stored, other: &Stored| -> Stored {
        let sample = one.iter().filter(|(key, value)| other.get(*key) != Some(*value));
        sample.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    assert_eq!(only(&here, &there), only(&there, &here), "what only one of the two holds");
}

/// A case's measurement may have something behind it; one without a name is not looked for.
fn is_of(measurement: &str, case: &str) -> bool {
    !case.is_empty()
        && measurement.strip_prefix(case).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn what_is_kept_here_and_lost_by_influxdb_is_documented() {
    let (collector, influxd) = (Collector::start(), Influxd::start());
    let token = fs::read_to_string(collector.token_file()).unwrap().trim().to_owned();
    let host = |url: &str| url.trim_start_matches("http://").to_owned();
    let partly = requests().into_iter().find(|request| request.measurement == "case0").unwrap();
    let partly = Request { body: b"kept f=1 1000000\nbad\n".to_vec(), ..partly };
    let ours = Server { address: host(&collector.url), token };
    let theirs = Server { address: host(&influxd.url), token: Influxd::TOKEN.to_owned() };
    assert_eq!(ours.ask(&partly), (400, Some("invalid".to_owned())));
    assert_eq!(theirs.ask(&partly), (400, Some("invalid".to_owned())));
    assert_eq!((here(&collector).len(), there(&influxd).len()), (1, 0));
    let escaped = Request { body: b"kept\\=x f=1 1000000\n".to_vec(), ..partly.clone() };
    assert_eq!((ours.ask(&escaped), theirs.ask(&escaped)), ((204, None), (204, None)));
    assert_eq!((here(&collector).len(), there(&influxd).len()), (2, 0));
    let conflict = Request { body: b"kept2 f=1,f=2i 1000000\n".to_vec(), ..partly };
    let refused = (422, Some("unprocessable entity".to_owned()));
    assert_eq!((ours.ask(&conflict), theirs.ask(&conflict)), (refused.clone(), refused));
    assert_eq!((here(&collector).len(), there(&influxd).len()), (3, 0));
    let document = include_str!("../../docs/api.md");
    assert!(
        ["| partial write |", "| escaped equals sign or quote |", "| beside a refused field |"]
            .iter()
            .all(|row| document.contains(row))
    );
}
