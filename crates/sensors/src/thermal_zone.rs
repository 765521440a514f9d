//! The kernel's thermal zones; zone 0 of a Pi is the processor's own thermometer.
//!
//! Reads `sys/class/thermal/thermal_zone*/temp`: signed millidegrees Celsius; and once `type`, which tells whose
//! temperature it is (<https://docs.kernel.org/driver-api/thermal/sysfs-api.html>).
//!
//! Where no zone is the processor's, its monitor chip is (`processor_chip.rs`).
//!
//! Invariant: every zone found gives exactly one point at each tick.

use picollect_telemetry::catalogue::TEMP;

use crate::processor_chip;
use crate::thermometer::Thermometer;
use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const CLASS: &str = "sys/class/thermal";

pub(super) struct ThermalZones(Vec<Zone>);

struct Zone {
    name: String,
    of: Thermometer,
    temp: Attr,
}

impl ThermalZones {
    pub(super) fn discover(root: &Root) -> Self {
        let zones = root.names(CLASS, "thermal_zone").into_iter();
        let zone = |name: String| {
            let (of, temp) = (thermometer(root, &name), root.attr(format!("{CLASS}/{name}/temp")));
            Zone { name, of, temp }
        };
        let mut zones: Vec<Zone> = zones.map(zone).collect();
        // Where a zone is the processor's its chips would say the same again.
        if zones.iter().all(|zone| zone.of != Thermometer::Processor) {
            let chips = processor_chip::discover(root).into_iter();
            zones.extend(chips.map(|(name, temp)| Zone { name, of: Thermometer::Processor, temp }));
        }
        Self(zones)
    }
}

fn thermometer(root: &Root, zone: &str) -> Thermometer {
    Thermometer::of_zone(root.text(&format!("{CLASS}/{zone}/type")).as_deref())
}

impl Sensor for ThermalZones {
    fn name(&self) -> &'static str {
        "thermal zones"
    }

    fn remedy(&self) -> &'static str {
        "the kernel knows no thermometer here; on a Pi: update the kernel"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for Zone { name, of, temp } in &mut self.0 {
            let tags = [("zone", name.as_str())];
            match temp.celsius() {
                Ok(temp_c) => {
                    tick.temperature(*of, temp_c);
                    tick.point(&tags, &[(&TEMP, temp_c.into())]);
                }
                Err(error) => tick.no_data(&tags, &TEMP, error.no_data()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{lines, lines_and_status};
    use picollect_board::fixtures::tree;

    #[test]
    fn below_zero_garbled_and_gone() {
        let (dir, root) = tree(&[
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/class/thermal/thermal_zone1/temp", "-4200\n"),
            ("sys/class/thermal/thermal_zone2/temp", "hot\n"),
            ("sys/class/thermal/thermal_zone10/temp", "1\n"),
            ("sys/class/thermal/cooling_device0/cur_state", "0\n"),
        ]);
        let mut zones = ThermalZones::discover(&root);
        std::fs::remove_dir_all(dir.path().join("sys/class/thermal/thermal_zone10")).unwrap();
        assert_eq!(
            lines(&mut zones),
            [
                "thermal,zone=thermal_zone0 temp_c=48.312",
                "thermal,zone=thermal_zone1 temp_c=-4.2",
                "thermal,zone=thermal_zone2 no_data=3i",
                "thermal,zone=thermal_zone10 no_data=1i",
            ]
        );
    }

    #[test]
    fn a_temperature_that_cannot_be_is_garbled_and_not_the_nodes() {
        let zone = "sys/class/thermal/thermal_zone0/temp";
        for text in ["-650788984\n", "-256000\n", "2147483647\n", "45\n", "99999999999999999999\n"] {
            let (_dir, root) = tree(&[(zone, text)]);
            let (said, status) = lines_and_status(&mut ThermalZones::discover(&root));
            assert_eq!(said, ["thermal,zone=thermal_zone0 no_data=3i"], "{text}");
            assert_eq!(status.temp_c, None);
        }
    }

    #[test]
    fn the_nodes_temperature_is_the_processors_and_of_several_the_hottest() {
        let zone = |number: u8, kind: &str, temp: &str| {
            let directory = format!("sys/class/thermal/thermal_zone{number}");
            [(format!("{directory}/type"), kind.to_owned()), (format!("{directory}/temp"), temp.to_owned())]
        };
        let temp_c = |zones: &[[(String, String); 2]]| {
            let files: Vec<_> =
                zones.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            lines_and_status(&mut ThermalZones::discover(&tree(&files).1)).1.temp_c
        };
        let (board, wifi) = (zone(0, "acpitz", "27800"), zone(3, "iwlwifi_1", "38000"));
        let (little, big) = (zone(1, "littlecore-thermal", "61000"), zone(2, "bigcore0-thermal", "72000"));
        assert_eq!(temp_c(&[board.clone(), little, big, wifi.clone()]), Some(72.0));
        assert_eq!(temp_c(&[board.clone(), zone(1, "center-thermal", "50000"), wifi.clone()]), Some(50.0));
        assert_eq!(temp_c(&[board, wifi]), Some(27.8), "better than nothing, where there is nothing better");
    }

    #[test]
    fn an_amds_chip_is_read_where_no_zone_is_the_processors() {
        let amd = [
            ("sys/class/hwmon/hwmon2/name", "k10temp\n"),
            ("sys/class/hwmon/hwmon2/temp1_input", "92500\n"),
            ("sys/class/hwmon/hwmon2/temp3_input", "80000\n"),
            ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
            ("sys/class/thermal/thermal_zone0/temp", "16800\n"),
        ];
        let (said, status) = lines_and_status(&mut ThermalZones::discover(&tree(&amd).1));
        assert_eq!(said, ["thermal,zone=thermal_zone0 temp_c=16.8", "thermal,zone=k10temp temp_c=92.5"]);
        assert_eq!(status.temp_c, Some(92.5));
        let zone = ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
        let (said, _) = lines_and_status(&mut ThermalZones::discover(&tree(&[&amd[..], &[zone]].concat()).1));
        assert_eq!(said, ["thermal,zone=thermal_zone0 temp_c=16.8"]);
    }

    #[test]
    fn a_board_without_zones_says_nothing() {
        let (_dir, root) = tree(&[]);
        assert!(lines(&mut ThermalZones::discover(&root)).is_empty());
    }
}
