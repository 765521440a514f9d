//! Any device that answers with JSON: power and counter are found by JSON pointers (RFC 6901).

use picollect_telemetry::NoData;
use serde_json::Value;

use super::device::{ReadError, Reading, absent};
use picollect_config::JsonValue;

/// The reading at these places. A number may also be written as a text, as many devices do; of several places all have
/// to have one, since the sum of some of them is another figure. Fails if there is no power; without its energy the
/// reading has none.
pub fn reading(
    document: &Value,
    power: &JsonValue,
    energy: Option<&JsonValue>,
) -> Result<Reading, ReadError> {
    let counter_j = energy.and_then(|energy| sum(document, energy).ok());
    Ok(Reading { watts: sum(document, power)?, counter_j })
}

fn sum(document: &Value, value: &JsonValue) -> Result<f64, ReadError> {
    let each = value.paths.iter().map(|path| at(document, path));
    Ok(each.sum::<Result<f64, _>>()? * value.factor)
}

fn at(document: &Value, path: &str) -> Result<f64, ReadError> {
    let value = document.pointer(path).filter(|value| !value.is_null());
    let value = value.ok_or_else(|| absent(format!("there is nothing at `{path}` in the answer")))?;
    let garbled = || ReadError::Document(NoData::Garbled, format!("what is at `{path}` is not a number"));
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).ok_or_else(garbled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(paths: &[&str], factor: f64) -> JsonValue {
        JsonValue { paths: paths.iter().map(|path| (*path).to_owned()).collect(), factor }
    }

    #[test]
    fn numbers_and_texts_are_found_by_their_pointers_in_the_devices_own_units() {
        let document = json!({ "em": [{ "act_power": "0.5018" }], "total/kWh": 2 });
        let energy = value(&["/total~1kWh"], 3_600_000.0);
        let got = reading(&document, &value(&["/em/0/act_power"], 1000.0), Some(&energy)).unwrap();
        assert_eq!(got, Reading { watts: 501.8, counter_j: Some(7_200_000.0) });
        assert_eq!(reading(&json!(7), &value(&[""], 1.0), None).unwrap().watts, 7.0);
    }

    #[test]
    fn several_places_are_added_up_and_one_that_is_missing_leaves_no_part_of_a_sum() {
        let phases = json!({ "a": 100, "b": "20.5", "c": 3, "sum": { "a": 1, "b": 2 } });
        let all = value(&["/a", "/b", "/c"], 1.0);
        let counters = value(&["/sum/a", "/sum/b", "/sum/c"], 3600.0);
        let got = reading(&phases, &all, Some(&counters)).unwrap();
        assert_eq!(
            got,
            Reading { watts: 123.5, counter_j: None },
            "the counter of two phases is of no three"
        );
        assert_eq!(reading(&phases, &value(&["/a", "/d"], 1.0), None).unwrap_err().no_data(), NoData::Absent);
    }

    #[test]
    fn what_is_not_there_or_no_number_is_no_zero() {
        let document = json!({ "a": "unavailable", "b": null });
        let why = |path| reading(&document, &value(&[path], 1.0), None).unwrap_err().no_data();
        assert_eq!(why("/a"), NoData::Garbled);
        assert_eq!(why("/b"), NoData::Absent);
        assert_eq!(why("/c"), NoData::Absent);
    }
}
