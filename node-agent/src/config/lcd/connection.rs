//! Where the panel is and what it is: on an I2C bus, with its backpack's wiring or with the controller of an OLED, or
//! behind a driver of the kernel.

use std::path::{Component, PathBuf};

use picollect_lcd::Size;
use picollect_lcd::backpack::{PinMap, Pins};
use picollect_lcd::display::Wiring;
use picollect_lcd::oled::display::OledWiring;
use picollect_lcd::oled::{Controller, OledSize};
use serde::Deserialize;

/// The bus on a Pi's header.
const USUAL_BUS: u8 = 1;
/// What a Pi's bus runs at, and what the expander is rated for.
const USUAL_BUS_HZ: u32 = 100_000;
/// Slower, one write would hold the bus for longer than 5 ms; faster, no expander follows.
const BUS_HZ: std::ops::RangeInclusive<u32> = 10_000..=400_000;

/// An OLED's write has eight bytes before its picture, which take longer than 5 ms on a slower bus.
const LEAST_OLED_HZ: u32 = 20_000;
/// Where OLEDs answer: a resistor on the module chooses.
pub const OLED_ADDRESSES: [u8; 2] = [0x3c, 0x3d];

/// Where the panel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// On the I2C bus of this number; the agent has the address to itself.
    Bus(u8, Wiring),
    /// An OLED on the I2C bus of this number.
    Oled(u8, OledWiring),
    /// The kernel's driver has it: this is its character device, by its path below the root.
    Device(PathBuf),
}

impl Connection {
    /// What holds, in a few words.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Bus(number, Wiring { address, pins, bus_hz, .. }) => {
                let pins = match *pins {
                    PinMap::USUAL => "usual pins",
                    PinMap::MJKDZ => "mjkdz pins",
                    _ => "own pins",
                };
                format!("at {address:#04x} of bus {number}, {pins}, {bus_hz} Hz")
            }
            Self::Oled(number, OledWiring { address, bus_hz, controller, .. }) => {
                format!("{} at {address:#04x} of bus {number}, {bus_hz} Hz", controller.name())
            }
            Self::Device(path) => format!("at /{} of the kernel's driver", path.display()),
        }
    }
}

/// What drives the panel's dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A panel of characters behind a PCF8574
    #[default]
    Hd44780,
    /// An OLED, as most of 0.96 inch and less have it
    Ssd1306,
    /// An OLED, as most of 1.3 inch have it
    Sh1106,
}

impl Driver {
    /// Of an OLED.
    pub fn controller(self) -> Option<Controller> {
        match self {
            Self::Hd44780 => None,
            Self::Ssd1306 => Some(Controller::Ssd1306),
            Self::Sh1106 => Some(Controller::Sh1106),
        }
    }
}

/// An OLED at this address of a bus of the usual speed; refused where none can be.
pub fn oled_wiring(address: u8, controller: Controller, size: OledSize) -> Result<OledWiring, String> {
    if OLED_ADDRESSES.contains(&address) {
        return Ok(OledWiring { address, bus_hz: USUAL_BUS_HZ, controller, size });
    }
    Err(format!("an OLED answers at 0x3c or 0x3d, not at {address:#04x}"))
}

/// Whether a PCF8574 (0x20 to 0x27) or a PCF8574A (0x38 to 0x3f) can have this address.
pub fn is_backpack(address: u8) -> bool {
    matches!(address, 0x20..=0x27 | 0x38..=0x3f)
}

/// A panel at this address of a bus of the usual speed; refused where no backpack can be.
pub fn wiring(address: u8, size: Size, pins: PinMap) -> Result<Wiring, String> {
    if is_backpack(address) {
        return Ok(Wiring { address, pins, bus_hz: USUAL_BUS_HZ, size });
    }
    Err(format!("a panel's backpack answers at 0x20 to 0x27 or 0x38 to 0x3f, not at {address:#04x}"))
}

/// A backpack's wiring that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum NamedPins {
    /// RS, RW, E and the backlight on P0 to P3, the data on P4 to P7
    #[default]
    Usual,
    /// Boards marked MJKDZ
    Mjkdz,
}

impl NamedPins {
    /// Pin by pin.
    pub fn map(self) -> PinMap {
        match self {
            Self::Usual => PinMap::USUAL,
            Self::Mjkdz => PinMap::MJKDZ,
        }
    }
}

/// The pins as they are written.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "pins is \"usual\", \"mjkdz\" or a table: { rs, rw, e, backlight, data = [D4, D5, D6, D7] } and, \
                 if the light is on when its pin is low, backlight_low = true"
)]
pub(super) enum Wires {
    Named(NamedPins),
    Each(EachPin),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EachPin {
    rs: u8,
    rw: u8,
    e: u8,
    backlight: u8,
    data: [u8; 4],
    #[serde(default)]
    backlight_low: bool,
}

/// The keys that say where the panel is, as far as they stand there.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) device: Option<PathBuf>,
    pub(super) bus: Option<u8>,
    pub(super) address: Option<u8>,
    pub(super) pins: Option<Wires>,
    pub(super) bus_hz: Option<u32>,
}

impl Keys {
    /// Where an OLED is; refused where a key of another panel stands there.
    pub(super) fn of_oled(&self, controller: Controller, size: OledSize) -> Result<Connection, String> {
        let others = [("device", self.device.is_some()), ("pins", self.pins.is_some())];
        if let Some((key, _)) = others.into_iter().find(|(_, named)| *named) {
            return Err(format!(
                "`{key}` is a key of character panels: driver = \"{}\" has none",
                controller.name()
            ));
        }
        let address = self.address.ok_or("`address` is missing: that of the OLED, 0x3c or 0x3d")?;
        let bus_hz = self.bus_hz()?;
        if bus_hz < LEAST_OLED_HZ {
            return Err(format!("bus_hz = {bus_hz} is too slow for an OLED: {LEAST_OLED_HZ} or more"));
        }
        let wiring = OledWiring { bus_hz, ..oled_wiring(address, controller, size)? };
        Ok(Connection::Oled(self.bus.unwrap_or(USUAL_BUS), wiring))
    }

    fn bus_hz(&self) -> Result<u32, String> {
        let bus_hz = self.bus_hz.unwrap_or(USUAL_BUS_HZ);
        if BUS_HZ.contains(&bus_hz) {
            return Ok(bus_hz);
        }
        Err(format!("bus_hz = {bus_hz} is not between {} and {}", BUS_HZ.start(), BUS_HZ.end()))
    }

    /// Where a panel of this size is; refused where the keys do not go together.
    pub(super) fn checked(self, size: Size) -> Result<Connection, String> {
        let Some(device) = self.device else { return self.on_bus(size) };
        let named = [
            ("address", self.address.is_some()),
            ("bus", self.bus.is_some()),
            ("pins", self.pins.is_some()),
            ("bus_hz", self.bus_hz.is_some()),
        ];
        if let Some((key, _)) = named.into_iter().find(|(_, named)| *named) {
            return Err(format!(
                "`device` and `{key}` exclude each other: where the kernel's driver has the panel, it alone knows how it is connected"
            ));
        }
        let below = device.strip_prefix("/").ok().filter(|below| {
            below.components().all(|part| matches!(part, Component::Normal(_))) && below.file_name().is_some()
        });
        let below = below.ok_or_else(|| format!("device = \"{}\" is no path from /", device.display()))?;
        Ok(Connection::Device(below.to_owned()))
    }

    fn on_bus(self, size: Size) -> Result<Connection, String> {
        let address = self.address.ok_or(
            "`address` is missing: that of the backpack, such as 0x27, or `device` where a driver of the kernel has the panel",
        )?;
        let bus_hz = self.bus_hz()?;
        let pins = self.pins.map_or(Ok(PinMap::USUAL), |pins| pin_map(&pins))?;
        let wiring = Wiring { bus_hz, ..wiring(address, size, pins)? };
        Ok(Connection::Bus(self.bus.unwrap_or(USUAL_BUS), wiring))
    }
}

fn pin_map(pins: &Wires) -> Result<PinMap, String> {
    match *pins {
        Wires::Named(named) => Ok(named.map()),
        Wires::Each(EachPin { rs, rw, e, backlight, data, backlight_low }) => {
            let pins = Pins { rs, rw, e, backlight, data, backlight_low };
            PinMap::new(pins).map_err(|error| format!("pins: {error}"))
        }
    }
}
