//! Shelly of the second generation and later: `GET /rpc/Switch.GetStatus?id=N`, of a device without a relay
//! `/rpc/PM1.GetStatus?id=N`, of an energy meter `/rpc/EM1.GetStatus?id=N` or `/rpc/EM.GetStatus?id=N` for its three phases
//! together (<https://shelly-api-docs.shelly.cloud/gen2/>).
//!
//! `apower` is in watts; `aenergy.total` in watt-hours with three decimals, kept over restarts but not over a
//! `ResetCounters`. The energy meters say `act_power` or `total_act_power`, and count in a component beside it,
//! `EM1Data.total_act_energy` or `EMData.total_act`, which is asked for by a request of its own.

use picollect_telemetry::NoData;
use serde_json::Value;

use super::device::{ReadError, Reading, Resolution, absent, number};
use crate::http_client::GetError;
use picollect_config::{EnergyUnit, RpcComponent};

/// A thousandth of a watt-hour; the device tells of its energy by the minute.
pub const RESOLUTION: Resolution = Resolution { step_j: 3.6, lag_s: 60.0 };

/// Where a component's status is.
pub fn address(base: &str, component: RpcComponent, channel: u8) -> String {
    let component = match component {
        RpcComponent::Switch => "Switch",
        RpcComponent::Pm1 => "PM1",
        RpcComponent::Em1 => "EM1",
        RpcComponent::Em => "EM",
    };
    format!("{base}/rpc/{component}.GetStatus?id={channel}")
}

/// Where an energy meter counts; `None` of what counts in its status.
pub fn counter_address(base: &str, component: RpcComponent, channel: u8) -> Option<String> {
    let component = match component {
        RpcComponent::Switch | RpcComponent::Pm1 => return None,
        RpcComponent::Em1 => "EM1Data",
        RpcComponent::Em => "EMData",
    };
    Some(format!("{base}/rpc/{component}.GetStatus?id={channel}"))
}

/// What it has counted there, joules; `None` if it does not say.
pub fn counter_j(data: &Value) -> Option<f64> {
    let total = data["total_act_energy"].as_f64().or_else(|| data["total_act"].as_f64());
    total.map(|total| total * EnergyUnit::Wh.joules())
}

/// What to do about an answer that says that there is no such component; other failures stay as they are.
pub fn explained(error: GetError) -> ReadError {
    match error {
        GetError::Status { status: 404 | 500, .. } => {
            ReadError::Document(error.no_data(), format!("{error}; {COMPONENTS}"))
        }
        error => error.into(),
    }
}

/// What the configuration can say of such a device.
const COMPONENTS: &str =
    "which part of it measures says `component` (switch, pm1, em1 or em), and which of them `channel`";

/// What the component's status says. Fails if it reports an error of its meter or has no power.
pub fn reading(status: &Value, component: RpcComponent) -> Result<Reading, ReadError> {
    let errors = status["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let meter_errors =
        errors.filter(|name| name.starts_with("power_meter") || name.starts_with("out_of_range"));
    if let Some(error) = meter_errors.into_iter().next() {
        let text: String = error.chars().take(40).collect();
        return Err(ReadError::Document(NoData::Failed, format!("the device reports `{text}`")));
    }
    let power = match component {
        RpcComponent::Switch | RpcComponent::Pm1 => "apower",
        RpcComponent::Em1 => "act_power",
        RpcComponent::Em => "total_act_power",
    };
    if status[power].is_null() {
        return Err(absent(format!("there is no `{power}` in the answer; {COMPONENTS}")));
    }
    let counter_j = status["aenergy"]["total"].as_f64().map(|total| total * EnergyUnit::Wh.joules());
    Ok(Reading { watts: number(status, power)?, counter_j })
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
        let got = reading(&status, RpcComponent::Switch).unwrap();
        assert_eq!(got.watts, 78.4);
        assert!((got.counter_j.unwrap() - 4_444_441.2).abs() < 1e-6);
        assert_eq!(address("http://p", RpcComponent::Pm1, 2), "http://p/rpc/PM1.GetStatus?id=2");
    }

    #[test]
    fn a_switch_without_a_meter_and_a_meter_with_an_error_are_no_zero() {
        let why = |status: &Value| reading(status, RpcComponent::Switch).unwrap_err().no_data();
        assert_eq!(why(&json!({ "id": 0, "output": true })), NoData::Absent);
        assert_eq!(why(&json!({ "apower": 0.0, "errors": ["power_meter_failure"] })), NoData::Failed);
        assert_eq!(why(&json!({ "apower": null })), NoData::Absent);
        assert_eq!(why(&json!("x")), NoData::Absent);
        let hot = json!({ "apower": 1.0, "errors": ["overtemp"] });
        assert!(reading(&hot, RpcComponent::Switch).is_ok(), "its meter works");
    }

    #[test]
    fn an_energy_meter_has_its_power_in_one_component_and_its_counter_in_another() {
        let clamp =
            json!({ "id": 0, "current": 4.029, "voltage": 236.1, "act_power": 951.2, "aprt_power": 951.9 });
        assert_eq!(reading(&clamp, RpcComponent::Em1).unwrap(), Reading { watts: 951.2, counter_j: None });
        assert_eq!(counter_j(&json!({ "id": 0, "total_act_energy": 2.5 })), Some(9000.0));
        let phases = json!({ "id": 0, "a_act_power": 1.0, "b_act_power": 2.0, "total_act_power": 3.5 });
        assert_eq!(reading(&phases, RpcComponent::Em).unwrap().watts, 3.5);
        assert_eq!(counter_j(&json!({ "id": 0, "a_total_act_energy": 1.0, "total_act": 1.5 })), Some(5400.0));
        let where_ = |component| counter_address("http://p", component, 1);
        assert_eq!(where_(RpcComponent::Em1).as_deref(), Some("http://p/rpc/EM1Data.GetStatus?id=1"));
        assert_eq!(where_(RpcComponent::Switch), None);
        // A Pro EM 50's relay switches something else and measures nothing.
        let relay = reading(&json!({ "id": 0, "output": true }), RpcComponent::Switch).unwrap_err();
        assert!(relay.to_string().contains("`component` (switch, pm1, em1 or em)"), "{relay}");
    }
}
