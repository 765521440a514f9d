//! A node whose clock cannot be trusted: real processes under libfaketime.

use std::fs;
use std::path::PathBuf;

use picollect_evaluate::Window;
use picollect_evaluate::series::Sample;
use picollect_query::series_of;
use picollect_settings::time::now_ms;
use picollect_telemetry::catalogue::{NODE_INFO, SAMPLES};

use crate::process::{Collector, Process, eventually, picollect};

const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };

/// libfaketime's library, wherever the distribution puts it.
fn faketime() -> PathBuf {
    let libraries =
        fs::read_dir("/usr/lib").expect("a library directory").flatten().map(|entry| entry.path());
    let found = libraries.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    found.expect("libfaketime is missing: apt-get install libfaketime")
}

fn samples(collector: &Collector, host: &str) -> Vec<Sample> {
    let series = series_of(&collector.store(), host, &SAMPLES, ALWAYS, 0).unwrap();
    series.into_iter().next().map(|series| series.samples).unwrap_or_default()
}

#[test]
fn a_board_that_is_weeks_behind_follows_the_collector_and_a_step_of_weeks_loses_nothing() {
    let collector = Collector::start();
    // libfaketime reads the offset anew at each question, so the test can step the node's wall clock.
    let offset = collector.data().join("offset");
    fs::write(&offset, "-21d").unwrap();
    let mut command = picollect(&["agent", "run", "--name", "behind", "--interval", "100ms"]);
    command.args(["--collector", &collector.url, "--token-file"]).arg(collector.token_file());
    command.env("LD_PRELOAD", faketime()).env("FAKETIME_TIMESTAMP_FILE", &offset);
    command
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
    let before_ms = now_ms();
    let agent = Process::start(command);
    eventually("it delivers", || samples(&collector, "behind").len() > 15);
    // What NTP does once the network is there.
    fs::write(&offset, "+0").unwrap();
    eventually("it goes on after the step", || samples(&collector, "behind").len() > 35);
    assert_eq!(agent.terminate(), Some(0));

    let samples = samples(&collector, "behind");
    let first_ms = samples.first().unwrap().t_ms;
    assert!((first_ms - before_ms).abs() < 3_000, "{} ms off", first_ms - before_ms);
    assert!(samples.last().unwrap().t_ms <= now_ms() + 100);
    // In order of their times the samples are in order of their numbers, and none is missing.
    let numbers: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0) && numbers[0] == 1.0, "{numbers:?}");
    let info = series_of(&collector.store(), "behind", &NODE_INFO, ALWAYS, 0).unwrap();
    assert!(info.iter().any(|series| series.key.tag("clock") == Some("collector")), "{info:?}");
}
