//! Asks each device at its interval, on a thread of its own: one that hangs delays no other.
//!
//! Invariant: every attempt leaves a point, either totals and power or the reason why there are none.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{
    COUNTER_J, JOULES, METERED_S, Metric, NO_DATA, SINCE_MS, WATTS, WATTS_MAX, WATTS_MIN,
};
use picollect_telemetry::line::Point;

use super::device::{Device, ReadError, Reading};
use super::integrator::{Integrator, Moment};
use super::tags;
use picollect_config::WallMeter;
use picollect_settings::time::{millis, now_ms};
use picollect_store::Store;

/// A device that does not answer is asked at least this often, unless its interval is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Power and counter of one device that differ by more than this are worth a warning.
const NOTICED_DISAGREEMENT: f64 = 0.05;

/// The threads that ask; they end when this is dropped.
#[derive(Debug, Default)]
pub struct Polling {
    /// Dropped to end the threads.
    orders: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Polling {
    /// Starts a thread for each meter. Fails only if the system starts none.
    pub fn start(store: &Arc<dyn Store>, meters: &[WallMeter]) -> io::Result<Self> {
        let mut polling = Self::default();
        for meter in meters {
            let mut poller = Poller::new(Arc::clone(store), meter.clone());
            let (order, stop) = channel();
            let thread = thread::Builder::new().name("wall".into()).spawn(move || poller.run(&stop))?;
            polling.orders.push(order);
            polling.threads.push(thread);
        }
        Ok(polling)
    }

    /// Ends the threads and waits for the requests under way.
    pub fn stop(mut self) {
        self.orders.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("the thread of a wall meter had failed");
            }
        }
    }
}

/// One device with its totals.
struct Poller {
    store: Arc<dyn Store>,
    device: Device,
    integrator: Integrator,
    tags: Vec<(String, String)>,
    started: Instant,
    /// Attempts that failed since the last that did not.
    failures: u32,
    warned: bool,
}

impl Poller {
    fn new(store: Arc<dyn Store>, meter: WallMeter) -> Self {
        let tags = tags(&meter.name, &meter.cluster);
        let interval = meter.interval;
        let device = Device::new(meter);
        let integrator = Integrator::new(interval, device.resolution());
        Self { store, device, integrator, tags, started: Instant::now(), failures: 0, warned: false }
    }

    fn run(&mut self, stop: &Receiver<()>) {
        let mut next = Instant::now();
        loop {
            self.poll();
            next = (next + self.wait()).max(Instant::now());
            let left = next.saturating_duration_since(Instant::now());
            if stop.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    /// The interval, doubled for each further failure.
    fn wait(&self) -> Duration {
        let interval = self.device.meter().interval;
        let factor = 1_u32 << self.failures.saturating_sub(1).min(16);
        interval.saturating_mul(factor).min(LONGEST_WAIT.max(interval))
    }

    fn poll(&mut self) {
        let asked = Instant::now();
        let answer = self.device.read();
        // A reading stands for the middle between question and answer.
        let half = asked.elapsed() / 2;
        let at = asked.saturating_duration_since(self.started) + half;
        let t_ms = now_ms() - millis(half);
        let fields = match answer {
            Ok(reading) => self.answered(Moment { at, t_ms, reading }),
            Err(error) => self.failed(&error),
        };
        let point = Point { measurement: JOULES.measurement.into(), tags: self.tags.clone(), fields, t_ms };
        match self.store.append(&[point]) {
            Ok(appended) if appended.refused_points == 0 => {}
            Ok(_) => tracing::error!("{}: the store refused a point", self.device.meter().name),
            Err(error) => {
                let name = &self.device.meter().name;
                tracing::error!("{name}: cannot write: {:#}", anyhow::Error::from(error));
            }
        }
    }

    fn answered(&mut self, moment: Moment) -> Vec<(String, Value)> {
        let name = &self.device.meter().name;
        if self.failures > 0 {
            tracing::info!("wall meter `{name}` answers again");
        }
        self.failures = 0;
        let totals = self.integrator.reading(moment);
        if let Some(share) = self.integrator.disagreement().filter(|share| share.abs() > NOTICED_DISAGREEMENT)
            && !self.warned
        {
            let percent = share * 100.0;
            tracing::warn!(
                "wall meter `{name}`: the sum of its power is {percent:+.0} % off its own counter"
            );
            self.warned = true;
        }
        let Reading { watts, counter_j } = moment.reading;
        let mut fields = vec![
            field(&JOULES, totals.joules.into()),
            field(&METERED_S, totals.metered_s.into()),
            field(&SINCE_MS, totals.since_ms.into()),
            field(&WATTS, watts.into()),
            field(&WATTS_MIN, watts.into()),
            field(&WATTS_MAX, watts.into()),
        ];
        fields.extend(counter_j.map(|joules| field(&COUNTER_J, joules.into())));
        fields
    }

    fn failed(&mut self, error: &ReadError) -> Vec<(String, Value)> {
        if self.failures == 0 {
            tracing::warn!("wall meter `{}`: {error}", self.device.meter().name);
        }
        self.failures = self.failures.saturating_add(1);
        vec![(NO_DATA.to_owned(), error.no_data().code().into())]
    }
}

fn field(metric: &Metric, value: Value) -> (String, Value) {
    (metric.field.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_does_not_answer_is_asked_ever_more_rarely_and_every_attempt_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(picollect_store::open(directory.path()).unwrap());
        // Port 9 of this machine: nobody listens there.
        let text = "[[wall]]\nname = \"plug\"\nkind = \"tasmota\"\nurl = \"http://127.0.0.1:9\"\n";
        let config: picollect_config::Config = picollect_settings::parse(text, "t").unwrap();
        let mut poller = Poller::new(Arc::clone(&store), config.wall[0].clone());
        assert_eq!(poller.wait(), Duration::from_secs(1));
        let waits: Vec<u64> = (0..7)
            .map(|_| {
                poller.poll();
                poller.wait().as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        let keys = store.series(&picollect_store::Selector::default()).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(
            (keys[0].field.as_str(), keys[0].tag("host"), keys[0].tag("boundary")),
            (NO_DATA, None, Some("wall"))
        );
    }
}
