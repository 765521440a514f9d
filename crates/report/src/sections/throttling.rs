//! When each node was throttled, why, what it cost and what to do.

use super::super::charts::heat_map::{HeatMap, HeatRow};
use super::super::charts::{Line, Lines, Ribbon, RibbonRow, ThrottledRange, step_start_ms};
use super::super::numbers::{clock, count, decimals, percent, si, spans_days};
use super::super::page::{Block, Cell, Section, Table, Tone, printable};
use super::super::{Episode, Node, NodeTimeline, Report, Timeline};
use super::differing::{Shown, are_many, shown};
use super::window_ms;
use picollect_settings::time::parse_rfc3339;

/// Episodes shown; a bad supply makes hundreds. JSON and CSV have them all.
const MAX_SHOWN: usize = 40;

/// More nodes in the same state are counted and not named.
const MAX_NAMED: usize = 16;

pub(super) fn section(report: &Report) -> Option<Section> {
    let nodes = &report.nodes;
    let facts = Block::Facts(states(nodes));
    let blocks = vec![
        facts,
        Block::Lines(temperature(report)),
        Block::HeatMap(heat_map(report)),
        Block::Ribbon(ribbon(report)),
        episodes(nodes, spans_days(&report.window)),
        Block::Sentences(together(nodes).into_iter().collect()),
        Block::Heading(if report.advice.is_empty() { String::new() } else { "What to do".to_owned() }),
        advice(report),
    ];
    Section::new("Throttling", blocks)
}

/// The nodes that were throttled, that were not, and of which nobody knows.
fn states(nodes: &[Node]) -> Vec<(String, Cell)> {
    let of = |wanted: fn(&Option<Vec<Episode>>) -> bool| {
        let hosts: Vec<_> =
            nodes.iter().filter(|node| wanted(&node.episodes)).map(|node| node.host.as_str()).collect();
        if hosts.len() > MAX_NAMED { count(hosts.len(), "node") } else { hosts.join(", ") }
    };
    let throttled = of(|episodes| episodes.as_ref().is_some_and(|list| !list.is_empty()));
    let none = of(|episodes| episodes.as_ref().is_some_and(Vec::is_empty));
    let unknown = of(Option::is_none);
    [
        ("throttled", throttled, Tone::Bad, ""),
        ("not throttled", none, Tone::Good, ""),
        ("unknown", unknown, Tone::Faint, ": the throttle flags cannot be read"),
    ]
    .into_iter()
    .filter(|(_, hosts, ..)| !hosts.is_empty())
    .map(|(name, hosts, tone, why)| (name.to_owned(), Cell::toned(hosts + why, tone)))
    .collect()
}

fn all(nodes: &[Node]) -> impl Iterator<Item = (&Node, &Episode)> {
    nodes.iter().flat_map(|node| node.episodes.iter().flatten().map(move |episode| (node, episode)))
}

fn episodes(nodes: &[Node], dated: bool) -> Block {
    let row = |(node, episode): (&Node, &Episode)| {
        vec![
            Cell::from(&node.host),
            clock(&episode.start, dated).into(),
            clock(&episode.end, dated).into(),
            Cell::toned(episode.cause.as_str(), Tone::Bad),
            decimals(episode.peak_c, 1).into(),
            si(episode.lowest_hz, "Hz").into(),
            decimals(episode.lost_core_s, 1).into(),
            percent(episode.lost_share).into(),
        ]
    };
    let columns =
        ["node", "from", "to", "cause", ">peak °C", ">lowest clock", ">lost core-s", ">of the window"];
    Table::block("Episodes and the work they lost", &columns, all(nodes).take(MAX_SHOWN).map(row).collect())
}

fn together(nodes: &[Node]) -> Option<Cell> {
    let number = all(nodes).count();
    if number < 2 {
        return None;
    }
    let known: Vec<f64> = all(nodes).filter_map(|(_, episode)| episode.lost_core_s).collect();
    let lost = match known.len() {
        0 => "the work they lost is not known".to_owned(),
        some if some == number => format!("they lost {:.1} core-s", known.iter().sum::<f64>()),
        some => format!("{some} of them lost {:.1} core-s, the rest is not known", known.iter().sum::<f64>()),
    };
    let hidden = number.saturating_sub(MAX_SHOWN);
    let rest = if hidden > 0 {
        format!(" {hidden} are not shown here; JSON and CSV have them all.")
    } else {
        String::new()
    };
    Some(format!("{} together; {lost}.{rest}", count(number, "episode")).into())
}

fn advice(report: &Report) -> Block {
    let fact = |advice: &super::super::Advice| {
        (advice.host.clone(), format!("{}: {}", advice.finding, advice.what_to_do).into())
    };
    Block::Facts(report.advice.iter().map(fact).collect())
}

fn temperature(report: &Report) -> Lines {
    let Timeline { start_ms, step_s, .. } = &report.timeline;
    let Shown { nodes, whose } = shown(report);
    let line =
        |node: &NodeTimeline| Line { name: printable(&node.host), values: node.temp_c.clone(), outer: false };
    let mut limits: Vec<f64> = report.nodes.iter().filter_map(|node| node.thermal.limit_c).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    Lines {
        title: "Temperature over time".to_owned(),
        whose,
        unit: "°C",
        from_zero: false,
        window_ms: window_ms(report).unwrap_or_default(),
        start_ms: *start_ms,
        step_s: *step_s,
        curves: nodes.into_iter().map(line).collect(),
        limits,
    }
}

fn heat_map(report: &Report) -> HeatMap {
    let Timeline { start_ms, step_s, nodes, .. } = &report.timeline;
    let row = |node: &NodeTimeline| HeatRow { name: printable(&node.host), values: node.temp_c.clone() };
    HeatMap {
        title: "Temperature of each node over time".to_owned(),
        unit: "°C",
        greatest: true,
        window_ms: window_ms(report).unwrap_or_default(),
        start_ms: *start_ms,
        step_s: *step_s,
        rows: if are_many(report) { nodes.iter().map(row).collect() } else { Vec::new() },
    }
}

fn ribbon(report: &Report) -> Ribbon {
    let Some((start_ms, end_ms)) = window_ms(report) else { return Ribbon::default() };
    let row = |node: &Node| RibbonRow {
        host: printable(&node.host),
        known: node.episodes.is_some(),
        throttled: node.episodes.iter().flatten().filter_map(stretch).collect(),
        silent: silent(&report.timeline, &node.host),
    };
    // Of many nodes, only those that were throttled have a row; the facts above name the number of the others.
    let has_row =
        |node: &&Node| !are_many(report) || node.episodes.as_ref().is_some_and(|list| !list.is_empty());
    let rows: Vec<_> = report.nodes.iter().filter(has_row).map(row).collect();
    // Where nothing was ever flagged, the facts above the ribbon say all there is.
    let flagged = rows.iter().any(|row| !row.throttled.is_empty());
    Ribbon { start_ms, end_ms, rows: if flagged { rows } else { Vec::new() } }
}

fn stretch(episode: &Episode) -> Option<ThrottledRange> {
    let start_ms = parse_rfc3339(&episode.start).ok()?;
    let end_ms = parse_rfc3339(&episode.end).ok()?;
    Some(ThrottledRange { start_ms, end_ms, cause: episode.cause })
}

/// The steps in which a node that speaks of power or heat at other times said nothing of either.
fn silent(timeline: &Timeline, host: &str) -> Vec<(i64, i64)> {
    let Some(node) = timeline.nodes.iter().find(|node| node.host == host) else { return Vec::new() };
    let at = |values: &[Option<f64>], step: usize| values.get(step).copied().flatten().is_some();
    let steps = node.watts.len().max(node.temp_c.len());
    let heard: Vec<bool> = (0..steps).map(|step| at(&node.watts, step) || at(&node.temp_c, step)).collect();
    if !heard.contains(&true) {
        return Vec::new();
    }
    let start_of = |step| step_start_ms(timeline.start_ms, timeline.step_s, step);
    let quiet = heard.iter().enumerate().filter(|(_, heard)| !**heard);
    quiet.map(|(step, _)| (start_of(step), start_of(step + 1))).collect()
}
