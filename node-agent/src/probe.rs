//! What the board has: each sensor and meter with its state, its value now, what a reading costs, and
//! what to do where it finds nothing.

use std::time::{Duration, Instant};

use picollect_telemetry::catalogue::NO_DATA;
use picollect_telemetry::line::{LineWriter, Point, Precision, decode};
use picollect_telemetry::{NoData, Reading, Value};
use serde::Serialize;

use crate::config::lcd::{LcdSettings, is_backpack};
use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_board::i2c;
use picollect_metering::bus::BusMeters;
use picollect_metering::meter::{MeterName, MeterValue, PowerMeter};
use picollect_metering::settings::MeterSettings;
use picollect_sensors::tick::{Sensor, Tick};

/// A sensor is read so often; the cost is the median.
const READINGS: usize = 5;
/// A meter, whose readings are far apart, less often.
const METER_READINGS: usize = 2;
/// The meters of a bus are read for so long: some conversions of the slowest.
const BUS_TIME: Duration = Duration::from_secs(1);
/// Shares and rates need some time between two readings.
const BETWEEN: Duration = Duration::from_millis(50);

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// Two or three words, or the meter's name.
    pub sensor: String,
    /// Whether the configuration names it: then it has to work.
    pub configured: bool,
    /// `ok`, `nothing found`, or the reason why it has no value.
    pub state: String,
    /// Its values now with their units; empty where there are none.
    pub value: String,
    /// Median time of a reading, microseconds.
    pub cost_us: f64,
    /// What an owner can do about it, where it is not `ok`.
    pub remedy: Option<String>,
}

impl Finding {
    /// Whether it has a value.
    pub(crate) fn ok(&self) -> bool {
        self.state == "ok"
    }
}

/// Reads a sensor a few times.
pub(crate) fn sensor(sensor: &mut dyn Sensor, clock: &Clock) -> Finding {
    let mut writer = LineWriter::new(&[]);
    let mut costs = Vec::new();
    for _ in 0..READINGS {
        writer.take();
        let mut tick = Tick::new(clock.now(), clock.stamps(), &mut writer);
        let begun = Instant::now();
        sensor.sample(&mut tick);
        costs.push(begun.elapsed());
        std::thread::sleep(BETWEEN);
    }
    let points = decode(&writer.take().0, Precision::Nanoseconds, 0).points;
    let missing: Vec<String> = points.iter().filter_map(reason).collect();
    let values: Vec<String> = points.iter().filter(|point| reason(point).is_none()).map(values).collect();
    let state = match (values.is_empty(), missing.is_empty()) {
        (_, false) => missing.join(", "),
        (true, true) => "nothing found".to_owned(),
        (false, true) => "ok".to_owned(),
    };
    let remedy = (state != "ok").then(|| sensor.remedy().to_owned());
    Finding {
        sensor: sensor.name().to_owned(),
        configured: false,
        state,
        value: values.join("; "),
        cost_us: median(costs),
        remedy,
    }
}

/// Reads a meter a few times.
pub(crate) fn meter(meter: &mut dyn PowerMeter, clock: &Clock) -> Finding {
    let mut costs = Vec::new();
    let mut last = Err(NoData::Absent);
    for _ in 0..METER_READINGS {
        let begun = Instant::now();
        last = meter.read(clock.now()).1;
        costs.push(begun.elapsed());
        std::thread::sleep(BETWEEN.max(meter.period()));
    }
    let name = meter.name();
    let remedy = match last {
        Ok(_) => None,
        Err(NoData::Denied) => {
            Some("run as a user who may read it: group `i2c`, or root for RAPL".to_owned())
        }
        Err(_) => Some("check the wiring, the address and the configuration of the meter".to_owned()),
    };
    Finding {
        sensor: format!("meter {}", name.meter),
        configured: false,
        state: last.map_or_else(|why| why.to_string(), |_| "ok".to_owned()),
        value: last.map_or_else(
            |_| String::new(),
            |value| match value {
                MeterValue::Watts(watts) => format!("{watts:.3} W at {}, {}", name.boundary, name.source),
                MeterValue::TotalJoules(joules) => {
                    format!("{joules:.3} J counted at {}, {}", name.boundary, name.source)
                }
            },
        ),
        cost_us: median(costs),
        remedy,
    }
}

/// The configured meters of a bus, read for a second.
pub(crate) fn bus(mut bus: BusMeters, clock: &Clock) -> Vec<Finding> {
    let mut costs = Vec::new();
    let until = clock.now() + BUS_TIME;
    while clock.now() < until {
        if bus.next_due(clock.now()) <= clock.now() {
            let begun = Instant::now();
            bus.read_due(&|| clock.now());
            costs.push(begun.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let cost_us = median(costs);
    let finding = |(name, watts): (MeterName, Reading<Option<f64>>)| Finding {
        sensor: format!("meter {}", name.meter),
        configured: true,
        state: watts.map_or_else(|why| why.to_string(), |_| "ok".to_owned()),
        value: match watts {
            Ok(Some(watts)) => format!("{watts:.3} W at {}, {}", name.boundary, name.source),
            _ => String::new(),
        },
        cost_us,
        remedy: watts.err().map(|why| match why {
            NoData::Denied => "add the agent's user to the group i2c".to_owned(),
            NoData::Overflow => "the shunt is too large for this current".to_owned(),
            _ => "check wiring, address and whether a kernel driver owns the chip".to_owned(),
        }),
    };
    bus.take_watts().into_iter().map(finding).collect()
}

/// Addresses that answer and that nobody configured; they are only read, one byte each.
pub(crate) fn candidates(
    root: &Root,
    configured: &[MeterSettings],
    panel: Option<&LcdSettings>,
) -> Vec<Finding> {
    let own = panel.and_then(LcdSettings::on_bus).map(|(bus, wiring)| (bus, wiring.address));
    let mut found = Vec::new();
    for number in i2c::buses(root) {
        let mut open = match i2c::open(root, number) {
            Ok(open) => open,
            Err(error) => {
                found.push(candidate(
                    format!("i2c bus {number}"),
                    error.to_string(),
                    error.remedy().to_owned(),
                ));
                continue;
            }
        };
        for (address, answer) in i2c::scan(open.as_mut()) {
            let place = (number, address);
            let known =
                configured.iter().any(|meter| (meter.bus, meter.address) == place) || own == Some(place);
            if !known {
                found.push(candidate(
                    format!("i2c-{number} {address:#x}"),
                    answer.map_or_else(|error| error.to_string(), |()| "answers".to_owned()),
                    how_to_use(number, address, answer.is_err()),
                ));
            }
        }
    }
    found
}

/// What an owner can do with what answers there, or with what a driver of the kernel has there.
fn how_to_use(bus: u8, address: u8, owned: bool) -> String {
    if owned && is_backpack(address) {
        return "a driver of the kernel has it: if it is a panel, [lcd] device = '/dev/lcd'".to_owned();
    }
    if owned {
        return "a driver of the kernel has it: if it is a power meter, its values are in hwmon".to_owned();
    }
    if is_backpack(address) {
        return format!(
            "if it is a panel: `picollect-agent lcd test {address:#x} --bus {bus}`, then [lcd] bus = {bus}, address = {address:#x}"
        );
    }
    format!(
        "if it is a power meter: [[meter]] chip = \"ina219\", bus = {bus}, address = {address:#x}, shunt_ohm = 0.1"
    )
}

fn candidate(sensor: String, state: String, remedy: String) -> Finding {
    Finding { sensor, configured: false, state, value: String::new(), cost_us: 0.0, remedy: Some(remedy) }
}

fn reason(point: &Point) -> Option<String> {
    let (_, value) = point.fields.iter().find(|(field, _)| field == NO_DATA)?;
    let Value::Int(code) = value else { return None };
    let why = NoData::from_code(*code)?;
    Some(format!("{}{why}", tags(point)))
}

fn values(point: &Point) -> String {
    let field = |(name, value): &(String, Value)| {
        let number = value.as_f64().unwrap_or_default();
        format!("{name} {}", (number * 1000.0).round() / 1000.0)
    };
    let fields: Vec<String> = point.fields.iter().map(field).collect();
    format!("{}{}", tags(point), fields.join(", "))
}

fn tags(point: &Point) -> String {
    let values: Vec<&str> = point.tags.iter().map(|(_, value)| value.as_str()).collect();
    if values.is_empty() { String::new() } else { format!("{}: ", values.join(" ")) }
}

fn median(mut costs: Vec<Duration>) -> f64 {
    costs.sort_unstable();
    costs.get(costs.len() / 2).map_or(0.0, |cost| (cost.as_secs_f64() * 1e7).round() / 10.0)
}

/// A configuration with what was found, to be put in place and changed.
pub(crate) fn configuration(name: &str, interval: Duration, findings: &[Finding]) -> String {
    let interval = humantime::format_duration(interval);
    let mut text = format!(
        "# Written by `picollect-agent probe --write-config`. Every key is optional.\n\n\
         name = {name:?}\ninterval = \"{interval}\"\n\n\
         # Where to deliver.\n# [[collector]]\n# url = \"http://head-node:8650\"\n\
         # token_file = \"/etc/picollect/token\"\n\n# What the probe found; sensors need no configuration.\n"
    );
    for Finding { sensor, state, value, remedy, .. } in findings {
        text += &format!("# {sensor}: {state}  {value}\n");
        if let Some(remedy) = remedy {
            text += &format!("#   {remedy}\n");
        }
    }
    text
}

/// The widest a value's column gets; the rest of a long value is in the JSON.
const VALUE_COLUMNS: usize = 60;

/// The table for a terminal.
pub(crate) fn table(findings: &[Finding]) -> String {
    let mut text = format!("{:<22} {:<16} {:>8}  {}\n", "SENSOR", "STATE", "COST µs", "VALUE NOW");
    for finding in findings {
        let Finding { sensor, state, value, cost_us, remedy, .. } = finding;
        let short: String = value.chars().take(VALUE_COLUMNS).collect();
        let more = if short.len() < value.len() { "…" } else { "" };
        text += format!("{sensor:<22} {state:<16} {cost_us:>8.1}  {short}{more}").trim_end();
        text.push('\n');
        if let Some(remedy) = remedy {
            text += &format!("{:<22} → {remedy}\n", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, TargetOptions, settings};
    use picollect_board::fixtures::tree;
    use picollect_sensors::discover;

    fn find(findings: &[Finding], sensor: &str) -> Finding {
        findings.iter().find(|finding| finding.sensor == sensor).expect("it is in the list").clone()
    }

    #[test]
    fn what_may_be_a_panel_is_told_from_what_may_be_a_meter() {
        assert!(how_to_use(1, 0x27, false).contains("lcd test 0x27 --bus 1"));
        assert!(how_to_use(3, 0x3f, false).contains("[lcd] bus = 3, address = 0x3f"));
        assert!(how_to_use(1, 0x40, false).contains("[[meter]]"));
        assert!(how_to_use(1, 0x27, true).contains("device = '/dev/lcd'"));
        assert!(how_to_use(1, 0x40, true).contains("hwmon"));
    }

    #[test]
    fn what_is_there_has_a_value_and_what_is_not_has_a_remedy() {
        let (_dir, root) = tree(&[
            ("proc/loadavg", "0.5 0.25 0.1 1/2 3\n"),
            ("sys/class/thermal/thermal_zone0/temp", "hot\n"),
        ]);
        let clock = Clock::start();
        let findings: Vec<_> =
            discover(&root).iter_mut().map(|found| sensor(found.as_mut(), &clock)).collect();
        let load = find(&findings, "load average");
        assert!(load.ok() && load.remedy.is_none() && load.cost_us > 0.0);
        assert_eq!(load.value, "load1 0.5, load5 0.25, load15 0.1, runnable 0");
        let thermal = find(&findings, "thermal zones");
        assert_eq!(thermal.state, "thermal_zone0: garbled");
        let clock = find(&findings, "requested clock");
        assert_eq!(clock.state, "nothing found");
        assert!(clock.remedy.is_some());
        assert!(table(&findings).contains("→ "));
        let text = configuration("pi-1", Duration::from_secs(1), &findings);
        assert!(text.contains("\n# thermal zones: thermal_zone0: garbled"), "{text}");
        let path = root.directory().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        let options = Options { config: Some(path), ..Options::default() };
        let settings = settings(&options, &TargetOptions::default()).unwrap();
        assert_eq!(settings.name.as_deref(), Some("pi-1"));
    }
}
