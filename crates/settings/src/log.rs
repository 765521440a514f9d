//! The log: standard error, `info` unless the environment variable `PICOLLECT_LOG` names another level.

use std::io;

use tracing::Level;

/// Starts logging; an unknown level is `info`.
pub fn start() {
    let level =
        std::env::var("PICOLLECT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    // A log that nobody reads any more is no reason to panic, which complaining about it would be.
    let log = tracing_subscriber::fmt().with_writer(io::stderr).log_internal_errors(false);
    log.with_max_level(level).init();
}
