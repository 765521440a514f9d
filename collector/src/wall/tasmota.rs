//! Tasmota: `GET /cm?cmnd=Status 8` (<https://tasmota.github.io/docs/Commands/>; later firmware calls the same
//! `Status 10`).
//!
//! `StatusSNS.ENERGY.Power` is in watts; `Total` in kWh with three decimals, unless `EnergyRes` says otherwise.
//! A device with several phases or relays lists them. User and password are part of the query; without them a
//! device that wants them answers with status 200 or 401 and a `WARNING`.

use picollect_telemetry::NoData;
use serde_json::Value;

use super::device::{ReadError, Reading, Resolution, absent};
use picollect_config::Credentials;
use picollect_config::EnergyUnit;

/// A thousandth of a kilowatt-hour, as the firmware is delivered; it counts every second.
pub const RESOLUTION: Resolution = Resolution { step_j: 3600.0, lag_s: 1.0 };

/// Where commands are taken.
pub fn address(base: &str) -> String {
    format!("{base}/cm")
}

/// The command that asks for the sensors.
pub fn query(credentials: Option<&Credentials>) -> Vec<(&str, &str)> {
    let mut query = Vec::new();
    if let Some(Credentials { user, password }) = credentials {
        query.extend([("user", user.as_str()), ("password", password.as_str())]);
    }
    query.push(("cmnd", "Status 8"));
    query
}

/// The reading of a phase or relay, from 0; a device with one has the number 0 only.
/// Fails if it is not there, or if the device wants another password.
pub fn reading(status: &Value, channel: u8) -> Result<Reading, ReadError> {
    if !status["WARNING"].is_null() {
        let text = "wants a user and a password, or others than these".to_owned();
        return Err(ReadError::Document(NoData::Denied, text));
    }
    let energy = &status["StatusSNS"]["ENERGY"];
    if energy.is_null() {
        return Err(absent("there is no `StatusSNS.ENERGY` in the answer: does this device measure?".into()));
    }
    let power = of_channel(&energy["Power"], channel)?;
    let watts = power.as_f64();
    let watts =
        watts.ok_or_else(|| ReadError::Document(NoData::Garbled, "`Power` is not a number".into()))?;
    // One total over several powers is of no single one.
    let same_shape = energy["Power"].is_array() == energy["Total"].is_array();
    let total = of_channel(&energy["Total"], channel).ok().and_then(Value::as_f64).filter(|_| same_shape);
    Ok(Reading { watts, counter_j: total.map(|total| total * EnergyUnit::KWh.joules()) })
}

fn of_channel(value: &Value, channel: u8) -> Result<&Value, ReadError> {
    let found = match value {
        Value::Array(list) => list.get(usize::from(channel)),
        Value::Null => {
            return Err(absent("its `Power` is missing or null: its meter has no reading now".into()));
        }
        single => Some(single).filter(|_| channel == 0),
    };
    found.ok_or_else(|| absent(format!("it has no channel {channel}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(energy: &Value) -> Value {
        json!({ "StatusSNS": { "Time": "2026-11-23T12:00:00", "ENERGY": energy } })
    }

    #[test]
    fn power_and_kilowatt_hours_are_read() {
        let plug = status(&json!({ "TotalStartTime": "2026-01-01T00:00:00", "Total": 6.041, "Power": 20 }));
        let got = reading(&plug, 0).unwrap();
        assert_eq!(got.watts, 20.0);
        assert!((got.counter_j.unwrap() - 21_747_600.0).abs() < 1e-3);
    }

    #[test]
    fn of_several_phases_one_is_read_and_their_common_total_is_nobodys() {
        let three = status(&json!({ "Power": [1, 2, 3], "Total": [0.1, 0.2, 0.3] }));
        let got = reading(&three, 2).unwrap();
        assert_eq!((got.watts, got.counter_j.map(f64::round)), (3.0, Some(1_080_000.0)));
        let common = status(&json!({ "Power": [1, 2], "Total": 0.1 }));
        assert_eq!(reading(&common, 0).unwrap(), Reading { watts: 1.0, counter_j: None });
        assert_eq!(reading(&common, 2).unwrap_err().no_data(), NoData::Absent);
        assert_eq!(reading(&status(&json!({ "Power": 1 })), 1).unwrap_err().no_data(), NoData::Absent);
    }

    #[test]
    fn a_warning_is_a_refusal_and_a_device_without_a_meter_is_no_zero() {
        let refused = json!({ "WARNING": "Need user=<username>&password=<password>" });
        assert_eq!(reading(&refused, 0).unwrap_err().no_data(), NoData::Denied);
        let thermometer = json!({ "StatusSNS": { "AM2301": { "Temperature": 27.4 } } });
        assert_eq!(reading(&thermometer, 0).unwrap_err().no_data(), NoData::Absent);
        let null = reading(&status(&json!({ "Total": 1.2, "Power": null })), 0).unwrap_err();
        assert!(null.to_string().contains("missing or null"), "{null}");
        assert_eq!(reading(&status(&json!({ "Power": "x" })), 0).unwrap_err().no_data(), NoData::Garbled);
    }
}
