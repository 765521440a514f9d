//! Who is told, and how it gets there.
//!
//! Invariants: a delivery is bounded in time as a whole, whatever the other side does meanwhile, and in what is read of
//! the answer; there is one at a time for each receiver, on a thread of its own; no secret and no address that may hold
//! one stands in an error.

mod email;
mod post;
mod smtp;

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use super::episodes::Said;
use super::heartbeat;
use super::message::{Message, Notification};
use super::watch::Event;
use picollect_config::AlertsConfig;
use picollect_settings::duration::shown;
use picollect_settings::time::now_ms;

pub(super) use post::call;

/// Time for one POST, from the look-up of the name to the end of the answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// A receiver that fails is asked again after so long, then after twice as long, and so on
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// but never after longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// A secret or a certificate is not there.
    #[error("{0:#}")]
    Settings(anyhow::Error),
    /// It could not be delivered.
    #[error("{0}")]
    Failed(String),
    /// Somebody else answered, with this.
    #[error("it answered with {0}: a captive portal, a proxy or another server answers in its place")]
    Stranger(&'static str),
    /// The receiver said no with this HTTP status.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
}

/// A way to tell somebody.
#[derive(Debug)]
enum Way {
    Webhook(picollect_config::Webhook),
    Ntfy(picollect_config::Ntfy),
    Email(picollect_config::Email),
}

/// Somebody who is told, and whether it works.
#[derive(Debug)]
pub(super) struct Receiver {
    way: Arc<Way>,
    /// A delivery is under way.
    busy: bool,
    failures: u32,
    /// The next try, after a failure; `None` while it takes what it is sent.
    next: Option<Instant>,
}

/// How a delivery ended.
#[derive(Debug)]
pub(super) struct Delivered {
    /// Which of the receivers it was for.
    pub(super) receiver: usize,
    /// What it was told.
    pub(super) said: Said,
    title: String,
    outcome: Result<(), NotSent>,
}

/// All that are configured.
pub(super) fn of(config: &AlertsConfig) -> Vec<Receiver> {
    let webhook = config.webhook.clone().map(Way::Webhook);
    let ntfy = config.ntfy.clone().map(Way::Ntfy);
    let email = config.email.clone().map(Way::Email);
    let ways = webhook.into_iter().chain(ntfy).chain(email);
    ways.map(|way| Receiver { way: Arc::new(way), busy: false, failures: 0, next: None }).collect()
}

/// Sends each receiver a message that says it is a trial, and calls the dead man's switch; its name, where it is, and
/// what came of it.
pub fn try_all(config: &AlertsConfig) -> Vec<(&'static str, String, Result<(), NotSent>)> {
    let message = Message(vec![Notification::trial(now_ms())]);
    let tried = of(config).into_iter();
    let tried = tried.map(|receiver| (receiver.name(), receiver.way.place(), receiver.way.send(&message)));
    let heartbeat = config.heartbeat.iter();
    let called = heartbeat.map(|one| (heartbeat::PART, one.url.to_string(), call(one)));
    tried.chain(called).collect()
}

/// A delivery under way. However its thread ends, the one who waits hears of it.
struct UnderWay {
    events: Sender<Event>,
    delivered: Option<Delivered>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(delivered) = self.delivered.take() {
            // Who waited may have ended.
            let _ = self.events.send(Event::Delivered(delivered));
        }
    }
}

impl Receiver {
    pub(super) fn name(&self) -> &'static str {
        match *self.way {
            Way::Webhook(_) => "webhook",
            Way::Ntfy(_) => "ntfy",
            Way::Email(_) => "email",
        }
    }

    /// Whether a delivery is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether it can be told something now.
    pub(super) fn is_due(&self) -> bool {
        !self.busy && self.next.is_none_or(|next| Instant::now() >= next)
    }

    /// Begins to tell it, as the receiver of this number; how it ends is an event.
    pub(super) fn tell(&mut self, receiver: usize, message: Message, said: Said, events: Sender<Event>) {
        self.busy = true;
        let outcome = Err(NotSent::Failed("the thread of its delivery failed".to_owned()));
        let delivered = Delivered { receiver, said, title: message.title(), outcome };
        let mut under_way = UnderWay { events, delivered: Some(delivered) };
        let way = Arc::clone(&self.way);
        let work = move || {
            let outcome = way.send(&message);
            if let Some(delivered) = &mut under_way.delivered {
                delivered.outcome = outcome;
            }
        };
        // Where there is no thread, what it would have done is dropped, and that is an event as well.
        if let Err(error) = thread::Builder::new().name("delivery".into()).spawn(work) {
            tracing::error!("the system starts no thread for a delivery: {error}");
        }
    }

    /// Notes how its delivery ended; the error says where, why and when it is tried again.
    pub(super) fn told(&mut self, delivered: &Delivered) -> Result<(), String> {
        self.busy = false;
        let name = self.name();
        match &delivered.outcome {
            Ok(()) => {
                tracing::info!("{name}: {}", delivered.title);
                self.failures = 0;
                self.next = None;
                Ok(())
            }
            Err(error) => {
                let again = shown(self.failed());
                let place = self.way.place();
                tracing::warn!("cannot send alerts to the {name} at {place}: {error}; again in {again}");
                Err(format!("cannot send alerts to {place}: {error}"))
            }
        }
    }

    fn failed(&mut self) -> Duration {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(Instant::now() + wait);
        wait
    }
}

impl Way {
    fn place(&self) -> String {
        match self {
            Way::Webhook(webhook) => webhook.url.to_string(),
            Way::Ntfy(ntfy) => ntfy.url.to_string(),
            Way::Email(email) => format!("{}:{}", email.server, email.port),
        }
    }

    fn send(&self, message: &Message) -> Result<(), NotSent> {
        match self {
            Way::Webhook(webhook) => post::webhook(webhook, message),
            Way::Ntfy(ntfy) => post::ntfy(ntfy, message),
            Way::Email(email) => email::send(email, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_fails_is_asked_ever_more_rarely() {
        let text = "[alerts.webhook]\nurl = \"http://127.0.0.1:9/hush\"\n";
        let config: picollect_config::Config = picollect_settings::parse(text, "t").unwrap();
        let mut all = of(&config.alerts);
        let waits: Vec<u64> = (0..9).map(|_| all[0].failed().as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert!(!all[0].is_due());
        // Port 9 of this machine: nobody listens there.
        let error = all[0].way.send(&Message(vec![Notification::trial(0)])).unwrap_err().to_string();
        assert!(error.contains("cannot be reached") && !error.contains("hush"), "{error}");
    }
}
