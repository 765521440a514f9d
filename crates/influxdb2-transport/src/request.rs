//! One request and its answer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::{Body, Error, MAX_ANSWER_BYTES};

/// A request that is being put together; the first thing that is wrong with it is told when it is sent.
#[derive(Debug)]
pub struct RequestBuilder {
    agent: ureq::Agent,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Body>,
    wrong: Option<Error>,
}

impl RequestBuilder {
    pub(crate) fn new(agent: ureq::Agent, method: Method, url: &str, headers: HeaderMap) -> Self {
        Self { agent, method, url: url.to_owned(), headers, body: None, wrong: None }
    }

    fn note(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// A header in place of any of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value.as_ref())) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(name == AUTHORIZATION);
                self.headers.insert(name, value);
            }
            (Err(error), _) => self.note(Error::of(error)),
            (_, Err(error)) => self.note(Error::of(error)),
        }
        self
    }

    /// Headers in place of any of their names.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Pairs for the address, behind those that it has.
    #[must_use]
    pub fn query<T: Serialize + ?Sized>(mut self, pairs: &T) -> Self {
        match serde_urlencoded::to_string(pairs) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => {
                self.url.push(if self.url.contains('?') { '&' } else { '?' });
                self.url.push_str(&text);
            }
            Err(error) => self.note(Error::of(error)),
        }
        self
    }

    /// What is sent.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// What is sent, as JSON.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => self.header(CONTENT_TYPE.as_str(), "application/json").body(text),
            Err(error) => {
                self.note(Error::of(error));
                self
            }
        }
    }

    /// Sends it and reads the whole answer, whatever its status. Fails if the engine is not reached, does not answer in
    /// time or not in HTTP, or answers more than half a gibibyte.
    pub async fn send(self) -> Result<Response, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let body = match self.body {
            Some(body) => body.whole().await?,
            None => Vec::new(),
        };
        let mut request = Request::builder().method(self.method).uri(self.url);
        if let Some(headers) = request.headers_mut() {
            *headers = self.headers;
        }
        let request = request.body(body).map_err(Error::of)?;
        let agent = self.agent;
        let sent = tokio::task::spawn_blocking(move || exchange(&agent, request)).await;
        sent.map_err(Error::of)?
    }
}

fn exchange(agent: &ureq::Agent, request: Request<Vec<u8>>) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let sent = if body.is_empty() && parts.method != Method::POST {
        agent.run(Request::from_parts(parts, ()))
    } else {
        agent.run(Request::from_parts(parts, body))
    };
    let mut answer = sent.map_err(Error::of)?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(Error::of)?;
    Ok(Response { status, body })
}

/// An answer that was read whole.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    body: Vec<u8>,
}

impl Response {
    /// The status of HTTP.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body as text; what is no UTF-8 becomes U+FFFD. Cannot fail: the body is there.
    #[expect(clippy::unused_async, reason = "who calls it waits for it")]
    pub async fn text(self) -> Result<String, Error> {
        Ok(String::from_utf8(self.body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The body as JSON; fails if it is none, or another thing.
    #[expect(clippy::unused_async, reason = "who calls it waits for it")]
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(Error::of)
    }
}
