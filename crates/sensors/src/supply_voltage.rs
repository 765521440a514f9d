//! The voltage at the board's input, where the board measures it: EXT5V of a Pi 5's or Compute Module 5's
//! power-management chip.
//!
//! Asks the firmware for the text of `pmic_read_adc EXT5V_V`, a line ` EXT5V_V volt(24)=5.14930000V`. The throttle flags
//! do not replace it: boards have failed at 4.9 V with every flag clear, which is raised at 4.63 V only.
//!
//! Invariant: a board without the chip is asked once, at the start.

use picollect_telemetry::catalogue::{EXT5V, VOLTS};
use picollect_telemetry::{NoData, Reading};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::Root;
use picollect_board::bounds;
use picollect_board::mailbox::{Mailbox, Vcio, gencmd};

const COMMAND: &str = "pmic_read_adc EXT5V_V";

pub(super) struct SupplyVoltage {
    /// `None` where nobody measures it.
    mailbox: Option<Box<dyn Mailbox>>,
    text: String,
}

impl SupplyVoltage {
    pub(super) fn discover(root: &Root) -> Self {
        Self::new(Box::new(Vcio::for_commands(root)))
    }

    fn new(mailbox: Box<dyn Mailbox>) -> Self {
        let mut sensor = Self { mailbox: Some(mailbox), text: String::new() };
        if sensor.volts().is_none_or(|volts| volts.is_err()) {
            sensor.mailbox = None;
        }
        sensor
    }

    fn volts(&mut self) -> Option<Reading<f64>> {
        let mailbox = self.mailbox.as_deref_mut()?;
        let answered = gencmd(mailbox, COMMAND, &mut self.text).map_err(|error| error.no_data());
        Some(answered.and_then(|()| parse(&self.text).ok_or(NoData::Garbled)))
    }
}

/// The value of the line of this rail; the other rails, which an older firmware may print too, are not looked at.
fn parse(text: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("EXT5V_V volt("))?;
    let (channel, volts) = value.split_once(")=")?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let volts = volts.strip_suffix('V').filter(|volts| number(volts) && number(channel))?;
    volts.parse().ok().filter(|volts| bounds::VOLTS.contains(volts))
}

impl Sensor for SupplyVoltage {
    fn name(&self) -> &'static str {
        "supply voltage"
    }

    fn remedy(&self) -> &'static str {
        "only a Pi 5 or Compute Module 5 measures it; there add the agent's user to group video"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let Some(reading) = self.volts() else { return };
        let tags = [("rail", EXT5V)];
        match reading {
            Ok(volts) => {
                tick.status.supply_volts = Some(volts);
                tick.point(&tags, &[(&VOLTS, volts.into())]);
            }
            Err(why) => tick.no_data(&tags, &VOLTS, why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{lines, lines_and_status};
    use picollect_board::mailbox::double::{Failure, FakeFirmware};

    fn pi5(answer: &str) -> FakeFirmware {
        let firmware = FakeFirmware::pi4();
        let answer = format!("{answer}\0").into_bytes();
        firmware.set(|state| state.commands = vec![(COMMAND, answer)]);
        firmware
    }

    #[test]
    fn a_pi_5_says_the_volts_at_its_input_and_then_why_it_cannot() {
        let firmware = pi5(" EXT5V_V volt(24)=4.87210000V");
        let mut sensor = SupplyVoltage::new(Box::new(firmware.clone()));
        let (said, status) = lines_and_status(&mut sensor);
        assert_eq!(said, ["voltage,rail=ext5v volts=4.8721"]);
        assert_eq!(status.supply_volts, Some(4.8721));
        assert!(status.supply_is_low());
        firmware.set(|state| state.failure = Some(Failure::Errno(110)));
        assert_eq!(lines(&mut sensor), ["voltage,rail=ext5v no_data=5i"]);
        firmware.set(|state| {
            (state.failure, state.commands) = (None, vec![(COMMAND, b" EXT5V_V volt(24)=5V\0".into())]);
        });
        let (said, status) = lines_and_status(&mut sensor);
        assert_eq!((said, status.supply_is_low()), (vec!["voltage,rail=ext5v volts=5".to_owned()], false));
    }

    #[test]
    fn the_rail_is_found_among_others_and_what_is_no_voltage_is_none() {
        let all =
            "     VDD_CORE_V volt(15)=0.75V\n        EXT5V_V volt(24)=5.15V\n         BATT_V volt(25)=0.0V\n";
        assert_eq!(parse(all), Some(5.15));
        for text in [
            "",
            "EXT5V_A current(24)=1.0A",
            "EXT5V_V volt(24)=V",
            "EXT5V_V volt(24)=-5V",
            "EXT5V_V volt(24)=1e9V",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_board_without_the_chip_is_asked_once() {
        let firmware = FakeFirmware::pi4();
        let mut sensor = SupplyVoltage::new(Box::new(firmware.clone()));
        let asked = firmware.get(|state| state.calls);
        assert!(lines(&mut sensor).is_empty());
        assert_eq!(firmware.get(|state| state.calls), asked);
    }
}
