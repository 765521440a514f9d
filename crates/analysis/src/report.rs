//! The report: what a window's data says of the cluster. [`build`] makes it once; `picollect-report` writes it down.

mod assembly;

pub use assembly::per_kwh;
pub use assembly::{MeterReading, MeterReadings, build, lost_core_s, readings, run};
pub use picollect_report::*;
