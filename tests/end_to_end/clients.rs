//! Everyone's clients: real ones of InfluxDB write to a real collector, and their nodes are nodes like any other.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::engine::{installed, program};
use crate::process::{Collector, Process, eventually, stdout};

fn token(collector: &Collector) -> String {
    fs::read_to_string(collector.token_file()).unwrap().trim().to_owned()
}

/// The line of a node in `picollect nodes`, as soon as there is one.
fn row(collector: &Collector, host: &str) -> String {
    let row = || {
        let table = stdout(&["nodes", "--data", collector.data_text()]);
        table.lines().find(|line| line.starts_with(host)).map(ToOwned::to_owned)
    };
    eventually("the node appears", || row().is_some());
    row().unwrap()
}

/// A node that has no meter is a node, and that it has none is said.
#[track_caller]
fn is_a_node_without_power(collector: &Collector, host: &str) {
    let row = row(collector, host);
    assert!(row.contains(" up ") && row.contains("unknown"), "{row}");
    let report = stdout(&["report", "--data", collector.data_text(), "--since", "10m"]);
    assert!(report.contains("unknown: it has no meter and no power model"), "{report}");
    assert!(report.lines().any(|line| line.contains(host) && line.ends_with("unknown")), "{report}");
}

#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_real_telegraf_pushes_and_its_node_is_there() {
    let collector = Collector::start();
    let config = format!(
        "[agent]\ninterval = \"1s\"\nflush_interval = \"1s\"\nhostname = \"of-telegraf\"\n\
         [[outputs.influxdb_v2]]\nurls = [\"{}\"]\ntoken = \"{}\"\norganization = \"o\"\nbucket = \"b\"\n\
         [[inputs.cpu]]\n[[inputs.temp]]\n[[inputs.mem]]\n[[inputs.disk]]\n[[inputs.net]]\n",
        collector.url,
        token(&collector)
    );
    let file = collector.data().join("telegraf.conf");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(installed("telegraf"));
    let log = collector.data().join("telegraf.log");
    let errors = fs::File::create(&log).unwrap();
    command.arg("--config").arg(&file).stdout(Stdio::null()).stderr(errors);
    let telegraf = Process::start(command);
    is_a_node_without_power(&collector, "of-telegraf");
    eventually("every input that this machine has arrives", || {
        stored(&collector, "mem") && stored(&collector, "cpu")
    });
    assert_eq!(telegraf.terminate(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains(" E! [outputs"), "it was content: {log}");
}

fn stored(collector: &Collector, measurement: &str) -> bool {
    use picollect_store::{Selector, Store as _};
    let selector = Selector { measurement: Some(measurement), ..Selector::default() };
    !collector.store().series(&selector).unwrap().is_empty()
}

/// Written by what InfluxData says of its client: a point, a line and a batch; what it pings and asks besides.
const PYTHON: &str = r#"
import sys
from influxdb_client import InfluxDBClient, Point
from influxdb_client.client.write_api import SYNCHRONOUS

with InfluxDBClient(url=sys.argv[1], token=sys.argv[2], org="o", enable_gzip=sys.argv[3] == "gzip") as client:
    assert client.ping(), "it answers a ping"
    assert client.health().status == "pass", "it is healthy"
    with client.write_api(write_options=SYNCHRONOUS) as write:
        write.write(bucket="b", record=Point("room").tag("host", "of-python").field("t", 21.5).field("n", 3))
        write.write(bucket="b", record="room,host=of-python text=\"as a line\"")
    with client.write_api() as write:
        write.write(bucket="b", record=[{"measurement": "batch", "tags": {"host": "of-python"}, "fields": {"x": 1.0}}])
    try:
        with client.write_api(write_options=SYNCHRONOUS) as write:
            write.write(bucket="b", record="room,host=of-python t=1i")
        print("taken")
    except Exception as error:
        print(error.status, error.message)
"#;

#[test]
fn the_official_python_client_pushes_plain_and_compressed_and_understands_a_refusal() {
    let collector = Collector::start();
    let python = program("influxdb-client", "python");
    for encoding in ["plain", "gzip"] {
        let arguments = ["-c", PYTHON, &collector.url, &token(&collector), encoding];
        let said = good(&Command::new(&python).args(arguments).output().unwrap());
        assert!(said.starts_with("422 partial write"), "{said}");
    }
    assert!(stored(&collector, "batch"));
    is_a_node_without_power(&collector, "of-python");
}

#[test]
fn curl_pushes_a_file_and_a_pipe() {
    let collector = Collector::start();
    let file = collector.data().join("lines.lp");
    fs::write(&file, "room,host=of-curl t=21\n").unwrap();
    let curl = |body: &str, from: &Path| {
        let url = format!("{}/api/v2/write?org=o&bucket=b&precision=s", collector.url);
        let header = format!("Authorization: Token {}", token(&collector));
        let arguments = ["--silent", "--fail-with-body", "--header", &header, "--data-binary", body, &url];
        Command::new("curl").args(arguments).stdin(fs::File::open(from).unwrap()).output().unwrap()
    };
    good(&curl(&format!("@{}", file.display()), &file));
    good(&curl("@-", &file));
    assert!(!curl("bad", &file).status.success());
    is_a_node_without_power(&collector, "of-curl");
}
