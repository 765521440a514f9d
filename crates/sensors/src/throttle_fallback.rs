//! Throttle flags where the firmware's mailbox is not there or may not be read.
//!
//! Reads, in this order:
//! - the hwmon chip `rpi_volt`, `in0_lcrit_alarm`: under-voltage only, polled by the kernel every 2 s
//!   (<https://docs.kernel.org/hwmon/raspberrypi-hwmon.html>);
//! - `sys/devices/platform/soc/soc:firmware/get_throttled`: the flags as a hexadecimal number without
//!   0x. It is deprecated, and the first read of it makes the kernel log a warning.
//!
//! Since the chip's driver exists (2018) the second file only repeats what that driver polled last.
//! Where the driver is there but not loaded nobody polls, the file stands still at what it was at boot, and
//! it is not used. The sticky bits mean "in the last 2 s" here, because each poll clears them for itself;
//! they are not published.

use picollect_telemetry::catalogue::{Metric, THROTTLED, UNDER_VOLTAGE};

use crate::throttle_flags::{Detector, FLAGS, note};
use crate::tick::Tick;
use picollect_board::attr::{Attr, Root};
use picollect_board::mailbox::Throttled;

const CLASS: &str = "sys/class/hwmon";
const CHIP: &str = "rpi_volt";
const FLAGS_FILE: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";
/// What the chip's driver drives; there whether the driver is loaded or not.
const CHIPS_DEVICE: &str = "sys/bus/platform/devices/raspberrypi-hwmon";

enum Source {
    Hwmon(Attr),
    Sysfs(Attr),
}

pub(super) struct ThrottleFallback {
    source: Option<Source>,
    detector: Detector,
}

impl ThrottleFallback {
    /// Finds what there is. A board that cannot see under-voltage has the chip all the same: it keeps the other
    /// file fresh, which says more.
    pub(super) fn discover(root: &Root, sees_under_voltage: bool) -> Self {
        let there = |path: &str| root.directory().join(path).exists();
        let mut chips = root.names(CLASS, "hwmon").into_iter();
        let chip = chips.find(|chip| root.text(&format!("{CLASS}/{chip}/name")).as_deref() == Some(CHIP));
        let fresh = chip.is_some() || !there(CHIPS_DEVICE);
        let source = match chip {
            Some(chip) if sees_under_voltage => {
                Some(Source::Hwmon(root.attr(format!("{CLASS}/{chip}/in0_lcrit_alarm"))))
            }
            _ if fresh && there(FLAGS_FILE) => Some(Source::Sysfs(root.attr(FLAGS_FILE))),
            Some(chip) => Some(Source::Hwmon(root.attr(format!("{CLASS}/{chip}/in0_lcrit_alarm")))),
            None => None,
        };
        Self { source, detector: Detector::new(sees_under_voltage) }
    }

    /// Says the flags that can be known, or why they cannot; `false` if there is nothing to read.
    pub(super) fn sample(&mut self, tick: &mut Tick<'_>) -> bool {
        // The chip has the first flag only.
        let (origin, metric, last, read): (_, &'static Metric, _, _) = match &mut self.source {
            None => return false,
            Some(Source::Hwmon(alarm)) => ("hwmon", &UNDER_VOLTAGE, 1, alarm.parse("0 or 1", alarm_bits)),
            Some(Source::Sysfs(file)) => {
                ("sysfs", &THROTTLED, FLAGS.len(), file.parse("flags in hexadecimal", flag_bits))
            }
        };
        let tags = [("origin", origin)];
        match read {
            Ok(flags) => {
                let known = self.detector.known(flags).start..last;
                if known.is_empty() {
                    return false;
                }
                note(&mut tick.status, flags, known.clone());
                let live = FLAGS.map(|(bit, live, _)| (live, i64::from(flags.now(bit)).into()));
                tick.point(&tags, &live[known]);
            }
            Err(error) => tick.no_data(&tags, metric, error.no_data()),
        }
        true
    }
}

fn alarm_bits(text: &str) -> Option<Throttled> {
    match text.trim_end() {
        "0" => Some(Throttled(0)),
        "1" => Some(Throttled(1 << Throttled::UNDER_VOLTAGE)),
        _ => None,
    }
}

fn flag_bits(text: &str) -> Option<Throttled> {
    let digits = text.trim_end();
    // `from_str_radix` would take a sign too.
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| u32::from_str_radix(digits, 16).ok())?.map(Throttled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::Firmware;
    use crate::fixtures::lines;
    use crate::tick::Sensor;
    use picollect_board::fixtures::{tree, write};

    const PI4: (&str, &str) = ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0");
    const ZERO_W: (&str, &str) = ("proc/device-tree/model", "Raspberry Pi Zero W Rev 1.1\0");
    const NAME: (&str, &str) = ("sys/class/hwmon/hwmon2/name", "rpi_volt\n");
    const ALARM: &str = "sys/class/hwmon/hwmon2/in0_lcrit_alarm";
    const DRIVABLE: (&str, &str) = ("sys/bus/platform/devices/raspberrypi-hwmon/modalias", "platform\n");

    /// What a board with these files and without a mailbox says.
    fn said(files: &[(&str, &str)]) -> Vec<String> {
        let (_dir, root) = tree(files);
        lines(&mut Firmware::discover(&root))
    }

    #[test]
    fn the_chip_comes_first_and_knows_under_voltage_only() {
        let files = [PI4, NAME, (ALARM, "1\n"), DRIVABLE, (FLAGS_FILE, "f000f\n")];
        assert_eq!(said(&files), ["throttle,origin=hwmon under_voltage=1i"]);
        assert_eq!(said(&[PI4, NAME, (ALARM, "0\n")]), ["throttle,origin=hwmon under_voltage=0i"]);
    }

    #[test]
    fn the_chips_alarm_garbled_and_gone_and_back() {
        let (dir, root) = tree(&[PI4, NAME, (ALARM, "yes\n")]);
        let sensor: &mut dyn Sensor = &mut Firmware::discover(&root);
        assert_eq!(lines(sensor), ["throttle,origin=hwmon no_data=3i"]);
        write(dir.path(), ALARM, "1\n");
        assert_eq!(lines(sensor), ["throttle,origin=hwmon under_voltage=1i"]);
        assert_eq!(said(&[PI4, NAME]), ["throttle,origin=hwmon no_data=1i"]);
    }

    #[test]
    fn an_old_kernels_file_has_all_flags_of_now() {
        let flags = |text| said(&[PI4, (FLAGS_FILE, text)]);
        let all = |under_voltage, capped, throttled, soft| {
            vec![format!(
                "throttle,origin=sysfs under_voltage={under_voltage}i,freq_capped={capped}i,\
                 throttled={throttled}i,soft_limit={soft}i"
            )]
        };
        assert_eq!(flags("0\n"), all(0, 0, 0, 0));
        assert_eq!(flags("50005\n"), all(1, 0, 1, 0));
        assert_eq!(flags("e000A\n"), all(0, 1, 0, 1));
        for garbled in ["", "0x5\n", "+5\n", "-1\n", "throttled\n", "123456789\n"] {
            assert_eq!(flags(garbled), ["throttle,origin=sysfs no_data=3i"], "{garbled:?}");
        }
    }

    #[test]
    fn a_file_that_nobody_keeps_fresh_is_not_believed() {
        assert_eq!(said(&[PI4, DRIVABLE, (FLAGS_FILE, "0\n")]), [""; 0]);
    }

    #[test]
    fn a_board_that_cannot_see_a_low_voltage_has_an_alarm_that_means_nothing_until_it_is_raised() {
        let chip = [ZERO_W, NAME, (ALARM, "0\n"), DRIVABLE];
        assert_eq!(said(&chip), [""; 0]);
        assert_eq!(
            said(&[ZERO_W, NAME, (ALARM, "1\n")]),
            ["throttle,origin=hwmon under_voltage=1i"],
            "a raised alarm came from a detector"
        );
        assert_eq!(
            said(&[&chip[..], &[(FLAGS_FILE, "2\n")]].concat()),
            ["throttle,origin=sysfs freq_capped=1i,throttled=0i,soft_limit=0i"]
        );
    }

    #[test]
    fn a_machine_with_neither_says_nothing() {
        assert_eq!(said(&[("sys/class/hwmon/hwmon0/name", "coretemp\n")]), [""; 0]);
    }
}
