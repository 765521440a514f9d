//! Prometheus' API over HTTP: GET, and POST with a form.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Form, FromRequest as _, Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::{Collector, Refusal, authorize_reading, busy};
use picollect_analysis::alerts::prometheus::{alerts, rules};
use picollect_query::prometheus_api::{
    Api, ApiError, Parameters, build_information, error_json, format_query, metadata, query_exemplars,
    success,
};
use picollect_settings::time::now_ms;

/// Longest form: a query of 8 KiB with every byte escaped, or hundreds of `match[]`.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// A kind of question: parameters in, JSON out.
type Ask = fn(&Api, &Parameters) -> Result<String, ApiError>;

/// The routes of the API.
pub(super) fn routes() -> Router<Arc<Collector>> {
    let asking = |ask: Ask| {
        let handler =
            move |State(collector): State<Arc<Collector>>, request: Request| answer(collector, request, ask);
        get(handler).post(handler)
    };
    Router::new()
        .route("/api/v1/query", asking(Api::query))
        .route("/api/v1/query_range", asking(Api::query_range))
        .route("/api/v1/series", asking(Api::series))
        .route("/api/v1/labels", asking(Api::labels))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/metadata", asking(|_, parameters| Ok(metadata(parameters))))
        .route("/api/v1/format_query", asking(|_, parameters| format_query(parameters)))
        .route("/api/v1/query_exemplars", asking(|_, parameters| query_exemplars(parameters)))
        .route(
            "/api/v1/rules",
            asking(|api, _| Ok(success(&rules(api.store.as_ref(), api.limits, api.now_ms)))),
        )
        .route(
            "/api/v1/alerts",
            asking(|api, _| Ok(success(&alerts(api.store.as_ref(), api.limits, api.now_ms)?))),
        )
        .route("/api/v1/status/buildinfo", asking(|_, _| Ok(build_information())))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
}

async fn label_values(
    State(collector): State<Arc<Collector>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    answer(collector, request, move |api, parameters| api.label_values(&name, parameters)).await
}

/// Queries wait for each other where there are too many: each may take the memory that is configured.
async fn answer(
    collector: Arc<Collector>,
    request: Request,
    ask: impl FnOnce(&Api, &Parameters) -> Result<String, ApiError> + Send + 'static,
) -> Response {
    if let Err(refusal) = authorize_reading(&collector.tokens, request.headers()) {
        return refused(&refusal);
    }
    let parameters = match parameters(request).await {
        Ok(parameters) => parameters,
        Err(message) => return page(400, error_json("bad_data", &message)),
    };
    let Ok(share) = collector.memory.query().await else {
        return refused(&busy(&collector, "too many queries at once"));
    };
    let shared = Arc::clone(&collector);
    let answered = tokio::task::spawn_blocking(move || {
        let api = Api { store: Arc::clone(&shared.store), limits: shared.config.query, now_ms: now_ms() };
        ask(&api, &parameters)
    });
    match answered.await {
        Ok(Ok(text)) => page(200, share.holding(text)),
        Ok(Err(error @ ApiError::Internal(_))) => failed(error),
        Ok(Err(error)) => page(error.kind().1, error.json()),
        Err(error) => failed(error),
    }
}

/// What went wrong in here stands in the log.
fn failed(error: impl Into<anyhow::Error>) -> Response {
    page(500, error_json("internal", &Refusal::internal(&error.into()).message))
}

/// Those of the address and, of a POST, those of its form too.
async fn parameters(request: Request) -> Result<Parameters, String> {
    let in_address = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let Query(mut all) = in_address.map_err(|error| error.body_text())?;
    if request.method() == Method::POST && has_form(request.headers()) {
        let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        all.extend(form.map_err(|error| error.body_text())?.0);
    }
    Ok(Parameters(all))
}

fn has_form(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_TYPE)
}

fn refused(refusal: &Refusal) -> Response {
    let mut answer = page(refusal.status.as_u16(), error_json(refusal.code, &refusal.message));
    refusal.say_when_to_come_back(&mut answer);
    answer
}

fn page(status: u16, json: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], json.into()).into_response()
}
