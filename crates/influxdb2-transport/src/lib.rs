//! The HTTP that the crate `influxdb2` speaks, by the client that the rest of picollect has.
//!
//! `influxdb2` is built on reqwest 0.11, which holds a second stack of HTTP and TLS whose holes nobody mends any more.
//! This crate has that name and as much of its interface as `influxdb2` calls, over `ureq`: one stack, one set of
//! trusted certificates. `[patch.crates-io]` puts it there; `influxdb2` is the one that is published.
//!
//! A request is sent by a thread that may block ([`tokio::task::spawn_blocking`]), answers are read whole, and no
//! redirect is followed: it would carry secret headers to whoever it names.

mod body;
mod request;

use std::fmt;
use std::time::Duration;

pub use self::body::Body;
pub use self::request::{RequestBuilder, Response};
pub use ureq::http::{Method, StatusCode, header};
pub use url::Url;

use self::header::HeaderMap;
use ureq::tls::TlsConfig;

/// The longest answer, in bytes: a month of one series at a sample a second is 300 MB of Flux's CSV.
const MAX_ANSWER_BYTES: u64 = 512 * 1024 * 1024;

/// Why a request has no answer: the engine is away, or does not speak HTTP.
#[derive(Debug)]
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl Error {
    fn of(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// How requests are sent.
#[derive(Debug, Default)]
pub struct ClientBuilder {
    connect_timeout: Option<Duration>,
    timeout: Option<Duration>,
    headers: HeaderMap,
    tls: Option<TlsConfig>,
}

impl ClientBuilder {
    /// Without headers and without time-outs.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long connecting may take, the search for the host's address and TLS included.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: Some(timeout), ..self }
    }

    /// How long a request may take, from its beginning to the end of its answer.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// What stands in the head of every request.
    #[must_use]
    pub fn default_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// Whom to trust behind an address of `https`.
    #[must_use]
    pub fn tls(self, tls: TlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Connects to nothing yet, and cannot fail.
    pub fn build(self) -> Result<Client, Error> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(self.connect_timeout)
            .timeout_global(self.timeout)
            .user_agent(concat!("picollect/", env!("CARGO_PKG_VERSION")));
        if let Some(tls) = self.tls {
            config = config.tls_config(tls);
        }
        Ok(Client { agent: config.build().into(), headers: self.headers })
    }
}

/// Sends requests, and keeps the connections.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    headers: HeaderMap,
}

impl Client {
    /// How requests are to be sent.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// A request of this address. What is wrong with it is told when it is sent.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder::new(self.agent.clone(), method, url, self.headers.clone())
    }
}

#[cfg(test)]
mod tests;
