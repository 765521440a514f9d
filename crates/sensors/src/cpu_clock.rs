//! The clock that the kernel asks for, the highest there is, and the limits that somebody set.
//!
//! Reads `scaling_cur_freq`, `cpuinfo_max_freq`, `scaling_min_freq` and `scaling_max_freq` of each
//! `sys/devices/system/cpu/cpufreq/policy*`, all in kHz
//! (<https://docs.kernel.org/admin-guide/pm/cpufreq.html>). The firmware of a Pi throttles without
//! telling the kernel: this is the requested clock, not the real one.

use picollect_telemetry::catalogue::{MAX_HZ, MAX_LIMIT_HZ, MIN_LIMIT_HZ, Metric, REQUESTED_HZ};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, AttrError, Root};
use picollect_board::bounds;

const CPUFREQ: &str = "sys/devices/system/cpu/cpufreq";

struct Policy {
    name: String,
    current: Attr,
    /// What else is known of it, and where it stands; each may be missing.
    others: [(&'static Metric, Attr); 3],
}

pub(super) struct CpuClock(Vec<Policy>);

impl CpuClock {
    pub(super) fn discover(root: &Root) -> Self {
        let policies = root.names(CPUFREQ, "policy").into_iter();
        Self(
            policies
                .map(|name| Policy {
                    current: root.attr(format!("{CPUFREQ}/{name}/scaling_cur_freq")),
                    others: [
                        (&MAX_HZ, root.attr(format!("{CPUFREQ}/{name}/cpuinfo_max_freq"))),
                        (&MIN_LIMIT_HZ, root.attr(format!("{CPUFREQ}/{name}/scaling_min_freq"))),
                        (&MAX_LIMIT_HZ, root.attr(format!("{CPUFREQ}/{name}/scaling_max_freq"))),
                    ],
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
        for Policy { name, current, others } in &mut self.0 {
            let tags = [("core", name.as_str())];
            let requested_hz = match hertz(current) {
                Ok(hz) => {
                    tick.status.clock_hz.get_or_insert(hz);
                    hz
                }
                Err(error) => {
                    tick.no_data(&tags, &REQUESTED_HZ, error.no_data());
                    f64::NAN
                }
            };
            // What is no number is left out.
            let [max, min_limit, max_limit] =
                others.each_mut().map(|(metric, attr)| (*metric, hertz(attr).unwrap_or(f64::NAN).into()));
            tick.point(&tags, &[(&REQUESTED_HZ, requested_hz.into()), max, min_limit, max_limit]);
        }
    }
}

fn hertz(attr: &mut Attr) -> Result<f64, AttrError> {
    attr.within("the clock of a processor in kHz", &bounds::CLOCK_HZ, |khz| khz * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    #[test]
    fn requested_and_highest_clock_and_the_limits_of_each_policy() {
        let (_dir, root) = tree(&[
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "600000\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "1500000\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq", "600000\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "1200000\n"),
            ("sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq", "<unknown>\n"),
            ("sys/devices/system/cpu/cpufreq/policy8/cpuinfo_max_freq", "2400000\n"),
        ]);
        assert_eq!(
            lines(&mut CpuClock::discover(&root)),
            [
                "clock,core=policy0 requested_hz=600000000,max_hz=1500000000,min_limit_hz=600000000,\
                 max_limit_hz=1200000000",
                "clock,core=policy4 no_data=3i",
                "clock,core=policy8 no_data=1i",
                "clock,core=policy8 max_hz=2400000000"
            ]
        );
    }
}
