//! Any device that answers with JSON: power and counter are found by JSON pointers (RFC 6901).

use picollect_telemetry::NoData;
use serde_json::Value;

use super::device::{ReadError, Reading, absent};
use picollect_config::EnergyUnit;

/// The reading at these pointers. A number may also be written as a text, as many devices do.
/// Fails if there is no power; without its energy the reading has none.
pub fn reading(
    document: &Value,
    watts_path: &str,
    energy: Option<&(String, EnergyUnit)>,
) -> Result<Reading, ReadError> {
    let value = document.pointer(watts_path).filter(|value| !value.is_null());
    let value = value.ok_or_else(|| absent(format!("there is nothing at `{watts_path}` in the answer")))?;
    let garbled =
        || ReadError::Document(NoData::Garbled, format!("what is at `{watts_path}` is not a number"));
    let counter_j = energy.and_then(|(path, unit)| Some(number(document.pointer(path)?)? * unit.joules()));
    Ok(Reading { watts: number(value).ok_or_else(garbled)?, counter_j })
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_texts_are_found_by_their_pointers() {
        let document = json!({ "em": [{ "act_power": "501.8" }], "total/kWh": 2 });
        let energy = ("/total~1kWh".to_owned(), EnergyUnit::KWh);
        let got = reading(&document, "/em/0/act_power", Some(&energy)).unwrap();
        assert_eq!(got, Reading { watts: 501.8, counter_j: Some(7_200_000.0) });
        assert_eq!(reading(&json!(7), "", None).unwrap().watts, 7.0);
    }

    #[test]
    fn what_is_not_there_or_no_number_is_no_zero() {
        let why =
            |path| reading(&json!({ "a": "unavailable", "b": null }), path, None).unwrap_err().no_data();
        assert_eq!(why("/a"), NoData::Garbled);
        assert_eq!(why("/b"), NoData::Absent);
        assert_eq!(why("/c"), NoData::Absent);
    }
}
