//! What the bench says: lines of JSON with the event's name and the seconds since power-on.

use std::io::{self, Write as _};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Says that something has happened. `details` is an object. Nobody may be listening any more.
pub(crate) fn say(event: &str, details: &Value) {
    let mut line = json!({ "event": event, "up_s": seconds_since_power_on() });
    if let (Some(line), Some(details)) = (line.as_object_mut(), details.as_object()) {
        line.extend(details.clone());
    }
    // In one piece, so that two threads do not mix their lines.
    let _ = io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

fn seconds_since_power_on() -> f64 {
    let now = clock_gettime(ClockId::Boottime);
    let milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1_000_000;
    milliseconds as f64 / 1000.0
}
