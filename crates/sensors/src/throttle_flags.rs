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

/// Whether a clear under-voltage flag means that the voltage is good. Of a board without the circuit it means
/// nothing; but a flag that is set came from a detector (a CM5's power chip), so that from then on a clear
/// one means something too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detector(bool);

impl Detector {
    pub(crate) fn new(sees_under_voltage: bool) -> Self {
        Self(sees_under_voltage)
    }

    /// The places in [`FLAGS`] that are known, by all that was seen until now.
    pub(crate) fn known(&mut self, flags: Throttled) -> std::ops::Range<usize> {
        let bit = Throttled::UNDER_VOLTAGE;
        self.0 |= flags.now(bit) || flags.since_boot(bit);
        usize::from(!self.0)..FLAGS.len()
    }
}

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
