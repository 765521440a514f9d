//! Power-monitor chips that a kernel driver owns.
//!
//! Reads below `sys/class/hwmon/hwmon*`, of each channel the best that is there
//! (<https://docs.kernel.org/hwmon/sysfs-interface.html>): `energyN_input`, a counter of microjoules; else
//! `powerN_input`, a gauge of microwatts; else the pair `inN_input` in mV and `currN_input` in mA. Only chips
//! that sit in a supply line count: a graphics card also has a `power1_input`, and it is not the node's.
//! What lies behind the shunt is taken to be the whole node.

use std::time::Duration;

use picollect_telemetry::{Boundary, Reading, Source};

use crate::meter::{MeterName, MeterValue, PowerMeter};
use picollect_board::attr::{Attr, AttrError, Root};

const CLASS: &str = "sys/class/hwmon";
/// Driver names of chips for supply lines (<https://docs.kernel.org/hwmon/ina2xx.html> and its neighbours).
const SUPPLY_CHIPS: [&str; 13] = [
    "ina209", "ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina238", "ina260", "ina3221",
    "ltc2945", "ltc2947", "sq52206",
];
/// The driver gives a new value after about this time in the chip's usual configuration.
const PERIOD: Duration = Duration::from_millis(100);

struct HwmonPower {
    meter: String,
    input: Input,
}

enum Input {
    Microjoules(Attr),
    Microwatts(Attr),
    Pair { millivolts: Attr, milliamps: Attr },
}

pub(super) fn discover(root: &Root) -> Vec<Box<dyn PowerMeter>> {
    let mut meters: Vec<Box<dyn PowerMeter>> = Vec::new();
    for chip in root.names(CLASS, "hwmon") {
        let name = root.text(&format!("{CLASS}/{chip}/name")).unwrap_or_default();
        if SUPPLY_CHIPS.contains(&name.as_str()) {
            meters.extend(inputs(root, &chip).map(|meter| Box::new(meter) as Box<dyn PowerMeter>));
        }
    }
    meters
}

/// The inputs of the best kind that the chip has; more than one kind would be the same power twice.
fn inputs(root: &Root, chip: &str) -> impl Iterator<Item = HwmonPower> {
    let directory = format!("{CLASS}/{chip}");
    let numbers = |kind: &str| -> Vec<String> {
        let files = root.names(&directory, kind);
        let number = |file: &String| Some(file.strip_prefix(kind)?.strip_suffix("_input")?.to_owned());
        files.iter().filter_map(number).collect()
    };
    let attr = |kind: &str, number: &str| root.attr(format!("{directory}/{kind}{number}_input"));
    let (energies, powers, volts) = (numbers("energy"), numbers("power"), numbers("in"));
    let found: Vec<(String, Input)> = if !energies.is_empty() {
        let input = |n: String| (format!("energy{n}"), Input::Microjoules(attr("energy", &n)));
        energies.into_iter().map(input).collect()
    } else if !powers.is_empty() {
        let input = |n: String| (format!("power{n}"), Input::Microwatts(attr("power", &n)));
        powers.into_iter().map(input).collect()
    } else {
        let paired = numbers("curr").into_iter().filter(|n| volts.contains(n));
        let input = |n: String| {
            (format!("in{n}"), Input::Pair { millivolts: attr("in", &n), milliamps: attr("curr", &n) })
        };
        paired.map(input).collect()
    };
    let chip = chip.to_owned();
    found.into_iter().map(move |(channel, input)| HwmonPower { meter: format!("{chip}-{channel}"), input })
}

impl Input {
    fn read(&mut self) -> Result<MeterValue, AttrError> {
        Ok(match self {
            Self::Microjoules(attr) => {
                MeterValue::TotalJoules(attr.number::<u64>("microjoules")? as f64 / 1e6)
            }
            Self::Microwatts(attr) => MeterValue::Watts(f64::from(attr.number::<u32>("microwatts")?) / 1e6),
            Self::Pair { millivolts, milliamps } => {
                let volts = f64::from(millivolts.number::<i32>("millivolts")?) / 1e3;
                MeterValue::Watts(volts * f64::from(milliamps.number::<i32>("milliamperes")?) / 1e3)
            }
        })
    }
}

impl PowerMeter for HwmonPower {
    fn name(&self) -> MeterName {
        MeterName { meter: self.meter.clone(), source: Source::Measured, boundary: Boundary::Node }
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
        (now, self.input.read().map_err(|error| error.no_data()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::fixtures::{tree, write};
    use picollect_telemetry::NoData;

    #[test]
    fn a_supply_chip_is_a_meter_of_the_node_and_a_graphics_card_is_not() {
        let (dir, root) = tree(&[
            ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("sys/class/hwmon/hwmon1/name", "amdgpu\n"),
            ("sys/class/hwmon/hwmon1/power1_input", "9000000\n"),
            ("sys/class/hwmon/hwmon2/name", "ina219\n"),
            ("sys/class/hwmon/hwmon2/power1_input", "3120000\n"),
            ("sys/class/hwmon/hwmon2/in1_input", "5100\n"),
            ("sys/class/hwmon/hwmon2/curr1_input", "612\n"),
        ]);
        let mut meters = discover(&root);
        assert_eq!(meters.len(), 1);
        assert_eq!(meters[0].name().meter, "hwmon2-power1");
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(MeterValue::Watts(3.12)));
        write(dir.path(), "sys/class/hwmon/hwmon2/power1_input", "-1\n");
        assert_eq!(meters[0].read(Duration::ZERO).1, Err(NoData::Garbled));
    }

    #[test]
    fn a_chip_without_a_power_file_gives_the_product_of_each_pair() {
        let (dir, root) = tree(&[("sys/class/hwmon/hwmon3/name", "ina3221\n")]);
        for (file, text) in [
            ("in1_input", "5104"),
            ("curr1_input", "500"),
            ("in2_input", "5000"),
            ("in7_input", "40"),
            ("curr4_input", "500"),
        ] {
            write(dir.path(), &format!("sys/class/hwmon/hwmon3/{file}"), text);
        }
        let mut meters = discover(&root);
        assert_eq!(meters.len(), 1, "shunt voltages and sums have no partner");
        assert_eq!(meters[0].name().meter, "hwmon3-in1");
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(MeterValue::Watts(2.552)));
        write(dir.path(), "sys/class/hwmon/hwmon3/curr1_input", "");
        assert_eq!(meters[0].read(Duration::ZERO).1, Err(NoData::Garbled));
    }

    #[test]
    fn an_energy_counter_is_better_than_a_gauge() {
        let (_dir, root) = tree(&[
            ("sys/class/hwmon/hwmon1/name", "ina228\n"),
            ("sys/class/hwmon/hwmon1/energy1_input", "123456789\n"),
            ("sys/class/hwmon/hwmon1/power1_input", "3120000\n"),
        ]);
        let mut meters = discover(&root);
        assert_eq!(meters.len(), 1);
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(MeterValue::TotalJoules(123.456_789)));
    }
}
