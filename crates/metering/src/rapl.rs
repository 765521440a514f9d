//! The energy counters of Intel's and AMD's processors (RAPL), summed over all packages.
//!
//! Reads `sys/class/powercap/intel-rapl:N/energy_uj`: microjoules, a counter that begins anew after
//! `max_energy_range_uj` (<https://docs.kernel.org/power/powercap/powercap.html>). The domains below a package
//! (`intel-rapl:N:M`) are parts of it, `psys` is the whole machine and none of the sum. Many kernels show
//! the counters to root only.
//!
//! A machine that runs takes energy. A counter that stands still, as in many virtual machines, counts nothing:
//! until it moves there is nothing new, and after [`STANDSTILL`] it has failed.

use std::time::Duration;

use picollect_telemetry::{Boundary, NoData, Reading, Source};

use crate::accuracy::Accuracy;
use crate::meter::{MeterName, MeterValue, PowerMeter};
use picollect_board::attr::{Attr, AttrError, Root};

const CLASS: &str = "sys/class/powercap";
const PREFIX: &str = "intel-rapl:";
/// How often the counters move (Intel's Software Developer's Manual, volume 3B, on the package's RAPL
/// domain: about once in a millisecond).
const UPDATES_PER_S: f64 = 1000.0;
/// More often than this only costs.
const PERIOD: Duration = Duration::from_millis(100);

/// Counters that have not moved for so long, about a thousand of their updates, count nothing.
const STANDSTILL: Duration = Duration::from_secs(3);

struct Rapl {
    packages: Vec<Package>,
    /// The sum in microjoules and when it was first seen.
    moved: Option<(Duration, u64)>,
}

/// One socket; all in microjoules.
struct Package {
    energy: Attr,
    /// The counter's greatest value.
    range: u64,
    last: Option<u64>,
    /// All that it counted since the first reading.
    total: u64,
}

pub(super) fn discover(root: &Root) -> Option<Box<dyn PowerMeter>> {
    let domains = root.names(CLASS, PREFIX);
    let whole = |domain: &String| !domain[PREFIX.len()..].contains(':');
    let package = |domain: &String| {
        let directory = format!("{CLASS}/{domain}");
        let name = root.text(&format!("{directory}/name"))?;
        let range = root.text(&format!("{directory}/max_energy_range_uj"))?.parse().ok()?;
        let energy = root.attr(format!("{directory}/energy_uj"));
        name.starts_with("package").then_some(Package { energy, range, last: None, total: 0 })
    };
    let packages: Vec<_> = domains.iter().filter(|domain| whole(domain)).filter_map(package).collect();
    (!packages.is_empty()).then(|| Box::new(Rapl { packages, moved: None }) as Box<dyn PowerMeter>)
}

impl Package {
    fn total_uj(&mut self) -> Result<u64, AttrError> {
        let now: u64 = self.energy.number("microjoules")?;
        if let Some(before) = self.last.replace(now) {
            // At most one lap: even 1 kW takes minutes for one.
            let lap = if now < before { self.range.saturating_add(1) } else { 0 };
            self.total += (now + lap).saturating_sub(before);
        }
        Ok(self.total)
    }
}

impl PowerMeter for Rapl {
    fn name(&self) -> MeterName {
        MeterName { meter: "rapl".into(), source: Source::Measured, boundary: Boundary::SocRails }
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    /// No error is documented.
    fn accuracy(&self) -> Accuracy {
        Accuracy { conversions_per_s: Some(UPDATES_PER_S), ..Accuracy::default() }
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
        let mut total_uj = 0;
        for package in &mut self.packages {
            match package.total_uj() {
                Ok(uj) => total_uj += uj,
                Err(error) => return (now, Err(error.no_data())),
            }
        }
        let total = MeterValue::TotalJoules(total_uj as f64 / 1e6);
        match self.moved {
            Some((at, before)) if before == total_uj => {
                // The total of the same moment again is nothing new to an integrator.
                if now.saturating_sub(at) > STANDSTILL { (now, Err(NoData::Failed)) } else { (at, Ok(total)) }
            }
            _ => {
                self.moved = Some((now, total_uj));
                (now, Ok(total))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Integrator;
    use picollect_board::fixtures::{tree, write};

    const RANGE: &str = "262143328850\n";

    fn two_packages() -> (tempfile::TempDir, Root) {
        let (dir, root) = tree(&[]);
        for (domain, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
        ] {
            for (file, text) in [("name", name), ("max_energy_range_uj", RANGE), ("energy_uj", "1000000\n")] {
                write(dir.path(), &format!("{CLASS}/{domain}/{file}"), text);
            }
        }
        (dir, root)
    }

    #[test]
    fn packages_are_summed_and_their_parts_are_not() {
        let (dir, root) = two_packages();
        let mut meter = discover(&root).unwrap();
        assert_eq!(meter.name().boundary, Boundary::SocRails);
        assert_eq!(meter.read(Duration::ZERO).1, Ok(MeterValue::TotalJoules(0.0)));
        write(dir.path(), "sys/class/powercap/intel-rapl:0/energy_uj", "4000000\n");
        write(dir.path(), "sys/class/powercap/intel-rapl:1/energy_uj", "1500000\n");
        assert_eq!(meter.read(Duration::ZERO).1, Ok(MeterValue::TotalJoules(3.5)));
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on() {
        let (dir, root) = two_packages();
        write(dir.path(), "sys/class/powercap/intel-rapl:0/energy_uj", "262143328850\n");
        let mut meter = discover(&root).unwrap();
        let mut integrator = Integrator::new(PERIOD);
        integrator.value(Duration::ZERO, meter.read(Duration::ZERO).1);
        write(dir.path(), "sys/class/powercap/intel-rapl:0/energy_uj", "1999999\n");
        integrator.value(PERIOD, meter.read(PERIOD).1);
        assert_eq!(integrator.take().unwrap().joules, 2.0);
    }

    #[test]
    fn a_counter_that_stands_still_covers_no_time_and_then_has_failed() {
        let (dir, root) = two_packages();
        let mut meter = discover(&root).unwrap();
        let mut integrator = Integrator::new(PERIOD);
        let mut read = |ms: u64| {
            let (at, value) = meter.read(Duration::from_millis(ms));
            integrator.value(at, value);
            integrator.take().map(|point| (point.joules, point.metered_s))
        };
        for ms in (0..=3_000).step_by(100) {
            assert_eq!(read(ms), Err(NoData::Absent), "{ms} ms: no zero watts");
        }
        assert_eq!(read(3_100), Err(NoData::Failed));
        write(dir.path(), "sys/class/powercap/intel-rapl:0/energy_uj", "4000000\n");
        assert_eq!(read(3_200), Err(NoData::Failed), "what it took meanwhile is unknown");
        write(dir.path(), "sys/class/powercap/intel-rapl:0/energy_uj", "4500000\n");
        let (joules, metered_s) = read(3_300).unwrap();
        assert!((joules - 0.5).abs() < 1e-9 && (metered_s - 0.1).abs() < 1e-9, "{joules} {metered_s}");
    }

    #[test]
    fn without_one_package_there_is_no_sum_and_without_any_no_meter() {
        let (dir, root) = two_packages();
        let mut meter = discover(&root).unwrap();
        assert!(meter.read(Duration::ZERO).1.is_ok());
        write(dir.path(), "sys/class/powercap/intel-rapl:1/energy_uj", "what\n");
        assert_eq!(meter.read(Duration::ZERO).1, Err(NoData::Garbled));
        assert!(discover(&Root::new(dir.path().join("nowhere"))).is_none());
    }
}
