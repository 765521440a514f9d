//! What a device answers to a request without a password, and what it wants to hear then: Basic (RFC 7617)
//! or Digest with SHA-256 (RFC 7616).
//!
//! A nonce is used again with a higher count. A device that knows each nonce only once (a Shelly before
//! firmware 2.0) answers with a new challenge, which costs what asking anew each time would cost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use picollect_settings::hex;
use sha2::{Digest as _, Sha256};

use super::Credentials;

/// A challenge that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The password itself, encoded.
    Basic,
    /// A digest of the password and of what is asked.
    Digest {
        realm: String,
        nonce: String,
        opaque: Option<String>,
        /// How often the nonce was used.
        count: u32,
    },
}

impl Challenge {
    /// Reads one `WWW-Authenticate` header; `None` is a scheme that is not known here.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let parameters = parameters(rest);
        let get = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let sha256 = get("algorithm").is_some_and(|name| name.eq_ignore_ascii_case("SHA-256"));
        let auth = get("qop").is_some_and(|list| list.split(',').any(|one| one.trim() == "auth"));
        if !sha256 || !auth {
            return None;
        }
        Some(Self::Digest { realm: get("realm")?, nonce: get("nonce")?, opaque: get("opaque"), count: 0 })
    }

    /// Greater is harder to eavesdrop on.
    pub(super) fn strength(&self) -> u8 {
        match self {
            Self::Basic => 0,
            Self::Digest { .. } => 1,
        }
    }

    /// The text of the `Authorization` header for a request for `target`, its path and query.
    pub(super) fn answer(
        &mut self,
        credentials: &Credentials,
        method: &str,
        target: &str,
        client_nonce: &str,
    ) -> String {
        let Credentials { user, password } = credentials;
        match self {
            Self::Basic => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            Self::Digest { realm, nonce, opaque, count } => {
                *count = count.saturating_add(1);
                let secret = sha256(&format!("{user}:{realm}:{password}"));
                let request = sha256(&format!("{method}:{target}"));
                let middle = format!("{nonce}:{count:08x}:{client_nonce}:auth");
                let response = sha256(&format!("{secret}:{middle}:{request}"));
                let mut text = format!(
                    "Digest username={}, realm={}, nonce={}, uri={}, algorithm=SHA-256, qop=auth, \
                     nc={count:08x}, cnonce={}, response=\"{response}\"",
                    quoted(user),
                    quoted(realm),
                    quoted(nonce),
                    quoted(target),
                    quoted(client_nonce),
                );
                if let Some(opaque) = opaque {
                    text += &format!(", opaque={}", quoted(opaque));
                }
                text
            }
        }
    }
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `key=value, key="value"`; what is not of this form is passed over.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, left) = value(after.trim_start());
        found.push((key.trim_matches([' ', ',', '\t']).to_owned(), value));
        rest = left;
    }
    found
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(inner) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(',').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let (mut value, mut chars) = (String::new(), inner.chars());
    while let Some(character) = chars.next() {
        match character {
            '"' => break,
            '\\' => value.extend(chars.next()),
            _ => value.push(character),
        }
    }
    (value, chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }

    #[test]
    fn the_example_of_rfc_7616_is_answered_as_it_says() {
        // Section 3.9.1, the challenge with SHA-256.
        let header = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
                      nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                      opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let mut challenge = Challenge::parse(header).unwrap();
        let client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let mufasa = credentials("Mufasa", "Circle of Life");
        let answer = challenge.answer(&mufasa, "GET", "/dir/index.html", client_nonce);
        let response = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
        assert!(answer.contains("nc=00000001") && answer.contains("opaque=\"FQhe/"), "{answer}");
        assert!(challenge.answer(&mufasa, "GET", "/", "x").contains("nc=00000002"));
        assert!(!answer.contains("Circle"));
    }

    #[test]
    fn the_example_of_rfc_7617_is_answered_as_it_says() {
        let mut challenge = Challenge::parse("Basic realm=\"WallyWorld\"").unwrap();
        let answer = challenge.answer(&credentials("Aladdin", "open sesame"), "GET", "/", "x");
        assert_eq!(answer, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn what_cannot_be_answered_is_none_and_nothing_panics() {
        for header in [
            "",
            "Digest",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5",
            "Digest algorithm=SHA-256, qop=auth, nonce=\"unclosed",
            "Bearer x",
            "Digest ===,\"\\",
        ] {
            assert_eq!(Challenge::parse(header), None, "{header}");
        }
    }
}
