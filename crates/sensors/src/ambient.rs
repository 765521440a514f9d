//! The temperature of the air around the node, where a sensor for it is configured.
//!
//! Reads one of
//! - `sys/bus/w1/devices/28-*/w1_slave` (1-wire, DS18B20 and its family): a line of the nine bytes read
//!   that ends in YES when their check sum holds, and a line that ends in `t=` millidegrees Celsius; or
//!   `temperature` beside it, the millidegrees alone (<https://docs.kernel.org/w1/slaves/w1_therm.html>);
//! - `sys/class/hwmon/hwmon*/temp1_input` of a chip of the LM75's family, millidegrees
//!   (<https://docs.kernel.org/hwmon/lm75.html>);
//! - a file that the configuration names, in either of these forms.
//!
//! A 1-wire conversion takes three quarters of a second and a stuck bus longer, so a thread reads, and
//! the tick takes what the thread read last. The thread looks for the sensor anew until it finds it.
//!
//! Invariant: what the sensor says when it has not measured is no temperature: 85 °C, its register after
//! power-on, and nine zero bytes, a bus that is held low, whose check sum holds.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io};

use picollect_telemetry::catalogue::TEMP;
use picollect_telemetry::thermometer::AMBIENT;
use picollect_telemetry::{NoData, Reading};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

/// The value of tag `zone`; no thermal zone of the kernel's is called so.
pub const ZONE: &str = AMBIENT;

const W1: &str = "sys/bus/w1/devices";
/// Family codes of 1-wire thermometers: DS18S20, DS1822, DS18B20, DS1825, DS28EA00.
const W1_FAMILIES: [&str; 5] = ["28-", "10-", "22-", "3b-", "42-"];
const HWMON: &str = "sys/class/hwmon";
/// Names under which the kernel's driver knows the LM75 and what is built like it.
const LM75_FAMILY: [&str; 29] = [
    "lm75", "lm75a", "lm75b", "tmp75", "tmp75b", "tmp75c", "tmp100", "tmp101", "tmp102", "tmp105", "tmp112",
    "tmp175", "tmp275", "ds75", "ds7505", "mcp980x", "adt75", "pct2075", "at30ts74", "tcn75", "tmp1075",
    "p3t1755", "max31725", "max6625", "max6626", "stlm75", "ds1775", "g751", "as6200",
];
/// Air changes slowly; a sensor that comes back is read again within five seconds, conversion included.
const PERIOD: Duration = Duration::from_secs(4);
/// The first tick waits this long for the first conversion, so that a single sample has it too.
const FIRST_WAIT: Duration = Duration::from_millis(1200);
/// A reading older than this says nothing about now.
const OLDEST: Duration = Duration::from_secs(15);
/// What a DS18B20 holds after power-on, before its first conversion.
const POWER_ON_MILLIDEGREES: i32 = 85_000;
/// What these sensors can measure.
const MILLIDEGREES: std::ops::RangeInclusive<i32> = -55_000..=125_000;

/// Which sensor, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmbientSensor {
    /// The first 1-wire thermometer, or the one with this id.
    W1(Option<String>),
    /// The first chip of the LM75's family.
    Lm75,
    /// This file below the root.
    File(String),
}

impl std::str::FromStr for AmbientSensor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "w1" => Ok(Self::W1(None)),
            "lm75" => Ok(Self::Lm75),
            path if path.contains('/') => Ok(Self::File(path.trim_start_matches('/').to_owned())),
            id if W1_FAMILIES.iter().any(|family| id.starts_with(family)) => {
                Ok(Self::W1(Some(id.to_owned())))
            }
            _ => Err(format!(
                "[ambient] sensor `{text}` is not `w1`, `lm75`, a 1-wire id such as 28-0316a2795aff, or a path"
            )),
        }
    }
}

impl fmt::Display for AmbientSensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::W1(None) => "w1",
            Self::Lm75 => "lm75",
            Self::W1(Some(text)) | Self::File(text) => text,
        })
    }
}

/// The last reading and when it was taken; the condition says that there is a first one.
#[derive(Default)]
struct Latest(Mutex<Option<(Instant, Reading<i32>)>>, Condvar);

/// The configured sensor, read by a thread of its own.
pub struct Ambient {
    latest: Arc<Latest>,
    waited: bool,
}

impl Ambient {
    /// Starts the thread, which ends soon after this value is dropped.
    pub fn start(root: &Root, sensor: AmbientSensor) -> io::Result<Self> {
        let latest = Arc::new(Latest::default());
        let (root, shared) = (root.clone(), Arc::downgrade(&latest));
        let read = move || read_until_unwanted(&root, &sensor, &shared);
        thread::Builder::new().name("ambient".into()).spawn(read)?;
        Ok(Self { latest, waited: false })
    }

    fn latest(&mut self, now: Instant) -> Reading<i32> {
        let Latest(slot, there) = &*self.latest;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut self.waited, true) {
            let first = there.wait_timeout_while(slot, FIRST_WAIT, |slot| slot.is_none());
            slot = first.unwrap_or_else(PoisonError::into_inner).0;
        }
        match *slot {
            Some((at, reading)) if now.saturating_duration_since(at) <= OLDEST => reading,
            _ => Err(NoData::TimedOut),
        }
    }
}

impl Sensor for Ambient {
    fn name(&self) -> &'static str {
        "ambient temperature"
    }

    fn remedy(&self) -> &'static str {
        "add dtoverlay=w1-gpio or the chip's own overlay (dtoverlay=i2c-sensor,lm75) to config.txt"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let tags = [("zone", ZONE)];
        match self.latest(Instant::now()) {
            Ok(millidegrees) => {
                let temp_c = f64::from(millidegrees) / 1000.0;
                tick.status.ambient_c = Some(temp_c);
                tick.point(&tags, &[(&TEMP, temp_c.into())]);
            }
            Err(why) => tick.no_data(&tags, &TEMP, why),
        }
    }
}

fn read_until_unwanted(root: &Root, sensor: &AmbientSensor, shared: &Weak<Latest>) {
    let mut found = None;
    loop {
        let reading = read(root, sensor, &mut found);
        let Some(latest) = shared.upgrade() else { return };
        *latest.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reading));
        latest.1.notify_all();
        drop(latest);
        thread::sleep(PERIOD);
    }
}

/// A sensor that cannot be read is looked for again the next time: it may come back elsewhere.
fn read(root: &Root, sensor: &AmbientSensor, found: &mut Option<Attr>) -> Reading<i32> {
    if found.is_none() {
        *found = find(root, sensor);
    }
    let attr = found.as_mut().ok_or(NoData::Absent)?;
    let reading = attr.parse("a temperature", parse).map_err(|error| error.no_data());
    if reading.is_err() {
        *found = None;
    }
    reading
}

fn find(root: &Root, sensor: &AmbientSensor) -> Option<Attr> {
    match sensor {
        AmbientSensor::W1(Some(id)) => w1(root, id),
        AmbientSensor::W1(None) => {
            let first = W1_FAMILIES.iter().find_map(|family| root.names(W1, family).into_iter().next())?;
            w1(root, &first)
        }
        AmbientSensor::Lm75 => {
            let chip = root.names(HWMON, "hwmon").into_iter().find(|chip| {
                let name = root.text(&format!("{HWMON}/{chip}/name"));
                name.is_some_and(|name| LM75_FAMILY.contains(&name.as_str()))
            })?;
            Some(root.attr(format!("{HWMON}/{chip}/temp1_input")))
        }
        AmbientSensor::File(path) => Some(root.attr(path)),
    }
}

/// `w1_slave` is the better file: it shows the bytes, and so a bus that is held low.
fn w1(root: &Root, id: &str) -> Option<Attr> {
    let files = root.names(&format!("{W1}/{id}"), "");
    let file = ["w1_slave", "temperature"].into_iter().find(|file| files.iter().any(|name| name == file))?;
    Some(root.attr(format!("{W1}/{id}/{file}")))
}

/// Millidegrees, of either form of file.
fn parse(text: &str) -> Option<i32> {
    let number = match text.split_once("t=") {
        Some((bytes, number)) => {
            let (checked, _) = bytes.split_once("YES")?;
            let (nine, _) = checked.split_once(':')?;
            nine.split_ascii_whitespace().any(|byte| byte != "00").then_some(number)?
        }
        None => text,
    };
    let millidegrees = number.trim().parse().ok()?;
    (MILLIDEGREES.contains(&millidegrees) && millidegrees != POWER_ON_MILLIDEGREES).then_some(millidegrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    const SLAVE: &str = "sys/bus/w1/devices/28-0316a2795aff/w1_slave";
    const GOOD: &str = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n";

    #[test]
    fn both_forms_and_all_that_is_no_temperature() {
        assert_eq!(parse(GOOD), Some(23_125));
        assert_eq!(parse("-4200\n"), Some(-4_200));
        let zeros = "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n";
        let power_on = GOOD.replace("23125", "85000");
        let bad = GOOD.replace("YES", "NO");
        for text in [zeros, &power_on, &bad, "", "85000", "200000", "-60000", "warm", "YES t=1"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse(&GOOD.replace("23125", "0")), Some(0), "zero degrees is a temperature");
    }

    #[test]
    fn the_configuration_names_a_kind_an_id_or_a_path() {
        assert_eq!("w1".parse(), Ok(AmbientSensor::W1(None)));
        assert_eq!("lm75".parse(), Ok(AmbientSensor::Lm75));
        assert_eq!("28-0316a2795aff".parse(), Ok(AmbientSensor::W1(Some("28-0316a2795aff".into()))));
        assert_eq!("/sys/x/temp".parse(), Ok(AmbientSensor::File("sys/x/temp".into())));
        let error = "dht22".parse::<AmbientSensor>().unwrap_err();
        assert!(error.starts_with("[ambient] sensor `dht22` is not `w1`, `lm75`"), "{error}");
    }

    #[test]
    fn a_sensor_is_found_lost_and_found_again_in_another_place() {
        let (dir, root) = tree(&[(SLAVE, GOOD)]);
        let (sensor, mut found) = (AmbientSensor::W1(None), None);
        assert_eq!(read(&root, &sensor, &mut found), Ok(23_125));
        std::fs::remove_dir_all(dir.path().join("sys")).unwrap();
        // The file stays readable as long as it is open here; the kernel's own then says ENODEV.
        found = None;
        assert_eq!(read(&root, &sensor, &mut found), Err(NoData::Absent));
        write(dir.path(), "sys/bus/w1/devices/10-000801b5a7a6/temperature", "19500\n");
        assert_eq!(read(&root, &sensor, &mut found), Ok(19_500));
        write(dir.path(), "sys/bus/w1/devices/10-000801b5a7a6/temperature", "85000\n");
        assert_eq!(read(&root, &sensor, &mut found), Err(NoData::Garbled));
        assert!(found.is_none(), "it is looked for again");
    }

    #[test]
    fn an_lm75_is_known_by_its_chips_name_and_a_file_by_its_path() {
        let (_dir, root) = tree(&[
            ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("sys/class/hwmon/hwmon0/temp1_input", "48312\n"),
            ("sys/class/hwmon/hwmon1/name", "tmp102\n"),
            ("sys/class/hwmon/hwmon1/temp1_input", "21000\n"),
        ]);
        assert_eq!(read(&root, &AmbientSensor::Lm75, &mut None), Ok(21_000));
        let file = AmbientSensor::File("sys/class/hwmon/hwmon0/temp1_input".into());
        assert_eq!(read(&root, &file, &mut None), Ok(48_312));
    }

    #[test]
    fn the_first_tick_has_the_first_reading_and_an_old_reading_is_none() {
        let (_dir, root) = tree(&[(SLAVE, GOOD)]);
        let mut ambient = Ambient::start(&root, AmbientSensor::W1(None)).unwrap();
        assert_eq!(lines(&mut ambient), ["thermal,zone=ambient temp_c=23.125"]);
        let later = Instant::now() + OLDEST + PERIOD;
        assert_eq!(ambient.latest(later), Err(NoData::TimedOut));
        let (_dir, root) = tree(&[]);
        let mut none = Ambient::start(&root, AmbientSensor::Lm75).unwrap();
        assert_eq!(lines(&mut none), ["thermal,zone=ambient no_data=1i"]);
    }
}
