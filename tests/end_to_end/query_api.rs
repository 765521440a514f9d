//! Prometheus' API over the embedded store, beside a real Prometheus; and what a scraper is shown.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use picollect_promql::{Labels, Series};
use picollect_store::Store as _;
use picollect_telemetry::Value;
use picollect_telemetry::line::{Point, Precision, decode};
use serde_json::{Value as Json, json};

use crate::process::{Collector, eventually};
use crate::promql::data::{START_MS, all, open_metrics};
use crate::promql::differential::compare;
use crate::promql::grammar::When;
use crate::promql::oracle::{Prometheus, ask, installed};

/// Points written at once.
const BATCH: usize = 5000;

/// The series as a foreign sender would push them: a name is measurement and field.
fn points(all: &[Series]) -> Vec<Point> {
    let point = |series: &Series| {
        let (measurement, field) = series.labels.get("__name__").split_once('_').expect("a field");
        let tags = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let tags: Vec<_> = tags.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (measurement, field) = (measurement.to_owned(), field.to_owned());
        let at = move |sample: &picollect_promql::Sample| Point {
            measurement: measurement.clone(),
            tags: tags.clone(),
            fields: vec![(field.clone(), Value::Float(sample.value))],
            t_ms: sample.t_ms,
        };
        series.samples.iter().map(at).collect::<Vec<_>>()
    };
    all.iter().flat_map(point).collect()
}

/// The labels that say for certain what a series comes from.
fn as_the_collector_names_it(series: Series) -> Series {
    let (measurement, field) = series.labels.get("__name__").split_once('_').expect("a field");
    let tags: Vec<&str> =
        series.labels.iter().map(|(name, _)| name).filter(|name| *name != "__name__").collect();
    let more = [("measurement", measurement), ("field", field), ("tags", &tags.join(","))];
    let more = more.map(|(name, value)| (format!("picollect_{name}"), value.to_owned()));
    let labels = series.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Series { labels: Labels::new(labels.chain(more)), samples: series.samples }
}

fn token(collector: &Collector) -> String {
    fs::read_to_string(collector.token_file()).expect("a token").trim().to_owned()
}

/// GET with a token; the status and the JSON.
fn get(collector: &Collector, path: &str, token: &str) -> (u16, Json) {
    let request = ureq::get(format!("{}{path}", collector.url)).config().http_status_as_error(false).build();
    let mut answer = request.header("Authorization", format!("Bearer {token}")).call().expect("an answer");
    let text = answer.body_mut().read_to_string().expect("a body");
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("JSON: {text}")))
}

#[test]
fn a_thousand_queries_of_the_collector_have_prometheus_answers() {
    let mut series = all();
    // No sender's line can hold a value that is no number.
    for series in &mut series {
        series.samples.retain(|sample| sample.value.is_finite());
    }
    let collector = Collector::start();
    for batch in points(&series).chunks(BATCH) {
        assert_eq!(collector.store().append(batch).expect("the store takes them").refused_points, 0);
    }
    let named: Vec<Series> = series.into_iter().map(as_the_collector_names_it).collect();
    let prometheus = Prometheus::with(&open_metrics(&named));
    let token = token(&collector);
    compare(&prometheus, |case| ask(&collector.url, Some(&token), &case.query, case.when));
}

#[test]
fn what_cannot_be_answered_is_said_in_prometheus_form() {
    let mut collector = Collector::start();
    fs::write(collector.data().join("collector.toml"), "[query]\nmax_steps = 10\n").expect("writable");
    collector.kill();
    collector.restart();
    let token = token(&collector);
    let (status, answer) = get(&collector, "/api/v1/query?query=up", "pc_wrong");
    assert_eq!(
        (status, &answer["status"], &answer["errorType"]),
        (401, &json!("error"), &json!("unauthorized"))
    );
    let (status, answer) = get(&collector, "/api/v1/query?query=1%2Binfo(x)", &token);
    assert_eq!((status, &answer["errorType"]), (400, &json!("bad_data")));
    assert_eq!(answer["error"], "1:3: the function `info` is not supported here");
    let (status, answer) = get(&collector, "/api/v1/query_range?query=up&start=0&end=600&step=10s", &token);
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().expect("a text").contains("61 steps, the most is 10"), "{answer}");
    for path in [
        "query",
        "query_range?query=1&start=0&step=1",
        "series",
        "query?query=1&time=noon",
        "query?query=1&limit=-1",
    ] {
        let (status, answer) = get(&collector, &format!("/api/v1/{path}"), &token);
        assert_eq!((status, &answer["errorType"]), (400, &json!("bad_data")), "{path}");
    }
}

#[test]
fn grafana_finds_names_labels_values_and_their_meaning() {
    let collector = Collector::start();
    let lines = format!(
        "power,boundary=node,host=a,meter=m,source=measured watts=5,joules=9 {START_MS}\nthermal,host=b,zone=0 temp_c=50 {START_MS}\n\
         run,name=x,run=1 document=\"text\" {START_MS}\nmy\\ app,host=a x-y=1 {START_MS}"
    );
    let batch = decode(lines.as_bytes(), Precision::Milliseconds, 0).points;
    collector.store().append(&batch).expect("the store takes them");
    let token = token(&collector);
    let data = |path: &str| {
        let (status, answer) = get(&collector, &format!("/api/v1/{path}"), &token);
        assert_eq!((status, &answer["status"]), (200, &json!("success")), "{path}: {answer}");
        answer["data"].clone()
    };
    let names =
        ["my_app_x_y", "picollect_power_joules_total", "picollect_power_watts", "picollect_thermal_temp_c"];
    assert_eq!(data("label/__name__/values"), json!(names));
    assert_eq!(data("label/host/values?match[]=picollect_power_watts"), json!(["a"]));
    assert!(data("labels").as_array().expect("a list").contains(&json!("zone")));
    let series = data("series?match[]=%7Bhost=%22b%22%7D&match[]=my_app_x_y");
    assert_eq!(series.as_array().expect("a list").len(), 2, "{series}");
    assert_eq!(
        data("metadata?metric=picollect_power_joules_total")["picollect_power_joules_total"][0]["type"],
        "counter"
    );
    assert!(data("status/buildinfo")["version"].as_str().expect("a version").starts_with("3."));
    assert_eq!(data("query?query=1%2B1")["result"][1], "2");
    let rules = data("rules")["groups"][0]["rules"].as_array().map(Vec::len);
    assert!(rules.is_some_and(|count| count > 0));
    assert_eq!(data("alerts"), json!({ "alerts": [] }));
    assert_eq!(data("format_query?query=1%2B1"), "1 + 1");
    assert_eq!(data("query_exemplars?query=up&start=0&end=1"), json!([]));
    let answer = ask(&collector.url, Some(&token), "picollect_power_watts * 2", When::Instant(START_MS));
    assert!(!answer.expect("an answer to a form").is_empty());
}

#[test]
fn a_limit_cuts_off_and_says_so_and_what_a_query_took_is_told_on_demand() {
    let collector = Collector::start();
    let lines = ["a", "b", "c"].map(|host| format!("thermal,host={host},zone=0 temp_c=50 {START_MS}"));
    let batch = decode(lines.join("\n").as_bytes(), Precision::Milliseconds, 0).points;
    collector.store().append(&batch).expect("the store takes them");
    let token = token(&collector);
    let ask = |path: &str| get(&collector, &format!("/api/v1/{path}"), &token);
    let at = START_MS / 1000;
    let raw = "picollect_thermal_temp_c%7Bhost=~%60%5Cw%60%7D";
    let (_, all) = ask(&format!("query?query={raw}&time={at}"));
    assert_eq!((all["data"]["result"].as_array().map(Vec::len), &all["warnings"]), (Some(3), &Json::Null));
    let truncated = json!(["results truncated due to limit"]);
    for path in [
        format!("query?query={raw}&time={at}"),
        format!("query_range?query={raw}&start={at}&end={at}&step=1"),
    ] {
        let (status, two) = ask(&format!("{path}&limit=2&stats=all"));
        assert_eq!((status, two["data"]["result"].as_array().map(Vec::len)), (200, Some(2)), "{path}");
        assert_eq!(two["warnings"], truncated, "{path}");
        assert_eq!(two["data"]["stats"]["samples"]["totalQueryableSamples"], 3, "{path}");
    }
    for path in ["series?match[]=picollect_thermal_temp_c", "labels?a=b", "label/host/values?a=b"] {
        let (status, two) = ask(&format!("{path}&limit=2"));
        assert_eq!((status, two["data"].as_array().map(Vec::len)), (200, Some(2)), "{path}");
        assert_eq!(two["warnings"], truncated, "{path}");
    }
    let (_, noted) = ask(&format!("query?query=rate(picollect_thermal_temp_c%5B5m%5D)&time={at}"));
    assert_eq!(noted["infos"], Json::Null, "one sample has no rate");
    let (_, noted) = ask("query?query=quantile(2,vector(1))");
    assert_eq!(noted["warnings"], json!(["PromQL warning: quantile value should be between 0 and 1, got 2"]));
}

#[test]
fn as_many_points_as_prometheus_allows_are_answered() {
    let collector = Collector::start();
    let token = token(&collector);
    let status = |end: u32| {
        get(&collector, &format!("/api/v1/query_range?query=vector(1)&start=0&end={end}&step=1"), &token).0
    };
    assert_eq!((status(11_000), status(11_001)), (200, 400));
}

#[test]
fn a_scraper_is_shown_the_last_samples_in_a_form_that_promtool_accepts() {
    let collector = Collector::start();
    let _agent = collector.simulated_agent("a", "200ms", i64::MAX / 4);
    let token = token(&collector);
    let page = |accept: &str| {
        let request = ureq::get(format!("{}/metrics", collector.url)).header("Accept", accept);
        let answer = request.header("Authorization", format!("Bearer {token}")).call();
        answer.expect("a page").body_mut().read_to_string().expect("text")
    };
    eventually("the node's energy is shown", || page("text/plain").contains("picollect_power_joules_total{"));
    let mut command = Command::new(installed("promtool"));
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().expect("promtool starts");
    let mut input = promtool.stdin.take().expect("it is piped");
    input.write_all(page("text/plain").as_bytes()).expect("promtool reads");
    drop(input);
    let output = promtool.wait_with_output().expect("promtool ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let counted = complaints.lines().filter(|line| !line.contains("abbreviated units"));
    assert_eq!(counted.collect::<Vec<_>>(), [""; 0], "{complaints}");
    // The importer reads OpenMetrics strictly.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("page");
    let open = page("application/openmetrics-text");
    let timed = |line: &&str| line.starts_with('#') || line.split(' ').count() == 3;
    fs::write(&file, open.lines().filter(timed).map(|line| format!("{line}\n")).collect::<String>())
        .expect("writable");
    let mut import = Command::new(installed("promtool"));
    import
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &directory.path().join("blocks")]);
    let import = import.output().expect("promtool starts");
    assert!(import.status.success(), "{}\n{open}", String::from_utf8_lossy(&import.stderr));
    let alone = ureq::get(format!("{}/metrics", collector.url)).call().expect("a page");
    let alone = alone.into_body().read_to_string().expect("text");
    assert!(alone.contains("picollect_server_connections "), "{alone}");
    let of_nodes = ["picollect_power", "picollect_nodes"].map(|name| alone.contains(name));
    assert_eq!(of_nodes, [false; 2], "without a token there is nothing of the nodes");
}
