//! Receivers over HTTP: a webhook that takes Alertmanager's JSON, ntfy (<https://docs.ntfy.sh/publish/>), which takes a
//! text and has title, priority and tags in headers, and the dead man's switch, which is only called.
//!
//! Invariants: no redirect is followed, so tokens go to the configured address only. Who answers for the receiver, such as
//! a captive portal with its page, is not believed: ntfy has to answer with the message that it published, any other
//! with a 2xx status and no HTML page.

use std::io::Read as _;
use std::path::Path;

use picollect_settings::http;
use ureq::http::Response;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::{NotSent, TIMEOUT};
use crate::alerts::message::Message;
use picollect_config::{Address, Heartbeat, Ntfy, Webhook};

/// ntfy makes a file of a text that is longer than 4096 bytes.
const MAX_NTFY_BYTES: usize = 4000;
/// So much of an answer is read: ntfy repeats the message, of which each byte may be six in JSON.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

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
    post.send(&message.webhook().to_string()).and_then(|answer| of_no_portal(&answer))
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
    post.send(cut(&message.text())).and_then(|answer| published(&answer))
}

/// Calls the dead man's switch.
pub(in crate::alerts) fn call(heartbeat: &Heartbeat) -> Result<(), NotSent> {
    let agent = agent(&heartbeat.url, heartbeat.ca_file.as_deref())?;
    took(agent.get(heartbeat.url.whole()).call()).and_then(|answer| of_no_portal(&answer))
}

impl Post<'_> {
    fn send(self, body: &str) -> Result<String, NotSent> {
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
    let config = http::client("picollect", address.whole(), ca_file).map_err(NotSent::Settings)?;
    Ok(config.timeout_global(Some(TIMEOUT)).build().into())
}

/// The text of an answer that says yes.
fn took(answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<String, NotSent> {
    let failed = |error: ureq::Error| NotSent::Failed(in_words(&error));
    let mut answer = answer.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(NotSent::Status(answer.status().as_u16()));
    }
    let mut text = Vec::new();
    let read = answer.body_mut().as_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut text);
    read.map_err(|error| failed(error.into()))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A captive portal, a login page and a web server whose route is missing answer 200 and a page for people.
fn of_no_portal(answer: &str) -> Result<(), NotSent> {
    if http::is_page(answer) { Err(NotSent::Stranger("a web page")) } else { Ok(()) }
}

/// ntfy answers with the message as it published it, which has an id.
fn published(answer: &str) -> Result<(), NotSent> {
    let message = serde_json::from_str::<serde_json::Value>(answer).unwrap_or_default();
    if message["id"].is_string() { Ok(()) } else { Err(NotSent::Stranger("no message of ntfy")) }
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
    fn who_answers_with_a_page_for_people_is_not_the_receiver() {
        let error = of_no_portal("<!DOCTYPE html><p>Log in").unwrap_err().to_string();
        assert!(error.contains("with a web page") && error.contains("captive portal"), "{error}");
        published(r#"{"id":"zGHPJWwbmWNj","time":1,"event":"message","topic":"t"}"#).unwrap();
        for answer in ["", "ok", "<!doctype html>", "{}", r#"{"id":5}"#] {
            assert!(published(answer).unwrap_err().to_string().contains("no message of ntfy"), "{answer}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters_and_a_title_is_ascii() {
        let long = "ä".repeat(MAX_NTFY_BYTES);
        assert_eq!(cut(&format!("x{long}")).len(), MAX_NTFY_BYTES - 1);
        assert_eq!(in_ascii("NodeDown pi-ä\n…"), "NodeDown pi-??.");
    }
}
