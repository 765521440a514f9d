//! The throttle flags as metrics, wherever they were read: from the firmware, the kernel's chip or its file.

use picollect_board::mailbox::Throttled;
use picollect_telemetry::catalogue::{
    FREQ_CAPPED, FREQ_CAPPED_SINCE_BOOT, Metric, SOFT_LIMIT, SOFT_LIMIT_SINCE_BOOT, THROTTLED,
    THROTTLED_SINCE_BOOT, UNDER_VOLTAGE, UNDER_VOLTAGE_SINCE_BOOT,
};

use crate::status::Status;

/// Each flag: its bit, its metric, and the metric of its sticky twin. The first is the one that some
/// boards have no circuit for.
pub(crate) const FLAGS: [(u32, &Metric, &Metric); 4] = [
    (Throttled::UNDER_VOLTAGE, &UNDER_VOLTAGE, &UNDER_VOLTAGE_SINCE_BOOT),
    (Throttled::FREQ_CAPPED, &FREQ_CAPPED, &FREQ_CAPPED_SINCE_BOOT),
    (Throttled::THROTTLED, &THROTTLED, &THROTTLED_SINCE_BOOT),
    (Throttled::SOFT_LIMIT, &SOFT_LIMIT, &SOFT_LIMIT_SINCE_BOOT),
];

/// Puts the flags at these places of [`FLAGS`] into the tick's status.
pub(crate) fn note(status: &mut Status, flags: Throttled, known: std::ops::Range<usize>) {
    for (bit, _, _) in &FLAGS[known] {
        match *bit {
            Throttled::UNDER_VOLTAGE => status.under_voltage = Some(flags.now(*bit)),
            Throttled::THROTTLED => status.throttled = Some(flags.now(*bit)),
            _ => {}
        }
    }
}
