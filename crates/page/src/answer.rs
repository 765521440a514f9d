//! What every answer has: the headers that keep a page from being misused, compression, and a page for what fails.

use std::fmt::Display;
use std::io::Write as _;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use maud::html;
use picollect_analysis::request::RequestError;
use picollect_store::StoreError;

use crate::layout;

/// Scripts, styles and data from here alone, no frame around it, forms to here alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      worker-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A smaller page gains nothing.
const LEAST_COMPRESSED: usize = 1024;
/// No page of ours is longer.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The headers of every answer of a page, unless it has its own.
pub(crate) async fn protected(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    let own: [(HeaderName, &'static str); 7] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in own {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

/// Whether whoever asks unpacks gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some("gzip") && parts.all(|part| part != "q=0")
    })
}

/// Packs pages and data for whoever unpacks them. Streams and what is packed already stay as they are.
pub(crate) async fn compressed(request: Request, next: Next) -> Response {
    let takes_gzip = takes_gzip(request.headers());
    let answer = next.run(request).await;
    let kind =
        answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = kind.starts_with("text/html") || kind.starts_with("application/json");
    if !takes_gzip || !is_text || answer.headers().contains_key(header::CONTENT_ENCODING) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(plain) = to_bytes(body, MOST_BYTES).await else {
        return Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "This page became too long.").into_response();
    };
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if plain.len() < LEAST_COMPRESSED {
        return Response::from_parts(parts, Body::from(plain));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(gzip(&plain, Compression::fast())))
}

/// These bytes, packed.
pub(crate) fn gzip(plain: &[u8], level: Compression) -> Bytes {
    let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 4), level);
    // Writing into memory cannot fail.
    let _ = packed.write_all(plain);
    packed.finish().unwrap_or_default().into()
}

/// Why there is no such page, in a sentence for the reader.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    sentence: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    /// What went wrong in here stands in the log: it may name files, which are nobody's business outside.
    pub(crate) fn internal(error: impl Display) -> Self {
        tracing::error!("a page could not be made: {error:#}");
        let sentence = "The collector could not make this page; its log says why.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, sentence)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Invalid(message) => Self::new(StatusCode::BAD_REQUEST, message),
            RequestError::NotFound(message) => Self::new(StatusCode::NOT_FOUND, message),
            RequestError::Store(StoreError::Unavailable { .. }) => {
                tracing::warn!("{error}");
                let sentence = "The store does not answer now; the collector's log says why. This page tries again by itself.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
            }
            error => Self::internal(error),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("No page");
        let main = html! {
            div.head { div { h1 { (title) } p { (self.sentence) } } }
            p { a href="/" { "To the cluster" } }
        };
        let mut answer = (self.status, Html(layout::bare(title, &main).into_string())).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            // A browser loads the page again by itself.
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            answer.headers_mut().insert(HeaderName::from_static("refresh"), HeaderValue::from_static("5"));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_who_asks_for_it() {
        let takes = |value: &str| {
            takes_gzip(&[(header::ACCEPT_ENCODING, value.parse().unwrap())].into_iter().collect())
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, gzip;q=0.8"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("xgzip"));
    }

    #[test]
    fn the_policy_lets_nothing_in_from_elsewhere_or_from_within_the_page() {
        assert!(!POLICY.contains("unsafe") && !POLICY.contains('*') && !POLICY.contains("data:"));
        assert!(POLICY.contains("frame-ancestors 'none'"));
    }
}
