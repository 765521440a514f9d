//! The moments at which an expression is evaluated, and values at these.

use crate::Times;
use crate::budget::Budget;
use crate::error::Error;
use crate::labels::Labels;
use crate::source::{Sample, Series};
use std::collections::HashMap;

/// Moments in even steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) count: usize,
}

impl Grid {
    /// The moments of a range; none if it ends before it starts.
    pub(crate) fn of(times: Times) -> Self {
        let span_ms = times.end_ms.saturating_sub(times.start_ms);
        let count = if span_ms < 0 { 0 } else { span_ms / times.step_ms + 1 };
        Self {
            start_ms: times.start_ms,
            step_ms: times.step_ms,
            count: usize::try_from(count).unwrap_or(usize::MAX),
        }
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0i64..).take(self.count).map(move |step| self.start_ms + step * self.step_ms)
    }

    pub(crate) fn end_ms(self) -> i64 {
        self.start_ms
            + i64::try_from(self.count.saturating_sub(1)).unwrap_or(i64::MAX).saturating_mul(self.step_ms)
    }
}

/// A series on a grid: at each moment a value or none.
#[derive(Debug, Clone)]
pub(crate) struct Stepped {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<Option<f64>>,
}

impl Stepped {
    pub(crate) fn empty(labels: Labels, grid: Grid) -> Self {
        Self { labels, values: vec![None; grid.count] }
    }

    /// Each value by itself made another.
    pub(crate) fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        for value in self.values.iter_mut().flatten() {
            *value = change(*value);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    pub(crate) fn into_series(self, grid: Grid) -> Series {
        let samples = grid.times().zip(self.values);
        let samples = samples.filter_map(|(t_ms, value)| Some(Sample { t_ms, value: value? })).collect();
        Series { labels: self.labels, samples }
    }
}

/// What an expression is at all moments of a grid.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Vector(Vec<Stepped>),
}

/// Makes one series of those with the same labels, in the order in which the labels came first. No moment may have
/// two values.
pub(crate) fn merge(all: Vec<Stepped>, budget: &Budget<'_>) -> Result<Vec<Stepped>, Error> {
    let mut lease = budget.lease(all.len().saturating_mul(size_of::<Stepped>()))?;
    let mut known: HashMap<Labels, usize> = HashMap::with_capacity(all.len());
    let mut merged: Vec<Stepped> = Vec::with_capacity(all.len());
    for series in all {
        budget.work(series.values.len())?;
        if series.is_empty() {
            continue;
        }
        let Some(&at) = known.get(&series.labels) else {
            lease.add_entry(&series.labels)?;
            known.insert(series.labels.clone(), merged.len());
            merged.push(series);
            continue;
        };
        for (into, value) in merged[at].values.iter_mut().zip(series.values) {
            if value.is_some() && into.replace(value.unwrap_or_default()).is_some() {
                return Err(same_labels(&series.labels));
            }
        }
    }
    Ok(merged)
}

pub(crate) fn same_labels(labels: &Labels) -> Error {
    Error::SameLabels(labels.shown())
}
