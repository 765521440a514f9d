//! Memory and swap.
//!
//! Reads `proc/meminfo`: `Name: N kB`, where kB are 1024 bytes (proc_meminfo(5)).

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{MEM_AVAILABLE, MEM_TOTAL, Metric, SWAP_FREE, SWAP_TOTAL};

use super::{Sensor, Tick};
use crate::attr::{Attr, Root};

const WANTED: [(&str, &Metric); 4] = [
    ("MemTotal", &MEM_TOTAL),
    ("MemAvailable", &MEM_AVAILABLE),
    ("SwapTotal", &SWAP_TOTAL),
    ("SwapFree", &SWAP_FREE),
];

pub(super) struct Memory(Attr);

impl Memory {
    pub(super) fn new(root: &Root) -> Self {
        Self(root.attr("proc/meminfo"))
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
        let text = match self.0.read() {
            Ok(text) => text,
            Err(error) => return tick.no_data(&[], &MEM_TOTAL, error.no_data()),
        };
        let found = WANTED.map(|(name, metric)| bytes(text, name).map(|bytes| (metric, bytes.into())));
        match found {
            [Some(total), Some(available), Some(swap), Some(free)] => {
                tick.point(&[], &[total, available, swap, free]);
            }
            _ => tick.no_data(&[], &MEM_TOTAL, NoData::Garbled),
        }
    }
}

fn bytes(text: &str, name: &str) -> Option<i64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, tree};
    use super::*;

    #[test]
    fn kilobytes_become_bytes_and_a_missing_line_is_garbled() {
        let text =
            "MemTotal:  3884 kB\nMemFree: 1 kB\nMemAvailable: 2000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        let (_dir, root) = tree(&[("proc/meminfo", text)]);
        assert_eq!(
            lines(&mut Memory::new(&root)),
            ["memory total_bytes=3977216i,available_bytes=2048000i,swap_total_bytes=0i,swap_free_bytes=0i"]
        );
        let (_dir, root) = tree(&[("proc/meminfo", "MemTotal: 3884 kB\n")]);
        assert_eq!(lines(&mut Memory::new(&root)), ["memory no_data=3i"]);
    }
}
