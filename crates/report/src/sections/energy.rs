//! Energy by boundary and by source, and power over time.

use super::super::charts::heat_map::{HeatMap, HeatRow};
use super::super::charts::{Line, Lines};
use super::super::numbers::{count, percent, si, si_with_uncertainty};
use super::super::page::{Block, Cell, Section, Table, Tone, printable};
use super::super::{Cluster, EnergyFigure, Node, NodeTimeline, Report, Timeline};
use super::differing::{Shown, are_many, shown};
use super::window_ms;
use picollect_telemetry::Boundary;
use picollect_telemetry::Source;

pub(super) fn section(report: &Report) -> Option<Section> {
    let cluster = &report.cluster;
    let mut blocks = vec![heads(cluster)];
    if cluster.energy.energy_j.is_some() {
        blocks.push(by_boundary(cluster));
        blocks.push(by_source(cluster));
    }
    blocks.push(Block::Lines(power(report)));
    blocks.push(Block::HeatMap(heat_map(report)));
    Section::new("Energy", blocks)
}

fn heads(cluster: &Cluster) -> Block {
    let Cluster { nodes, up, late, down, .. } = cluster;
    let tone = match (late, down) {
        (0, 0) => Tone::Plain,
        (_, 0) => Tone::Caution,
        _ => Tone::Bad,
    };
    let state = format!("{}: {up} up, {late} late, {down} down", count(*nodes, "node"));
    Block::facts([("nodes", Cell::toned(state, tone)), ("energy", metered(cluster))])
}

/// Beyond a node's own boundary it is meters that are counted, not nodes.
fn metered(cluster: &Cluster) -> Cell {
    let with = cluster.nodes_with_energy;
    match cluster.energy.boundary {
        None => {
            let why = cluster.energy.why_unknown.as_deref().unwrap_or("no meter says it");
            Cell::toned(format!("unknown: {why}"), Tone::Faint)
        }
        Some(boundary @ (Boundary::Enclosure | Boundary::Wall)) => {
            let meters = cluster.by_source.iter().map(|part| part.nodes).sum();
            format!("known from {} at the boundary {boundary}", count(meters, "meter")).into()
        }
        _ => Cell::toned(
            format!("known of {with} of {}", count(cluster.nodes, "node")),
            if with < cluster.nodes { Tone::Caution } else { Tone::Plain },
        ),
    }
}

fn by_boundary(cluster: &Cluster) -> Block {
    let mut figures: Vec<_> = std::iter::once(&cluster.energy).chain(&cluster.other_boundaries).collect();
    figures.sort_by_key(|figure| std::cmp::Reverse(figure.boundary));
    let row = |figure: &EnergyFigure| {
        vec![
            Cell::maybe(figure.boundary.map(Boundary::as_str)),
            si(figure.energy_j, "J").into(),
            mean_power(figure).into(),
            si(figure.peak_w, "W").into(),
            percent(figure.coverage).into(),
            source(figure),
        ]
    };
    let columns = ["boundary", ">energy", ">mean power", ">peak", ">covered", "source"];
    let caption = "Energy by boundary, widest first; different boundaries are never added";
    Table::block(caption, &columns, figures.into_iter().map(row).collect())
}

fn by_source(cluster: &Cluster) -> Block {
    let row = |part: &super::super::SourcePart| {
        vec![toned_source(part.source), part.nodes.to_string().into(), si(Some(part.energy_j), "J").into()]
    };
    let rows = cluster.by_source.iter().map(row).collect();
    let boundary = cluster.energy.boundary.map_or("first", Boundary::as_str);
    let caption = format!("What the {boundary} figure is made of");
    Table::block(caption, &["source", ">meters or models", ">energy"], rows)
}

/// Mean power with its uncertainty.
pub(in super::super) fn mean_power(figure: &EnergyFigure) -> String {
    si_with_uncertainty(figure.mean_w, figure.uncertainty_w, "W")
}

/// Where a figure comes from; what is not measured stands out.
pub(in super::super) fn source(figure: &EnergyFigure) -> Cell {
    figure.source.map_or_else(|| Cell::toned("unknown", Tone::Faint), toned_source)
}

fn toned_source(source: Source) -> Cell {
    Cell::toned(source.as_str(), if source == Source::Measured { Tone::Plain } else { Tone::Caution })
}

fn power(report: &Report) -> Lines {
    let timeline = &report.timeline;
    let line =
        |node: &NodeTimeline| Line { name: printable(&node.host), values: node.watts.clone(), outer: false };
    let Shown { nodes, whose } = shown(report);
    let mut lines = Vec::new();
    if !timeline.outer_w.is_empty() {
        let name = format!("at the {}", Boundary::Wall);
        lines.push(Line { name, values: timeline.outer_w.clone(), outer: true });
    }
    if are_many(report) {
        lines.extend(total(report));
    }
    lines.extend(nodes.into_iter().map(line));
    Lines {
        title: "Power over time".to_owned(),
        whose,
        unit: "W",
        from_zero: true,
        window_ms: window_ms(report).unwrap_or_default(),
        start_ms: timeline.start_ms,
        step_s: timeline.step_s,
        curves: lines,
        limits: Vec::new(),
    }
}

/// The sum of all nodes that have a figure at the boundary that most of them have; a step in which one of them has no
/// value has no sum.
fn total(report: &Report) -> Option<Line> {
    let boundaries = || report.nodes.iter().filter_map(|node| node.energy.boundary);
    let of = |boundary: Boundary| boundaries().filter(|other| *other == boundary).count();
    let boundary = boundaries().max_by_key(|boundary| (of(*boundary), *boundary))?;
    let summed: Vec<&Node> =
        report.nodes.iter().filter(|node| node.energy.boundary == Some(boundary)).collect();
    let curves: Vec<&NodeTimeline> = summed
        .iter()
        .filter_map(|node| report.timeline.nodes.iter().find(|curve| curve.host == node.host))
        .filter(|curve| curve.watts.iter().any(Option::is_some))
        .collect();
    let steps = curves.iter().map(|curve| curve.watts.len()).max()?;
    let at = |step: usize| curves.iter().map(|curve| curve.watts.get(step).copied().flatten()).sum();
    let weakest = summed.iter().filter_map(|node| node.energy.source).max()?;
    let name =
        format!("sum of {} of {}, {weakest}, {boundary}", curves.len(), count(report.nodes.len(), "node"));
    Some(Line { name, values: (0..steps).map(at).collect(), outer: true })
}

fn heat_map(report: &Report) -> HeatMap {
    let Timeline { start_ms, step_s, nodes, .. } = &report.timeline;
    let row = |node: &NodeTimeline| HeatRow { name: printable(&node.host), values: node.watts.clone() };
    HeatMap {
        title: "Power of each node over time".to_owned(),
        unit: "W",
        greatest: false,
        window_ms: window_ms(report).unwrap_or_default(),
        start_ms: *start_ms,
        step_s: *step_s,
        rows: if are_many(report) { nodes.iter().map(row).collect() } else { Vec::new() },
    }
}
