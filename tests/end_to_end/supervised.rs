//! What a supervisor that can only run a command is told (`picollect health`), and a code for a card that is written now.

use std::fs;

use crate::process::{Collector, picollect, run, stdout};

#[test]
fn a_supervisor_is_told_whether_the_collector_is_well_and_that_nobody_answers() {
    let collector = Collector::start();
    let address = collector.url.strip_prefix("http://").unwrap().to_owned();
    let data = tempfile::tempdir().unwrap();
    let asked = ["health", "--data", data.path().to_str().unwrap(), "--listen", &address];
    assert_eq!(stdout(&asked).trim(), "ok");
    drop(collector);
    let gone = run(&asked);
    let said = String::from_utf8_lossy(&gone.stderr);
    assert_eq!(gone.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("the collector at http://{address} cannot be reached")), "{said}");
}

#[test]
fn a_code_for_a_card_lasts_for_days_and_not_for_longer_than_a_week() {
    let collector = Collector::start();
    let ends_ms = |valid: &str| {
        let before: Vec<_> = codes(&collector);
        stdout(&["token", "code", "--valid", valid, "--data", collector.data_text()]);
        codes(&collector).into_iter().find(|code| !before.contains(code)).unwrap()
    };
    let (two, six) = (ends_ms("2d"), ends_ms("6d"));
    assert!((4 * DAY_MS - 1..4 * DAY_MS + DAY_MS).contains(&(six - two)), "{two} {six}");
    let mut long = picollect(&["token", "code", "--valid", "8d", "--data", collector.data_text()]);
    let refused = long.output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("7 days at most"));
}

const DAY_MS: i64 = 24 * 3600 * 1000;

/// When each code that waits ends, Unix milliseconds.
fn codes(collector: &Collector) -> Vec<i64> {
    let Ok(folder) = fs::read_dir(collector.data().join("codes")) else { return Vec::new() };
    folder.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().parse().unwrap()).collect()
}
