//! The log: standard error, `info` unless the environment variable `PICOLLECT_LOG` names another level.

use std::io::{self, IsTerminal as _};

use tracing::Level;

/// Starts logging; an unknown level is `info`.
pub fn start() {
    let level =
        std::env::var("PICOLLECT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    log.with_max_level(level).init();
}
