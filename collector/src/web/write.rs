//! The way in over HTTP: `/api/v2/write` with InfluxDB 2's parameters, encodings, status codes and error JSON, so that
//! whatever pushes to InfluxDB pushes here. The deliberate differences stand in `docs/api.md`;
//! `tests/end_to_end/write_api.rs` holds the rest against a real InfluxDB.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use picollect_telemetry::line::Precision;

use super::{Collector, Refusal, authorize, busy, store_failed};
use crate::ingest::{IngestError, Outcome};
use crate::memory::{Arriving, MAX_BODY_BYTES};
use crate::tokens::Scope;
use picollect_settings::time::now_ms;

/// So much of a body that is too large is read and thrown away, so that the sender sees the answer and
/// not a broken connection.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;
/// Takes a body in. Organisation and bucket may be named, as InfluxDB's clients do; there is only one of each.
pub(super) async fn write(
    State(collector): State<Arc<Collector>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let grant = authorize(&collector.tokens, &headers, &[Scope::Write, Scope::Run])?;
    let precision = precision(&query)?;
    let mut room = collector.memory.body(&grant.name);
    let received = receive(body, &mut room).await.map_err(|error| match error {
        Unreceived::NoRoom => busy(&collector, "too many writes at once"),
        Unreceived::Refused(refusal) => refusal,
    })?;
    let Ok(_turn) = collector.memory.taking_in().await else {
        return Err(busy(&collector, "too many writes at once"));
    };
    let gzipped =
        headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip" || value == "x-gzip");
    let shared = Arc::clone(&collector);
    let outcome = tokio::task::spawn_blocking(move || {
        let plain = if gzipped { gunzip(&received)? } else { received };
        shared.ingest.body(&plain, precision, now_ms(), &grant).map_err(not_ingested)
    });
    taken_whole(&outcome.await.map_err(|error| Refusal::internal(&error.into()))??)
}

/// The first that is named counts, and an empty one is none.
fn precision(query: &[(String, String)]) -> Result<Precision, Refusal> {
    let named = query.iter().find(|(key, _)| key == "precision").map(|(_, value)| value.as_str());
    let name = named.filter(|name| !name.is_empty()).unwrap_or("ns");
    Precision::from_name(name).ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, "invalid", format!("precision `{name}` is not ns, us, ms or s"))
    })
}

/// What is over a limit of its sender's comes first: whoever sends the body again is then told of the rest.
fn taken_whole(outcome: &Outcome) -> Result<StatusCode, Refusal> {
    if outcome.over_limit.samples > 0 {
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests", outcome.message());
        return Err(Refusal { retry_after_s: Some(outcome.over_limit.retry_after_s), ..refusal });
    }
    if outcome.bad_lines == 0 && outcome.refused_fields == 0 {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (status, code) = match outcome.bad_lines {
        0 => (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable entity"),
        _ => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let refused_lines = Some(outcome.refused_lines);
    let refusal = Refusal::new(status, code, outcome.message());
    Err(Refusal { line: outcome.first_bad_line, refused_lines, ..refusal })
}

fn not_ingested(error: IngestError) -> Refusal {
    match error {
        IngestError::OtherNode { .. } | IngestError::Reserved { .. } => {
            Refusal::new(StatusCode::FORBIDDEN, "forbidden", error.to_string())
        }
        IngestError::Store(error) => store_failed(error),
    }
}

/// Why a body is not there.
enum Unreceived {
    /// Others have the memory.
    NoRoom,
    Refused(Refusal),
}

/// The whole body, which takes room as it arrives: who sends slowly, or nothing, keeps nobody else from sending. Where
/// there is no room, the rest is thrown away, so that the sender sees the answer.
async fn receive(mut body: Body, room: &mut Arriving) -> Result<Vec<u8>, Unreceived> {
    let (mut bytes, mut total, mut has_room) = (Vec::new(), 0, true);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let why = format!("the body broke off: {error}");
            Unreceived::Refused(Refusal::new(StatusCode::BAD_REQUEST, "invalid", why))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        total += data.len();
        has_room = has_room && total <= MAX_BODY_BYTES && room.grow(data.len()).is_ok();
        if has_room {
            bytes.extend_from_slice(&data);
            continue;
        }
        bytes = Vec::new();
        room.clear();
        if total > MAX_DRAINED_BYTES {
            break;
        }
    }
    match total {
        0..=MAX_BODY_BYTES if has_room => Ok(bytes),
        0..=MAX_BODY_BYTES => Err(Unreceived::NoRoom),
        _ => Err(Unreceived::Refused(too_large())),
    }
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    let limit = MAX_BODY_BYTES as u64 + 1;
    let read = MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut plain);
    read.map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "invalid", format!("the body is not gzip: {error}"))
    })?;
    if plain.len() > MAX_BODY_BYTES { Err(too_large()) } else { Ok(plain) }
}

fn too_large() -> Refusal {
    let message =
        format!("a body may hold {MAX_BODY_BYTES} bytes at most, also decompressed; send smaller batches");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request too large", message)
}

/// A path that is not there, as InfluxDB says it.
pub(super) async fn no_such_path() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not found", "path not found")
}

/// A method that the path does not know; the header `Allow` says which it does.
pub(super) async fn no_such_method() -> Refusal {
    let message = "this path does not know this method; the header `Allow` names those that it does";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", message)
}
