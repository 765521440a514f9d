//! The crate `influxdb2` with what it lacks: time-outs, errors that say what to do, and walls around its parser.
//!
//! Invariants: a panic of the crate, which trusts the server's answers, is an error here; no redirect is followed, so
//! secrets go to the configured address only.

use std::time::Duration;

use fallible_iterator::FallibleIterator as _;
use influxdb2::api::query::FluxRecord;
use influxdb2::models::Query;
use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use tokio::runtime::Runtime;

use crate::StoreError;
use crate::location::Secrets;
use picollect_settings::trust;

/// An engine that is there is reached within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A question over a month is answered within this time; the crate itself would wait for ever.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The column of the second question's answer; no tag is called so.
const PRESENT: &str = "picollect_present";
/// So much of an engine's own words is passed on.
const MAX_SAID_CHARS: usize = 300;

/// A connection to one bucket.
pub(super) struct Connection {
    client: Client,
    /// `None` only once it is being dropped.
    runtime: Option<Runtime>,
    location: String,
    org: String,
    pub(super) bucket: String,
}

/// How a write ended that reached the engine.
pub(super) enum Written {
    /// All of it is there.
    All,
    /// The engine refused a part for good and has the rest; its words.
    Partly(String),
}

impl Connection {
    /// Nothing is sent yet.
    pub(super) fn new(
        location: String,
        url: &str,
        org: &str,
        bucket: &str,
        secrets: &Secrets,
    ) -> Result<Self, StoreError> {
        let unusable = |why: String| StoreError::Unusable { location: location.clone(), why };
        let parsed = Url::parse(url).map_err(|error| unusable(format!("`{url}` is no address: {error}")))?;
        if parsed.path() != "/" {
            return Err(unusable(
                "an InfluxDB below a path of its host cannot be reached; give it a host or a port".into(),
            ));
        }
        let http = http(url, secrets).map_err(unusable)?;
        let token = secrets.token.clone().unwrap_or_default();
        let client = ClientBuilder::with_builder(http, url, org, token).build();
        let client = client.map_err(|error| unusable(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = Some(runtime.map_err(|error| unusable(format!("no thread for it: {error}")))?);
        let (org, bucket) = (org.to_owned(), bucket.to_owned());
        Ok(Self { client, runtime, location, org, bucket })
    }

    /// Sends lines, all of them in one request.
    pub(super) fn write(&self, lines: Vec<u8>) -> Result<Written, StoreError> {
        let (client, org, bucket) = (self.client.clone(), self.org.clone(), self.bucket.clone());
        let sent = self.run(async move { client.write_line_protocol(&org, &bucket, lines).await })?;
        match sent {
            Ok(()) => Ok(Written::All),
            Err(RequestError::Http { status: StatusCode::UNPROCESSABLE_ENTITY, text }) => {
                Ok(Written::Partly(message(&text)))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Asks in Flux; the rows of all its tables. Whoever answers has to answer a second question too, because to the
    /// crate a page of anybody's without a comma is an answer without rows, and a broken off one is a shorter one.
    pub(super) fn query(&self, flux: &str) -> Result<Vec<FluxRecord>, StoreError> {
        let client = self.client.clone();
        let both = format!(
            "import \"array\"\n{flux}\narray.from(rows: [{{{PRESENT}: true}}]) |> yield(name: \"{PRESENT}\")\n"
        );
        let asked = self.run(async move {
            let answer = client.query_raw_iter(Some(Query::new(both))).await?;
            answer.result().collect::<Vec<_>>()
        })?;
        let mut rows = asked.map_err(|error| self.failed(error))?;
        let all = rows.len();
        rows.retain(|row| !row.values.contains_key(PRESENT));
        if rows.len() == all {
            let why = "what answers is no InfluxDB 2, or broke off: a captive portal or a proxy?".to_owned();
            return Err(StoreError::Unavailable { location: self.location.clone(), why });
        }
        Ok(rows)
    }

    /// The bucket is not among those that this token sees.
    pub(super) fn no_bucket(&self) -> StoreError {
        let why = format!(
            "it has no bucket `{}` in the organisation `{}` that this token may read; make it with `influx bucket create`",
            self.bucket, self.org
        );
        StoreError::Unusable { location: self.location.clone(), why }
    }

    /// A panic ends the task and not the collector.
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RequestError>> + Send + 'static,
    ) -> Result<Result<T, RequestError>, StoreError> {
        let Some(runtime) = &self.runtime else {
            return Err(StoreError::Unavailable {
                location: self.location.clone(),
                why: "it is closed".into(),
            });
        };
        runtime.block_on(runtime.spawn(work)).map_err(|error| StoreError::Engine {
            message: format!("the answer of the store `{}` cannot be read", self.location),
            source: error.into(),
        })
    }

    fn failed(&self, error: RequestError) -> StoreError {
        let location = self.location.clone();
        match error {
            RequestError::ReqwestProcessing { source } => {
                StoreError::Unavailable { location, why: chain(&source) }
            }
            RequestError::Http { status, text } => judge(location, status, &message(&text)),
            RequestError::Deserializing { text } => StoreError::Engine {
                message: format!("the store `{location}` cannot answer"),
                source: text.into(),
            },
            RequestError::Serializing { source } => StoreError::Engine {
                message: format!("the store `{location}` cannot be asked"),
                source: source.into(),
            },
        }
    }
}

impl Drop for Connection {
    /// Without waiting: the last owner may be a task of another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The HTTP client underneath; an error says what is wrong with the secrets.
fn http(url: &str, secrets: &Secrets) -> Result<reqwest::ClientBuilder, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &secrets.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header"))?;
        headers.insert(
            name.clone(),
            secret(value).ok_or_else(|| format!("the value of `{name}` is none of a header"))?,
        );
    }
    if let Some((user, password)) = &secrets.basic {
        use base64::Engine as _;
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        headers
            .insert(AUTHORIZATION, secret(&format!("Basic {both}")).ok_or("the user is none of a header")?);
    }
    if secrets.token.as_deref().is_some_and(|token| secret(token).is_none()) {
        return Err("the token has a character that no header holds".into());
    }
    let mut http =
        reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).default_headers(headers);
    if url.starts_with("https://") {
        http = http.tls(trust::tls(secrets.ca_file.as_deref()).map_err(|error| format!("{error:#}"))?);
    }
    Ok(http)
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a status means for whoever waits. What somebody has to mend keeps the agents' samples; only what will never
/// be taken is refused.
fn judge(location: String, status: StatusCode, said: &str) -> StoreError {
    let why = format!("it answers {status}: {said}");
    let unusable =
        |advice: &str| StoreError::Unusable { location: location.clone(), why: format!("{why}; {advice}") };
    match status.as_u16() {
        401 => unusable("give a token that it knows (`token_file` in [store], or PICOLLECT_STORE_TOKEN)"),
        403 => unusable("its token has to be allowed to read and to write the bucket"),
        404 | 405 | 501 => unusable(
            "is there that organisation and that bucket? InfluxDB 3 takes writes as this one does, but it has no Flux \
             to read by, and InfluxDB 1 has neither: it has to be an InfluxDB 2",
        ),
        200..=399 => unusable(
            "no InfluxDB 2 answers so: another address, a captive portal or a proxy. No redirect is followed, because \
             the secrets of [store] would go along; if the engine has moved, write its address into `store`",
        ),
        413 => StoreError::Refused { location, why: format!("{why}; send smaller batches") },
        429 | 500.. => StoreError::Unavailable { location, why },
        _ => StoreError::Engine {
            message: format!("the store `{location}` does not understand"),
            source: why.into(),
        },
    }
}

/// The message in the engine's error JSON, or what stands there.
fn message(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str()).unwrap_or(text);
    message.chars().take(MAX_SAID_CHARS).collect()
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_to_mend_is_said_and_costs_no_samples() {
        let judge = |status: u16| judge("l".into(), StatusCode::from_u16(status).unwrap(), "no");
        for (status, advice) in [(401, "token_file"), (403, "read and to write"), (404, "InfluxDB 3")] {
            let error = judge(status);
            assert!(
                matches!(error, StoreError::Unusable { .. }) && error.to_string().contains(advice),
                "{error}"
            );
        }
        assert!(matches!(judge(503), StoreError::Unavailable { .. }));
        assert!(matches!(judge(429), StoreError::Unavailable { .. }));
        assert!(matches!(judge(413), StoreError::Refused { .. }));
        assert!(matches!(judge(400), StoreError::Engine { .. }));
    }

    #[test]
    fn the_engines_words_are_its_message_and_never_long() {
        assert_eq!(message("{\"code\":\"invalid\",\"message\":\"because\"}"), "because");
        assert_eq!(message(&"x".repeat(1000)).len(), MAX_SAID_CHARS);
    }

    #[test]
    fn a_panic_in_the_crate_is_an_error() {
        let connection =
            Connection::new("l".into(), "http://127.0.0.1:1", "o", "b", &Secrets::default()).unwrap();
        let failed = connection.run(async { if true { panic!("on purpose") } else { Ok(()) } });
        assert!(matches!(failed, Err(StoreError::Engine { .. })));
        let away = connection.query("buckets()");
        assert!(matches!(away, Err(StoreError::Unavailable { .. })), "{:?}", away.err());
    }
}
