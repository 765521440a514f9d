//! Functions of a range in which samples were downsampled: which of them are still right, and of what.

use crate::source::Downsampled;

/// What a function has to know of the samples of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The least, the greatest or the last of them: what is kept of a step says it.
    Extremes,
    /// How many there were, or their sum: a step says it, kept samples do not.
    Totals,
    /// Each change: a counter's and a state's are kept, a gauge's are not.
    Changes,
    /// Each single sample.
    All,
}

impl Needs {
    /// What a function of a range needs, by its name.
    pub(crate) fn of(function: &str) -> Self {
        match function {
            "min_over_time" | "max_over_time" | "last_over_time" | "present_over_time" => Self::Extremes,
            "sum_over_time" | "count_over_time" | "avg_over_time" => Self::Totals,
            "rate" | "increase" | "resets" | "changes" | "delta" | "irate" | "idelta" | "first_over_time" => {
                Self::Changes
            }
            _ => Self::All,
        }
    }

    /// Whether it is computed of steps where there are steps.
    pub(crate) fn steps(self) -> bool {
        matches!(self, Self::Extremes | Self::Totals)
    }

    /// Whether what stands in place of samples is enough. Of what is computed of steps, only what has none is asked.
    pub(crate) fn is_met_by(self, kept: Downsampled) -> bool {
        match self {
            Self::Extremes => true,
            Self::Changes => kept == Downsampled::ToSamples,
            Self::Totals | Self::All => false,
        }
    }
}
