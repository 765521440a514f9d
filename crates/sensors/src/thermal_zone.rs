//! The kernel's thermal zones; zone 0 of a Pi is the processor's own thermometer.
//!
//! Reads `sys/class/thermal/thermal_zone*/temp`: signed millidegrees Celsius
//! (<https://docs.kernel.org/driver-api/thermal/sysfs-api.html>).
//!
//! Invariant: every zone found gives exactly one point at each tick.

use picollect_telemetry::catalogue::TEMP;

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const CLASS: &str = "sys/class/thermal";

pub(super) struct ThermalZones(Vec<(String, Attr)>);

impl ThermalZones {
    pub(super) fn discover(root: &Root) -> Self {
        let zones = root.names(CLASS, "thermal_zone").into_iter();
        Self(zones.map(|zone| (zone.clone(), root.attr(format!("{CLASS}/{zone}/temp")))).collect())
    }
}

impl Sensor for ThermalZones {
    fn name(&self) -> &'static str {
        "thermal zones"
    }

    fn remedy(&self) -> &'static str {
        "the kernel knows no thermometer here; on a Pi: update the kernel"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for (zone, attr) in &mut self.0 {
            let tags = [("zone", zone.as_str())];
            match attr.celsius() {
                Ok(temp_c) => {
                    tick.status.temp_c.get_or_insert(temp_c);
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
    fn a_board_without_zones_says_nothing() {
        let (_dir, root) = tree(&[]);
        assert!(lines(&mut ThermalZones::discover(&root)).is_empty());
    }
}
