//! The kernel's monitor chips and names for them that stay.
//!
//! Lists `sys/class/hwmon/hwmon*` (<https://docs.kernel.org/hwmon/sysfs-interface.html>). The kernel numbers the
//! chips in the order in which their drivers load, anew at each boot; what stays is the driver's `name` and the
//! `device` that it drives.
//!
//! Invariant: no two chips of a board have the same key, and a chip on an I2C bus has the same one at each boot.

use std::fs;

use crate::attr::Root;

const CLASS: &str = "sys/class/hwmon";

/// One chip as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// Its directory, from the root; good until the next boot.
    pub directory: String,
    /// What its driver calls it, such as `ina219`; empty if it does not.
    pub name: String,
    /// What it is called in series: name, bus and address for a chip on I2C (`ina219-1-40`); else the name
    /// alone, with its device where several have the name.
    pub key: String,
}

/// All chips, in the kernel's order.
///
/// ```
/// use picollect_board::{attr::Root, hwmon};
///
/// for chip in hwmon::chips(&Root::new("/")) {
///     println!("{} is in {}", chip.key, chip.directory);
/// }
/// ```
pub fn chips(root: &Root) -> Vec<Chip> {
    let numbered: Vec<_> = root.names(CLASS, "hwmon");
    let name = |number: &String| root.text(&format!("{CLASS}/{number}/name")).unwrap_or_default();
    let names: Vec<String> = numbered.iter().map(name).collect();
    let chip = |(number, name): (&String, &String)| {
        let alone = !name.is_empty() && names.iter().filter(|other| *other == name).count() == 1;
        let directory = format!("{CLASS}/{number}");
        let device = device(root, &directory);
        let key = match device.as_deref().map(|device| (i2c_place(device), device)) {
            Some((Some((bus, address)), _)) => format!("{name}-{bus}-{address:x}"),
            _ if alone => name.clone(),
            Some((None, device)) => format!("{name}-{device}"),
            None => format!("{name}-{number}"),
        };
        Chip { directory, name: name.clone(), key: key.trim_start_matches('-').to_owned() }
    };
    numbered.iter().zip(&names).map(chip).collect()
}

/// The name of the device that the chip's driver drives.
fn device(root: &Root, directory: &str) -> Option<String> {
    let link = fs::read_link(root.directory().join(directory).join("device")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// Bus and address of a device that the kernel calls `1-0040`.
fn i2c_place(device: &str) -> Option<(u8, u16)> {
    let (bus, address) = device.split_once('-')?;
    let address = Some(address).filter(|digits| digits.len() == 4)?;
    Some((bus.parse().ok()?, u16::from_str_radix(address, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::tree;
    use std::os::unix::fs::symlink;

    /// Chips in this order, each with its device if it has one.
    fn keys(chips_of_board: &[(&str, Option<&str>)]) -> Vec<String> {
        let (dir, root) = tree(&[]);
        for (number, (name, device)) in chips_of_board.iter().enumerate() {
            let directory = format!("{CLASS}/hwmon{number}");
            crate::fixtures::write(dir.path(), &format!("{directory}/name"), &format!("{name}\n"));
            if let Some(device) = device {
                symlink(format!("../../../{device}"), dir.path().join(directory).join("device")).unwrap();
            }
        }
        chips(&root).into_iter().map(|chip| chip.key).collect()
    }

    #[test]
    fn a_chip_keeps_its_key_when_the_kernel_numbers_it_anew() {
        let [fan, ina, other] =
            [("pwmfan", Some("cooling_fan")), ("ina219", Some("1-0040")), ("ina219", Some("1-0045"))];
        assert_eq!(keys(&[fan, ina, other]), ["pwmfan", "ina219-1-40", "ina219-1-45"]);
        assert_eq!(keys(&[other, fan, ina]), ["ina219-1-45", "pwmfan", "ina219-1-40"]);
        assert_eq!(keys(&[ina]), ["ina219-1-40"], "also when it is the only one");
    }

    #[test]
    fn chips_of_one_name_are_told_apart_by_their_device_or_else_by_their_number() {
        let nvme = [("nvme", Some("nvme0")), ("nvme", Some("nvme1"))];
        assert_eq!(keys(&nvme), ["nvme-nvme0", "nvme-nvme1"]);
        assert_eq!(keys(&[("ina219", None), ("ina219", None)]), ["ina219-hwmon0", "ina219-hwmon1"]);
        assert_eq!(keys(&[("ina219", None)]), ["ina219"]);
        assert_eq!(keys(&[("", None)]), ["hwmon0"]);
    }

    #[test]
    fn only_a_bus_with_a_four_digit_address_is_on_i2c() {
        assert_eq!(i2c_place("10-0041"), Some((10, 0x41)));
        for other in ["1-40", "cooling_fan", "spi0.0", "1-00zz", "usb-0040"] {
            assert_eq!(i2c_place(other), None, "{other}");
        }
    }
}
