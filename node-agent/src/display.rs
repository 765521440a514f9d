//! The panel's frame from the last sample.

use picollect_lcd::pages::{NodeFacts, node};
use picollect_lcd::{Frame, Size};

use crate::sensors::Status;

/// The node page of this node. Whether its readings are taken, a single sample cannot tell.
pub fn frame(name: &str, simulated: bool, status: &Status, size: Size) -> Frame {
    let Status { temp_c, busy, clock_hz, watts, estimated, throttled, .. } = *status;
    let name = name.to_owned();
    let facts = NodeFacts {
        name,
        simulated,
        temp_c,
        watts,
        estimated,
        clock_hz,
        busy,
        throttled,
        ..NodeFacts::default()
    };
    node(&facts, size)
}
