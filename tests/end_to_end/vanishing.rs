//! Files of the kernel that vanish, come back and talk nonsense: the agent goes on, says so, and never
//! reports a value that nobody measured.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_evaluate::series::Sample;
use picollect_query::series_of;
use picollect_settings::time::now_ms;
use picollect_telemetry::catalogue::{Metric, NO_DATA, REQUESTED_HZ, TEMP, WATTS};

use crate::process::{Collector, eventually};

const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
const TEMP_FILE: &str = "sys/class/thermal/thermal_zone0/temp";
const POWER_FILE: &str = "sys/class/hwmon/hwmon1/power1_input";
const CLOCK_FILE: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn samples(collector: &Collector, metric: &Metric) -> Vec<Sample> {
    let series = series_of(&collector.store(), "pi-4b", metric, ALWAYS, 0).unwrap();
    series.into_iter().next().map(|series| series.samples).unwrap_or_default()
}

#[test]
fn the_agent_never_reports_what_nobody_measured_and_recovers_by_itself() {
    let collector = Collector::start();
    let board = collector.data().join("board");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boards/pi-4b"), &board);
    let agent = collector.agent(&["--interval", "100ms", "--root", board.to_str().unwrap()]);
    eventually("it delivers", || samples(&collector, &TEMP).len() > 5);

    for nonsense in ["", "hot\n", "-\n", "99999999999999999999\n", "0x10\n", "\u{fffd}\n"] {
        for file in [TEMP_FILE, POWER_FILE, CLOCK_FILE] {
            fs::write(board.join(file), nonsense).unwrap();
        }
        thread::sleep(Duration::from_millis(400));
        fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boards/pi-4b").join(TEMP_FILE),
            board.join(TEMP_FILE),
        )
        .unwrap();
        fs::write(board.join(POWER_FILE), "3120000\n").unwrap();
        fs::write(board.join(CLOCK_FILE), "1500000\n").unwrap();
        thread::sleep(Duration::from_millis(200));
    }
    let restored_ms = now_ms();
    for metric in [&TEMP, &WATTS, &REQUESTED_HZ] {
        eventually("a value after the last nonsense", || {
            samples(&collector, metric).last().is_some_and(|last| last.t_ms > restored_ms)
        });
        let first = samples(&collector, metric).into_iter().find(|sample| sample.t_ms > restored_ms).unwrap();
        assert!(first.t_ms - restored_ms < 5_000, "{metric:?} after {} ms", first.t_ms - restored_ms);
    }
    assert_eq!(agent.terminate(), Some(0), "it never ended by itself");

    for (metric, truth) in [(&TEMP, 48.312), (&WATTS, 3.12), (&REQUESTED_HZ, 1.5e9)] {
        let false_values: Vec<_> = samples(&collector, metric)
            .into_iter()
            .filter(|sample| (sample.value - truth).abs() > 1e-6)
            .collect();
        assert!(false_values.is_empty(), "{metric:?}: {false_values:?}");
        let why = Metric { field: NO_DATA, ..*metric };
        assert!(
            !samples(&collector, &why).is_empty(),
            "{metric:?}: the collector is told why there was nothing"
        );
    }
}

#[test]
fn a_meter_that_was_added_is_found_when_the_agent_is_told_to_look_again() {
    let collector = Collector::start();
    let board = collector.data().join("board");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boards/pi-4b"), &board);
    let meter = board.join("sys/class/hwmon/hwmon1");
    let aside = collector.data().join("hwmon1");
    fs::rename(&meter, &aside).unwrap();
    let agent = collector.agent(&["--interval", "100ms", "--root", board.to_str().unwrap()]);
    let sources = || {
        let series = series_of(&collector.store(), "pi-4b", &WATTS, ALWAYS, 0).unwrap();
        series.iter().filter_map(|series| series.key.tag("source").map(ToOwned::to_owned)).collect::<Vec<_>>()
    };
    // The fixture's processor times stand still, so the model has no load to estimate from.
    eventually("it delivers", || samples(&collector, &TEMP).len() > 5);
    assert!(!sources().contains(&"measured".to_owned()));
    fs::rename(&aside, &meter).unwrap();
    agent.hang_up();
    eventually("the meter is found", || sources().contains(&"measured".to_owned()));
    assert_eq!(agent.terminate(), Some(0));
}
