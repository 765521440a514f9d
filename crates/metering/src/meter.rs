//! What a power meter is to the rest of the agent.

use std::time::Duration;

use picollect_telemetry::{Boundary, NoData, Reading, Source};

use crate::accuracy::Accuracy;

/// What a meter is called and what its figures mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterName {
    /// Key of the sensor: bus and address, directory name, or the model's name.
    pub meter: String,
    /// Measured, estimated or simulated.
    pub source: Source,
    /// What it is drawn around.
    pub boundary: Boundary,
}

/// What a meter shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MeterValue {
    /// Power at a moment, watts.
    Watts(f64),
    /// All that its counter has counted since it began, joules.
    TotalJoules(f64),
}

/// A power meter that has to be read again and again.
pub trait PowerMeter: Send {
    /// Its name and the meaning of its figures.
    fn name(&self) -> MeterName;
    /// Time between two readings that are worth taking.
    fn period(&self) -> Duration;
    /// What is known of its errors.
    fn accuracy(&self) -> Accuracy {
        Accuracy::default()
    }
    /// What it shows, and the moment for which that stands: the middle of the conversion where the meter
    /// tells, else `now`. A meter gives always the same kind of value.
    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>);
}

/// Whether it may be expected to measure: one that is there for other users only, or that feeds nobody, does not
/// replace the model.
pub fn may_measure(meter: &mut dyn PowerMeter) -> bool {
    !matches!(meter.read(Duration::ZERO).1, Err(NoData::Denied | NoData::Absent))
}
