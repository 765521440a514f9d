//! A chart as the server draws it: all in per cent, so that it is crisp at any width without a style of its own. With
//! script, uPlot takes its place on pages that have it.

use maud::{Markup, html};
use picollect_evaluate::Window;
use picollect_evaluate::throttle::{Cause, Episode};
use picollect_settings::time::rfc3339;

/// Times are named at so many places.
const TIME_STEPS: i64 = 6;

/// A curve: what was known at each step of a window; `None` is a gap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve<'a> {
    pub(crate) values: &'a [Option<f64>],
    /// Classes of the line: its colour, and how it is known.
    pub(crate) class: &'a str,
    pub(crate) filled: bool,
}

/// What a chart shows of which time, and from where to where.
pub(crate) struct Plot<'a> {
    pub(crate) window: Window,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: &'a [f64],
    pub(crate) unit: &'a str,
    pub(crate) label: &'a str,
    pub(crate) curves: &'a [Curve<'a>],
    pub(crate) episodes: &'a [Episode],
    /// A limit to draw, and what it is called.
    pub(crate) limit: Option<(f64, String)>,
}

/// Ticks from zero up to at least `most`: round numbers, three or four of them.
pub(crate) fn ticks_to(most: f64) -> Vec<f64> {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let power = 10f64.powf((most / 2.0).log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| step * 3.0 >= most);
    let step = step.unwrap_or(10.0 * power);
    let count = if step * 2.0 >= most { 2 } else { 3 };
    (0..=count).map(|index| f64::from(index) * step).collect()
}

/// The greatest of what is known, or zero.
pub(crate) fn greatest(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().copied().fold(0.0, f64::max)
}

/// Moves of a path through 0 to 1000 each way; a gap begins a new stroke.
pub(crate) fn path(values: &[Option<f64>], low: f64, high: f64) -> String {
    let (mut path, mut is_drawn) = (String::new(), false);
    let last = values.len().saturating_sub(1).max(1) as f64;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            is_drawn = false;
            continue;
        };
        let (x, y) = (index as f64 / last * 1000.0, 1000.0 - share(value, low, high) * 10.0);
        path += &format!("{}{x:.1} {y:.1}", if is_drawn { 'L' } else { 'M' });
        is_drawn = true;
    }
    path
}

/// The same closed at the foot, for a filled curve.
fn area(values: &[Option<f64>], low: f64, high: f64) -> String {
    let last = values.len().saturating_sub(1).max(1) as f64;
    let mut area = String::new();
    let mut start = 0;
    for part in values.split(Option::is_none) {
        if let [_, .., _] = part {
            let x = |index: usize| index as f64 / last * 1000.0;
            let points = part.iter().flatten().enumerate();
            let points = points.map(|(index, value)| {
                format!("L{:.1} {:.1}", x(start + index), 1000.0 - share(*value, low, high) * 10.0)
            });
            area += &format!(
                "M{:.1} 1000{}L{:.1} 1000Z",
                x(start),
                points.collect::<String>(),
                x(start + part.len() - 1)
            );
        }
        start += part.len() + 1;
    }
    area
}

/// How far up, in per cent.
fn share(value: f64, low: f64, high: f64) -> f64 {
    ((value - low) / (high - low) * 100.0).clamp(0.0, 100.0)
}

fn percent(share: f64) -> String {
    format!("{share:.2}%")
}

/// Where in a window, in per cent.
pub(crate) fn across(t_ms: i64, window: Window) -> f64 {
    let length = (window.end_ms - window.start_ms).max(1) as f64;
    ((t_ms - window.start_ms) as f64 / length * 100.0).clamp(0.0, 100.0)
}

/// Hours and minutes, or the day where the window is long.
fn tick_text(t_ms: i64, window: Window) -> String {
    let text = rfc3339(t_ms);
    let range = if window.seconds() > 2.0 * 86_400.0 { 5..10 } else { 11..16 };
    text.get(range).unwrap_or_default().to_owned()
}

/// The names of times below a chart or a ribbon.
pub(crate) fn times(window: Window, y: &str, dy: Option<&str>) -> Markup {
    let length = window.end_ms - window.start_ms;
    html! {
        @for step in 0..=TIME_STEPS {
            @let t_ms = window.start_ms + length * step / TIME_STEPS;
            @let anchor = match step { 0 => "start", TIME_STEPS => "end", _ => "middle" };
            text class=(if step % 2 == 0 { "all" } else { "h-m" }) x=(percent(across(t_ms, window))) y=(y) dy=[dy]
                text-anchor=(anchor) data-t=(t_ms) data-day=[(window.seconds() > 2.0 * 86_400.0).then_some("")] { (tick_text(t_ms, window)) }
        }
    }
}

/// What is inside of the `svg.plot`.
pub(crate) fn inner(plot: &Plot<'_>) -> Markup {
    let Plot { window, low, high, .. } = *plot;
    let up = |value: f64| percent(100.0 - share(value, low, high));
    html! {
        @for tick in plot.ticks {
            line.grid x2="100%" y1=(up(*tick)) y2=(up(*tick)) {}
            text.end x="-8" y=(up(*tick)) dy=".32em" { (plain(*tick)) }
        }
        text.end x="-8" y="-.45em" dy="-.25em" { (plot.unit) }
        @for episode in plot.episodes {
            @let (from, to) = (across(episode.start_ms, window), across(episode.end_ms, window));
            rect.band fill="url(#hh)" x=(percent(from)) width=(percent((to - from).max(0.3))) height="100%" {}
        }
        (times(window, "100%", Some("1.4em")))
        svg width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none" {
            @for curve in plot.curves {
                @if curve.filled { path.area1 d=(area(curve.values, low, high)) {} }
                path class=(format!("ser {}", curve.class)) d=(path(curve.values, low, high)) {}
            }
        }
        @if let Some((limit, name)) = &plot.limit {
            line.limit x2="100%" y1=(up(*limit)) y2=(up(*limit)) {}
            text.limt x="4" y=(up(*limit)) dy="-.4em" { (name) }
        }
        line.axis x2="100%" y1="100%" y2="100%" {}
        @for episode in plot.episodes {
            @let middle = f64::midpoint(across(episode.start_ms, window), across(episode.end_ms, window));
            @if across(episode.end_ms, window) - across(episode.start_ms, window) >= 4.0 {
                svg x=(percent(middle)) y="0" overflow="visible" {
                    rect.bt x="-9" y="-19" width="18" height="16" rx="2" {}
                    text.bl y="-6.5" { (letter(episode.cause).0) }
                }
            }
        }
        line.axis y2="100%" {}
    }
}

/// A whole chart.
pub(crate) fn plot(plot: &Plot<'_>) -> Markup {
    html! { svg.plot role="img" aria-label=(plot.label) { (inner(plot)) } }
}

/// A curve in a row of a table.
pub(crate) fn spark(values: &[Option<f64>], high: f64, label: &str, class: &str) -> Markup {
    html! {
        svg.spark viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label=(label) {
            path.area d=(area(values, 0.0, high)) {}
            path class=(class) d=(path(values, 0.0, high)) {}
        }
    }
}

/// A tick's number without needless zeros.
fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The letter and the class of a cause's colour.
pub(crate) fn letter(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::UnderVoltage => ("V", "k-volt"),
        Cause::ThermalSoft => ("S", "k-soft"),
        Cause::FirmwareCap => ("C", "k-cap"),
        Cause::ThermalHard | Cause::Inferred | Cause::Unknown => ("H", "k-heat"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_what_is_shown() {
        for most in [0.3, 1.0, 4.87, 6.2, 29.7, 36.8, 99.0, 1234.0] {
            let ticks = ticks_to(most);
            assert!(
                *ticks.last().unwrap() >= most && *ticks.last().unwrap() <= most * 2.6,
                "{most}: {ticks:?}"
            );
            assert!((3..=4).contains(&ticks.len()), "{most}: {ticks:?}");
        }
        assert_eq!(ticks_to(36.8), [0.0, 20.0, 40.0]);
        assert_eq!(ticks_to(0.0), ticks_to(1.0));
    }

    #[test]
    fn a_gap_is_no_line() {
        let values = [Some(0.0), Some(5.0), None, Some(10.0)];
        assert_eq!(path(&values, 0.0, 10.0), "M0.0 1000.0L333.3 500.0M1000.0 0.0");
        assert_eq!(area(&values, 0.0, 10.0), "M0.0 1000L0.0 1000.0L333.3 500.0L333.3 1000Z");
        assert_eq!(path(&[None, Some(f64::NAN)], 0.0, 1.0), "");
    }
}
