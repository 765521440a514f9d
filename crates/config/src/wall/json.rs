//! What of a JSON document is power and energy: places, units, and a factor for what no unit says.

use serde::Deserialize;

use super::{EnergyUnit, WallKind};

/// The keys of this kind, as an error names them.
pub(super) const KEYS: &str = "`watts_path`, `watts_unit`, `watts_factor`, `energy_path` and `energy_unit`";
/// A document has as many sockets or phases.
const MAX_PATHS: usize = 16;

/// A figure in a JSON document: the sum of what stands at some places, times a factor.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonValue {
    /// JSON pointers (RFC 6901), at least one: the phases of a meter, or its sockets.
    pub paths: Vec<String>,
    /// What one of the device's unit is in the store's.
    pub factor: f64,
}

/// What a foreign power is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum PowerUnit {
    /// Thousandths of a watt.
    #[serde(rename = "mW")]
    MilliW,
    /// Watts, the unit of every figure in the store.
    #[default]
    W,
    /// Thousands of watts.
    #[serde(rename = "kW")]
    KW,
}

impl PowerUnit {
    /// Watts in one of it.
    pub fn watts(self) -> f64 {
        match self {
            Self::MilliW => 1e-3,
            Self::W => 1.0,
            Self::KW => 1e3,
        }
    }
}

/// One place, or several whose values are added up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Paths {
    One(String),
    Several(Vec<String>),
}

/// What the table says of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Keys {
    pub(super) watts_path: Option<Paths>,
    pub(super) watts_unit: Option<PowerUnit>,
    pub(super) watts_factor: Option<f64>,
    pub(super) energy_path: Option<Paths>,
    pub(super) energy_unit: Option<EnergyUnit>,
}

impl Keys {
    pub(super) fn checked(self) -> Result<WallKind, String> {
        let watts_path = self.watts_path.ok_or("a `json` meter wants `watts_path`, such as \"/power\"")?;
        let factor = self.watts_factor.unwrap_or(1.0);
        // A meter that counts backwards has a negative one; what is not finite is in no range.
        if !(1e-6..=1e6).contains(&factor.abs()) {
            return Err(format!(
                "watts_factor = {factor} is not between 0.000001 and 1000000, or the same below zero"
            ));
        }
        let power = JsonValue {
            paths: watts_path.checked("watts_path")?,
            factor: factor * self.watts_unit.unwrap_or_default().watts(),
        };
        let energy = match (self.energy_path, self.energy_unit) {
            (None, None) => None,
            (Some(paths), Some(unit)) => {
                Some(JsonValue { paths: paths.checked("energy_path")?, factor: unit.joules() })
            }
            _ => return Err("`energy_path` and `energy_unit` go together".into()),
        };
        Ok(WallKind::Json { power, energy })
    }
}

impl Paths {
    /// RFC 6901: a pointer is empty or begins with a slash.
    fn checked(self, key: &str) -> Result<Vec<String>, String> {
        let paths = match self {
            Self::One(path) => vec![path],
            Self::Several(paths) => paths,
        };
        if paths.is_empty() || paths.len() > MAX_PATHS {
            let what = if paths.is_empty() { "is empty" } else { "is too long" };
            return Err(format!("{key} {what}: it has 1 to {MAX_PATHS} pointers"));
        }
        match paths.iter().find(|path| !path.is_empty() && !path.starts_with('/')) {
            Some(path) => Err(format!("`{path}` is no JSON pointer; they look like \"/em/0/power\"")),
            None => Ok(paths),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(keys: &str) -> WallKind {
        let text = format!("[[wall]]\nname = \"p\"\nkind = \"json\"\nurl = \"http://p\"\n{keys}");
        let config: crate::Config = picollect_settings::parse(&text, "t").unwrap();
        config.wall[0].kind.clone()
    }

    #[test]
    fn units_and_a_factor_multiply_and_several_places_are_one_figure() {
        let value = |paths: &[&str], factor| JsonValue {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            factor,
        };
        let plain = kind("watts_path = \"/power\"");
        assert_eq!(plain, WallKind::Json { power: value(&["/power"], 1.0), energy: None });
        let phases = kind(
            "watts_path = [\"/a/kw\", \"/b/kw\"]\nwatts_unit = \"kW\"\nwatts_factor = -0.5\n\
             energy_path = [\"/a/kwh\", \"/b/kwh\"]\nenergy_unit = \"kWh\"\n",
        );
        let want = WallKind::Json {
            power: value(&["/a/kw", "/b/kw"], -500.0),
            energy: Some(value(&["/a/kwh", "/b/kwh"], 3_600_000.0)),
        };
        assert_eq!(phases, want);
    }
}
