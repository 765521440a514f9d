//! Somebody who means well, beside those who do not: it writes, asks and looks at the summary without a pause, has to
//! be answered rightly every time, and knows how long that took.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::hostile::{Keys, get, post};
use super::wire::{Outcome, Wire};

/// From one request to the next: a cluster's panels and agents ask more seldom.
const PAUSE: Duration = Duration::from_millis(20);

/// It works until it is asked what it found.
pub(super) struct GoodClient {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Served>,
}

/// How somebody who means well was served.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// From sending a request to the end of its answer, shortest first.
    times: Vec<Duration>,
    /// Answers that were not the right ones, the first few of them.
    pub(super) wrong: Vec<String>,
}

impl GoodClient {
    pub(super) fn start(address: &str, keys: &Keys) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, mut wire) = (Arc::clone(&stop), Wire::new(address));
        let requests = [
            (post("/api/v2/write", Some(&keys.write), b"kept,host=good f=1"), 204),
            (get("/api/v1/query?query=kept_f", Some(&keys.read)), 200),
            (get("/api/v1/summary", Some(&keys.node)), 200),
            (post("/api/v2/write", Some(&keys.node), b"thermal,host=pi-1,zone=cpu-thermal temp_c=48.3"), 204),
            (get("/api/v1/nodes?format=json", Some(&keys.read)), 200),
        ];
        let thread = thread::spawn(move || {
            let mut served = Served::default();
            while !stopped.load(Ordering::Relaxed) {
                for (request, right) in &requests {
                    served.ask(&mut wire, request, *right);
                    thread::sleep(PAUSE);
                }
            }
            served
        });
        Self { stop, thread }
    }

    pub(super) fn served(self) -> Served {
        self.stop.store(true, Ordering::Relaxed);
        let mut served = self.thread.join().expect("the good client");
        served.times.sort();
        served
    }
}

impl Served {
    fn ask(&mut self, wire: &mut Wire, request: &[u8], right: u16) {
        let began = Instant::now();
        let outcome = wire.ask(request);
        self.times.push(began.elapsed());
        if !matches!(outcome, Outcome::Answered(status, _) if status == right) && self.wrong.len() < 10 {
            let line = String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
            self.wrong.push(format!("{line}: {outcome:?}"));
        }
    }

    /// So much of all requests took no longer, 0 to 1.
    fn quantile(&self, share: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let index = (self.times.len() as f64 * share) as usize;
        self.times.get(index.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |share| self.quantile(share).as_secs_f64() * 1000.0;
        let (p50, p99, longest) = (ms(0.5), ms(0.99), ms(1.0));
        let (asked, wrong) = (self.times.len(), self.wrong.len());
        write!(
            f,
            "{asked} requests, {wrong} answered wrongly, p50 {p50:.1} ms, p99 {p99:.1} ms, longest {longest:.1} ms"
        )
    }
}
