//! Alerts: what is wrong is said before somebody notices it.
//!
//! [`rules`] is the one table; Prometheus' rules and Grafana's are made from it too. `active` asks the store what of it is
//! so now, `episodes` remembers what was said of it to whom, `message` puts it into words, and `receivers` sends it: a
//! webhook, ntfy, e-mail. `watch` is the thread that does all this. `parts` counts what of this fails, and `heartbeat`
//! tells outsiders that the collector lives.
//!
//! Invariant: whether an alert fires is what the store says, so every collector on it says the same; kept is only what
//! has been sent.

pub mod episodes;
mod heartbeat;
pub mod message;
mod parts;
mod receivers;
mod watch;

pub use heartbeat::Beating;
pub use parts::Parts;
pub use receivers::{NotSent, try_all};
pub use watch::Watching;
