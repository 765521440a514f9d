//! Power meters: what they are to the rest of the agent, and the thread that reads each at its own rate,
//! independent of the sampling interval.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use picollect_telemetry::{Boundary, Reading, Source};

use crate::clock::Clock;
use crate::energy::{EnergyPoint, Integrator};
use crate::stop::Stop;

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

/// A power meter that has to be read again and again.
pub trait PowerMeter: Send {
    /// Its name and the meaning of its figures.
    fn name(&self) -> MeterName;
    /// Whether the configuration names it; else it was found.
    fn configured(&self) -> bool {
        false
    }

    /// Time between two readings that are worth taking.
    fn period(&self) -> Duration;
    /// The power in watts, and the moment for which it stands (the middle of the conversion where the
    /// meter tells, else `now`).
    fn read(&mut self, now: Duration) -> (Duration, Reading<f64>);
}

/// A meter that is being read by its thread.
#[derive(Debug)]
pub struct Metered {
    /// Its name and the meaning of its figures.
    pub name: MeterName,
    integrator: Arc<Mutex<Integrator>>,
    thread: JoinHandle<()>,
}

impl Metered {
    /// Starts the meter's thread; it ends with the order to stop.
    pub fn start(mut meter: Box<dyn PowerMeter>, clock: Clock, stop: Stop) -> std::io::Result<Self> {
        let integrator = Arc::new(Mutex::new(Integrator::new(meter.period())));
        let name = meter.name();
        let shared = Arc::clone(&integrator);
        let thread = thread::Builder::new().name("meter".into()).spawn(move || {
            let mut next = clock.now();
            loop {
                let (at, watts) = meter.read(clock.now());
                shared.lock().unwrap_or_else(PoisonError::into_inner).reading(at, watts);
                next = (next + meter.period()).max(clock.now());
                if stop.wait_until(clock.instant(next)) {
                    return;
                }
            }
        })?;
        Ok(Self { name, integrator, thread })
    }

    /// The totals now and the watts since the last call.
    pub fn take(&self) -> Reading<EnergyPoint> {
        self.integrator.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether its thread has ended.
    pub fn ended(&self) -> bool {
        self.thread.is_finished()
    }
}
