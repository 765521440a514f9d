//! The report as a page: which sections there are, in which order, and what they say.

mod differing;
mod energy;
mod money;
mod nodes;
mod references;
mod runs;
mod thermal;
mod throttling;

pub(super) use energy::{mean_power, source};
pub(super) use runs::{about_run, efficiency, hosts, methodology, result_line, status, throttled};

use super::numbers::{DASH, clock, count, decimals, percent, plain, si, spans_days, stretch};
use super::page::{Block, Cell, Page, Section, Table, Tone};
use super::{Node, Outlier, Overhead, Report};
use picollect_evaluate::balance::What;
use picollect_settings::time::parse_rfc3339;

/// Every section that the report has something for, in the order in which it is read.
pub(super) fn page(report: &Report) -> Page {
    let sections = [
        Section::new("Verdict", vec![Block::Sentences(report.verdict.iter().map(Cell::from).collect())]),
        energy::section(report),
        nodes::section(&report.nodes),
        runs::section(report),
        throttling::section(report),
        thermal::section(&report.nodes),
        Section::new("Balance", vec![balance(&report.balance)]),
        report.overhead.as_ref().and_then(overhead),
        report.cost.as_ref().and_then(money::cost),
        report.affordability.as_ref().and_then(money::affordability),
        references::section(report),
        Section::new("Not readable", vec![missing(report)]),
        alarms(&report.nodes),
    ];
    Page {
        title: "picollect report".to_owned(),
        about: stretch(&report.window),
        sections: sections.into_iter().flatten().collect(),
    }
}

fn balance(outliers: &[Outlier]) -> Block {
    let row = |outlier: &Outlier| {
        let show = |value| match outlier.what {
            What::Hotter => plain(Some(value), "°C"),
            What::Slower => format!("{} of full clock", percent(Some(value))),
        };
        vec![
            Cell::from(&outlier.host),
            Cell::toned(outlier.what.as_str(), Tone::Caution),
            show(outlier.value).into(),
            show(outlier.median).into(),
            decimals(Some(outlier.z), 1).into(),
        ]
    };
    let columns = ["node", "than its peers", ">its own", ">their median", ">robust z"];
    let caption = "Nodes that differ from their peers at the same load";
    Table::block(caption, &columns, outliers.iter().map(row).collect())
}

fn overhead(overhead: &Overhead) -> Option<Section> {
    let Overhead { boundary, outer_w, nodes_w, overhead_w, share } = *overhead;
    let between = format!(
        "{}, {} of the {boundary} power: supplies, switch, fans",
        si(Some(overhead_w), "W"),
        percent(Some(share))
    );
    let facts = Block::Facts(vec![
        (boundary.to_string(), si(Some(outer_w), "W").into()),
        ("all nodes".to_owned(), si(Some(nodes_w), "W").into()),
        ("overhead".to_owned(), between.into()),
    ]);
    Section::new("Overhead", vec![facts])
}

fn missing(report: &Report) -> Block {
    let dated = spans_days(&report.window);
    let mut rows = Vec::new();
    for node in &report.nodes {
        for missing in &node.missing {
            rows.push(vec![
                Cell::from(&node.host),
                Cell::from(&missing.what),
                Cell::toned(missing.why.as_str(), Tone::Caution),
                clock(&missing.since, dated).into(),
            ]);
        }
    }
    Table::block("What nodes could not read at the end", &["node", "what", "why", "since"], rows)
}

fn alarms(nodes: &[Node]) -> Option<Section> {
    let fact = |node: &Node| Some((node.host.clone(), Cell::toned(shared_name(node)?, Tone::Bad)));
    let facts = nodes.iter().filter_map(fact).collect();
    Section::new("Alarm: give each board a name of its own", vec![Block::Facts(facts)])
}

/// What is wrong with the node's name, if boards share it.
fn shared_name(node: &Node) -> Option<String> {
    let by_serial = node.serials.len() > 1;
    let users =
        || format!("{} use this name: {}", count(node.serials.len(), "board"), node.serials.join(", "));
    let at_once = node.boards_at_once.filter(|boards| *boards > 1);
    match (by_serial, at_once) {
        (true, Some(_)) => Some(format!("{}; {ENERGY_IS_NOBODYS}", users())),
        (true, None) => Some(users()),
        (false, Some(boards)) => Some(format!("{boards} boards or agents speak as one; {ENERGY_IS_NOBODYS}")),
        (false, None) => None,
    }
}

/// While several speak nobody can say whose totals are whose.
const ENERGY_IS_NOBODYS: &str = "what they used at the same time is not known";

/// Beginning and end of the window, Unix milliseconds; `None` of a report that is not made by
/// [`build`](super::build).
fn window_ms(report: &Report) -> Option<(i64, i64)> {
    Some((parse_rfc3339(&report.window.start).ok()?, parse_rfc3339(&report.window.end).ok()?))
}

/// A text that is a dash if it is empty.
fn or_dash(text: &str) -> &str {
    if text.is_empty() { DASH } else { text }
}
