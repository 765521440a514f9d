//! What a board says of its supply, its last reset and its flash.

use picollect_evaluate::Window;
use picollect_evaluate::energy::of_counter;
use picollect_evaluate::flash_life::{FlashLife, Stretch, flash_life};
use picollect_telemetry::catalogue::{
    DISK_WRITTEN_BYTES, EXT5V, FLASH_LIFE, FLASH_PRE_EOL, Metric, RESET_BROWN_OUT, VOLTS,
};

use super::super::SupplyAndFlash;
use super::Result;
use picollect_evaluate::series::Sample;
use picollect_query::{AROUND_MS, last_of, last_of_each, latest, series_of};
use picollect_store::{Selector, SeriesKey, Store};
use picollect_telemetry::catalogue::HOST;

const DAY_S: f64 = 86_400.0;
const DAY_MS: i64 = 86_400_000;
/// So far back a card's own estimate is looked at: it moves once in months.
const WATCHED_DAYS: i64 = 366;
/// After so many days without a word it is not looked at any further back.
const SILENT_DAYS: i64 = 14;
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
    let written_bytes_per_day = written_per_day(store, host, window, interval_s)?;
    let lasts = lasts(store, host, window.end_ms, &worn, written_bytes_per_day)?;
    let states = last_of_each(store, host, &FLASH_PRE_EOL, window.end_ms, AROUND_MS)?;
    Ok(SupplyAndFlash {
        least_supply_v: least_supply_v(store, host, window)?,
        brown_out: last(&RESET_BROWN_OUT)?.map(|flag| flag > 0.0),
        flash_used_ratio: worn.iter().map(|(_, sample)| sample.value).reduce(f64::max),
        written_bytes_per_day,
        flash_years_left: lasts.map(|lasts| lasts.years),
        flash_years_are_least: lasts.map(|lasts| lasts.at_least),
        flash_watched_days: lasts.map(|lasts| lasts.days),
        flash_pre_eol: states.iter().map(|(_, sample)| sample.value).reduce(f64::max),
    })
}

/// How long the first of its cards lasts, of those that tell how worn they are. The pace is that of all cards together,
/// of which a board has one.
fn lasts(
    store: &dyn Store,
    host: &str,
    end_ms: i64,
    worn: &[(SeriesKey, Sample)],
    bytes_per_day: Option<f64>,
) -> Result<Option<FlashLife>> {
    let mut first: Option<FlashLife> = None;
    for (key, _) in worn {
        let stretches = stretches(store, host, key, end_ms)?;
        let life = bytes_per_day.and_then(|per_day| flash_life(&stretches, per_day));
        first = first.into_iter().chain(life).reduce(|a, b| if b.years < a.years { b } else { a });
    }
    Ok(first)
}

/// What a card said of itself at the end of each day of the last year, and what was written in between: what a day
/// wrote before a boot is not known and left out, so that it is no more than was written.
fn stretches(store: &dyn Store, host: &str, life: &SeriesKey, end_ms: i64) -> Result<Vec<Stretch>> {
    let disk = life.tag("disk").unwrap_or_default();
    let tags = [(HOST, host), ("disk", disk)];
    let (measurement, field) = (Some(DISK_WRITTEN_BYTES.measurement), Some(DISK_WRITTEN_BYTES.field));
    let Some(written) = store.series(&Selector { measurement, field, tags: &tags })?.into_iter().next()
    else {
        return Ok(Vec::new());
    };
    let last = |key: &SeriesKey, t_ms: i64| -> Result<Option<f64>> {
        Ok(last_of(store, key, t_ms, AROUND_MS)?.map(|sample| sample.value))
    };
    let (mut days, mut silent) = (Vec::new(), 0);
    for back in 0..WATCHED_DAYS {
        let t_ms = end_ms - back * DAY_MS;
        match last(life, t_ms)?.zip(last(&written, t_ms)?) {
            Some((used, total)) => days.push((t_ms, used, total)),
            None => silent += 1,
        }
        if silent > SILENT_DAYS {
            break;
        }
    }
    days.reverse();
    let between = |pair: &[(i64, f64, f64)]| {
        let ((from_ms, _, before), (to_ms, used, total)) = (pair[0], pair[1]);
        let written = if total >= before { total - before } else { total };
        Stretch { used, written, days: (to_ms - from_ms) as f64 / DAY_MS as f64 }
    };
    Ok(days.windows(2).map(between).collect())
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use picollect_telemetry::line::{Precision, decode};

    /// What a board with an eMMC and one with an SD card said at the end of each of some days, 2 GB a day; the first one
    /// was booted anew after the fifth day.
    fn told(host: &str, days: i64, tells: bool) -> SupplyAndFlash {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let mut lines = String::new();
        for day in 0..=days {
            for t_ms in [day * DAY_MS + DAY_MS - 60_000, day * DAY_MS + DAY_MS] {
                let since_boot_s = t_ms as f64 / 1000.0 - if day > 5 { 6.5 * DAY_S } else { 0.0 };
                let written = since_boot_s / DAY_S * 2e9;
                writeln!(lines, "disk,disk=mmcblk0,host={host} written_bytes={written:.0} {t_ms}").unwrap();
                if tells {
                    writeln!(lines, "flash,disk=mmcblk0,host={host} life_used_ratio=0.3,pre_eol=1i {t_ms}")
                        .unwrap();
                }
            }
        }
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let end_ms = (days + 1) * DAY_MS;
        let window = Window { start_ms: end_ms - 60_000, end_ms };
        supply_and_flash(&store, host, window, 60.0).unwrap()
    }

    #[test]
    fn an_emmc_that_did_not_move_lasts_at_least_what_was_written_meanwhile_says() {
        let emmc = told("cm4", 30, true);
        assert!((emmc.written_bytes_per_day.unwrap() - 2e9).abs() < 1e6, "{emmc:?}");
        // 60 GB less what was written before the boot are no more than a tenth; seven tenths are left.
        let years = 0.7 * (30.0 - 0.5) * 10.0 / 365.25;
        assert!((emmc.flash_years_left.unwrap() / years - 1.0).abs() < 0.02, "{emmc:?} is not {years}");
        assert_eq!((emmc.flash_years_are_least, emmc.flash_watched_days), (Some(true), Some(30.0)));
        assert_eq!(emmc.flash_pre_eol, Some(1.0));
    }

    #[test]
    fn of_a_card_that_says_nothing_it_is_not_known_how_long_it_lasts() {
        let card = told("pi-1", 30, false);
        assert!(card.written_bytes_per_day.is_some());
        assert_eq!(
            (card.flash_years_left, card.flash_years_are_least, card.flash_pre_eol),
            (None, None, None)
        );
    }
}
