//! HTTP to an engine of the Prometheus family: one request, one answer, both bounded.
//!
//! Invariants: no redirect is followed, so secrets go to the configured address only; what is written counts as taken
//! only if the answer is one that an engine of the family gives.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use picollect_settings::http;
use picollect_telemetry::foreign::printable;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use ureq::http::{HeaderName, HeaderValue, Response};

use crate::StoreError;
use crate::location::{Location, Secrets};

/// Time for one write. The agent gives its collector ten seconds, and wants an answer in them.
const WRITE_TIMEOUT: Duration = Duration::from_secs(8);
/// Time for one query, of at most [`MAX_ANSWER_BYTES`].
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer: two million samples. Whoever asks for more asks in smaller pieces.
pub(super) const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// The longest complaint of an engine that is passed on.
const MAX_COMPLAINT_CHARS: usize = 300;
/// The longest complaint that is read.
const MAX_COMPLAINT_BYTES: u64 = 64 * 1024;

/// A client of one engine.
#[derive(Debug)]
pub(super) struct Http {
    agent: ureq::Agent,
    location: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The status and the beginning of the body that an engine answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// It did what it was asked for.
    Done(String),
    /// It understood and refused, in these words, and would refuse again.
    Refused(String),
    /// The answer is longer than [`MAX_ANSWER_BYTES`].
    TooLong,
}

impl Http {
    /// Reads certificates; connects to nothing yet.
    pub(super) fn new(location: &Location, secrets: &Secrets) -> Result<Self, StoreError> {
        let unusable = |why: String| StoreError::Unusable { location: location.to_string(), why };
        let address = location.to_string();
        let address = address.split_once('+').map_or(address.as_str(), |(_, address)| address);
        let config = http::client("picollect", address, secrets.ca_file.as_deref())
            .map_err(|error| unusable(format!("{error:#}")))?;
        let mut headers = Vec::new();
        let credentials = secrets.token.as_ref().map(|token| format!("Bearer {token}"));
        let basic = secrets.basic.as_ref();
        let basic =
            basic.map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        if let Some(credentials) = credentials.or(basic) {
            let mut value = HeaderValue::from_str(&credentials)
                .map_err(|_| unusable("the token holds a character that no header does".to_owned()))?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        for (name, value) in &secrets.headers {
            let header = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
            headers.push(header.ok_or_else(|| unusable(format!("the header `{name}` is none")))?);
        }
        Ok(Self { agent: config.build().into(), location: location.to_string(), headers })
    }

    /// Writes: a body of remote write 1.0.
    pub(super) fn write(&self, url: &str, body: &[u8]) -> Result<Reply, StoreError> {
        let request = self.agent.post(url).content_type("application/x-protobuf");
        let request =
            request.header("Content-Encoding", "snappy").header("X-Prometheus-Remote-Write-Version", "0.1.0");
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.config().timeout_global(Some(WRITE_TIMEOUT)).build().send(body);
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        match self.reply(answer, WRITE_TIMEOUT)? {
            Reply::Done(_) if status == 204 => Ok(Reply::Done(String::new())),
            // Thanos and Mimir say 200, and nothing beside it.
            Reply::Done(text) if status == 200 && text.trim().is_empty() => Ok(Reply::Done(text)),
            Reply::Refused(why) => Ok(Reply::Refused(why)),
            Reply::Done(_) | Reply::TooLong => Err(self.unavailable(format!(
                "{status} with a page is no answer to remote write: a captive portal, a proxy or another server answers \
                 in the engine's place; see docs/engines.md for the addresses of each engine"
            ))),
        }
    }

    /// Asks, with the parameters as a form.
    pub(super) fn query(&self, url: &str, parameters: &[(&str, &str)]) -> Result<Reply, StoreError> {
        let request = self.agent.post(url);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.config().timeout_global(Some(QUERY_TIMEOUT)).build();
        self.reply(request.send_form(parameters.iter().copied()), QUERY_TIMEOUT)
    }

    /// The engine is away.
    pub(super) fn unavailable(&self, why: impl Into<String>) -> StoreError {
        StoreError::Unavailable { location: self.location.clone(), why: why.into() }
    }

    /// The engine will never do that.
    pub(super) fn refused(&self, why: impl Into<String>) -> StoreError {
        StoreError::Refused { location: self.location.clone(), why: why.into() }
    }

    fn reply(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
        limit: Duration,
    ) -> Result<Reply, StoreError> {
        let away = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => self.unavailable(format!("no answer within {} s", limit.as_secs())),
            error => self.unavailable(error.to_string()),
        };
        let mut answer = answer.map_err(away)?;
        let status = answer.status();
        if status.is_redirection() {
            let place =
                answer.headers().get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or_default();
            return Err(self.unavailable(redirected(status.as_u16(), place)));
        }
        let is_text = answer.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "text/html");
        if status.is_success() {
            return match answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string() {
                Ok(text) => Ok(Reply::Done(text)),
                Err(ureq::Error::BodyExceedsLimit(_)) => Ok(Reply::TooLong),
                Err(error) => Err(away(error)),
            };
        }
        let body = answer.body_mut().with_config().limit(MAX_COMPLAINT_BYTES).read_to_string();
        let said = complaint(&body.unwrap_or_default());
        let said = if is_text { said } else { String::new() };
        match status.as_u16() {
            400 | 409 | 413 | 422 => Ok(Reply::Refused(format!("{}: {said}", status.as_u16()))),
            code @ (401 | 403) => Err(self.unavailable(format!(
                "{code}: it does not know us: {said}; see `token_file`, `user` and `headers` in [store]"
            ))),
            code @ (404 | 405) => Err(self.unavailable(format!(
                "{code}: nobody takes this there: {said}; see docs/engines.md for the addresses of each engine"
            ))),
            code => Err(self.unavailable(format!("{code}: {said}"))),
        }
    }
}

/// What to do about a redirect; of its address nothing behind the host is shown.
fn redirected(status: u16, place: &str) -> String {
    let end = place.match_indices('/').nth(2).map_or(place.len(), |(at, _)| at);
    let place: String = printable(&place[..end]).chars().take(MAX_COMPLAINT_CHARS).collect();
    format!(
        "{status}: it redirects to `{place}`, and no redirect is followed, because the secrets of [store] would go along; \
         if the engine is there, write that address into `store`"
    )
}

/// What an engine says in its error JSON, or else its first line.
fn complaint(body: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let text = json["error"].as_str().unwrap_or(body);
    text.lines().next().unwrap_or_default().trim().chars().take(MAX_COMPLAINT_CHARS).collect()
}
