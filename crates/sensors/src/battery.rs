//! The batteries of uninterruptible supplies.
//!
//! Reads `sys/class/power_supply/*` (<https://docs.kernel.org/power/power_supply_class.html>): `capacity` in %,
//! else `charge_now` and `charge_full` in µAh or `energy_now` and `energy_full` in µWh; `status` and, where there
//! is one, `power_now` in µW. A battery whose `scope` is `Device` feeds a mouse, and one that is not `present`
//! is an empty bay.
//!
//! Invariant: `health` is never read. On the PoE HAT reading it clears the over-current flag.

use std::ops::RangeInclusive;

use picollect_board::bounds;
use picollect_telemetry::catalogue::{BATTERY_WATTS, CHARGE, DISCHARGING};
use picollect_telemetry::{NoData, Reading};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const CLASS: &str = "sys/class/power_supply";
const A_LITTLE_MORE_THAN_FULL: RangeInclusive<f64> = 0.0..=1.1;

pub(super) struct Batteries(Vec<Battery>);

struct Battery {
    name: String,
    /// 0 is an empty bay; a driver without the file has no bay.
    present: Option<Attr>,
    charge: Option<Charge>,
    status: Attr,
    /// Where the driver has one.
    power_now: Option<Attr>,
}

/// From what the charge is known.
enum Charge {
    Percent(Attr),
    /// What is in it, and what is in it when it is full.
    Amounts {
        now: Attr,
        full: Attr,
    },
}

impl Batteries {
    pub(super) fn discover(root: &Root) -> Self {
        let names = root.names(CLASS, "").into_iter();
        let says = |name: &String, file: &str, word: &str| {
            root.text(&format!("{CLASS}/{name}/{file}")).is_some_and(|text| text == word)
        };
        let feeds_this = |name: &String| says(name, "type", "Battery") && !says(name, "scope", "Device");
        Self(names.filter(feeds_this).map(|name| Battery::new(root, name)).collect())
    }
}

impl Battery {
    fn new(root: &Root, name: String) -> Self {
        let directory = format!("{CLASS}/{name}");
        let files = root.names(&directory, "");
        let attr = |file: &str| root.attr(format!("{directory}/{file}"));
        let found = |file: &str| files.iter().any(|name| name == file).then(|| attr(file));
        let amounts = |kind: &str| {
            let (now, full) = (found(&format!("{kind}_now"))?, found(&format!("{kind}_full"))?);
            Some(Charge::Amounts { now, full })
        };
        let percent = found("capacity").map(Charge::Percent);
        Self {
            present: found("present"),
            charge: percent.or_else(|| amounts("charge")).or_else(|| amounts("energy")),
            status: attr("status"),
            power_now: found("power_now"),
            name,
        }
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let tags = [("battery", self.name.as_str())];
        if self.present.as_mut().is_some_and(|present| present.number::<u8>("0 or 1").is_ok_and(|is| is == 0))
        {
            return tick.no_data(&tags, &CHARGE, NoData::Absent);
        }
        match self.charge.as_mut().map_or(Err(NoData::Absent), Charge::ratio) {
            Ok(ratio) => tick.point(&tags, &[(&CHARGE, ratio.into())]),
            Err(why) => tick.no_data(&tags, &CHARGE, why),
        }
        if let Ok(status) = self.status.read() {
            let discharging = i64::from(status.trim() == "Discharging");
            tick.point(&tags, &[(&DISCHARGING, discharging.into())]);
        }
        // Some drivers say by its sign which way it flows, and they do not agree on which sign.
        let power =
            |attr: &mut Attr| attr.within("the power of a battery in µW", &bounds::WATTS, |uw| uw / 1e6);
        if let Some(Ok(watts)) = self.power_now.as_mut().map(power) {
            tick.point(&tags, &[(&BATTERY_WATTS, watts.abs().into())]);
        }
    }
}

impl Charge {
    /// A gauge that was never calibrated says a little more than full; that is full.
    fn ratio(&mut self) -> Reading<f64> {
        let wanted = "the charge of a battery";
        let ratio = match self {
            Self::Percent(percent) => {
                percent.within(wanted, &A_LITTLE_MORE_THAN_FULL, |percent| percent / 100.0)
            }
            Self::Amounts { now, full } => full
                .within(wanted, &(1.0..=f64::MAX), |amount| amount)
                .and_then(|full| now.within(wanted, &A_LITTLE_MORE_THAN_FULL, |amount| amount / full)),
        };
        let rounded = |ratio: f64| (ratio.min(1.0) * 1e4).round() / 1e4;
        ratio.map(rounded).map_err(|error| error.no_data())
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
        let [_, status, power] = want;
        assert_eq!(
            lines(&mut batteries),
            ["battery,battery=ups no_data=3i", status, power],
            "the rest is known"
        );
        write(dir.path(), "sys/class/power_supply/ups/capacity", "103\n");
        assert_eq!(lines(&mut batteries)[0], "battery,battery=ups charge_ratio=1");
    }

    #[test]
    fn a_mouse_is_no_ups_an_empty_bay_has_no_charge_and_amounts_do_in_place_of_a_percentage() {
        let (dir, root) = tree(&[
            ("sys/class/power_supply/hidpp_battery_0/type", "Battery\n"),
            ("sys/class/power_supply/hidpp_battery_0/scope", "Device\n"),
            ("sys/class/power_supply/hidpp_battery_0/capacity", "55\n"),
            ("sys/class/power_supply/bay/type", "Battery\n"),
            ("sys/class/power_supply/bay/present", "0\n"),
            ("sys/class/power_supply/bay/capacity", "0\n"),
            ("sys/class/power_supply/ups/type", "Battery\n"),
            ("sys/class/power_supply/ups/scope", "System\n"),
            ("sys/class/power_supply/ups/present", "1\n"),
            ("sys/class/power_supply/ups/energy_now", "15000000\n"),
            ("sys/class/power_supply/ups/energy_full", "20000000\n"),
            ("sys/class/power_supply/ups/status", "Charging\n"),
        ]);
        let mut batteries = Batteries::discover(&root);
        let ups = ["battery,battery=ups charge_ratio=0.75", "battery,battery=ups discharging=0i"];
        assert_eq!(lines(&mut batteries), [&["battery,battery=bay no_data=1i"], &ups[..]].concat());
        write(dir.path(), "sys/class/power_supply/ups/energy_full", "0\n");
        assert_eq!(lines(&mut batteries)[1], "battery,battery=ups no_data=3i");
    }
}
