//! The corpus' epoch traces, as an agent would have pushed them, read back through the report.

use std::path::Path;

use crate::process::stdout;

/// Each trace is written by `write`, which gives the options that name the store and whatever has to live meanwhile.
/// Its times are counted from `base_ms`, its node is called as its file; the report's joules may differ by a share of
/// `tolerance`.
pub(crate) fn energy_corpus<T>(base_ms: i64, tolerance: f64, write: impl Fn(&str) -> (Vec<String>, T)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/energy");
    let mut traces = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let host = path.file_stem().expect("a name").to_str().expect("UTF-8");
        let trace: toml::Table = std::fs::read_to_string(&path).expect("a trace").parse().expect("TOML");
        let Some(lines) = lines(&trace, host, base_ms) else { continue };
        let window = trace["window"].as_array().expect("a window");
        let time = |index: usize| {
            picollect_collector::time::rfc3339(base_ms + window[index].as_integer().expect("ms"))
        };
        let (options, _alive) = write(&lines);
        let (from, to) = (time(0), time(1));
        let mut arguments = vec!["report", "--format", "json", "--from", &from, "--to", &to];
        arguments.extend(options.iter().map(String::as_str));
        let report: serde_json::Value = serde_json::from_str(&stdout(&arguments)).expect("JSON");
        let nodes = report["nodes"].as_array().expect("nodes");
        let node =
            nodes.iter().find(|node| node["host"] == host).unwrap_or_else(|| panic!("{host}: {report}"));
        let known = |value: &serde_json::Value| value.as_f64().expect("known");
        let (joules, covered_s) = (number(&trace["expect"]["joules"]), number(&trace["expect"]["covered_s"]));
        let got_s = known(&node["coverage"]) * known(&report["window"]["seconds"]);
        assert!((known(&node["energy_j"]) - joules).abs() <= tolerance * joules.max(1.0), "{host}: {node}");
        assert!((got_s - covered_s).abs() < 1e-6, "{host}: {node}");
        traces += 1;
    }
    assert!(traces >= 8, "only {traces} traces with epochs");
}

fn number(value: &toml::Value) -> f64 {
    value.as_float().or(value.as_integer().map(|int| int as f64)).expect("a number")
}

/// `None` for a trace without epochs.
fn lines(trace: &toml::Table, host: &str, base_ms: i64) -> Option<String> {
    let points = trace.get("points")?.as_array()?;
    let line = |point: &toml::Value| {
        let point = point.as_array().expect("a point");
        let whole = |index: usize| base_ms + point[index].as_integer().expect("milliseconds");
        format!(
            "agent,host={host} interval_s=1 {t}\npower,host={host},boundary=node,meter=m,source=measured \
             joules={},metered_s={},since_ms={}i {t}\n",
            number(&point[2]),
            number(&point[3]),
            whole(1),
            t = whole(0),
        )
    };
    Some(points.iter().map(line).collect())
}
