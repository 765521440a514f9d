//! What pages load: style, script, uPlot and pictures, embedded into the program.
//!
//! An address has the content's hash, so a browser keeps what it has for a year; without the right hash it asks again,
//! and an `ETag` tells that nothing changed. All is packed once, when it is first asked for.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use picollect_settings::hex;
use sha2::{Digest as _, Sha256};

use crate::answer::{Failure, gzip, takes_gzip};

const YEAR: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($name:literal $kind:literal),+ $(,)?) => {
        const ASSETS: &[Asset] =
            &[$(Asset { name: $name, kind: $kind, content: include_bytes!(concat!("assets/", $name)) }),+];
    };
}

assets! {
    "style.css" "text/css; charset=utf-8",
    "page.js" "text/javascript; charset=utf-8",
    "worker.js" "text/javascript; charset=utf-8",
    // uPlot 1.6.32 by Leon Sorokin, MIT: uPlot.LICENSE. Its test holds the hashes of the package `uplot` on npm.
    "uPlot.iife.min.js" "text/javascript; charset=utf-8",
    "uPlot.min.css" "text/css; charset=utf-8",
    "uPlot.LICENSE" "text/plain; charset=utf-8",
    "favicon.svg" "image/svg+xml",
    "logo.svg" "image/svg+xml",
}

/// What is known of an asset once it was packed.
struct Packed {
    asset: &'static Asset,
    hash: String,
    gzip: Bytes,
}

static PACKED: LazyLock<Vec<Packed>> = LazyLock::new(|| {
    let packed = |asset: &'static Asset| {
        let hash = hex(&Sha256::digest(asset.content))[..16].to_owned();
        Packed { asset, hash, gzip: gzip(asset.content, Compression::best()) }
    };
    ASSETS.iter().map(packed).collect()
});

/// The address of an asset, with its hash.
pub(crate) fn address(name: &str) -> String {
    let found = PACKED.iter().find(|packed| packed.asset.name == name);
    debug_assert!(found.is_some(), "{name} is no asset");
    format!("/assets/{name}?v={}", found.map_or("", |packed| packed.hash.as_str()))
}

/// Gives an asset to anybody.
pub(crate) async fn asset(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(packed) = PACKED.iter().find(|packed| packed.asset.name == name) else {
        return Failure::new(StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    let tag = format!("\"{}\"", packed.hash);
    let named = query.is_some_and(|query| query == format!("v={}", packed.hash));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.contains(&tag));
    let takes_gzip = takes_gzip(&headers);
    let mut answer = match (is_known, takes_gzip) {
        (true, _) => StatusCode::NOT_MODIFIED.into_response(),
        (false, true) => packed.gzip.clone().into_response(),
        (false, false) => packed.asset.content.into_response(),
    };
    let own = answer.headers_mut();
    if !is_known {
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(packed.asset.kind));
        if takes_gzip {
            own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    own.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static(if named { YEAR } else { ASK_AGAIN }));
    own.extend(HeaderValue::from_str(&tag).map(|tag| (header::ETAG, tag)));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(name: &str) -> &'static Packed {
        PACKED.iter().find(|packed| packed.asset.name == name).unwrap()
    }

    #[test]
    fn uplot_is_that_of_npm_and_its_licence_is_with_it() {
        let sum = |name: &str| hex(&Sha256::digest(packed(name).asset.content));
        assert_eq!(
            sum("uPlot.iife.min.js"),
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
        );
        assert_eq!(sum("uPlot.min.css"), "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04");
        assert!(packed("uPlot.LICENSE").asset.content.starts_with(b"The MIT License (MIT)"));
        assert!(
            packed("uPlot.iife.min.js")
                .asset
                .content
                .starts_with(b"/*! https://github.com/leeoniya/uPlot (v1.6.32) */")
        );
    }

    #[test]
    fn our_script_is_short_and_what_a_page_loads_is_small() {
        let script = packed("page.js").asset.content.len() + packed("worker.js").asset.content.len();
        assert!(script < 15_000, "{script} bytes of script");
        // With a page of at most 15 kB packed it is no more than 60 kB.
        let all: usize = PACKED.iter().map(|packed| packed.gzip.len()).sum();
        assert!(all < 45_000, "{all} bytes packed");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in ASSETS.iter().filter(|asset| !asset.name.starts_with("uPlot")) {
            let text = std::str::from_utf8(asset.content).unwrap();
            let without = text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !without.contains("http:") && !without.contains("https:") && !without.contains("@import"),
                "{}",
                asset.name
            );
        }
    }
}
