//! What the node runs on: kernel, firmware and the governor of the clock. A figure without them cannot be
//! repeated.
//!
//! Reads once `proc/sys/kernel/osrelease` (uname(2)'s release) and the revision of a Pi's firmware, at each
//! tick `scaling_governor` of the first policy in `sys/devices/system/cpu/cpufreq`
//! (<https://docs.kernel.org/admin-guide/pm/cpufreq.html>), which may be changed at any time. What is not
//! there is no tag.

use std::time::{Duration, UNIX_EPOCH};

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::SOFTWARE_INFO;

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};
use picollect_board::mailbox::{self, Mailbox, Vcio};

const CPUFREQ: &str = "sys/devices/system/cpu/cpufreq";

pub(super) struct Software {
    kernel: String,
    firmware: String,
    governor: Option<Attr>,
}

impl Software {
    pub(super) fn discover(root: &Root) -> Self {
        Self::new(root, &mut Vcio::new(root))
    }

    fn new(root: &Root, firmware: &mut dyn Mailbox) -> Self {
        let policy = root.names(CPUFREQ, "policy").into_iter().next();
        Self {
            kernel: root.text("proc/sys/kernel/osrelease").unwrap_or_default(),
            firmware: mailbox::firmware_revision(firmware).map(built).unwrap_or_default(),
            governor: policy.map(|policy| root.attr(format!("{CPUFREQ}/{policy}/scaling_governor"))),
        }
    }
}

/// A firmware's revision is the Unix time at which it was built; the kernel's log shows it as one too
/// (`drivers/firmware/raspberrypi.c`).
fn built(revision: u32) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(revision.into());
    humantime::format_rfc3339_seconds(time).to_string()
}

impl Sensor for Software {
    fn name(&self) -> &'static str {
        "software"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let governor = self.governor.as_mut().and_then(|governor| governor.read().ok()).unwrap_or_default();
        let tags = [
            ("firmware", self.firmware.as_str()),
            ("governor", governor.trim()),
            ("kernel", self.kernel.as_str()),
        ];
        if tags.iter().all(|(_, value)| value.is_empty()) {
            return tick.no_data(&[], &SOFTWARE_INFO, NoData::Absent);
        }
        tick.point(&tags, &[(&SOFTWARE_INFO, 1i64.into())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};
    use picollect_board::mailbox::double::{Failure, FakeFirmware};

    const GOVERNOR: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor";

    #[test]
    fn kernel_firmware_and_the_governor_of_the_moment() {
        let (dir, root) = tree(&[("proc/sys/kernel/osrelease", "6.12.47+rpt\n"), (GOVERNOR, "ondemand\n")]);
        let mut sensor = Software::new(&root, &mut FakeFirmware::pi4());
        let line = |governor: &str| {
            format!("software,firmware=2025-02-12T12:39:24Z,governor={governor},kernel=6.12.47+rpt info=1i")
        };
        assert_eq!(lines(&mut sensor), [line("ondemand")]);
        write(dir.path(), GOVERNOR, "performance\n");
        assert_eq!(lines(&mut sensor), [line("performance")]);
    }

    #[test]
    fn what_is_not_there_is_no_tag_and_nothing_at_all_is_absent() {
        let mut firmware = FakeFirmware::pi4();
        firmware.set(|state| state.failure = Some(Failure::Errno(2)));
        let (_dir, root) = tree(&[]);
        let mut sensor = Software::new(&root, &mut firmware);
        assert_eq!(lines(&mut sensor), ["software no_data=1i"]);
        sensor.kernel = "6.1.0".to_owned();
        let mut writer = picollect_telemetry::line::LineWriter::new(&[]);
        sensor.sample(&mut Tick::new(
            Duration::ZERO,
            picollect_board::clock::Clock::start().stamps(),
            &mut writer,
        ));
        let text = String::from_utf8(writer.take().0).unwrap();
        assert!(text.starts_with("software,kernel=6.1.0 info=1i "), "{text}");
    }
}
