//! Why the board was reset the last time, where its firmware tells.
//!
//! Reads once `proc/device-tree/chosen/power/power_reset`, four bytes, the most significant first
//! (<https://www.raspberrypi.com/documentation/computers/configuration.html>, "Power supply warnings" and the device tree's
//! `chosen` node; firmwares of a Pi 4 and 5). Bit 0 is an over-voltage, bit 1 an under-voltage, bit 2 a temperature, bit 3
//! the pin that enables the supply, bit 4 a power-on.
//!
//! Invariant: 0 is what a firmware writes that does not know; it says nothing here.

use std::fs;

use picollect_telemetry::catalogue::{RESET_BITS, RESET_BROWN_OUT};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::Root;

const FILE: &str = "proc/device-tree/chosen/power/power_reset";
const UNDER_VOLTAGE: u32 = 1 << 1;

pub(super) struct ResetCause(Option<u32>);

impl ResetCause {
    /// It does not change before the next reset.
    pub(super) fn discover(root: &Root) -> Self {
        let bytes = fs::read(root.directory().join(FILE)).ok();
        let bits = bytes.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
        Self(bits.filter(|bits| *bits != 0))
    }
}

impl Sensor for ResetCause {
    fn name(&self) -> &'static str {
        "reset cause"
    }

    fn remedy(&self) -> &'static str {
        "this firmware does not tell: on a Pi 4 or 5, `sudo rpi-eeprom-update`"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        if let Some(bits) = self.0 {
            let brown_out = i64::from(bits & UNDER_VOLTAGE != 0);
            tick.point(&[], &[(&RESET_BITS, i64::from(bits).into()), (&RESET_BROWN_OUT, brown_out.into())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    fn said(bytes: &str) -> Vec<String> {
        lines(&mut ResetCause::discover(&tree(&[(FILE, bytes)]).1))
    }

    #[test]
    fn an_under_voltage_is_told_from_other_causes() {
        assert_eq!(said("\0\0\0\u{2}"), ["reset bits=2i,brown_out=1i"]);
        assert_eq!(said("\0\0\0\u{12}"), ["reset bits=18i,brown_out=1i"]);
        assert_eq!(said("\0\0\0\u{10}"), ["reset bits=16i,brown_out=0i"]);
    }

    #[test]
    fn a_firmware_that_does_not_know_and_one_that_does_not_tell_say_nothing() {
        assert!(said("\0\0\0\0").is_empty());
        assert!(said("\u{2}").is_empty(), "another shape is another meaning");
        assert!(lines(&mut ResetCause::discover(&tree(&[]).1)).is_empty());
    }
}
