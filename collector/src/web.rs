//! The collector over HTTP: InfluxDB's write path with its status codes and error JSON (`write.rs`), the answers to
//! requests, a health check, and the collector's own metrics.
//!
//! Invariant: nothing outside this module and the agent's `push` knows HTTP.

mod health;
mod prometheus;
mod scraped;
mod write;

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{self, DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use picollect_telemetry::PROTOCOL;
use picollect_telemetry::summary::Summary;
use serde::Deserialize;
use serde_json::json;

use crate::Collector;
use crate::load::count;
use crate::memory::{Full, Share};
use crate::metered::Metered;
use crate::tokens::codes::CodeError;
use crate::tokens::{Grant, JoinError, Scope, Tokens, listed};
use picollect_analysis::alerts::AlertsRequest;
use picollect_analysis::cooling::CoolingRequest;
use picollect_analysis::power_model::ModelRequest;
use picollect_analysis::request::{FINDINGS_HEADER, Request, RequestError, Sources, Written, answered};
use picollect_analysis::requests::{NodesRequest, ReportRequest, RunRequest, RunsRequest};
use picollect_analysis::scaling::ScalingRequest;
use picollect_settings::time::now_ms;
use picollect_store::{Store, StoreError, cached};
pub(crate) use scraped::ScrapedPages;

/// Largest body of a node that joins: a code and a name.
const MAX_JOIN_BYTES: usize = 4096;
/// All that an answer says of what went wrong in the collector itself.
const INTERNAL: &str = "the collector could not do this; its log says why";
/// All that an answer says of a store that is away: its address is in the log.
const UNAVAILABLE: &str = "the store is not available now; the collector's log says why";
/// When they are asked to come back.
const RETRY_AFTER_S: u64 = 1;

/// Every path of the collector, and the answer to any other.
pub fn router(collector: Arc<Collector>) -> Router {
    let shared = Arc::clone(&collector);
    let others = Router::new()
        .route("/api/v2/write", post(write::write))
        .route("/api/v1/join", post(join).layer(DefaultBodyLimit::max(MAX_JOIN_BYTES)))
        .route("/api/v1/join/authority", get(introduction))
        .route("/api/v1/summary", get(summary_now))
        .route("/metrics", get(scraped::metrics))
        .route(AlertsRequest::PATH, get(answer::<AlertsRequest>))
        .route(ModelRequest::PATH, get(answer::<ModelRequest>))
        .route(CoolingRequest::PATH, get(answer::<CoolingRequest>))
        .route(NodesRequest::PATH, get(answer::<NodesRequest>))
        .route(ReportRequest::PATH, get(answer::<ReportRequest>))
        .route(RunRequest::PATH, get(answer::<RunRequest>))
        .route(RunsRequest::PATH, get(answer::<RunsRequest>))
        .route(ScalingRequest::PATH, get(answer::<ScalingRequest>))
        .merge(health::routes())
        .merge(prometheus::routes())
        .fallback(write::no_such_path)
        .method_not_allowed_fallback(write::no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&collector), introduce))
        .with_state(collector);
    picollect_page::around(shared, others)
}

/// Every answer tells the collector's time, its store and its version of the protocol: an agent without a
/// clock of its own follows the first, and fails over only within the second.
async fn introduce(
    State(collector): State<Arc<Collector>>,
    request: extract::Request,
    next: Next,
) -> Response {
    let mut answer = next.run(request).await;
    let mut say = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    };
    say("x-picollect-time-ms", &now_ms().to_string());
    say("x-picollect-store", &collector.store_identity);
    say("x-picollect-protocol", PROTOCOL);
    answer
}

/// An answer in InfluxDB's error JSON.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    line: Option<usize>,
    refused_lines: Option<usize>,
    /// When to come back with the same; `None` is never.
    retry_after_s: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let retry_after_s = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S);
        Self { status, code, message: message.into(), line: None, refused_lines: None, retry_after_s }
    }

    /// What went wrong in here stands in the log: it may name files, which are nobody's business outside.
    fn internal(error: &anyhow::Error) -> Self {
        tracing::error!("{error:#}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error", INTERNAL)
    }

    fn say_when_to_come_back(&self, answer: &mut Response) {
        let after = self.retry_after_s.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok());
        answer.headers_mut().extend(after.map(|after| (header::RETRY_AFTER, after)));
    }
}

/// There is no room or no turn for this now.
fn busy(collector: &Collector, what: &str) -> Refusal {
    count(&collector.load.busy);
    let message = format!("{what}, come back in a second");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let Some(lines) = self.refused_lines {
            body["refused_lines"] = json!(lines);
        }
        if let Some(line) = self.line {
            body["line"] = json!(line);
        }
        let mut response = (self.status, Json(body)).into_response();
        self.say_when_to_come_back(&mut response);
        if self.status == StatusCode::UNAUTHORIZED {
            let asks = HeaderValue::from_static("Bearer realm=\"picollect\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
        }
        response
    }
}

#[derive(Deserialize)]
struct Joining {
    code: String,
    node: String,
}

#[derive(Deserialize)]
struct Introducing {
    code_name: String,
}

/// Who signed our certificate, with the proof for those who have the code: what a node asks before it trusts anybody.
async fn introduction(
    State(collector): State<Arc<Collector>>,
    query: Result<Query<Introducing>, QueryRejection>,
) -> Result<Json<serde_json::Value>, Refusal> {
    let wrong = |error: QueryRejection| Refusal::new(StatusCode::BAD_REQUEST, "invalid", error.body_text());
    let Query(Introducing { code_name }) = query.map_err(wrong)?;
    let none = |why: &str| Refusal::new(StatusCode::NOT_FOUND, "not found", why);
    let Some(authority) = collector.authority.clone() else {
        return Err(none("this collector's certificate is not its own"));
    };
    let found = tokio::task::spawn_blocking(move || {
        collector
            .tokens
            .vouch(&code_name, &authority)
            .map(|proof| json!({ "authority": authority, "proof": proof }))
    });
    let found = found.await.map_err(|error| Refusal::internal(&error.into()))?;
    found.map(Json).ok_or_else(|| none(&CodeError::Unknown.to_string()))
}

/// The one page that wants no token: what it wants is a code.
async fn join(
    State(collector): State<Arc<Collector>>,
    body: Result<Json<Joining>, JsonRejection>,
) -> Result<Json<serde_json::Value>, Refusal> {
    let wrong = |error: JsonRejection| Refusal::new(StatusCode::BAD_REQUEST, "invalid", error.body_text());
    let Json(Joining { code, node }) = body.map_err(wrong)?;
    let token = tokio::task::spawn_blocking(move || collector.tokens.join(&code, &node));
    let token = token.await.map_err(|error| Refusal::internal(&error.into()))?.map_err(not_joined)?;
    Ok(Json(json!({ "token": token })))
}

fn not_joined(error: JoinError) -> Refusal {
    let message = error.to_string();
    let (status, code) = match error {
        JoinError::Code(CodeError::Unknown) => (StatusCode::FORBIDDEN, "forbidden"),
        JoinError::Code(CodeError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, "too many requests"),
        JoinError::Name => (StatusCode::BAD_REQUEST, "invalid"),
        JoinError::Files(error) => return Refusal::internal(&error),
    };
    Refusal::new(status, code, message)
}

/// `Authorization: Token …`, as InfluxDB's clients write it, or `Bearer …`, in any case; the token has to open one of
/// these scopes.
fn authorize(tokens: &Tokens, headers: &HeaderMap, wanted: &[Scope]) -> Result<Grant, Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scheme = |scheme: &str| ["token", "bearer"].contains(&scheme.to_ascii_lowercase().as_str());
    let Some((_, token)) = given.split_once(' ').filter(|(word, _)| scheme(word)) else {
        let message = "unauthorized access: no token given (header `Authorization: Token …`)";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message));
    };
    let Some(grant) = tokens.grant(token).map_err(|error| Refusal::internal(&error))? else {
        let message = "unauthorized access: this token is not known here";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message));
    };
    if wanted.iter().any(|scope| grant.allows(*scope)) {
        return Ok(grant);
    }
    let (has, takes) = (listed(&grant.scopes), wanted.iter().map(|scope| scope.as_str()).collect::<Vec<_>>());
    let message =
        format!("this token is not for this: its scope is {has}, and this takes {}", takes.join(" or "));
    Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message))
}

/// Answers a request; its findings stand in a header.
async fn answer<Q: Request>(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
    request: Result<Query<Q>, QueryRejection>,
) -> Result<Response, Refusal> {
    authorize_reading(&collector.tokens, &headers)?;
    let wrong = |error: QueryRejection| Refusal::new(StatusCode::BAD_REQUEST, "invalid", error.body_text());
    let Query(request) = request.map_err(wrong)?;
    let format = request.format();
    let Ok(share) = collector.memory.page().await else {
        return Err(busy(&collector, "too many reports at once"));
    };
    let shared = Arc::clone(&collector);
    let answered = tokio::task::spawn_blocking(move || within(share, &shared, &request));
    let (share, answer) = answered.await.map_err(|error| Refusal::internal(&error.into()))?;
    let share = share.map_err(|full| too_much(&collector, full))?;
    let answer = answer.map_err(no_answer)?;
    let text = share.holding(answer.text);
    let mut response = ([(header::CONTENT_TYPE, format.content_type())], text).into_response();
    if !answer.findings.is_empty() {
        let text: String =
            answer.findings.join("; ").chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
        if let Ok(text) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(FINDINGS_HEADER, text);
        }
    }
    Ok(response)
}

/// An answer with the memory of this share; of the share an error if that did not suffice.
fn within<Q: Request>(
    share: Share,
    collector: &Collector,
    request: &Q,
) -> (Result<Share, Full>, Result<Written, RequestError>) {
    let Collector { store, config, .. } = collector;
    let metered = Metered::new(store.as_ref(), share);
    let ask = |store: &dyn Store| answered(request, &Sources { store, config, now_ms: now_ms() });
    let answer = cached(&metered, ask);
    (metered.finish(), answer)
}

fn too_much(collector: &Collector, full: Full) -> Refusal {
    match full {
        Full::Now => busy(collector, "others take the memory that this needs"),
        Full::Always(bytes) => {
            let mib = bytes / 1024 / 1024;
            let message = format!(
                "this takes more than the {mib} MiB that an answer may take: ask for less time, or raise \
                 `[limits] memory_mib`"
            );
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable entity", message)
        }
    }
}

fn no_answer(error: RequestError) -> Refusal {
    match error {
        RequestError::Invalid(message) => Refusal::new(StatusCode::BAD_REQUEST, "invalid", message),
        RequestError::NotFound(message) => Refusal::new(StatusCode::NOT_FOUND, "not found", message),
        RequestError::Store(error) => store_failed(error),
        RequestError::Configuration(_) | RequestError::Rule(_) | RequestError::Json(_) => {
            Refusal::internal(&error.into())
        }
    }
}

/// A store that is away comes back, and whoever asks is asked to come back too.
fn store_failed(error: StoreError) -> Refusal {
    if let StoreError::Unavailable { .. } = error {
        tracing::warn!("{error}");
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", UNAVAILABLE);
    }
    Refusal::internal(&error.into())
}

fn authorize_reading(tokens: &Tokens, headers: &HeaderMap) -> Result<(), Refusal> {
    authorize(tokens, headers, &[Scope::Read]).map(drop)
}

/// The cluster in a few figures. Every token opens it, one that is bound to a node too: it is for that node's panel.
async fn summary_now(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
) -> Result<Json<Summary>, Refusal> {
    authorize(&collector.tokens, &headers, &[Scope::Read, Scope::Write])?;
    blocking(move || Ok(collector.summary()?)).await.map(Json)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match error.downcast::<StoreError>() {
            Ok(error) => store_failed(error),
            Err(error) => Refusal::internal(&error),
        }),
        Err(error) => Err(Refusal::internal(&error.into())),
    }
}
