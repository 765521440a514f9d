//! The load average and the run queue.
//!
//! Reads `proc/loadavg`: three averages and `runnable/all` tasks (proc_loadavg(5)). The agent itself
//! runs while it reads and is taken off the queue.

use picollect_telemetry::catalogue::{LOAD_1, LOAD_5, LOAD_15, RUNNABLE};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

pub(super) struct LoadAverage(Attr);

impl LoadAverage {
    pub(super) fn new(root: &Root) -> Self {
        Self(root.attr("proc/loadavg"))
    }
}

impl Sensor for LoadAverage {
    fn name(&self) -> &'static str {
        "load average"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        match self.0.parse("three averages and running/all tasks", parse) {
            Ok(([one, five, fifteen], runnable)) => tick.point(
                &[],
                &[
                    (&LOAD_1, one.into()),
                    (&LOAD_5, five.into()),
                    (&LOAD_15, fifteen.into()),
                    (&RUNNABLE, runnable.into()),
                ],
            ),
            Err(error) => tick.no_data(&[], &LOAD_1, error.no_data()),
        }
    }
}

fn parse(text: &str) -> Option<([f64; 3], i64)> {
    let mut words = text.split_ascii_whitespace();
    let mut average = || words.next()?.parse::<f64>().ok().filter(|load| load.is_finite());
    let averages = [average()?, average()?, average()?];
    let running: i64 = words.next()?.split_once('/')?.0.parse().ok()?;
    Some((averages, (running - 1).max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    fn said(text: &str) -> Vec<String> {
        let (_dir, root) = tree(&[("proc/loadavg", text)]);
        lines(&mut LoadAverage::new(&root))
    }

    #[test]
    fn averages_and_queue_and_what_is_garbled() {
        assert_eq!(said("0.20 1.50 0.01 3/77 2633\n"), ["load load1=0.2,load5=1.5,load15=0.01,runnable=2i"]);
        for garbled in ["", "0.2 1.5", "a b c 1/2 3", "0.2 1.5 0.0 12 3", "nan 1 1 1/2 3"] {
            assert_eq!(said(garbled), ["load no_data=3i"], "{garbled:?}");
        }
    }
}
