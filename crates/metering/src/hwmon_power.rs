//! Power-monitor chips that a kernel driver owns.
//!
//! Reads of each channel the best that is there (<https://docs.kernel.org/hwmon/sysfs-interface.html>):
//! `energyN_input`, a counter of microjoules; else `powerN_input`, a gauge of microwatts; else the pair
//! `inN_input` in mV and `currN_input` in mA. Only chips that sit in a supply line count: a graphics card also
//! has a `power1_input`, and it is not the node's.
//!
//! What lies behind the only channel of the only chip is taken to be the whole node, and so is a channel whose
//! label says that it is the board's input (`VDD_IN` of a Jetson). Of several others each is one rail, and
//! which of them feeds which is the configuration's to say.
//!
//! An ina3221 has more files than supplies: `in4` to `in7` are voltages across the shunts (its driver gives them
//! in µV), `curr4` is the sum of the currents (<https://docs.kernel.org/hwmon/ina3221.html>). Neither is a channel.

use std::ops::RangeInclusive;
use std::time::Duration;

use picollect_board::attr::{Attr, AttrError, Root};
use picollect_board::bounds;
use picollect_board::hwmon::{self, Chip};
use picollect_telemetry::{Boundary, Reading, Source};

use crate::meter::{MeterName, MeterValue, PowerMeter};

/// Beginnings of the names of chips for supply lines, each followed by a number: what the kernel's drivers
/// ina2xx, ina209, ina238, ina3221, isl28022, ltc2945, ltc2947, ltc4151, ltc4282 and pmbus' ina233 call them.
/// Families and not single names: each release of the kernel knows more of them.
const FAMILIES: [&str; 6] = ["ina", "isl28", "ltc294", "ltc415", "ltc428", "sq52"];
/// The chip beside them that its driver calls otherwise.
const SILERGY: &str = "sy24655";
/// The channels of an ina3221 that are supplies.
const INA3221_CHANNELS: [&str; 3] = ["1", "2", "3"];
/// What boards call their input: Jetsons, by their device trees.
const INPUT_LABELS: [&str; 7] = ["VDD_IN", "VIN", "VIN_SYS_5V0", "POM_5V_IN", "VDD_MUX", "5V_IN", "SYS_VIN"];
/// The driver gives a new value after about this time in the chip's usual configuration.
const PERIOD: Duration = Duration::from_millis(100);
/// What a gauge of power can show; its drivers count from zero.
const GAUGE_W: RangeInclusive<f64> = 0.0..=*bounds::WATTS.end();

struct HwmonPower {
    meter: String,
    boundary: Boundary,
    input: Input,
}

enum Input {
    Microjoules(Attr),
    Microwatts(Attr),
    Pair { millivolts: Attr, milliamps: Attr },
}

/// A channel as it was found.
struct Channel {
    chip: String,
    /// What the driver counts it as.
    number: String,
    is_input: bool,
    input: Input,
}

pub(super) fn discover(root: &Root) -> Vec<Box<dyn PowerMeter>> {
    let chips = hwmon::chips(root).into_iter().filter(|chip| is_supply_chip(&chip.name));
    let chips: Vec<Vec<Channel>> = chips.map(|chip| channels(root, &chip)).collect();
    let alone = chips.iter().map(Vec::len).sum::<usize>() == 1;
    let meters = chips.into_iter().flat_map(|channels| {
        let one = channels.len() == 1;
        channels.into_iter().map(move |channel| channel.into_meter(one, alone))
    });
    let meters: Vec<HwmonPower> = meters.collect();
    if meters.len() > 1 && meters.iter().all(|meter| meter.boundary == Boundary::Rail) {
        let names: Vec<_> = meters.iter().map(|meter| meter.meter.as_str()).collect();
        tracing::info!(
            "each of {} may be one rail; [sensors.boundary] says which of them measures the node",
            names.join(", ")
        );
    }
    meters.into_iter().map(|meter| Box::new(meter) as Box<dyn PowerMeter>).collect()
}

fn is_supply_chip(name: &str) -> bool {
    let numbered = |family: &str| {
        let number = name.strip_prefix(family);
        number.is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
    };
    name == SILERGY || FAMILIES.iter().any(|family| numbered(family))
}

/// The channels by the best kind of file that the chip has; more than one kind would be the same power twice.
fn channels(root: &Root, chip: &Chip) -> Vec<Channel> {
    let directory = &chip.directory;
    let numbers = |kind: &str| -> Vec<String> {
        let files = root.names(directory, kind);
        let number = |file: &String| Some(file.strip_prefix(kind)?.strip_suffix("_input")?.to_owned());
        files.iter().filter_map(number).collect()
    };
    let attr = |kind: &str, number: &str| root.attr(format!("{directory}/{kind}{number}_input"));
    let is_input = |number: &str| {
        let labels = ["in", "curr", "power", "energy"]
            .map(|kind| root.text(&format!("{directory}/{kind}{number}_label")));
        labels.iter().flatten().any(|label| INPUT_LABELS.contains(&label.trim().to_uppercase().as_str()))
    };
    let channel = |number: String, input: Input| Channel {
        chip: chip.key.clone(),
        is_input: is_input(&number),
        number,
        input,
    };
    let (energies, powers, volts) = (numbers("energy"), numbers("power"), numbers("in"));
    if !energies.is_empty() {
        energies.into_iter().map(|n| channel(n.clone(), Input::Microjoules(attr("energy", &n)))).collect()
    } else if !powers.is_empty() {
        powers.into_iter().map(|n| channel(n.clone(), Input::Microwatts(attr("power", &n)))).collect()
    } else {
        let is_supply = |n: &String| chip.name != "ina3221" || INA3221_CHANNELS.contains(&n.as_str());
        let paired = numbers("curr").into_iter().filter(|n| volts.contains(n) && is_supply(n));
        let pair = |n: &str| Input::Pair { millivolts: attr("in", n), milliamps: attr("curr", n) };
        paired.map(|n| channel(n.clone(), pair(&n))).collect()
    }
}

impl Channel {
    /// Named as a `[[meter]]` of the same chip would be.
    fn into_meter(self, only_one_of_its_chip: bool, only_one_of_the_board: bool) -> HwmonPower {
        let Self { chip, number, is_input, input } = self;
        let meter = if only_one_of_its_chip { chip } else { format!("{chip}-{number}") };
        let boundary = if is_input || only_one_of_the_board { Boundary::Node } else { Boundary::Rail };
        HwmonPower { meter, boundary, input }
    }
}

impl Input {
    fn read(&mut self) -> Result<MeterValue, AttrError> {
        Ok(match self {
            Self::Microjoules(attr) => {
                MeterValue::TotalJoules(attr.number::<u64>("microjoules")? as f64 / 1e6)
            }
            Self::Microwatts(attr) => {
                MeterValue::Watts(
                    attr.within("a power in µW that can be", &GAUGE_W, |microwatts| microwatts / 1e6)?,
                )
            }
            Self::Pair { millivolts, milliamps } => {
                let volts =
                    millivolts.within("a voltage in mV that can be", &bounds::VOLTS, |mv| mv / 1e3)?;
                let amps =
                    milliamps.within("a current in mA that can be", &bounds::AMPERES, |ma| ma / 1e3)?;
                MeterValue::Watts(volts * amps)
            }
        })
    }
}

impl PowerMeter for HwmonPower {
    fn name(&self) -> MeterName {
        MeterName { meter: self.meter.clone(), source: Source::Measured, boundary: self.boundary }
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

    fn names(root: &Root) -> Vec<(String, Boundary)> {
        discover(root).iter().map(|meter| (meter.name().meter, meter.name().boundary)).collect()
    }

    fn named(names: &[(&str, Boundary)]) -> Vec<(String, Boundary)> {
        names.iter().map(|(name, boundary)| ((*name).to_owned(), *boundary)).collect()
    }

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
        assert_eq!(names(&root), named(&[("ina219", Boundary::Node)]));
        let mut meters = discover(&root);
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(MeterValue::Watts(3.12)));
        for garbled in ["-1\n", "99999999999999\n"] {
            write(dir.path(), "sys/class/hwmon/hwmon2/power1_input", garbled);
            assert_eq!(meters[0].read(Duration::ZERO).1, Err(NoData::Garbled));
        }
    }

    /// An INA3221 as the kernel's driver has it, with shunt voltages and the sum of the currents.
    fn ina3221(label: &str) -> (tempfile::TempDir, Root) {
        let (dir, root) = tree(&[("sys/class/hwmon/hwmon3/name", "ina3221\n")]);
        let write =
            |file: &str, text: &str| write(dir.path(), &format!("sys/class/hwmon/hwmon3/{file}"), text);
        for (channel, milliamps) in [("1", "1000"), ("2", "400"), ("3", "200"), ("4", "1600")] {
            write(&format!("curr{channel}_input"), milliamps);
        }
        for (channel, millivolts) in
            [("1", "5104"), ("2", "5000"), ("3", "5000"), ("4", "5000"), ("7", "8000")]
        {
            write(&format!("in{channel}_input"), millivolts);
        }
        write("in1_label", label);
        (dir, root)
    }

    #[test]
    fn three_channels_are_rails_unless_a_label_says_which_is_the_boards_input() {
        let rails = |first| {
            named(&[("ina3221-1", first), ("ina3221-2", Boundary::Rail), ("ina3221-3", Boundary::Rail)])
        };
        let (dir, root) = ina3221("VDD_IN\n");
        assert_eq!(names(&root), rails(Boundary::Node), "shunt voltages and sums have no partner");
        let mut meters = discover(&root);
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(MeterValue::Watts(5.104)));
        write(dir.path(), "sys/class/hwmon/hwmon3/curr1_input", "");
        assert_eq!(meters[0].read(Duration::ZERO).1, Err(NoData::Garbled));
        assert_eq!(names(&ina3221("VDD_CPU\n").1), rails(Boundary::Rail));
    }

    #[test]
    fn of_two_chips_neither_is_the_node() {
        let (_dir, root) = tree(&[
            ("sys/class/hwmon/hwmon1/name", "ina219\n"),
            ("sys/class/hwmon/hwmon1/power1_input", "3120000\n"),
            ("sys/class/hwmon/hwmon4/name", "ina226\n"),
            ("sys/class/hwmon/hwmon4/power1_input", "800000\n"),
        ]);
        assert_eq!(names(&root), named(&[("ina219", Boundary::Rail), ("ina226", Boundary::Rail)]));
    }

    #[test]
    fn the_drivers_families_are_known_and_what_only_looks_alike_is_not() {
        for name in
            "ina209 ina219 ina226 ina228 ina231 ina233 ina234 ina237 ina238 ina260 ina3221 ina700 ina780 \
                     isl28022 ltc2945 ltc2947 ltc4151 sq52206 sy24655"
                .split_ascii_whitespace()
        {
            assert!(is_supply_chip(name), "{name}");
        }
        for name in ["amdgpu", "BAT0", "inaudible", "ina", "k10temp", "nvme", "ltc2990", ""] {
            assert!(!is_supply_chip(name), "{name}");
        }
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
