//! Values over time as lines.

use maud::{Markup, html};

use super::scale::{Axis, times};
use super::{LEFT, Line, Lines, RIGHT, WIDTH, at, step_start_ms};
use crate::numbers::{decimals, plain};

const TOP: f64 = 30.0;
const BOTTOM: f64 = 240.0;
const HEIGHT: f64 = 280.0;
/// Lines in one drawing; more cannot be told apart, so that the next one takes them.
pub(in super::super) const MOST_LINES: usize = 7;

/// The drawings of all lines, nodes on equal axes, each with its legend.
pub(in super::super) fn drawings(chart: &Lines) -> Markup {
    let (outer, nodes): (Vec<&Line>, Vec<&Line>) = chart.curves.iter().partition(|line| line.outer);
    // A wide boundary has a scale of its own: on it, the nodes would be one flat bundle.
    html! {
        (group(chart, &outer))
        (group(chart, &nodes))
    }
}

/// Lines of one scale.
fn group(chart: &Lines, lines: &[&Line]) -> Markup {
    let Some(axis) = axis(chart, lines) else { return html! {} };
    let title = match lines.first() {
        Some(line) if line.outer && lines.len() == 1 => format!("{} {}", chart.title, line.name),
        Some(line) if line.outer => format!("{} of the whole cluster", chart.title),
        _ => format!("{} {}", chart.title, chart.whose),
    };
    let groups: Vec<_> = lines.chunks(MOST_LINES).collect();
    html! {
        @for (index, group) in groups.iter().enumerate() {
            figure {
                figcaption {
                    (title) ", " (chart.unit)
                    @if groups.len() > 1 { " (" (index + 1) " of " (groups.len()) ")" }
                }
                (drawing(chart, &title, group, axis))
                (legend(chart, group))
            }
        }
    }
}

fn axis(chart: &Lines, lines: &[&Line]) -> Option<Axis> {
    let values = || {
        let known = lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        known.chain(chart.limits.iter().copied()).filter(|value| value.is_finite())
    };
    // Limits alone are nothing to draw.
    lines.iter().find(|line| line.values.iter().any(Option::is_some))?;
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    Some(Axis::around(if chart.from_zero { low.min(0.0) } else { low }, high))
}

/// From a time to a coordinate.
struct Across {
    start_ms: i64,
    end_ms: i64,
}

impl Across {
    fn of(chart: &Lines) -> Self {
        Self { start_ms: chart.window_ms.0, end_ms: chart.window_ms.1 }
    }

    /// A step may reach beyond the window, its point not.
    fn x(&self, t_ms: f64) -> f64 {
        let share = (t_ms - self.start_ms as f64) / (self.end_ms - self.start_ms).max(1) as f64;
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

fn y(axis: Axis, value: f64) -> f64 {
    BOTTOM - axis.share(value) * (BOTTOM - TOP)
}

fn drawing(chart: &Lines, title: &str, lines: &[&Line], axis: Axis) -> Markup {
    let across = Across::of(chart);
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" {
            title { (title) }
            desc { (description(chart, lines)) }
            @for mark in axis.marks() {
                @let height = at(y(axis, mark));
                line class="grid" x1=(LEFT) x2=(RIGHT) y1=(height) y2=(height) {}
                text class="mark end" x=(LEFT - 8.0) y=(height) dy="0.35em" { (decimals(Some(mark), axis.decimals())) }
            }
            text class="mark end" x=(LEFT - 8.0) y=(TOP - 14.0) { (chart.unit) }
            @for (t_ms, label) in times(across.start_ms, across.end_ms) {
                @let x = at(across.x(t_ms as f64));
                line class="grid" x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 6.0) {}
                text class="mark middle" x=(x) y=(BOTTOM + 28.0) { (label) }
            }
            @for limit in &chart.limits {
                @let height = at(y(axis, *limit));
                line class="limit" x1=(LEFT) x2=(RIGHT) y1=(height) y2=(height) {}
            }
            @for (index, line) in lines.iter().enumerate() {
                (curve(chart, line, &style(index, line), axis, &across))
            }
        }
    }
}

/// Colour and dashes by the place in the drawing.
fn style(index: usize, line: &Line) -> String {
    if line.outer && index == 0 { "curve outer".to_owned() } else { format!("curve s{index}") }
}

/// A line that breaks wherever a value is not known. A value alone is a point.
fn curve(chart: &Lines, line: &Line, class: &str, axis: Axis, across: &Across) -> Markup {
    let point = |(index, value): (usize, f64)| {
        let middle = f64::midpoint(
            step_start_ms(chart.start_ms, chart.step_s, index) as f64,
            step_start_ms(chart.start_ms, chart.step_s, index + 1) as f64,
        );
        (at(across.x(middle)), at(y(axis, value)))
    };
    let values: Vec<_> = line.values.iter().copied().enumerate().collect();
    let pieces = values.chunk_by(|(_, a), (_, b)| a.is_some() == b.is_some());
    let pieces = pieces.map(|piece| {
        piece
            .iter()
            .filter_map(|(index, value)| value.map(|value| point((*index, value))))
            .collect::<Vec<_>>()
    });
    html! {
        g class=(class) {
            @for piece in pieces {
                @match piece.as_slice() {
                    [] => {}
                    [(x, y)] => circle cx=(x) cy=(y) r="2.5" {},
                    many => polyline points=(many.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")) {},
                }
            }
        }
    }
}

/// In words, for who cannot see the drawing.
fn description(chart: &Lines, lines: &[&Line]) -> String {
    let range = |line: &&Line| {
        let known = || line.values.iter().flatten().copied();
        let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
        let gaps = line.values.iter().filter(|value| value.is_none()).count();
        let gaps =
            if gaps > 0 { format!(", {gaps} of {} steps unknown", line.values.len()) } else { String::new() };
        format!("{} from {} to {}{gaps}", line.name, plain(low, chart.unit), plain(high, chart.unit))
    };
    let limits = chart.limits.iter().map(|limit| format!("limit {}", plain(Some(*limit), chart.unit)));
    lines.iter().map(range).chain(limits).collect::<Vec<_>>().join("; ")
}

fn legend(chart: &Lines, lines: &[&Line]) -> Markup {
    html! {
        ul class="legend" {
            @for (index, line) in lines.iter().enumerate() {
                li {
                    svg class="swatch" viewBox="0 0 36 10" aria-hidden="true" {
                        g class=(style(index, line)) { polyline points="0,5 36,5" {} }
                    }
                    (line.name)
                    @if line.values.iter().all(Option::is_none) { " (unknown)" }
                }
            }
            @for limit in &chart.limits {
                li {
                    svg class="swatch" viewBox="0 0 36 10" aria-hidden="true" {
                        line class="limit" x1="0" x2="36" y1="5" y2="5" {}
                    }
                    "limit " (plain(Some(*limit), chart.unit))
                }
            }
        }
    }
}
