//! Memory and swap, and what the kernel did when there was none left.
//!
//! Reads `proc/meminfo`: `Name: N kB`, where kB are 1024 bytes (proc_meminfo(5)), and the line `oom_kill`
//! of `proc/vmstat`, a counter since boot that kernels before 4.13 do not have; it is left out then, as is the
//! available memory before 3.14.

use picollect_telemetry::catalogue::{MEM_AVAILABLE, MEM_TOTAL, Metric, OOM_KILLS, SWAP_FREE, SWAP_TOTAL};
use picollect_telemetry::{NoData, Value};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const WANTED: [(&str, &Metric); 4] = [
    ("MemTotal", &MEM_TOTAL),
    ("MemAvailable", &MEM_AVAILABLE),
    ("SwapTotal", &SWAP_TOTAL),
    ("SwapFree", &SWAP_FREE),
];

pub(super) struct Memory {
    meminfo: Attr,
    vmstat: Attr,
}

impl Memory {
    pub(super) fn new(root: &Root) -> Self {
        Self { meminfo: root.attr("proc/meminfo"), vmstat: root.attr("proc/vmstat") }
    }
}

impl Sensor for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let text = match self.meminfo.read() {
            Ok(text) => text,
            Err(error) => return tick.no_data(&[], &MEM_TOTAL, error.no_data()),
        };
        let found = WANTED.map(|(name, metric)| (metric, bytes(text, name)));
        if found.iter().any(|(_, bytes)| bytes.is_some()) {
            // What is no number is left out.
            let number = |bytes: Option<i64>| bytes.map_or(f64::NAN.into(), Value::from);
            tick.point(&[], &found.map(|(metric, bytes)| (metric, number(bytes))));
        } else {
            tick.no_data(&[], &MEM_TOTAL, NoData::Garbled);
        }
        if let Ok(kills) = self.vmstat.parse("a line `oom_kill`", oom_kills) {
            tick.point(&[], &[(&OOM_KILLS, kills.into())]);
        }
    }
}

fn oom_kills(text: &str) -> Option<i64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

fn bytes(text: &str, name: &str) -> Option<i64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    #[test]
    fn kilobytes_become_bytes_kills_are_counted_and_no_line_at_all_is_garbled() {
        let text =
            "MemTotal:  3884 kB\nMemFree: 1 kB\nMemAvailable: 2000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        let (_dir, root) = tree(&[("proc/meminfo", text)]);
        assert_eq!(
            lines(&mut Memory::new(&root)),
            ["memory total_bytes=3977216i,available_bytes=2048000i,swap_total_bytes=0i,swap_free_bytes=0i"]
        );
        let vmstat = "nr_free_pages 7\noom_kill 2\nzswpin 0\n";
        let (_dir, root) = tree(&[("proc/meminfo", text), ("proc/vmstat", vmstat)]);
        assert_eq!(lines(&mut Memory::new(&root))[1], "memory oom_kills=2i");
        let (_dir, root) = tree(&[("proc/meminfo", "MemTotal: much\n")]);
        assert_eq!(lines(&mut Memory::new(&root)), ["memory no_data=3i"]);
    }

    #[test]
    fn a_kernel_before_3_14_says_all_but_what_is_available() {
        let text = "MemTotal: 2048 kB\nMemFree: 1 kB\nSwapTotal: 4 kB\nSwapFree: 3 kB\n";
        let (_dir, root) = tree(&[("proc/meminfo", text), ("proc/vmstat", "oom_kill 1\n")]);
        let want = [
            "memory total_bytes=2097152i,swap_total_bytes=4096i,swap_free_bytes=3072i",
            "memory oom_kills=1i",
        ];
        assert_eq!(lines(&mut Memory::new(&root)), want);
    }
}
