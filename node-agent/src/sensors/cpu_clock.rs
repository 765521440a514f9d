//! The clock that the kernel asks for, and the highest it may ask for.
//!
//! Reads `sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq` and `cpuinfo_max_freq`, both in kHz
//! (<https://docs.kernel.org/admin-guide/pm/cpufreq.html>). The firmware of a Pi throttles without
//! telling the kernel: this is the requested clock, not the real one.

use picollect_telemetry::catalogue::{MAX_HZ, REQUESTED_HZ};

use super::{Sensor, Tick};
use crate::attr::{Attr, Root};

const CPUFREQ: &str = "sys/devices/system/cpu/cpufreq";

struct Policy {
    name: String,
    current: Attr,
    max: Attr,
}

pub(super) struct CpuClock(Vec<Policy>);

impl CpuClock {
    pub(super) fn discover(root: &Root) -> Self {
        let policies = root.names(CPUFREQ, "policy").into_iter();
        Self(
            policies
                .map(|name| Policy {
                    current: root.attr(format!("{CPUFREQ}/{name}/scaling_cur_freq")),
                    max: root.attr(format!("{CPUFREQ}/{name}/cpuinfo_max_freq")),
                    name,
                })
                .collect(),
        )
    }
}

impl Sensor for CpuClock {
    fn name(&self) -> &'static str {
        "requested clock"
    }

    fn remedy(&self) -> &'static str {
        "the kernel does not scale the clock here: load a cpufreq driver"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for Policy { name, current, max } in &mut self.0 {
            let tags = [("core", name.as_str())];
            let khz =
                |attr: &mut Attr| attr.number::<u32>("a clock in kHz").map(|khz| f64::from(khz) * 1000.0);
            match (khz(current), khz(max)) {
                (Ok(hz), Ok(max)) => tick.point(&tags, &[(&REQUESTED_HZ, hz.into()), (&MAX_HZ, max.into())]),
                (Ok(hz), Err(_)) => tick.point(&tags, &[(&REQUESTED_HZ, hz.into())]),
                (Err(error), _) => tick.no_data(&tags, &REQUESTED_HZ, error.no_data()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, tree};
    use super::*;

    #[test]
    fn requested_and_highest_clock_of_each_policy() {
        let (_dir, root) = tree(&[
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "600000\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "1500000\n"),
            ("sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq", "<unknown>\n"),
        ]);
        assert_eq!(
            lines(&mut CpuClock::discover(&root)),
            ["clock,core=policy0 requested_hz=600000000,max_hz=1500000000", "clock,core=policy4 no_data=3i"]
        );
    }
}
