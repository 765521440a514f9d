//! Whatever stands in a configuration file, agent's or collector's, it is taken or refused in a message that is short
//! and names the place.

use crate::text_of;
use std::fs;

use picollect_agent::config::{Options, TargetOptions, settings};
use picollect_config::Config;
use picollect_settings::exit::Failure;

/// The longest message, in bytes: it may quote a key that is as long as the file.
const MAX_MESSAGE: usize = 8192;

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let text = text_of(input);
    if let Err(error) = picollect_settings::parse::<Config>(text, "collector.toml") {
        let message = error.to_string();
        assert!(message.starts_with("collector.toml:") && message.len() < MAX_MESSAGE, "{message}");
    }
    let directory = tempfile::tempdir().expect("a temporary folder");
    let path = directory.path().join("agent.toml");
    fs::write(&path, text).expect("writable");
    let options = Options { config: Some(path), ..Options::default() };
    match settings(&options, &TargetOptions::default()) {
        Ok(settings) => assert!(!settings.interval.is_zero()),
        Err(Failure::Usage(error)) => assert!(format!("{error:#}").len() < MAX_MESSAGE, "{error:#}"),
        Err(other) => panic!("{other:?}"),
    }
}
