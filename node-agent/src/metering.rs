//! Power meters: what they are to the rest of the agent, and the threads that read each at its own rate,
//! independent of the sampling interval. A meter that is a file has a thread of its own; the meters on
//! one I2C bus share one ([`bus`]).

pub mod accuracy;
pub mod bus;
pub mod calibration;
mod doubts;
mod pace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use picollect_telemetry::{Boundary, NoData, Reading, Source};

use self::accuracy::Accuracy;
use self::bus::BusMeters;
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

/// What a meter's readings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Power at a moment, watts.
    Watts,
    /// Energy since the counter began, joules.
    Joules,
}

/// A power meter that has to be read again and again.
pub trait PowerMeter: Send {
    /// Its name and the meaning of its figures.
    fn name(&self) -> MeterName;
    /// Time between two readings that are worth taking.
    fn period(&self) -> Duration;
    /// Whether it shows power or counts energy.
    fn quantity(&self) -> Quantity {
        Quantity::Watts
    }
    /// What is known of its errors.
    fn accuracy(&self) -> Accuracy {
        Accuracy::default()
    }
    /// The power in watts or the total in joules, and the moment for which it stands (the middle of the
    /// conversion where the meter tells, else `now`).
    fn read(&mut self, now: Duration) -> (Duration, Reading<f64>);
}

/// Whether this user may read it: a meter that is there for others only does not replace the model.
pub fn may_be_read(meter: &mut dyn PowerMeter) -> bool {
    meter.read(Duration::ZERO).1 != Err(NoData::Denied)
}

/// A meter that is being read by its thread.
#[derive(Debug)]
pub struct Metered {
    /// Its name and the meaning of its figures.
    pub name: MeterName,
    /// What is known of its errors.
    pub accuracy: Accuracy,
    integrator: Shared,
    thread: Arc<JoinHandle<()>>,
}

type Shared = Arc<Mutex<Integrator>>;

fn lock(integrator: &Shared) -> MutexGuard<'_, Integrator> {
    integrator.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metered {
    /// Starts all threads; they end with the order to stop.
    pub fn start_all(
        meters: Vec<Box<dyn PowerMeter>>,
        buses: Vec<BusMeters>,
        clock: &Clock,
        stop: &Stop,
    ) -> std::io::Result<Vec<Self>> {
        let mut started = Vec::new();
        for bus in buses {
            started.extend(Self::start_bus(bus, clock.clone(), stop.clone())?);
        }
        for meter in meters {
            started.push(Self::start(meter, clock.clone(), stop.clone())?);
        }
        Ok(started)
    }

    /// Starts the meter's thread; it ends with the order to stop.
    pub fn start(mut meter: Box<dyn PowerMeter>, clock: Clock, stop: Stop) -> std::io::Result<Self> {
        let integrator = Arc::new(Mutex::new(Integrator::new(meter.period())));
        let (name, accuracy) = (meter.name(), meter.accuracy());
        let shared = Arc::clone(&integrator);
        let thread = thread::Builder::new().name("meter".into()).spawn(move || {
            let mut next = clock.now();
            loop {
                let (at, reading) = meter.read(clock.now());
                match meter.quantity() {
                    Quantity::Watts => lock(&shared).reading(at, reading),
                    Quantity::Joules => lock(&shared).counter(at, reading),
                }
                next = (next + meter.period()).max(clock.now());
                if stop.wait_until(clock.instant(next)) {
                    return;
                }
            }
        })?;
        Ok(Self { name, accuracy, integrator, thread: Arc::new(thread) })
    }

    /// Starts the thread of a bus; it ends with the order to stop.
    pub fn start_bus(mut bus: BusMeters, clock: Clock, stop: Stop) -> std::io::Result<Vec<Self>> {
        let meters: Vec<_> = bus.meters().into_iter().zip(bus.accuracies()).collect();
        let thread = thread::Builder::new().name(format!("i2c-{}", bus.number())).spawn(move || {
            loop {
                bus.read_due(&|| clock.now());
                bus.serve_panel(&|| clock.now());
                if stop.wait_until(clock.instant(bus.next_due(clock.now()))) {
                    return;
                }
            }
        })?;
        let thread = Arc::new(thread);
        let metered = |((name, integrator), accuracy)| {
            let thread = Arc::clone(&thread);
            Self { name, accuracy, integrator, thread }
        };
        Ok(meters.into_iter().map(metered).collect())
    }

    /// The totals now and the watts since the last call; a meter whose thread has ended says so.
    pub fn take(&self) -> Reading<EnergyPoint> {
        if self.thread.is_finished() {
            return Err(NoData::Failed);
        }
        lock(&self.integrator).take()
    }
}
