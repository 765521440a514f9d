//! What the board has: each sensor and meter with its state, its value now, what a reading costs, and
//! what to do where it finds nothing.

use std::fmt;
use std::time::{Duration, Instant};

use picollect_telemetry::catalogue::NO_DATA;
use picollect_telemetry::line::{LineWriter, Point, Precision, decode};
use picollect_telemetry::{NoData, Reading, Value};
use serde::Serialize;

use crate::config::lcd::{LcdSettings, OLED_ADDRESSES, is_backpack};
use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_board::container::Container;
use picollect_board::i2c;
use picollect_board::identity::{self, Board};
use picollect_metering::bus::BusMeters;
use picollect_metering::meter::{MeterName, MeterValue, PowerMeter};
use picollect_metering::power_model::{ConfiguredModel, PowerModel};
use picollect_metering::settings::MeterSettings;
use picollect_sensors::tick::{Sensor, Tick};
use picollect_settings::duration::shown;

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
    /// Whether it has a value, or why not.
    pub state: State,
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
        self.state == State::Ok
    }
}

/// How a sensor, a meter or an address was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// All that it reads has a value.
    Ok,
    /// There is nothing that it could read.
    NothingFound,
    /// What has no value and why, in words.
    Missing(String),
}

impl State {
    fn of_reading<T>(reading: Reading<T>) -> Self {
        reading.map_or_else(|why| Self::Missing(why.to_string()), |_| Self::Ok)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Ok => "ok",
            Self::NothingFound => "nothing found",
            Self::Missing(what) => what,
        }
    }
}

impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
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
    let reasons: Vec<NoData> = points.iter().filter_map(no_data).collect();
    let values: Vec<String> = points.iter().filter(|point| reason(point).is_none()).map(values).collect();
    let state = match (values.is_empty(), missing.is_empty()) {
        (_, false) => State::Missing(missing.join(", ")),
        (true, true) => State::NothingFound,
        (false, true) => State::Ok,
    };
    let remedy = match state {
        State::Ok => None,
        _ => Some(advice(&reasons, !values.is_empty(), sensor.remedy()).to_owned()),
    };
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
        state: State::of_reading(last),
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
        state: State::of_reading(watts),
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

/// What of the host an agent in a container does not see.
pub(crate) fn container(found: &Container) -> Finding {
    let parts = [
        (found.host_proc, "network traffic"),
        (found.host_sys == Some(true), "links"),
        (found.host_files, "file systems"),
    ];
    let own: Vec<_> = parts.into_iter().filter_map(|(host, what)| (!host).then_some(what)).collect();
    let (state, remedy) = if own.is_empty() {
        (State::Ok, None)
    } else {
        let mounts = "mount the host's /proc and /sys (and / for its file systems) below a folder and give --root: \
                      docs/containers.md";
        (State::Missing(format!("not the host's: {}", own.join(", "))), Some(mounts.to_owned()))
    };
    let value = if own.is_empty() { "the host's files are read".to_owned() } else { String::new() };
    Finding { sensor: "container".to_owned(), configured: false, state, value, cost_us: 0.0, remedy }
}

/// Addresses that answer and that nobody configured; they are only read, one byte each.
pub(crate) fn candidates(
    root: &Root,
    configured: &[MeterSettings],
    panel: Option<&LcdSettings>,
) -> Vec<Finding> {
    let own = panel.and_then(LcdSettings::address);
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
    if OLED_ADDRESSES.contains(&address) {
        return format!(
            "an OLED usually answers here: `picollect-agent lcd test {address:#x} --driver ssd1306 --bus {bus}` (sh1106 at 1.3 inch), \
             then [lcd] driver = \"ssd1306\", bus = {bus}, address = {address:#x}; if it is a character panel, --driver hd44780"
        );
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
    let state = State::Missing(state);
    Finding { sensor, configured: false, state, value: String::new(), cost_us: 0.0, remedy: Some(remedy) }
}

fn no_data(point: &Point) -> Option<NoData> {
    let (_, value) = point.fields.iter().find(|(field, _)| field == NO_DATA)?;
    let Value::Int(code) = value else { return None };
    NoData::from_code(*code)
}

fn reason(point: &Point) -> Option<String> {
    no_data(point).map(|why| format!("{}{why}", tags(point)))
}

/// What to do about these reasons. How the sensor as a whole is had (`remedy`) is advice where it has nothing or
/// may not be read; where the rest of it reads well, it is the one thing that is at fault.
fn advice(reasons: &[NoData], reads_others: bool, remedy: &'static str) -> &'static str {
    let has = |why| reasons.contains(&why);
    if has(NoData::Denied) || (!reads_others && reasons.iter().all(|why| *why == NoData::Absent)) {
        remedy
    } else if has(NoData::Garbled) {
        "what it says cannot be: the agent's log has the text"
    } else if has(NoData::TimedOut) {
        "it does not answer in time: a firmware or a bus that is ill, see `dmesg`"
    } else if has(NoData::Failed) {
        "its driver answers with an error: it may be switched off, see `dmesg`"
    } else if has(NoData::Overflow) {
        "the value is beyond what it can show"
    } else {
        "it went away, or is switched off; the rest is read"
    }
}

/// What stands in where no meter measures.
pub(crate) fn power_model(configured: Option<&ConfiguredModel>, root: &Root) -> Finding {
    let board = Board::read(root);
    let another = configured.and_then(|model| model.is_of_another(&board));
    let model = PowerModel::choose(configured, &board, identity::cores(root));
    let learn = "learn one on such a board that has a meter: `picollect agent model learn NODE`";
    let state = match (&another, &model) {
        (Some(why), _) => State::Missing(why.clone()),
        (None, Some(_)) => State::Ok,
        (None, None) => State::NothingFound,
    };
    Finding {
        sensor: "power model".to_owned(),
        configured: configured.is_some(),
        value: model.map(|model| model.to_string()).unwrap_or_default(),
        cost_us: 0.0,
        remedy: (state != State::Ok).then(|| learn.to_owned()),
        state,
    }
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
    let interval = shown(interval);
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
const VALUE_COLUMNS: usize = 61;

/// The widest a state gets beside the others; a longer one has a line of its own.
const STATE_COLUMNS: usize = 16;

/// The beginning of a text that fits; whether it is cut can be seen.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}

/// The table for a terminal.
pub(crate) fn table(findings: &[Finding]) -> String {
    let mut text = format!("{:<22} {:<16} {:>8}  {}\n", "SENSOR", "STATE", "COST µs", "VALUE NOW");
    for finding in findings {
        let Finding { sensor, state, value, cost_us, remedy, .. } = finding;
        let (short, fits) = (cut(value, VALUE_COLUMNS), cut(state.as_str(), STATE_COLUMNS));
        text += format!("{sensor:<22} {fits:<STATE_COLUMNS$} {cost_us:>8.1}  {short}").trim_end();
        text.push('\n');
        if fits != state.as_str() {
            text += &format!("{:<22} {state}\n", "");
        }
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
        assert!(how_to_use(1, 0x3c, false).contains("an OLED usually answers here"));
        assert!(how_to_use(1, 0x3d, false).contains("lcd test 0x3d --driver ssd1306 --bus 1"));
        assert!(how_to_use(1, 0x3c, false).contains("[lcd] driver = \"ssd1306\", bus = 1, address = 0x3c"));
        assert!(how_to_use(1, 0x40, false).contains("[[meter]]"));
        assert!(how_to_use(1, 0x27, true).contains("device = '/dev/lcd'"));
        assert!(how_to_use(1, 0x40, true).contains("hwmon"));
    }

    #[test]
    fn advice_is_for_the_kind_of_failure_and_a_long_state_does_not_break_the_table() {
        let whole = "load a driver";
        assert_eq!(advice(&[], false, whole), whole);
        assert_eq!(advice(&[NoData::Absent], false, whole), whole);
        assert_eq!(advice(&[NoData::Denied, NoData::Failed], true, whole), whole);
        assert!(advice(&[NoData::Failed], true, whole).contains("switched off"));
        assert!(advice(&[NoData::Absent], true, whole).contains("the rest is read"));
        assert!(advice(&[NoData::TimedOut], false, whole).contains("does not answer in time"));
        let state = "thermal_zone3: failed, thermal_zone4: failed";
        let finding = Finding {
            sensor: "thermal zones".into(),
            configured: false,
            state: State::Missing(state.into()),
            value: "thermal_zone0: temp_c 48.312".into(),
            cost_us: 1.0,
            remedy: None,
        };
        let want = format!(
            "thermal zones          thermal_zone3: …      1.0  thermal_zone0: temp_c 48.312\n{:23}{state}\n",
            ""
        );
        assert_eq!(table(&[finding]).split_once('\n').unwrap().1, want);
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
        assert_eq!(thermal.state, State::Missing("thermal_zone0: garbled".into()));
        let clock = find(&findings, "requested clock");
        assert_eq!(clock.state, State::NothingFound);
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
