//! The shipped dashboards' queries, with Grafana's macros and variables filled in as Grafana fills them
//! (<https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/>).

use std::fs;
use std::path::Path;

use picollect_settings::time::rfc3339;
use serde_json::Value as Json;

/// What may be empty for the demo on some machine, and why; of a panel all its queries, or one of them.
const MAY_BE_EMPTY: [(&str, &str); 20] = [
    ("/ variable cluster", "the demo's cluster has no name"),
    ("/ Power at the wall /", "no meter at the wall"),
    ("/ Energy at the wall /", "no meter at the wall"),
    ("/ Cost of the nodes /", "no tariff is configured"),
    ("/ Carbon of the nodes /", "no grid intensity is configured"),
    ("/ Battery /", "no battery"),
    ("/ Fan /", "no fan that tells its speed"),
    ("/ Supply and core voltage /", "no firmware states a voltage"),
    ("/ Nodes with a flag since boot /", "the simulated firmware has no such flags"),
    ("Clock / B", "what the kernel asks for is known where it sets the clock"),
    ("/ Clock offset /", "the machine's clock may not be synchronised"),
    ("/ Waiting for processor, memory, disks /", "the kernel may keep no pressure"),
    ("/ Disks: read /", "the machine may be a container without disks"),
    ("/ Disks: written /", "as before"),
    ("/ Disks: busy /", "as before"),
    ("/ Network: received /", "the machine may have no interface but the loopback"),
    ("/ Network: sent /", "as before"),
    ("/ Network: bad frames /", "as before"),
    ("/ Network: link /", "as before"),
    ("/ Space on file systems /", "the machine may show none"),
];
/// The step between two points of the longest panels, and what the provisioned data source says of its samples.
const INTERVAL_S: i64 = 10;
/// The interval that the viewer chose.
const CHOSEN: &str = "10s";

/// The time that is shown, and the node that is chosen.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// As a regular expression.
    pub(super) node: String,
}

/// How a query is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum How {
    Instant,
    Range {
        step_s: i64,
    },
    /// The values of a label.
    Label(String),
    Flux,
}

/// A query as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Dashboard, and panel, variable or annotation.
    pub(super) place: String,
    pub(super) how: How,
    pub(super) text: String,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

impl Asked {
    pub(super) fn may_be_empty(&self) -> bool {
        MAY_BE_EMPTY.iter().any(|(place, _)| self.place.contains(place))
    }
}

/// Every query of a variant's dashboards.
pub(super) fn all(variant: &str, view: &View) -> Vec<Asked> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana").join(variant);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("dashboards").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let all = files.iter().flat_map(|path| {
        let text = fs::read_to_string(path).expect("a dashboard");
        of(&serde_json::from_str(&text).expect("JSON"), view)
    });
    all.collect()
}

fn of(dashboard: &Json, view: &View) -> Vec<Asked> {
    let title = text(&dashboard["title"]);
    let list = |value: &Json| value.as_array().expect("a list").clone();
    let mut all = Vec::new();
    for panel in list(&dashboard["panels"]) {
        all.extend(list(&panel["targets"]).iter().map(|target| of_panel(&title, &panel, target, view)));
    }
    for variable in list(&dashboard["templating"]["list"]) {
        all.extend((variable["type"] == "query").then(|| of_variable(&title, &variable, view)));
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        all.push(of_annotation(&title, &annotation, view));
    }
    all
}

fn text(value: &Json) -> String {
    value.as_str().expect("a text").to_owned()
}

fn of_panel(title: &str, panel: &Json, target: &Json, view: &View) -> Asked {
    // A panel that shows the day so far.
    let start_ms = match panel["timeFrom"].as_str() {
        Some("now/d") => view.start_ms.min(view.end_ms - view.end_ms.rem_euclid(24 * 3600 * 1000)),
        _ => view.start_ms,
    };
    let step_s = if panel["interval"] == "1m" { 60 } else { INTERVAL_S };
    let view = View { start_ms, ..view.clone() };
    let how = match (&target["query"], &target["instant"]) {
        (Json::String(_), _) => How::Flux,
        (_, Json::Bool(true)) => How::Instant,
        _ => How::Range { step_s },
    };
    let query = target["expr"].as_str().or(target["query"].as_str()).expect("a query");
    Asked {
        place: format!("{title} / {} / {}", text(&panel["title"]), text(&target["refId"])),
        text: filled_in(query, &view, step_s),
        start_ms,
        // What is stored once a minute is seen at the next step.
        end_ms: if step_s == 60 { view.end_ms + 60_000 } else { view.end_ms },
        how,
    }
}

fn of_variable(title: &str, variable: &Json, view: &View) -> Asked {
    let query = filled_in(&text(&variable["query"]["query"]), view, INTERVAL_S);
    let name = text(&variable["name"]);
    let inner = query.strip_prefix("label_values(").and_then(|query| query.strip_suffix(')'));
    let (how, text) = match inner.and_then(|inner| inner.rsplit_once(", ")) {
        Some((selector, label)) => (How::Label(label.to_owned()), selector.to_owned()),
        None => (How::Flux, query),
    };
    Asked {
        place: format!("{title} / variable {name}"),
        start_ms: view.start_ms,
        end_ms: view.end_ms,
        how,
        text,
    }
}

fn of_annotation(title: &str, annotation: &Json, view: &View) -> Asked {
    let (how, query) = match annotation["target"]["expr"].as_str() {
        Some(query) => (How::Range { step_s: 60 }, query),
        None => (How::Flux, annotation["target"]["query"].as_str().expect("a query")),
    };
    Asked {
        place: format!("{title} / annotation {}", text(&annotation["name"])),
        text: filled_in(query, view, INTERVAL_S),
        start_ms: view.start_ms,
        // A run that ended a moment ago is marked at the next step.
        end_ms: view.end_ms + 60_000,
        how,
    }
}

fn filled_in(query: &str, view: &View, step_s: i64) -> String {
    let range_s = (view.end_ms - view.start_ms) / 1000;
    // Grafana's rule: the step and one sample more, and four samples at least.
    let rate_s = (step_s + step_s.max(INTERVAL_S)).max(4 * step_s.max(INTERVAL_S));
    let values = [
        ("$__rate_interval", format!("{rate_s}s")),
        ("$__range_s", range_s.to_string()),
        ("$__range", format!("{range_s}s")),
        ("$__interval", format!("{step_s}s")),
        ("${interval}", CHOSEN.to_owned()),
        ("$interval", CHOSEN.to_owned()),
        ("${cluster:regex}", ".*".to_owned()),
        ("$cluster", ".*".to_owned()),
        ("${node:regex}", view.node.clone()),
        ("$node", view.node.clone()),
        ("v.defaultBucket", "\"b\"".to_owned()),
        ("v.timeRangeStart", rfc3339(view.start_ms)),
        ("v.timeRangeStop", rfc3339(view.end_ms)),
        ("v.windowPeriod", format!("{step_s}s")),
    ];
    let filled = values.iter().fold(query.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.replace("$/", "").contains('$'), "a macro that Grafana would fill in is left: {filled}");
    filled
}
