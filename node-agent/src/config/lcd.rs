//! `[lcd]`: the panel on one of this node's I2C buses, of characters or of dots.

mod connection;
mod light;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use picollect_lcd::Size;
use picollect_lcd::display::Wiring;
use picollect_lcd::oled::OledSize;
use picollect_lcd::page::Page;
use picollect_lcd::rotation::Settings as Use;
use picollect_lcd::template::Template;
use serde::{Deserialize, Deserializer, de::Error as _};

pub use self::connection::{Connection, Driver, NamedPins, OLED_ADDRESSES, is_backpack, oled_wiring, wiring};
pub use self::light::PwmChannel;

/// A page that stays longer might as well stay for ever, which is `0s`.
const LONGEST_PAGE: Duration = Duration::from_secs(3600);
/// More pages than this nobody waits for.
const MAX_PAGES: usize = 16;
/// The panel and what it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct LcdSettings {
    /// On a bus of its own wiring, or behind the kernel's driver.
    pub connection: Connection,
    /// Columns and rows; of an OLED those of its small letters, for which templates are written.
    pub size: Size,
    /// What dims its light, if anything can.
    pub backlight_pwm: Option<PwmChannel>,
    /// The pages in their order; those that have nothing to say are left out as long as that is so.
    pub pages: Vec<Page>,
    /// What the custom pages say.
    pub templates: Vec<Template>,
    /// How long a page stays, how bright it is, and when it is dimmed.
    pub usage: Use,
}

impl LcdSettings {
    /// A panel with the usual pages at an address; refused where no backpack can be.
    pub fn at(address: u8) -> Result<Self, String> {
        checked(LcdTable { address: Some(address), ..LcdTable::default() })
    }

    /// The number of the I2C bus and the wiring, where it is the agent that has the panel.
    pub fn on_bus(&self) -> Option<(u8, Wiring)> {
        match self.connection {
            Connection::Bus(number, wiring) => Some((number, wiring)),
            Connection::Oled(..) | Connection::Device(_) => None,
        }
    }

    /// Number of the bus and address that the agent writes to, whichever panel is there.
    pub fn address(&self) -> Option<(u8, u8)> {
        match self.connection {
            Connection::Bus(number, wiring) => Some((number, wiring.address)),
            Connection::Oled(number, wiring) => Some((number, wiring.address)),
            Connection::Device(_) => None,
        }
    }

    /// Its glass, if it is an OLED.
    pub fn glass(&self) -> Option<OledSize> {
        match self.connection {
            Connection::Oled(_, wiring) => Some(wiring.size),
            Connection::Bus(..) | Connection::Device(_) => None,
        }
    }

    /// What holds, in a line.
    pub fn described(&self) -> String {
        let pages: Vec<_> = self.pages.iter().map(|page| name_of(*page)).collect();
        let Size { columns, rows } = self.size;
        let size = self.glass().map_or_else(|| format!("{columns}x{rows}"), |glass| glass.name().to_owned());
        let place = self.connection.described();
        let light =
            self.backlight_pwm.map(|pwm| format!(", light on pwmchip{} channel {}", pwm.chip, pwm.channel));
        let light = light.unwrap_or_default();
        format!("{size} {place}{light}, {} templates, pages {}", self.templates.len(), pages.join(", "))
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LcdTable {
    #[serde(default)]
    driver: Driver,
    device: Option<PathBuf>,
    bus: Option<u8>,
    address: Option<u8>,
    size: Option<PanelSize>,
    pins: Option<connection::Wires>,
    bus_hz: Option<u32>,
    pages: Option<Vec<String>>,
    rotate: Option<String>,
    #[serde(default)]
    templates: BTreeMap<String, Vec<String>>,
    brightness: Option<u8>,
    dim_hours: Option<light::Dim>,
    backlight_pwm: Option<PwmChannel>,
}

fn name_of(page: Page) -> &'static str {
    Page::NAMES.iter().find(|(_, known)| *known == page).map_or("(template)", |(name, _)| name)
}

/// The sizes that pages are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
pub enum PanelSize {
    /// 16 columns, 2 rows
    #[serde(rename = "16x2")]
    #[value(name = "16x2")]
    Small,
    /// 20 columns, 4 rows
    #[serde(rename = "20x4")]
    #[value(name = "20x4")]
    Large,
    /// An OLED of 128 by 64 dots
    #[serde(rename = "128x64")]
    #[value(name = "128x64")]
    Tall,
    /// An OLED of 128 by 32 dots
    #[serde(rename = "128x32")]
    #[value(name = "128x32")]
    Flat,
}

impl PanelSize {
    /// In characters; refused for dots.
    pub fn characters(size: Option<Self>) -> Result<Size, String> {
        match size {
            None | Some(Self::Small) => Ok(Size::SMALL),
            Some(Self::Large) => Ok(Size::LARGE),
            Some(Self::Tall | Self::Flat) => {
                Err("this size is an OLED's: it wants driver = \"ssd1306\" or \"sh1106\"".to_owned())
            }
        }
    }

    /// In dots; refused for characters.
    pub fn dots(size: Option<Self>) -> Result<OledSize, String> {
        match size {
            None | Some(Self::Tall) => Ok(OledSize::Tall),
            Some(Self::Flat) => Ok(OledSize::Flat),
            Some(Self::Small | Self::Large) => {
                Err("this size is of characters: an OLED has \"128x64\" or \"128x32\"".to_owned())
            }
        }
    }
}

impl<'de> Deserialize<'de> for LcdSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(LcdTable::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn checked(table: LcdTable) -> Result<LcdSettings, String> {
    let LcdTable { driver, device, bus, address, pins, bus_hz, brightness, dim_hours, backlight_pwm, .. } =
        table;
    let keys = connection::Keys { device, bus, address, pins, bus_hz };
    let (connection, size) = if let Some(controller) = driver.controller() {
        let glass = PanelSize::dots(table.size)?;
        (keys.of_oled(controller, glass)?, glass.letters())
    } else {
        let size = PanelSize::characters(table.size)?;
        (keys.checked(size)?, size)
    };
    let dims_itself = matches!(connection, Connection::Oled(..));
    let light = light::Keys { brightness, dim_hours, backlight_pwm, dims_itself };
    let (brightness, dim, backlight_pwm) = light.checked()?;
    let names: Vec<&str> = table.templates.keys().map(String::as_str).collect();
    let pages = match &table.pages {
        Some(pages) => pages.iter().map(|name| page(name, &names)).collect::<Result<_, _>>()?,
        None => Page::USUAL.into_iter().chain((0..names.len()).map(Page::Custom)).collect(),
    };
    let pages = Some(pages).filter(|pages: &Vec<Page>| (1..=MAX_PAGES).contains(&pages.len()));
    let pages = pages.ok_or(format!("pages wants 1 to {MAX_PAGES} names"))?;
    let usage = Use { page_ms: page_ms(table.rotate.as_deref())?, brightness, dim };
    let templates = table.templates.iter().map(|(name, rows)| template(name, rows, size));
    let templates = templates.collect::<Result<_, _>>()?;
    Ok(LcdSettings { connection, size, backlight_pwm, pages, templates, usage })
}

fn page(name: &str, templates: &[&str]) -> Result<Page, String> {
    let own = templates.iter().position(|template| *template == name).map(Page::Custom);
    let known = || Page::NAMES.iter().find(|(known, _)| *known == name).map(|(_, page)| *page);
    own.or_else(known).ok_or_else(|| {
        let all: Vec<_> =
            Page::NAMES.iter().map(|(known, _)| *known).chain(templates.iter().copied()).collect();
        format!("there is no page `{name}`; there are {}", all.join(", "))
    })
}

fn template(name: &str, rows: &[String], size: Size) -> Result<Template, String> {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    Template::parse(&rows, size).map_err(|error| format!("the template `{name}`, {error}"))
}

fn page_ms(rotate: Option<&str>) -> Result<u64, String> {
    let Some(text) = rotate else { return Ok(Use::default().page_ms) };
    let time = humantime::parse_duration(text).map_err(|error| format!("rotate = \"{text}\": {error}"))?;
    let fits = time.is_zero() || (Duration::from_secs(1)..=LONGEST_PAGE).contains(&time);
    let ms = u64::try_from(time.as_millis()).ok().filter(|_| fits);
    ms.ok_or(format!("rotate = \"{text}\" is not between 1s and 1h, or 0s for never"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_lcd::backpack::PinMap;
    use picollect_lcd::rotation::DimHours;

    #[derive(Debug, Deserialize)]
    struct File {
        lcd: LcdSettings,
    }

    fn read(text: &str) -> Result<LcdSettings, String> {
        let text = format!("[lcd]\n{text}");
        let file = picollect_settings::parse::<File>(&text, "agent.toml");
        file.map(|file| file.lcd).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_enough() {
        let lcd = read("address = 0x27").unwrap();
        assert_eq!((lcd.on_bus().unwrap().0, lcd.size, lcd.pages.len()), (1, Size::SMALL, 6));
        assert_eq!((lcd.usage, lcd.backlight_pwm), (Use::default(), None));
        assert_eq!(lcd, LcdSettings::at(0x27).unwrap());
    }

    #[test]
    fn everything_can_be_chosen() {
        let lcd = read(
            "address = 0x3f\nbus = 3\nsize = \"20x4\"\npins = \"mjkdz\"\nbus_hz = 400000\npages = [\"mine\", \"run\"]\n\
             rotate = \"0s\"\nbrightness = 60\ndim_hours = { from = \"22:00\", to = \"06:30\", brightness = 5 }\n\
             backlight_pwm = { chip = 2, channel = 1 }\n[lcd.templates]\nmine = [\"{name} {temp}°C\"]",
        )
        .unwrap();
        let (bus, wiring) = lcd.on_bus().unwrap();
        assert_eq!((bus, wiring.pins, wiring.bus_hz), (3, PinMap::MJKDZ, 400_000));
        assert_eq!((lcd.size, wiring.size, lcd.usage.page_ms), (Size::LARGE, Size::LARGE, 0));
        assert_eq!(lcd.pages, [Page::Custom(0), Page::Run]);
        let dim = DimHours { from: 1320, to: 390, brightness: 0.05 };
        assert_eq!((lcd.usage.brightness, lcd.usage.dim), (0.6, Some(dim)));
        assert_eq!(lcd.backlight_pwm, Some(PwmChannel { chip: 2, channel: 1, hz: 1000, pin: None }));
        let own =
            read("address = 0x20\npins = { rs = 4, rw = 5, e = 6, backlight = 7, data = [0, 1, 2, 3] }");
        assert_eq!(own.unwrap().on_bus().unwrap().1.pins.pins().e, 6);
    }

    #[test]
    fn a_panel_of_the_kernels_is_named_by_its_device_and_by_nothing_else() {
        let lcd = read("device = \"/dev/lcd\"\nsize = \"20x4\"").unwrap();
        assert_eq!((lcd.connection.clone(), lcd.on_bus()), (Connection::Device("dev/lcd".into()), None));
        assert!(
            lcd.described().starts_with("20x4 at /dev/lcd of the kernel's driver, "),
            "{}",
            lcd.described()
        );
        for key in ["address = 0x27", "bus = 1", "pins = \"usual\"", "bus_hz = 100000"] {
            let error = read(&format!("device = \"/dev/lcd\"\n{key}")).unwrap_err();
            let key = key.split_once(' ').unwrap().0;
            assert!(error.contains(&format!("`device` and `{key}` exclude each other")), "{error}");
        }
        for path in ["lcd", "/", "/dev/../etc/passwd", ""] {
            assert!(read(&format!("device = \"{path}\"")).unwrap_err().contains("is no path from /"));
        }
    }

    #[test]
    fn an_oled_is_named_by_its_driver_and_dims_itself() {
        let lcd = read("driver = \"sh1106\"\naddress = 0x3c\nbrightness = 40\n[lcd.templates]\nmine = [\"{name} {temp:>5}°C\", \"\", \"\", \"\", \"{kwh}\"]").unwrap();
        assert_eq!((lcd.address(), lcd.glass(), lcd.on_bus()), (Some((1, 0x3c)), Some(OledSize::Tall), None));
        assert!(
            lcd.described().starts_with("128x64 sh1106 at 0x3c of bus 1, 100000 Hz, 1 templates"),
            "{}",
            lcd.described()
        );
        assert_eq!((lcd.usage.brightness, lcd.size.columns, lcd.size.rows), (0.4, 20, 8));
        let flat = read("driver = \"ssd1306\"\naddress = 0x3d\nsize = \"128x32\"\nbus_hz = 400000").unwrap();
        assert_eq!((flat.glass(), flat.address()), (Some(OledSize::Flat), Some((1, 0x3d))));
    }

    #[test]
    fn what_does_not_go_with_an_oled_is_refused() {
        let error = |text: &str| read(&format!("driver = \"ssd1306\"\n{text}")).unwrap_err();
        assert!(error("").contains("`address` is missing: that of the OLED, 0x3c or 0x3d"));
        assert!(error("address = 0x27").contains("an OLED answers at 0x3c or 0x3d, not at 0x27"));
        assert!(error("address = 0x3c\nsize = \"20x4\"").contains("an OLED has \"128x64\" or \"128x32\""));
        assert!(error("address = 0x3c\npins = \"usual\"").contains("`pins` is a key of character panels"));
        assert!(error("address = 0x3c\nbus_hz = 10000").contains("too slow for an OLED: 20000 or more"));
        let pwm = error("address = 0x3c\nbacklight_pwm = { chip = 0, channel = 0 }");
        assert!(pwm.contains("an OLED has no light behind it"), "{pwm}");
        let characters = read("address = 0x27\nsize = \"128x64\"").unwrap_err();
        assert!(characters.contains("it wants driver = \"ssd1306\" or \"sh1106\""), "{characters}");
    }

    #[test]
    fn a_brightness_that_nothing_can_make_is_refused() {
        let error = |text: &str| read(&format!("address = 0x27\n{text}")).unwrap_err();
        assert!(error("brightness = 50").contains("brightness = 50 wants backlight_pwm"));
        assert!(error("brightness = 101").contains("is not between 0 and 100 percent"));
        let dim = "dim_hours = { from = \"22:00\", to = \"06:00\", brightness = 10 }";
        assert!(error(dim).contains("dim_hours: brightness = 10 wants backlight_pwm"));
        assert!(
            error("backlight_pwm = { chip = 0, channel = 0, hz = 50 }").contains("hz = 50 is not between")
        );
        assert!(error("dark_utc = { from = \"22:00\", to = \"06:00\" }").contains("unknown key `dark_utc`"));
    }

    #[test]
    fn every_mistake_says_what_and_where() {
        let error = |text: &str| read(text).unwrap_err();
        assert!(error("").contains("`address` is missing"));
        assert!(error("address = 0x40").ends_with("0x20 to 0x27 or 0x38 to 0x3f, not at 0x40"));
        assert!(error("address = 0x27\ncolour = 1").starts_with("agent.toml:3:1: unknown key `colour`"));
        assert!(error("address = 0x27\nsize = \"40x2\"").starts_with("agent.toml:3:"));
        assert!(error("address = 0x27\npins = \"odd\"").contains("pins is \"usual\", \"mjkdz\" or a table"));
        assert!(error("address = 0x27\nbus_hz = 1").contains("is not between 10000 and 400000"));
        assert!(
            error("address = 0x27\npages = [\"nodes\"]")
                .contains("there is no page `nodes`; there are node,")
        );
        assert!(error("address = 0x27\npages = []").contains("1 to 16 names"));
        assert!(error("address = 0x27\nrotate = \"2h\"").contains("is not between 1s and 1h"));
        assert!(
            error("address = 0x27\ndim_hours = { from = \"25:00\", to = \"1\" }")
                .contains("`25:00` is no time")
        );
        let pins = "address = 0x27\npins = { rs = 0, rw = 0, e = 2, backlight = 3, data = [4, 5, 6, 7] }";
        assert!(error(pins).contains("pin 0 of the expander is named twice"));
    }

    #[test]
    fn a_template_that_cannot_fit_or_names_an_unknown_field_is_refused() {
        let error =
            |row: &str| read(&format!("address = 0x27\n[lcd.templates]\nmine = [\"{row}\"]")).unwrap_err();
        assert!(error("{name:12} {temp:6}").contains("the template `mine`, row 1, column 11: from here on"));
        assert!(error("{nam}").contains("there is no field `nam`"));
    }
}
