//! What a board says of its supply, its last reset and its flash.

use picollect_evaluate::Window;
use picollect_evaluate::energy::of_counter;
use picollect_telemetry::catalogue::{DISK_WRITTEN_BYTES, EXT5V, FLASH_LIFE, Metric, RESET_BROWN_OUT, VOLTS};

use super::super::SupplyAndFlash;
use super::Result;
use picollect_query::{AROUND_MS, last_of_each, latest, series_of};
use picollect_store::Store;

const DAY_S: f64 = 86_400.0;
/// Disks of flash that are soldered or plugged in as cards; what is written to others wears no card.
const CARDS: &str = "mmcblk";

/// What is known in a window of a host that speaks every so many seconds.
pub(super) fn supply_and_flash(
    store: &dyn Store,
    host: &str,
    window: Window,
    interval_s: f64,
) -> Result<SupplyAndFlash> {
    let last = |metric: &Metric| -> Result<Option<f64>> {
        Ok(latest(store, host, metric, window.end_ms, AROUND_MS)?.map(|(_, sample)| sample.value))
    };
    let worn = last_of_each(store, host, &FLASH_LIFE, window.end_ms, AROUND_MS)?;
    Ok(SupplyAndFlash {
        least_supply_v: least_supply_v(store, host, window)?,
        brown_out: last(&RESET_BROWN_OUT)?.map(|flag| flag > 0.0),
        flash_used_ratio: worn.iter().map(|(_, sample)| sample.value).reduce(f64::max),
        written_bytes_per_day: written_per_day(store, host, window, interval_s)?,
    })
}

fn least_supply_v(store: &dyn Store, host: &str, window: Window) -> Result<Option<f64>> {
    let rails = series_of(store, host, &VOLTS, window, 0)?;
    let input = rails.iter().find(|rail| rail.key.tag("rail") == Some(EXT5V));
    Ok(input.and_then(|rail| rail.samples.iter().map(|sample| sample.value).reduce(f64::min)))
}

/// To all cards together, over the time that is known.
fn written_per_day(store: &dyn Store, host: &str, window: Window, interval_s: f64) -> Result<Option<f64>> {
    let mut sum: Option<f64> = None;
    for disk in series_of(store, host, &DISK_WRITTEN_BYTES, window, 0)? {
        let is_card = disk.key.tag("disk").is_some_and(|name| name.starts_with(CARDS));
        let written = of_counter(&disk.samples, window, interval_s).filter(|_| is_card);
        let per_day = written.and_then(|written| Some(written.mean_w()? * DAY_S));
        sum = sum.into_iter().chain(per_day).reduce(|a, b| a + b);
    }
    Ok(sum)
}
