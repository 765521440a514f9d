//! The power-management chip of a Pi 5 or Compute Module 5, read by the firmware: some twelve rails with
//! volts and amperes.
//!
//! Asks the mailbox for the text of `pmic_read_adc`. Its sum over the rails is a measurement, but not of
//! the node: it lacks whatever hangs on the 5 V (USB, HATs, fan) and the regulators' own losses. What the
//! whole node takes is *estimated* from it, by a straight line that somebody fitted against a meter at the
//! plug.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use picollect_telemetry::{Boundary, NoData, Reading, Source};

use crate::meter::{MeterName, MeterValue, PowerMeter};
use picollect_board::attr::Root;
use picollect_board::mailbox::{Mailbox, MailboxError, Vcio, gencmd};

const COMMAND: &str = "pmic_read_adc";
/// How often the chip converts is documented nowhere; each answer takes time of the firmware.
const PERIOD: Duration = Duration::from_secs(1);
/// Two meters share a reading: one younger than this is not taken anew.
const FRESH: Duration = Duration::from_millis(500);
/// A Pi 5 prints 14 rails.
const MAX_RAILS: usize = 32;
/// The processor's own supply. A sum without it is not one of the processor's rails.
const PROCESSOR_RAIL: &str = "VDD_CORE";

/// Estimated watts of the node per watt of the rails: <https://github.com/jfikar/RPi5-power>.
const NODE_PER_RAILS: f64 = 1.1451;
/// Estimated watts of a node whose rails take nothing; of the same fit.
const NODE_OFFSET_W: f64 = 0.5879;

/// Text that is not what the firmware prints for `pmic_read_adc`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PmicError {
    /// A line has another shape than `NAME_A current(N)=0.5A` or `NAME_V volt(N)=3.7V`.
    #[error("line {line} is no current and no voltage of a rail")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// A value stands twice, or there are too many.
    #[error("line {line} is one value too many")]
    Surplus {
        /// Its number, from 1.
        line: usize,
    },
    /// A rail has amperes and no volts: the text is not whole.
    #[error("a rail has a current and no voltage")]
    NoVoltage,
    /// The processor's rail is not among them.
    #[error("the processor's rail is missing")]
    NoProcessor,
}

/// The sum of volts times amperes over all rails that have both, watts. EXT5V and BATT have volts only.
pub fn rails_w(text: &str) -> Result<f64, PmicError> {
    // A slot is free while its rail has no name; rails fill them from the first on.
    let mut rails = [Rail::default(); MAX_RAILS];
    for (line, content) in (1..).zip(text.lines()).filter(|(_, content)| !content.trim().is_empty()) {
        let (name, quantity, value) = parse_line(content).ok_or(PmicError::Line { line })?;
        let rail = rails.iter_mut().find(|rail| rail.name == name || rail.name.is_empty());
        let rail = rail.ok_or(PmicError::Surplus { line })?;
        rail.name = name;
        let slot = if quantity == Quantity::Volts { &mut rail.volts } else { &mut rail.amperes };
        if slot.replace(value).is_some() {
            return Err(PmicError::Surplus { line });
        }
    }
    sum(&rails)
}

fn sum(rails: &[Rail<'_>]) -> Result<f64, PmicError> {
    let mut watts = 0.0;
    let mut processor = false;
    for rail in rails {
        let Some(amperes) = rail.amperes else { continue };
        watts += rail.volts.ok_or(PmicError::NoVoltage)? * amperes;
        processor |= rail.name == PROCESSOR_RAIL;
    }
    if processor { Ok(watts) } else { Err(PmicError::NoProcessor) }
}

#[derive(Debug, Clone, Copy, Default)]
struct Rail<'a> {
    name: &'a str,
    volts: Option<f64>,
    amperes: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Amperes,
    Volts,
}

/// ` VDD_CORE_A current(7)=1.12518000A`: rail, quantity, value.
fn parse_line(line: &str) -> Option<(&str, Quantity, f64)> {
    let (label, rest) = line.trim().split_once(' ')?;
    let (quantity, name, rest, unit) = match label.strip_suffix("_A") {
        Some(name) => (Quantity::Amperes, name, rest.strip_prefix("current(")?, 'A'),
        None => (Quantity::Volts, label.strip_suffix("_V")?, rest.strip_prefix("volt(")?, 'V'),
    };
    let (channel, value) = rest.split_once(")=")?;
    let value = value.strip_suffix(unit)?;
    let named = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (named && !name.is_empty() && channel.parse::<u8>().is_ok())
        .then(|| decimal(value))?
        .map(|value| (name, quantity, value))
}

/// Digits, a point, digits: `parse` alone would also take signs, exponents and names like `inf`.
fn decimal(text: &str) -> Option<f64> {
    /// `999.99999999` has twelve; so no sum of products leaves the finite numbers.
    const MAX_DIGITS: usize = 12;
    let (whole, fraction) = text.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = whole.len() + fraction.len() <= MAX_DIGITS;
    (fits && digits(whole) && digits(fraction)).then(|| text.parse().ok())?
}

/// The chip, and its last reading.
struct Rails {
    mailbox: Box<dyn Mailbox>,
    text: String,
    last: Option<(Duration, Reading<f64>)>,
}

impl Rails {
    fn watts(&mut self, now: Duration) -> (Duration, Reading<f64>) {
        if let Some(reading) = self.last.filter(|(at, _)| now.saturating_sub(*at) < FRESH) {
            return reading;
        }
        let reading = (now, self.ask());
        self.last = Some(reading);
        reading
    }

    fn ask(&mut self) -> Reading<f64> {
        gencmd(self.mailbox.as_mut(), COMMAND, &mut self.text)
            .map_err(|error: MailboxError| error.no_data())?;
        rails_w(&self.text).map_err(|_| NoData::Garbled)
    }
}

struct PmicMeter {
    rails: Arc<Mutex<Rails>>,
    /// Whether it gives the estimate of the whole node.
    corrected: bool,
}

/// The meters of a board whose firmware answers with rails; others refuse the command.
pub(super) fn discover(root: &Root) -> Vec<Box<dyn PowerMeter>> {
    meters(Box::new(Vcio::for_commands(root)))
}

fn meters(mailbox: Box<dyn Mailbox>) -> Vec<Box<dyn PowerMeter>> {
    let mut rails = Rails { mailbox, text: String::new(), last: None };
    if rails.ask().is_err() {
        return Vec::new();
    }
    let rails = Arc::new(Mutex::new(rails));
    let meter =
        |corrected| -> Box<dyn PowerMeter> { Box::new(PmicMeter { rails: Arc::clone(&rails), corrected }) };
    vec![meter(false), meter(true)]
}

impl PowerMeter for PmicMeter {
    fn name(&self) -> MeterName {
        let (meter, source, boundary) = if self.corrected {
            ("pmic-corrected", Source::Estimated, Boundary::Node)
        } else {
            ("pmic", Source::Measured, Boundary::SocRails)
        };
        MeterName { meter: meter.into(), source, boundary }
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
        let (at, watts) = self.rails.lock().unwrap_or_else(PoisonError::into_inner).watts(now);
        let node = |watts: f64| NODE_PER_RAILS * watts + NODE_OFFSET_W;
        (at, (if self.corrected { watts.map(node) } else { watts }).map(MeterValue::Watts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::mailbox::double::{Failure, FakeFirmware};

    /// Of the shape that a Pi 5 prints: names to the right, channels not in order.
    const PI5: &str = include_str!("../../../fuzz/seeds/pmic/pi-5.txt");

    fn pi5(text: &str) -> FakeFirmware {
        let firmware = FakeFirmware::pi4();
        let answer = format!("{text}\0").into_bytes();
        firmware.set(|state| state.commands = vec![("pmic_read_adc", answer)]);
        firmware
    }

    #[test]
    fn the_rails_of_a_pi_5_with_both_are_summed() {
        let watts = rails_w(PI5).unwrap();
        let by_hand = 3.7 * 0.1 + 3.3 * 0.06 + 1.8 * 0.18 + 1.1 * 0.02 + 0.6 * 0.03 + 1.1 * 0.2 + 0.8 * 0.4;
        let by_hand = by_hand + 0.75 * 1.2 + 3.31 * 0.0001 + 3.305 * 0.0004 + 0.8 * 0.005 + 5.1 * 0.025;
        assert!((watts - by_hand).abs() < 1e-9, "{watts} {by_hand}");
        assert_eq!(
            rails_w("VDD_CORE_A current(7)=2.0A\nVDD_CORE_V volt(15)=0.75V\nEXT5V_V volt(24)=5.1V"),
            Ok(1.5)
        );
    }

    #[test]
    fn every_line_of_another_shape_is_refused() {
        for line in [
            "VDD_CORE_A current(7)=1.0V",
            "VDD_CORE_A volt(7)=1.0A",
            "VDD_CORE_V current(7)=1.0V",
            "VDD_CORE current(7)=1.0A",
            "VDD_CORE_W watt(7)=1.0W",
            "VDD_CORE_A current(7)=1.0",
            "VDD_CORE_A current(7)=A",
            "VDD_CORE_A current(7)=-1.0A",
            "VDD_CORE_A current(7)=+1.0A",
            "VDD_CORE_A current(7)=1e3A",
            "VDD_CORE_A current(7)=infA",
            "VDD_CORE_A current(7)=1.0.0A",
            "VDD_CORE_A current(7)=1.A",
            "VDD_CORE_A current(7)=1234567890.123A",
            "VDD_CORE_A current()=1.0A",
            "VDD_CORE_A current(999)=1.0A",
            "VDD_CORE_A current(7) =1.0A",
            "VDD_CORE_A  current(7)=1.0A",
            "_A current(7)=1.0A",
            "vdd_core_A current(7)=1.0A",
            "error=1 error_msg=\"Command not registered\"",
        ] {
            assert_eq!(rails_w(&format!("\n{line}\n")), Err(PmicError::Line { line: 2 }), "{line}");
        }
    }

    #[test]
    fn a_text_that_is_not_whole_or_has_too_much_is_refused() {
        assert_eq!(rails_w(""), Err(PmicError::NoProcessor));
        assert_eq!(rails_w("BATT_V volt(25)=3.0V"), Err(PmicError::NoProcessor));
        assert_eq!(rails_w("VDD_CORE_V volt(15)=0.75V"), Err(PmicError::NoProcessor));
        let (currents, _) = PI5.split_once("3V7_WL_SW_V").unwrap();
        assert_eq!(rails_w(currents), Err(PmicError::NoVoltage));
        let (cut, _) = PI5.split_once("volt(15)=").unwrap();
        assert!(matches!(rails_w(cut), Err(PmicError::Line { .. })));
        assert_eq!(rails_w("X_V volt(1)=1.0V\nX_V volt(1)=1.0V"), Err(PmicError::Surplus { line: 2 }));
        let many: String = (0..=MAX_RAILS).map(|rail| format!("R{rail}_V volt(1)=1.0V\n")).collect();
        assert_eq!(rails_w(&many), Err(PmicError::Surplus { line: MAX_RAILS + 1 }));
    }

    #[test]
    fn the_rails_are_measured_and_the_node_is_estimated() {
        let firmware = pi5("VDD_CORE_A current(7)=4.00000000A\nVDD_CORE_V volt(15)=0.75000000V\n");
        let mut meters = meters(Box::new(firmware.clone()));
        let names: Vec<_> = meters.iter().map(|meter| meter.name()).collect();
        let name = |meter: &str, source, boundary| MeterName { meter: meter.into(), source, boundary };
        assert_eq!(
            names,
            [
                name("pmic", Source::Measured, Boundary::SocRails),
                name("pmic-corrected", Source::Estimated, Boundary::Node)
            ]
        );
        let at = Duration::from_secs(7);
        assert_eq!(meters[0].read(at), (at, Ok(MeterValue::Watts(3.0))));
        let (taken, node) = meters[1].read(at + Duration::from_millis(3));
        let Ok(MeterValue::Watts(watts)) = node else { panic!("{node:?}") };
        assert!(taken == at && (watts - 4.0232).abs() < 1e-9, "{watts}");
        assert_eq!(firmware.get(|state| state.calls), 2, "discovery, and one reading for both");
        assert!(meters[1].read(at + PERIOD).1.is_ok());
        assert_eq!(firmware.get(|state| state.calls), 3);
    }

    #[test]
    fn a_reading_that_fails_is_no_zero_and_is_taken_again_at_the_next_period() {
        let firmware = pi5(PI5);
        let mut meters = meters(Box::new(firmware.clone()));
        let mut second = 0;
        let mut read = || {
            second += 1;
            meters[0].read(Duration::from_secs(second)).1
        };
        assert!(read().is_ok());
        firmware.set(|state| state.failure = Some(Failure::Errno(110)));
        assert_eq!(read(), Err(NoData::TimedOut));
        firmware
            .set(|state| (state.failure, state.commands) = (None, vec![("pmic_read_adc", b"?\0".into())]));
        assert_eq!(read(), Err(NoData::Garbled));
        firmware.set(|state| state.commands.clear());
        assert_eq!(read(), Err(NoData::Failed));
    }

    #[test]
    fn a_board_without_the_chip_has_no_such_meter() {
        assert!(meters(Box::new(FakeFirmware::pi4())).is_empty());
        let denied = pi5(PI5);
        denied.set(|state| state.failure = Some(Failure::Errno(13)));
        assert!(meters(Box::new(denied)).is_empty());
    }
}
