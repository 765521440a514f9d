//! How busy the cores are.
//!
//! Reads `proc/stat`, lines `cpu` and `cpuN`: ticks in user, nice, system, idle, iowait, irq, softirq,
//! steal (proc_stat(5)); guest time is part of user. Idle and iowait are rest, all else is work; stolen
//! time was work somewhere else and counts as neither.
//!
//! A share needs two readings, so the first tick says nothing.

use picollect_telemetry::catalogue::{BUSY, CORES};

use super::{Sensor, Tick};
use crate::attr::{Attr, Root};

/// Cores beyond this are counted in `all` but have no series of their own.
const MAX_CORES: usize = 256;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Ticks {
    work: u64,
    rest: u64,
}

pub(super) struct CpuTime {
    stat: Attr,
    /// `cpu` first, then the cores by their number.
    before: Vec<Option<Ticks>>,
    names: Vec<String>,
}

impl CpuTime {
    pub(super) fn new(root: &Root) -> Self {
        Self { stat: root.attr("proc/stat"), before: Vec::new(), names: Vec::new() }
    }
}

impl Sensor for CpuTime {
    fn name(&self) -> &'static str {
        "processor time"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let text = match self.stat.read() {
            Ok(text) => text,
            Err(error) => return tick.no_data(&[("core", "all")], &BUSY, error.no_data()),
        };
        let mut cores = 0i64;
        let mut all = None;
        for (name, ticks) in text.lines().map_while(parse) {
            let slot = match name.parse::<usize>() {
                Ok(core) if core < MAX_CORES => core + 1,
                Ok(_) => continue,
                Err(_) => 0,
            };
            while self.before.len() <= slot {
                self.names.push(if self.names.is_empty() {
                    "all".into()
                } else {
                    (self.names.len() - 1).to_string()
                });
                self.before.push(None);
            }
            let busy = self.before[slot].replace(ticks).and_then(|before| share(before, ticks));
            match (slot, busy) {
                (0, busy) => all = busy,
                (_, Some(busy)) => tick.point(&[("core", &self.names[slot])], &[(&BUSY, busy.into())]),
                (_, None) => {}
            }
            cores += i64::from(slot > 0);
        }
        if cores == 0 {
            return tick.no_data(&[("core", "all")], &BUSY, picollect_telemetry::NoData::Garbled);
        }
        match all {
            Some(busy) => tick.point(&[("core", "all")], &[(&BUSY, busy.into()), (&CORES, cores.into())]),
            None => tick.point(&[("core", "all")], &[(&CORES, cores.into())]),
        }
    }
}

/// The core's number (empty for all cores together) and its ticks; `None` from the first other line on.
fn parse(line: &str) -> Option<(&str, Ticks)> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?.strip_prefix("cpu")?;
    let mut ticks = [0u64; 7];
    for slot in &mut ticks {
        *slot = words.next()?.parse().ok()?;
    }
    let [user, nice, system, idle, iowait, irq, softirq] = ticks;
    Some((name, Ticks { work: user + nice + system + irq + softirq, rest: idle + iowait }))
}

/// The kernel lets iowait and, when a core comes back, all counters go backwards: no share then.
fn share(before: Ticks, now: Ticks) -> Option<f64> {
    let work = now.work.checked_sub(before.work)?;
    let rest = now.rest.saturating_sub(before.rest);
    // A tick is a hundredth of a second: more digits than four would be noise on the wire.
    (work + rest > 0).then(|| (work as f64 / (work + rest) as f64 * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, tree, write};
    use super::*;

    #[test]
    fn shares_since_the_last_tick_by_core_and_of_all() {
        let stat = "cpu  100 0 100 800 0 0 0 9 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 9 0 0\nintr 5\n";
        let (dir, root) = tree(&[("proc/stat", stat)]);
        let mut sensor = CpuTime::new(&root);
        assert_eq!(lines(&mut sensor), ["cpu,core=all cores=2i"]);
        let later = "cpu  250 0 100 850 0 0 0 9 0 0\ncpu0 150 0 50 400 0 0 0 0 0 0\ncpu1 100 0 50 440 10 0 0 9 0 0\nintr 5\n";
        write(dir.path(), "proc/stat", later);
        assert_eq!(
            lines(&mut sensor),
            ["cpu,core=0 busy_ratio=1", "cpu,core=1 busy_ratio=0.5", "cpu,core=all busy_ratio=0.75,cores=2i"]
        );
    }

    #[test]
    fn counters_that_go_backwards_and_a_stopped_clock_give_no_share() {
        let (dir, root) = tree(&[("proc/stat", "cpu 9 0 0 9 0 0 0\ncpu0 9 0 0 9 0 0 0\n")]);
        let mut sensor = CpuTime::new(&root);
        lines(&mut sensor);
        assert_eq!(lines(&mut sensor), ["cpu,core=all cores=1i"]);
        write(dir.path(), "proc/stat", "cpu 1 0 0 9 0 0 0\ncpu0 1 0 0 9 0 0 0\n");
        assert_eq!(lines(&mut sensor), ["cpu,core=all cores=1i"]);
    }

    #[test]
    fn garbage_and_absence_are_said() {
        let (_dir, root) = tree(&[("proc/stat", "intr 5\n")]);
        assert_eq!(lines(&mut CpuTime::new(&root)), ["cpu,core=all no_data=3i"]);
        let (_dir, empty) = tree(&[]);
        assert_eq!(lines(&mut CpuTime::new(&empty)), ["cpu,core=all no_data=1i"]);
    }
}
