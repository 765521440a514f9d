//! `calibrate`: walks through two loads and says what to write into the configuration.

use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};

use picollect_board::attr::Root;
use picollect_board::i2c::{self, AnyBus};
use picollect_metering::calibration::{Calibration, Point, calibrate};
use picollect_metering::conversion::ChipReply;
use picollect_metering::settings::MeterSettings;

/// What the dialogue needs of the world.
pub(crate) struct World<'a> {
    pub input: &'a mut dyn BufRead,
    /// What is said to them.
    pub output: &'a mut dyn Write,
    /// The bus that the meter is on.
    pub bus: &'a mut AnyBus,
    /// Time since some moment.
    pub now: &'a dyn Fn() -> Duration,
    pub wait: &'a dyn Fn(Duration),
}

/// The mean of what a meter shows, uncalibrated.
#[derive(Debug, Clone, Copy)]
struct Mean {
    volts: f64,
    amps: f64,
}

/// Finds the meter among the configured ones and opens its bus.
pub(crate) fn open(
    root: &Root,
    meters: &[MeterSettings],
    name: &str,
) -> anyhow::Result<(MeterSettings, Box<AnyBus>)> {
    let known: Vec<_> = meters.iter().map(MeterSettings::key).collect();
    let meter = meters.iter().find(|meter| meter.key() == name).with_context(|| match known.as_slice() {
        [] => "no meter is configured: write a [[meter]] into the configuration first".to_owned(),
        _ => format!("no meter is called `{name}`; there are {}", known.join(", ")),
    })?;
    let bus = i2c::open(root, meter.bus)
        .map_err(|error| anyhow!("cannot open bus {}: {error}; {}", meter.bus, error.remedy()))?;
    Ok((meter.clone(), bus))
}

/// The whole dialogue; gives the lines for the configuration.
pub(crate) fn run(world: &mut World<'_>, meter: &MeterSettings, seconds: u64) -> anyhow::Result<String> {
    let time = Duration::from_secs(seconds);
    writeln!(
        world.output,
        "Calibrating `{}` with two loads, as far apart as you can, such as idle and all cores busy.",
        meter.key()
    )?;
    let first = point(world, meter, time, 1)?;
    let second = point(world, meter, time, 2)?;
    let found = calibrate(first, second, meter.shunt_ohm)?;
    let text = toml_lines(meter, found);
    write!(world.output, "\nWrite this into the configuration:\n\n{text}")?;
    Ok(text)
}

fn point(world: &mut World<'_>, meter: &MeterSettings, time: Duration, number: u8) -> anyhow::Result<Point> {
    write!(
        world.output,
        "\nSet load {number} and wait until it is steady. What does the reference meter show? \
         Watts as `6.4 W`, amperes as `1.28 A`: "
    )?;
    world.output.flush()?;
    let mut line = String::new();
    ensure!(world.input.read_line(&mut line)? > 0, "no answer: calibration given up");
    let (value, unit) = reference(&line)?;
    writeln!(world.output, "Reading the meter for {} s …", time.as_secs())?;
    let mean = average(world, meter, time)?;
    writeln!(world.output, "It shows {:.4} A at {:.3} V.", mean.amps, mean.volts)?;
    let reference_amps = match unit {
        Unit::Amps => value,
        Unit::Watts if mean.volts > 0.5 => value / mean.volts,
        Unit::Watts => bail!("there is no voltage at the meter: give the reference in amperes"),
    };
    Ok(Point { raw_amps: mean.amps, reference_amps })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Watts,
    Amps,
}

fn reference(line: &str) -> anyhow::Result<(f64, Unit)> {
    let text = line.trim();
    let number = text.trim_end_matches(['W', 'w', 'A', 'a']).trim().replace(',', ".");
    let unit = match text.chars().last() {
        Some('W' | 'w') => Unit::Watts,
        Some('A' | 'a') => Unit::Amps,
        _ => bail!("`{text}` has no unit: write `6.4 W` or `1.28 A`"),
    };
    let value: f64 = number.parse().map_err(|_| anyhow!("`{text}` is not a number with a unit"))?;
    ensure!((0.0..1e4).contains(&value), "`{text}` cannot be");
    Ok((value, unit))
}

/// The mean over this time, each conversion once.
fn average(world: &mut World<'_>, meter: &MeterSettings, time: Duration) -> anyhow::Result<Mean> {
    let (conversion, channel) = (meter.chip.conversion(), usize::from(meter.channel - 1));
    let end = (world.now)() + time;
    let (mut volts, mut amps, mut count) = (0.0, 0.0, 0u32);
    // The first conversion may be of a load before this one.
    let mut skipped = false;
    while (world.now)() < end {
        let explain =
            |error: i2c::BusError| anyhow!("the meter does not answer: {error}; {}", error.remedy());
        match meter.chip.read(world.bus, meter.address).map_err(explain)? {
            ChipReply::NotConfigured => meter.chip.configure(world.bus, meter.address).map_err(explain)?,
            ChipReply::NotReady => {}
            ChipReply::Ready(_) if !skipped => skipped = true,
            ChipReply::Ready(channels) => {
                let reading = channels[channel].map_err(|why| anyhow!("the meter gives no value: {why}"))?;
                volts += reading.bus_volts;
                amps += reading.amps(meter.shunt_ohm);
                count += 1;
            }
        }
        (world.wait)(conversion / 8);
    }
    ensure!(count > 0, "the meter gave no reading; is something else using it, such as the agent?");
    Ok(Mean { volts: volts / f64::from(count), amps: amps / f64::from(count) })
}

fn toml_lines(meter: &MeterSettings, found: Calibration) -> String {
    let MeterSettings { chip, bus, address, channel, shunt_ohm, boundary, .. } = meter;
    let mut text =
        format!("[[meter]]\nchip = \"{}\"\nbus = {bus}\naddress = {address:#04x}\n", chip.as_str());
    if chip.channels() > 1 {
        text += &format!("channel = {channel}\n");
    }
    if chip.has_external_shunt() {
        text += &format!("shunt_ohm = {shunt_ohm}\n");
    }
    if let Some(name) = meter.name() {
        // A JSON text is a TOML text.
        text += &format!("name = {}\n", serde_json::Value::from(name));
    }
    text + &format!("boundary = \"{boundary}\"\ngain = {:.5}\noffset_a = {:.5}\n", found.gain, found.offset_a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_i2c_model::i2c_bus::SimulatedBus;
    use picollect_i2c_model::ina219_model::Supply;

    fn meter() -> MeterSettings {
        #[derive(serde::Deserialize)]
        struct File {
            meter: Vec<MeterSettings>,
        }
        let text = "[[meter]]\nchip = \"ina219\"\naddress = 0x40\nname = \"bench\"\n";
        picollect_settings::parse::<File>(text, "t").unwrap().meter.remove(0)
    }

    /// A board that takes 0.5 A for ten seconds and 1.5 A after, behind a shunt that is 1 % too small.
    fn dialogue(answers: &str) -> (String, anyhow::Result<String>) {
        let bus = SimulatedBus::default();
        let supply = |t: Duration| Supply { volts: 5.0, amps: if t.as_secs() < 10 { 0.5 } else { 1.5 } };
        bus.plug(0x40, Box::new(supply), 0.099);
        let mut output = Vec::new();
        let (time, mut wires) = (bus.time.clone(), bus.clone());
        let mut world = World {
            input: &mut answers.as_bytes(),
            output: &mut output,
            bus: &mut wires,
            now: &|| time.now(),
            wait: &|wait| time.pass(wait),
        };
        let result = run(&mut world, &meter(), 10);
        (String::from_utf8(output).unwrap(), result)
    }

    #[test]
    fn two_loads_give_the_lines_for_the_configuration() {
        let (said, result) = dialogue("0.5 A\n7.5 W\n");
        assert!(said.contains("Set load 1") && said.contains("It shows 0.4950 A at 5.000 V."), "{said}");
        let want = "[[meter]]\nchip = \"ina219\"\nbus = 1\naddress = 0x40\nshunt_ohm = 0.1\nname = \"bench\"\n\
                    boundary = \"node\"\ngain = 1.01010\noffset_a = 0.00000\n";
        assert_eq!(result.unwrap(), want);
        assert!(said.ends_with(want));
    }

    #[test]
    fn an_answer_that_is_none_says_what_is_wanted() {
        for (answers, part) in [
            ("", "given up"),
            ("6.4\n", "has no unit"),
            ("six W\n", "is not a number"),
            ("0.5 A\n0.51 A\n", "only 0.010 A apart"),
        ] {
            let error = dialogue(answers).1.unwrap_err().to_string();
            assert!(error.contains(part), "{answers:?}: {error}");
        }
    }

    #[test]
    fn a_reference_may_have_a_comma_and_no_space() {
        assert_eq!(reference("6,4W\n").unwrap(), (6.4, Unit::Watts));
        assert_eq!(reference(" 1.28 a ").unwrap(), (1.28, Unit::Amps));
    }

    #[test]
    fn a_meter_that_nobody_configured_is_not_guessed() {
        let root = Root::new("/nonexistent");
        let error = |meters: &[MeterSettings], name| open(&root, meters, name).err().unwrap().to_string();
        assert!(error(&[], "x").contains("no meter is configured"));
        assert!(error(&[meter()], "x").contains("there are bench"));
        assert!(error(&[meter()], "bench").contains("dtparam=i2c_arm=on"));
    }
}
