//! Values of many nodes over time: a row of cells for each node, on the axis of the other charts.

use maud::{Markup, html};

use super::scale::{Axis, times};
use super::{WIDTH, at, step_start_ms};
use crate::numbers::{decimals, plain};

/// Height of a row.
const ROW: f64 = 16.0;
/// Left end of the cells; the names stand before it.
const LEFT: f64 = 132.0;
/// Right end of the cells; each row's greatest value stands behind it.
const RIGHT: f64 = WIDTH - 48.0;
/// Longest name beside a row, in letters.
const MAX_NAME: usize = 16;
/// Cells of a row; more are finer than a phone's screen.
const MOST_CELLS: usize = 96;
/// Rows in one drawing; more would not fit on a sheet of paper.
const MOST_ROWS: usize = 60;
/// Shades; the style sheet has as many.
const SHADES: usize = 5;

/// A map of nodes over time.
#[derive(Debug, Default)]
pub(crate) struct HeatMap {
    pub(crate) title: String,
    /// Unit of all values.
    pub(crate) unit: &'static str,
    /// Whether a cell of several steps has their greatest value, or else their mean.
    pub(crate) greatest: bool,
    /// Beginning and end of the axis, Unix milliseconds.
    pub(crate) window_ms: (i64, i64),
    /// Beginning of the first step, Unix milliseconds.
    pub(crate) start_ms: i64,
    /// Length of a step, s.
    pub(crate) step_s: f64,
    pub(crate) rows: Vec<HeatRow>,
}

/// One node.
#[derive(Debug)]
pub(crate) struct HeatRow {
    /// The node; printable.
    pub(crate) name: String,
    /// Its values, `None` where nothing is known.
    pub(crate) values: Vec<Option<f64>>,
}

/// Cells of one shade beside each other.
struct Stretch {
    first: usize,
    cells: usize,
    /// `None` is unknown.
    shade: Option<usize>,
    low: f64,
    high: f64,
}

impl HeatMap {
    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.step_s <= 0.0 || self.known().next().is_none()
    }

    fn known(&self) -> impl Iterator<Item = f64> {
        let values = self.rows.iter().flat_map(|row| row.values.iter().flatten().copied());
        values.filter(|value| value.is_finite())
    }

    fn steps(&self) -> usize {
        self.rows.iter().map(|row| row.values.len()).max().unwrap_or(0)
    }

    /// Steps that share a cell.
    fn steps_of_a_cell(&self) -> usize {
        self.steps().div_ceil(MOST_CELLS).max(1)
    }

    /// A row in cells.
    fn cells(&self, row: &HeatRow) -> Vec<Option<f64>> {
        let of = |steps: &[Option<f64>]| {
            let known = || steps.iter().flatten().copied().filter(|value| value.is_finite());
            let number = known().count();
            match number {
                0 => None,
                _ if self.greatest => known().reduce(f64::max),
                number => Some(known().sum::<f64>() / number as f64),
            }
        };
        row.values.chunks(self.steps_of_a_cell()).map(of).collect()
    }

    fn x(&self, t_ms: i64) -> f64 {
        let (start_ms, end_ms) = self.window_ms;
        let share = (t_ms - start_ms) as f64 / (end_ms - start_ms).max(1) as f64;
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn x_of_cell(&self, cell: usize) -> f64 {
        self.x(step_start_ms(self.start_ms, self.step_s, cell * self.steps_of_a_cell()))
    }
}

/// The lowest and the highest shade's ends, equal steps apart.
fn scale(map: &HeatMap) -> Option<Axis> {
    let (low, high) = (map.known().reduce(f64::min)?, map.known().reduce(f64::max)?);
    let axis = Axis::around(low, high);
    Some(Axis { step: (axis.high - axis.low) / SHADES as f64, ..axis })
}

fn shade(scale: Axis, value: f64) -> usize {
    let place = picollect_evaluate::whole((scale.share(value) * SHADES as f64).floor());
    usize::try_from(place).unwrap_or(0).min(SHADES - 1)
}

fn stretches(cells: &[Option<f64>], scale: Axis) -> Vec<Stretch> {
    let shades: Vec<_> = cells.iter().map(|value| value.map(|value| shade(scale, value))).collect();
    let mut first = 0;
    let same = shades.chunk_by(|a, b| a == b).map(|same| {
        let from = first;
        first += same.len();
        let known = || cells[from..first].iter().flatten().copied();
        let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
        Stretch {
            first: from,
            cells: same.len(),
            shade: same[0],
            low: low.unwrap_or(f64::NAN),
            high: high.unwrap_or(f64::NAN),
        }
    });
    same.collect()
}

/// The drawings with their legend.
pub(in super::super) fn drawing(map: &HeatMap) -> Markup {
    let Some(scale) = scale(map) else { return html! {} };
    let groups = map.rows.chunks(MOST_ROWS);
    let number = groups.len();
    html! {
        @for (index, rows) in groups.enumerate() {
            figure {
                figcaption {
                    (map.title) ", " (map.unit)
                    @if number > 1 { " (" (index + 1) " of " (number) ")" }
                }
                (picture(map, rows, scale))
                (legend(map, scale))
            }
        }
    }
}

fn picture(map: &HeatMap, rows: &[HeatRow], scale: Axis) -> Markup {
    let height = rows.len() as f64 * ROW;
    let told: Vec<_> = rows.iter().map(|row| description(map, row)).collect();
    html! {
        svg class="heat" viewBox={ "0 0 " (WIDTH) " " (height + 40.0) } role="img" {
            title { (map.title) }
            desc { (told.join("; ")) }
            @for (index, row) in rows.iter().enumerate() {
                (self::row(map, row, index, scale))
            }
            @for (t_ms, label) in times(map.window_ms.0, map.window_ms.1) {
                @let x = at(map.x(t_ms));
                line class="grid" x1=(x) x2=(x) y1=(height) y2=(height + 6.0) {}
                text class="mark middle" x=(x) y=(height + 28.0) { (label) }
            }
        }
    }
}

fn row(map: &HeatMap, row: &HeatRow, index: usize, scale: Axis) -> Markup {
    let top = index as f64 * ROW;
    let middle = at(top + ROW / 2.0);
    // On a narrow screen every other name has the room of two.
    let place = if index.is_multiple_of(2) { "end" } else { "end odd" };
    let greatest = row.values.iter().flatten().copied().reduce(f64::max);
    html! {
        text class={ "name " (place) } x=(LEFT - 8.0) y=(middle) dy="0.35em" { (short(&row.name)) }
        @for stretch in stretches(&map.cells(row), scale) {
            @if let Some(shade) = stretch.shade {
                @let x = map.x_of_cell(stretch.first);
                @let width = map.x_of_cell(stretch.first + stretch.cells) - x;
                rect class={ "h" (shade) } x=(at(x)) y=(at(top + 0.5)) width=(at(width)) height=(at(ROW - 1.0)) {
                    title { (row.name) ": " (range(stretch.low, stretch.high, map.unit)) }
                }
            }
        }
        text class={ "mark " (if index.is_multiple_of(2) { "" } else { "odd" }) } x=(RIGHT + 6.0) y=(middle) dy="0.35em" {
            (decimals(greatest, 1))
        }
    }
}

fn range(low: f64, high: f64, unit: &str) -> String {
    if high > low {
        format!("{} to {}", decimals(Some(low), 1), plain(Some(high), unit))
    } else {
        plain(Some(high), unit)
    }
}

fn short(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    name.chars().take(MAX_NAME - 1).chain(['…']).collect()
}

/// What each shade stands for; what is unknown has no cell.
fn legend(map: &HeatMap, scale: Axis) -> Markup {
    let ends = |index: usize| {
        let edge = |index: usize| scale.low + index as f64 * scale.step;
        (edge(index), edge(index + 1))
    };
    let gaps = map.rows.iter().any(|row| row.values.iter().any(Option::is_none));
    html! {
        ul class="legend" {
            @for shade in 0..SHADES {
                @let (low, high) = ends(shade);
                li { span class={ "key h" (shade) } {} (range(low, high, map.unit)) }
            }
            @if gaps { li { span class="key unsure" {} "unknown" } }
            li { "at the right: the greatest of the row" }
        }
    }
}

fn description(map: &HeatMap, row: &HeatRow) -> String {
    let known = || row.values.iter().flatten().copied();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) => format!("{}: {}", row.name, range(low, high, map.unit)),
        _ => format!("{}: unknown", row.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: Vec<Option<f64>>) -> HeatMap {
        HeatMap {
            unit: "W",
            window_ms: (0, 100_000),
            step_s: 1.0,
            rows: vec![HeatRow { name: "pi-1".into(), values }],
            ..HeatMap::default()
        }
    }

    #[test]
    fn what_is_unknown_has_no_cell_and_is_in_no_mean() {
        let mut values = vec![Some(2.0); 192];
        values[0] = None;
        (values[2], values[3]) = (None, None);
        let map = map(values);
        assert_eq!(map.cells(&map.rows[0])[..3], [Some(2.0), None, Some(2.0)]);
        let page = drawing(&map).into_string();
        assert_eq!(page.matches("<rect").count(), 2, "before and after the gap");
        assert!(page.contains("unknown"), "{page}");
    }

    #[test]
    fn cells_of_one_shade_are_one_rectangle() {
        let scale = Axis { low: 0.0, high: 10.0, step: 2.0 };
        let found = stretches(&[Some(0.0), Some(1.9), Some(2.0), Some(10.0), None], scale);
        let shades: Vec<_> =
            found.iter().map(|stretch| (stretch.first, stretch.cells, stretch.shade)).collect();
        assert_eq!(shades, [(0, 2, Some(0)), (2, 1, Some(1)), (3, 1, Some(4)), (4, 1, None)]);
    }
}
