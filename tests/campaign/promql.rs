//! Queries of Prometheus' API that have no answer, or one that nobody can pay for, by who may read.

use super::hostile::{Generator, Hostile, Keys, Kind, Rng, encoded, get, noise, one, request, word};

const BAD: &[u16] = &[400];
/// It cannot be answered within the limits.
const TOO_MUCH: &[u16] = &[400, 422];
/// It is answered within the limits or refused: what counts is what it takes.
const BOUNDED: &[u16] = &[200, 400, 422];

pub(super) const GENERATORS: &[Generator] = &[
    Generator::known("queries with something left over or left out", Kind::Query, |rng, keys| {
        let query = good(rng).to_owned()
            + one(
                rng,
                &[
                    ")", "]", "}", " +", " offset", "[5", "{", "\"", " by", " @", " unless", ",", "[5m:",
                    " and on",
                ],
            );
        ask(keys, &query, BAD)
    }),
    Generator::known("signs that are no query", Kind::Query, |rng, keys| {
        let signs: String = (0..rng.usize(1..200))
            .map(|_| one(rng, &['(', '{', '[', '=', '!', '~', '"', ',', ':', '@']))
            .collect();
        ask(keys, &format!("){signs}"), BAD)
    }),
    Generator::known("bytes that are no text", Kind::Query, |rng, keys| {
        let bytes: String = noise(rng, 1..=200).iter().map(|byte| format!("%{byte:02X}")).collect();
        // Whatever they are, and though a part of them may be a comment: no query begins so.
        Hostile::new(get(&format!("/api/v1/query?query=%29{bytes}"), Some(&keys.read)), BAD)
    }),
    Generator::known("functions that do not exist, or are experimental", Kind::Query, |rng, keys| {
        let name = one(
            rng,
            &["info", "limitk", "mad_over_time", "sort_by_label", "holt_winters", "eval", "system", "sleep"],
        );
        ask(keys, &format!("{name}(picollect_power_watts{})", one(rng, &["", "[5m]"])), BAD)
    }),
    Generator::known("functions with arguments of another kind", Kind::Query, |rng, keys| {
        let query = one(
            rng,
            &[
                "rate(up)",
                "abs(\"a\")",
                "sum(1)",
                "vector(up)",
                "scalar(1)",
                "topk(up, 1)",
                "label_replace(up)",
                "rate(up[5m:0s])",
                "time(1)",
                "up[5m]",
                "\"a\" + 1",
            ],
        );
        // A range alone has an answer at one moment and none over a time.
        Hostile::new(get(&range(query, "1", "61", "15"), Some(&keys.read)), BAD)
    }),
    Generator::known("selectors that would find everything", Kind::Query, |rng, keys| {
        ask(
            keys,
            one(
                rng,
                &["{}", "{a=\"\"}", "{a=~\".*\"}", "{a!=\"b\"}", "{__name__=~\".*\"}", "{a=\"\",b=~\"|x\"}"],
            ),
            BAD,
        )
    }),
    Generator::known("regular expressions that are none, or have no end", Kind::Query, |rng, keys| {
        let regex = one(
            rng,
            &[
                "(",
                "[",
                "*",
                "a{2,1}",
                "(?P<x",
                "\\\\",
                "(?<=a)b",
                "(a{1000}){1000}",
                "((((a{100}){100}){100}){100})",
                "[z-a]",
                "\\\\p{Nope}",
            ],
        );
        ask(keys, &format!("up{{a=~\"{regex}\"}}"), BAD)
    }),
    Generator::known("queries of more than 8 KiB", Kind::Query, |rng, keys| {
        ask(keys, &format!("up{{a=\"{}\"}}", word(rng, 8_200..=20_000)), BAD)
    }),
    Generator::known("brackets in brackets", Kind::Query, |rng, keys| {
        let depth = rng.usize(100..4_000);
        let (open, close) = one(rng, &[("(", ")"), ("-(", ")"), ("abs(", ")"), ("sum(", ")")]);
        let inner = "vector(1)";
        let depth = depth.min((8_000 - inner.len()) / (open.len() + close.len()));
        ask(keys, &format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)), BOUNDED)
    }),
    Generator::known("labels that grow in each other", Kind::Query, |rng, keys| {
        let (first, again) = ("x".repeat(400), "$1".repeat(rng.usize(900..1_000)));
        let mut query = format!("label_replace(vector(1),\"a\",\"{first}\",\"\",\"\")");
        for _ in 0..3 {
            query = format!("label_replace({query},\"a\",\"{again}\",\"a\",\"(.*)\")");
        }
        ask(keys, &query, TOO_MUCH)
    })
    .dear(),
    Generator::known("labels that are joined again and again", Kind::Query, |rng, keys| {
        let mut query = format!("label_replace(vector(1),\"a\",\"{}\",\"\",\"\")", "x".repeat(100));
        for _ in 0..rng.usize(40..90) {
            query = format!("label_join({query},\"a\",\"\",\"a\",\"a\",\"a\")");
        }
        ask(keys, &query, TOO_MUCH)
    }),
    Generator::known("ranges in steps that are too fine", Kind::Query, |rng, keys| {
        let step = one(rng, &["0.001", "1ms", "1", "0.5"]);
        Hostile::new(get(&range(good(rng), "0", "1700000000", step), Some(&keys.read)), TOO_MUCH)
    }),
    Generator::known("subqueries of years in milliseconds", Kind::Query, |rng, keys| {
        let function = one(rng, &["sum", "count", "avg", "max", "last", "quantile"]);
        let quantile = if function == "quantile" { "0.5," } else { "" };
        let years = rng.u8(1..90);
        ask(keys, &format!("{function}_over_time({quantile}vector(1)[{years}y:1ms])"), TOO_MUCH)
    })
    .dear(),
    Generator::known("ranges whose end is before their start", Kind::Query, |rng, keys| {
        let start = rng.u32(100..);
        let end = start - rng.u32(1..100);
        Hostile::new(get(&range(good(rng), &start.to_string(), &end.to_string(), "1"), Some(&keys.read)), BAD)
    }),
    Generator::known("steps that are none", Kind::Query, |rng, keys| {
        let step = one(rng, &["0", "-1", "NaN", "inf", "1e99", "soon", "", "1x", "0ms", "-5m"]);
        Hostile::new(get(&range(good(rng), "1", "61", step), Some(&keys.read)), BAD)
    }),
    Generator::known("times that are none", Kind::Query, |rng, keys| {
        let time = one(
            rng,
            &["NaN", "inf", "-inf", "1e300", "now", "2026-13-01T00:00:00Z", "2026-11-23", "0x1", "1,5"],
        );
        let name = one(rng, &["time", "start", "end"]);
        let address = match name {
            "time" => format!("/api/v1/query?query=1&time={}", encoded(time)),
            "start" => range("1", time, "61", "15"),
            _ => range("1", "1", time, "15"),
        };
        Hostile::new(get(&address, Some(&keys.read)), BAD)
    }),
    Generator::known("questions without their parameters", Kind::Query, |rng, keys| {
        let address = one(
            rng,
            &[
                "query",
                "query?query=",
                "query_range?query=1",
                "query_range?query=1&start=1&end=2",
                "series",
                "format_query",
                "query_exemplars",
                "query?time=1",
            ],
        );
        Hostile::new(get(&format!("/api/v1/{address}"), Some(&keys.read)), BAD)
    }),
    Generator::known("limits that are none", Kind::Query, |rng, keys| {
        let limit = one(rng, &["-1", "many", "1e3", "99999999999999999999999", "0x1", "1.0"]);
        let page = one(rng, &["query?query=up&", "labels?", "series?match[]=up&", "label/host/values?"]);
        Hostile::new(get(&format!("/api/v1/{page}limit={limit}"), Some(&keys.read)), BAD)
    }),
    Generator::known("matchers that are none", Kind::Query, |rng, keys| {
        let page = one(rng, &["series", "labels", "label/host/values"]);
        let wanted =
            encoded(one(rng, &["{", "up[5m]", "1", "sum(up)", "{}", "up{a=~\"(\"}", "\"up\"", "up offset"]));
        Hostile::new(get(&format!("/api/v1/{page}?match[]={wanted}"), Some(&keys.read)), BAD)
    }),
    Generator::known("forms that are none", Kind::Query, |rng, keys| {
        let kind = one(
            rng,
            &[
                "application/json",
                "multipart/form-data; boundary=x",
                "text/plain",
                "application/x-protobuf",
                "\u{1}x",
            ],
        );
        let headers = [("Content-Type", if kind.starts_with('\u{1}') { "x" } else { kind })];
        let body = one(rng, &["query=1", "{\"query\":\"1\"}", "--x\r\n\r\nquery=1", ""]);
        Hostile::new(
            request("POST", "/api/v1/query", Some(&keys.read), &headers, body.as_bytes()),
            &[400, 415],
        )
    }),
];

fn good(rng: &mut Rng) -> &'static str {
    one(
        rng,
        &["up", "sum(picollect_power_watts)", "vector(1)", "rate(picollect_power_joules_total[5m])", "1 + 1"],
    )
}

fn ask(keys: &Keys, query: &str, right: &'static [u16]) -> Hostile {
    if query.len() < 4_000 {
        return Hostile::new(
            get(&format!("/api/v1/query?query={}", encoded(query)), Some(&keys.read)),
            right,
        );
    }
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = format!("query={}", encoded(query));
    Hostile::new(request("POST", "/api/v1/query", Some(&keys.read), &headers, form.as_bytes()), right)
}

fn range(query: &str, start: &str, end: &str, step: &str) -> String {
    let [query, start, end, step] = [query, start, end, step].map(encoded);
    format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}")
}
