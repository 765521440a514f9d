//! How the collector is, for whoever watches it: `/healthz`, Prometheus' `/-/healthy` and `/-/ready`
//! (<https://prometheus.io/docs/prometheus/latest/management_api/>), and InfluxDB's `/ping` and `/health`. None of them
//! wants a token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::{Collector, Refusal};
use crate::readiness;

/// This program's name and version, in the headers where InfluxDB's clients look for InfluxDB's.
const INTRODUCTION: [(&str, &str); 2] =
    [("x-influxdb-build", "picollect"), ("x-influxdb-version", env!("CARGO_PKG_VERSION"))];

/// The routes of these pages.
pub(super) fn routes() -> Router<Arc<Collector>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/-/healthy", get(|| async { "picollect is healthy.\n" }))
        .route("/-/ready", get(ready))
        .route("/ping", get(ping))
        .route("/health", get(health))
}

/// Why the collector cannot do its work; `None` if it can.
async fn wrong(collector: Arc<Collector>) -> Option<String> {
    match tokio::task::spawn_blocking(move || readiness::check(&collector)).await {
        Ok(checked) => checked.err().map(|why| why.to_string()),
        Err(error) => Some(format!("the check failed: {error}")),
    }
}

/// Well: samples would be taken, and everything that has to run does.
async fn healthz(State(collector): State<Arc<Collector>>) -> Result<&'static str, Refusal> {
    match wrong(collector).await {
        None => Ok("ok\n"),
        Some(why) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why)),
    }
}

/// The same in Prometheus' words.
async fn ready(State(collector): State<Arc<Collector>>) -> Response {
    match wrong(collector).await {
        None => "picollect is ready.\n".into_response(),
        Some(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("picollect is not ready: {why}\n")).into_response()
        }
    }
}

/// Somebody is here; how it is, `/health` says.
async fn ping() -> Response {
    (StatusCode::NO_CONTENT, INTRODUCTION).into_response()
}

/// The same in InfluxDB's JSON.
async fn health(State(collector): State<Arc<Collector>>) -> Response {
    let (http_status, status, message) = match wrong(collector).await {
        None => (StatusCode::OK, "pass", "ready for queries and writes".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, "fail", why),
    };
    let version = env!("CARGO_PKG_VERSION");
    let body = json!({
        "name": "picollect", "message": message, "status": status, "checks": [], "version": version,
    });
    (http_status, INTRODUCTION, Json(body)).into_response()
}
