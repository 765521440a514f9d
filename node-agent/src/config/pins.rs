//! One pin, one use, across all sections: what `[gpio]` names, the light of `[lcd]` and the 1-wire thermometer of
//! `[ambient]`. The kernel would refuse the second use of a pin, or both would work wrongly.

use anyhow::{bail, ensure};
use picollect_sensors::ambient::AmbientSensor;

use super::lcd::{LcdSettings, PwmChannel};
use crate::gpio::PinSettings;

/// Where the overlay `w1-gpio` has the bus unless it is told another pin.
const USUAL_W1_PIN: u8 = 4;

/// A use of a pin, and what would free it of the doubt.
struct Use {
    key: &'static str,
    pin: u8,
    /// How the configuration says that it is another pin; empty where the pin stands there itself.
    otherwise: &'static str,
}

/// Refuses a pin that two sections use. `w1_pin` is what `[ambient]` says.
pub(super) fn each_once(
    gpio: PinSettings,
    lcd: Option<&LcdSettings>,
    ambient: Option<&AmbientSensor>,
    w1_pin: Option<u8>,
) -> anyhow::Result<()> {
    let is_w1 = ambient.is_some_and(|sensor| matches!(sensor, AmbientSensor::W1(_)));
    ensure!(is_w1 || w1_pin.is_none(), "[ambient] pin is for `sensor = \"w1\"` only");
    let named = gpio.named().into_iter();
    let mut uses: Vec<Use> =
        named.filter_map(|(key, pin)| Some(Use { key, pin: pin?, otherwise: "" })).collect();
    let light = lcd.and_then(|lcd| lcd.backlight_pwm).and_then(light_pin);
    uses.extend(light);
    let usual = "; if `dtoverlay=w1-gpio` has another, [ambient] pin says which";
    uses.extend(is_w1.then(|| Use {
        key: "[ambient] sensor",
        pin: w1_pin.unwrap_or(USUAL_W1_PIN),
        otherwise: if w1_pin.is_some() { "" } else { usual },
    }));
    for (index, later) in uses.iter().enumerate() {
        if let Some(first) = uses[..index].iter().find(|first| first.pin == later.pin) {
            bail!("{} and {} are both GPIO {}{}", first.key, later.key, later.pin, later.otherwise);
        }
    }
    Ok(())
}

/// The pin at which a PWM channel comes out, by the overlays `pwm` and `pwm-2chan` unless the configuration says it:
/// channels 0 and 1 of the older boards, 2 and 3 of a Pi 5. `None` of a channel that no pin has.
fn light_pin(PwmChannel { channel, pin, .. }: PwmChannel) -> Option<Use> {
    let usual = match channel {
        0 | 2 => 18,
        1 | 3 => 19,
        _ => return pin.map(|pin| Use { key: "[lcd] backlight_pwm", pin, otherwise: "" }),
    };
    let otherwise =
        if pin.is_some() { "" } else { "; if the light hangs on another, `pin` in backlight_pwm says which" };
    Some(Use { key: "[lcd] backlight_pwm", pin: pin.unwrap_or(usual), otherwise })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(
        gpio: &str,
        lcd: Option<&str>,
        ambient: Option<&str>,
        w1_pin: Option<u8>,
    ) -> Result<(), String> {
        let gpio: PinSettings = picollect_settings::parse(gpio, "t").unwrap();
        let lcd = lcd.map(|pwm| format!("address = 0x27\nbacklight_pwm = {pwm}\n"));
        let lcd: Option<LcdSettings> = lcd.map(|text| picollect_settings::parse(&text, "t").unwrap());
        let ambient: Option<AmbientSensor> = ambient.map(|text| text.parse().unwrap());
        each_once(gpio, lcd.as_ref(), ambient.as_ref(), w1_pin).map_err(|error| error.to_string())
    }

    #[test]
    fn one_pin_used_in_two_sections_is_refused_with_both_and_how_to_say_otherwise() {
        let pwm = Some("{ chip = 0, channel = 0 }");
        let clash = checked("fan_tacho = 18", pwm, None, None).unwrap_err();
        assert_eq!(
            clash,
            "[gpio] fan_tacho and [lcd] backlight_pwm are both GPIO 18; if the light hangs on another, `pin` in \
             backlight_pwm says which"
        );
        assert!(checked("fan_tacho = 18", Some("{ chip = 0, channel = 2 }"), None, None).is_err(), "a Pi 5");
        assert!(checked("fan_tacho = 18", Some("{ chip = 0, channel = 0, pin = 12 }"), None, None).is_ok());
        let named = checked("alarm_led = 12", Some("{ chip = 0, channel = 0, pin = 12 }"), None, None);
        assert_eq!(named.unwrap_err(), "[gpio] alarm_led and [lcd] backlight_pwm are both GPIO 12");
        assert!(checked("fan_tacho = 24", pwm, None, None).is_ok());
        let doubled = checked("page_button = 17\nalarm_led = 17", None, None, None).unwrap_err();
        assert_eq!(doubled, "[gpio] page_button and [gpio] alarm_led are both GPIO 17");
        let w1 = checked("page_button = 4", None, Some("w1"), None).unwrap_err();
        assert!(w1.starts_with("[gpio] page_button and [ambient] sensor are both GPIO 4;"), "{w1}");
        assert!(checked("page_button = 4", None, Some("w1"), Some(22)).is_ok());
        assert!(checked("page_button = 22", None, Some("w1"), Some(22)).is_err());
        assert!(checked("page_button = 4", None, Some("lm75"), None).is_ok());
        assert!(checked("", None, Some("lm75"), Some(4)).unwrap_err().contains("only"));
        let light_on_w1 = checked("", Some("{ chip = 0, channel = 0 }"), Some("w1"), Some(18));
        assert!(light_on_w1.is_err());
    }
}
