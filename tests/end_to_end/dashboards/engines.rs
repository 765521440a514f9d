//! Every query of every panel, variable and annotation, asked of the collector itself, a Prometheus, a VictoriaMetrics
//! and an InfluxDB 2 about the same demo: no error, and nothing empty that should not be.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_settings::time::{now_ms, parse_rfc3339};
use serde_json::{Value as Json, json};

use super::asked::{Asked, How, View, all};
use crate::corpus::Trace;
use crate::end_to_end::engines::moving::moved;
use crate::engine::{Prometheus, VictoriaMetrics};
use crate::influxd::Influxd;
use crate::process::{Collector, eventually, picollect, stdout};

/// As long as the demo's own test: the load takes the processors from all others.
const DEMO: &str = "30s";
/// It begins so long before a minute ends, whose energy is published then.
const BEFORE_THE_MINUTE_MS: i64 = 12_000;

/// Whoever answers Prometheus' API.
struct Engine {
    name: &'static str,
    url: String,
    token: Option<String>,
}

impl Engine {
    /// How many series the answer has with a number in it.
    fn ask(&self, asked: &Asked) -> Result<usize, String> {
        Ok(self.answer(asked)?.iter().filter(|series| has_number(series)).count())
    }

    /// The series of an answer, or the values of a label.
    fn answer(&self, asked: &Asked) -> Result<Vec<Json>, String> {
        let seconds = |t_ms: i64| format!("{:.3}", t_ms as f64 / 1000.0);
        let (path, mut parameters) = match &asked.how {
            How::Instant => {
                ("query".to_owned(), vec![("query", asked.text.clone()), ("time", seconds(asked.end_ms))])
            }
            How::Range { step_s } => {
                ("query_range".to_owned(), vec![("query", asked.text.clone()), ("step", step_s.to_string())])
            }
            How::Label(label) => (format!("label/{label}/values"), vec![("match[]", asked.text.clone())]),
            How::Flux => unreachable!("{} is Flux", asked.place),
        };
        if asked.how != How::Instant {
            parameters.extend([("start", seconds(asked.start_ms)), ("end", seconds(asked.end_ms))]);
        }
        // VictoriaMetrics holds the last half minute back, and remembers answers.
        parameters.extend([("latency_offset", "1ms".to_owned()), ("nocache", "1".to_owned())]);
        let mut request = ureq::get(format!("{}/api/v1/{path}", self.url));
        for (name, value) in parameters {
            request = request.query(name, value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = request.config().http_status_as_error(false).build().call();
        let text = answer.expect("an answer").body_mut().read_to_string().expect("a body");
        let answer: Json = serde_json::from_str(&text).map_err(|_| text.clone())?;
        if answer["status"] != "success" {
            return Err(text);
        }
        let found = answer["data"].as_array().or(answer["data"]["result"].as_array());
        found.cloned().ok_or(text)
    }
}

/// A value of a label, or a series with a number.
fn has_number(series: &Json) -> bool {
    let is_number = |sample: &Json| sample[1].as_str().is_some_and(|value| value != "NaN");
    let many = series["values"].as_array().is_some_and(|samples| samples.iter().any(is_number));
    series.is_string() || many || is_number(&series["value"])
}

/// How many rows the answer in Flux has.
fn ask_influxd(influxd: &Influxd, asked: &Asked) -> Result<usize, String> {
    Ok(rows(&answer_of_influxd(influxd, asked)?).count())
}

/// The rows of an annotated CSV, without its heads.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with(',') && !line.starts_with(",result,"))
}

fn answer_of_influxd(influxd: &Influxd, asked: &Asked) -> Result<String, String> {
    let request = ureq::post(format!("{}/api/v2/query?org=o", influxd.url));
    let request = request
        .header("Authorization", format!("Token {}", Influxd::TOKEN))
        .header("Content-Type", "application/json");
    let request = request.config().http_status_as_error(false).build();
    let mut answer =
        request.send(json!({ "query": asked.text, "type": "flux" }).to_string()).expect("an answer");
    let text = answer.body_mut().read_to_string().expect("a body");
    if answer.status() != 200 || text.contains("error,reference") {
        return Err(text);
    }
    Ok(text)
}

/// What is wrong; a query that is asked of several nodes is answered if it is for one of them.
fn faults(name: &str, answers: Vec<(Asked, Result<usize, String>)>) -> Vec<String> {
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    let mut may_be_empty = BTreeMap::new();
    for (asked, answer) in answers {
        may_be_empty.insert(asked.place.clone(), asked.may_be_empty());
        match answer {
            Ok(series) => {
                let most = most.entry(asked.place).or_default();
                *most = series.max(*most);
            }
            Err(error) => faults.push(format!("{name}: {}: {error}\n{}", asked.place, asked.text)),
        }
    }
    for (place, series) in &most {
        eprintln!("{name}: {place}: {series}");
        if *series == 0 && !may_be_empty[place] {
            faults.push(format!("{name}: {place} is empty"));
        }
    }
    faults
}

/// Waits for the time at which a demo has a minute's end in it.
fn wait_for_the_minute() {
    let wait_ms = (-BEFORE_THE_MINUTE_MS - now_ms()).rem_euclid(60_000);
    thread::sleep(Duration::from_millis(wait_ms.unsigned_abs()));
}

/// The demo's data, its window and its nodes.
fn demo(directory: &Path) -> (String, Vec<View>) {
    let kept = directory.join("demo");
    wait_for_the_minute();
    let arguments = ["demo", "--for", DEMO, "--format", "json", "--keep", kept.to_str().expect("UTF-8")];
    let report: Json = serde_json::from_str(&stdout(&arguments)).expect("JSON");
    let time = |edge: &str| parse_rfc3339(report["window"][edge].as_str().expect("a time")).expect("a time");
    let nodes = report["nodes"].as_array().expect("nodes").iter();
    let nodes = nodes.map(|node| node["host"].as_str().expect("a name").to_owned());
    let nodes: Vec<String> = [".+".to_owned()].into_iter().chain(nodes).collect();
    let view = |node: &String| View { start_ms: time("start"), end_ms: time("end"), node: node.clone() };
    (kept.to_str().expect("UTF-8").to_owned(), nodes.iter().map(view).collect())
}

/// The queries of a variant, with each node chosen where one is.
fn queries(variant: &str, views: &[View]) -> Vec<Asked> {
    views.iter().flat_map(|view| all(variant, view)).collect()
}

#[test]
fn every_query_of_every_dashboard_is_answered_by_every_engine() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (kept, views) = demo(directory.path());
    let embedded = format!("embedded:{kept}");
    let (victoria_metrics, prometheus, influxd) =
        (VictoriaMetrics::start(), Prometheus::start("1d"), Influxd::start());
    for location in [
        format!("prometheus+{}", victoria_metrics.url),
        format!("prometheus+{}", prometheus.url),
        influxd.location(),
    ] {
        moved(&embedded, &location, "lines");
    }
    VictoriaMetrics::settle(&victoria_metrics.url);
    let token = stdout(&["token", "create", "--data", &kept, "--name", "grafana", "--scope", "read"]);
    let collector =
        Collector::start_by(|listen, _| picollect(&["serve", "--listen", listen, "--data", &kept]));
    let engines = [
        Engine { name: "collector", url: collector.url.clone(), token: Some(token.trim().to_owned()) },
        Engine { name: "Prometheus", url: prometheus.url.clone(), token: None },
        Engine { name: "VictoriaMetrics", url: victoria_metrics.url.clone(), token: None },
    ];
    let asked = queries("prometheus", &views);
    let mut wrong = Vec::new();
    for engine in &engines {
        let nodes = asked.iter().find(|asked| matches!(asked.how, How::Label(_)) && !asked.may_be_empty());
        eventually("the engine shows what it was given", || {
            nodes.is_some_and(|nodes| engine.ask(nodes).is_ok_and(|nodes| nodes == views.len() - 1))
        });
        let answers = asked.iter().map(|asked| (asked.clone(), engine.ask(asked)));
        wrong.extend(faults(engine.name, answers.collect()));
    }
    let answers =
        queries("flux", &views).into_iter().map(|asked| (asked.clone(), ask_influxd(&influxd, &asked)));
    wrong.extend(faults("InfluxDB 2", answers.collect()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The panel whose sum is a node's energy.
const ENERGY_PANEL: &str = "/ Energy of each node /";

/// What that panel of a variant asks about a trace.
fn energy_panel(variant: &str, trace: &Trace, late_ms: i64) -> Asked {
    let Window { start_ms, end_ms } = trace.window;
    let view = View { start_ms, end_ms: end_ms + late_ms, node: trace.host.clone() };
    let panel = all(variant, &view).into_iter().find(|asked| asked.place.contains(ENERGY_PANEL));
    panel.expect("the panel")
}

/// What the panel shows of a trace.
fn shown_by(engine: &Engine, trace: &Trace) -> f64 {
    let answer = engine.answer(&energy_panel("prometheus", trace, 0)).expect("an answer");
    let value = |series: &Json| series["value"][1].as_str().and_then(|value| value.parse::<f64>().ok());
    answer.iter().filter_map(value).sum()
}

/// The same in Flux, whose times end before the last millisecond and not with it.
fn shown_by_influxd(influxd: &Influxd, trace: &Trace) -> f64 {
    let text = answer_of_influxd(influxd, &energy_panel("flux", trace, 1)).expect("an answer");
    let head = text.lines().find(|line| line.starts_with(",result,")).unwrap_or_default();
    let column = head.split(',').position(|name| name == "_value").unwrap_or_default();
    rows(&text).filter_map(|row| row.split(',').nth(column)?.trim().parse::<f64>().ok()).sum()
}

/// The panel of every engine shows each trace's joules.
pub(super) fn agree_with(collector: &Collector, token: &str, traces: &[Trace]) {
    let embedded = format!("embedded:{}", collector.data_text());
    let (victoria_metrics, prometheus, influxd) =
        (VictoriaMetrics::start(), Prometheus::start("1d"), Influxd::start());
    let locations = [
        format!("prometheus+{}", victoria_metrics.url),
        format!("prometheus+{}", prometheus.url),
        influxd.location(),
    ];
    for location in locations {
        moved(&embedded, &location, "lines");
    }
    VictoriaMetrics::settle(&victoria_metrics.url);
    let engines = [
        Engine { name: "collector", url: collector.url.clone(), token: Some(token.to_owned()) },
        Engine { name: "Prometheus", url: prometheus.url.clone(), token: None },
        Engine { name: "VictoriaMetrics", url: victoria_metrics.url.clone(), token: None },
    ];
    for trace in traces {
        let is_right = |joules: f64| (joules - trace.joules).abs() <= 1e-9 * trace.joules.max(1.0);
        for engine in &engines {
            eventually(&format!("{} shows {} J of {}", engine.name, trace.joules, trace.host), || {
                is_right(shown_by(engine, trace))
            });
        }
        let joules = shown_by_influxd(&influxd, trace);
        assert!(is_right(joules), "InfluxDB shows {joules} J of {}, which had {}", trace.host, trace.joules);
    }
}
