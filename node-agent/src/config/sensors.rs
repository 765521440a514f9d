//! `[sensors]`: what the configuration says of the meters that are found by themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use picollect_metering::accuracy::Accuracy;
use picollect_metering::meter::{MeterName, MeterValue, PowerMeter};
use picollect_metering::settings;
use picollect_telemetry::{Boundary, Reading};
use serde::Deserialize;

/// By the names that the agent gives the meters; `probe` lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorSettings {
    /// Meters that are left out.
    pub ignore: Vec<String>,
    /// What a meter is drawn around, in place of what the agent takes it for.
    #[serde(deserialize_with = "settings::boundaries")]
    pub boundary: BTreeMap<String, Boundary>,
    /// Another name for a meter, such as one that it had before.
    pub name: BTreeMap<String, String>,
}

impl SensorSettings {
    /// The meters as the configuration wants them. A name that no meter has is said in the log.
    pub(crate) fn apply(&self, meters: Vec<Box<dyn PowerMeter>>) -> Vec<Box<dyn PowerMeter>> {
        let found: Vec<String> = meters.iter().map(|meter| meter.name().meter).collect();
        let named = self.ignore.iter().chain(self.boundary.keys()).chain(self.name.keys());
        for name in named.filter(|name| !found.contains(name)) {
            tracing::warn!(
                meter = name,
                "[sensors] names a meter that was not found; found are {}",
                found.join(", ")
            );
        }
        meters
            .into_iter()
            .filter(|meter| !self.ignore.contains(&meter.name().meter))
            .map(|meter| self.of(meter))
            .collect()
    }

    fn of(&self, meter: Box<dyn PowerMeter>) -> Box<dyn PowerMeter> {
        let found = meter.name();
        let name = MeterName {
            meter: self.name.get(&found.meter).unwrap_or(&found.meter).clone(),
            boundary: self.boundary.get(&found.meter).copied().unwrap_or(found.boundary),
            ..found.clone()
        };
        if name == found { meter } else { Box::new(Configured { name, meter }) }
    }
}

/// A meter under the name and boundary that the configuration gives it.
struct Configured {
    name: MeterName,
    meter: Box<dyn PowerMeter>,
}

impl PowerMeter for Configured {
    fn name(&self) -> MeterName {
        self.name.clone()
    }

    fn period(&self) -> Duration {
        self.meter.period()
    }

    fn accuracy(&self) -> Accuracy {
        self.meter.accuracy()
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
        self.meter.read(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::fixtures::tree;

    #[test]
    fn found_meters_get_the_boundary_and_name_that_the_configuration_says_or_are_left_out() {
        let chip = |number: u8, name: &str| {
            let directory = format!("sys/class/hwmon/hwmon{number}");
            [
                (format!("{directory}/name"), name.to_owned()),
                (format!("{directory}/power1_input"), "1000000".to_owned()),
            ]
        };
        let files: Vec<_> =
            [chip(0, "ina219"), chip(1, "ina226"), chip(2, "ina260")].into_iter().flatten().collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let (_dir, root) = tree(&files);
        let text = "ignore = [\"ina260\"]\nboundary = { ina219 = \"node\" }\nname = { ina219 = \"hwmon1-power1\" }\n";
        let settings: SensorSettings = picollect_settings::parse(text, "t").unwrap();
        let mut meters = settings.apply(picollect_metering::discover(&root));
        let names: Vec<_> = meters.iter().map(|meter| (meter.name().meter, meter.name().boundary)).collect();
        let want = [("hwmon1-power1".to_owned(), Boundary::Node), ("ina226".to_owned(), Boundary::Rail)];
        assert_eq!(names, want);
        assert_eq!(meters[0].read(Duration::ZERO).1, Ok(MeterValue::Watts(1.0)));
        let wrong =
            picollect_settings::parse::<SensorSettings>("boundary = { x = \"nod\" }", "t").unwrap_err();
        assert!(wrong.to_string().contains("unknown boundary `nod`"), "{wrong}");
    }
}
