//! The threads that read each meter at its own rate, independent of the sampling interval. A meter that is a
//! file has a thread of its own; the meters on one I2C bus share one ([`bus`](crate::bus)).

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use picollect_board::clock::Clock;
use picollect_telemetry::{NoData, Reading};

use crate::accuracy::Accuracy;
use crate::bus::BusMeters;
use crate::energy::{EnergyPoint, Integrator, SharedIntegrator, lock};
use crate::meter::{MeterName, PowerMeter};
use crate::stop::Stop;

/// A meter that is being read by its thread.
#[derive(Debug)]
pub struct Metered {
    /// Its name and the meaning of its figures.
    pub name: MeterName,
    /// What is known of its errors.
    pub accuracy: Accuracy,
    /// The node that it feeds, where that is not the one that reads it: its figures are of that one.
    pub feeds: Option<String>,
    integrator: SharedIntegrator,
    thread: Arc<JoinHandle<()>>,
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
                lock(&shared).value(at, reading);
                next = (next + meter.period()).max(clock.now());
                if stop.wait_until(clock.instant(next)) {
                    return;
                }
            }
        })?;
        Ok(Self { name, accuracy, feeds: None, integrator, thread: Arc::new(thread) })
    }

    /// Starts the thread of a bus; it ends with the order to stop.
    pub fn start_bus(mut bus: BusMeters, clock: Clock, stop: Stop) -> std::io::Result<Vec<Self>> {
        let facts = bus.accuracies().into_iter().zip(bus.feeds());
        let meters: Vec<_> = bus.meters().into_iter().zip(facts).collect();
        let thread = thread::Builder::new().name(format!("i2c-{}", bus.number())).spawn(move || {
            loop {
                bus.read_due(&|| clock.now());
                bus.serve_guest(&|| clock.now());
                if stop.wait_until(clock.instant(bus.next_due(clock.now()))) {
                    return;
                }
            }
        })?;
        let thread = Arc::new(thread);
        let metered = |((name, integrator), (accuracy, feeds))| {
            let thread = Arc::clone(&thread);
            Self { name, accuracy, feeds, integrator, thread }
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
