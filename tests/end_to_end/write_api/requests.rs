//! The requests that a collector and an InfluxDB are compared by: each ingredient once, and then mixtures of them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How many requests there are.
const REQUESTS: usize = 200;
/// Stands for the server's token.
pub(super) const TOKEN: &str = "{token}";
/// Stands for the case's measurement.
const MEASUREMENT: char = '@';

/// A request, and by which deliberate difference its answers differ.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) measurement: String,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) query: &'static str,
    pub(super) authorization: Option<&'static str>,
    pub(super) encoding: Option<&'static str>,
    pub(super) body: Vec<u8>,
    pub(super) differs: Option<&'static str>,
}

/// Lines whose whole point is taken.
const GOOD: [&str; 21] = [
    "@ f=1",
    "@,host=a f=1.5,n=2i 5000000",
    "@,b=2,a=1 u=7u,t=true,s=\"x y\" 9000000",
    "@ s=\"two\nlines\" 1000000",
    "# a comment",
    "",
    "   ",
    "\t @ f=3 2000000",
    "@\\ x\\,y,t\\=a=b\\ c f\\ g=1 3000000",
    "@ f=-5e3 7000000",
    "@ f=.5 4000000",
    "@ f=5. 4000000",
    "@ s=\"a\\\"b\\\\c\" 6000000",
    "@,ort=Köln s=\"°\" 6000000",
    "@ n=-9223372036854775808i,u=18446744073709551615u 8000000",
    "@   f=1    9000000",
    "@=x f=1",
    "@ \"f\"=1",
    "@ s=\"\" 1000000",
    "@,a=\"q\" t=T,o=f,p=FALSE 1000000",
    "@ s=\"a,b=c d\",f=2 1000000",
];

/// Lines that are refused.
const BAD: [&str; 42] = [
    "@",
    "@ f",
    "@ f=",
    "@,a f=1",
    "@,a= f=1",
    "@, f=1",
    ",a=b f=1",
    "@ f=1,",
    "@ f=1,,g=2",
    "@ f=1 ,g=2",
    "@ f=1 5 6",
    "@ f=1 x",
    "@ f=1 1.5",
    "@ f=1 1e5",
    "@ f=1 +5",
    "@ f=1 -",
    "@ f=tRue",
    "@ f=yes",
    "@ f=NaN",
    "@ f=inf",
    "@ f=-",
    "@ f=.",
    "@ f=+1",
    "@ f=--1",
    "@ f=1_0",
    "@ f=0x10",
    "@ f=1e400",
    "@ f=1e",
    "@ f=1.5i",
    "@ f=-1u",
    "@ f=1.2.3",
    "@ f='a'",
    "@ f=\"open",
    "@ s=\"a\" x",
    "@,a=1,a=2 f=1",
    "@,time=a f=1",
    "@,_field=a f=1",
    "@,_measurement=a f=1",
    "@,a=b=c f=1",
    "@ n=9223372036854775808i",
    "@ u=18446744073709551616u",
    "@ f=1 9223372036854775807",
];

/// Bodies that neither takes whole, or both do.
const BODIES: [&str; 4] = [
    "@ f=1 1000000\n@ f=2i 2000000",
    "@ f=1 1000000\n@ f=\"x\" 2000000\n@ g=1 1000000",
    "@ f=1 1000000\n@ f=2 1000000",
    "@ f=1,f=2 1000000",
];

/// Lines on which the two differ, and the difference's name in `docs/api.md`.
const DIFFERENT: [(&str, &str); 9] = [
    ("@ f=1\r", "carriage return"),
    ("\r", "carriage return"),
    ("@ f=\"a\"b", "after a quote"),
    ("@,host=a f=1 1000000\n@,host=b f=2i 1000000", "type of a series"),
    ("@ time=1i", "field `time`"),
    ("@ time=1i,f=1", "field `time`"),
    ("@\\\nx f=1", "escaped line feed"),
    ("@ f=1 7952342400000000000", "the future"),
    ("@ f=1 -7000000", "before 1970"),
];

const QUERIES: [(&str, Option<&str>); 14] = [
    ("org=o&bucket=b", None),
    ("org=o&bucket=b&precision=ns", None),
    ("org=o&bucket=b&precision=us", None),
    ("org=o&bucket=b&precision=ms", None),
    ("org=o&bucket=b&precision=s", None),
    ("org=o&bucket=b&precision=", None),
    ("org=o&bucket=b&precision=ms&precision=weeks", None),
    ("org=o&bucket=b&nobody=knows", None),
    ("org=o&bucket=b&precision=n", None),
    ("org=o&bucket=b&precision=weeks", None),
    ("bucket=b", Some("organisation and bucket")),
    ("org=o", Some("organisation and bucket")),
    ("org=other&bucket=b", Some("organisation and bucket")),
    ("org=o&bucket=other", Some("organisation and bucket")),
];

const AUTHORIZATIONS: [Option<&str>; 9] = [
    Some("Token {token}"),
    Some("Bearer {token}"),
    Some("token {token}"),
    Some("BEARER {token}"),
    Some("Token wrong"),
    Some("Token"),
    Some("{token}"),
    Some("Basic eDp5"),
    None,
];

/// Method and path; a body goes along with those that have one.
const PLACES: [(&str, &str, Option<&str>); 10] = [
    ("GET", "/api/v2/write", None),
    ("PUT", "/api/v2/write", None),
    ("DELETE", "/api/v2/write", None),
    ("PATCH", "/api/v2/write", None),
    ("GET", "/ping", None),
    ("HEAD", "/ping", None),
    ("GET", "/health", None),
    ("GET", "/api/v2/nowhere", None),
    ("POST", "/api/v2/nowhere", None),
    ("POST", "/health", Some("method of `/health`")),
];

/// All of them, the same ones every time.
pub(super) fn requests() -> Vec<Request> {
    let mut requests = ingredients();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    while requests.len() < REQUESTS {
        requests.push(mixture(&mut random));
    }
    assert_eq!(requests.len(), REQUESTS, "there is room for mixtures");
    for (number, request) in requests.iter_mut().enumerate() {
        request.measurement = format!("case{number}");
        request.body = named(&request.body, &request.measurement);
        if matches!(request.encoding, Some("gzip" | "x-gzip")) {
            request.body = gzip(&request.body);
        }
    }
    requests.extend(broken());
    requests
}

fn named(body: &[u8], measurement: &str) -> Vec<u8> {
    let letter = |byte: &u8| {
        if *byte == MEASUREMENT as u8 { measurement.as_bytes().to_vec() } else { vec![*byte] }
    };
    body.iter().flat_map(letter).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

fn lines(body: &str) -> Request {
    Request {
        measurement: String::new(),
        method: "POST",
        path: "/api/v2/write",
        query: QUERIES[0].0,
        authorization: AUTHORIZATIONS[0],
        encoding: None,
        body: body.as_bytes().to_vec(),
        differs: None,
    }
}

fn ingredients() -> Vec<Request> {
    let alike = GOOD.iter().chain(&BAD).chain(&BODIES).map(|body| lines(body));
    let different = DIFFERENT.iter().map(|(body, name)| Request { differs: Some(name), ..lines(body) });
    let queries = QUERIES.iter().map(|&(query, differs)| Request { query, differs, ..lines("@ f=1") });
    let tokens =
        AUTHORIZATIONS.iter().map(|&authorization| Request { authorization, ..lines("@ f=1 1000000") });
    let places =
        PLACES.iter().map(|&(method, path, differs)| Request { method, path, differs, ..lines("@ f=1") });
    let encodings = ["gzip", "x-gzip", "GZIP", "identity", "deflate"];
    let encodings = encodings.map(|encoding| Request { encoding: Some(encoding), ..lines("@ f=1 1000000") });
    alike.chain(different).chain(queries).chain(tokens).chain(places).chain(encodings).collect()
}

/// A few lines, one in four of them bad, with a precision and an encoding.
fn mixture(random: &mut Random) -> Request {
    let line = |random: &mut Random| if random.one_in(4) { random.of(&BAD) } else { random.of(&GOOD) };
    let count = 1 + random.below(4);
    let body: Vec<&str> = (0..count).map(|_| line(random)).collect();
    let end = if random.one_in(2) { "\n" } else { "" };
    let authorization = if random.one_in(8) { random.of(&AUTHORIZATIONS) } else { AUTHORIZATIONS[0] };
    let encoding = random.of(&[None, None, Some("gzip"), Some("identity")]);
    let query = random.of(&QUERIES[..10]).0;
    Request { query, authorization, encoding, ..lines(&(body.join("\n") + end)) }
}

/// What cannot be said as text, and what only the collector bounds.
fn broken() -> Vec<Request> {
    let whole = gzip(b"broken f=1 1000000\n");
    let mut checksum = whole.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    let gzipped = |body: Vec<u8>, differs| Request { encoding: Some("gzip"), body, differs, ..lines("") };
    let plain = |body: Vec<u8>, differs| Request { body, differs: Some(differs), ..lines("") };
    let tags: String = (0..40).map(|n| format!(",t{n}=v")).collect();
    let fields: Vec<String> = (0..300).map(|n| format!("f{n}=1")).collect();
    vec![
        gzipped(checksum, None),
        Request {
            measurement: "members".to_owned(),
            ..gzipped([gzip(b"members f=1 1000000\n"), gzip(b"members f=2 2000000\n")].concat(), None)
        },
        gzipped(whole[..20].to_vec(), Some("broken gzip")),
        gzipped(b"not gzip".to_vec(), Some("broken gzip")),
        plain(b"\xff\xfe f=1".to_vec(), "UTF-8"),
        plain(format!("broken{tags} f=1").into_bytes(), "bounds"),
        plain(format!("broken {}", fields.join(",")).into_bytes(), "bounds"),
        plain(format!("broken,t={} f=1", "v".repeat(600)).into_bytes(), "bounds"),
        plain(format!("broken s=\"{}\"", "v".repeat(70_000)).into_bytes(), "bounds"),
        plain(b"broken f=1 1000000\n".repeat(600_000), "bounds"),
        Request { path: "/api/v2/nowhere", authorization: None, ..plain(Vec::new(), "path before token") },
    ]
}

/// Xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        for (left, shift) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << shift } else { self.0 >> shift };
        }
        usize::try_from(self.0 % end as u64).expect("it is below an usize")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
