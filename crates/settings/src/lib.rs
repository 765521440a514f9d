//! What both programs do alike: what they say ([`output`]) and how they end ([`exit`]), whose their files are ([`files`]),
//! how they ask others ([`http`]) and whom they trust ([`trust`], [`introduction`]), and how they read their
//! configuration: TOML into a typed structure, and every mistake with its line, its column and, for a key nobody knows,
//! the nearest name that somebody does.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Agent {
//!     interval_s: f64,
//! }
//!
//! let agent: Agent = picollect_settings::parse("interval_s = 2.5", "agent.toml")?;
//! assert_eq!(agent.interval_s, 2.5);
//!
//! let error = picollect_settings::parse::<Agent>("intervall_s = 2.5", "agent.toml").err().unwrap();
//! assert_eq!(error.to_string(), "agent.toml:1:1: unknown key `intervall_s`, did you mean `interval_s`?");
//! # Ok::<(), picollect_settings::SettingsError>(())
//! ```

pub mod duration;
pub mod exit;
pub mod files;
mod hex;
pub mod http;
pub mod introduction;
pub mod log;
pub mod output;
pub mod percent;
pub mod seal;
pub mod secret;
pub mod time;
pub mod trust;

pub use hex::hex;
use serde::de::DeserializeOwned;

/// What is wrong in a configuration file and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}:{column}: {message}")]
pub struct SettingsError {
    /// The file's name as the user gave it.
    pub origin: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there, with the nearest valid name where one is near.
    pub message: String,
}

/// Reads a configuration text; `origin` names it in errors. The structure's
/// `#[serde(deny_unknown_fields)]` is what refuses unknown keys.
pub fn parse<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, SettingsError> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        SettingsError { origin: origin.to_owned(), line, column, message: explain(error.message()) }
    })
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// serde lists all known names; a person wants the one that was meant.
fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if !message.starts_with("unknown field") {
        return message.trim_end().replace('\n', "; ");
    }
    let unknown = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("unknown key `{unknown}`, did you mean `{name}`?"),
        None if known.is_empty() => format!("unknown key `{unknown}`; no keys are known here"),
        None => format!("unknown key `{unknown}`; known here: {}", known.join(", ")),
    }
}

/// From this likeness on (Jaro–Winkler, 0 to 1) somebody may have meant the other name.
const NEAR: f64 = 0.7;

/// The known name that is most like this one; `None` if none is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let nearest = alike.max_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.filter(|(likeness, _)| *likeness > NEAR).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        interval: Option<String>,
        collector: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        token_file: Option<String>,
    }

    fn error(text: &str) -> String {
        parse::<Outer>(text, "agent.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_comes_with_line_column_and_nearest_name() {
        assert_eq!(
            error("\nintervall = \"1s\""),
            "agent.toml:2:1: unknown key `intervall`, did you mean `interval`?"
        );
        let nested = "interval = \"1s\"\n[collector]\n  tokenfile = \"t\"\n";
        assert_eq!(error(nested), "agent.toml:3:3: unknown key `tokenfile`, did you mean `token_file`?");
        assert_eq!(error("zzz = 1"), "agent.toml:1:1: unknown key `zzz`; known here: interval, collector");
    }

    #[test]
    fn a_wrong_type_and_broken_syntax_say_where() {
        assert_eq!(error("interval = 1"), "agent.toml:1:12: invalid type: integer `1`, expected a string");
        assert!(error("interval = \"1s\"\ncollector = [").starts_with("agent.toml:2:"));
    }

    #[test]
    fn every_key_is_optional() {
        assert_eq!(parse::<Outer>("", "x").unwrap(), Outer { interval: None, collector: None });
    }
}
