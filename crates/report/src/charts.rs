//! Charts: what they show, and how it is drawn as SVG.
//!
//! Everything is drawn in units of a view box and scales with the page. Colours come from the style
//! sheet by class (`s0`, `s1`, …), so that they follow light, dark and paper.
//!
//! Invariants: what is unknown is a gap, never zero; nothing is told apart by colour alone.

use picollect_evaluate::throttle::Cause;

mod bars;
mod curves;
pub(super) mod heat_map;
pub(super) mod over_nodes;
mod ribbon;
mod scale;

pub(super) use bars::drawing as bars;
pub(super) use curves::{MOST_LINES, drawings as curves};
pub(super) use heat_map::drawing as heat_map;
pub(super) use over_nodes::drawing as over_nodes;
pub(super) use ribbon::drawing as states;

/// Width of every view box.
const WIDTH: f64 = 720.0;
/// Left end of the plot; the labels of the vertical axis stand before it.
const LEFT: f64 = 72.0;
/// Right end of the plot; half a label reaches beyond it.
const RIGHT: f64 = WIDTH - 40.0;
/// Longest name within a drawing, in letters that a phone shows enlarged.
const MAX_NAME: usize = 30;

/// Values over time in equal steps.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) title: String,
    /// Whose lines they are that are no wider boundary: `by node`.
    pub(super) whose: String,
    /// Unit of all values.
    pub(super) unit: &'static str,
    /// Whether the axis begins at zero.
    pub(super) from_zero: bool,
    /// Beginning and end of the axis, Unix milliseconds: the window's, as for the states below it.
    pub(super) window_ms: (i64, i64),
    /// Beginning of the first step, Unix milliseconds.
    pub(super) start_ms: i64,
    /// Length of a step, s.
    pub(super) step_s: f64,
    /// One for each node, and one for a wider boundary.
    pub(super) curves: Vec<Line>,
    /// Values that should not be reached, ascending.
    pub(super) limits: Vec<f64>,
}

/// One line of [`Lines`].
#[derive(Debug)]
pub(super) struct Line {
    /// The node; printable, as all text in a chart.
    pub(super) name: String,
    /// Its values, `None` where nothing is known.
    pub(super) values: Vec<Option<f64>>,
    /// Whether it is of the whole cluster, which has a scale of its own.
    pub(super) outer: bool,
}

impl Lines {
    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.step_s <= 0.0 || !self.curves.iter().any(|line| line.values.iter().any(Option::is_some))
    }
}

/// Which state each node was in, a row for each; drawn below the curves on the same axis.
#[derive(Debug, Default)]
pub(super) struct Ribbon {
    /// Beginning of the window, Unix milliseconds.
    pub(super) start_ms: i64,
    /// End of the window, Unix milliseconds.
    pub(super) end_ms: i64,
    /// One for each node.
    pub(super) rows: Vec<RibbonRow>,
}

/// One row of a [`Ribbon`].
#[derive(Debug)]
pub(super) struct RibbonRow {
    pub(super) host: String,
    /// Whether its throttle flags are known at all.
    pub(super) known: bool,
    /// When it was throttled.
    pub(super) throttled: Vec<ThrottledRange>,
    /// When nothing was heard of it, Unix milliseconds.
    pub(super) silent: Vec<(i64, i64)>,
}

/// A stretch of throttling.
#[derive(Debug)]
pub(super) struct ThrottledRange {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) cause: Cause,
}

/// What a node was at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// For the cause that the legend names.
    Throttled(Cause),
    /// Its flags are known, and none of them is set.
    Clear,
    /// Its flags are not known.
    Unknown,
    /// Nothing was heard of it.
    Silent,
}

impl State {
    /// Where it stands in a legend: the throttled ones by name, then the rest.
    pub(super) fn place(self) -> (u8, &'static str) {
        let rank = match self {
            Self::Throttled(_) => 0,
            Self::Clear => 1,
            Self::Unknown => 2,
            Self::Silent => 3,
        };
        (rank, self.name())
    }

    /// What stands for it in a row of text.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Throttled(Cause::UnderVoltage) => 'U',
            Self::Throttled(Cause::ThermalHard) => 'H',
            Self::Throttled(Cause::ThermalSoft) => 'S',
            Self::Throttled(Cause::FirmwareCap) => 'C',
            Self::Throttled(Cause::Inferred) => 'I',
            Self::Throttled(Cause::Unknown) => 'T',
            Self::Clear => '.',
            Self::Unknown => '?',
            Self::Silent => '-',
        }
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Throttled(cause) => cause.as_str(),
            Self::Clear => "not throttled",
            Self::Unknown => "unknown",
            Self::Silent => "nothing heard",
        }
    }
}

impl Ribbon {
    /// A row in so many equal cells; a cell with any throttling is throttled.
    pub(super) fn states(&self, row: &RibbonRow, cells: usize) -> Vec<State> {
        let length = (self.end_ms - self.start_ms) as f64 / cells as f64;
        let edge = |index: usize| self.start_ms as f64 + index as f64 * length;
        (0..cells).map(|index| row.state(edge(index), edge(index + 1))).collect()
    }
}

impl RibbonRow {
    fn state(&self, from: f64, to: f64) -> State {
        let overlaps = |stretch: &&ThrottledRange| {
            let (start, end) = (stretch.start_ms as f64, stretch.end_ms as f64);
            start < to && (end > from || start >= from)
        };
        let middle = f64::midpoint(from, to);
        let is_silent = |(start, end): &(i64, i64)| (*start as f64..*end as f64).contains(&middle);
        match self.throttled.iter().find(overlaps) {
            Some(stretch) => State::Throttled(stretch.cause),
            None if self.silent.iter().any(is_silent) => State::Silent,
            None if !self.known => State::Unknown,
            None => State::Clear,
        }
    }
}

/// Values side by side.
#[derive(Debug, Default)]
pub(super) struct Dots {
    pub(super) title: String,
    /// Unit of all values.
    pub(super) unit: String,
    /// From top to bottom; values that are not positive are left out of the drawing.
    pub(super) marks: Vec<Mark>,
}

/// One value of [`Dots`].
#[derive(Debug)]
pub(super) struct Mark {
    /// A run's or a machine's.
    pub(super) name: String,
    /// In the unit of the drawing.
    pub(super) value: f64,
    /// So much either way, in the same unit.
    pub(super) uncertainty: Option<f64>,
    /// Whether it is a run's, and not a published one.
    pub(super) own: bool,
}

/// The beginning of a step, Unix milliseconds.
pub(super) fn step_start_ms(start_ms: i64, step_s: f64, step: usize) -> i64 {
    start_ms + picollect_evaluate::whole(step as f64 * step_s * 1000.0)
}

/// A name that fits into a drawing.
fn short(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    name.chars().take(MAX_NAME - 1).chain(['…']).collect()
}

/// A coordinate; tenths are finer than any screen.
fn at(coordinate: f64) -> String {
    format!("{coordinate:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(known: bool) -> RibbonRow {
        let throttled = vec![
            ThrottledRange { start_ms: 2_000, end_ms: 4_000, cause: Cause::UnderVoltage },
            ThrottledRange { start_ms: 8_500, end_ms: 8_500, cause: Cause::ThermalHard },
        ];
        RibbonRow { host: "n".into(), known, throttled, silent: vec![(5_000, 7_000)] }
    }

    fn letters(row: &RibbonRow, cells: usize) -> String {
        let ribbon = Ribbon { start_ms: 0, end_ms: 10_000, rows: Vec::new() };
        ribbon.states(row, cells).iter().map(|state| state.letter()).collect()
    }

    #[test]
    fn a_row_of_letters_has_every_episode_however_short() {
        assert_eq!(letters(&row(true), 10), "..UU.--.H.");
        assert_eq!(letters(&row(true), 2), "UH");
        let never = RibbonRow { throttled: Vec::new(), ..row(false) };
        assert_eq!(letters(&never, 10), "?????--???");
    }

    #[test]
    fn a_long_name_is_cut_with_a_sign_of_it() {
        assert_eq!(short(&"x".repeat(99)).chars().count(), MAX_NAME);
        assert_eq!(short("pi-1"), "pi-1");
    }
}
