//! How busy the cores are, and with what.
//!
//! Reads `proc/stat`, lines `cpu` and `cpuN`: ticks in user, nice, system, idle, iowait, irq, softirq,
//! steal (proc_stat(5)); guest time is part of user. Idle and iowait are rest, all else is work; stolen
//! time was work somewhere else and counts as neither. The shares of the modes are of all that time,
//! stolen time included, so that with idle time they make up one.
//!
//! A share needs two readings, so the first tick says nothing.

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{
    BUSY, CORES, CPU_IOWAIT, CPU_IRQ, CPU_STEAL, CPU_SYSTEM, CPU_USER, Metric,
};

use crate::left_out::LeftOut;
use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

/// Cores beyond this are counted in `all` but have no series of their own.
const MAX_CORES: usize = 256;

/// Ticks by mode, in the file's order.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ticks([u64; 8]);

impl Ticks {
    fn work(self) -> u64 {
        let [user, nice, system, _, _, irq, softirq, _] = self.0;
        user + nice + system + irq + softirq
    }

    fn rest(self) -> u64 {
        let [_, _, _, idle, iowait, ..] = self.0;
        idle + iowait
    }
}

pub(super) struct CpuTime {
    stat: Attr,
    /// `cpu` first, then the cores by their number.
    before: Vec<Option<Ticks>>,
    names: Vec<String>,
    left_out: LeftOut,
}

impl CpuTime {
    pub(super) fn new(root: &Root) -> Self {
        Self {
            stat: root.attr("proc/stat"),
            before: Vec::new(),
            names: Vec::new(),
            left_out: LeftOut::new("core"),
        }
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
        let (mut cores, mut left_out) = (0i64, 0);
        let mut all = None;
        for (name, ticks) in text.lines().map_while(parse) {
            let slot = match name.parse::<usize>() {
                Ok(core) if core < MAX_CORES => core + 1,
                Ok(_) => {
                    left_out += 1;
                    continue;
                }
                Err(_) => 0,
            };
            while self.before.len() <= slot {
                self.names.push(name_of(self.names.len()));
                self.before.push(None);
            }
            let before = self.before[slot].replace(ticks);
            let busy = before.and_then(|before| share(before, ticks));
            match (slot, busy) {
                (0, busy) => all = busy.zip(before.map(|before| modes(before, ticks))),
                (_, Some(busy)) => tick.point(&[("core", &self.names[slot])], &[(&BUSY, busy.into())]),
                (_, None) => {}
            }
            cores += i64::from(slot > 0);
        }
        self.left_out.say(left_out, tick);
        tick.status.busy = all.map(|(busy, _)| busy);
        tick.status.cores = (cores > 0).then_some(cores as f64);
        let tags = [("core", "all")];
        match all {
            _ if cores == 0 => tick.no_data(&tags, &BUSY, NoData::Garbled),
            None => tick.point(&tags, &[(&CORES, cores.into())]),
            Some((busy, modes)) => {
                let [user, system, iowait, irq, steal] = modes.map(|(metric, share)| (metric, share.into()));
                let (busy, cores) = ((&BUSY, busy.into()), (&CORES, cores.into()));
                tick.point(&tags, &[busy, cores, user, system, iowait, irq, steal]);
            }
        }
    }
}

fn name_of(slot: usize) -> String {
    slot.checked_sub(1).map_or_else(|| "all".into(), |core| core.to_string())
}

/// The core's number (empty for all cores together) and its ticks; `None` from the first other line on.
fn parse(line: &str) -> Option<(&str, Ticks)> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?.strip_prefix("cpu")?;
    let mut ticks = [0u64; 8];
    for slot in &mut ticks {
        *slot = words.next()?.parse().ok()?;
    }
    Some((name, Ticks(ticks)))
}

/// The kernel lets iowait and, when a core comes back, all counters go backwards: no share then.
fn share(before: Ticks, now: Ticks) -> Option<f64> {
    let work = now.work().checked_sub(before.work())?;
    let rest = now.rest().saturating_sub(before.rest());
    (work + rest > 0).then(|| rounded(work as f64 / (work + rest) as f64))
}

/// A tick is a hundredth of a second: more digits than four would be noise on the wire.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// The shares of the modes in all time since then, which is more than none.
fn modes(before: Ticks, now: Ticks) -> [(&'static Metric, f64); 5] {
    let mut since = [0; 8];
    for (mode, since) in since.iter_mut().enumerate() {
        *since = now.0[mode].saturating_sub(before.0[mode]);
    }
    let all: u64 = since.iter().sum();
    let share = |ticks: u64| rounded(ticks as f64 / all as f64);
    let [user, nice, system, _, iowait, irq, softirq, steal] = since;
    [
        (&CPU_USER, share(user + nice)),
        (&CPU_SYSTEM, share(system)),
        (&CPU_IOWAIT, share(iowait)),
        (&CPU_IRQ, share(irq + softirq)),
        (&CPU_STEAL, share(steal)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    const ALL: &str = "cpu,core=all busy_ratio=0.75,cores=2i,user_ratio=0.75,system_ratio=0,iowait_ratio=0,\
                       irq_ratio=0,steal_ratio=0";

    #[test]
    fn shares_since_the_last_tick_by_core_and_of_all() {
        let stat = "cpu  100 0 100 800 0 0 0 9 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 9 0 0\nintr 5\n";
        let (dir, root) = tree(&[("proc/stat", stat)]);
        let mut sensor = CpuTime::new(&root);
        assert_eq!(lines(&mut sensor), ["cpu,core=all cores=2i"]);
        let later = "cpu  250 0 100 850 0 0 0 9 0 0\ncpu0 150 0 50 400 0 0 0 0 0 0\ncpu1 100 0 50 440 10 0 0 9 0 0\nintr 5\n";
        write(dir.path(), "proc/stat", later);
        assert_eq!(lines(&mut sensor), ["cpu,core=0 busy_ratio=1", "cpu,core=1 busy_ratio=0.5", ALL]);
    }

    #[test]
    fn every_mode_has_its_share_of_all_time_and_stolen_time_is_not_work() {
        let (dir, root) = tree(&[("proc/stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n")]);
        let mut sensor = CpuTime::new(&root);
        lines(&mut sensor);
        write(dir.path(), "proc/stat", "cpu  10 5 20 25 10 3 2 25\ncpu0 10 5 20 25 10 3 2 25\n");
        assert_eq!(
            lines(&mut sensor)[1],
            "cpu,core=all busy_ratio=0.5333,cores=1i,user_ratio=0.15,system_ratio=0.2,iowait_ratio=0.1,\
             irq_ratio=0.05,steal_ratio=0.25"
        );
    }

    #[test]
    fn counters_that_go_backwards_and_a_stopped_clock_give_no_share() {
        let (dir, root) = tree(&[("proc/stat", "cpu 9 0 0 9 0 0 0 0\ncpu0 9 0 0 9 0 0 0 0\n")]);
        let mut sensor = CpuTime::new(&root);
        lines(&mut sensor);
        assert_eq!(lines(&mut sensor), ["cpu,core=all cores=1i"]);
        write(dir.path(), "proc/stat", "cpu 1 0 0 9 0 0 0 0\ncpu0 1 0 0 9 0 0 0 0\n");
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
