//! The collector as a client: one small JSON document from a device in the local network.
//!
//! Invariants: an answer is bounded in time and in bytes; neither a password nor an address that could
//! hold one stands in an error; beside this only `client` and `store::prometheus` know `ureq`.

mod challenge;

use std::io;
use std::time::{Duration, Instant};

use picollect_config::Credentials;
use picollect_settings::hex;
use picollect_telemetry::NoData;
use picollect_telemetry::foreign::printable;
use serde_json::Value;
use ureq::Body;
use ureq::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ureq::http::{Response, Uri};

use self::challenge::Challenge;

/// Time for one document, from the look-up of the name to the last byte, authentication included. A device
/// that takes longer would leave holes in its series anyhow.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest document: the status of a device with many channels takes a tenth of it.
pub const MAX_BODY_BYTES: u64 = 64 * 1024;
/// So many characters of a device's explanation are passed on.
const MAX_SAID: usize = 80;
/// Bytes of the random text that each authenticated request carries.
const CLIENT_NONCE_BYTES: usize = 16;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// It took longer than [`TIMEOUT`].
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// Nobody listens there, or the name is not known.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It wants a user and a password, or others than these.
    #[error("{0}")]
    Denied(&'static str),
    /// It answered with this status.
    #[error("answered with HTTP status {status}{}", quoted(said))]
    Status {
        /// The number, such as 404.
        status: u16,
        /// What the device itself said about it; empty if nothing.
        said: String,
    },
    /// What came is not a JSON document of bounded size.
    #[error("the answer cannot be used: {0}")]
    Garbled(String),
}

impl GetError {
    /// What the store is told.
    pub fn no_data(&self) -> NoData {
        match self {
            Self::TimedOut => NoData::TimedOut,
            Self::Unreachable(_) | Self::Status { status: 404, .. } => NoData::Absent,
            Self::Denied(_) => NoData::Denied,
            Self::Status { .. } => NoData::Failed,
            Self::Garbled(_) => NoData::Garbled,
        }
    }
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": it says `{said}`") }
}

/// As whom to ask.
#[derive(Debug, Clone, Copy)]
pub enum Login<'a> {
    /// As nobody in particular.
    Nobody,
    /// With a user and a password, once the device asks for them.
    Password(&'a Credentials),
    /// With a bearer token, at once.
    Bearer(&'a str),
}

impl<'a> Login<'a> {
    fn credentials(self) -> Option<&'a Credentials> {
        if let Self::Password(credentials) = self { Some(credentials) } else { None }
    }

    /// Why a device does not let it in.
    fn refusal(self) -> GetError {
        GetError::Denied(match self {
            Self::Nobody => "does not answer just anybody: it may want a user and a password, or a token",
            Self::Password(_) => "refuses this user and password",
            Self::Bearer(_) => "refuses this token",
        })
    }
}

/// A client of one device; it keeps its connection and the challenge that it answered last.
#[derive(Debug)]
pub struct Client {
    http: ureq::Agent,
    challenge: Option<Challenge>,
}

impl Default for Client {
    fn default() -> Self {
        let agent = concat!("picollect/", env!("CARGO_PKG_VERSION"));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(1)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A device of the local network is never behind the proxy that the environment names.
            .proxy(None)
            .user_agent(agent);
        Self { http: config.build().into(), challenge: None }
    }
}

impl Client {
    /// Gets a document. The pairs of `query` are percent-encoded and appended to the address; with
    /// credentials, Basic and Digest (SHA-256) challenges are answered.
    pub fn json(&mut self, url: &str, query: &[(&str, &str)], login: Login<'_>) -> Result<Value, GetError> {
        let deadline = Instant::now() + TIMEOUT;
        let mut answer = self.send(url, query, login, deadline)?;
        if answer.status() == 401 && !matches!(login, Login::Bearer(_)) {
            login.credentials().ok_or(GetError::Denied("asks for a user and a password"))?;
            self.challenge = Some(strongest(&answer)?);
            // Read to its end, so that the connection can be used again.
            let _ = body(&mut answer);
            answer = self.send(url, query, login, deadline)?;
        }
        match answer.status().as_u16() {
            200 => {
                let text = body(&mut answer)?;
                serde_json::from_str(&text).map_err(|error| GetError::Garbled(format!("no JSON: {error}")))
            }
            401 | 403 => {
                self.challenge = None;
                Err(login.refusal())
            }
            status => Err(GetError::Status { status, said: said(&mut answer) }),
        }
    }

    fn send(
        &mut self,
        url: &str,
        query: &[(&str, &str)],
        login: Login<'_>,
        deadline: Instant,
    ) -> Result<Response<Body>, GetError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(GetError::TimedOut);
        }
        let mut request = self.http.get(url).query_pairs(query.iter().copied());
        if let Login::Bearer(token) = login {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let (Some(challenge), Some(credentials)) = (&mut self.challenge, login.credentials()) {
            let uri: Uri = url.parse().map_err(|_| GetError::Unreachable("the address is none".into()))?;
            let target = uri.path_and_query().map_or("/", |target| target.as_str());
            let answer = challenge.answer(credentials, "GET", target, &client_nonce()?);
            request = request.header(AUTHORIZATION, answer);
        }
        request.config().timeout_global(Some(left)).build().call().map_err(unusable)
    }
}

fn client_nonce() -> Result<String, GetError> {
    let mut bytes = [0; CLIENT_NONCE_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_| GetError::Unreachable("the system gives no random numbers".into()))?;
    Ok(hex(&bytes))
}

/// Of the challenges in an answer the one that is hardest to eavesdrop on.
fn strongest(answer: &Response<Body>) -> Result<Challenge, GetError> {
    let headers = answer.headers().get_all(WWW_AUTHENTICATE).iter();
    let challenges = headers.filter_map(|header| Challenge::parse(header.to_str().ok()?));
    challenges
        .max_by_key(Challenge::strength)
        .ok_or(GetError::Denied("wants an authentication that is neither Basic nor Digest with SHA-256"))
}

/// The `message` of a refusal, as Shellies explain one, or `error` as others do; what is no such document says nothing.
fn said(answer: &mut Response<Body>) -> String {
    let document = body(answer).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let text =
        document.as_ref().and_then(|document| document["message"].as_str().or(document["error"].as_str()));
    printable(&text.unwrap_or_default().chars().take(MAX_SAID).collect::<String>()).into_owned()
}

fn body(answer: &mut Response<Body>) -> Result<String, GetError> {
    answer.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_string().map_err(unusable)
}

/// The library's errors may spell out the address, and with it a password; only their kind is kept.
fn unusable(error: ureq::Error) -> GetError {
    match error {
        ureq::Error::Timeout(_) => GetError::TimedOut,
        ureq::Error::HostNotFound => GetError::Unreachable("the name is not known".into()),
        ureq::Error::BodyExceedsLimit(bytes) => GetError::Garbled(format!("more than {bytes} bytes")),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => GetError::TimedOut,
            io::ErrorKind::InvalidData => GetError::Garbled("not UTF-8".into()),
            kind => GetError::Unreachable(kind.to_string()),
        },
        ureq::Error::BadUri(_) => GetError::Unreachable("the address is none".into()),
        ureq::Error::ConnectionFailed => GetError::Unreachable("no connection".into()),
        _ => GetError::Garbled("not HTTP".into()),
    }
}
