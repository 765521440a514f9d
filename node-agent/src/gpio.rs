//! What hangs on the board's pins: a fan's tachometer, the page button and the alarm LED.
//!
//! Pins go by their BCM numbers. Tachometer and button pull their pin to ground, which is pulled up
//! here; a falling edge is a pulse or a press. The agent reads the fan and does not control it: the
//! kernel does that better.
//!
//! Invariant: only `RaspberryPins` touches the hardware, and only when pins are configured;
//! a board whose pins cannot be had is said once, and the agent goes on without them.

mod button;
mod fan_tacho;
mod pins;

use std::any::Any;
use std::sync::mpsc::Receiver;

use anyhow::ensure;
use serde::Deserialize;

pub(crate) use self::button::Press;
use self::button::button;
use self::fan_tacho::FanTacho;
use self::pins::{Led, PinError, Pins, RaspberryPins, Wanted};
use picollect_sensors::status::Status;
use picollect_sensors::tick::Sensor;

/// The pins of the 40-pin header. Board revisions differ in what lies beyond.
const LAST_PIN: u8 = 27;
/// GPIO 0 and 1 read the EEPROM of a HAT at boot, 2 and 3 are the bus of sensors and panel.
const LAST_I2C_PIN: u8 = 3;

/// The section `[gpio]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PinSettings {
    /// The pin of the fan's tachometer.
    pub fan_tacho: Option<u8>,
    /// Pulses that the fan gives in one turn.
    pub pulses_per_turn: u8,
    /// The pin of the page button.
    pub page_button: Option<u8>,
    /// The pin of the alarm LED.
    pub alarm_led: Option<u8>,
}

impl Default for PinSettings {
    fn default() -> Self {
        Self { fan_tacho: None, pulses_per_turn: 2, page_button: None, alarm_led: None }
    }
}

impl PinSettings {
    /// Itself, if each pin is one that can be had. That each has one use is checked across all sections.
    pub fn checked(self) -> anyhow::Result<Self> {
        for (key, pin) in self.named().into_iter().filter_map(|(key, pin)| Some((key, pin?))) {
            ensure!(pin <= LAST_PIN, "{key} = {pin} is not on the header: BCM numbers go to {LAST_PIN}");
            ensure!(
                pin > LAST_I2C_PIN,
                "{key} = {pin} is a pin of the I2C buses (0 and 1 a HAT's EEPROM, 2 and 3 the sensors)"
            );
        }
        let per_turn = self.pulses_per_turn;
        ensure!((1..=16).contains(&per_turn), "[gpio] pulses_per_turn is not between 1 and 16");
        Ok(self)
    }

    /// Each key with its pin, if it has one.
    pub(crate) fn named(self) -> [(&'static str, Option<u8>); 3] {
        [
            ("[gpio] fan_tacho", self.fan_tacho),
            ("[gpio] page_button", self.page_button),
            ("[gpio] alarm_led", self.alarm_led),
        ]
    }

    fn any(self) -> bool {
        self.fan_tacho.is_some() || self.page_button.is_some() || self.alarm_led.is_some()
    }
}

/// The pins in use; dropping it gives them back as they were found.
#[derive(Default)]
pub(crate) struct Gpio {
    /// Presses of the page button, if there is one.
    pub presses: Option<Receiver<Press>>,
    alarm: Option<Alarm>,
    held: Vec<Box<dyn Any>>,
}

impl Gpio {
    /// Takes the configured pins of this machine, as far as they can be had, and adds what they sense.
    pub(crate) fn start(settings: PinSettings, sensors: &mut Vec<Box<dyn Sensor>>) -> Option<Self> {
        if !settings.any() {
            return None;
        }
        match RaspberryPins::open() {
            Ok(mut pins) => {
                let (gpio, tacho) = Self::attach(settings, &mut pins);
                sensors.extend(tacho.map(|tacho| Box::new(tacho) as Box<dyn Sensor>));
                Some(gpio)
            }
            Err(error) => {
                tracing::warn!("no pins, so no fan speed, button or LED from [gpio]: {error}");
                None
            }
        }
    }

    fn attach(settings: PinSettings, pins: &mut dyn Pins) -> (Self, Option<FanTacho>) {
        let mut gpio = Self::default();
        let tacho = settings.fan_tacho.and_then(|pin| {
            let (tacho, on_edge) = FanTacho::new(pin, settings.pulses_per_turn);
            gpio.hold("fan_tacho", pin, pins.watch(pin, Wanted::Falling, on_edge)).then_some(tacho)
        });
        if let Some(pin) = settings.page_button {
            let (presses, on_edge) = button();
            let held = gpio.hold("page_button", pin, pins.watch(pin, Wanted::Both, on_edge));
            gpio.presses = held.then_some(presses);
        }
        if let Some(pin) = settings.alarm_led {
            match pins.led(pin) {
                Ok(led) => gpio.alarm = Some(Alarm { led, on: false }),
                Err(error) => tracing::warn!(pin, "gpio.alarm_led is left out: {error}"),
            }
        }
        (gpio, tacho)
    }

    fn hold(&mut self, key: &str, pin: u8, watch: Result<Box<dyn Any>, PinError>) -> bool {
        match watch {
            Ok(watch) => {
                self.held.push(watch);
                true
            }
            Err(error) => {
                tracing::warn!(pin, "gpio.{key} is left out: {error}");
                false
            }
        }
    }

    /// Lights the LED while an alarm holds.
    pub(crate) fn show_alarm(&mut self, status: &Status) {
        if let Some(alarm) = &mut self.alarm {
            alarm.show(alarm_holds(status));
        }
    }
}

struct Alarm {
    led: Box<dyn Led>,
    on: bool,
}

impl Alarm {
    fn show(&mut self, on: bool) {
        if self.on != on {
            self.on = on;
            self.led.set(on);
        }
    }
}

/// Low voltage or throttling now. What is not known is no alarm.
fn alarm_holds(status: &Status) -> bool {
    status.supply_is_low() || status.throttled == Some(true)
}

#[cfg(test)]
mod tests {
    use super::pins::{Edge, OnEdge};
    use super::*;
    use picollect_sensors::fixtures::lines;
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    pub(super) fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    pub(super) fn falling(at: Duration) -> Edge {
        Edge { at, falling: true }
    }

    pub(super) fn rising(at: Duration) -> Edge {
        Edge { at, falling: false }
    }

    /// A board on paper: its callbacks can be called, its LED remembers what it was told.
    #[derive(Default)]
    struct PaperPins {
        callbacks: HashMap<u8, OnEdge>,
        shown: Arc<Mutex<Vec<bool>>>,
        refused: Option<u8>,
    }

    struct PaperLed(Arc<Mutex<Vec<bool>>>);

    impl Led for PaperLed {
        fn set(&mut self, on: bool) {
            self.0.lock().unwrap().push(on);
        }
    }

    impl Pins for PaperPins {
        fn watch(&mut self, pin: u8, _wanted: Wanted, on_edge: OnEdge) -> Result<Box<dyn Any>, PinError> {
            if self.refused == Some(pin) {
                return Err(PinError::Refused("busy".into()));
            }
            self.callbacks.insert(pin, on_edge);
            Ok(Box::new(()))
        }

        fn led(&mut self, _pin: u8) -> Result<Box<dyn Led>, PinError> {
            Ok(Box::new(PaperLed(Arc::clone(&self.shown))))
        }
    }

    const ALL: PinSettings =
        PinSettings { fan_tacho: Some(18), pulses_per_turn: 2, page_button: Some(17), alarm_led: Some(27) };

    #[test]
    fn a_pin_is_refused_off_the_header_and_on_the_buses() {
        let error = |pins: PinSettings| pins.checked().unwrap_err().to_string();
        assert_eq!(ALL.checked().unwrap(), ALL);
        assert_eq!(PinSettings::default().checked().unwrap(), PinSettings::default());
        assert_eq!(
            error(PinSettings { alarm_led: Some(28), ..ALL }),
            "[gpio] alarm_led = 28 is not on the header: BCM numbers go to 27"
        );
        for pin in 0..=3 {
            let text = error(PinSettings { fan_tacho: Some(pin), ..ALL });
            assert!(
                text.starts_with(&format!("[gpio] fan_tacho = {pin} is a pin of the I2C buses")),
                "{text}"
            );
        }
        for pin in 4..=27 {
            assert!(PinSettings { alarm_led: Some(pin), ..PinSettings::default() }.checked().is_ok());
        }
        assert!(error(PinSettings { pulses_per_turn: 0, ..ALL }).contains("pulses_per_turn"));
    }

    #[test]
    fn each_pin_feeds_what_it_is_configured_for() {
        let mut pins = PaperPins::default();
        let (gpio, tacho) = Gpio::attach(ALL, &mut pins);
        let mut tacho = tacho.unwrap();
        assert!(lines(&mut tacho).is_empty(), "a fan that was never heard says nothing yet");
        let edge = |at_ms| Edge { at: Duration::from_millis(at_ms), falling: true };
        pins.callbacks.get_mut(&18).unwrap()(edge(1000));
        assert!(lines(&mut tacho).is_empty());
        pins.callbacks.get_mut(&18).unwrap()(edge(1010));
        assert_eq!(lines(&mut tacho), ["fan,fan=gpio18 rpm=3000"]);
        pins.callbacks.get_mut(&17).unwrap()(edge(2000));
        assert_eq!(gpio.presses.unwrap().try_iter().collect::<Vec<_>>(), [Press]);
    }

    #[test]
    fn the_led_is_on_while_an_alarm_is_known_to_hold() {
        let mut pins = PaperPins::default();
        let (mut gpio, _) = Gpio::attach(ALL, &mut pins);
        let quiet = Status { throttled: Some(false), under_voltage: Some(false), ..Status::default() };
        let low = Status { under_voltage: Some(true), ..quiet };
        let hot = Status { throttled: Some(true), under_voltage: None, ..quiet };
        let weak = Status { supply_volts: Some(4.82), ..quiet };
        for status in [Status::default(), quiet, low, weak, hot, quiet, Status::default()] {
            gpio.show_alarm(&status);
        }
        assert_eq!(*pins.shown.lock().unwrap(), [true, false]);
    }

    #[test]
    fn a_pin_that_another_driver_holds_is_left_out_and_the_others_work() {
        let mut pins = PaperPins { refused: Some(18), ..PaperPins::default() };
        let (gpio, tacho) = Gpio::attach(ALL, &mut pins);
        assert!(tacho.is_none());
        assert!(gpio.presses.is_some() && gpio.alarm.is_some());
    }

    #[test]
    fn without_pins_nothing_is_opened_and_a_board_without_them_is_no_failure() {
        assert!(Gpio::start(PinSettings::default(), &mut Vec::new()).is_none());
        // On a Pi this would take pins with something connected to them.
        if rppal::system::DeviceInfo::new().is_err() {
            assert!(Gpio::start(ALL, &mut Vec::new()).is_none());
        }
    }
}
