//! What the readings of a log are counted in: watts and their multiples, or joules and theirs.

use std::fmt;
use std::str::FromStr;

/// What a meter's readings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// The power at a time, in watts.
    Power,
    /// What a counter had counted at a time, in joules. It begins anew where it goes back.
    Energy,
}

impl Quantity {
    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Energy => "energy",
        }
    }

    /// The unit without prefix.
    pub fn si(self) -> &'static str {
        match self {
            Self::Power => "W",
            Self::Energy => "J",
        }
    }
}

/// A unit of power or energy; one of those that [`Unit::from_str`] knows.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// Of what it is one.
    pub quantity: Quantity,
    /// So many watts or joules.
    pub scale: f64,
    name: &'static str,
}

impl PartialEq for Unit {
    /// Whatever it is called: `Ws` is `J`.
    fn eq(&self, other: &Self) -> bool {
        (self.quantity, self.scale) == (other.quantity, other.scale)
    }
}

const HOUR_S: f64 = 3600.0;

/// As they are written, but for dots between their parts. Of `m` and `M` the letter's case tells.
const UNITS: [(&str, Quantity, f64); 18] = [
    ("W", Quantity::Power, 1.0),
    ("mW", Quantity::Power, 1e-3),
    ("kW", Quantity::Power, 1e3),
    ("MW", Quantity::Power, 1e6),
    ("J", Quantity::Energy, 1.0),
    ("mJ", Quantity::Energy, 1e-3),
    ("kJ", Quantity::Energy, 1e3),
    ("MJ", Quantity::Energy, 1e6),
    ("Ws", Quantity::Energy, 1.0),
    ("kWs", Quantity::Energy, 1e3),
    ("Wmin", Quantity::Energy, 60.0),
    ("kWmin", Quantity::Energy, 60e3),
    ("Wh", Quantity::Energy, HOUR_S),
    ("mWh", Quantity::Energy, 1e-3 * HOUR_S),
    ("kWh", Quantity::Energy, 1e3 * HOUR_S),
    ("MWh", Quantity::Energy, 1e6 * HOUR_S),
    ("watt", Quantity::Power, 1.0),
    ("watts", Quantity::Power, 1.0),
];

/// No unit is written so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no unit of power or energy; known: W, mW, kW, MW, J, kJ, MJ, Ws, W·min, Wh, mWh, kWh, MWh")]
pub struct UnknownUnit(String);

impl Unit {
    /// The watt, in which powers are unless somebody says otherwise.
    pub const WATT: Self = Self { quantity: Quantity::Power, scale: 1.0, name: "W" };

    /// The unit that this is the name of; `m` and `M` have to be told apart by their case, of other letters
    /// it does not matter.
    fn named(text: &str) -> Option<Self> {
        let joints = |letter: &char| !"·*.^ _-".contains(*letter) && !letter.is_whitespace();
        let text: String = text.chars().filter(joints).collect();
        let same = |name: &str| {
            let mega_or_milli = text.starts_with(['m', 'M']) && name.starts_with(['m', 'M']);
            let first = |text: &str| text.chars().next();
            name.eq_ignore_ascii_case(&text) && (!mega_or_milli || first(name) == first(&text))
        };
        let (name, quantity, scale) = UNITS.into_iter().find(|(name, ..)| same(name))?;
        Some(Self { quantity, scale, name })
    }

    /// The unit at the end of a column's name: `Power (kW)`, `outlet 1 [W·min]`, `energy_kwh`. `None` where
    /// there is none, and where `mwh` may be a thousandth or a million.
    pub(super) fn at_the_end_of(name: &str) -> Option<Self> {
        let words: Vec<&str> =
            name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        // `W·min` and `kW h` are two words.
        let of_last = |count: usize| {
            let from = words.len().checked_sub(count)?;
            Self::named(&words[from..].concat()).filter(|unit| !unit.may_be_milli_or_mega(words[from]))
        };
        of_last(2).or_else(|| of_last(1))
    }

    /// In a name that is all in lower case an `m` tells nothing.
    fn may_be_milli_or_mega(self, word: &str) -> bool {
        self.name.starts_with('m') && word.chars().all(char::is_lowercase)
    }

    /// The number in front of this unit, or of none: `5.5 W`. `None` in front of another one.
    pub(super) fn number_of(self, text: &str) -> Option<&str> {
        let end = text.trim_end_matches(|letter: char| letter.is_alphabetic() || letter == '·').len();
        let (number, unit) = text.split_at(end);
        let same = unit.is_empty() || Self::named(unit).is_some_and(|unit| unit == self);
        // `inf`, `NaN` and the exponent of `1e5` are no units, and `1e` is no number.
        same.then(|| number.trim_end())
    }
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        Self::named(text.trim()).ok_or_else(|| UnknownUnit(super::quote(text)))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.name {
            "Wmin" => "W·min",
            "kWmin" => "kW·min",
            "watt" | "watts" => "W",
            name => name,
        })
    }
}

/// How often a second something is sampled: `20Hz`, `5 kHz`, `120/s`. `None` for what is no such rate.
pub fn rate_per_s(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        "hz" | "/s" | "s/s" | "sps" => 1.0,
        "khz" | "ks/s" | "ksps" => 1e3,
        "mhz" => 1e6,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * scale).filter(|rate| rate.is_finite() && *rate > 0.0)
}

/// The rate in a comment such as `# sampled at 20 Hz` or `# of 10 kHz samples`, rather one behind the word than one
/// before it; `None` of a comment on something else.
pub fn sampled_at(comment: &str) -> Option<f64> {
    let lower = comment.to_lowercase();
    let at = lower.find("sampl")?;
    let (before, behind) = lower.split_at(at);
    first_rate(behind).or_else(|| first_rate(before))
}

fn first_rate(text: &str) -> Option<f64> {
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|letter: char| !(letter.is_alphanumeric() || letter == '/')))
        .collect();
    let with_next = |at: usize| words.get(at..at + 2).and_then(|pair| rate_per_s(&pair.concat()));
    (0..words.len()).find_map(|at| rate_per_s(words[at]).or_else(|| with_next(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_are_worth_in_watts_or_joules() {
        let worth = |text: &str| text.parse::<Unit>().map(|unit| (unit.quantity, unit.scale)).ok();
        assert_eq!(worth("W"), Some((Quantity::Power, 1.0)));
        assert_eq!(worth("kw"), Some((Quantity::Power, 1e3)));
        assert_eq!((worth("mW"), worth("MW")), (Some((Quantity::Power, 1e-3)), Some((Quantity::Power, 1e6))));
        for text in ["W·min", "W*min", "Wmin", "w min"] {
            assert_eq!(worth(text), Some((Quantity::Energy, 60.0)), "{text}");
        }
        assert_eq!(
            (worth("kWh"), worth("MJ")),
            (Some((Quantity::Energy, 3.6e6)), Some((Quantity::Energy, 1e6)))
        );
        assert_eq!(worth("BTU"), None);
        assert!("A".parse::<Unit>().unwrap_err().to_string().contains("known: W, mW"));
    }

    #[test]
    fn the_unit_stands_at_the_end_of_a_columns_name() {
        let unit = |name| Unit::at_the_end_of(name).map(|unit| unit.to_string());
        for (name, wanted) in [
            ("Power (kW)", Some("kW")),
            ("outlet 1 [W·min]", Some("W·min")),
            ("energy_kwh", Some("kWh")),
            ("Total Energy MWh", Some("MWh")),
            ("total_mwh", None),
            ("power", None),
            ("", None),
        ] {
            assert_eq!(unit(name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn a_rate_is_in_hertz_and_a_comment_may_tell_it() {
        assert_eq!(
            (rate_per_s("20Hz"), rate_per_s("5 kHz"), rate_per_s("120/s")),
            (Some(20.0), Some(5e3), Some(120.0))
        );
        assert_eq!((rate_per_s("20"), rate_per_s("0 Hz"), rate_per_s("fast")), (None, None, None));
        assert_eq!(sampled_at("# Sampled at 20 Hz, integrated by the PDU"), Some(20.0));
        assert_eq!(sampled_at("# sampling rate: 5kHz"), Some(5e3));
        assert_eq!(sampled_at("# 50 Hz mains, 20 Hz sampling"), Some(50.0), "the first one");
        assert_eq!(sampled_at("# 50 Hz mains; sampled (at 20/s)"), Some(20.0));
        assert_eq!(sampled_at("# integrated from 10 kHz samples"), Some(10e3));
        assert_eq!((sampled_at("# sample 3"), sampled_at("# 50 Hz mains")), (None, None));
    }
}
