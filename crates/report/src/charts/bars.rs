//! Values side by side: bars from zero, or points on a logarithmic axis where they are too far apart
//! for bars. A bar on such an axis would mean nothing, because the axis has no zero.

use maud::{Markup, html};

use super::scale::Axis;
use super::{Dots, Mark, WIDTH, at, short};
use crate::numbers::{JOINT, si, si_with_uncertainty, significant};

/// Height of a row: name and value, and the bar below them.
const ROW: f64 = 52.0;
/// Rows in one drawing; more would not fit on a sheet of paper.
const MOST_ROWS: usize = 14;
/// Where a row's bar begins.
const BAR_TOP: f64 = 26.0;
const BAR: f64 = 16.0;
const LEFT: f64 = 24.0;
const RIGHT: f64 = WIDTH - 48.0;
/// Beyond this ratio of the largest to the smallest value, the smallest bar could not be seen.
const MOST_RATIO: f64 = 30.0;

/// The drawings, on equal axes.
pub(in super::super) fn drawing(chart: &Dots) -> Markup {
    let positive = |mark: &&Mark| mark.value.is_finite() && mark.value > 0.0;
    let marks: Vec<&Mark> = chart.marks.iter().filter(positive).collect();
    let values = || marks.iter().map(|mark| mark.value);
    let (Some(low), Some(high)) = (values().reduce(f64::min), values().reduce(f64::max)) else {
        return html! {};
    };
    let high = marks.iter().map(|mark| mark.value + mark.uncertainty.unwrap_or(0.0)).fold(high, f64::max);
    let axis = if high / low > MOST_RATIO { Across::decades(low, high) } else { Across::from_zero(high) };
    html! {
        @for marks in marks.chunks(MOST_ROWS) { (figure(chart, marks, &axis)) }
    }
}

fn figure(chart: &Dots, marks: &[&Mark], axis: &Across) -> Markup {
    let height = marks.len() as f64 * ROW;
    let told: Vec<_> =
        marks.iter().map(|mark| format!("{}: {}", mark.name, si(Some(mark.value), &chart.unit))).collect();
    html! {
        figure {
            figcaption { (chart.title) @if axis.logarithmic { " (logarithmic axis)" } }
            svg viewBox={ "0 0 " (WIDTH) " " (height + 40.0) } role="img" {
                title { (chart.title) }
                desc { (told.join("; ")) }
                @for mark in axis.marks() {
                    line class="grid" x1=(at(axis.x(mark))) x2=(at(axis.x(mark))) y1="0" y2=(height + 6.0) {}
                    text class="mark middle" x=(at(axis.x(mark))) y=(height + 28.0) { (label(mark)) }
                }
                @for (index, mark) in marks.iter().enumerate() {
                    (row(mark, &chart.unit, axis, index as f64 * ROW))
                }
            }
            @if marks.iter().any(|mark| !mark.own) {
                ul class="legend" {
                    li { span class="key own" {} "run of this window" }
                    li { span class="key published" {} "published" }
                }
            }
        }
    }
}

fn row(mark: &Mark, unit: &str, axis: &Across, top: f64) -> Markup {
    let class = if mark.own { "own" } else { "published" };
    let end = axis.x(mark.value);
    let middle = top + BAR_TOP + BAR / 2.0;
    html! {
        text class="name" x=(LEFT + 6.0) y=(top + BAR_TOP - 8.0) { (short(&mark.name)) }
        text class="name end" x=(RIGHT - 6.0) y=(top + BAR_TOP - 8.0) {
            (si_with_uncertainty(Some(mark.value), mark.uncertainty, unit))
        }
        @if axis.logarithmic {
            line class="stem" x1=(LEFT) x2=(at(end)) y1=(middle) y2=(middle) {}
            circle class=(class) cx=(at(end)) cy=(middle) r="7" {}
        } @else {
            rect class=(class) x=(LEFT) y=(top + BAR_TOP) width=(at(end - LEFT)) height=(BAR) {}
        }
        @if let Some(uncertainty) = mark.uncertainty.filter(|either_way| *either_way < mark.value) {
            line class="whisker" x1=(at(axis.x(mark.value - uncertainty))) x2=(at(axis.x(mark.value + uncertainty)))
                y1=(middle) y2=(middle) {}
        }
    }
}

/// The horizontal axis, linear from zero or logarithmic in whole decades.
struct Across {
    logarithmic: bool,
    /// Of the values, or of their logarithms to the base of ten.
    axis: Axis,
}

impl Across {
    fn from_zero(high: f64) -> Self {
        Self { logarithmic: false, axis: Axis::around(0.0, high) }
    }

    fn decades(low: f64, high: f64) -> Self {
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        // Labels of more than five decades would run into each other.
        let step = ((high - low) / 5.0).ceil().max(1.0);
        let high = low + ((high - low) / step).ceil() * step;
        Self { logarithmic: true, axis: Axis { low, high, step } }
    }

    fn marks(&self) -> Vec<f64> {
        let marks = self.axis.marks();
        if self.logarithmic { marks.into_iter().map(|power| 10_f64.powf(power)).collect() } else { marks }
    }

    fn x(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.log10() } else { value };
        LEFT + self.axis.share(value) * (RIGHT - LEFT)
    }
}

/// `500 M`: the unit stands with each value.
pub(super) fn label(mark: f64) -> String {
    let text = si(Some(mark), "");
    let (number, prefix) = text.split_once(JOINT).unwrap_or((&text, ""));
    let number = number.parse().map_or_else(
        |_| number.to_owned(),
        |number: f64| {
            let whole = significant(number, 3);
            if whole.contains('.') {
                whole.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                whole
            }
        },
    );
    format!("{number} {prefix}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        assert_eq!([0.0, 5e8, 1e9, 2.5e9].map(label), ["0", "500 M", "1 G", "2.5 G"]);
    }

    #[test]
    fn decades_hold_all_values_and_their_marks_are_powers_of_ten() {
        let axis = Across::decades(3.6e8, 7.3e10);
        assert_eq!(
            axis.marks().iter().map(|mark| label(*mark)).collect::<Vec<_>>(),
            ["100 M", "1 G", "10 G", "100 G"]
        );
        assert!(axis.x(3.6e8) > LEFT && axis.x(7.3e10) < RIGHT);
    }
}
