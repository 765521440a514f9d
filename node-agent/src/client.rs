//! The agent's side of HTTP: one collector, asked and answered. What the answers mean for the lines is
//! `push`'s business.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use picollect_settings::{secret, trust};
use picollect_telemetry::PROTOCOL;
use picollect_telemetry::summary::Summary;
use serde::Deserialize;
use ureq::config::Config;
use ureq::http::uri::Authority as UriAuthority;
use ureq::http::{HeaderMap, Response, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::gzip::Gzip;
use picollect_board::clock::Exchange;

/// Time for one delivery, from connecting to the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of a refusal's text is read.
const MAX_ANSWER_BYTES: u64 = 4096;
/// ureq's buffer in each direction; its own default is eight times as much.
const BUFFER_BYTES: usize = 16 * 1024;

/// A collector, or an InfluxDB 2, that takes line protocol over HTTP.
#[derive(Debug, Clone)]
pub struct Target {
    /// The collector's address, `http://host:port` or `https://host:port`.
    pub url: String,
    /// Where the token comes from.
    pub token: Token,
    /// For an InfluxDB server in place of a collector: its organisation and bucket.
    pub bucket: Option<Bucket>,
    /// Trust only certificates signed by the ones in this file; else those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether requests go through a proxy.
    pub proxy: Proxy,
}

/// Through what requests go. A collector is usually a neighbour that no proxy for the web can reach, so the
/// environment's is taken only if somebody says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proxy {
    /// Straight to the collector.
    #[default]
    None,
    /// The proxy that `http_proxy`, `https_proxy` and the like name, except for what `no_proxy` names.
    Environment,
}

impl Proxy {
    fn found(self) -> Option<ureq::Proxy> {
        match self {
            Self::None => None,
            Self::Environment => ureq::Proxy::try_from_env(),
        }
    }
}

/// Where an InfluxDB server puts what it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub org: String,
    pub bucket: String,
}

/// Where the token comes from; a file is read again at each delivery, so that it can be renewed.
#[derive(Debug, Clone)]
pub enum Token {
    /// None: the collector needs none.
    None,
    /// The text itself, from the environment.
    Given(String),
    /// A file that holds it.
    File(PathBuf),
}

impl Token {
    /// The token's text, or why it cannot be had.
    pub fn read(&self) -> anyhow::Result<Option<String>> {
        match self {
            Self::None => Ok(None),
            Self::Given(text) => Ok(Some(text.clone())),
            Self::File(path) => secret::read("token", path).map(Some),
        }
    }
}

/// What a collector says to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status of HTTP; 204 is success.
    pub status: u16,
    /// The beginning of its text.
    pub text: String,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
    /// What it says of its clock.
    pub exchange: Option<Exchange>,
    /// What tells its store from others.
    pub store: Option<String>,
    /// The version of the protocol that it speaks.
    pub protocol: Option<String>,
}

/// A client of one collector; it keeps its connection.
#[derive(Debug)]
pub(crate) struct Client {
    http: ureq::Agent,
    addresses: Addresses,
    gzip: Gzip,
    target: Target,
}

impl Client {
    /// Reads the certificates if the address is `https`; connects to nothing yet.
    pub(crate) fn new(target: Target) -> anyhow::Result<Self> {
        let agent = concat!("picollect-agent/", env!("CARGO_PKG_VERSION"));
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_idle_connections(1)
            .proxy(target.proxy.found())
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .user_agent(agent);
        if target.url.starts_with("https://") {
            config = config.tls_config(trust::tls(target.ca_file.as_deref())?);
        }
        let addresses = Addresses::default();
        let http = ureq::Agent::with_parts(config.build(), DefaultConnector::default(), addresses.clone());
        Ok(Self { http, addresses, gzip: Gzip::new(), target })
    }

    pub(crate) fn url(&self) -> &str {
        &self.target.url
    }

    /// Asks for nothing but an answer: is it there, what time does it have, which store does it serve.
    /// Any status will do: other servers than ours have no such page and still tell the time.
    pub(crate) fn hello(&self) -> anyhow::Result<Reply> {
        let url = format!("{}/healthz", self.target.url.trim_end_matches('/'));
        let asked = Instant::now();
        let answer = self.http.get(&url).header("X-Picollect-Protocol", PROTOCOL).call();
        let answer = answer.inspect_err(|_| self.addresses.forget())?;
        Ok(read(answer, asked.elapsed()))
    }

    /// Asks for the cluster's summary, for the panel.
    pub(crate) fn summary(&self) -> anyhow::Result<Summary> {
        let url = format!("{}/api/v1/summary", self.target.url.trim_end_matches('/'));
        let mut request = self.http.get(&url);
        if let Some(token) = self.target.token.read()? {
            request = request.header("Authorization", format!("Token {token}"));
        }
        let asked = Instant::now();
        let answer = request.call().inspect_err(|_| self.addresses.forget())?;
        let answer = read(answer, asked.elapsed());
        ensure!(answer.status == 200, "the collector says {} {}", answer.status, answer.text);
        serde_json::from_str(&answer.text).context("the collector's summary cannot be read")
    }

    /// Asks whoever answers at this address for the authority of the collector's certificate, for the code with this
    /// name; gives its JSON, of which nothing is believed yet, or `None` if it has none for us.
    pub(crate) fn authority(url: &str, code_name: &str) -> anyhow::Result<Option<String>> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(trust::nobody_checked());
        let http: ureq::Agent = config.build().into();
        let asked = Instant::now();
        let answer = http.get(format!("{url}/api/v1/join/authority")).query("code_name", code_name).call();
        let answer = answer.with_context(|| format!("the collector at {url} cannot be reached"))?;
        let answer = read(answer, asked.elapsed());
        Ok((answer.status == 200).then_some(answer.text))
    }

    /// Exchanges a one-time code for a token of this node's own; gives the collector's JSON.
    pub(crate) fn join(&self, code: &str, node: &str) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/join", self.target.url.trim_end_matches('/'));
        let body = serde_json::json!({ "code": code, "node": node }).to_string();
        let asked = Instant::now();
        let answer = self.http.post(&url).content_type("application/json").send(body);
        let answer = answer.with_context(|| format!("the collector at {url} cannot be reached"))?;
        let answer = read(answer, asked.elapsed());
        ensure!(answer.status == 200, "the collector says {} {}", answer.status, answer.text);
        Ok(answer.text)
    }

    /// Posts these lines, gzipped, and waits for the answer.
    pub(crate) fn post(&mut self, lines: &[u8]) -> anyhow::Result<Reply> {
        let url = format!("{}/api/v2/write", self.target.url.trim_end_matches('/'));
        let mut request = self.http.post(&url).query("precision", "ns");
        if let Some(Bucket { org, bucket }) = &self.target.bucket {
            request = request.query("org", org).query("bucket", bucket);
        }
        let mut request = request
            .header("Content-Encoding", "gzip")
            .header("X-Picollect-Protocol", PROTOCOL)
            .content_type("text/plain; charset=utf-8");
        if let Some(token) = self.target.token.read()? {
            request = request.header("Authorization", format!("Token {token}"));
        }
        let asked = Instant::now();
        let answer = request.send(self.gzip.compress(lines));
        let answer = answer.inspect_err(|_| self.addresses.forget())?;
        Ok(read(answer, asked.elapsed()))
    }
}

/// The collector's addresses, kept until a delivery fails: ureq asks for them at every request, also over
/// an open connection, and looks them up in a new thread each time.
#[derive(Debug, Clone, Default)]
struct Addresses(Arc<Mutex<Option<(UriAuthority, ResolvedSocketAddrs)>>>);

impl Addresses {
    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer may lead elsewhere.
        if let Some((_, addresses)) = kept.as_ref().filter(|(of, _)| Some(of) == uri.authority()) {
            return Ok(addresses.clone());
        }
        let addresses = DefaultResolver::default().resolve(uri, config, timeout)?;
        *kept = uri.authority().map(|of| (of.clone(), addresses.clone()));
        Ok(addresses)
    }
}

fn read(mut answer: Response<ureq::Body>, round_trip: Duration) -> Reply {
    let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
    let headers = answer.headers();
    let seconds = header(headers, "retry-after").and_then(|text| text.parse().ok());
    Reply {
        status: answer.status().as_u16(),
        text: text.unwrap_or_default().trim().to_owned(),
        retry_after: seconds.map(Duration::from_secs),
        exchange: time_of(headers).map(|collector_ms| Exchange::now(collector_ms, round_trip)),
        store: header(headers, "x-picollect-store").map(ToOwned::to_owned),
        protocol: header(headers, "x-picollect-protocol").map(ToOwned::to_owned),
    }
}

/// Our collector tells milliseconds, every other server the second.
fn time_of(headers: &HeaderMap) -> Option<i64> {
    if let Some(ms) = header(headers, "x-picollect-time-ms") {
        return ms.parse().ok();
    }
    let date = httpdate::parse_http_date(header(headers, "date")?).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    // Somewhere in that second: its middle is at most half a second off.
    i64::try_from(since_epoch.as_millis()).ok().map(|ms| ms + 500)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Checks an address as it is written in a configuration.
pub(crate) fn checked_url(url: String) -> anyhow::Result<String> {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() => Ok(url),
        _ => Err(anyhow!("the collector's address `{url}` is not http://HOST:PORT or https://HOST:PORT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_that_is_missing_says_its_name() {
        let error = Token::File("/nowhere/token".into()).read().unwrap_err();
        assert!(error.to_string().starts_with("cannot read the token file `/nowhere/token`"), "{error}");
    }

    #[test]
    fn the_time_comes_from_our_header_or_from_the_date() {
        let mut headers = HeaderMap::new();
        assert_eq!(time_of(&headers), None);
        headers.insert("date", "Mon, 23 Nov 2026 14:11:57 GMT".parse().unwrap());
        assert_eq!(time_of(&headers), Some(1_795_443_117_500));
        headers.insert("x-picollect-time-ms", "1795443117043".parse().unwrap());
        assert_eq!(time_of(&headers), Some(1_795_443_117_043));
    }

    #[test]
    fn addresses_are_kept_for_one_collector_only_and_until_they_are_forgotten() {
        let addresses = Addresses::default();
        let config = ureq::Agent::config_builder().build();
        let ask = |uri: &'static str| {
            let found = addresses.resolve(&Uri::from_static(uri), &config, NextTimeout::default()).unwrap();
            found[0].to_string()
        };
        assert_eq!(ask("http://127.0.0.1:1/a"), "127.0.0.1:1");
        assert_eq!(ask("http://127.0.0.1:2/a"), "127.0.0.1:2", "an answer that leads elsewhere");
        assert!(addresses.0.lock().unwrap().is_some());
        addresses.forget();
        assert!(addresses.0.lock().unwrap().is_none());
    }

    #[test]
    fn an_address_is_http_or_https() {
        assert!(checked_url("https://head:8650".into()).is_ok());
        for wrong in ["head:8650", "ftp://head", "http://"] {
            assert!(checked_url(wrong.into()).is_err(), "{wrong}");
        }
    }
}
