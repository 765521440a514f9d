//! The list of sensors: one file each, discovered at start.

pub mod ambient;
pub mod clock_state;
mod cpu_clock;
mod cpu_time;
mod disk_io;
mod disk_space;
mod fan;
mod firmware;
mod hwmon_power;
mod ina219;
mod ina226;
mod ina260;
mod ina3221;
mod load_average;
mod memory;
mod network;
mod own_process;
pub mod pmic;
pub mod power_chip;
mod power_supply;
mod pressure;
mod rapl;
mod software;
mod thermal_zone;
mod throttle_fallback;
mod uptime;

use std::time::Duration;

use picollect_telemetry::catalogue::{
    BUSY, CORES, MEASURED_HZ, Metric, REQUESTED_HZ, TEMP, THROTTLED, UNDER_VOLTAGE,
};
use picollect_telemetry::line::LineWriter;
use picollect_telemetry::{NoData, Value};

use crate::attr::Root;
use crate::clock::Stamps;
use crate::metering::PowerMeter;

/// Something that says its readings at every tick.
pub trait Sensor: Send {
    /// What it reads, in two or three words: its row in the probe's table.
    fn name(&self) -> &'static str;

    /// What an owner can do when it finds nothing or may not read it.
    fn remedy(&self) -> &'static str;

    /// Adds its points to the tick: for each thing it reads a value or the reason why there is none.
    fn sample(&mut self, tick: &mut Tick<'_>);
}

/// What the board has, in the order of sampling.
pub fn discover(root: &Root) -> Vec<Box<dyn Sensor>> {
    vec![
        Box::new(thermal_zone::ThermalZones::discover(root)),
        Box::new(cpu_time::CpuTime::new(root)),
        Box::new(load_average::LoadAverage::new(root)),
        Box::new(pressure::Pressure::discover(root)),
        Box::new(memory::Memory::new(root)),
        Box::new(disk_io::DiskIo::new(root)),
        Box::new(disk_space::DiskSpace::discover(root)),
        Box::new(network::Network::new(root)),
        Box::new(cpu_clock::CpuClock::discover(root)),
        Box::new(fan::Fans::discover(root)),
        Box::new(uptime::Uptime::new(root)),
        Box::new(software::Software::discover(root)),
        Box::new(clock_state::ClockState::new()),
        Box::new(own_process::OwnProcess::discover(root)),
        Box::new(firmware::Firmware::discover(root)),
        Box::new(power_supply::Batteries::discover(root)),
    ]
}

/// The power meters that the board has as files; those on I2C buses are configuration
/// ([`metering::bus`](crate::metering::bus)).
pub fn discover_meters(root: &Root) -> Vec<Box<dyn PowerMeter>> {
    let mut meters = hwmon_power::discover(root);
    meters.extend(pmic::discover(root));
    meters.extend(power_supply::discover(root));
    meters.extend(rapl::discover(root));
    meters
}

/// What the panel, the power model and the log want to know of the last tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Status {
    /// Temperature of the first thermal zone, °C.
    pub temp_c: Option<f64>,
    /// Share of all cores that worked.
    pub busy: Option<f64>,
    /// Number of cores.
    pub cores: Option<f64>,
    /// The processor's clock: the real one where it is known, else the requested one.
    pub clock_hz: Option<f64>,
    /// Power, watts.
    pub watts: Option<f64>,
    /// Whether the power comes from a model.
    pub estimated: bool,
    /// Whether the firmware throttles.
    pub throttled: Option<bool>,
    /// Whether the supply voltage is too low.
    pub under_voltage: Option<bool>,
}

/// One round of sampling: where sensors put their points.
#[derive(Debug)]
pub struct Tick<'a> {
    /// The moment of this tick on the agent's clock.
    pub now: Duration,
    /// How moments become wall times in this tick.
    pub stamps: Stamps,
    t_ms: i64,
    /// What the tick has said so far, for the panel and the power model.
    pub status: Status,
    /// From when and to when the first meter's totals in this tick count.
    pub metered: Option<(Duration, Duration)>,
    writer: &'a mut LineWriter,
}

impl<'a> Tick<'a> {
    /// A round at this moment.
    pub fn new(now: Duration, stamps: Stamps, writer: &'a mut LineWriter) -> Self {
        Self { now, stamps, t_ms: stamps.stamp_ms(now), status: Status::default(), metered: None, writer }
    }

    /// One point; all metrics are of one measurement.
    pub fn point(&mut self, tags: &[(&str, &str)], fields: &[(&'static Metric, Value)]) {
        self.point_at(self.now, tags, fields);
    }

    /// One point whose moment is not the tick's.
    pub fn point_at(&mut self, at: Duration, tags: &[(&str, &str)], fields: &[(&'static Metric, Value)]) {
        for (metric, value) in fields {
            self.note(metric, tags, value.as_f64());
        }
        self.writer.point(self.stamps.stamp_ms(at), tags, fields);
    }

    /// Why the metrics of this measurement have no value.
    pub fn no_data(&mut self, tags: &[(&str, &str)], metric: &'static Metric, why: NoData) {
        self.writer.no_data(self.t_ms, tags, metric, why);
    }

    fn note(&mut self, metric: &'static Metric, tags: &[(&str, &str)], value: Option<f64>) {
        let status = &mut self.status;
        let of_all_cores = tags.contains(&("core", "all"));
        if std::ptr::eq(metric, &raw const TEMP) && !tags.contains(&("zone", ambient::ZONE)) {
            status.temp_c = status.temp_c.or(value);
        } else if std::ptr::eq(metric, &raw const BUSY) && of_all_cores {
            status.busy = value;
        } else if std::ptr::eq(metric, &raw const CORES) {
            status.cores = value;
        } else if std::ptr::eq(metric, &raw const MEASURED_HZ) {
            status.clock_hz = value;
        } else if std::ptr::eq(metric, &raw const REQUESTED_HZ) {
            status.clock_hz = status.clock_hz.or(value);
        } else if std::ptr::eq(metric, &raw const THROTTLED) {
            status.throttled = value.map(|value| value > 0.0);
        } else if std::ptr::eq(metric, &raw const UNDER_VOLTAGE) {
            status.under_voltage = value.map(|value| value > 0.0);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock::Clock;
    use picollect_telemetry::catalogue;
    use picollect_telemetry::line::{Precision, decode};
    use std::path::Path;

    /// A file tree below a temporary folder, as a fixture board.
    pub(crate) fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(dir.path(), path, text);
        }
        let root = Root::new(dir.path());
        (dir, root)
    }

    pub(crate) fn write(dir: &Path, path: &str, text: &str) {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What a sensor says in one tick, as lines without their time; every point is held against the
    /// catalogue.
    pub(crate) fn lines(sensor: &mut dyn Sensor) -> Vec<String> {
        let mut writer = LineWriter::new(&[]);
        sensor.sample(&mut Tick::new(Duration::ZERO, Clock::start().stamps(), &mut writer));
        let text = String::from_utf8(writer.take().0).unwrap();
        for point in decode(text.as_bytes(), Precision::Nanoseconds, 0).points {
            for (field, _) in point.fields.iter().filter(|(field, _)| field != catalogue::NO_DATA) {
                let metric = catalogue::find(&point.measurement, field).expect("a catalogued metric");
                let tags: Vec<_> = point.tags.iter().map(|(key, _)| key.as_str()).collect();
                assert_eq!(tags, metric.tags, "{text}");
            }
        }
        text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    }
}
