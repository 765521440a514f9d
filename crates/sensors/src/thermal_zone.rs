//! The kernel's thermal zones: `cpu-thermal` of a Pi is the processor's own thermometer.
//!
//! Reads `sys/class/thermal/thermal_zone*/temp`: signed millidegrees Celsius; and once `type`, which tells whose
//! temperature it is (<https://docs.kernel.org/driver-api/thermal/sysfs-api.html>). The kernel numbers zones in the order
//! in which their drivers load, so a zone is called by its type, and by its number only where it says none. Of several of
//! one type the second one is `acpitz-2`: that their order stays is likely, and the kernel tells nothing better.
//!
//! Where no zone is the processor's, its monitor chip is (`processor_chip.rs`).
//!
//! Invariant: every zone found gives exactly one point at each tick, under a name that no other has.

use picollect_telemetry::catalogue::TEMP;
use picollect_telemetry::thermometer::Thermometer;

use crate::processor_chip;
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
        let mut zones: Vec<Zone> = Vec::new();
        for directory in root.names(CLASS, "thermal_zone") {
            let kind = root.text(&format!("{CLASS}/{directory}/type")).filter(|kind| !kind.trim().is_empty());
            let of = Thermometer::of_zone(kind.as_deref().unwrap_or_default());
            let name = unlike(&zones, kind.as_deref().map_or(directory.as_str(), str::trim));
            zones.push(Zone { name, of, temp: root.attr(format!("{CLASS}/{directory}/temp")) });
        }
        // Where a zone is the processor's its chips would say the same again.
        if zones.iter().all(|zone| zone.of != Thermometer::Processor) {
            let chips = processor_chip::discover(root).into_iter();
            zones.extend(chips.map(|(name, temp)| Zone { name, of: Thermometer::Processor, temp }));
        }
        Self(zones)
    }
}

/// The name, with a number behind it if the zones before have it.
fn unlike(zones: &[Zone], name: &str) -> String {
    let taken = |name: &str| zones.iter().any(|zone| zone.name == name);
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    numbered.into_iter().find(|name| !taken(name)).unwrap_or_default()
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
        assert_eq!(said, ["thermal,zone=acpitz temp_c=16.8", "thermal,zone=k10temp temp_c=92.5"]);
        assert_eq!(status.temp_c, Some(92.5));
        let zone = ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
        let (said, _) = lines_and_status(&mut ThermalZones::discover(&tree(&[&amd[..], &[zone]].concat()).1));
        assert_eq!(said, ["thermal,zone=x86_pkg_temp temp_c=16.8"]);
    }

    #[test]
    fn a_zone_keeps_its_name_when_the_kernel_numbers_it_anew() {
        let zone = |number: u8, kind: &str| {
            let directory = format!("sys/class/thermal/thermal_zone{number}");
            [
                (format!("{directory}/type"), kind.to_owned()),
                (format!("{directory}/temp"), "48312".to_owned()),
            ]
        };
        let names = |zones: &[[(String, String); 2]]| {
            let files: Vec<_> =
                zones.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            let zones = ThermalZones::discover(&tree(&files).1);
            zones.0.into_iter().map(|zone| zone.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[zone(0, "cpu-thermal\n"), zone(1, "gpu\n")]), ["cpu-thermal", "gpu"]);
        assert_eq!(names(&[zone(0, "gpu\n"), zone(4, "cpu-thermal\n")]), ["gpu", "cpu-thermal"]);
        assert_eq!(
            names(&[zone(0, "acpitz"), zone(1, "acpitz"), zone(2, " \n"), zone(3, "acpitz")]),
            ["acpitz", "acpitz-2", "thermal_zone2", "acpitz-3"]
        );
    }

    #[test]
    fn a_board_without_zones_says_nothing() {
        let (_dir, root) = tree(&[]);
        assert!(lines(&mut ThermalZones::discover(&root)).is_empty());
    }
}
