//! Power-monitor chips that a kernel driver owns.
//!
//! Reads `sys/class/hwmon/hwmon*/power*_input`: microwatts, a gauge
//! (<https://docs.kernel.org/hwmon/sysfs-interface.html>). Only chips that sit in a supply line count: a
//! graphics card also has a `power1_input`, and it is not the node's. What lies behind the shunt is
//! taken to be the whole node.

use std::time::Duration;

use picollect_telemetry::{Boundary, Reading, Source};

use crate::attr::{Attr, Root};
use crate::metering::{MeterName, PowerMeter};

const CLASS: &str = "sys/class/hwmon";
/// Driver names of chips for supply lines (<https://docs.kernel.org/hwmon/ina2xx.html>).
const SUPPLY_CHIPS: [&str; 7] = ["ina209", "ina219", "ina220", "ina226", "ina230", "ina231", "ina260"];
/// The driver gives a new value after about this time in the chip's usual configuration.
const PERIOD: Duration = Duration::from_millis(100);

struct HwmonPower {
    meter: String,
    microwatts: Attr,
}

pub(super) fn discover(root: &Root) -> Vec<Box<dyn PowerMeter>> {
    let mut meters: Vec<Box<dyn PowerMeter>> = Vec::new();
    for chip in root.names(CLASS, "hwmon") {
        let directory = format!("{CLASS}/{chip}");
        let name = root.text(&format!("{directory}/name")).unwrap_or_default();
        if !SUPPLY_CHIPS.contains(&name.as_str()) {
            continue;
        }
        for input in root.names(&directory, "power").iter().filter(|file| file.ends_with("_input")) {
            let channel = input.trim_end_matches("_input");
            let microwatts = root.attr(format!("{directory}/{input}"));
            meters.push(Box::new(HwmonPower { meter: format!("{chip}-{channel}"), microwatts }));
        }
    }
    meters
}

impl PowerMeter for HwmonPower {
    fn name(&self) -> MeterName {
        MeterName { meter: self.meter.clone(), source: Source::Measured, boundary: Boundary::Node }
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<f64>) {
        let watts = self.microwatts.number::<u32>("microwatts").map(|microwatts| f64::from(microwatts) / 1e6);
        (now, watts.map_err(|error| error.no_data()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{tree, write};
    use super::*;
    use picollect_telemetry::NoData;

    #[test]
    fn a_supply_chip_is_a_meter_of_the_node_and_a_graphics_card_is_not() {
        let (dir, root) = tree(&[
            ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("sys/class/hwmon/hwmon1/name", "amdgpu\n"),
            ("sys/class/hwmon/hwmon1/power1_input", "9000000\n"),
            ("sys/class/hwmon/hwmon2/name", "ina219\n"),
            ("sys/class/hwmon/hwmon2/power1_input", "3120000\n"),
        ]);
        let mut meters = discover(&root);
        assert_eq!(meters.len(), 1);
        assert_eq!(meters[0].name().meter, "hwmon2-power1");
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(3.12));
        write(dir.path(), "sys/class/hwmon/hwmon2/power1_input", "-1\n");
        assert_eq!(meters[0].read(Duration::ZERO).1, Err(NoData::Garbled));
    }
}
