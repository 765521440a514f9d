//! Where the store is, as an address: `embedded:DIR`, `influxdb2+http(s)://HOST:PORT?org=…&bucket=…`,
//! `prometheus+http(s)://HOST:PORT[/PATH][?write=URL]`; and what opens it.
//!
//! Invariant: no secret stands in an address, so that one may be printed, logged and given on a command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an engine of the Prometheus family takes remote write, below its address, if nobody says otherwise.
const USUAL_WRITE_PATH: &str = "/api/v1/write";
/// The most addresses for writing: the receivers of a large cluster stand behind one balancer.
const MAX_WRITE_URLS: usize = 16;
/// The longest address in bytes.
const MAX_BYTES: usize = 4096;

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The store of picollect's own in this directory.
    Embedded(PathBuf),
    /// An InfluxDB 2, by its own API.
    Influxdb2 {
        /// `http(s)://HOST[:PORT][/PATH]`, without a slash at its end.
        url: String,
        /// The organisation's name, as InfluxDB has it.
        org: String,
        /// The bucket's name; it has to be there.
        bucket: String,
    },
    /// An engine that takes Prometheus' remote write and answers PromQL.
    Prometheus {
        /// Below it `/api/v1/query` answers; `http(s)://HOST[:PORT][/PATH]`, without a slash at its end.
        url: String,
        /// Where samples are written: the first that is there. At least one.
        write: Vec<String>,
    },
}

/// An address that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store's address {0}")]
pub struct BadLocation(String);

impl FromStr for Location {
    type Err = BadLocation;

    fn from_str(text: &str) -> Result<Self, BadLocation> {
        if text.len() > MAX_BYTES {
            return Err(BadLocation(format!("has more than {MAX_BYTES} bytes")));
        }
        if let Some(directory) = text.strip_prefix("embedded:") {
            let empty = || BadLocation("`embedded:` names no directory; write embedded:DIR".to_owned());
            return (!directory.is_empty()).then(|| Self::Embedded(directory.into())).ok_or_else(empty);
        }
        if let Some(rest) = text.strip_prefix("influxdb2+") {
            return influxdb2(rest);
        }
        if let Some(rest) = text.strip_prefix("prometheus+") {
            return prometheus(rest);
        }
        Err(BadLocation(
            "begins with none of `embedded:`, `influxdb2+http(s)://` and `prometheus+http(s)://`".to_owned(),
        ))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(directory) => write!(f, "embedded:{}", directory.display()),
            Self::Influxdb2 { url, org, bucket } => {
                write!(f, "influxdb2+{url}?org={}&bucket={}", escaped(org), escaped(bucket))
            }
            Self::Prometheus { url, write } => {
                write!(f, "prometheus+{url}")?;
                if write[..] == [format!("{url}{USUAL_WRITE_PATH}")] {
                    return Ok(());
                }
                let pairs: Vec<String> = write.iter().map(|url| format!("write={}", escaped(url))).collect();
                write!(f, "?{}", pairs.join("&"))
            }
        }
    }
}

fn influxdb2(rest: &str) -> Result<Location, BadLocation> {
    let (url, pairs) = parts(rest)?;
    let (mut org, mut bucket) = (String::new(), String::new());
    for (name, value) in pairs {
        match name {
            "org" => org = value,
            "bucket" => bucket = value,
            _ => return Err(unknown(name, "`org` and `bucket`")),
        }
    }
    if org.is_empty() || bucket.is_empty() {
        return Err(BadLocation("of an InfluxDB 2 wants `?org=…&bucket=…`".to_owned()));
    }
    Ok(Location::Influxdb2 { url, org, bucket })
}

fn prometheus(rest: &str) -> Result<Location, BadLocation> {
    let (url, pairs) = parts(rest)?;
    let mut write = Vec::new();
    for (name, value) in pairs {
        if name != "write" {
            return Err(unknown(name, "`write`"));
        }
        let (_, pairs) = parts(&value)?;
        if let Some((name, _)) = pairs.first() {
            return Err(BadLocation(format!("for writing has a parameter `{name}`; there are none")));
        }
        write.push(value);
    }
    if write.len() > MAX_WRITE_URLS {
        return Err(BadLocation(format!("has more than {MAX_WRITE_URLS} times `write`")));
    }
    if write.is_empty() {
        write.push(format!("{url}{USUAL_WRITE_PATH}"));
    }
    Ok(Location::Prometheus { url, write })
}

type Pairs<'a> = Vec<(&'a str, String)>;

/// The address before the question mark, and the pairs behind it, decoded.
fn parts(text: &str) -> Result<(String, Pairs<'_>), BadLocation> {
    let (url, query) = text.split_once('?').unwrap_or((text, ""));
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    match host {
        None | Some("") => return Err(BadLocation(format!("`{url}` is not http(s)://HOST:PORT"))),
        Some(host) if host.contains('@') => return Err(no_secrets("a user or a password")),
        Some(_) => {}
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte)) {
        return Err(BadLocation("has a character that no address holds; write it as %XX".to_owned()));
    }
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if matches!(name, "token" | "password" | "user" | "u" | "p" | "apikey" | "api_key") {
            return Err(no_secrets(&format!("`{name}`")));
        }
        let garbled = || BadLocation(format!("holds after `{name}=` what is no text with %XX in it"));
        pairs.push((name, unescaped(value).ok_or_else(garbled)?));
    }
    Ok((url.trim_end_matches('/').to_owned(), pairs))
}

fn unknown(name: &str, known: &str) -> BadLocation {
    BadLocation(format!("has a parameter `{name}`; known here: {known}"))
}

fn no_secrets(what: &str) -> BadLocation {
    BadLocation(format!(
        "must not hold {what}: addresses are printed and logged; give `token_file` or `password_file` in [store], \
         or PICOLLECT_STORE_TOKEN or PICOLLECT_STORE_PASSWORD in the environment"
    ))
}

/// Percent-encoded but for what RFC 3986 calls unreserved, and the colons and slashes of an address.
fn escaped(text: &str) -> String {
    picollect_settings::percent::encoded(text, b":/")
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What an engine wants to be shown. Nothing of it is ever printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// A bearer token; InfluxDB's own kind for an InfluxDB.
    pub token: Option<String>,
    /// User and password, in place of a token.
    pub basic: Option<(String, String)>,
    /// More headers, such as a tenant's.
    pub headers: Vec<(String, String)>,
    /// Trust only certificates signed by the ones in this file; else those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Secrets")
            .field("token", &self.token.is_some())
            .field("user", &self.basic.as_ref().map(|(user, _)| user))
            .field("headers", &headers)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Location>().unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_address_is_read_and_printed_as_it_was() {
        for text in [
            "embedded:/var/lib/picollect",
            "influxdb2+http://127.0.0.1:8086?org=home&bucket=my%20cluster",
            "prometheus+https://metrics.example:8428",
            "prometheus+http://query:9090/prometheus?write=http://receive:19291/api/v1/receive&write=http://b/w",
        ] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
        let one: Location = "prometheus+http://h:1/".parse().unwrap();
        let want =
            Location::Prometheus { url: "http://h:1".into(), write: vec!["http://h:1/api/v1/write".into()] };
        assert_eq!(one, want);
    }

    #[test]
    fn an_address_that_is_none_says_what_to_write() {
        assert!(error("/var/lib").contains("none of `embedded:`"));
        assert!(error("embedded:").contains("embedded:DIR"));
        assert!(error("influxdb2+http://h").contains("?org=…&bucket=…"));
        assert!(error("influxdb2+http://h?org=a&bucket=b&x=1").contains("known here: `org` and `bucket`"));
        assert!(error("prometheus+ftp://h").contains("not http(s)://HOST:PORT"));
        assert!(error("prometheus+http://").contains("not http(s)://HOST:PORT"));
        assert!(error("prometheus+http://h?write=nowhere").contains("`nowhere` is not http"));
        assert!(error("influxdb2+http://h?org=%zz&bucket=b").contains("no text"));
        assert!(error("prometheus+http://h/ü").contains("%XX"));
    }

    #[test]
    fn a_secret_in_an_address_is_refused_and_not_repeated() {
        for text in ["prometheus+http://me:swordfish@h", "influxdb2+http://h?org=a&bucket=b&token=swordfish"]
        {
            let error = error(text);
            assert!(error.contains("PICOLLECT_STORE_TOKEN") && !error.contains("swordfish"), "{error}");
        }
        let secrets = Secrets {
            token: Some("swordfish".into()),
            basic: Some(("me".into(), "swordfish".into())),
            headers: vec![("X-Scope-OrgID".into(), "swordfish".into())],
            ca_file: None,
        };
        assert!(!format!("{secrets:?}").contains("swordfish"));
    }
}
