//! Since when the machine runs, and which boot this is.
//!
//! Reads `proc/uptime`: seconds since boot and idle seconds (proc_uptime(5)), and once
//! `proc/sys/kernel/random/boot_id`, a random number of each boot (random(4)). Only a digest of that
//! travels: it is shorter, and tells two boots apart as well.

use picollect_telemetry::catalogue::{BOOT_INFO, UPTIME};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};
use picollect_board::identity::digest;

pub(super) struct Uptime {
    uptime: Attr,
    boot: Option<String>,
}

impl Uptime {
    pub(super) fn new(root: &Root) -> Self {
        let boot = root.text("proc/sys/kernel/random/boot_id").map(|id| digest(&id));
        Self { uptime: root.attr("proc/uptime"), boot }
    }
}

impl Sensor for Uptime {
    fn name(&self) -> &'static str {
        "uptime"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        match self.uptime.parse("seconds since boot", parse) {
            Ok(seconds) => tick.point(&[], &[(&UPTIME, seconds.into())]),
            Err(error) => tick.no_data(&[], &UPTIME, error.no_data()),
        }
        if let Some(boot) = &self.boot {
            tick.point(&[("boot", boot)], &[(&BOOT_INFO, 1i64.into())]);
        }
    }
}

fn parse(text: &str) -> Option<f64> {
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    #[test]
    fn seconds_and_a_digest_of_the_boot() {
        let (dir, root) =
            tree(&[("proc/uptime", "4012.92 5105.12\n"), ("proc/sys/kernel/random/boot_id", "a\n")]);
        let mut sensor = Uptime::new(&root);
        assert_eq!(lines(&mut sensor), ["system uptime_s=4012.92", "boot,boot=af63dc4c8601ec8c info=1i"]);
        write(dir.path(), "proc/uptime", "-1 0\n");
        assert_eq!(lines(&mut sensor)[0], "system no_data=3i");
    }

    #[test]
    fn a_machine_that_says_neither() {
        let (_dir, root) = tree(&[]);
        assert_eq!(lines(&mut Uptime::new(&root)), ["system no_data=1i"]);
    }
}
