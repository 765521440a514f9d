//! The dead man's switch: an address elsewhere is called at regular times as long as the collector is well, so that
//! somebody outside notices when the calls stop. That the collector itself is gone, or cannot work, nobody here can say.
//!
//! Invariant: no call while the page `/healthz` is red.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::receivers::call;
use crate::Collector;
use crate::readiness;
use picollect_config::Heartbeat;

/// Its name among the parts of alerting.
pub(super) const PART: &str = "heartbeat";
/// The first call comes so soon after the start, when there is something to be well.
const FIRST: Duration = Duration::from_secs(1);

/// The thread that calls; it ends when this is dropped, a call under way excepted, which nobody waits for.
#[derive(Debug)]
pub struct Beating {
    _order: Sender<()>,
}

impl Beating {
    /// Starts it, if the configuration has an address. Fails only if the system starts no thread.
    pub fn start(collector: &Arc<Collector>) -> io::Result<Option<Self>> {
        let Some(heartbeat) = collector.config.alerts.heartbeat.clone() else { return Ok(None) };
        let (order, orders) = channel::<()>();
        let collector = Arc::clone(collector);
        let alive = collector.living.lives("the thread of the heartbeat");
        let work = move || {
            let mut next = Instant::now() + FIRST;
            while orders.recv_timeout(next.saturating_duration_since(Instant::now()))
                == Err(RecvTimeoutError::Timeout)
            {
                next = Instant::now() + heartbeat.interval;
                collector.alerting.tried(PART, beat(&collector, &heartbeat));
            }
            drop(alive);
        };
        thread::Builder::new().name("heartbeat".into()).spawn(work)?;
        Ok(Some(Self { _order: order }))
    }
}

fn beat(collector: &Collector, heartbeat: &Heartbeat) -> Result<(), String> {
    readiness::check(collector)
        .map_err(|why| format!("no call, because the collector is not well: {why}"))?;
    call(heartbeat).map_err(|error| format!("cannot call {}: {error}", heartbeat.url))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::tokens::Tokens;
    use picollect_config::Config;

    #[test]
    fn nobody_is_called_while_the_collector_is_not_well() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let text = format!("[alerts.heartbeat]\nurl = \"http://{}/hush\"\n", listener.local_addr().unwrap());
        let config: Config = picollect_settings::parse(&text, "t").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let collector = Collector::new(store, Tokens::of(directory.path()), config).unwrap();
        let heartbeat = collector.config.alerts.heartbeat.clone().unwrap();
        directory.close().unwrap();
        let why = beat(&collector, &heartbeat).unwrap_err();
        assert!(why.starts_with("no call, because") && why.contains("directory is gone"), "{why}");
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
