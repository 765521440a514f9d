//! Tokens and codes that open nothing, and tokens that open something else: 401 and 403, whatever the page.

use super::hostile::{Generator, Hostile, Keys, Kind, Rng, encoded, get, one, post, request, word};

const NOT_KNOWN: &[u16] = &[401];
const NOT_FOR_THIS: &[u16] = &[403];
/// A line that must never be stored.
const LINE: &[u8] = b"hostile,host=pi-1 f=1";

/// What wants a token for reading.
const READ: [&str; 16] = [
    "/api/v1/report",
    "/api/v1/runs",
    "/api/v1/run?id=last",
    "/api/v1/nodes",
    "/api/v1/scaling",
    "/api/v1/query?query=1",
    "/api/v1/query_range?query=1&start=1&end=2&step=1",
    "/api/v1/series?match[]=up",
    "/api/v1/labels",
    "/api/v1/label/host/values",
    "/api/v1/metadata",
    "/api/v1/format_query?query=1",
    "/api/v1/query_exemplars?query=up",
    "/api/v1/rules",
    "/api/v1/alerts",
    "/api/v1/status/buildinfo",
];

pub(super) const GENERATORS: &[Generator] = &[
    Generator::stranger("no token", Kind::Credentials, |rng, _| {
        Hostile::new(knock(rng, None, &[]), NOT_KNOWN)
    }),
    Generator::stranger("a token that was never made", Kind::Credentials, |rng, _| {
        let token = format!("pc_{}", (0..64).map(|_| rng.char('0'..='9')).collect::<String>());
        Hostile::new(knock(rng, Some(&token), &[]), NOT_KNOWN)
    }),
    Generator::stranger("a token with one letter changed", Kind::Credentials, |rng, keys| {
        let mut token = any(rng, keys).into_bytes();
        let at = rng.usize(..token.len());
        token[at] = if token[at] == b'0' { b'1' } else { b'0' };
        let token = String::from_utf8(token).expect("ASCII");
        Hostile::new(knock(rng, Some(&token), &[]), NOT_KNOWN)
    }),
    Generator::stranger("a token that is cut, or has more behind it", Kind::Credentials, |rng, keys| {
        let token = any(rng, keys);
        let token = if rng.bool() {
            token[..rng.usize(1..token.len())].to_owned()
        } else {
            token + &word(rng, 1..=2000)
        };
        Hostile::new(knock(rng, Some(&token), &[]), NOT_KNOWN)
    }),
    Generator::stranger("a token in capitals", Kind::Credentials, |rng, keys| {
        let token = any(rng, keys).to_uppercase();
        Hostile::new(knock(rng, Some(&token), &[]), NOT_KNOWN)
    }),
    Generator::stranger("a token's hash in place of it", Kind::Credentials, |rng, keys| {
        let hash = one(rng, &keys.hashes);
        let token = if rng.bool() { hash } else { format!("pc_{hash}") };
        Hostile::new(knock(rng, Some(&token), &[]), NOT_KNOWN)
    }),
    Generator::stranger("a scheme that is not ours", Kind::Credentials, |rng, keys| {
        let scheme =
            one(rng, &["Basic", "Digest", "Negotiate", "Tokens", "B\u{65}arer2", "", "token:", "\"Token\""]);
        let value = format!("{scheme} {}", any(rng, keys));
        Hostile::new(knock(rng, None, &[("Authorization", &value)]), NOT_KNOWN)
    }),
    Generator::stranger("two tokens, of which the first is wrong", Kind::Credentials, |rng, keys| {
        let (wrong, right) = (format!("Token {}", word(rng, 3..=70)), format!("Token {}", any(rng, keys)));
        Hostile::new(knock(rng, None, &[("Authorization", &wrong), ("Authorization", &right)]), NOT_KNOWN)
    }),
    Generator::stranger("a token where none is looked for", Kind::Credentials, |rng, keys| {
        let token = any(rng, keys);
        let bytes = match rng.u8(..4) {
            0 => post(&format!("/api/v2/write?token={token}"), None, LINE),
            1 => knock(rng, None, &[("Cookie", &format!("token={token}"))]),
            2 => knock(rng, None, &[("X-Authorization", &format!("Token {token}"))]),
            _ => knock(rng, None, &[("Proxy-Authorization", &format!("Token {token}"))]),
        };
        Hostile::new(bytes, NOT_KNOWN)
    }),
    Generator::stranger("a token that wants to be a path, a query or JSON", Kind::Credentials, |rng, _| {
        let token = one(
            rng,
            &[
                "../tokens.json",
                "' OR '1'='1",
                "{\"scope\":\"read\"}",
                "*",
                "%00",
                "null",
                "${TOKEN}",
                "pc_*",
                ".",
                "[]",
            ],
        );
        Hostile::new(knock(rng, Some(token), &[]), NOT_KNOWN)
    }),
    Generator::stranger("codes that were never made", Kind::Credentials, |rng, _| {
        let code =
            one(rng, &["", "AAAA-AAAA-AAAA", "../tokens", "0", "%2e%2e"]).to_owned() + &word(rng, 0..=12);
        let body = serde_json::json!({ "code": code, "node": "pi-1" }).to_string();
        let headers = [("Content-Type", "application/json")];
        Hostile::new(request("POST", "/api/v1/join", None, &headers, body.as_bytes()), &[403])
    }),
    Generator::stranger("a join whose body is none", Kind::Credentials, |rng, _| {
        let long = format!("{{\"code\":\"{}\",\"node\":\"a\"}}", word(rng, 5_000..=9_000));
        let body = one(
            rng,
            &[
                "",
                "{",
                "[]",
                "null",
                "{\"code\":1,\"node\":2}",
                "{\"code\":\"A\"}",
                "code=A&node=b",
                "\u{0}",
                long.as_str(),
            ],
        );
        let headers = [("Content-Type", one(rng, &["application/json", "text/plain"]))];
        let right = &[400, 413, 415, 422];
        Hostile::new(request("POST", "/api/v1/join", None, &headers, body.as_bytes()), right)
    }),
    Generator::stranger("who asks for the authority by a name of no code", Kind::Credentials, |rng, _| {
        let name = encoded(one(rng, &["", "..", "../tokens.json", "*", "a\0b"])) + &word(rng, 0..=40);
        Hostile::new(get(&format!("/api/v1/join/authority?code_name={name}"), None), &[400, 404])
    }),
    Generator::known("a token for reading that writes", Kind::Credentials, |_, keys| {
        Hostile::new(post("/api/v2/write", Some(&keys.read), LINE), NOT_FOR_THIS)
    }),
    Generator::known("a node's token that reads", Kind::Credentials, |rng, keys| {
        Hostile::new(get(one(rng, &READ), Some(&keys.node)), NOT_FOR_THIS)
    }),
    Generator::known("a node's token that writes for another node", Kind::Credentials, |rng, keys| {
        let host = one(rng, &["pi-2", "pi-1 ", "PI-1", "pi-10", "pi", "pi-1\u{301}", "\u{440}i-1", "*"]);
        let line = format!("hostile,host={} f=1", host.replace(' ', "\\ "));
        Hostile::new(post("/api/v2/write", Some(&keys.node), line.as_bytes()), NOT_FOR_THIS)
    }),
    Generator::known("a node's token that writes without a node", Kind::Credentials, |rng, keys| {
        let tags =
            one(rng, &["", ",Host=pi-1", ",hostname=pi-1", ",node=pi-1", ",h\\ ost=pi-1", ",host\\==pi-1"]);
        Hostile::new(
            post("/api/v2/write", Some(&keys.node), format!("hostile{tags} f=1").as_bytes()),
            NOT_FOR_THIS,
        )
    }),
    Generator::known("a node's token with one foreign line among its own", Kind::Credentials, |rng, keys| {
        let mut lines = vec!["hostile,host=pi-1 f=1"; rng.usize(1..50)];
        let at = rng.usize(..=lines.len());
        lines.insert(at, "hostile,host=pi-2 f=1");
        Hostile::new(post("/api/v2/write", Some(&keys.node), lines.join("\n").as_bytes()), NOT_FOR_THIS)
    }),
    Generator::known("a node's token that speaks for the collector", Kind::Credentials, |rng, keys| {
        let name =
            one(rng, &["run", "result", "energy", "health", "resolution", "retirement", "ingest", "store"]);
        let line = format!("{name},host=pi-1,hostile=yes start_ms=1i,document=\"{{}}\" 1000000");
        Hostile::new(post("/api/v2/write", Some(&keys.node), line.as_bytes()), NOT_FOR_THIS)
    }),
    Generator::known("a token for samples that speaks for the collector", Kind::Credentials, |rng, keys| {
        let name = one(rng, &["result", "energy", "health", "resolution", "retirement", "ingest", "store"]);
        let line = format!("{name},host=hostile rate=1,joules=1,up=true,retired=true 1000000");
        Hostile::new(post("/api/v2/write", Some(&keys.write), line.as_bytes()), NOT_FOR_THIS)
    }),
    Generator::known("a token for writing that reads", Kind::Credentials, |rng, keys| {
        Hostile::new(get(one(rng, &READ), Some(&keys.write)), NOT_FOR_THIS)
    }),
    Generator::known("a token for writing that records a run", Kind::Credentials, |rng, keys| {
        let token = if rng.bool() { &keys.write } else { &keys.node };
        let tags = one(rng, &["", ",host=pi-1", ",run=forged", ",host=pi-1,name=n,run=forged"]);
        let fields =
            one(rng, &["start_ms=1", "end_ms=253402300800000", "document=\"{}\"", "document=\"[\",x=1"]);
        Hostile::new(
            post("/api/v2/write", Some(token), format!("run{tags} {fields}").as_bytes()),
            NOT_FOR_THIS,
        )
    }),
    Generator::known(
        "a token for writing that speaks for a meter at the wall",
        Kind::Credentials,
        |rng, keys| {
            let said = one(rng, &["power", "meter"]);
            let line = format!("{said},boundary=wall,meter=rack,source=measured watts=0");
            Hostile::new(post("/api/v2/write", Some(&keys.write), line.as_bytes()), NOT_FOR_THIS)
        },
    ),
    Generator::known("a wrong token on the page that is for everybody", Kind::Credentials, |rng, keys| {
        // Who shows a token wants what is behind it; the page without it would be a wrong answer.
        let token = if rng.bool() { keys.node.clone() } else { word(rng, 1..=70) };
        Hostile::new(get("/metrics", Some(&token)), &[401, 403])
    }),
];

/// Any of the tokens that are known.
fn any(rng: &mut Rng, keys: &Keys) -> String {
    one(rng, &[&keys.write, &keys.read, &keys.node]).clone()
}

/// A write or a question, with these credentials.
fn knock(rng: &mut Rng, token: Option<&str>, headers: &[(&str, &str)]) -> Vec<u8> {
    if rng.bool() {
        return request("POST", "/api/v2/write", token, headers, LINE);
    }
    let page = one(rng, &READ);
    request("GET", page, token, headers, b"")
}
