//! The HTTP client of a collector elsewhere: pushes lines to it and asks for its pages.
//!
//! Invariants: no redirect is followed, so a token goes to the given address only; an answer without the header that
//! every collector sends is a stranger's, and the collector counts as away.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use picollect_settings::{http, secret};
use ureq::http::Response;

use picollect_analysis::request::{FINDINGS_HEADER, Written};
use picollect_telemetry::foreign::printable;

/// Time for one exchange. A report over months takes its collector a while.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Longest answer: the report of a large cluster with charts is a few megabytes.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Every collector names its version of the protocol here, in each answer.
const PROTOCOL_HEADER: &str = "x-picollect-protocol";

/// What to do where a token is wanted and there is none.
const NO_TOKEN: &str = "it wants a token; --token-file FILE gives one, which `picollect token create --name NAME --scope \
                        read` on the head node prints";

/// Where a collector is and how it is asked.
#[derive(Debug, Clone)]
pub struct Target {
    /// `http://host:port` or `https://host:port`; a slash at the end does no harm.
    pub url: String,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
    /// Trust only certificates signed by the ones in this file; else those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// Why a collector did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It could not be reached, or not now: the same may work later.
    #[error("the collector at {url} cannot be reached: {why}")]
    Away {
        /// Where it should be.
        url: String,
        /// What the network or the collector said.
        why: String,
    },
    /// It said no, and will say so again.
    #[error("the collector at {url} refused it ({status}): {message}")]
    Refused {
        /// The collector's address, without the page.
        url: String,
        /// HTTP status of the answer; never 429 or 5xx, which are [`ClientError::Away`].
        status: u16,
        /// What the collector wrote in its answer, for a person.
        message: String,
    },
}

/// A client of one collector.
#[derive(Debug, Clone)]
pub struct Client {
    http: ureq::Agent,
    url: String,
    token: Option<String>,
}

impl Client {
    /// Reads the token and, for `https`, the certificates; connects to nothing yet. Fails if a file cannot be
    /// read or the address is neither `http://` nor `https://`.
    pub fn new(target: &Target) -> anyhow::Result<Self> {
        let url = target.url.trim_end_matches('/').to_owned();
        ensure!(
            url.starts_with("https://") || url.starts_with("http://"),
            "the collector's address `{url}` is not http://HOST:PORT or https://HOST:PORT"
        );
        let config =
            http::client("picollect", &url, target.ca_file.as_deref())?.timeout_global(Some(TIMEOUT));
        let token = target.token_file.as_deref().map(|path| secret::read("token", path)).transpose()?;
        Ok(Self { http: config.build().into(), url, token })
    }

    /// Delivers lines. After [`ClientError::Away`] the same may be sent again; [`ClientError::Refused`] is
    /// for good.
    pub fn write(&self, lines: &[u8]) -> Result<(), ClientError> {
        let request = self.http.post(format!("{}/api/v2/write", self.url)).query("precision", "ns");
        let request = request.content_type("text/plain; charset=utf-8");
        let request = match &self.token {
            Some(token) => request.header("Authorization", format!("Token {token}")),
            None => request,
        };
        self.answer(request.send(lines)).map(drop)
    }

    /// Asks for a page. [`ClientError::Away`] if there is no whole answer, [`ClientError::Refused`] if it is
    /// a refusal.
    pub fn ask(&self, path: &str, query: &[(String, String)]) -> Result<Written, ClientError> {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        let request = match &self.token {
            Some(token) => request.header("Authorization", format!("Token {token}")),
            None => request,
        };
        self.answer(request.call())
    }

    fn answer(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Written, ClientError> {
        let away = |error: ureq::Error| ClientError::Away {
            url: self.url.clone(),
            why: http::why(&error, &self.url),
        };
        let mut answer = answer.map_err(away)?;
        if !answer.headers().contains_key(PROTOCOL_HEADER) {
            return Err(ClientError::Away { url: self.url.clone(), why: stranger(&answer) });
        }
        let findings = answer.headers().get(FINDINGS_HEADER).and_then(|value| value.to_str().ok());
        let findings =
            findings.map_or_else(Vec::new, |text| text.split("; ").map(ToOwned::to_owned).collect());
        let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string().map_err(away)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Written { text, findings });
        }
        let json = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        let message = json["message"].as_str().unwrap_or(text.trim()).to_owned();
        let (url, status) = (self.url.clone(), status.as_u16());
        // Too many requests and everything that ails the server itself pass.
        if status == 429 || status >= 500 {
            return Err(ClientError::Away { url, why: format!("{status}: {message}") });
        }
        if status == 401 && self.token.is_none() {
            return Err(ClientError::Refused { url, status, message: NO_TOKEN.to_owned() });
        }
        Err(ClientError::Refused { url, status, message })
    }
}

/// Why an answer is not the collector's, and where it leads.
fn stranger(answer: &Response<ureq::Body>) -> String {
    let status = answer.status().as_u16();
    let place = answer.headers().get("location").and_then(|place| place.to_str().ok());
    let redirects = place.map_or_else(String::new, |place| {
        let end = place.match_indices('/').nth(2).map_or(place.len(), |(at, _)| at);
        format!(
            " It redirects to {}; if the collector is there, give that address.",
            printable(&place[..end])
        )
    });
    format!(
        "{status} comes from somebody else: a captive portal, a proxy or another server answers in its place.{redirects}"
    )
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A client of somebody who gives every request this answer.
    fn of(answer: &'static str) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                    line.clear();
                }
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Client::new(&Target { url, token_file: None, ca_file: None }).unwrap()
    }

    #[test]
    fn a_stranger_that_says_yes_or_sends_elsewhere_is_a_collector_that_is_away() {
        let page = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhtml";
        let moved = "HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:9/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        for (answer, part) in [(page, "captive portal"), (moved, "redirects to http://127.0.0.1:9;")] {
            let error = of(answer).ask("/api/v1/nodes", &[]).unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, ClientError::Away { .. }) && said.contains(part), "{said}");
            assert!(matches!(of(answer).write(b"").unwrap_err(), ClientError::Away { .. }));
        }
    }

    #[test]
    fn a_collector_of_the_last_release_is_believed() {
        let answer = "HTTP/1.1 200 OK\r\nx-picollect-protocol: 1.0\r\ncontent-length: 4\r\nconnection: close\r\n\r\nyes\n";
        assert_eq!(of(answer).ask("/", &[]).unwrap().text, "yes\n");
    }
}
