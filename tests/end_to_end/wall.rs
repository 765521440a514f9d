//! Meters at the wall: each kind of device as it answers and as it fails, asked by the real collector, and logs
//! taken in.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use picollect_collector::wall::device::{Device, ReadError, Reading};
use picollect_config::Config;
use picollect_evaluate::Window;
use picollect_query::numbers;
use picollect_settings::exit;
use picollect_store::SeriesKey;
use picollect_telemetry::NoData;
use serde_json::Value;

use crate::process::{Collector, eventually, picollect, run, stdout};
use crate::wall_device::{Fate, Kind, WallDevice};

const KINDS: [Kind; 4] = [Kind::ShellyGen1, Kind::ShellyGen2, Kind::Tasmota, Kind::Json];

fn device(of: &WallDevice, more: &str) -> Device {
    let config: Config =
        picollect_settings::parse(&of.table(more), "collector.toml").expect("a configuration");
    Device::new(config.wall[0].clone())
}

fn why(answer: Result<Reading, ReadError>) -> NoData {
    answer.expect_err("no reading").no_data()
}

fn password_file(directory: &Path, password: &str) -> String {
    let file = directory.join(password);
    fs::write(&file, format!("{password}\n")).expect("writable");
    format!("password_file = {:?}", file.to_str().expect("UTF-8"))
}

#[test]
fn every_kind_shows_its_power_and_counts_in_joules() {
    for kind in KINDS {
        let plug = WallDevice::start(kind);
        let mut device = device(&plug, "");
        for (watts, counter_j) in [(10.0, 36_000.0), (12.5, 72_000.0)] {
            plug.set(|state| (state.watts, state.counter_j) = (watts, counter_j));
            let got = device.read().expect("a reading");
            assert_eq!(got.watts, watts, "{kind:?}");
            assert!((got.counter_j.expect("a counter") - counter_j).abs() < 1e-6, "{kind:?} {got:?}");
        }
    }
}

#[test]
fn a_failing_device_gives_its_reason_in_bounded_time_and_recovers() {
    for kind in KINDS {
        let plug = WallDevice::start(kind);
        let mut device = device(&plug, "");
        for (fate, reason) in [
            (Fate::Break, NoData::Absent),
            (Fate::Garbage, NoData::Garbled),
            (Fate::Endless, NoData::Garbled),
            (Fate::Status(404), NoData::Absent),
            (Fate::Status(500), NoData::Failed),
            (Fate::Hang, NoData::TimedOut),
        ] {
            plug.set(|state| state.fate = fate);
            let asked = Instant::now();
            assert_eq!(why(device.read()), reason, "{kind:?} {fate:?}");
            assert!(asked.elapsed() < Duration::from_secs(10), "{kind:?} {fate:?}");
        }
        plug.set(|state| state.fate = Fate::Answer);
        assert_eq!(device.read().expect("it answers again").watts, 10.0, "{kind:?}");
    }
}

#[test]
fn the_right_password_opens_and_the_wrong_one_is_a_refusal_that_does_not_show_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (right, wrong) = (password_file(directory.path(), "hush"), password_file(directory.path(), "guess"));
    for kind in [Kind::ShellyGen1, Kind::ShellyGen2, Kind::Tasmota] {
        let plug = WallDevice::start(kind);
        plug.set(|state| state.password = Some("hush".to_owned()));
        let mut opened = device(&plug, &right);
        for _ in 0..3 {
            assert_eq!(opened.read().expect("a reading").watts, 10.0, "{kind:?}");
        }
        for more in ["", wrong.as_str()] {
            let error = device(&plug, more).read().expect_err("a refusal");
            assert_eq!(error.no_data(), NoData::Denied, "{kind:?}");
            assert!(!format!("{error:?} {error}").contains("guess"), "{error:?}");
        }
        let missing = device(&plug, "password_file = \"/nowhere/password\"").read();
        assert_eq!(why(missing), NoData::Denied);
    }
}

fn report(data: &str, arguments: &[&str]) -> Value {
    let text = stdout(&[&["report", "--data", data, "--format", "json"], arguments].concat());
    serde_json::from_str(&text).expect("JSON")
}

/// All values of a field of the meter `socket`.
fn values(collector: &Collector, field: &str) -> Vec<f64> {
    let tags = [("boundary", "wall"), ("meter", "socket"), ("source", "measured")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let key = SeriesKey { measurement: "power".to_owned(), field: field.to_owned(), tags };
    let all = Window { start_ms: 0, end_ms: i64::MAX / 2 };
    let samples = numbers(&collector.store(), &key, all, 0).expect("the store reads");
    samples.iter().map(|sample| sample.value).collect()
}

/// A collector whose data directory holds this configuration.
fn collector_with(config: &str) -> Collector {
    Collector::start_by(|listen, data| {
        fs::write(Path::new(data).join("collector.toml"), config).expect("writable");
        picollect(&["serve", "--listen", listen, "--data", data])
    })
}

#[test]
fn a_collector_asks_its_meter_over_outages_and_restarts_and_the_report_has_the_wall() {
    let directory = tempfile::tempdir().expect("a directory");
    let plug = WallDevice::start(Kind::ShellyGen2);
    plug.set(|state| state.password = Some("hush".to_owned()));
    let more = format!("interval = \"200ms\"\n{}", password_file(directory.path(), "hush"));
    let collector = collector_with(&plug.table(&more));
    let agent = collector.simulated_agent("pi-1", "200ms", 0);
    eventually("some readings are there", || values(&collector, "joules").len() > 10);

    plug.set(|state| state.fate = Fate::Break);
    eventually("the outage is known", || values(&collector, "no_data").contains(&1.0));
    // It comes back after a restart that has cleared its counter.
    plug.set(|state| (state.fate, state.counter_j) = (Fate::Answer, 0.0));
    let before = values(&collector, "joules").len();
    eventually("it answers again", || values(&collector, "joules").len() > before + 5);

    let joules = values(&collector, "joules");
    assert!(joules.is_sorted() && joules[0] >= 0.0, "{joules:?}");
    assert!(values(&collector, "counter_joules").contains(&0.0), "what the device counts is kept as it is");
    let report = report(collector.data_text(), &["--since", "1m"]);
    let cluster = &report["cluster"];
    assert_eq!((&cluster["boundary"], &cluster["source"]), (&"wall".into(), &"measured".into()), "{cluster}");
    let mean_w = cluster["mean_w"].as_f64().expect("it is known");
    assert!((mean_w - 10.0).abs() < 1e-6, "{mean_w}");
    assert_eq!(cluster["nodes"], 1, "a meter is no node");
    assert_eq!(report["nodes"][0]["host"], "pi-1");
    assert_eq!(agent.terminate(), Some(0));
    assert!(plug.requests().iter().all(|request| !request.contains("hush")), "a digest does not tell");
}

#[test]
fn a_log_is_taken_in_once_however_often_it_is_imported() {
    let collector = Collector::start();
    let log = collector.data().join("socket.csv");
    // Ten watts for a minute from 2026-11-23T12:00:00Z, ten seconds of it not logged.
    let lines = (0..=60).filter(|second| !(20..30).contains(second));
    let lines: String = lines.map(|second| format!("{},10\n", 1_795_435_200 + second)).collect();
    fs::write(&log, format!("unix_time,power\n{lines}")).expect("writable");
    let import = |more: &[&str]| {
        run(&[&["import", "--data", collector.data_text(), "--wall", log.to_str().expect("UTF-8")], more]
            .concat())
    };
    let window = ["--from", "2026-11-23T12:00:00Z", "--to", "2026-11-23T12:01:00Z"];
    let mut reports = Vec::new();
    for _ in 0..2 {
        let output = import(&[]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.starts_with("wall meter `socket`: 51 readings from 2026-11-23T12:00:00.000Z"), "{text}");
        reports.push(report(collector.data_text(), &window)["cluster"].clone());
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!((&reports[0]["boundary"], &reports[0]["energy_j"]), (&"wall".into(), &490.0.into()));
    assert!((reports[0]["coverage"].as_f64().expect("known") - 49.0 / 60.0).abs() < 1e-9);

    fs::write(&log, "unix_time,power\n1795435200,10\nsoon,10\n").expect("writable");
    let output = import(&["--name", "other"]);
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(exit::RUNTIME.into()));
    assert!(message.contains("nothing was imported") && message.contains("line 3: `soon`"), "{message}");
    let output = import(&["--name", "other", "--skip-bad-lines"]);
    assert!(String::from_utf8(output.stdout).expect("UTF-8").contains("1 bad lines left out"));
}

#[test]
fn the_check_says_what_holds_and_where_from_and_finds_a_meter_that_is_silent() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().to_str().expect("UTF-8");
    let plug = WallDevice::start(Kind::Tasmota);
    let file = directory.path().join("collector.toml");
    fs::write(&file, format!("retention = \"90d\"\n{}", plug.table(""))).expect("writable");
    let check = |connect: &[&str]| {
        let mut command = picollect(&[&["check", "--data", data, "--listen", "0.0.0.0:1"], connect].concat());
        let output = command.env("PICOLLECT_RETENTION", "30d").output().expect("picollect starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let (code, page) = check(&["--connect"]);
    assert_eq!(code, Some(0), "{page}");
    assert!(page.contains("listen       0.0.0.0:1  (--listen)\n"), "{page}");
    let kept = "retention    raw 14d, minutes 30d, hours 30d  (PICOLLECT_RETENTION)\n";
    assert!(page.contains(kept), "{page}");
    assert!(page.contains("wall         socket: tasmota at http://127.0.0.1:"), "{page}");
    assert!(page.contains("wall meter `socket` shows 10 W, its counter 0.010 kWh"), "{page}");

    plug.set(|state| state.fate = Fate::Break);
    let (code, page) = check(&["--connect"]);
    assert_eq!(code, Some(exit::FINDING.into()));
    assert!(page.contains("gives no reading") && page.contains("finding: 1 wall meters"), "{page}");
    assert_eq!(check(&[]).0, Some(0), "nobody is asked without --connect");

    fs::write(&file, "[[wal]]\n").expect("writable");
    let output = run(&["serve", "--data", data]);
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(exit::USAGE.into()));
    assert!(message.contains("collector.toml:1:3: unknown key `wal`, did you mean `wall`?"), "{message}");
}
