//! The temperature of a node: its processor's, whatever its thermometers are called.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::series::Sample;
use picollect_evaluate::thermometer::processor_zones;
use picollect_store::{SeriesKey, Store, StoreError};
use picollect_telemetry::catalogue::TEMP;

use crate::{Series, series_of};

/// A processor's temperature over some time.
#[derive(Debug, Clone)]
pub struct Temperature {
    /// The series that it is made of.
    pub keys: Vec<SeriesKey>,
    /// In order of time, in °C; of several thermometers in the processor the hottest at each moment.
    pub samples: Vec<Sample>,
}

/// The temperature of a host's processor in a window and `around_ms` it; `None` where nothing that could be it spoke.
/// An error is the store's.
pub fn processor_temperature(
    store: &dyn Store,
    host: &str,
    window: Window,
    around_ms: i64,
) -> Result<Option<Temperature>, StoreError> {
    let mut series = series_of(store, host, &TEMP, window, around_ms)?;
    series.retain(|zone| !zone.samples.is_empty());
    let names: Vec<&str> = series.iter().map(|zone| zone.key.tag("zone").unwrap_or_default()).collect();
    let chosen = processor_zones(&names);
    if chosen.zones.is_empty() {
        return Ok(None);
    }
    let mut hottest: BTreeMap<i64, f64> = BTreeMap::new();
    for sample in chosen.zones.iter().flat_map(|index| &series[*index].samples) {
        let known = hottest.entry(sample.t_ms).or_insert(sample.value);
        *known = known.max(sample.value);
    }
    let since_ms = hottest.first_key_value().map_or(i64::MIN, |(t_ms, _)| *t_ms);
    let before = chosen.old_name.map(|index| until(&series[index], since_ms)).unwrap_or_default();
    let after = hottest.into_iter().map(|(t_ms, value)| Sample { t_ms, value });
    let old_name = chosen.old_name.filter(|_| !before.is_empty());
    let keys = chosen.zones.iter().copied().chain(old_name).map(|index| series[index].key.clone()).collect();
    Ok(Some(Temperature { keys, samples: before.into_iter().chain(after).collect() }))
}

fn until(series: &Series, end_ms: i64) -> Vec<Sample> {
    series.samples.iter().take_while(|sample| sample.t_ms < end_ms).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    fn temperature(lines: &str) -> Option<Vec<(i64, f64)>> {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let window = Window { start_ms: 0, end_ms: 60_000 };
        let found = processor_temperature(&store, "n", window, 0).unwrap()?;
        Some(found.samples.iter().map(|sample| (sample.t_ms, sample.value)).collect())
    }

    #[test]
    fn of_several_cores_the_hottest_counts_at_each_moment_and_the_room_never() {
        let lines = "thermal,host=n,zone=bigcore0-thermal temp_c=60 1000\n\
                     thermal,host=n,zone=bigcore0-thermal temp_c=65 2000\n\
                     thermal,host=n,zone=littlecore-thermal temp_c=62 1000\n\
                     thermal,host=n,zone=littlecore-thermal temp_c=61 2000\n\
                     thermal,host=n,zone=ambient temp_c=99 2000\nthermal,host=n,zone=iwlwifi_1 temp_c=99 2000\n";
        assert_eq!(temperature(lines), Some(vec![(1000, 62.0), (2000, 65.0)]));
        assert_eq!(temperature("thermal,host=n,zone=ambient temp_c=21 1000\n"), None);
    }

    #[test]
    fn what_the_zone_said_under_its_old_name_is_followed() {
        let lines = "thermal,host=n,zone=thermal_zone0 temp_c=50 1000\n\
                     thermal,host=n,zone=thermal_zone0 temp_c=51 2000\n\
                     thermal,host=n,zone=cpu-thermal temp_c=52 3000\n\
                     thermal,host=n,zone=thermal_zone0 temp_c=70 4000\n";
        assert_eq!(temperature(lines), Some(vec![(1000, 50.0), (2000, 51.0), (3000, 52.0)]));
        let pc = lines.replace("cpu-thermal", "x86_pkg_temp");
        assert_eq!(temperature(&pc), Some(vec![(3000, 52.0)]), "a PC's first zone is something else");
    }
}
