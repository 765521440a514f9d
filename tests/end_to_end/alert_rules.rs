//! The rule file for Prometheus, as Prometheus' own tool reads and tries it; and the same rules over the collector and over
//! a real Prometheus, which is written to or scrapes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use picollect_analysis::alerts::AlertsRequest;
use picollect_analysis::report::Format;
use picollect_analysis::request::{Sources, answered};
use picollect_config::Config;
use picollect_evaluate::alert_rules::{RULES, Rule};
use picollect_settings::time::now_ms;
use picollect_store as store;
use picollect_store::location::Secrets;
use picollect_store::{Durability, Store};
use picollect_telemetry::line::{Point, Precision, decode};
use serde_json::Value;

use crate::engine::{Prometheus, VictoriaMetrics, installed};
use crate::influxd::Influxd;
use crate::process::{Collector, eventually, picollect};

#[test]
fn promtool_takes_the_rules_and_each_fires_and_ends_where_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/alerts");
    let mut said = String::new();
    for arguments in [["check", "rules", "prometheus.yaml"], ["test", "rules", "prometheus_test.yaml"]] {
        let mut command = Command::new(installed("promtool"));
        let output = command.args(arguments).current_dir(&folder).output().expect("promtool starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        said += &format!("$ promtool {}\n{}\n", arguments.join(" "), text.trim());
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md"));
    assert!(page.expect("docs/alerts.md").contains(&said), "docs/alerts.md has other words than:\n{said}");
}

/// What each rule finds, as labels and value in any order.
type Found = BTreeMap<String, BTreeSet<String>>;

/// Lines that raise every rule, over the last twenty minutes.
fn all_that_can_be_wrong(now_ms: i64) -> String {
    let node = "cluster=home,host=a";
    let lines = [
        format!("throttle,{node},origin=firmware throttled=1i,soft_limit=0i,under_voltage=1i"),
        "throttle,cluster=home,host=b,origin=firmware throttled=0i,soft_limit=1i,under_voltage=0i".to_owned(),
        "throttle,cluster=home,host=unknown,origin=firmware no_data=1i".to_owned(),
        format!("health,{node} up=0i,down=1i,headroom_k=3.5,coverage_ratio=0.5,boards=2"),
        "health,cluster=home,host=b up=1i,down=0i,headroom_k=30,coverage_ratio=1,boards=1".to_owned(),
        format!("time,{node} synchronised=0i"),
        format!("filesystem,{node},mount=/ available_bytes=9,size_bytes=100"),
        format!("filesystem,{node},mount=/boot available_bytes=90,size_bytes=100"),
        format!("flash,{node},disk=mmcblk0 life_used_ratio=0.9"),
        "flash,cluster=home,host=b,disk=mmcblk0 life_used_ratio=0.1,pre_eol=1i".to_owned(),
        "voltage,cluster=home,host=c,rail=ext5v volts=4.85".to_owned(),
        "voltage,cluster=home,host=b,rail=ext5v volts=5.1".to_owned(),
        format!("cpu,{node},core=all busy_ratio=0.01"),
        format!("power,{node},boundary=node,meter=m,source=measured watts=3"),
    ];
    let at = |ago_s: i64| {
        let t_ms = now_ms - ago_s * 1000;
        let fixed = lines.iter().map(move |line| format!("{line} {t_ms}\n"));
        fixed.chain([format!("agent,{node} dropped_lines={}i {t_ms}\n", 1200 - ago_s)])
    };
    (0..=1200).step_by(10).flat_map(at).collect()
}

/// As the collector says it.
fn by_the_collector(store: &dyn Store, now_ms: i64) -> Found {
    let config = Config::default();
    let request = AlertsRequest { format: Format::Json };
    let answer = answered(&request, &Sources { store, config: &config, now_ms }).expect("an answer");
    let rules: Vec<Value> = serde_json::from_str(&answer.text).expect("JSON");
    let one = |alert: &Value| {
        let labels: BTreeMap<String, String> =
            serde_json::from_value(alert["labels"].clone()).expect("labels");
        format!("{labels:?} {:.6}", alert["value"].as_f64().expect("a number"))
    };
    let found = |rule: &Value| rule["alerts"].as_array().expect("a list").iter().map(one).collect();
    rules.iter().map(|rule| (rule["name"].as_str().expect("a name").to_owned(), found(rule))).collect()
}

/// The vector that Prometheus answers with at this time.
fn ask(url: &str, query: &str, now_ms: i64) -> Vec<Value> {
    let time = format!("{}.{:03}", now_ms / 1000, now_ms % 1000);
    let mut answer = ureq::post(format!("{url}/api/v1/query"))
        .send_form([("query", query), ("time", &time)])
        .expect("an answer");
    let text = answer.body_mut().read_to_string().expect("a body");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    answer["data"]["result"].as_array().expect("a vector").clone()
}

/// As Prometheus says it.
fn by_prometheus(url: &str, now_ms: i64) -> Found {
    let one = |series: &Value| {
        let labels: BTreeMap<String, String> =
            serde_json::from_value(series["metric"].clone()).expect("labels");
        let value: f64 = series["value"][1].as_str().expect("a text").parse().expect("a number");
        format!("{labels:?} {value:.6}")
    };
    let found = |rule: &Rule| ask(url, &rule.expression(), now_ms).iter().map(one).collect();
    RULES.iter().map(|rule| (rule.name.to_owned(), found(rule))).collect()
}

/// A store at this address that has taken these points.
fn filled(location: &str, secrets: &Secrets, points: &[Point]) -> Arc<dyn Store> {
    let store = store::connect(&location.parse().expect("an address"), secrets, Durability::default())
        .expect("the engine answers");
    for points in points.chunks(1000) {
        assert_eq!(store.append(points).expect("the engine takes them").refused_points, 0);
    }
    store
}

/// Which series each rule finds, without their values.
fn subjects(found: &Found) -> Found {
    let labels = |one: &String| one.rsplit_once(' ').map_or("", |(labels, _)| labels).to_owned();
    found.iter().map(|(rule, found)| (rule.clone(), found.iter().map(labels).collect())).collect()
}

#[test]
fn the_collector_over_any_store_and_the_engines_themselves_find_the_same() {
    let now_ms = now_ms();
    let points = decode(all_that_can_be_wrong(now_ms).as_bytes(), Precision::Milliseconds, 0).points;
    let none = Secrets::default();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let embedded = filled(&format!("embedded:{}", directory.path().display()), &none, &points);
    let here = by_the_collector(embedded.as_ref(), now_ms);
    for (rule, found) in &here {
        let of_two = ["NodeThrottled", "UnderVoltage"].contains(&rule.as_str());
        assert_eq!(found.len(), if of_two { 2 } else { 1 }, "{rule}: {found:?}");
    }

    let prometheus = Prometheus::start("1d");
    let store = filled(&format!("prometheus+{}", prometheus.url), &none, &points);
    assert_eq!(by_the_collector(store.as_ref(), now_ms), here);
    assert_eq!(by_prometheus(&prometheus.url, now_ms), here);

    let victoria = VictoriaMetrics::start();
    let store = filled(&format!("prometheus+{}", victoria.url), &none, &points);
    VictoriaMetrics::settle(&victoria.url);
    assert_eq!(by_the_collector(store.as_ref(), now_ms), here);
    // Its `increase` is another than Prometheus'.
    assert_eq!(subjects(&by_prometheus(&victoria.url, now_ms)), subjects(&here));

    let influxd = Influxd::start();
    let secrets = Secrets { token: Some(Influxd::TOKEN.to_owned()), ..Secrets::default() };
    let store = filled(&influxd.location(), &secrets, &points);
    assert_eq!(by_the_collector(store.as_ref(), now_ms), here);
}

#[test]
fn a_prometheus_that_scrapes_the_collector_fires_the_same_rules() {
    let collector = Collector::start_by(|listen, data| {
        let config = Path::new(data).join("collector.toml");
        fs::write(config, "[alerts]\ninterval = \"1s\"\n").expect("writable");
        picollect(&["serve", "--listen", listen, "--data", data])
    });
    let token = collector.token_file();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/alerts/prometheus.yaml");
    let prometheus = Prometheus::configured(&format!(
        "global: {{scrape_interval: 1s}}\nrule_files: [{:?}]\nscrape_configs:\n  - job_name: picollect\n    \
         authorization: {{credentials_file: {token:?}}}\n    static_configs: [{{targets: [{:?}]}}]\n",
        rules,
        collector.url.trim_start_matches("http://"),
    ));
    let t_ms = now_ms();
    let lines = format!(
        "throttle,cluster=home,host=hot,origin=firmware throttled=1i {t_ms}\nagent,cluster=home,host=gone interval_s=1 {}\n",
        t_ms - 20_000
    );
    let written = fs::read_to_string(&token).expect("a token");
    let request = ureq::post(format!("{}/api/v2/write?precision=ms", collector.url));
    request.header("Authorization", format!("Token {}", written.trim())).send(lines).expect("it is taken");
    let states = || -> BTreeSet<String> {
        let word = |series: &Value| {
            ["alertname", "host", "alertstate"]
                .map(|name| series["metric"][name].as_str().unwrap_or("").to_owned())
        };
        ask(&prometheus.url, "ALERTS", now_ms()).iter().map(|series| word(series).join(" ")).collect()
    };
    // The rules are looked at every fifteen seconds, and a node may be silent for two minutes.
    let want = ["NodeDown gone pending", "NodeLate gone pending", "NodeThrottled hot firing"];
    eventually("Prometheus says so", || want.iter().all(|state| states().contains(*state)));
}
