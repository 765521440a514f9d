//! Whatever stands in a request's address and form, the collector answers or refuses it: no panic, no 500.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use picollect_collector::Collector;
use picollect_collector::tokens::{Scope, Tokens};
use picollect_collector::web::router;
use picollect_config::{Config, QueryConfig};
use picollect_store::Store as _;
use picollect_telemetry::line::{Precision, decode};
use tokio::runtime::Runtime;
use tower_service::Service as _;

/// What an input's first byte chooses; the rest is the query, or the form where it says so.
const PATHS: [&str; 20] = [
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/label/host/values",
    "/api/v1/metadata",
    "/api/v1/format_query",
    "/api/v1/query_exemplars",
    "/api/v1/rules",
    "/api/v1/alerts",
    "/api/v1/status/buildinfo",
    "/api/v1/report",
    "/api/v1/runs",
    "/api/v1/run",
    "/api/v1/nodes",
    "/api/v1/scaling",
    "/api/v1/summary",
    "/api/v1/join/authority",
    "/api/v2/write",
    "/metrics",
];
/// From here on an input's first byte means a POST of the rest.
const POST_FROM: u8 = 0x80;

struct World {
    runtime: Runtime,
    router: Router,
    reading: String,
    writing: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary folder").keep();
    let store = picollect_store::open(&directory).expect("a store");
    let line = |at: u32| format!("power,boundary=node,host=a,meter=m,source=measured watts={at} {at}\n");
    let lines: String = (1_700_000_000..1_700_000_060).map(line).collect();
    store.append(&decode(lines.as_bytes(), Precision::Seconds, 0).points).expect("the store takes it");
    let tokens = Tokens::of(&directory);
    let reading = tokens.create("r", &[Scope::Read], None).expect("a token");
    let writing = tokens.create("w", &[Scope::Write], None).expect("a token");
    let query = QueryConfig {
        max_steps: 100,
        max_memory_mib: 8,
        timeout: Duration::from_secs(2),
        ..QueryConfig::default()
    };
    let config = Config { query, ..Config::default() };
    let collector = Collector::new(Arc::new(store), tokens, config).expect("a collector");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    World { runtime, router: router(Arc::new(collector)), reading, writing }
});

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let world = &*WORLD;
    let path = PATHS[usize::from(*first) % PATHS.len()];
    let token = if path.ends_with("/write") { &world.writing } else { &world.reading };
    let builder = Request::builder().header(header::AUTHORIZATION, format!("Bearer {token}"));
    let form = "application/x-www-form-urlencoded";
    let request = if *first >= POST_FROM || path.ends_with("/write") {
        builder.method("POST").uri(path).header(header::CONTENT_TYPE, form).body(Body::from(rest.to_vec()))
    } else {
        builder.uri(format!("{path}?{}", String::from_utf8_lossy(rest))).body(Body::empty())
    };
    // What is no address never comes to the collector.
    let Ok(request) = request else { return };
    let status = world.runtime.block_on(async {
        let Ok(answer) = world.router.clone().call(request).await;
        let status = answer.status();
        axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("the answer ends");
        status
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
}
