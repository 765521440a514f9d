//! Who is told, and how it gets there.
//!
//! Invariants: a delivery is bounded in time; no secret and no address that may hold one stands in an error.

mod email;
mod post;

use std::time::{Duration, Instant};

use super::message::{Message, Notification};
use picollect_config::AlertsConfig;
use picollect_settings::time::now_ms;

/// Time for one delivery, from the look-up of the name on; of an e-mail for each step.
const TIMEOUT: Duration = Duration::from_secs(10);
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
    way: Way,
    failures: u32,
    /// The next try, after a failure; `None` while it takes what it is sent.
    next: Option<Instant>,
}

/// All that are configured.
pub(super) fn of(config: &AlertsConfig) -> Vec<Receiver> {
    let webhook = config.webhook.clone().map(Way::Webhook);
    let ntfy = config.ntfy.clone().map(Way::Ntfy);
    let email = config.email.clone().map(Way::Email);
    let ways = webhook.into_iter().chain(ntfy).chain(email);
    ways.map(|way| Receiver { way, failures: 0, next: None }).collect()
}

/// Sends each receiver a message that says it is a trial; its name, where it is, and what came of it.
pub fn try_all(config: &AlertsConfig) -> Vec<(&'static str, String, Result<(), NotSent>)> {
    let message = Message(vec![Notification::trial(now_ms())]);
    let tried = of(config).into_iter();
    tried.map(|receiver| (receiver.name(), receiver.place(), receiver.send(&message))).collect()
}

impl Receiver {
    pub(super) fn name(&self) -> &'static str {
        match self.way {
            Way::Webhook(_) => "webhook",
            Way::Ntfy(_) => "ntfy",
            Way::Email(_) => "email",
        }
    }

    fn place(&self) -> String {
        match &self.way {
            Way::Webhook(webhook) => webhook.url.to_string(),
            Way::Ntfy(ntfy) => ntfy.url.to_string(),
            Way::Email(email) => format!("{}:{}", email.server, email.port),
        }
    }

    fn send(&self, message: &Message) -> Result<(), NotSent> {
        match &self.way {
            Way::Webhook(webhook) => post::webhook(webhook, message),
            Way::Ntfy(ntfy) => post::ntfy(ntfy, message),
            Way::Email(email) => email::send(email, message),
        }
    }

    /// Whether it is time to try.
    pub(super) fn is_due(&self) -> bool {
        self.next.is_none_or(|next| Instant::now() >= next)
    }

    /// Tells it; says whether it took the message. A failure is logged, and the next try is later.
    pub(super) fn tell(&mut self, message: &Message) -> bool {
        let (name, place) = (self.name(), self.place());
        match self.send(message) {
            Ok(()) => {
                tracing::info!("{name}: {}", message.title());
                self.failures = 0;
                self.next = None;
                true
            }
            Err(error) => {
                let wait = self.failed();
                let again = humantime::format_duration(wait);
                tracing::warn!("cannot send alerts to the {name} at {place}: {error}; again in {again}");
                false
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
        let error = all[0].send(&Message(vec![Notification::trial(0)])).unwrap_err().to_string();
        assert!(error.contains("cannot be reached") && !error.contains("hush"), "{error}");
    }
}
