//! The shared corpus of energy traces (`tests/corpus/energy`), written as an agent would have pushed it.

use std::path::Path;

use picollect_evaluate::Window;
use picollect_settings::time::rfc3339;

use crate::process::stdout;

/// A trace with epochs.
pub(crate) struct Trace {
    /// Its node, called as its file.
    pub(crate) host: String,
    /// The lines of an agent.
    pub(crate) lines: String,
    pub(crate) window: Window,
    /// The exact energy, in joules.
    pub(crate) joules: f64,
    pub(crate) covered_s: f64,
}

/// The traces, slowed down so many times and moved so that their windows begin at this time.
pub(crate) fn epoch_traces(start_ms: i64, slower: i64) -> Vec<Trace> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/energy");
    let files = std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("an entry").path());
    let traces: Vec<Trace> = files.filter_map(|path| trace(&path, start_ms, slower)).collect();
    assert!(traces.len() >= 8, "only {} traces with epochs", traces.len());
    traces
}

/// Every trace through a store and the report. `write` takes its lines and gives the options that name the store and
/// whatever has to live meanwhile; the report's joules may differ by a share of `tolerance`.
pub(crate) fn energy_corpus<T>(start_ms: i64, tolerance: f64, write: impl Fn(&str) -> (Vec<String>, T)) {
    for trace in epoch_traces(start_ms, 1) {
        let (options, _alive) = write(&trace.lines);
        assert_reported(&trace, tolerance, &options);
    }
}

/// Whether the report says of a trace in the store that `options` name what the corpus says.
pub(crate) fn assert_reported(trace: &Trace, tolerance: f64, options: &[String]) {
    let Trace { host, window, joules, covered_s, .. } = trace;
    let (from, to) = (rfc3339(window.start_ms), rfc3339(window.end_ms));
    let mut arguments = vec!["report", "--format", "json", "--from", &from, "--to", &to];
    arguments.extend(options.iter().map(String::as_str));
    let report: serde_json::Value = serde_json::from_str(&stdout(&arguments)).expect("JSON");
    let nodes = report["nodes"].as_array().expect("nodes");
    let node = nodes.iter().find(|node| node["host"] == **host).unwrap_or_else(|| panic!("{host}: {report}"));
    let known = |value: &serde_json::Value| value.as_f64().expect("known");
    let got_s = known(&node["coverage"]) * known(&report["window"]["seconds"]);
    assert!((known(&node["energy_j"]) - joules).abs() <= tolerance * joules.max(1.0), "{host}: {node}");
    assert!((got_s - covered_s).abs() < 1e-6, "{host}: {node}");
}

fn number(value: &toml::Value) -> f64 {
    value.as_float().or(value.as_integer().map(|int| int as f64)).expect("a number")
}

/// `None` for a trace without epochs.
fn trace(path: &Path, start_ms: i64, slower: i64) -> Option<Trace> {
    let host = path.file_stem().expect("a name").to_str().expect("UTF-8");
    let trace: toml::Table = std::fs::read_to_string(path).expect("a trace").parse().expect("TOML");
    let points = trace.get("points")?.as_array()?;
    let whole = |value: &toml::Value| value.as_integer().expect("milliseconds") * slower;
    let window = trace["window"].as_array().expect("a window");
    let base_ms = start_ms - whole(&window[0]);
    let line = |point: &toml::Value| {
        let point = point.as_array().expect("a point");
        format!(
            "agent,host={host} interval_s={slower} {t}\npower,host={host},boundary=node,meter=m,source=measured \
             joules={},metered_s={},since_ms={}i {t}\n",
            number(&point[2]),
            number(&point[3]) * slower as f64,
            base_ms + whole(&point[1]),
            t = base_ms + whole(&point[0]),
        )
    };
    Some(Trace {
        host: host.to_owned(),
        lines: points.iter().map(line).collect(),
        window: Window { start_ms, end_ms: base_ms + whole(&window[1]) },
        joules: number(&trace["expect"]["joules"]),
        covered_s: number(&trace["expect"]["covered_s"]) * slower as f64,
    })
}
