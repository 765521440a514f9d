//! The agent's side of HTTP: one collector, asked and answered. What the answers mean for the lines is
//! `push`'s business.
//!
//! Invariants: no redirect is followed, so lines and tokens go to the configured address only; an answer says
//! by itself who wrote it ([`Speaker`]), and of a stranger's nothing is believed, its time least of all.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use picollect_settings::{http, secret, trust};
use picollect_telemetry::PROTOCOL;
use picollect_telemetry::foreign::printable;
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
/// A time before 2020 or after 2199 is nobody's clock; Unix milliseconds.
const PLAUSIBLE_MS: RangeInclusive<i64> = 1_577_836_800_000..=7_258_118_399_999;
/// So much of a redirect's address is shown.
const MAX_PLACE_CHARS: usize = 80;

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
    /// The organisation's name, as InfluxDB has it.
    pub org: String,
    /// The bucket's name in it.
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

/// Who wrote an answer, by what the answer itself shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A collector: every release has named its version of the protocol in each answer.
    Collector,
    /// An InfluxDB, or what speaks as one: it names its version, or complains in its error JSON.
    Influxdb,
    /// Anybody else, such as a captive portal or a proxy.
    Stranger,
}

/// What a collector says to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who says it.
    pub speaker: Speaker,
    /// The status of HTTP; 204 is success.
    pub status: u16,
    /// Where the answer wants us to go, up to the host; nobody goes there.
    pub redirect: Option<String>,
    /// The beginning of its text.
    pub text: String,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
    /// What it says of its clock; `None` of a stranger.
    pub exchange: Option<Exchange>,
    /// What tells its store from others.
    pub store: Option<String>,
    /// The version of the protocol that it speaks.
    pub protocol: Option<String>,
}

impl Reply {
    /// Why an answer of a stranger is not believed, or where it leads, for whoever has to mend it.
    pub(crate) fn is_not_ours(&self, wanted: &str) -> String {
        let status = self.status;
        let place = self.redirect.as_deref().unwrap_or("nowhere");
        match status {
            307 | 308 => format!(
                "the configuration is wrong: its address redirects to {place} ({status}), and no redirect is \
                 followed; if {wanted} is there, write that address as `url`"
            ),
            300..400 => format!(
                "{status}: whoever answers there redirects to {place}, and no redirect is followed; a captive \
                 portal or a proxy stands in the way, or {wanted} has another address"
            ),
            _ => format!(
                "{status}: this answer is not of {wanted}; a captive portal, a proxy or another server answers \
                 in its place"
            ),
        }
    }
}

/// A client of one collector; it keeps its connection.
#[derive(Debug)]
pub struct Client {
    http: ureq::Agent,
    addresses: Addresses,
    gzip: Gzip,
    target: Target,
}

impl Client {
    /// Reads the certificates if the address is `https`; connects to nothing yet.
    pub fn new(target: Target) -> anyhow::Result<Self> {
        let config = http::client("picollect-agent", &target.url, target.ca_file.as_deref())?
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(1)
            .proxy(target.proxy.found())
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES);
        let addresses = Addresses::default();
        let http = ureq::Agent::with_parts(config.build(), DefaultConnector::default(), addresses.clone());
        Ok(Self { http, addresses, gzip: Gzip::new(), target })
    }

    pub(crate) fn url(&self) -> &str {
        &self.target.url
    }

    /// What is meant to answer, in words.
    pub(crate) fn wanted(&self) -> &'static str {
        if self.is_influxdb() { "an InfluxDB" } else { "a picollect collector" }
    }

    /// Whether an InfluxDB is meant to answer, and not a collector.
    pub(crate) fn is_influxdb(&self) -> bool {
        self.target.bucket.is_some()
    }

    /// Asks for nothing but an answer: is it there, what time does it have, which store does it serve. Any
    /// status of a collector will do. Fails if a stranger answers.
    pub fn hello(&self) -> anyhow::Result<Reply> {
        let page = if self.is_influxdb() { "ping" } else { "healthz" };
        let url = format!("{}/{page}", self.target.url.trim_end_matches('/'));
        let asked = Instant::now();
        let answer = self.http.get(&url).header("X-Picollect-Protocol", PROTOCOL).call();
        let reply = read(answer.map_err(|error| self.failed(&error))?, asked.elapsed());
        match (self.is_influxdb(), reply.speaker) {
            (_, Speaker::Collector) | (true, Speaker::Influxdb) => Ok(reply),
            // Others that take InfluxDB's lines need not have its ping; then nobody tells the time.
            (true, _) if matches!(reply.status, 404 | 405) => Ok(Reply { exchange: None, ..reply }),
            _ => bail!(reply.is_not_ours(self.wanted())),
        }
    }

    /// Asks for the cluster's summary, for the panel.
    pub fn summary(&self) -> anyhow::Result<Summary> {
        let url = format!("{}/api/v1/summary", self.target.url.trim_end_matches('/'));
        let mut request = self.http.get(&url);
        if let Some(token) = self.target.token.read()? {
            request = request.header("Authorization", format!("Token {token}"));
        }
        let asked = Instant::now();
        let answer = request.call().map_err(|error| self.failed(&error))?;
        let answer = of_collector(read(answer, asked.elapsed()))?;
        serde_json::from_str(&answer.text).context("the collector's summary cannot be read")
    }

    /// Asks whoever answers at this address for the authority of the collector's certificate, for the code with this
    /// name; gives its JSON, of which nothing is believed yet, or `None` if it has none for us.
    pub(crate) fn authority(url: &str, code_name: &str) -> anyhow::Result<Option<String>> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(trust::nobody_checked());
        let http: ureq::Agent = config.build().into();
        let asked = Instant::now();
        let answer = http.get(format!("{url}/api/v1/join/authority")).query("code_name", code_name).call();
        let answer = answer.map_err(|error| away(url, &error))?;
        let answer = read(answer, asked.elapsed());
        Ok((answer.status == 200).then_some(answer.text))
    }

    /// Exchanges a one-time code for a token of this node's own; gives the collector's JSON.
    pub(crate) fn join(&self, code: &str, node: &str) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/join", self.target.url.trim_end_matches('/'));
        let body = serde_json::json!({ "code": code, "node": node }).to_string();
        let asked = Instant::now();
        let answer = self.http.post(&url).content_type("application/json").send(body);
        let answer = answer.map_err(|error| away(&self.target.url, &error))?;
        Ok(of_collector(read(answer, asked.elapsed()))?.text)
    }

    /// Posts these lines, gzipped, and waits for the answer.
    pub fn post(&mut self, lines: &[u8]) -> anyhow::Result<Reply> {
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
        Ok(read(answer.map_err(|error| self.failed(&error))?, asked.elapsed()))
    }

    /// What a request without an answer ends with.
    fn failed(&self, error: &ureq::Error) -> anyhow::Error {
        self.addresses.forget();
        anyhow!(http::why(error, &self.target.url))
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
        // Those of another address are none of this one's.
        if let Some((_, addresses)) = kept.as_ref().filter(|(of, _)| Some(of) == uri.authority()) {
            return Ok(addresses.clone());
        }
        let addresses = DefaultResolver::default().resolve(uri, config, timeout)?;
        *kept = uri.authority().map(|of| (of.clone(), addresses.clone()));
        Ok(addresses)
    }
}

fn away(url: &str, error: &ureq::Error) -> anyhow::Error {
    anyhow!("the collector at {url} cannot be reached: {}", http::why(error, url))
}

/// The answer, if it is a collector's own and says yes.
fn of_collector(answer: Reply) -> anyhow::Result<Reply> {
    ensure!(answer.speaker == Speaker::Collector, answer.is_not_ours("a picollect collector"));
    let said = serde_json::from_str::<serde_json::Value>(&answer.text).unwrap_or_default();
    let said = said["message"].as_str().unwrap_or(&answer.text);
    ensure!(answer.status == 200, "the collector refused it ({}): {}", answer.status, printable(said));
    Ok(answer)
}

fn read(mut answer: Response<ureq::Body>, round_trip: Duration) -> Reply {
    let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
    let text = text.unwrap_or_default().trim().to_owned();
    let headers = answer.headers();
    let seconds = header(headers, "retry-after").and_then(|text| text.parse().ok());
    let speaker = speaker(headers, answer.status().is_success(), &text);
    let time =
        time_of(headers).filter(|time_ms| speaker != Speaker::Stranger && PLAUSIBLE_MS.contains(time_ms));
    let of_collector = |name| header(headers, name).filter(|_| speaker == Speaker::Collector);
    Reply {
        speaker,
        status: answer.status().as_u16(),
        redirect: header(headers, "location").map(place),
        text,
        retry_after: seconds.map(Duration::from_secs),
        exchange: time.map(|collector_ms| Exchange::now(collector_ms, round_trip)),
        store: of_collector("x-picollect-store").map(ToOwned::to_owned),
        protocol: of_collector("x-picollect-protocol").map(ToOwned::to_owned),
    }
}

fn speaker(headers: &HeaderMap, is_success: bool, text: &str) -> Speaker {
    let is_version = |text: &str| text.split('.').all(|part| part.parse::<u16>().is_ok());
    if header(headers, "x-picollect-protocol").is_some_and(is_version) {
        return Speaker::Collector;
    }
    let complains = || {
        let json = serde_json::from_str::<serde_json::Value>(text).ok();
        json.is_some_and(|json| json["code"].is_string() && json["message"].is_string())
    };
    if headers.contains_key("x-influxdb-version") || (!is_success && complains()) {
        Speaker::Influxdb
    } else {
        Speaker::Stranger
    }
}

/// The address of a redirect up to its host: what follows may be anything.
fn place(location: &str) -> String {
    let end = location.match_indices('/').nth(2).map_or(location.len(), |(at, _)| at);
    printable(&location[..end]).chars().take(MAX_PLACE_CHARS).collect()
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
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

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

    /// Somebody who gives each request this answer, and counts them.
    fn answering(answer: String) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {
                    let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                    length =
                        line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                // Who does not like the answer hangs up.
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        (url, requests)
    }

    fn head(status: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    fn client(url: &str, influxdb: bool) -> Client {
        let bucket = influxdb.then(|| Bucket { org: "o".into(), bucket: "b".into() });
        let token = Token::Given("secret".into());
        Client::new(Target { url: url.into(), token, bucket, ca_file: None, proxy: Proxy::None }).unwrap()
    }

    /// As version 0.1.0 wrote them.
    const OF_THE_LAST_RELEASE: &str = "x-picollect-time-ms: 1795443117043\r\nx-picollect-store: 5f3a\r\n\
                                       x-picollect-protocol: 1.0\r\ndate: Mon, 23 Nov 2026 14:11:57 GMT\r\n";

    #[test]
    fn a_collector_of_the_last_release_is_known_by_its_answers() {
        let (url, _) = answering(head("204 No Content", OF_THE_LAST_RELEASE, ""));
        let taken = client(&url, false).post(b"m f=1 1\n").unwrap();
        assert_eq!((taken.speaker, taken.status), (Speaker::Collector, 204));
        assert_eq!(taken.exchange.unwrap().collector_ms, 1_795_443_117_043);
        let (url, _) = answering(head("200 OK", OF_THE_LAST_RELEASE, "ok\n"));
        assert_eq!(client(&url, false).hello().unwrap().store.as_deref(), Some("5f3a"));
    }

    #[test]
    fn nobody_is_followed_elsewhere_and_the_token_stays() {
        let (elsewhere, visits) = answering(head("204 No Content", OF_THE_LAST_RELEASE, ""));
        for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
            let (url, asked) = answering(head(status, &format!("location: {elsewhere}/steal?x\r\n"), ""));
            let mut client = client(&url, false);
            let answer = client.post(b"m f=1 1\n").unwrap();
            assert_eq!((answer.speaker, answer.redirect.as_ref()), (Speaker::Stranger, Some(&elsewhere)));
            assert!(client.hello().is_err() && client.summary().is_err());
            assert!(client.join("ABCD-EFGH-JKLM", "pi-1").is_err());
            assert!(Client::authority(&url, "ABCD").unwrap().is_none());
            assert_eq!(asked.load(Ordering::SeqCst), 5, "{status}");
        }
        assert_eq!(visits.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_stranger_settles_no_clock() {
        let date = "date: Mon, 23 Nov 2026 14:11:57 GMT\r\n";
        for (status, more) in [
            ("200 OK", "content-type: text/html\r\n"),
            ("204 No Content", ""),
            ("404 Not Found", ""),
            ("200 OK", "x-picollect-protocol: <html>\r\n"),
            ("200 OK", "x-influxdb-version: v2.7\r\n"),
        ] {
            let (url, _) = answering(head(status, &format!("{date}{more}"), ""));
            let why = client(&url, false).hello().unwrap_err().to_string();
            assert!(why.contains("not of a picollect collector"), "{why}");
        }
        let (url, _) = answering(head("200 OK", date, "<html>log in</html>"));
        assert!(client(&url, true).hello().is_err(), "it is no InfluxDB either");
        let (url, _) = answering(head("404 Not Found", date, ""));
        assert_eq!(client(&url, true).hello().unwrap().exchange, None, "it takes lines, perhaps");
        let (url, _) =
            answering(head("204 No Content", &format!("{date}x-influxdb-version: v2.7.1\r\n"), ""));
        assert!(client(&url, true).hello().unwrap().exchange.is_some());
    }

    #[test]
    fn a_time_that_is_nobodys_clock_is_none() {
        for ms in [i64::MIN, -1, 0, 1_577_836_799_999, 7_258_118_400_000, i64::MAX] {
            let headers = format!("x-picollect-protocol: 1.0\r\nx-picollect-time-ms: {ms}\r\n");
            let (url, _) = answering(head("200 OK", &headers, "ok"));
            assert_eq!(client(&url, false).hello().unwrap().exchange, None, "{ms}");
        }
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
        assert_eq!(ask("http://127.0.0.1:2/a"), "127.0.0.1:2", "another collector");
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
