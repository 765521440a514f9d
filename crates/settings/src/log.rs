//! The log: standard error, `info` unless the environment variable `PICOLLECT_LOG` names another level.

use std::io;

use tracing::Level;

/// Starts logging; an unknown level is `info`.
pub fn start() {
    let level =
        std::env::var("PICOLLECT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level).init();
}
