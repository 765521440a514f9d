//! Shelly of the second generation and later: `GET /rpc/Switch.GetStatus?id=N`, of a device without a relay
//! `/rpc/PM1.GetStatus?id=N` (<https://shelly-api-docs.shelly.cloud/gen2/>).
//!
//! `apower` is in watts; `aenergy.total` in watt-hours with three decimals, kept over restarts but not over a
//! `ResetCounters`.

use picollect_telemetry::NoData;
use serde_json::Value;

use super::device::{ReadError, Reading, Resolution, number};
use picollect_config::{EnergyUnit, RpcComponent};

/// A thousandth of a watt-hour; the device tells of its energy by the minute.
pub const RESOLUTION: Resolution = Resolution { step_j: 3.6, lag_s: 60.0 };

/// Where a component's status is.
pub fn address(base: &str, component: RpcComponent, channel: u8) -> String {
    let component = match component {
        RpcComponent::Switch => "Switch",
        RpcComponent::Pm1 => "PM1",
    };
    format!("{base}/rpc/{component}.GetStatus?id={channel}")
}

/// What the component's status says. Fails if it reports an error of its meter or has no power.
pub fn reading(status: &Value) -> Result<Reading, ReadError> {
    let errors = status["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let meter_errors =
        errors.filter(|name| name.starts_with("power_meter") || name.starts_with("out_of_range"));
    if let Some(error) = meter_errors.into_iter().next() {
        let text: String = error.chars().take(40).collect();
        return Err(ReadError::Document(NoData::Failed, format!("the device reports `{text}`")));
    }
    let counter_j = status["aenergy"]["total"].as_f64().map(|total| total * EnergyUnit::Wh.joules());
    Ok(Reading { watts: number(status, "apower")?, counter_j })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn power_and_watt_hours_are_read() {
        let status = json!({
            "id": 0, "source": "init", "output": true, "apower": 78.4, "voltage": 234.1, "current": 0.34,
            "aenergy": { "total": 1234.567, "by_minute": [1306.7, 1300.0, 1310.0], "minute_ts": 1_795_435_200 },
        });
        let got = reading(&status).unwrap();
        assert_eq!(got.watts, 78.4);
        assert!((got.counter_j.unwrap() - 4_444_441.2).abs() < 1e-6);
        assert_eq!(address("http://p", RpcComponent::Pm1, 2), "http://p/rpc/PM1.GetStatus?id=2");
    }

    #[test]
    fn a_switch_without_a_meter_and_a_meter_with_an_error_are_no_zero() {
        let why = |status: &Value| reading(status).unwrap_err().no_data();
        assert_eq!(why(&json!({ "id": 0, "output": true })), NoData::Absent);
        assert_eq!(why(&json!({ "apower": 0.0, "errors": ["power_meter_failure"] })), NoData::Failed);
        assert_eq!(why(&json!({ "apower": null })), NoData::Absent);
        assert_eq!(why(&json!("x")), NoData::Absent);
        assert!(reading(&json!({ "apower": 1.0, "errors": ["overtemp"] })).is_ok(), "its meter works");
    }
}
