//! Fans that the kernel knows.
//!
//! Reads `sys/class/hwmon/hwmon*/fan*_input`: revolutions per minute
//! (<https://docs.kernel.org/hwmon/sysfs-interface.html>). On a Pi 5 that is chip `pwmfan`, channel
//! `fan1`: fan `pwmfan-fan1` at each boot, whatever number the kernel gives the chip. A fan whose tachometer hangs on a pin is read in `gpio.rs`.

use picollect_telemetry::catalogue::FAN_RPM;

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};
use picollect_board::bounds;
use picollect_board::hwmon::{self, Chip};

pub(super) struct Fans(Vec<(String, Attr)>);

impl Fans {
    pub(super) fn discover(root: &Root) -> Self {
        let mut fans = Vec::new();
        for Chip { directory, key, .. } in hwmon::chips(root) {
            for file in root.names(&directory, "fan") {
                if let Some(channel) = file.strip_suffix("_input") {
                    fans.push((format!("{key}-{channel}"), root.attr(format!("{directory}/{file}"))));
                }
            }
        }
        Self(fans)
    }
}

impl Sensor for Fans {
    fn name(&self) -> &'static str {
        "fans"
    }

    fn remedy(&self) -> &'static str {
        "no fan with a tachometer: one on a pin is named by gpio.fan_tacho"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for (fan, attr) in &mut self.0 {
            let tags = [("fan", fan.as_str())];
            match attr.within("the speed of a fan in revolutions per minute", &bounds::RPM, |rpm| rpm) {
                Ok(rpm) => tick.point(&tags, &[(&FAN_RPM, rpm.into())]),
                Err(error) => tick.no_data(&tags, &FAN_RPM, error.no_data()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    #[test]
    fn every_fan_of_every_chip_running_standing_garbled_and_gone() {
        let (dir, root) = tree(&[
            ("sys/class/hwmon/hwmon1/name", "pwmfan\n"),
            ("sys/class/hwmon/hwmon1/fan1_input", "3120\n"),
            ("sys/class/hwmon/hwmon1/fan1_label", "cpu\n"),
            ("sys/class/hwmon/hwmon2/fan1_input", "0\n"),
            ("sys/class/hwmon/hwmon2/fan2_input", "-3\n"),
            ("sys/class/hwmon/hwmon2/fan3_input", "65535\n"),
            ("sys/class/hwmon/hwmon3/fan1_input", "9\n"),
        ]);
        let mut fans = Fans::discover(&root);
        std::fs::remove_dir_all(dir.path().join("sys/class/hwmon/hwmon3")).unwrap();
        assert_eq!(
            lines(&mut fans),
            [
                "fan,fan=pwmfan-fan1 rpm=3120",
                "fan,fan=hwmon2-fan1 rpm=0",
                "fan,fan=hwmon2-fan2 no_data=3i",
                "fan,fan=hwmon2-fan3 no_data=3i",
                "fan,fan=hwmon3-fan1 no_data=1i",
            ]
        );
    }

    #[test]
    fn a_board_without_a_fan_says_nothing() {
        let (_dir, root) = tree(&[("sys/class/hwmon/hwmon0/name", "cpu_thermal\n")]);
        assert!(lines(&mut Fans::discover(&root)).is_empty());
    }
}
