//! Figures over the number of nodes: what was measured as marks with their spread, laws as lines with their bands.

use maud::{Markup, html};
use picollect_evaluate::scaling::Spread;

use super::bars::label;
use super::scale::Axis;
use super::{LEFT, RIGHT, WIDTH, at};
use crate::numbers::{decimals, si};

const TOP: f64 = 30.0;
const BOTTOM: f64 = 300.0;
const HEIGHT: f64 = 360.0;
/// Labels of numbers of nodes that are nearer than this would run into each other.
const LABEL_ROOM: f64 = 40.0;

/// A chart whose horizontal axis is the number of nodes; the vertical one begins at zero.
#[derive(Debug, Default)]
pub(crate) struct OverNodes {
    pub(crate) title: String,
    /// Unit of all values; empty for ratios.
    pub(crate) unit: String,
    /// What was measured; the first is drawn with dots, the second with squares.
    pub(crate) marks: Vec<Marks>,
    /// What a law says.
    pub(crate) laws: Vec<Curve>,
}

/// One measured quantity.
#[derive(Debug)]
pub(crate) struct Marks {
    pub(crate) name: String,
    /// The number of nodes with the median of its runs and how far they spread.
    pub(crate) at: Vec<(u32, Spread)>,
}

/// One law.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    /// Number of nodes and value.
    pub(crate) points: Vec<(f64, f64)>,
    /// Number of nodes with the lowest and the highest value that the fit allows; empty where that is not known.
    pub(crate) band: Vec<(f64, f64, f64)>,
}

impl OverNodes {
    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.iter().all(|marks| marks.at.is_empty())
    }

    fn axes(&self) -> Axes {
        let measured = || self.marks.iter().flat_map(|marks| &marks.at);
        let most = measured().map(|(nodes, _)| f64::from(*nodes)).fold(1.0, f64::max);
        let values = measured().map(|(_, spread)| spread.max);
        let laws = self.laws.iter().flat_map(|law| &law.points).map(|(_, value)| *value);
        let high = values.chain(laws).filter(|value| value.is_finite()).fold(0.0, f64::max);
        Axes { nodes: Axis { low: 0.0, high: most, step: most }, values: Axis::around(0.0, high) }
    }
}

/// From numbers of nodes and values to coordinates.
struct Axes {
    nodes: Axis,
    values: Axis,
}

impl Axes {
    fn x(&self, nodes: f64) -> f64 {
        LEFT + self.nodes.share(nodes) * (RIGHT - LEFT)
    }

    /// A band may reach out of the drawing, its edge not.
    fn y(&self, value: f64) -> f64 {
        BOTTOM - self.values.share(value).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn point(&self, nodes: f64, value: f64) -> String {
        format!("{},{}", at(self.x(nodes)), at(self.y(value)))
    }
}

/// The drawing with its legend.
pub(in super::super) fn drawing(chart: &OverNodes) -> Markup {
    let axes = chart.axes();
    html! {
        figure {
            figcaption { (chart.title) @if !chart.unit.is_empty() { ", " (chart.unit) } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" {
                title { (chart.title) }
                desc { (description(chart)) }
                (frame(chart, &axes))
                @for (index, law) in chart.laws.iter().enumerate() { (curve(law, index, &axes)) }
                @for (index, marks) in chart.marks.iter().enumerate() { (measured(marks, index, &axes)) }
            }
            ul class="legend" {
                @for (index, marks) in chart.marks.iter().enumerate() {
                    li {
                        svg class="swatch" viewBox="0 0 36 10" aria-hidden="true" {
                            g class=(mark_class(index)) { (shape(index, 18.0, 5.0)) }
                        }
                        (marks.name)
                    }
                }
                @for (index, law) in chart.laws.iter().enumerate() {
                    li {
                        svg class="swatch" viewBox="0 0 36 10" aria-hidden="true" {
                            g class=(law_class(index)) {
                                @if !law.band.is_empty() { rect class="band" x="0" y="0" width="36" height="10" {} }
                                polyline points="0,5 36,5" {}
                            }
                        }
                        (law.name)
                    }
                }
            }
        }
    }
}

/// Both axes with their marks.
fn frame(chart: &OverNodes, axes: &Axes) -> Markup {
    let value = |mark: f64| match chart.unit.as_str() {
        "" => decimals(Some(mark), axes.values.decimals()),
        _ => label(mark),
    };
    html! {
        @for mark in axes.values.marks() {
            @let height = at(axes.y(mark));
            line class="grid" x1=(LEFT) x2=(RIGHT) y1=(height) y2=(height) {}
            text class="mark end" x=(LEFT - 8.0) y=(height) dy="0.35em" { (value(mark)) }
        }
        text class="mark end" x=(LEFT - 8.0) y=(TOP - 14.0) { (chart.unit) }
        @for nodes in labelled(chart, axes) {
            @let x = at(axes.x(f64::from(nodes)));
            line class="grid" x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 6.0) {}
            text class="mark middle" x=(x) y=(BOTTOM + 26.0) { (nodes) }
        }
        text class="mark end" x=(RIGHT) y=(BOTTOM + 50.0) { "nodes" }
    }
}

/// The measured numbers of nodes, from the right, as far as their labels have room.
fn labelled(chart: &OverNodes, axes: &Axes) -> Vec<u32> {
    let mut all: Vec<u32> = chart.marks.iter().flat_map(|marks| &marks.at).map(|(nodes, _)| *nodes).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    let mut free = f64::INFINITY;
    all.retain(|nodes| {
        let x = axes.x(f64::from(*nodes));
        let fits = free - x >= LABEL_ROOM;
        if fits {
            free = x;
        }
        fits
    });
    all
}

fn law_class(index: usize) -> String {
    format!("curve s{}", index + 2)
}

fn mark_class(index: usize) -> String {
    format!("marks s{index}")
}

fn curve(law: &Curve, index: usize, axes: &Axes) -> Markup {
    let line: Vec<String> = law.points.iter().map(|(nodes, value)| axes.point(*nodes, *value)).collect();
    let there = law.band.iter().map(|(nodes, low, _)| axes.point(*nodes, *low));
    let back = law.band.iter().rev().map(|(nodes, _, high)| axes.point(*nodes, *high));
    let band: Vec<String> = there.chain(back).collect();
    html! {
        g class=(law_class(index)) {
            @if !band.is_empty() { polygon class="band" points=(band.join(" ")) {} }
            polyline points=(line.join(" ")) {}
        }
    }
}

fn measured(marks: &Marks, index: usize, axes: &Axes) -> Markup {
    html! {
        g class=(mark_class(index)) {
            @for (nodes, spread) in &marks.at {
                @let (x, y) = (axes.x(f64::from(*nodes)), axes.y(spread.median));
                @if spread.max > spread.min {
                    line class="whisker" x1=(at(x)) x2=(at(x)) y1=(at(axes.y(spread.min))) y2=(at(axes.y(spread.max))) {}
                }
                (shape(index, x, y))
            }
        }
    }
}

/// What stands for a measured value; two quantities are told apart by more than their colour.
fn shape(index: usize, x: f64, y: f64) -> Markup {
    html! {
        @if index == 0 {
            circle cx=(at(x)) cy=(at(y)) r="5" {}
        } @else {
            rect x=(at(x - 4.5)) y=(at(y - 4.5)) width="9" height="9" {}
        }
    }
}

/// In words, for who cannot see the drawing.
fn description(chart: &OverNodes) -> String {
    let value = |value: f64| match chart.unit.as_str() {
        "" => decimals(Some(value), 2),
        unit => si(Some(value), unit),
    };
    let of = |marks: &Marks| {
        let each = marks.at.iter().map(|(nodes, spread)| format!("{} at {nodes}", value(spread.median)));
        format!("{}: {}", marks.name, each.collect::<Vec<_>>().join(", "))
    };
    let laws = chart.laws.iter().filter_map(|law| {
        let (nodes, at) = law.points.last()?;
        Some(format!("{}: {} at {nodes:.0}", law.name, value(*at)))
    });
    chart.marks.iter().map(of).chain(laws).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(median: f64) -> Spread {
        Spread { median, min: median, max: median }
    }

    #[test]
    fn labels_that_would_run_into_each_other_give_way_to_the_greater_number() {
        let at = [1, 2, 3, 4, 60].map(|nodes| (nodes, flat(1.0))).to_vec();
        let chart = OverNodes { marks: vec![Marks { name: "a".into(), at }], ..OverNodes::default() };
        assert_eq!(labelled(&chart, &chart.axes()), [60, 4]);
    }

    #[test]
    fn a_band_that_leaves_the_drawing_ends_at_its_edge() {
        let marks = vec![Marks { name: "measured".into(), at: vec![(1, flat(1.0)), (4, flat(3.0))] }];
        let band = vec![(1.0, 1.0, 1.0), (4.0, -7.0, 1e9)];
        let law = Curve { name: "law".into(), points: vec![(1.0, 1.0), (4.0, 3.1)], band };
        let chart = OverNodes { marks, laws: vec![law], ..OverNodes::default() };
        let text = drawing(&chart).into_string();
        assert!(text.contains(&format!("{},{}", at(RIGHT), at(TOP))), "{text}");
        assert!(text.contains(&format!("{},{}", at(RIGHT), at(BOTTOM))), "{text}");
        assert!(text.contains("measured: 1.00 at 1, 3.00 at 4; law: 3.10 at 4"), "{text}");
    }
}
