//! Receivers over HTTP: a webhook that takes Alertmanager's JSON, ntfy (<https://docs.ntfy.sh/publish/>), which takes a
//! text and has title, priority and tags in headers, and the dead man's switch, which is only called.
//!
//! Invariant: no redirect is followed, so tokens go to the configured address only.

use std::path::Path;

use picollect_settings::trust;
use ureq::http::Response;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::{NotSent, TIMEOUT};
use crate::alerts::message::Message;
use picollect_config::{Address, Heartbeat, Ntfy, Webhook};

/// ntfy makes a file of a text that is longer than 4096 bytes.
const MAX_NTFY_BYTES: usize = 4000;

/// A POST that is not sent yet.
struct Post<'a> {
    address: &'a Address,
    ca_file: Option<&'a Path>,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
}

pub(super) fn webhook(webhook: &Webhook, message: &Message) -> Result<(), NotSent> {
    let post = Post {
        address: &webhook.url,
        ca_file: webhook.ca_file.as_deref(),
        token: webhook.token().map_err(NotSent::Settings)?,
        headers: vec![(CONTENT_TYPE.as_str(), "application/json".to_owned())],
    };
    post.send(&message.webhook().to_string())
}

pub(super) fn ntfy(ntfy: &Ntfy, message: &Message) -> Result<(), NotSent> {
    let (priority, tags) = match message.worst() {
        Some("critical") => ("5", "rotating_light"),
        Some("warning") => ("3", "warning"),
        _ if message.is_firing() => ("2", "information_source"),
        _ => ("2", "white_check_mark"),
    };
    let headers =
        [("Title", in_ascii(&message.title())), ("Priority", priority.into()), ("Tags", tags.into())];
    let post = Post {
        address: &ntfy.url,
        ca_file: ntfy.ca_file.as_deref(),
        token: ntfy.token().map_err(NotSent::Settings)?,
        headers: headers.into(),
    };
    post.send(cut(&message.text()))
}

/// Calls the dead man's switch.
pub(in crate::alerts) fn call(heartbeat: &Heartbeat) -> Result<(), NotSent> {
    let agent = agent(&heartbeat.url, heartbeat.ca_file.as_deref())?;
    took(agent.get(heartbeat.url.whole()).call())
}

impl Post<'_> {
    fn send(self, body: &str) -> Result<(), NotSent> {
        let mut request = agent(self.address, self.ca_file)?.post(self.address.whole());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        took(request.send(body))
    }
}

fn agent(address: &Address, ca_file: Option<&Path>) -> Result<ureq::Agent, NotSent> {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("picollect/", env!("CARGO_PKG_VERSION")));
    if address.whole().starts_with("https://") {
        config = config.tls_config(trust::tls(ca_file).map_err(NotSent::Settings)?);
    }
    Ok(config.build().into())
}

fn took(answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<(), NotSent> {
    let status = answer.map_err(|error| NotSent::Failed(in_words(&error)))?.status();
    if status.is_success() { Ok(()) } else { Err(NotSent::Status(status.as_u16())) }
}

/// The library's errors may spell out the address; only their kind is kept.
fn in_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::Io(error) => format!("it cannot be reached: {}", error.kind()),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => "its certificate is not trusted".to_owned(),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_owned(),
        _ => "it does not speak HTTP".to_owned(),
    }
}

/// A header holds nothing else.
fn in_ascii(text: &str) -> String {
    let plain = |character: char| match character {
        '…' => '.',
        character if character.is_ascii_graphic() || character == ' ' => character,
        _ => '?',
    };
    text.chars().map(plain).collect()
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_NTFY_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_a_title_is_ascii() {
        let long = "ä".repeat(MAX_NTFY_BYTES);
        assert_eq!(cut(&format!("x{long}")).len(), MAX_NTFY_BYTES - 1);
        assert_eq!(in_ascii("NodeDown pi-ä\n…"), "NodeDown pi-??.");
    }
}
