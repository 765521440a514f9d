//! What a hostile request is: its bytes, and the answers that are right. Each generator draws from a seed, so that a
//! number and a seed make the same request again.

pub(super) use fastrand::Rng;

/// Whose words these requests are, for the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// What is no HTTP, or breaks its rules.
    Http,
    /// Tokens and codes that open nothing, or not this.
    Credentials,
    /// Bodies of which something must not be taken.
    Body,
    /// Queries of Prometheus' API.
    Query,
    /// Questions for reports, runs and nodes.
    Page,
    /// Addresses and methods that nobody has.
    Path,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "broken HTTP",
            Self::Credentials => "tokens and codes",
            Self::Body => "bodies of writes",
            Self::Query => "PromQL",
            Self::Page => "reports and runs",
            Self::Path => "paths and methods",
        }
    }
}

/// One way to attack.
pub(super) struct Generator {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether it comes with a token that is known: behind the door there is more to break.
    pub(super) known: bool,
    /// So dear that the quick form makes a tenth of them.
    pub(super) dear: bool,
    pub(super) make: fn(&mut Rng, &Keys) -> Hostile,
}

impl Generator {
    /// Without a token, or with one that is not known.
    pub(super) const fn stranger(
        name: &'static str,
        kind: Kind,
        make: fn(&mut Rng, &Keys) -> Hostile,
    ) -> Self {
        Self { name, kind, known: false, dear: false, make }
    }

    /// Past authentication.
    pub(super) const fn known(name: &'static str, kind: Kind, make: fn(&mut Rng, &Keys) -> Hostile) -> Self {
        Self { name, kind, known: true, dear: false, make }
    }

    /// The same, but a tenth of them in the quick form.
    pub(super) const fn dear(self) -> Self {
        Self { dear: true, ..self }
    }
}

/// The tokens of the collector that is attacked.
pub(super) struct Keys {
    /// For writing whatever is no word of the collector's own.
    pub(super) write: String,
    /// For reading.
    pub(super) read: String,
    /// For writing samples of the node `pi-1` only.
    pub(super) node: String,
    /// What of them is on the disk.
    pub(super) hashes: Vec<String>,
}

/// A request that must not be taken.
pub(super) struct Hostile {
    pub(super) bytes: Vec<u8>,
    /// Any other status is wrong; one of 200 to 399 is "wrongly accepted". 429 and 503 are right everywhere: come back.
    pub(super) right: &'static [u16],
    /// Whether a connection that is closed without an answer is right too.
    pub(super) may_close: bool,
}

impl Hostile {
    /// Only these answers are right.
    pub(super) fn new(bytes: Vec<u8>, right: &'static [u16]) -> Self {
        Self { bytes, right, may_close: false }
    }

    /// What is no request may be hung up on.
    pub(super) fn broken(bytes: impl Into<Vec<u8>>, right: &'static [u16]) -> Self {
        Self { bytes: bytes.into(), right, may_close: true }
    }
}

/// `GET` of an address, with a token if there is one.
pub(super) fn get(address: &str, token: Option<&str>) -> Vec<u8> {
    request("GET", address, token, &[], b"")
}

/// `POST` of a body, with a token if there is one.
pub(super) fn post(address: &str, token: Option<&str>, body: &[u8]) -> Vec<u8> {
    request("POST", address, token, &[], body)
}

/// A request that keeps HTTP's rules, whatever stands in it.
pub(super) fn request(
    method: &str,
    address: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = format!("{method} {address} HTTP/1.1\r\nHost: collector\r\n").into_bytes();
    if let Some(token) = token {
        bytes.extend_from_slice(format!("Authorization: Token {token}\r\n").as_bytes());
    }
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if method != "GET" {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A write of lines with the token for everything.
pub(super) fn write(keys: &Keys, lines: impl AsRef<[u8]>) -> Vec<u8> {
    post("/api/v2/write", Some(&keys.write), lines.as_ref())
}

/// One of these.
pub(super) fn one<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())].clone()
}

/// Letters and digits.
pub(super) fn word(rng: &mut Rng, length: std::ops::RangeInclusive<usize>) -> String {
    let length = rng.usize(length);
    (0..length).map(|_| rng.alphanumeric()).collect()
}

/// Any bytes.
pub(super) fn noise(rng: &mut Rng, length: std::ops::RangeInclusive<usize>) -> Vec<u8> {
    let length = rng.usize(length);
    (0..length).map(|_| rng.u8(..)).collect()
}

/// As a value of a query has to be spelled.
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
