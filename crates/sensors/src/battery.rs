//! The batteries of uninterruptible supplies.
//!
//! Reads `sys/class/power_supply/*` (<https://docs.kernel.org/power/power_supply_class.html>): `capacity` in %,
//! `status` and, where there is one, `power_now` in µW.
//!
//! Invariant: `health` is never read. On the PoE HAT reading it clears the over-current flag.

use picollect_telemetry::catalogue::{BATTERY_WATTS, CHARGE, DISCHARGING};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const CLASS: &str = "sys/class/power_supply";

pub(super) struct Batteries(Vec<Battery>);

struct Battery {
    name: String,
    capacity: Attr,
    status: Attr,
    /// Where the driver has one.
    power_now: Option<Attr>,
}

impl Batteries {
    pub(super) fn discover(root: &Root) -> Self {
        let names = root.names(CLASS, "").into_iter();
        let is_battery =
            |name: &String| root.text(&format!("{CLASS}/{name}/type")).is_some_and(|of| of == "Battery");
        Self(names.filter(is_battery).map(|name| Battery::new(root, name)).collect())
    }
}

impl Battery {
    fn new(root: &Root, name: String) -> Self {
        let directory = format!("{CLASS}/{name}");
        let attr = |file: &str| root.attr(format!("{directory}/{file}"));
        let power_now = root.names(&directory, "power_now").pop().map(|file| attr(&file));
        Self { capacity: attr("capacity"), status: attr("status"), power_now, name }
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let tags = [("battery", self.name.as_str())];
        let charge = self
            .capacity
            .parse("a percentage", |text| text.trim().parse::<u8>().ok().filter(|percent| *percent <= 100));
        match charge {
            Ok(percent) => tick.point(&tags, &[(&CHARGE, (f64::from(percent) / 100.0).into())]),
            Err(error) => return tick.no_data(&tags, &CHARGE, error.no_data()),
        }
        if let Ok(status) = self.status.read() {
            let discharging = i64::from(status.trim() == "Discharging");
            tick.point(&tags, &[(&DISCHARGING, discharging.into())]);
        }
        // Some drivers say by its sign which way it flows, and they do not agree on which sign.
        if let Some(Ok(microwatts)) = self.power_now.as_mut().map(|attr| attr.number::<i64>("microwatts")) {
            tick.point(&tags, &[(&BATTERY_WATTS, (microwatts.unsigned_abs() as f64 / 1e6).into())]);
        }
    }
}

impl Sensor for Batteries {
    fn name(&self) -> &'static str {
        "batteries"
    }

    fn remedy(&self) -> &'static str {
        "load the driver of the uninterruptible supply, so that it shows up in /sys/class/power_supply"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for battery in &mut self.0 {
            battery.sample(tick);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    #[test]
    fn a_battery_says_its_charge_and_what_it_does() {
        let (dir, root) = tree(&[
            ("sys/class/power_supply/AC/type", "Mains\n"),
            ("sys/class/power_supply/ups/type", "Battery\n"),
            ("sys/class/power_supply/ups/capacity", "87\n"),
            ("sys/class/power_supply/ups/status", "Discharging\n"),
            ("sys/class/power_supply/ups/power_now", "-6400000\n"),
        ]);
        let mut batteries = Batteries::discover(&root);
        let want = [
            "battery,battery=ups charge_ratio=0.87",
            "battery,battery=ups discharging=1i",
            "battery,battery=ups watts=6.4",
        ];
        assert_eq!(lines(&mut batteries), want);
        write(dir.path(), "sys/class/power_supply/ups/capacity", "255\n");
        assert_eq!(lines(&mut batteries), ["battery,battery=ups no_data=3i"]);
    }
}
