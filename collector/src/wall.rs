//! Meters at the wall: plugs that the collector asks over the network ([`poll`]). Logs of meters that nobody can
//! ask are imported into series of the same kind (`crates/samples`).
//!
//! Their series are `power` with `boundary=wall`, `source=measured` and the meter's name, and **no `host`**:
//! a wall meter is no node, so whatever lists hosts does not list it.

pub mod device;
pub mod integrator;
pub mod json_path;
pub mod poll;
pub mod shelly_gen1;
pub mod shelly_gen2;
pub mod tasmota;

use picollect_telemetry::catalogue::CLUSTER;
use picollect_telemetry::{Boundary, Source};

/// The tags of a wall meter's series, sorted by key; `cluster` may be empty.
pub fn tags(meter: &str, cluster: &str) -> Vec<(String, String)> {
    let all = [
        ("boundary", Boundary::Wall.as_str()),
        (CLUSTER, cluster),
        ("meter", meter),
        ("source", Source::Measured.as_str()),
    ];
    let there = all.into_iter().filter(|(_, value)| !value.is_empty());
    there.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
