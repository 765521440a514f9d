//! For how long tasks waited for processors, memory and disks: pressure stall information.
//!
//! Reads `proc/pressure/{cpu,memory,io}`: a line `some` and a line `full`, each ending in `total=`, the
//! stalled time since boot in microseconds (<https://docs.kernel.org/accounting/psi.html>). That page
//! calls `full` undefined for the processors of a whole system, where the kernel prints zeros: it is
//! left out.
//!
//! A kernel without this feature has no such files, and then nothing is said.

use picollect_telemetry::catalogue::{PRESSURE_FULL, PRESSURE_SOME};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const DIRECTORY: &str = "proc/pressure";
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

pub(super) struct Pressure(Vec<(&'static str, Attr)>);

impl Pressure {
    pub(super) fn discover(root: &Root) -> Self {
        let there = root.names(DIRECTORY, "");
        let known = RESOURCES.into_iter().filter(|resource| there.iter().any(|name| name == resource));
        Self(known.map(|resource| (resource, root.attr(format!("{DIRECTORY}/{resource}")))).collect())
    }
}

impl Sensor for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn remedy(&self) -> &'static str {
        "the kernel does not account for stalls: add psi=1 to cmdline.txt"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for (resource, attr) in &mut self.0 {
            let tags = [("resource", *resource)];
            match attr.parse("lines `some` and `full` with a total", |text| parse(resource, text)) {
                Ok((some, full)) => {
                    let full = full.unwrap_or(f64::NAN);
                    tick.point(&tags, &[(&PRESSURE_SOME, some.into()), (&PRESSURE_FULL, full.into())]);
                }
                Err(error) => tick.no_data(&tags, &PRESSURE_SOME, error.no_data()),
            }
        }
    }
}

/// Seconds in which some and in which all tasks stalled.
fn parse(resource: &str, text: &str) -> Option<(f64, Option<f64>)> {
    let some = total(text, "some")?;
    if resource == "cpu" {
        return Some((some, None));
    }
    Some((some, Some(total(text, "full")?)))
}

fn total(text: &str, kind: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
    let microseconds: u64 = line.split_once(" total=")?.1.trim().parse().ok()?;
    Some(microseconds as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    const BOTH: &str = "some avg10=0.00 avg60=0.10 avg300=0.00 total=2500000\n\
                        full avg10=0.00 avg60=0.00 avg300=0.00 total=1000001\n";

    #[test]
    fn stalled_seconds_of_each_resource_and_no_full_of_the_processors() {
        let (dir, root) = tree(&[
            ("proc/pressure/cpu", BOTH),
            ("proc/pressure/io", BOTH),
            ("proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n"),
            ("proc/pressure/memory", "some total=\n"),
        ]);
        let mut sensor = Pressure::discover(&root);
        assert_eq!(
            lines(&mut sensor),
            [
                "pressure,resource=cpu some_s=2.5",
                "pressure,resource=memory no_data=3i",
                "pressure,resource=io some_s=2.5,full_s=1.000001",
            ]
        );
        std::fs::remove_dir_all(dir.path().join("proc")).unwrap();
        assert!(lines(&mut Pressure::discover(&root)).is_empty());
    }

    #[test]
    fn a_file_without_its_full_line_or_gone_before_it_was_read_is_said() {
        let (dir, root) = tree(&[("proc/pressure/io", "some total=1\n"), ("proc/pressure/memory", BOTH)]);
        let mut sensor = Pressure::discover(&root);
        std::fs::remove_file(dir.path().join("proc/pressure/memory")).unwrap();
        assert_eq!(
            lines(&mut sensor),
            ["pressure,resource=memory no_data=1i", "pressure,resource=io no_data=3i"]
        );
    }
}
