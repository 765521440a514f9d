//! `[lcd]`: the character panel on one of this node's I2C buses.

mod connection;
mod light;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use picollect_lcd::Size;
use picollect_lcd::display::Wiring;
use picollect_lcd::page::Page;
use picollect_lcd::rotation::Settings as Use;
use picollect_lcd::template::Template;
use serde::{Deserialize, Deserializer, de::Error as _};

pub use self::connection::{Connection, NamedPins, is_backpack, wiring};
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
    /// Columns and rows.
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
            Connection::Device(_) => None,
        }
    }

    /// What holds, in a line.
    pub fn described(&self) -> String {
        let pages: Vec<_> = self.pages.iter().map(|page| name_of(*page)).collect();
        let Size { columns, rows } = self.size;
        let place = self.connection.described();
        let light =
            self.backlight_pwm.map(|pwm| format!(", light on pwmchip{} channel {}", pwm.chip, pwm.channel));
        let light = light.unwrap_or_default();
        format!(
            "{columns}x{rows} {place}{light}, {} templates, pages {}",
            self.templates.len(),
            pages.join(", ")
        )
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LcdTable {
    device: Option<PathBuf>,
    bus: Option<u8>,
    address: Option<u8>,
    #[serde(default)]
    size: PanelSize,
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

/// The two sizes that pages are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
pub enum PanelSize {
    /// 16 columns, 2 rows
    #[default]
    #[serde(rename = "16x2")]
    #[value(name = "16x2")]
    Small,
    /// 20 columns, 4 rows
    #[serde(rename = "20x4")]
    #[value(name = "20x4")]
    Large,
}

impl PanelSize {
    /// Columns and rows, in characters.
    pub fn size(self) -> Size {
        match self {
            Self::Small => Size::SMALL,
            Self::Large => Size::LARGE,
        }
    }
}

impl<'de> Deserialize<'de> for LcdSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(LcdTable::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn checked(table: LcdTable) -> Result<LcdSettings, String> {
    let LcdTable { device, bus, address, pins, bus_hz, brightness, dim_hours, backlight_pwm, .. } = table;
    let size = table.size.size();
    let connection = connection::Keys { device, bus, address, pins, bus_hz }.checked(size)?;
    let (brightness, dim, backlight_pwm) = light::Keys { brightness, dim_hours, backlight_pwm }.checked()?;
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
