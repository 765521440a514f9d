//! Who is let in: by which names the collector is called, and from where its forms are sent.
//!
//! A page elsewhere can give its own name this machine's address (DNS rebinding), and a browser then takes the collector
//! for a part of that page. Such a request names that page as its host, and so it is refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;

use crate::Page;
use crate::answer::Failure;

/// Streams that are open at once, if nobody says otherwise.
const MOST_STREAMS: usize = 200;
/// What a name of a machine in a home or an office ends with; nobody can register a name below these.
const LOCAL: [&str; 8] =
    ["home.arpa", "internal", "lan", "local", "localdomain", "home", "fritz.box", "localhost"];

/// How the collector lets people in.
#[derive(Debug)]
pub struct Door {
    /// Whether it serves https itself.
    pub https: bool,
    /// Whether everybody may look without a login: the demo, which listens on loopback.
    pub open: bool,
    /// Names that it is called by beside its addresses and its machine's own name; `*` is any.
    pub hosts: Vec<String>,
    /// How many streams are open at the same time at most.
    pub most_streams: usize,
    /// Ends all streams.
    pub closing: Closing,
}

/// Tells all streams that the collector stops.
#[derive(Debug)]
pub struct Closing(watch::Sender<bool>);

impl Default for Closing {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Default for Door {
    fn default() -> Self {
        let (hosts, closing) = (Vec::new(), Closing::default());
        Self { https: false, open: false, hosts, most_streams: MOST_STREAMS, closing }
    }
}

impl Door {
    /// A door for whoever has a login, of a collector that these names are given to.
    pub fn called(hosts: Vec<String>) -> Self {
        Self { hosts, ..Self::default() }
    }

    /// Ends all streams: the collector stops.
    pub fn close(&self) {
        self.closing.0.send_replace(true);
    }

    /// Is told of [`close`](Self::close).
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.0.subscribe()
    }

    /// Whether a request with this `Host` is meant for this collector.
    fn is_called(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || name == "localhost" {
            return true;
        }
        if self.hosts.iter().any(|own| own == "*" || own.eq_ignore_ascii_case(name)) {
            return true;
        }
        let machine = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
        let first = machine.split('.').next().unwrap_or(&machine);
        let below = name.strip_prefix(first).and_then(|rest| rest.strip_prefix('.'));
        name == machine || name == first || below.is_some_and(|domain| LOCAL.contains(&domain))
    }
}

/// What stands before the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// The host that a request is for.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or(uri.authority().map(axum::http::uri::Authority::as_str)).unwrap_or_default()
}

/// Refuses what is meant for somebody else, and forms that come from somebody else's page.
pub(crate) async fn guard(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let host = host(request.headers(), request.uri());
    if !page.site.door().is_called(host) {
        let sentence = format!(
            "This collector is not called “{}”. If it is, write its name into collector.toml: [page] hosts = [\"…\"].",
            without_port(host)
        );
        return Failure::new(StatusCode::MISDIRECTED_REQUEST, sentence).into_response();
    }
    if *request.method() == Method::POST && !is_from_here(request.headers(), host) {
        let sentence = "This form was sent from a page that is not the collector's.";
        return Failure::new(StatusCode::FORBIDDEN, sentence).into_response();
    }
    next.run(request).await
}

/// Browsers say where a form comes from; a program that says nothing has no login that could be misused.
fn is_from_here(headers: &HeaderMap, host: &str) -> bool {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let same_site = said("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let origin = said("origin").map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
    same_site && origin.is_none_or(|origin| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_the_machines_own_names_are_the_collectors_and_others_are_not() {
        let door = Door { hosts: vec!["cluster.example.org".into()], ..Door::default() };
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let first = machine.split('.').next().unwrap().to_owned();
        for own in ["127.0.0.1:8650", "192.0.2.10", "[::1]:8650", "[fe80::1]", "localhost:8650", "LOCALHOST"]
        {
            assert!(door.is_called(own), "{own}");
        }
        for own in [
            machine,
            format!("{first}.local:8650"),
            format!("{first}.fritz.box."),
            "Cluster.example.org:443".into(),
        ] {
            assert!(door.is_called(&own), "{own}");
        }
        for other in
            ["", "evil.example", "127.0.0.1.evil.example", "example.org", "localhost.evil.example:8650"]
        {
            assert!(!door.is_called(other), "{other}");
        }
        assert!(!door.is_called(&format!("{first}.evil.example")));
        assert!(Door { hosts: vec!["*".into()], ..Door::default() }.is_called("evil.example"));
    }

    #[test]
    fn a_form_of_another_page_is_refused() {
        let from = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_from_here(&headers.collect(), "192.0.2.10:8650")
        };
        assert!(
            from(&[]) && from(&[("origin", "http://192.0.2.10:8650"), ("sec-fetch-site", "same-origin")])
        );
        assert!(!from(&[("origin", "http://evil.example")]));
        assert!(!from(&[("origin", "null")]) && !from(&[("origin", "http://192.0.2.10:8651")]));
        assert!(!from(&[("sec-fetch-site", "cross-site")]) && !from(&[("sec-fetch-site", "same-site")]));
    }
}
