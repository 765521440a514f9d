//! Logging in and out: by a token that may read, or by the one-time code of a link.
//!
//! The link's code stands behind `#`, which no browser sends: the page's script hands it over by POST, so that no log
//! and no preview uses it up. A code that is typed or pasted into the form works the same.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Extension, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use picollect_settings::time::now_ms;
use picollect_tokens::codes::CodeError;
use picollect_tokens::{LoginError, SESSION_MS, Session};
use serde::Deserialize;

use crate::answer::Failure;
use crate::figure::icon;
use crate::visitor::{COOKIE, Visitor};
use crate::{Page, layout};

/// Longer than any token or code; nothing else is looked at.
const MAX_SECRET_BYTES: usize = 200;
/// A token begins so; everything else may be a code.
const TOKEN: &str = "pc_";

#[derive(Deserialize)]
pub(crate) struct Leads {
    /// Where to go afterwards.
    next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Given {
    /// A token or a code.
    token: String,
    next: Option<String>,
}

/// The form; who is in already goes on.
pub(crate) async fn page(
    State(page): State<Arc<Page>>,
    headers: HeaderMap,
    Query(leads): Query<Leads>,
) -> Result<Response, Failure> {
    let next = place(leads.next.as_deref());
    if Visitor::of(&page, &headers)?.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    Ok(Html(form(&page, &headers, next, None).into_string()).into_response())
}

/// Says whether the browser is logged in: 204, or 401.
pub(crate) async fn session(_: Visitor) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Takes a token or a code, and gives a cookie.
pub(crate) async fn log_in(
    State(page): State<Arc<Page>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    given: Result<Form<Given>, FormRejection>,
) -> Result<Response, Failure> {
    let wrong = |error: FormRejection| Failure::new(StatusCode::BAD_REQUEST, error.body_text());
    let Form(Given { token, next }) = given.map_err(wrong)?;
    let next = place(next.as_deref()).to_owned();
    let from = peer.map_or(IpAddr::from([0, 0, 0, 0]), |Extension(ConnectInfo(peer))| peer.ip());
    if page.attempts.left(from, now_ms()) == 0 {
        let sentence = "Too many wrong logins came from this address. Wait a minute.";
        return Ok(refused(&page, &headers, &next, StatusCode::TOO_MANY_REQUESTS, sentence));
    }
    let asked = Arc::clone(&page);
    let opened = tokio::task::spawn_blocking(move || open(&asked, token.trim()));
    match opened.await.map_err(Failure::internal)?? {
        Opened::In(session) => {
            tracing::info!(token = %session.grant.name.escape_debug(), %from, "a browser logged in");
            let cookie = cookie(&session.cookie, SESSION_MS / 1000, is_encrypted(&page, &headers));
            Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(&next)).into_response())
        }
        Opened::No(what) => {
            let left = page.attempts.wrong(from, now_ms());
            let sentence = format!("{what} {}", tries(left));
            Ok(refused(&page, &headers, &next, StatusCode::UNAUTHORIZED, &sentence))
        }
    }
}

enum Opened {
    In(Session),
    /// Why not.
    No(&'static str),
}

/// What is wrong is said the same whether a token was never made, was revoked or may not read.
fn open(page: &Page, secret: &str) -> Result<Opened, Failure> {
    let (tokens, now_ms) = (page.site.tokens(), now_ms());
    let unknown = Opened::No("This token opens nothing here: it is not known, or may not read.");
    if secret.starts_with(TOKEN) || secret.len() > MAX_SECRET_BYTES {
        let session = if secret.len() > MAX_SECRET_BYTES {
            None
        } else {
            tokens.log_in(secret, now_ms).map_err(Failure::internal)?
        };
        return Ok(session.map_or(unknown, Opened::In));
    }
    match tokens.log_in_by_code(secret, now_ms) {
        Ok(session) => Ok(Opened::In(session)),
        Err(LoginError::Code(CodeError::Unknown)) => {
            Ok(Opened::No("This link or token opens nothing here. A link works once, for 15 minutes."))
        }
        Err(LoginError::Code(CodeError::TooMany)) => {
            Ok(Opened::No("Too many wrong codes came. Wait a minute."))
        }
        Err(LoginError::Files(error)) => Err(Failure::internal(error)),
    }
}

fn tries(left: u32) -> String {
    match left {
        0 => "Wait a minute before the next try.".to_owned(),
        1 => "One more try in this minute.".to_owned(),
        left => format!("{left} more tries in this minute."),
    }
}

fn refused(page: &Page, headers: &HeaderMap, next: &str, status: StatusCode, sentence: &str) -> Response {
    let mut answer = (status, Html(form(page, headers, next, Some(sentence)).into_string())).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    answer
}

/// Ends the session.
pub(crate) async fn log_out(
    State(page): State<Arc<Page>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let encrypted = is_encrypted(&page, &headers);
    if let Some(cookie) = visitor.cookie {
        let ended = tokio::task::spawn_blocking(move || page.site.tokens().log_out(&cookie, now_ms()));
        ended.await.map_err(Failure::internal)?.map_err(Failure::internal)?;
    }
    let gone = (header::SET_COOKIE, cookie("", 0, encrypted));
    Ok((AppendHeaders([gone]), Redirect::to("/login")).into_response())
}

fn cookie(value: &str, seconds: i64, encrypted: bool) -> String {
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether the browser's connection is encrypted, by us or, as that says, by a proxy before us. Who lies about it only
/// keeps the cookie from being sent in clear.
fn is_encrypted(page: &Page, headers: &HeaderMap) -> bool {
    page.site.door().https || headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
}

/// Only a place of our own.
fn place(next: Option<&str>) -> &str {
    let is_ours = |next: &&str| {
        next.starts_with('/')
            && !next.starts_with("//")
            && !next.contains('\\')
            && next.bytes().all(|byte| byte.is_ascii_graphic())
    };
    next.filter(is_ours).unwrap_or("/")
}

fn form(page: &Page, headers: &HeaderMap, next: &str, refused: Option<&str>) -> Markup {
    let clear = !is_encrypted(page, headers) && !is_loopback(headers);
    let main = html! {
        div.door {
            section.plate aria-labelledby="h-l" {
                h1 #h-l { "Log in" }
                form.stack #login method="post" action="/login" {
                    @if let Some(sentence) = refused {
                        div.note.hot role="alert" { (icon("no")) div { (sentence) } }
                    }
                    @if clear {
                        div.note.gold { (icon("alert")) div {
                            "This connection is not encrypted: whoever can listen in this network sees the token and the session. "
                            code { "picollect serve --tls-own" } " encrypts it."
                        } }
                    }
                    div.field {
                        label for="tok" { "Token of scope " code { "read" } ", or the code of a link" }
                        input #tok name="token" type="password" autocomplete="current-password" required
                            maxlength=(MAX_SECRET_BYTES) aria-describedby="tokh" aria-invalid=[refused.map(|_| "true")];
                    }
                    input type="hidden" name="next" value=(next);
                    button.btn.first type="submit" { "Log in" }
                    p.small.soft #tokh {
                        "The head node makes one: " code { "picollect token create --name tablet --scope read" }
                        ". Here it becomes a cookie for 30 days; " code { "picollect token revoke tablet" } " ends it at once."
                    }
                }
            }
            section.plate aria-labelledby="h-q" {
                h2 #h-q { "Without typing" }
                p.small.soft { "On the head node this prints a link that logs in once, within 15 minutes, and its code for a phone’s camera." }
                div.term { code.cmd tabindex="0" { "picollect login" } }
            }
        }
    };
    layout::bare("Log in", &main)
}

/// What goes to this very machine crosses no network.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_leads_nowhere_else() {
        for elsewhere in
            ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\nb", "/a b"]
        {
            assert_eq!(place(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(place(Some("/node/pi-1?range=1h")), "/node/pi-1?range=1h");
        assert_eq!(place(None), "/");
    }

    #[test]
    fn the_cookie_is_for_nobody_but_this_site_and_over_https_never_in_clear() {
        assert_eq!(cookie("1.a", 60, false), "picollect=1.a; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        assert!(cookie("1.a", 60, true).ends_with("; Secure"));
    }
}
