//! What the agent itself costs.
//!
//! Reads `proc/self/stat`, columns 14 and 15 (utime and stime, in clock ticks), and `proc/self/statm`,
//! column 2 (resident pages): proc_pid_stat(5), proc_pid_statm(5). The kernel scales both times to what
//! the scheduler measured, so that an agent which works for less than a tick at a time is counted too.
//!
//! Below a fixture's root there is no such process, and then nothing is said: its absence would stand
//! for the whole measurement `agent`.

use picollect_telemetry::catalogue::{AGENT_CPU, AGENT_RSS};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

pub(super) struct OwnProcess {
    /// `None` where there is no such process.
    files: Option<(Attr, Attr)>,
    ticks_per_s: u64,
    page_bytes: usize,
}

impl OwnProcess {
    pub(super) fn discover(root: &Root) -> Self {
        let (mut stat, statm) = (root.attr("proc/self/stat"), root.attr("proc/self/statm"));
        let files = stat.read().is_ok().then_some((stat, statm));
        let (ticks_per_s, page_bytes) = (rustix::param::clock_ticks_per_second(), rustix::param::page_size());
        Self { files, ticks_per_s, page_bytes }
    }
}

impl Sensor for OwnProcess {
    fn name(&self) -> &'static str {
        "the agent itself"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let Some((stat, statm)) = &mut self.files else { return };
        let ticks = stat.parse("a process' state", cpu_ticks);
        let pages = statm.parse("a process' pages", resident_pages);
        match (ticks, pages) {
            (Ok(ticks), Ok(pages)) => {
                let bytes = pages.saturating_mul(i64::try_from(self.page_bytes).unwrap_or(i64::MAX));
                let cpu_s = ticks as f64 / self.ticks_per_s as f64;
                tick.point(&[], &[(&AGENT_CPU, cpu_s.into()), (&AGENT_RSS, bytes.into())]);
            }
            (Err(error), _) | (_, Err(error)) => tick.no_data(&[], &AGENT_CPU, error.no_data()),
        }
    }
}

/// Time in the program and in the kernel. The name in brackets may hold blanks and brackets of its own.
fn cpu_ticks(text: &str) -> Option<u64> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut columns = after_name.split_ascii_whitespace();
    let user: u64 = columns.nth(11)?.parse().ok()?;
    let system: u64 = columns.next()?.parse().ok()?;
    user.checked_add(system)
}

fn resident_pages(text: &str) -> Option<i64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    const STAT: &str = "812 (pi) collect) S 1 812 812 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 4 0 99 1 2\n";

    #[test]
    fn seconds_and_bytes_whatever_the_process_is_called() {
        let (dir, root) = tree(&[("proc/self/stat", STAT), ("proc/self/statm", "700 480 300 1 0 90 0\n")]);
        let mut sensor = OwnProcess { ticks_per_s: 100, page_bytes: 4096, ..OwnProcess::discover(&root) };
        assert_eq!(lines(&mut sensor), ["agent cpu_s=2,rss_bytes=1966080i"]);
        write(dir.path(), "proc/self/statm", "700\n");
        assert_eq!(lines(&mut sensor), ["agent no_data=3i"]);
        write(dir.path(), "proc/self/stat", "812 (pi) S 1\n");
        assert_eq!(lines(&mut sensor), ["agent no_data=3i"]);
    }

    #[test]
    fn a_fixture_board_has_no_such_process() {
        let (_dir, root) = tree(&[]);
        assert!(lines(&mut OwnProcess::discover(&root)).is_empty());
    }

    #[test]
    fn this_process_costs_something() {
        let said = lines(&mut OwnProcess::discover(&Root::new("/")));
        assert!(said[0].starts_with("agent cpu_s="), "{said:?}");
        assert!(!said[0].ends_with("rss_bytes=0i"), "{said:?}");
    }
}
