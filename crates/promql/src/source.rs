//! Where series come from.

use crate::labels::Labels;
use crate::selection::Selection;

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken: Unix milliseconds.
    pub t_ms: i64,
    /// The value; Prometheus' staleness marker says that the series ended here.
    pub value: f64,
}

impl Sample {
    /// The one NaN that means "no longer there"
    /// (<https://github.com/prometheus/prometheus/blob/main/model/value/value.go>).
    const STALE: u64 = 0x7ff0_0000_0000_0002;

    pub(crate) fn is_stale(self) -> bool {
        self.value.to_bits() == Self::STALE
    }
}

/// A series with its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is called.
    pub labels: Labels,
    /// Its samples in order of time, no two at one time.
    pub samples: Vec<Sample>,
}

/// What several samples came to, such as those that were downsampled to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When the last of them was taken, Unix milliseconds.
    pub t_ms: i64,
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest of them.
    pub max: f64,
    /// The last of them.
    pub last: f64,
}

/// What a series has in place of samples that were downsampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downsampled {
    /// One number for several samples, such as their mean.
    ToNumbers,
    /// Some of the samples, as they came.
    ToSamples,
}

/// A series as a source has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its labels and samples.
    pub series: Series,
    /// What other samples came to, in order of time; only those that [`Selection::steps`] asked for.
    pub steps: Vec<Step>,
    /// What stands among the samples in place of others; `None` if the samples and the steps are all there ever was.
    pub downsampled: Option<Downsampled>,
}

impl Found {
    /// A series of which every sample is there.
    pub fn whole(series: Series) -> Self {
        Self { series, steps: Vec::new(), downsampled: None }
    }
}

/// Something that has series.
pub trait Source {
    /// The series that match, each once, with their samples from `from_ms` to `to_ms`, both included; series without
    /// any may be left out. The order of series is the same whenever it is asked.
    ///
    /// # Errors
    /// As soon as there are more series or samples than [`Selection`] allows, when the source has run out of time, and
    /// when it cannot be read.
    fn select(&self, wanted: &Selection<'_>) -> Result<Vec<Found>, SourceError>;
}

/// Why a source gave no series.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It found more series than [`Selection::most_series`].
    #[error("too many series")]
    TooManySeries,
    /// It found more samples than [`Selection::most_samples`].
    #[error("too many samples")]
    TooManySamples,
    /// It was asked to stop.
    #[error("out of time")]
    OutOfTime,
    /// It could not be read.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}
