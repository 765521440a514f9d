//! How every HTTP client of ours begins: a status is an answer and no error, and no redirect is followed, so that tokens
//! and data go to the configured address only.

use std::io::ErrorKind;
use std::path::Path;

use rustls::{CertificateError, InvalidMessage};
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

const UNKNOWN_NAME: &str = "its name is not known; an address such as http://192.168.1.10:8650 needs no name";

/// Why there is no answer from an address, in words that say what to look at.
pub fn why(error: &ureq::Error, url: &str) -> String {
    let https = url.starts_with("https://");
    match error {
        ureq::Error::Io(io) => match (io.kind(), of_tls(io)) {
            (_, Some(error)) => why_no_tls(error),
            (ErrorKind::ConnectionRefused, _) => {
                "nothing listens there; does it run, and on this port?".to_owned()
            }
            (ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset, _) if https => hung_up("http"),
            (ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset, _) => hung_up("https"),
            // The standard library has no kind for it.
            _ if io.to_string().starts_with("failed to lookup address") => UNKNOWN_NAME.to_owned(),
            _ => io.to_string(),
        },
        ureq::Error::Rustls(error) => why_no_tls(error),
        ureq::Error::Timeout(_) => "no answer came in time".to_owned(),
        ureq::Error::HostNotFound => UNKNOWN_NAME.to_owned(),
        ureq::Error::Protocol(_) if !https => {
            "what answers speaks no HTTP; if it is https, write https://".to_owned()
        }
        error => error.to_string(),
    }
}

fn hung_up(other: &str) -> String {
    format!("it hung up without an answer; if it speaks {other}, write {other}://")
}

/// What TLS says, where it says it through the error of a stream.
fn of_tls(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn why_no_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak https; if it speaks http, write http://".to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is signed by nobody who is trusted here; --ca-file (`ca_file` in a configuration) names a \
             file with the certificate of who signs it"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name than the one in this address".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired; or is a clock wrong?".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "its certificate is not valid yet; or is a clock wrong?".to_owned(),
        error => error.to_string(),
    }
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
