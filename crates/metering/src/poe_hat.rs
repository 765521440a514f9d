//! What the PoE HAT draws.
//!
//! Reads `current_now` in µA of `sys/class/power_supply/rpi-poe`
//! (<https://docs.kernel.org/power/power_supply_class.html>). No voltage is known, so its power is *estimated* at
//! a nominal 5 V. `online` is 0 where the board is fed otherwise; then nothing is measured, not zero.
//!
//! Invariant: `health` is never read. Reading it clears the over-current flag.

use std::ops::RangeInclusive;
use std::time::Duration;

use picollect_board::attr::{Attr, Root};
use picollect_telemetry::{Boundary, NoData, Reading, Source};

use crate::meter::{MeterName, MeterValue, PowerMeter};

const CLASS: &str = "sys/class/power_supply";
const POE_HAT: &str = "rpi-poe";
/// What the HAT makes of the 48 V on the cable.
const NOMINAL_VOLTS: f64 = 5.0;
/// A HAT gives 5 A at most.
const CURRENT_A: RangeInclusive<f64> = 0.0..=10.0;
/// The firmware measures about this often.
const PERIOD: Duration = Duration::from_millis(250);

struct PoeHat {
    microamps: Attr,
    /// 0 where the board is fed by another way, such as USB-C; a driver without the file does not say.
    online: Option<Attr>,
}

pub(super) fn discover(root: &Root) -> Option<Box<dyn PowerMeter>> {
    let is_there = root.names(CLASS, POE_HAT).iter().any(|name| name == POE_HAT);
    let microamps = root.attr(format!("{CLASS}/{POE_HAT}/current_now"));
    let has_online = root.names(&format!("{CLASS}/{POE_HAT}"), "online").iter().any(|file| file == "online");
    let online = has_online.then(|| root.attr(format!("{CLASS}/{POE_HAT}/online")));
    is_there.then(|| Box::new(PoeHat { microamps, online }) as Box<dyn PowerMeter>)
}

impl PowerMeter for PoeHat {
    fn name(&self) -> MeterName {
        MeterName { meter: POE_HAT.into(), source: Source::Estimated, boundary: Boundary::Node }
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
        let is_off = |online: &mut Attr| online.number::<u8>("0 or 1").is_ok_and(|online| online == 0);
        if self.online.as_mut().is_some_and(is_off) {
            return (now, Err(NoData::Absent));
        }
        let wanted = "the current of a PoE HAT in µA";
        let amps = self.microamps.within(wanted, &CURRENT_A, |microamps| microamps / 1e6);
        let watts = amps.map(|amps| MeterValue::Watts(amps * NOMINAL_VOLTS));
        (now, watts.map_err(|error| error.no_data()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::fixtures::{tree, write};

    #[test]
    fn the_poe_hats_power_is_estimated_at_five_volts() {
        let (dir, root) = tree(&[
            ("sys/class/power_supply/rpi-poe/type", "Mains\n"),
            ("sys/class/power_supply/rpi-poe/current_now", "820000\n"),
        ]);
        let mut meter = discover(&root).unwrap();
        assert_eq!((meter.name().source, meter.name().boundary), (Source::Estimated, Boundary::Node));
        assert_eq!(meter.read(Duration::ZERO).1, Ok(MeterValue::Watts(4.1)));
        write(dir.path(), "sys/class/power_supply/rpi-poe/current_now", "\n");
        assert_eq!(meter.read(Duration::ZERO).1, Err(NoData::Garbled));
    }

    #[test]
    fn a_hat_that_feeds_nobody_measures_nothing() {
        let (dir, root) = tree(&[
            ("sys/class/power_supply/rpi-poe/online", "0\n"),
            ("sys/class/power_supply/rpi-poe/current_now", "0\n"),
        ]);
        let mut meter = discover(&root).unwrap();
        assert_eq!(meter.read(Duration::ZERO).1, Err(NoData::Absent), "no zero watts");
        write(dir.path(), "sys/class/power_supply/rpi-poe/online", "1\n");
        assert_eq!(meter.read(Duration::ZERO).1, Ok(MeterValue::Watts(0.0)));
    }

    #[test]
    fn another_supply_is_no_poe_hat() {
        let (_dir, root) = tree(&[("sys/class/power_supply/AC/type", "Mains\n")]);
        assert!(discover(&root).is_none());
    }
}
