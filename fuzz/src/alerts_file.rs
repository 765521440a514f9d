//! Whatever the file of alerts holds, it is taken or forgotten: what is told of it can be told, and what is written
//! is read again the same.

use std::fs;

use picollect_collector::alerts::episodes::Episodes;
use picollect_evaluate::alert_rules::{RULES, Rule};

const NOW_MS: i64 = 1_700_000_000_000;

/// Tries one input; panics if what is promised above does not hold.
pub fn run(text: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    fs::write(directory.path().join("alerts.json"), text).expect("writable");
    let mut episodes = Episodes::of(directory.path());
    let rules: Vec<&'static Rule> = RULES.iter().collect();
    episodes.settle(&rules, &["webhook", "email"], NOW_MS);
    if let Some((message, said)) = episodes.owed("webhook") {
        assert!(!message.title().is_empty() && !message.text().is_empty());
        let _written = message.webhook().to_string();
        episodes.delivered("webhook", &said);
        episodes.save().expect("the disk has room");
        let again = Episodes::of(directory.path());
        for receiver in ["webhook", "email"] {
            let told = |episodes: &Episodes| episodes.owed(receiver).map(|(message, _)| message);
            assert_eq!(told(&again), told(&episodes), "what was told is not told again");
        }
    }
}
