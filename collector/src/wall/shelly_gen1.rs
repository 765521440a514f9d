//! Shelly of the first generation: `GET /status`
//! (<https://shelly-api-docs.shelly.cloud/gen1/>).
//!
//! Plugs and relays list `meters` with `power` in watts and `total` in whole watt-minutes, which begins at zero
//! at each start of the device. The EM and 3EM list `emeters` with `total` in watt-hours, which they keep.
//! `is_valid: false` is the device's own word that its meter is broken.
//!
//! A Shelly 1 or i3 has no meter and lists a `power` all the same: what its owner typed into its settings, or 0. It counts
//! nothing, so it has neither `total` nor `counters`.

use picollect_telemetry::NoData;
use serde_json::Value;

use super::device::{ReadError, Reading, Resolution, absent, number};
use picollect_config::EnergyUnit;

/// A tenth of a watt-hour, the coarser of the two counters; both are brought up to date once a minute at the
/// latest.
pub const RESOLUTION: Resolution = Resolution { step_j: 360.0, lag_s: 60.0 };

/// Where the status is.
pub fn address(base: &str) -> String {
    format!("{base}/status")
}

/// The reading of one of its meters, from 0. Fails if it is not there or calls itself invalid.
pub fn reading(status: &Value, channel: u8) -> Result<Reading, ReadError> {
    let list = |name: &str| status[name].as_array().filter(|list| !list.is_empty());
    let (meters, unit) = match (list("emeters"), list("meters")) {
        (Some(emeters), _) => (emeters, EnergyUnit::Wh),
        (None, Some(meters)) => (meters, EnergyUnit::Wmin),
        (None, None) => {
            return Err(absent("there are no `meters` in the answer: does this device measure?".into()));
        }
    };
    let meter = meters.get(usize::from(channel));
    let meter =
        meter.ok_or_else(|| absent(format!("it has no channel {channel}, only {} from 0", meters.len())))?;
    if meter["is_valid"] == Value::Bool(false) {
        return Err(ReadError::Document(NoData::Failed, "the device says that its meter has failed".into()));
    }
    if meter["total"].is_null() && meter["counters"].is_null() {
        return Err(absent(
            "it shows a power and counts nothing: such a device has no meter, and the figure was typed in"
                .into(),
        ));
    }
    let counter_j = meter["total"].as_f64().map(|total| total * unit.joules());
    Ok(Reading { watts: number(meter, "power")?, counter_j })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plug_counts_watt_minutes_and_an_em_watt_hours() {
        let plug = json!({ "meters": [{ "power": 12.34, "is_valid": true, "total": 2 }], "uptime": 9 });
        assert_eq!(reading(&plug, 0).unwrap(), Reading { watts: 12.34, counter_j: Some(120.0) });
        let em = json!({ "meters": [], "emeters": [
            { "power": 1.0, "is_valid": true, "total": 5.3 },
            { "power": 2.5, "is_valid": true, "total": 0.5 },
        ] });
        assert_eq!(reading(&em, 1).unwrap(), Reading { watts: 2.5, counter_j: Some(1800.0) });
    }

    #[test]
    fn a_power_that_somebody_typed_in_is_no_reading() {
        // A Shelly 1 after `/settings/power/0?power=10`.
        let typed = json!({ "relays": [{ "ison": true }], "meters": [{ "power": 10.0, "is_valid": true }] });
        let error = reading(&typed, 0).unwrap_err();
        assert_eq!(error.no_data(), NoData::Absent);
        assert!(error.to_string().contains("has no meter"), "{error}");
        let counts = json!({ "meters": [{ "power": 10.0, "is_valid": true, "counters": [1.0, 1.0, 1.0] }] });
        assert_eq!(reading(&counts, 0).unwrap(), Reading { watts: 10.0, counter_j: None });
    }

    #[test]
    fn a_broken_meter_and_one_that_is_not_there_are_no_zero() {
        let why = |status: &Value, channel| reading(status, channel).unwrap_err().no_data();
        let broken = json!({ "meters": [{ "power": 0.0, "is_valid": false, "total": 0 }, {}] });
        assert_eq!(why(&broken, 0), NoData::Failed);
        assert_eq!(why(&broken, 1), NoData::Absent);
        assert_eq!(why(&broken, 2), NoData::Absent);
        assert_eq!(why(&json!({ "relays": [{ "ison": true }] }), 0), NoData::Absent);
        assert_eq!(why(&json!({ "meters": [{ "power": "much", "total": 0 }] }), 0), NoData::Garbled);
        assert_eq!(why(&json!([]), 0), NoData::Absent);
    }
}
