//! What a panel shows and how, before it is Grafana's JSON.

use picollect_telemetry::catalogue::{Kind, Metric};

use crate::colours::{GREEN, ORANGE, VERMILLION};
use crate::query::Query;

/// What a panel says where it has nothing to show and ought to have.
const NO_SAMPLES: &str = "no samples in this time";

/// How a panel shows its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One figure for each series.
    Stat,
    /// A curve for each series over time.
    Lines,
    /// Bars over time, one for each step.
    Bars,
    /// Coloured stretches with their text.
    States,
    /// A row for each node or run.
    Table,
    /// A bar for each series.
    Ranking,
}

/// A panel of either variant.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) about: String,
    pub(crate) shape: Shape,
    /// Grafana's identifier of the unit.
    pub(crate) unit: &'static str,
    /// Columns of 24, and rows of the grid.
    pub(crate) size: (u32, u32),
    pub(crate) queries: Vec<Query>,
    /// From this value on this colour.
    pub(crate) limits: Vec<(f64, &'static str)>,
    /// A value, its text and its colour.
    pub(crate) states: Vec<(i64, &'static str, &'static str)>,
    /// What stands there instead of nothing.
    pub(crate) no_value: &'static str,
    /// The least and the greatest value of the axis.
    pub(crate) range: (Option<f64>, Option<f64>),
    /// A time range of its own, in Grafana's words.
    pub(crate) time_from: Option<&'static str>,
    /// The least step between two points, in Grafana's words.
    pub(crate) min_step: Option<&'static str>,
}

impl Panel {
    /// A panel in its shape's usual size. `about` says what it answers.
    pub(crate) fn new(
        shape: Shape,
        title: &'static str,
        unit: &'static str,
        about: impl Into<String>,
    ) -> Self {
        let size = match shape {
            Shape::Stat => (6, 4),
            Shape::Table | Shape::Ranking | Shape::Lines | Shape::Bars => (12, 8),
            Shape::States => (24, 7),
        };
        Self {
            title,
            about: about.into(),
            shape,
            unit,
            size,
            queries: Vec::new(),
            limits: Vec::new(),
            states: Vec::new(),
            no_value: NO_SAMPLES,
            range: (None, None),
            time_from: None,
            min_step: None,
        }
    }

    /// A panel about one metric: its unit, and its meaning as the catalogue says it.
    pub(crate) fn of(shape: Shape, title: &'static str, metric: &Metric) -> Self {
        Self::new(shape, title, unit(metric), metric.help)
    }

    pub(crate) fn ask(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    pub(crate) fn size(mut self, columns: u32, rows: u32) -> Self {
        self.size = (columns, rows);
        self
    }

    /// What is said where there is rightly nothing: the panel may be empty.
    pub(crate) fn or_says(mut self, text: &'static str) -> Self {
        self.no_value = text;
        self
    }

    /// Orange from the first value on, vermillion from the second.
    pub(crate) fn limits(mut self, watch: f64, act: f64) -> Self {
        self.limits = vec![(watch, ORANGE), (act, VERMILLION)];
        self
    }

    /// Vermillion below the first value, orange below the second.
    pub(crate) fn at_least(mut self, act: f64, watch: f64) -> Self {
        self.limits = vec![(f64::NEG_INFINITY, VERMILLION), (act, ORANGE), (watch, GREEN)];
        self
    }

    pub(crate) fn states(mut self, states: &[(i64, &'static str, &'static str)]) -> Self {
        self.states = states.to_vec();
        self
    }

    pub(crate) fn axis(mut self, least: f64, greatest: Option<f64>) -> Self {
        self.range = (Some(least), greatest);
        self
    }

    pub(crate) fn since(mut self, from: &'static str) -> Self {
        self.time_from = Some(from);
        self
    }

    pub(crate) fn every(mut self, step: &'static str) -> Self {
        self.min_step = Some(step);
        self
    }
}

/// Grafana's identifier of a metric's unit; of a counter that of its rate.
pub(crate) fn unit(metric: &Metric) -> &'static str {
    match (metric.unit, metric.kind) {
        ("B", Kind::Counter) => "Bps",
        ("s", Kind::Counter) => "percentunit",
        ("1", Kind::Counter) => "cps",
        ("B", _) => "bytes",
        ("s", _) => "s",
        ("ms", _) => "ms",
        ("W", _) | ("J", Kind::Counter) => "watt",
        ("J", _) => "joule",
        ("V", _) => "volt",
        ("Hz", _) => "hertz",
        ("°C", _) => "celsius",
        ("1/min", _) => "rotrpm",
        ("bit/s", _) => "bps",
        ("g", _) => "massg",
        _ if metric.field.ends_with("_ratio") => "percentunit",
        _ => "short",
    }
}
