//! `[power_model]`: what a board without a meter takes, as figures of one's own for idle and busy, or as
//! `picollect agent model learn` prints it.

use picollect_metering::accuracy::Accuracy;
use picollect_metering::power_model::{ClockKind, ConfiguredModel, Law, UsualPower};
use picollect_telemetry::learnt_power::{AtClock, LearntPower};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    idle_w: Option<f64>,
    busy_w: Option<f64>,
    /// How far the figures may be off: a share of them.
    error: Option<f64>,
    /// Whose power it is, as that board calls itself.
    learnt_on: Option<String>,
    clock: Option<ClockKind>,
    #[serde(default)]
    at: Vec<Row>,
}

/// Power at one clock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    mhz: f64,
    busy: [f64; 2],
    watts: [f64; 2],
}

/// Reads the section; an error is said with its place in the file.
pub(super) fn section<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ConfiguredModel>, D::Error> {
    checked(Section::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

fn checked(section: Section) -> Result<ConfiguredModel, String> {
    let Section { idle_w, busy_w, error, learnt_on, clock, at } = section;
    if error.is_some_and(|error| !(0.0..=1.0).contains(&error)) {
        return Err("[power_model] wants an `error` between 0 and 1: a share of the power".to_owned());
    }
    let offset_w = error.map(|_| 0.0);
    let accuracy = Accuracy { gain_error: error, offset_w, conversions_per_s: None };
    let law = match (idle_w, busy_w, at.is_empty(), clock) {
        (Some(idle_w), Some(busy_w), true, None) => {
            if !(idle_w >= 0.0 && busy_w >= idle_w && busy_w.is_finite()) {
                return Err("[power_model] wants 0 <= idle_w <= busy_w".to_owned());
            }
            Law::Line(UsualPower { idle_w, busy_w })
        }
        (None, None, false, Some(kind)) => Law::Learnt(learnt(&at)?, kind),
        _ => {
            let either = "[power_model] wants idle_w and busy_w, or clock and at";
            return Err(format!("{either}, as `picollect agent model learn` prints them"));
        }
    };
    Ok(ConfiguredModel { law, accuracy, learnt_on })
}

fn learnt(rows: &[Row]) -> Result<LearntPower, String> {
    let at = |row: &Row| AtClock { clock_hz: row.mhz * 1e6, busy: row.busy, watts: row.watts };
    LearntPower::new(rows.iter().map(at).collect()).map_err(|why| format!("[power_model] at: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default, deserialize_with = "section")]
        power_model: Option<ConfiguredModel>,
    }

    fn read(text: &str) -> Result<ConfiguredModel, String> {
        let file =
            picollect_settings::parse::<File>(&format!("# first\n[power_model]\n{text}"), "agent.toml");
        file.map(|file| file.power_model.unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn figures_of_ones_own_and_a_learnt_model_are_read() {
        let own = read("idle_w = 2.0\nbusy_w = 6\nerror = 0.1").unwrap();
        assert_eq!(own.law, Law::Line(UsualPower { idle_w: 2.0, busy_w: 6.0 }));
        assert_eq!((own.accuracy.gain_error, own.accuracy.offset_w), (Some(0.1), Some(0.0)));
        assert_eq!(read("idle_w = 2.0\nbusy_w = 6").unwrap().accuracy, Accuracy::default());
        let learnt = read(
            "learnt_on = \"Raspberry Pi 4 Model B\"\nclock = \"measured\"\nerror = 0.03\nat = [\n  \
             { mhz = 600, busy = [0.0, 0.5], watts = [2, 2.5] },\n  { mhz = 1500, busy = [0, 1], watts = [3, 6] },\n]",
        );
        let Law::Learnt(model, ClockKind::Measured) = learnt.unwrap().law else { panic!("it is learnt") };
        assert_eq!(model.watts(1.0, 1.5e9), Some(6.0));
    }

    #[test]
    fn every_mistake_is_said_with_its_place() {
        let error = |text: &str| read(text).unwrap_err();
        assert_eq!(
            error("idle_w = 5.0\nbusy_w = 1.0"),
            "agent.toml:2:1: [power_model] wants 0 <= idle_w <= busy_w"
        );
        assert!(
            error("idle_w = 5.0").starts_with("agent.toml:2:1: [power_model] wants idle_w and busy_w, or")
        );
        assert!(error("idle_w = 1\nbusy_w = 2\nerror = 3").contains("between 0 and 1"));
        assert!(error("idle_w = 1\nbusy_w = 2\nclock = \"measured\"").contains("or clock and at"));
        assert!(error("clock = \"guessed\"").starts_with("agent.toml:3:9: "));
        let row = |row: &str| error(&format!("clock = \"requested\"\nat = [{row}]"));
        assert!(row("{ mhz = 600, busy = [0, 1], watt = [1, 2] }").starts_with("agent.toml:4:"));
        assert!(row("{ mhz = 600, busy = [0, 2], watts = [1, 2] }").contains("`busy` wants two shares"));
        assert!(row("{ mhz = 600, busy = [0, 1], watts = [2, 1] }").contains("`watts` wants the power"));
    }
}
