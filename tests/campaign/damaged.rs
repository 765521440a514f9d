//! What is no HTTP, or breaks its rules: refused or hung up on, and nothing of it is stored. That of it which has a
//! body comes with a known token, so that only the damage stands between the body and the store.

use super::hostile::{Generator, Hostile, Keys, Kind, noise, one, word};

const BAD: &[u16] = &[400];

pub(super) const GENERATORS: &[Generator] = &[
    Generator::stranger("any bytes", Kind::Http, |rng, _| {
        let mut bytes = noise(rng, 1..=2000);
        // A first byte that begins no method, so that it cannot become a request by chance.
        bytes[0] = b'"';
        Hostile::broken(bytes, BAD)
    }),
    Generator::stranger("a TLS greeting on the port for plain text", Kind::Http, |rng, _| {
        let mut bytes = vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01];
        bytes.extend(noise(rng, 100..=510));
        Hostile::broken(bytes, BAD)
    }),
    Generator::stranger("the preface of HTTP/2, whole, cut or followed by anything", Kind::Http, |rng, _| {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.truncate(rng.usize(1..=bytes.len()));
        if rng.bool() {
            bytes.extend(noise(rng, 0..=200));
        }
        Hostile::broken(bytes, &[400, 505])
    }),
    Generator::stranger("a request line that is none", Kind::Http, |rng, _| {
        let line = one(
            rng,
            &[
                "GET",
                "GET /healthz",
                "GET  /healthz HTTP/1.1",
                "/healthz HTTP/1.1",
                "GET /healthz HTTP/1.1 x",
                "\0 / HTTP/1.1",
            ],
        );
        Hostile::broken(format!("{line}\r\nHost: x\r\n\r\n"), BAD)
    }),
    Generator::stranger("a version that does not exist", Kind::Http, |rng, _| {
        let version =
            one(rng, &["HTTP/9.9", "HTTP/1.2", "HTTP/0.9", "http/1.1", "HTTP/1", "HTTPS/1.1", "ICY/1.1"]);
        Hostile::broken(format!("GET /healthz {version}\r\nHost: x\r\n\r\n"), &[400, 505])
    }),
    Generator::stranger("an address without an end", Kind::Http, |rng, _| {
        let path = word(rng, 70_000..=90_000);
        Hostile::broken(format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n"), &[400, 414, 431])
    }),
    Generator::stranger("hundreds of headers", Kind::Http, |rng, _| {
        let many: String = (0..rng.usize(150..400)).map(|at| format!("X-{at}: {at}\r\n")).collect();
        Hostile::broken(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), &[400, 431])
    }),
    Generator::stranger("a header without an end", Kind::Http, |rng, _| {
        let value = word(rng, 500_000..=600_000);
        Hostile::broken(format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: {value}\r\n\r\n"), &[400, 431])
    })
    .dear(),
    Generator::stranger("a header that is none", Kind::Http, |rng, _| {
        let header = one(
            rng,
            &[
                "X A: b",
                ": b",
                "no colon",
                "X-A: \0",
                "X-A: a\rb",
                "X-\u{e9}: a",
                "X-A : b",
                "X-A: a\r\n folded: b",
                "X(A): b",
            ],
        );
        Hostile::broken(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n"), BAD)
    }),
    Generator::known("lengths of a body that are none", Kind::Http, |rng, keys| {
        let length = one(
            rng,
            &[
                "-1",
                "+11",
                "0x0b",
                "1e1",
                "11, 12",
                "11,",
                " ",
                "eleven",
                "99999999999999999999999",
                "1 1",
                "11;",
            ],
        );
        Hostile::broken(head(keys, &format!("Content-Length: {length}\r\n"), "hostile f=1"), BAD)
    }),
    Generator::known("two lengths that differ", Kind::Http, |rng, keys| {
        let other = rng.usize(12..100);
        let lengths = format!("Content-Length: 11\r\nContent-Length: {other}\r\n");
        Hostile::broken(head(keys, &lengths, "hostile f=1"), BAD)
    }),
    Generator::known("transfer encodings that nobody knows", Kind::Http, |rng, keys| {
        let coding =
            one(rng, &["gzip", "identity", "chunked, gzip", "xchunked", "chunked;q=1", "deflate, br"]);
        let body = "b\r\nhostile f=1\r\n0\r\n\r\n";
        Hostile::broken(head(keys, &format!("Transfer-Encoding: {coding}\r\n"), body), &[400, 501])
    }),
    Generator::known("chunks whose size is none", Kind::Http, |rng, keys| {
        let size = one(
            rng,
            &[
                "-b",
                "0xb",
                "g",
                "",
                "ffffffffffffffffff",
                "b b",
                "10000000000000000",
                "b\rb",
                "1_1",
                "\u{ff11}",
            ],
        );
        let body = format!("{size}\r\nhostile f=1\r\n0\r\n\r\n");
        Hostile::broken(head(keys, "Transfer-Encoding: chunked\r\n", &body), BAD)
    }),
    Generator::known("chunks that do not end", Kind::Http, |rng, keys| {
        let body = one(
            rng,
            &[
                "b\r\nhostile f=1",
                "b\r\nhostile f=1\r\n",
                "b\r\nhostile f=1\r\n0\r\n",
                "b\r\nhostile f=1XX0\r\n\r\n",
            ],
        );
        Hostile::broken(head(keys, "Transfer-Encoding: chunked\r\n", body), BAD)
    }),
    Generator::known("a body that breaks off", Kind::Http, |rng, keys| {
        let said = rng.usize(12..10_000);
        Hostile::broken(head(keys, &format!("Content-Length: {said}\r\n"), "hostile f=1"), BAD)
    }),
    Generator::known("chunks in HTTP/1.0, which has none", Kind::Http, |rng, keys| {
        let head = format!(
            "POST /api/v2/write HTTP/1.0\r\nAuthorization: Token {}\r\nX-{}: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            keys.write,
            word(rng, 1..=8)
        );
        Hostile::broken(head + "b\r\nhostile f=1\r\n0\r\n\r\n", BAD)
    }),
];

/// A write whose length is said in these headers.
fn head(keys: &Keys, headers: &str, body: &str) -> String {
    format!(
        "POST /api/v2/write HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\n{headers}\r\n{body}",
        keys.write
    )
}
