//! Sensors that keep the sampler waiting get a thread of their own.
//!
//! A firmware that is ill takes a second for each question, a driver that is stuck takes longer. A sensor is
//! read on the sampler's thread, which costs least, until it has been slow twice. From then on a thread of its
//! own reads it at the sampling interval, and a tick takes what is ready. What is not ready is *timed out*.
//!
//! Invariant: a sensor delays the ticks at most [`FORGIVEN`] times before it is set apart.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use picollect_board::clock::Clock;
use picollect_metering::stop::Stop;
use picollect_sensors::status::Status;
use picollect_sensors::tick::{Sensor, Tick};
use picollect_telemetry::NoData;
use picollect_telemetry::line::LineWriter;

/// A healthy sensor takes some microseconds, the mailbox some hundreds, a busy machine's scheduler more.
const SLOW: Duration = Duration::from_millis(250);
/// So often a sensor may be slow before it is set apart.
const FORGIVEN: u32 = 2;

/// A sensor, and where it is read.
pub struct Watched {
    /// `None` while a thread has it.
    sensor: Option<Box<dyn Sensor>>,
    slow: u32,
    apart: Option<Apart>,
}

impl Watched {
    /// Read on the sampler's thread for now.
    pub fn new(sensor: Box<dyn Sensor>) -> Self {
        Self { sensor: Some(sensor), slow: 0, apart: None }
    }

    /// Its points of this tick, and what of it is timed out.
    pub fn sample(&mut self, tick: &mut Tick<'_>, clock: &Clock, interval: Duration) {
        if let Some(sensor) = &mut self.sensor {
            let began = Instant::now();
            sensor.sample(tick);
            self.slow += u32::from(began.elapsed() > SLOW);
        } else if let Some(apart) = &mut self.apart {
            apart.sample(tick);
        }
        if self.slow >= FORGIVEN {
            self.set_apart(tick, clock, interval);
        }
    }

    fn set_apart(&mut self, tick: &Tick<'_>, clock: &Clock, interval: Duration) {
        self.slow = 0;
        let Some(sensor) = self.sensor.take() else { return };
        let name = sensor.name();
        match Apart::start(sensor, tick.writer_alike(), clock.clone(), interval) {
            Ok(apart) => {
                tracing::warn!(sensor = name, "is slow: it is read by a thread of its own from now on");
                self.apart = Some(apart);
            }
            // The sensor went with the thread that could not be had.
            Err(error) => tracing::error!(sensor = name, "is slow, and there is no thread for it: {error}"),
        }
    }
}

/// What the thread has read and no tick has taken.
#[derive(Default)]
struct Ready {
    fresh: bool,
    lines: Vec<u8>,
    status: Status,
}

/// A sensor with its thread, which ends at the latest one reading after this is dropped.
struct Apart {
    ready: Arc<Mutex<Ready>>,
    /// The lines that were taken last: the series that are missing while there are none.
    last: Vec<u8>,
    stop: Stop,
}

impl Apart {
    fn start(
        mut sensor: Box<dyn Sensor>,
        mut writer: LineWriter,
        clock: Clock,
        interval: Duration,
    ) -> io::Result<Self> {
        let (ready, stop) = (Arc::new(Mutex::new(Ready::default())), Stop::default());
        let (shared, ordered) = (Arc::clone(&ready), stop.clone());
        let read = move || {
            loop {
                let began = clock.now();
                let mut tick = Tick::new(began, clock.stamps(), &mut writer);
                sensor.sample(&mut tick);
                let status = tick.status;
                let (lines, _) = writer.take();
                *lock(&shared) = Ready { fresh: true, lines, status };
                if ordered.wait_until(clock.instant(began + interval)) {
                    return;
                }
            }
        };
        thread::Builder::new().name("slow-sensor".into()).spawn(read)?;
        Ok(Self { ready, last: Vec::new(), stop })
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let mut ready = lock(&self.ready);
        let fresh = std::mem::take(&mut ready.fresh);
        if fresh {
            std::mem::swap(&mut self.last, &mut ready.lines);
            tick.status.fill_from(&ready.status);
        }
        drop(ready);
        for line in self.last.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if fresh { tick.line(line) } else { tick.no_data_in_place_of(line, NoData::TimedOut) }
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.stop.order();
    }
}

fn lock(ready: &Mutex<Ready>) -> MutexGuard<'_, Ready> {
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::catalogue::LOAD_1;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A sensor whose every reading but the first few waits for the test.
    struct Stuck {
        quick: u32,
        go: Receiver<()>,
    }

    impl Sensor for Stuck {
        fn name(&self) -> &'static str {
            "stuck"
        }

        fn remedy(&self) -> &'static str {
            "none"
        }

        fn sample(&mut self, tick: &mut Tick<'_>) {
            if self.quick > 0 {
                self.quick -= 1;
                thread::sleep(SLOW + Duration::from_millis(20));
            } else if self.go.recv().is_err() {
                return;
            }
            tick.status.temp_c = Some(50.0);
            tick.point(&[], &[(&LOAD_1, 1.5.into())]);
        }
    }

    fn stuck() -> (Watched, Sender<()>) {
        let (sender, go) = channel();
        (Watched::new(Box::new(Stuck { quick: FORGIVEN, go })), sender)
    }

    fn tick(watched: &mut Watched, clock: &Clock) -> (String, Status) {
        let mut writer = LineWriter::new(&[("host", "n")]);
        let mut tick = Tick::new(Duration::from_secs(9), clock.stamps(), &mut writer);
        watched.sample(&mut tick, clock, Duration::from_millis(1));
        let status = tick.status;
        let text = String::from_utf8(writer.take().0).unwrap();
        (text.rsplit_once(' ').map_or("", |(line, _)| line).to_owned(), status)
    }

    #[test]
    fn a_slow_sensor_is_set_apart_timed_out_while_it_is_stuck_and_there_when_it_is_ready() {
        let (clock, (mut watched, go)) = (Clock::start(), stuck());
        for _ in 0..FORGIVEN {
            assert_eq!(tick(&mut watched, &clock).0, "load,host=n load1=1.5");
        }
        go.send(()).unwrap();
        let started = Instant::now();
        let mut got = tick(&mut watched, &clock);
        while got.0.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(10), "the thread reads");
            thread::sleep(Duration::from_millis(1));
            got = tick(&mut watched, &clock);
        }
        assert_eq!((got.0.as_str(), got.1.temp_c), ("load,host=n load1=1.5", Some(50.0)));
        let started = Instant::now();
        let late = tick(&mut watched, &clock);
        assert_eq!((late.0.as_str(), late.1.temp_c), ("load,host=n no_data=5i", None));
        assert!(started.elapsed() < SLOW, "nobody waits for it");
    }

    #[test]
    fn a_sensor_that_is_quick_stays_where_it_is() {
        let (_sender, go) = channel();
        let mut watched = Watched::new(Box::new(Stuck { quick: 1, go }));
        tick(&mut watched, &Clock::start());
        assert!(watched.sensor.is_some() && watched.apart.is_none(), "once is forgiven");
    }
}
