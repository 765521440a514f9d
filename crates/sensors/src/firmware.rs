//! What the firmware of a Raspberry Pi says: temperature, the Arm cores' real clock, core voltage,
//! throttle flags.
//!
//! Reads the mailbox (`mailbox.rs`). Where the device is not there at the start the firmware says nothing
//! at all, and the throttle flags come from `throttle_fallback.rs`, if from anywhere.
//!
//! Invariant: a value or the reason why there is none, at each tick, of everything that the mailbox was
//! there for once. An unreadable flag is unknown, and so is the flag of a circuit that the board lacks.

use std::io;
use std::ops::RangeInclusive;

use picollect_telemetry::catalogue::{MAX_HZ, MEASURED_HZ, TEMP, THROTTLED, VOLTS};
use picollect_telemetry::thermometer::{FIRMWARE, Thermometer};
use picollect_telemetry::{NoData, Reading};

use crate::throttle_fallback::ThrottleFallback;
use crate::throttle_flags::{Detector, FLAGS, note};
use crate::tick::{Sensor, Tick};
use picollect_board::attr::Root;
use picollect_board::bounds;
use picollect_board::identity::Board;
use picollect_board::mailbox::{self, Mailbox, MailboxError, Throttled, Vcio};

pub(super) struct Firmware {
    /// `None` where there was none at the start.
    mailbox: Option<Box<dyn Mailbox>>,
    fallback: ThrottleFallback,
    detector: Detector,
    /// It does not change before the next boot.
    max_hz: Option<f64>,
    /// Whether the log has been told that a value of the firmware cannot be.
    impossible_said: bool,
}

impl Firmware {
    pub(super) fn discover(root: &Root) -> Self {
        let board = Board::read(root);
        let mut device = Vcio::new(root);
        let failure = device.open().err();
        if let Some(error) = &failure {
            say_once(&board, error);
        }
        let there = failure.is_none_or(|error| error.kind() != io::ErrorKind::NotFound);
        let mailbox = there.then(|| Box::new(device) as Box<dyn Mailbox>);
        Self::new(mailbox, ThrottleFallback::discover(root, board.sees_under_voltage()), &board)
    }

    fn new(mailbox: Option<Box<dyn Mailbox>>, fallback: ThrottleFallback, board: &Board) -> Self {
        Self {
            mailbox,
            fallback,
            detector: Detector::new(board.sees_under_voltage()),
            max_hz: None,
            impossible_said: false,
        }
    }
}

fn say_once(board: &Board, error: &io::Error) {
    if error.kind() != io::ErrorKind::NotFound {
        tracing::warn!("the firmware's mailbox cannot be opened ({error}): add this user to group video");
    } else if board.model.starts_with("Raspberry Pi") {
        tracing::info!("no firmware mailbox: real clock, core voltage and most throttle flags are unknown");
    }
}

impl Sensor for Firmware {
    fn name(&self) -> &'static str {
        "Pi firmware"
    }

    fn remedy(&self) -> &'static str {
        "add the agent's user to group video, give a container the device vcio, use Raspberry Pi's kernel"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let Some(mailbox) = self.mailbox.as_deref_mut() else {
            self.fallback.sample(tick);
            return;
        };
        let mut reader = Reader { mailbox, impossible_said: &mut self.impossible_said };
        temperature(&mut reader, tick);
        clock(&mut reader, &mut self.max_hz, tick);
        voltage(&mut reader, tick);
        match mailbox::throttled(mailbox) {
            Ok(flags) => throttle(flags, &mut self.detector, tick),
            Err(error) => {
                let why = error.no_data();
                let elsewhere = matches!(why, NoData::Absent | NoData::Denied) && self.fallback.sample(tick);
                if !elsewhere {
                    tick.no_data(&[("origin", "firmware")], &THROTTLED, why);
                }
            }
        }
    }
}

/// Asks the firmware for what can be.
struct Reader<'a> {
    mailbox: &'a mut dyn Mailbox,
    impossible_said: &'a mut bool,
}

impl Reader<'_> {
    fn read(
        &mut self,
        what: &str,
        ask: impl Fn(&mut dyn Mailbox) -> Result<f64, MailboxError>,
        bounds: &RangeInclusive<f64>,
    ) -> Reading<f64> {
        let value = ask(self.mailbox).map_err(|error| error.no_data())?;
        if bounds.contains(&value) {
            return Ok(value);
        }
        if !std::mem::replace(self.impossible_said, true) {
            tracing::warn!("the firmware says {value} for {what}, which cannot be; it counts as garbled");
        }
        Err(NoData::Garbled)
    }
}

fn temperature(reader: &mut Reader<'_>, tick: &mut Tick<'_>) {
    let tags = [("zone", FIRMWARE)];
    let ask = |mailbox: &mut dyn Mailbox| Ok(f64::from(mailbox::temperature_millicelsius(mailbox)?) / 1000.0);
    match reader.read("the temperature in °C", ask, &bounds::CELSIUS) {
        Ok(temp_c) => {
            tick.temperature(Thermometer::Processor, temp_c);
            tick.point(&tags, &[(&TEMP, temp_c.into())]);
        }
        Err(why) => tick.no_data(&tags, &TEMP, why),
    }
}

fn clock(reader: &mut Reader<'_>, max_hz: &mut Option<f64>, tick: &mut Tick<'_>) {
    let tags = [("core", "arm")];
    let measured = |mailbox: &mut dyn Mailbox| mailbox::arm_measured_hz(mailbox).map(f64::from);
    let highest = |mailbox: &mut dyn Mailbox| mailbox::arm_max_hz(mailbox).map(f64::from);
    let hz = match reader.read("the Arm cores' clock in Hz", measured, &bounds::CLOCK_HZ) {
        Ok(hz) => hz,
        Err(why) => return tick.no_data(&tags, &MEASURED_HZ, why),
    };
    (tick.status.clock_hz, tick.status.clock_is_measured) = (Some(hz), true);
    *max_hz = max_hz.or_else(|| reader.read("the highest clock in Hz", highest, &bounds::CLOCK_HZ).ok());
    match *max_hz {
        Some(max) => tick.point(&tags, &[(&MEASURED_HZ, hz.into()), (&MAX_HZ, max.into())]),
        None => tick.point(&tags, &[(&MEASURED_HZ, hz.into())]),
    }
}

fn voltage(reader: &mut Reader<'_>, tick: &mut Tick<'_>) {
    let tags = [("rail", "core")];
    let ask = |mailbox: &mut dyn Mailbox| Ok(f64::from(mailbox::core_microvolts(mailbox)?) / 1e6);
    match reader.read("the core's supply in V", ask, &bounds::VOLTS) {
        Ok(volts) => tick.point(&tags, &[(&VOLTS, volts.into())]),
        Err(why) => tick.no_data(&tags, &VOLTS, why),
    }
}

fn throttle(flags: Throttled, detector: &mut Detector, tick: &mut Tick<'_>) {
    let fields: [_; 2 * FLAGS.len()] = std::array::from_fn(|index| {
        let (bit, live, sticky) = FLAGS[index / 2];
        match index % 2 {
            0 => (live, i64::from(flags.now(bit)).into()),
            _ => (sticky, i64::from(flags.since_boot(bit)).into()),
        }
    });
    let known = detector.known(flags);
    let first = 2 * known.start;
    note(&mut tick.status, flags, known);
    tick.point(&[("origin", "firmware")], &fields[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{lines, lines_and_status};
    use picollect_board::fixtures::tree;
    use picollect_board::mailbox::double::{Failure, FakeFirmware};

    const ALARM: (&str, &str) = ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
    const RPI_VOLT: (&str, &str) = ("sys/class/hwmon/hwmon1/name", "rpi_volt\n");

    /// The sensor of a board that has these files and this firmware.
    fn sensor(model: &str, firmware: &FakeFirmware, files: &[(&str, &str)]) -> (tempfile::TempDir, Firmware) {
        let (dir, root) = tree(files);
        let board =
            Board { host_name: String::new(), model: model.into(), serial: String::new(), x86: false };
        let fallback = ThrottleFallback::discover(&root, board.sees_under_voltage());
        (dir, Firmware::new(Some(Box::new(firmware.clone())), fallback, &board))
    }

    fn pi4(firmware: &FakeFirmware, files: &[(&str, &str)]) -> (tempfile::TempDir, Firmware) {
        sensor("Raspberry Pi 4 Model B Rev 1.4", firmware, files)
    }

    #[test]
    fn everything_a_pi_4_says_and_again_at_the_next_tick() {
        let firmware = FakeFirmware::pi4();
        let (_dir, mut sensor) = pi4(&firmware, &[RPI_VOLT, ALARM]);
        let said = [
            "thermal,zone=firmware temp_c=48.312",
            "clock,core=arm measured_hz=600117184,max_hz=1500000000",
            "voltage,rail=core volts=0.8625",
            "throttle,origin=firmware under_voltage=0i,under_voltage_since_boot=1i,freq_capped=0i,\
             freq_capped_since_boot=0i,throttled=0i,throttled_since_boot=1i,soft_limit=0i,\
             soft_limit_since_boot=0i",
        ];
        assert_eq!(lines(&mut sensor), said);
        firmware.set(|state| state.throttled = 0x5_0004);
        assert!(lines(&mut sensor)[3].contains(",throttled=1i,throttled_since_boot=1i,"));
        assert_eq!(firmware.get(|state| state.throttled), 0x5_0004, "sticky bits are never cleared");
        assert_eq!(firmware.get(|state| state.calls), 5 + 4, "the highest clock is asked for once");
    }

    #[test]
    fn a_board_without_the_circuit_says_nothing_of_its_supply_voltage() {
        let firmware = FakeFirmware::pi4();
        firmware.set(|state| state.throttled = 0x4_0000);
        for model in ["Raspberry Pi Zero W Rev 1.1", "Raspberry Pi Compute Module 4 Rev 1.0", ""] {
            let (_dir, mut sensor) = sensor(model, &firmware, &[]);
            assert_eq!(
                lines(&mut sensor)[3],
                "throttle,origin=firmware freq_capped=0i,freq_capped_since_boot=0i,throttled=0i,\
                 throttled_since_boot=1i,soft_limit=0i,soft_limit_since_boot=0i"
            );
        }
    }

    #[test]
    fn a_cm5_that_says_under_voltage_is_believed_and_from_then_on_also_that_it_is_over() {
        let firmware = FakeFirmware::pi4();
        firmware.set(|state| state.throttled = 0);
        let (_dir, mut sensor) = sensor("Raspberry Pi Compute Module 5 Rev 1.0", &firmware, &[]);
        let mut flags = |bits| {
            firmware.set(|state| state.throttled = bits);
            let said = lines_and_status(&mut sensor);
            (
                said.0[3].contains("under_voltage=1i"),
                said.0[3].contains("under_voltage=0i"),
                said.1.under_voltage,
            )
        };
        assert_eq!(flags(0), (false, false, None));
        assert_eq!(flags(0x5_0005), (true, false, Some(true)));
        assert_eq!(flags(0x5_0000), (false, true, Some(false)));
    }

    #[test]
    fn a_denied_mailbox_is_said_for_each_thing_and_the_flags_come_from_elsewhere() {
        let firmware = FakeFirmware::pi4();
        firmware.set(|state| state.failure = Some(Failure::Errno(13)));
        let denied =
            ["thermal,zone=firmware no_data=2i", "clock,core=arm no_data=2i", "voltage,rail=core no_data=2i"];
        let (_dir, mut sensor) = pi4(&firmware, &[RPI_VOLT, ALARM]);
        let said = lines(&mut sensor);
        assert_eq!(said[..3], denied);
        assert_eq!(said[3..], ["throttle,origin=hwmon under_voltage=1i"]);

        let (_dir, mut sensor) = pi4(&firmware, &[]);
        assert_eq!(lines(&mut sensor)[3..], ["throttle,origin=firmware no_data=2i"]);
    }

    #[test]
    fn a_failing_firmware_is_unknown_and_not_replaced() {
        let firmware = FakeFirmware::pi4();
        let (_dir, mut sensor) = pi4(&firmware, &[RPI_VOLT, ALARM]);
        for (failure, code) in [
            (Failure::Errno(110), "no_data=5i"),
            (Failure::Code(0x8000_0001), "no_data=4i"),
            (Failure::Short, "no_data=3i"),
        ] {
            firmware.set(|state| state.failure = Some(failure));
            let said = lines(&mut sensor);
            assert_eq!(said.len(), 4);
            assert!(said.iter().all(|line| line.ends_with(code)), "{said:?}");
        }
        firmware.set(|state| state.failure = None);
        assert_eq!(lines(&mut sensor)[0], "thermal,zone=firmware temp_c=48.312", "and it recovers");
    }

    #[test]
    fn what_a_firmware_says_and_cannot_be_is_garbled() {
        let firmware = FakeFirmware::pi4();
        let (_dir, mut sensor) = pi4(&firmware, &[]);
        firmware.set(|state| (state.temperature_millicelsius, state.arm_hz) = (-650_788_984, 1));
        let said = lines(&mut sensor);
        assert_eq!(said[..2], ["thermal,zone=firmware no_data=3i", "clock,core=arm no_data=3i"]);
    }

    #[test]
    fn a_mailbox_that_went_away_is_said() {
        let firmware = FakeFirmware::pi4();
        let (_dir, mut sensor) = pi4(&firmware, &[]);
        lines(&mut sensor);
        firmware.set(|state| state.failure = Some(Failure::Errno(2)));
        assert_eq!(lines(&mut sensor)[3], "throttle,origin=firmware no_data=1i");
    }

    #[test]
    fn a_machine_without_the_device_says_nothing() {
        let (_dir, root) = tree(&[("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")]);
        assert!(lines(&mut Firmware::discover(&root)).is_empty());
        let (_dir, root) = tree(&[]);
        assert!(lines(&mut Firmware::discover(&root)).is_empty());
    }

    #[test]
    fn a_device_that_is_none_is_a_failure() {
        let (_dir, root) = tree(&[("dev/vcio", "")]);
        assert_eq!(lines(&mut Firmware::discover(&root))[3], "throttle,origin=firmware no_data=4i");
    }
}
