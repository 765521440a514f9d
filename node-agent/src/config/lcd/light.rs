//! The panel's light: how bright by day, when and how it is dimmed, and what can dim it.

use std::ops::RangeInclusive;

use picollect_lcd::rotation::DimHours;
use serde::Deserialize;

/// Below, the light flickers; above, its transistor no longer follows.
const PWM_HZ: RangeInclusive<u32> = 100..=20_000;
const USUAL_PWM_HZ: u32 = 1_000;
/// The pins of the header at which PWM channels come out.
const PWM_PINS: [u8; 4] = [12, 13, 18, 19];

/// The channel of the kernel's PWM that drives the light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PwmChannel {
    /// The number of the chip, as in `pwmchip0`.
    pub chip: u32,
    /// The channel of the chip, from 0.
    pub channel: u32,
    /// Periods in a second.
    #[serde(default = "usual_pwm_hz")]
    pub hz: u32,
    /// The pin at which it comes out, so that nothing else takes it; `None` is the overlay's usual one.
    #[serde(default)]
    pub pin: Option<u8>,
}

fn usual_pwm_hz() -> u32 {
    USUAL_PWM_HZ
}

/// Times of the day, such as `22:00`, in local time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dim {
    from: String,
    to: String,
    #[serde(default)]
    brightness: u8,
}

/// The keys that say how bright it is.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) brightness: Option<u8>,
    pub(super) dim_hours: Option<Dim>,
    pub(super) backlight_pwm: Option<PwmChannel>,
    /// Whether the panel is its own light: an OLED.
    pub(super) dims_itself: bool,
}

/// Brightness by day, 0 to 1, the dimmed hours, and the PWM.
type Light = (f64, Option<DimHours>, Option<PwmChannel>);

impl Keys {
    /// Refused where a brightness is wanted that nothing can make.
    pub(super) fn checked(self) -> Result<Light, String> {
        let Self { brightness, dim_hours, backlight_pwm, dims_itself } = self;
        if dims_itself && backlight_pwm.is_some() {
            return Err(
                "backlight_pwm: an OLED has no light behind it; `brightness` dims its dots".to_owned()
            );
        }
        if let Some(PwmChannel { hz, .. }) = backlight_pwm.filter(|pwm| !PWM_HZ.contains(&pwm.hz)) {
            return Err(format!(
                "backlight_pwm: hz = {hz} is not between {} and {}",
                PWM_HZ.start(),
                PWM_HZ.end()
            ));
        }
        if let Some(pin) = backlight_pwm.and_then(|pwm| pwm.pin).filter(|pin| !PWM_PINS.contains(pin)) {
            return Err(format!("backlight_pwm: no PWM comes out at GPIO {pin}, only at 12, 13, 18 and 19"));
        }
        let share = |key: &str, percent: u8| match percent {
            0 | 100 => Ok(f64::from(percent) / 100.0),
            1..100 if dims_itself || backlight_pwm.is_some() => Ok(f64::from(percent) / 100.0),
            1..100 => Err(format!(
                "{key} = {percent} wants backlight_pwm: without it the light can only be off (0) or on (100)"
            )),
            101.. => Err(format!("{key} = {percent} is not between 0 and 100 percent")),
        };
        let by_day = share("brightness", brightness.unwrap_or(100))?;
        let dim = dim_hours.map(|dim| {
            let brightness = share("dim_hours: brightness", dim.brightness)?;
            Ok::<_, String>(DimHours { from: minute(&dim.from)?, to: minute(&dim.to)?, brightness })
        });
        Ok((by_day, dim.transpose()?, backlight_pwm))
    }
}

/// The minute of the day of `HH:MM`.
fn minute(text: &str) -> Result<u16, String> {
    let parts = text.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2);
    let number = |text: &str, limit: u16| text.parse::<u16>().ok().filter(|number| *number < limit);
    let minute = parts.and_then(|(hours, minutes)| Some(number(hours, 24)? * 60 + number(minutes, 60)?));
    minute.ok_or(format!("`{text}` is no time of the day such as \"22:00\""))
}
