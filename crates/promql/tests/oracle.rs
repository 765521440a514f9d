//! A real Prometheus with given series, and its answers and ours made comparable.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, thread};

use picollect_promql::Labels;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::grammar::When;

/// How far two answers may be apart, as a share of the greater.
const RELATIVE: f64 = 1e-9;

/// A program that `./test` installed. Without it the test fails, and says how to get it.
pub(crate) fn installed(name: &str) -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut versions = above.map(|folder| folder.join("test-versions.env"));
    let versions = versions.find(|path| path.exists()).expect("test-versions.env in the repository's root");
    let versions = fs::read_to_string(versions).expect("test-versions.env");
    let version = versions.lines().find_map(|line| line.strip_prefix("PROMETHEUS_VERSION="));
    let version = version.expect("PROMETHEUS_VERSION in test-versions.env");
    let home = || PathBuf::from(env::var_os("HOME").expect("HOME is set")).join(".cache");
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let path = cache.join(format!("picollect-test/{name}-{version}/bin/{name}"));
    assert!(path.exists(), "`{}` is missing; run ./test, which installs it", path.display());
    path
}

/// A running Prometheus; ended when it is dropped.
pub(crate) struct Prometheus {
    process: Child,
    url: String,
    _data: TempDir,
}

impl Prometheus {
    /// Starts one on a free port over these series, in the OpenMetrics text format.
    pub(crate) fn with(open_metrics: &str) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let (input, blocks) = (data.path().join("series"), data.path().join("blocks"));
        let config = data.path().join("prometheus.yml");
        fs::write(&input, open_metrics).expect("writable");
        fs::write(&config, "global: {}\n").expect("writable");
        let mut import = Command::new(installed("promtool"));
        import.args(["tsdb", "create-blocks-from", "openmetrics"]).args([&input, &blocks]);
        let import = import.output().expect("promtool starts");
        assert!(import.status.success(), "promtool: {}", String::from_utf8_lossy(&import.stderr));
        let mut command = Command::new(installed("prometheus"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", blocks.display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--storage.tsdb.retention.time=100y"]);
        let mut process = command.stderr(Stdio::piped()).spawn().expect("Prometheus starts");
        let url = format!("http://{}", listening(&mut process));
        let prometheus = Self { process, url, _data: data };
        while ureq::get(format!("{}/-/ready", prometheus.url)).call().is_err() {
            thread::yield_now();
        }
        prometheus
    }

    /// Its answer, or its error's message.
    pub(crate) fn ask(&self, query: &str, when: When) -> Result<Comparable, String> {
        ask(&self.url, None, query, when)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for the line of the log that names the port; the rest of the log is read and thrown away.
fn listening(process: &mut Child) -> String {
    let mut log = BufReader::new(process.stderr.take().expect("its log")).lines();
    let address = log.find_map(|line| {
        let line = line.expect("its log is text");
        let rest = line.contains("Listening on").then(|| line.split("address=").nth(1))??;
        Some(rest.split_whitespace().next()?.to_owned())
    });
    thread::spawn(move || log.for_each(drop));
    address.expect("Prometheus listens")
}

/// Asks a server that speaks Prometheus' API.
pub(crate) fn ask(url: &str, token: Option<&str>, query: &str, when: When) -> Result<Comparable, String> {
    let seconds = |t_ms: i64| format!("{}.{:03}", t_ms / 1000, t_ms % 1000);
    let (path, form) = match when {
        When::Instant(t_ms) => ("query", vec![("time", seconds(t_ms))]),
        When::Range(start, end, step) => {
            ("query_range", vec![("start", seconds(start)), ("end", seconds(end)), ("step", seconds(step))])
        }
    };
    let form = form.into_iter().chain([("query", query.to_owned())]);
    let mut request = ureq::post(format!("{url}/api/v1/{path}")).config().http_status_as_error(false).build();
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.send_form(form).expect("an answer");
    let answer = answer.body_mut().with_config().limit(1 << 30).read_to_string().expect("a body");
    let answer: Json = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("JSON: {answer}"));
    match answer["status"].as_str() {
        Some("success") => Ok(Comparable::of_json(&answer["data"]).with_notes(&notes_of(&answer))),
        _ => Err(answer["error"].as_str().unwrap_or("no error is named").to_owned()),
    }
}

/// An answer: for each set of labels the samples, and the labels in their order.
#[derive(Debug)]
pub(crate) struct Comparable {
    kind: String,
    order: Vec<String>,
    series: BTreeMap<String, Vec<(i64, f64)>>,
    notes: BTreeSet<String>,
}

/// Warnings and infos of an answer.
fn notes_of(answer: &Json) -> Vec<String> {
    let lists = ["warnings", "infos"].into_iter().filter_map(|kind| answer[kind].as_array());
    lists.flatten().map(|note| note.as_str().expect("text").to_owned()).collect()
}

/// A warning without what only Prometheus tells: where in the query, and which buckets.
fn without_place(note: &str) -> String {
    let monotonic = note.find("histogram_quantile needed to be fixed").map(|_| "monotonicity");
    let place = note.rfind(" (").filter(|_| note.ends_with(')'));
    let note = monotonic.or(place.map(|at| &note[..at])).unwrap_or(note);
    // A number that was computed may differ in its last digit.
    let number =
        note.rsplit_once(" got ").and_then(|(text, number)| Some((text, number.parse::<f64>().ok()?)));
    number.map_or_else(|| note.to_owned(), |(text, number)| format!("{text} got {number:.9e}"))
}

impl Comparable {
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Of labels as [`shown`] writes them.
    pub(crate) fn new(kind: &str, all: Vec<(String, Vec<(i64, f64)>)>) -> Self {
        let order = all.iter().map(|(labels, _)| labels.clone()).collect();
        let count = all.len();
        let series: BTreeMap<_, _> = all.into_iter().collect();
        assert_eq!(series.len(), count, "no two series have the same labels");
        Self { kind: kind.to_owned(), order, series, notes: BTreeSet::new() }
    }

    /// With what was said beside the answer.
    pub(crate) fn with_notes(self, notes: &[String]) -> Self {
        Self { notes: notes.iter().map(|note| without_place(note)).collect(), ..self }
    }

    fn of_json(data: &Json) -> Self {
        let kind = data["resultType"].as_str().expect("a type");
        let result = &data["result"];
        let sample = |pair: &Json| {
            #[expect(clippy::cast_possible_truncation, reason = "Unix milliseconds")]
            let t_ms = (pair[0].as_f64().expect("a time") * 1000.0).round() as i64;
            let value = pair[1].as_str().expect("a value");
            (t_ms, value.replace("Inf", "inf").parse().unwrap_or_else(|_| panic!("a number: {value}")))
        };
        let series = |entry: &Json| {
            let labels = entry["metric"].as_object().expect("labels").iter();
            let labels = labels.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()));
            let samples = match entry["values"].as_array() {
                Some(values) => values.iter().map(sample).collect(),
                None => vec![sample(&entry["value"])],
            };
            (shown(&Labels::new(labels)), samples)
        };
        let all = match kind {
            "scalar" => vec![(String::new(), vec![sample(result)])],
            "string" => Vec::new(),
            _ => result.as_array().expect("a list").iter().map(series).collect(),
        };
        Self::new(kind, all)
    }

    /// What differs; the order of series counts only where the query sorts.
    pub(crate) fn difference(&self, other: &Self, sorted: bool) -> Option<String> {
        if self.kind != other.kind {
            return Some(format!("{} and {}", self.kind, other.kind));
        }
        if !self.series.keys().eq(other.series.keys()) {
            return Some(format!("series {:?} and {:?}", self.order, other.order));
        }
        for ((labels, ours), theirs) in self.series.iter().zip(other.series.values()) {
            if !ours.iter().map(|sample| sample.0).eq(theirs.iter().map(|sample| sample.0)) {
                return Some(format!("times of {labels}: {ours:?} and {theirs:?}"));
            }
            if let Some((a, b)) = ours.iter().zip(theirs).find(|(a, b)| !same(a.1, b.1)) {
                return Some(format!("{labels}: {a:?} and {b:?}"));
            }
        }
        // Which ten of many are shown is chance there.
        let omitted = |from: &Self| from.notes.iter().find(|note| note.ends_with("omitted")).cloned();
        let same_notes =
            if omitted(self).is_some() { omitted(self) == omitted(other) } else { self.notes == other.notes };
        if !same_notes {
            return Some(format!("beside the answer {:?} and {:?}", self.notes, other.notes));
        }
        let values =
            |from: &Self| from.order.iter().map(|labels| from.series[labels][0].1).collect::<Vec<_>>();
        let in_order = || values(self).into_iter().zip(values(other)).all(|(a, b)| same(a, b));
        (sorted && !in_order()).then(|| format!("order {:?} and {:?}", self.order, other.order))
    }
}

/// Labels as one text.
pub(crate) fn shown(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value:?},")).collect()
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= RELATIVE * a.abs().max(b.abs())
}
