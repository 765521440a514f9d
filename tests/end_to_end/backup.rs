//! A copy of the data directory, made while the collector works, takes its place.

use std::fs;

use crate::process::{Collector, eventually, run, stdout};

#[test]
fn a_backup_made_under_way_is_whole_and_answers_for_what_was_before_it() {
    let collector = Collector::start();
    let agent = collector.agent(&["--name", "n", "--interval", "200ms"]);
    let exported = |data: &str| stdout(&["export", "--data", data, "--metric", "agent.samples"]);
    eventually("samples arrive", || exported(collector.data_text()).lines().count() > 5);
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    let copy = copy.to_str().unwrap();
    let before = exported(collector.data_text());
    assert!(stdout(&["backup", "--data", collector.data_text(), copy]).contains("has everything"));
    let after = exported(copy);
    assert!(after.starts_with(&before), "{after} does not go on from {before}");
    let page = stdout(&["check", "--chunks", "--data", copy]);
    assert!(page.contains("are whole") && !page.contains("finding"), "{page}");
    assert_eq!(
        fs::read(collector.data().join("tokens.json")).unwrap(),
        fs::read(format!("{copy}/tokens.json")).unwrap()
    );
    let again = run(&["backup", "--data", collector.data_text(), copy]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
    assert_eq!(agent.terminate(), Some(0));
}
