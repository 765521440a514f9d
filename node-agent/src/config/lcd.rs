//! `[lcd]`: the character panel on one of this node's I2C buses.

use std::collections::BTreeMap;
use std::time::Duration;

use picollect_lcd::Size;
use picollect_lcd::backpack::{PinMap, Pins};
use picollect_lcd::display::Wiring;
use picollect_lcd::pages::Page;
use picollect_lcd::rotation::{DimHours, Settings as Use};
use picollect_lcd::template::Template;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The bus on a Pi's header.
const USUAL_BUS: u8 = 1;
/// What a Pi's bus runs at, and what the expander is rated for.
const USUAL_BUS_HZ: u32 = 100_000;
/// Slower, one write would hold the bus for longer than 5 ms; faster, no expander follows.
const BUS_HZ: std::ops::RangeInclusive<u32> = 10_000..=400_000;
/// A page that stays longer might as well stay for ever, which is `0s`.
const LONGEST_PAGE: Duration = Duration::from_secs(3600);
/// More pages than this nobody waits for.
const MAX_PAGES: usize = 16;
/// The pages that there are without a template.
const PAGES: [(&str, Page); 5] = [
    ("node", Page::Node),
    ("network", Page::Network),
    ("efficiency", Page::Efficiency),
    ("cluster", Page::Cluster),
    ("run", Page::Run),
];

/// All of them are shown if nothing is said, in this order.
const USUAL_PAGES: [Page; 5] = [Page::Node, Page::Network, Page::Cluster, Page::Efficiency, Page::Run];

/// Whether a PCF8574 (0x20 to 0x27) or a PCF8574A (0x38 to 0x3f) can have this address.
pub fn is_backpack(address: u8) -> bool {
    matches!(address, 0x20..=0x27 | 0x38..=0x3f)
}

/// The panel and what it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct LcdSettings {
    /// Number of the I2C bus.
    pub bus: u8,
    /// Where on the bus, how connected, how large.
    pub wiring: Wiring,
    /// The pages in their order; those that have nothing to say are left out as long as that is so.
    pub pages: Vec<Page>,
    /// What the custom pages say.
    pub templates: Vec<Template>,
    /// How long a page stays, and when the light is off.
    pub usage: Use,
}

impl LcdSettings {
    /// A panel of which nothing else is said; refused where no backpack can be.
    pub fn at(address: u8) -> Result<Self, String> {
        Self::of(address, PanelSize::default(), NamedPins::default())
    }

    /// A panel with the usual pages; refused where no backpack can be.
    pub fn of(address: u8, size: PanelSize, pins: NamedPins) -> Result<Self, String> {
        checked(Table { address, size, pins: Wires::Named(pins), ..Table::default() })
    }

    /// What holds, in a line.
    pub fn described(&self) -> String {
        let Wiring { address, pins, bus_hz, size } = self.wiring;
        let wiring = match pins {
            PinMap::USUAL => "usual pins",
            PinMap::MJKDZ => "mjkdz pins",
            _ => "own pins",
        };
        let pages: Vec<_> = self.pages.iter().map(|page| name_of(*page)).collect();
        let Size { columns, rows } = size;
        let place = format!("{columns}x{rows} at {address:#04x} of bus {}, {wiring}, {bus_hz} Hz", self.bus);
        format!("{place}, {} templates, pages {}", self.templates.len(), pages.join(", "))
    }
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default = "usual_bus")]
    bus: u8,
    address: u8,
    #[serde(default)]
    size: PanelSize,
    #[serde(default)]
    pins: Wires,
    #[serde(default = "usual_bus_hz")]
    bus_hz: u32,
    pages: Option<Vec<String>>,
    rotate: Option<String>,
    #[serde(default)]
    templates: BTreeMap<String, Vec<String>>,
    dark_utc: Option<DarkHours>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            bus: USUAL_BUS,
            address: 0,
            size: PanelSize::default(),
            pins: Wires::default(),
            bus_hz: USUAL_BUS_HZ,
            pages: None,
            rotate: None,
            templates: BTreeMap::new(),
            dark_utc: None,
        }
    }
}

fn name_of(page: Page) -> &'static str {
    PAGES.iter().find(|(_, known)| *known == page).map_or("(template)", |(name, _)| name)
}

fn usual_bus() -> u8 {
    USUAL_BUS
}

fn usual_bus_hz() -> u32 {
    USUAL_BUS_HZ
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
    /// In characters.
    pub fn size(self) -> Size {
        match self {
            Self::Small => Size::SMALL,
            Self::Large => Size::LARGE,
        }
    }
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

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "pins is \"usual\", \"mjkdz\" or a table: { rs, rw, e, backlight, data = [D4, D5, D6, D7] } and, \
                 if the light is on when its pin is low, backlight_low = true"
)]
enum Wires {
    Named(NamedPins),
    Each(EachPin),
}

impl Default for Wires {
    fn default() -> Self {
        Self::Named(NamedPins::Usual)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EachPin {
    rs: u8,
    rw: u8,
    e: u8,
    backlight: u8,
    data: [u8; 4],
    #[serde(default)]
    backlight_low: bool,
}

/// Times of the day, such as `22:00`, in UTC: the agent knows no zone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DarkHours {
    from: String,
    to: String,
}

impl<'de> Deserialize<'de> for LcdSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(Table::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn checked(table: Table) -> Result<LcdSettings, String> {
    let Table { bus, address, bus_hz, .. } = table;
    if !is_backpack(address) {
        return Err(format!(
            "a panel's backpack answers at 0x20 to 0x27 or 0x38 to 0x3f, not at {address:#04x}"
        ));
    }
    if !BUS_HZ.contains(&bus_hz) {
        return Err(format!("bus_hz = {bus_hz} is not between {} and {}", BUS_HZ.start(), BUS_HZ.end()));
    }
    let size = table.size.size();
    let names: Vec<&str> = table.templates.keys().map(String::as_str).collect();
    let pages = match &table.pages {
        Some(pages) => pages.iter().map(|name| page(name, &names)).collect::<Result<_, _>>()?,
        None => USUAL_PAGES.into_iter().chain((0..names.len()).map(Page::Custom)).collect(),
    };
    let pages = Some(pages).filter(|pages: &Vec<Page>| (1..=MAX_PAGES).contains(&pages.len()));
    let pages = pages.ok_or(format!("pages wants 1 to {MAX_PAGES} names"))?;
    let dim = table.dark_utc.map(dark).transpose()?;
    let usage = Use { page_ms: page_ms(table.rotate.as_deref())?, dim, ..Use::default() };
    let templates = table.templates.iter().map(|(name, rows)| template(name, rows, size));
    let templates = templates.collect::<Result<_, _>>()?;
    let wiring = Wiring { address, pins: pin_map(&table.pins)?, bus_hz, size };
    Ok(LcdSettings { bus, wiring, pages, templates, usage })
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

fn page(name: &str, templates: &[&str]) -> Result<Page, String> {
    let own = templates.iter().position(|template| *template == name).map(Page::Custom);
    let known = || PAGES.iter().find(|(known, _)| *known == name).map(|(_, page)| *page);
    own.or_else(known).ok_or_else(|| {
        let all: Vec<_> = PAGES.iter().map(|(known, _)| *known).chain(templates.iter().copied()).collect();
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

fn dark(DarkHours { from, to }: DarkHours) -> Result<DimHours, String> {
    Ok(DimHours { from: minute(&from)?, to: minute(&to)?, brightness: 0.0 })
}

/// The minute of the day of `HH:MM`.
fn minute(text: &str) -> Result<u16, String> {
    let parts = text.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2);
    let number = |text: &str, limit: u16| text.parse::<u16>().ok().filter(|number| *number < limit);
    let minute = parts.and_then(|(hours, minutes)| Some(number(hours, 24)? * 60 + number(minutes, 60)?));
    minute.ok_or(format!("`{text}` is no time of the day such as \"22:00\""))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((lcd.bus, lcd.wiring.size, lcd.pages.len()), (1, Size::SMALL, 5));
        assert_eq!(lcd, LcdSettings::at(0x27).unwrap());
    }

    #[test]
    fn everything_can_be_chosen() {
        let lcd = read(
            "address = 0x3f\nbus = 3\nsize = \"20x4\"\npins = \"mjkdz\"\nbus_hz = 400000\npages = [\"mine\", \"run\"]\n\
             rotate = \"0s\"\ndark_utc = { from = \"22:00\", to = \"06:30\" }\n[lcd.templates]\nmine = [\"{name} {temp}°C\"]",
        )
        .unwrap();
        assert_eq!((lcd.bus, lcd.wiring.pins, lcd.wiring.bus_hz), (3, PinMap::MJKDZ, 400_000));
        assert_eq!((lcd.wiring.size, lcd.usage.page_ms), (Size::LARGE, 0));
        assert_eq!(lcd.pages, [Page::Custom(0), Page::Run]);
        assert_eq!(lcd.usage.dim, Some(DimHours { from: 1320, to: 390, brightness: 0.0 }));
        let own =
            read("address = 0x20\npins = { rs = 4, rw = 5, e = 6, backlight = 7, data = [0, 1, 2, 3] }");
        assert_eq!(own.unwrap().wiring.pins.pins().e, 6);
    }

    #[test]
    fn every_mistake_says_what_and_where() {
        let error = |text: &str| read(text).unwrap_err();
        assert!(error("").contains("missing field `address`"));
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
            error("address = 0x27\ndark_utc = { from = \"25:00\", to = \"1\" }")
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
