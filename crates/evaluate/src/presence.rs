//! Whether a node is up, by how long it has been silent in its own intervals.

use std::fmt;

use serde::{Deserialize, Serialize};
/// Silent for longer than this many intervals: late.
const LATE_INTERVALS: f64 = 3.0;
/// Silent for longer than this many intervals: down.
const DOWN_INTERVALS: f64 = 10.0;

/// What is known of a node's presence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It speaks at its interval.
    Up,
    /// It has been silent for more than three intervals.
    Late,
    /// It has been silent for more than ten intervals.
    #[default]
    Down,
}

impl Presence {
    /// One word for tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state at `now_ms` of a node that was last heard at `heard_ms` and speaks every `interval_s`.
pub fn presence(heard_ms: i64, now_ms: i64, interval_s: f64) -> Presence {
    let silent = now_ms.saturating_sub(heard_ms) as f64 / 1000.0 / interval_s;
    if silent > DOWN_INTERVALS {
        Presence::Down
    } else if silent > LATE_INTERVALS {
        Presence::Late
    } else {
        Presence::Up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_in_the_nodes_own_intervals() {
        assert_eq!(presence(0, 3000, 1.0), Presence::Up);
        assert_eq!(presence(0, 3001, 1.0), Presence::Late);
        assert_eq!(presence(0, 10_001, 1.0), Presence::Down);
        assert_eq!(presence(0, 30_000, 10.0), Presence::Up);
        assert_eq!(presence(0, -500, 1.0), Presence::Up);
    }
}
