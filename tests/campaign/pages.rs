//! Questions for reports and runs that make no sense, by who may read; addresses and methods that nobody has.

use super::hostile::{Generator, Hostile, Kind, encoded, get, one, request, word};

const BAD: &[u16] = &[400];
const NOT_THERE: &[u16] = &[400, 404];
const NO_SUCH_METHOD: &[u16] = &[400, 404, 405, 501];

const PAGES: [&str; 5] = ["report", "runs", "run", "nodes", "scaling"];

pub(super) const GENERATORS: &[Generator] = &[
    Generator::known("parameters that nobody has", Kind::Page, |rng, keys| {
        let (page, name) = (one(rng, &PAGES), word(rng, 7..=20));
        let id = if page == "run" { "id=last&" } else { "" };
        Hostile::new(get(&format!("/api/v1/{page}?{id}x{name}=1"), Some(&keys.read)), BAD)
    }),
    Generator::known("numbers that are none", Kind::Page, |rng, keys| {
        let name = one(rng, &["since_ms", "from_ms", "to_ms"]);
        let value = one(
            rng,
            &["1h", "1.5", "0x1", "NaN", "9223372036854775808", "-9223372036854775809", "1e3", "٣", "1 2"],
        );
        Hostile::new(get(&format!("/api/v1/report?{name}={}", encoded(value)), Some(&keys.read)), BAD)
    }),
    Generator::known("windows that end before they begin", Kind::Page, |rng, keys| {
        let from_ms = rng.i64(-1_000_000..2_000_000_000_000);
        let to_ms = from_ms - rng.i64(0..1_000_000);
        Hostile::new(get(&format!("/api/v1/report?from_ms={from_ms}&to_ms={to_ms}"), Some(&keys.read)), BAD)
    }),
    Generator::known("windows beyond every calendar", Kind::Page, |rng, keys| {
        let far = one(
            rng,
            &[i64::MAX, i64::MIN, i64::MAX / 2, i64::MIN / 2, 253_402_300_800_000, -62_135_596_800_001],
        );
        let (page, name) = one(
            rng,
            &[("report", "to_ms"), ("report", "from_ms"), ("report", "since_ms"), ("runs", "since_ms")],
        );
        let format = one(rng, &["text", "json", "html", "csv"]);
        // Whether it is refused or clamped is one thing; that it is answered at all is another.
        Hostile::new(
            get(&format!("/api/v1/{page}?{name}={far}&format={format}"), Some(&keys.read)),
            &[200, 400],
        )
    }),
    Generator::known("formats that nobody writes", Kind::Page, |rng, keys| {
        let (page, format) =
            (one(rng, &PAGES), one(rng, &["pdf", "JSON", "..", "text/html", "xml", "0", "%00"]));
        let id = if page == "run" { "id=last&" } else { "" };
        Hostile::new(get(&format!("/api/v1/{page}?{id}format={format}"), Some(&keys.read)), BAD)
    }),
    Generator::known("runs that are not there", Kind::Page, |rng, keys| {
        let id = one(
            rng,
            &[
                "../../../../etc/passwd",
                "/etc/passwd",
                "'; DROP TABLE chunk;--",
                "a\0b",
                "%",
                "*",
                "last ",
                "LAST",
                "\u{202e}tsal",
            ],
        );
        let id = encoded(id) + &word(rng, 0..=600);
        let page = one(rng, &["run?id=", "report?run=", "report?compare=last&with="]);
        Hostile::new(get(&format!("/api/v1/{page}{id}"), Some(&keys.read)), NOT_THERE)
    }),
    Generator::known("conditions that are none", Kind::Page, |rng, keys| {
        let condition = one(
            rng,
            &[
                "coverage",
                "coverage<",
                "coverage<many",
                "throttled,x",
                "root>0",
                "coverage<0.5;x",
                "coverage<inf",
                "<1",
                "coverage=1",
            ],
        );
        Hostile::new(get(&format!("/api/v1/report?fail_on={}", encoded(condition)), Some(&keys.read)), BAD)
    }),
    Generator::known("truth values that are none", Kind::Page, |rng, keys| {
        let value = one(rng, &["yes", "1", "TRUE", "", "null"]);
        let page = one(rng, &["report?colour=", "run?id=last&colour=", "run?id=last&verdict_only="]);
        Hostile::new(get(&format!("/api/v1/{page}{value}"), Some(&keys.read)), BAD)
    }),
    Generator::known("one parameter twice", Kind::Page, |rng, keys| {
        let name = one(rng, &["since_ms=1", "from_ms=1", "format=json", "run=a", "colour=true"]);
        Hostile::new(get(&format!("/api/v1/report?{name}&{name}"), Some(&keys.read)), BAD)
    }),
    Generator::stranger("paths that nobody has", Kind::Path, |rng, _| {
        let path = one(
            rng,
            &[
                "admin",
                "debug/pprof",
                "wp-login.php",
                ".git/config",
                "api",
                "api/v1",
                "api/v2",
                "api/v3/write",
                "tokens.json",
            ],
        );
        Hostile::new(get(&format!("/{path}/{}", word(rng, 0..=30)), None), NOT_THERE)
    }),
    Generator::stranger("paths that climb", Kind::Path, |rng, _| {
        let up =
            one(rng, &["../", "..%2f", "%2e%2e/", "..;/", "..\\", "%c0%ae%c0%ae/", ".//", "%252e%252e%252f"]);
        let file = one(rng, &["etc/passwd", "tokens.json", "proc/self/environ", "samples.db"]);
        let base = one(rng, &["/", "/api/v1/label/", "/api/v1/", "//"]);
        Hostile::new(get(&format!("{base}{}{file}", up.repeat(rng.usize(1..12))), None), &[400, 401, 404])
    }),
    Generator::known("labels that climb", Kind::Path, |rng, keys| {
        let name = encoded(&"../".repeat(rng.usize(1..9))) + "etc%2Fpasswd";
        // A label that no series has is an empty list, as Prometheus 3 has it.
        Hostile::new(get(&format!("/api/v1/label/{name}/values"), Some(&keys.read)), &[200, 400, 404])
    }),
    Generator::stranger("methods that a page does not have", Kind::Path, |rng, _| {
        let (method, page) = one(
            rng,
            &[
                ("GET", "/api/v2/write"),
                ("PUT", "/api/v2/write"),
                ("DELETE", "/api/v2/write"),
                ("PATCH", "/api/v1/join"),
                ("GET", "/api/v1/join"),
                ("POST", "/healthz"),
                ("DELETE", "/metrics"),
                ("POST", "/api/v1/report"),
                ("PUT", "/api/v1/query"),
            ],
        );
        Hostile::new(request(method, page, None, &[], b""), NO_SUCH_METHOD)
    }),
    Generator::known("methods that do not exist", Kind::Path, |rng, keys| {
        let method = one(rng, &["BREW", "TRACE", "TRACK", "get", "CONNECT2", "MKCOL", "X", "WRITE"]);
        let page = one(rng, &["/api/v2/write", "/api/v1/report", "/healthz"]);
        Hostile::new(request(method, page, Some(&keys.write), &[], b"hostile f=1"), NO_SUCH_METHOD)
    }),
];
