//! `[[meter]]`: the power-monitor chips that are wired to this node's I2C buses.

use std::collections::BTreeMap;

use picollect_telemetry::Boundary;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::calibration::Calibration;
use crate::power_chip::Chip;
use crate::power_model::UsualPower;

/// What most breakout boards carry.
const USUAL_SHUNT_OHM: f64 = 0.1;
/// What these shunts are sold with.
const USUAL_SHUNT_TOLERANCE: f64 = 0.01;
/// The bus on a Pi's header.
const USUAL_BUS: u8 = 1;
/// A board's supply.
const NOMINAL_VOLTS: f64 = 5.0;

/// One meter: a chip, or one channel of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterSettings {
    /// Which chip answers there; it is not guessed.
    pub chip: Chip,
    /// Number of the I2C bus.
    pub bus: u8,
    /// The chip's address on it.
    pub address: u8,
    /// Channel, from 1; 1 where there is only one.
    pub channel: u8,
    /// The shunt's resistance; nothing to a chip with a shunt inside.
    pub shunt_ohm: f64,
    /// What the meter is drawn around.
    pub boundary: Boundary,
    /// The node that it feeds; `None` is the one that reads it.
    pub node: Option<String>,
    /// How far the shunt may be off, as a share of its resistance.
    pub shunt_tolerance: f64,
    /// Against a better meter.
    pub calibration: Calibration,
    /// Greatest error as a share of the reading, in place of the datasheet's.
    pub gain_error: Option<f64>,
    /// Greatest error at any reading in watts, in place of the datasheet's.
    pub offset_error_w: Option<f64>,
    name: Option<String>,
    /// Whether the configuration says the boundary.
    boundary_is_given: bool,
}

impl MeterSettings {
    /// The meter's name in every series: the configured one, else chip, bus, address and channel, which are
    /// known whether or not the chip answers.
    pub fn key(&self) -> String {
        let Self { chip, bus, address, channel, .. } = self;
        let chip_name = chip.as_str();
        match &self.name {
            Some(name) => name.clone(),
            None if chip.channels() > 1 => format!("{chip_name}-{bus}-{address:x}-{channel}"),
            None => format!("{chip_name}-{bus}-{address:x}"),
        }
    }

    /// The configured name; `None` where [`key`](Self::key) is made of chip, bus and address.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Why its shunt is too large for what the board takes, as its owner is told; `None` where it is not, or where
    /// nobody knows what the board takes. `usual` is of the board that reads it; of a meter that feeds another one nothing
    /// is known.
    pub fn shunt_overflows(&self, usual: Option<UsualPower>) -> Option<String> {
        let usual = usual.filter(|_| self.boundary == Boundary::Node && self.node.is_none())?;
        let most_amps = self.chip.shunt_range_volts()? / self.shunt_ohm;
        let needed_amps = usual.busy_w / NOMINAL_VOLTS;
        (needed_amps > most_amps).then(|| {
            format!(
                "{}: an {} with {} Ω shows at most {most_amps:.2} A, and such a board takes {needed_amps:.2} A when it is \
                 busy: then there is no value (overflow). Its shunt may have {:.0} mΩ at most",
                self.key(),
                self.chip.as_str(),
                self.shunt_ohm,
                self.shunt_ohm * most_amps / needed_amps * 1e3
            )
        })
    }

    fn clashes(&self, other: &Self) -> Option<String> {
        let (key, place) = (self.key(), (self.bus, self.address));
        if place == (other.bus, other.address) {
            if self.chip != other.chip {
                return Some(format!("two different chips at address {:#04x} of bus {}", place.1, place.0));
            }
            if self.channel == other.channel {
                return Some(format!("`{key}` is there twice"));
            }
        }
        (key == other.key() && self.node == other.node).then(|| format!("two meters are called `{key}`"))
    }
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeterTable {
    chip: Chip,
    #[serde(default = "usual_bus")]
    bus: u8,
    address: u8,
    channel: Option<u8>,
    shunt_ohm: Option<f64>,
    shunt_tolerance: Option<f64>,
    #[serde(default, deserialize_with = "boundary")]
    boundary: Option<Boundary>,
    gain: Option<f64>,
    offset_a: Option<f64>,
    offset_w: Option<f64>,
    gain_error: Option<f64>,
    offset_error_w: Option<f64>,
    name: Option<String>,
    node: Option<String>,
}

fn usual_bus() -> u8 {
    USUAL_BUS
}

fn boundary<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Boundary>, D::Error> {
    known_boundary(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

fn known_boundary(text: &str) -> Result<Boundary, String> {
    let known = || Boundary::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ");
    Boundary::from_name(text).ok_or_else(|| format!("unknown boundary `{text}`; known are {}", known()))
}

/// A table of names with the boundary of each.
///
/// # Errors
///
/// At a boundary that is none.
pub fn boundaries<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Boundary>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(from)?;
    let known = |(name, text): (String, String)| Ok((name, known_boundary(&text)?));
    texts.into_iter().map(known).collect::<Result<_, String>>().map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for MeterSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(MeterTable::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn checked(table: MeterTable) -> Result<MeterSettings, String> {
    let MeterTable { chip, bus, address, boundary, name, node, .. } = table;
    let (chip_name, channels) = (chip.as_str(), chip.channels());
    if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        return Err("`name` is empty: leave it out for one made of chip, bus and address".to_owned());
    }
    if node.as_ref().is_some_and(|node| node.trim().is_empty()) {
        return Err("`node` is empty: leave it out for the node that reads the meter".to_owned());
    }
    if !chip.addresses().contains(&address) {
        let (first, last) = (chip.addresses().start().to_owned(), chip.addresses().end().to_owned());
        return Err(format!("an {chip_name} answers at {first:#04x} to {last:#04x}, not at {address:#04x}"));
    }
    let channel = match table.channel {
        Some(channel) if !(1..=channels).contains(&channel) => {
            return Err(format!("an {chip_name} has no channel {channel}"));
        }
        None if channels > 1 => return Err(format!("an {chip_name} wants `channel = 1` to {channels}")),
        channel => channel.unwrap_or(1),
    };
    let shunt_ohm = match table.shunt_ohm {
        Some(_) if !chip.has_external_shunt() => {
            return Err(format!("an {chip_name} has its shunt inside: leave `shunt_ohm` out"));
        }
        Some(ohm) if !(1e-5..=10.0).contains(&ohm) => {
            return Err(format!("shunt_ohm = {ohm} is not between 0.00001 and 10"));
        }
        ohm => ohm.unwrap_or(USUAL_SHUNT_OHM),
    };
    let (offset_a, offset_w) = (table.offset_a, table.offset_w);
    if offset_a.is_some() && offset_w.is_some() {
        return Err("`offset_a` and `offset_w` say the same thing: one of them".into());
    }
    let calibration = Calibration {
        gain: table.gain.unwrap_or(1.0),
        offset_a: offset_a.unwrap_or(0.0),
        offset_w: offset_w.unwrap_or(0.0),
    };
    if !(0.1..=10.0).contains(&calibration.gain) {
        return Err(format!("gain = {} is not between 0.1 and 10", calibration.gain));
    }
    if !(calibration.offset_a.abs() <= 1.0 && calibration.offset_w.abs() <= 10.0) {
        return Err("an offset beyond 1 A or 10 W is no calibration".into());
    }
    let shunt_tolerance = table.shunt_tolerance.unwrap_or(USUAL_SHUNT_TOLERANCE);
    let (gain_error, offset_error_w) = (table.gain_error, table.offset_error_w);
    errors(shunt_tolerance, gain_error, offset_error_w)?;
    Ok(MeterSettings {
        chip,
        bus,
        address,
        channel,
        shunt_ohm,
        boundary: boundary.unwrap_or(Boundary::Node),
        node,
        shunt_tolerance,
        calibration,
        gain_error,
        offset_error_w,
        name,
        boundary_is_given: boundary.is_some(),
    })
}

/// Nothing is exact, and a meter that is half wrong is none.
fn errors(tolerance: f64, gain_error: Option<f64>, offset_w: Option<f64>) -> Result<(), String> {
    for (key, share) in [("shunt_tolerance", Some(tolerance)), ("gain_error", gain_error)] {
        if let Some(share) = share.filter(|share| !(1e-6..=0.5).contains(share)) {
            return Err(format!("{key} = {share} is not between 0.000001 and 0.5; 0.01 is one per cent"));
        }
    }
    match offset_w.filter(|watts| !(0.0..=10.0).contains(watts)) {
        Some(watts) => Err(format!("offset_error_w = {watts} is not between 0 and 10")),
        None => Ok(()),
    }
}

/// Several channels of one chip that feed one node are parts of something, unless the configuration says of one what it
/// is. A channel that feeds a node alone is that node.
fn channels_are_rails(meters: &mut [MeterSettings]) {
    let fed = |meter: &MeterSettings| (meter.bus, meter.address, meter.node.clone());
    let all: Vec<_> = meters.iter().map(fed).collect();
    for meter in meters.iter_mut().filter(|meter| !meter.boundary_is_given) {
        if all.iter().filter(|other| **other == fed(meter)).count() > 1 {
            meter.boundary = Boundary::Rail;
        }
    }
}

/// All `[[meter]]` tables; no two of them are the same meter.
pub fn meters<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<MeterSettings>, D::Error> {
    let mut meters = Vec::<MeterSettings>::deserialize(from)?;
    channels_are_rails(&mut meters);
    let mut pairs =
        meters.iter().enumerate().flat_map(|(at, meter)| meters[..at].iter().map(move |b| (meter, b)));
    match pairs.find_map(|(a, b)| a.clashes(b)) {
        Some(clash) => Err(D::Error::custom(clash)),
        None => Ok(meters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        #[serde(deserialize_with = "meters")]
        meter: Vec<MeterSettings>,
    }

    fn read(text: &str) -> Result<Vec<MeterSettings>, String> {
        let file = picollect_settings::parse::<File>(text, "agent.toml");
        file.map(|file| file.meter).map_err(|error| error.to_string())
    }

    #[test]
    fn chip_and_address_are_enough() {
        let got = &read("[[meter]]\nchip = \"ina219\"\naddress = 0x40\n").unwrap()[0];
        assert_eq!((got.key().as_str(), got.bus, got.shunt_ohm), ("ina219-1-40", 1, 0.1));
        assert_eq!((got.boundary, got.calibration), (Boundary::Node, Calibration::default()));
    }

    #[test]
    fn channels_boundaries_calibration_and_names_are_read() {
        let text = "[[meter]]\nchip = \"ina3221\"\naddress = 0x41\nchannel = 2\nboundary = \"enclosure\"\n\
                    [[meter]]\nchip = \"ina226\"\nbus = 3\naddress = 0x4f\nshunt_ohm = 0.01\ngain = 1.02\n\
                    offset_a = -0.003\nname = \"rack supply\"\nboundary = \"wall\"\n";
        let got = read(text).unwrap();
        assert_eq!((got[0].key().as_str(), got[0].boundary), ("ina3221-1-41-2", Boundary::Enclosure));
        assert_eq!((got[1].key().as_str(), got[1].calibration.gain), ("rack supply", 1.02));
    }

    #[test]
    fn several_channels_of_a_chip_are_rails_and_one_alone_is_the_node() {
        let channel = |number, rest: &str| {
            format!("[[meter]]\nchip = \"ina3221\"\naddress = 0x40\nchannel = {number}\n{rest}")
        };
        let boundaries =
            |text: &str| read(text).unwrap().iter().map(|meter| meter.boundary).collect::<Vec<_>>();
        assert_eq!(boundaries(&channel(1, "")), [Boundary::Node]);
        let three = channel(1, "boundary = \"node\"\n") + &channel(2, "") + &channel(3, "");
        assert_eq!(boundaries(&three), [Boundary::Node, Boundary::Rail, Boundary::Rail]);
    }

    #[test]
    fn a_channel_that_feeds_another_board_is_that_boards_and_leaves_ones_own_alone() {
        let channel = |number, rest: &str| {
            format!("[[meter]]\nchip = \"ina3221\"\naddress = 0x40\nchannel = {number}\n{rest}")
        };
        let three = channel(1, "") + &channel(2, "node = \"pi-2\"\n") + &channel(3, "node = \"pi-3\"\n");
        let got = read(&three).unwrap();
        assert!(got.iter().all(|meter| meter.boundary == Boundary::Node), "each is a whole board");
        assert_eq!(got[1].node.as_deref(), Some("pi-2"));
        let shared = channel(1, "") + &channel(2, "node = \"pi-2\"\n") + &channel(3, "node = \"pi-2\"\n");
        let boundaries: Vec<_> = read(&shared).unwrap().iter().map(|meter| meter.boundary).collect();
        assert_eq!(boundaries, [Boundary::Node, Boundary::Rail, Boundary::Rail]);
        assert!(read(&channel(1, "node = \" \"\n")).unwrap_err().contains("`node` is empty"));
    }

    #[test]
    fn a_shunt_that_the_boards_usual_current_overflows_is_said_with_one_that_fits() {
        let pi4 = Some(UsualPower { idle_w: 2.7, busy_w: 6.4 });
        let said = |chip: &str, rest: &str, usual| {
            let text = format!("[[meter]]\nchip = \"{chip}\"\naddress = 0x40\n{rest}");
            read(&text).unwrap()[0].shunt_overflows(usual)
        };
        let ina226 = said("ina226", "", pi4).unwrap();
        assert!(ina226.starts_with("ina226-1-40: an ina226 with 0.1 Ω shows at most 0.82 A"), "{ina226}");
        assert!(ina226.contains("takes 1.28 A") && ina226.ends_with("64 mΩ at most"), "{ina226}");
        assert_eq!(said("ina226", "shunt_ohm = 0.01\n", pi4), None);
        let zero = Some(UsualPower { idle_w: 0.6, busy_w: 2.5 });
        assert_eq!(said("ina226", "", zero), None, "0.5 A fit");
        let pi5 = Some(UsualPower { idle_w: 2.7, busy_w: 8.8 });
        assert!(said("ina3221", "channel = 1\n", pi5).unwrap().contains("at most 1.64 A"));
        assert_eq!(said("ina219", "", pi5), None, "3.2 A are enough");
        assert_eq!(said("ina260", "", pi5), None);
        assert_eq!(said("ina226", "", None), None, "nobody knows what it takes");
        assert_eq!(said("ina226", "boundary = \"rail\"\n", pi4), None);
    }

    #[test]
    fn every_mistake_says_where_and_what() {
        let error = |text: &str| read(&format!("[[meter]]\n{text}")).unwrap_err();
        let at = |text: &str, start: &str, part: &str| {
            let got = error(text);
            assert!(got.starts_with(start) && got.contains(part), "{got}");
        };
        at("chip = \"ina218\"\naddress = 0x40", "agent.toml:2:8:", "unknown variant `ina218`");
        at("chip = \"ina219\"\naddress = 0x20", "agent.toml:1:", "answers at 0x40 to 0x4f, not at 0x20");
        at("chip = \"ina3221\"\naddress = 0x44\nchannel = 1", "agent.toml:1:", "0x40 to 0x43");
        at("chip = \"ina3221\"\naddress = 0x40", "agent.toml:1:", "wants `channel = 1` to 3");
        at("chip = \"ina219\"\naddress = 0x40\nchannel = 2", "agent.toml:1:", "has no channel 2");
        at("chip = \"ina260\"\naddress = 0x40\nshunt_ohm = 0.1", "agent.toml:1:", "has its shunt inside");
        at("chip = \"ina219\"\naddress = 0x40\nshunt_ohm = 0", "agent.toml:1:", "not between");
        at("chip = \"ina219\"\naddress = 0x40\ngain_error = 1", "agent.toml:1:", "gain_error = 1 is not");
        at("chip = \"ina219\"\naddress = 0x40\noffset_error_w = -1", "agent.toml:1:", "between 0 and 10");
        at("chip = \"ina219\"\naddress = 0x40\nboundary = \"rack\"", "agent.toml:4:12:", "unknown boundary");
        at(
            "chip = \"ina219\"\naddress = 0x40\noffset_a = 0.1\noffset_w = 0.1",
            "agent.toml:1:",
            "one of them",
        );
        at("chip = \"ina219\"\nadress = 0x40", "agent.toml:3:1:", "did you mean `address`?");
    }

    #[test]
    fn two_meters_are_not_the_same() {
        let one = "[[meter]]\nchip = \"ina219\"\naddress = 0x40\n";
        assert!(read(&one.repeat(2)).unwrap_err().contains("`ina219-1-40` is there twice"));
        let other = one.replace("ina219", "ina226");
        assert!(read(&format!("{one}{other}")).unwrap_err().contains("two different chips at address 0x40"));
        let named = "name = \"a\"\n";
        let two = format!("{one}{named}{}{named}", one.replace("0x40", "0x41"));
        assert!(read(&two).unwrap_err().contains("two meters are called `a`"));
    }
}
