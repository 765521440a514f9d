//! How every HTTP client of ours begins: a status is an answer and no error, and no redirect is followed, so that tokens
//! and data go to the configured address only.

use std::path::Path;

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::trust;

/// A client of this program, `picollect` or `picollect-agent`, for an address. For `https` it trusts the certificates of
/// `ca_file`, else those that the system does; fails as [`trust::tls`] does.
pub fn client(program: &str, url: &str, ca_file: Option<&Path>) -> anyhow::Result<ConfigBuilder<AgentScope>> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(format!("{program}/{}", env!("CARGO_PKG_VERSION")));
    Ok(if url.starts_with("https://") { config.tls_config(trust::tls(ca_file)?) } else { config })
}

/// Whether an answer is a page for people, as a captive portal or a login page gives it in another's place. What a program
/// answers is none, whatever its content type says.
pub fn is_page(answer: &str) -> bool {
    let begin: String = answer.trim_start_matches('\u{feff}').trim_start().chars().take(14).collect();
    let begin = begin.to_ascii_lowercase();
    begin.starts_with("<!doctype html") || begin.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_how_it_begins() {
        for page in ["<!DOCTYPE html><p>Log in", "\u{feff} \r\n<HTML lang=de>", "<html>"] {
            assert!(is_page(page), "{page}");
        }
        for answer in ["", "ok", "{}", "<response>taken</response>", "<p>ok", "the <html> of it"] {
            assert!(!is_page(answer), "{answer}");
        }
    }
}
