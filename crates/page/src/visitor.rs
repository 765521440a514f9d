//! Who asks: a browser that is logged in, or nobody.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use picollect_settings::percent::encoded;
use picollect_settings::time::now_ms;
use picollect_tokens::{Grant, Scope};

use crate::Page;
use crate::answer::Failure;

/// The name of the cookie. A browser sends it to every port of a host: two clusters on one host share it.
pub(crate) const COOKIE: &str = "picollect";

/// Who is logged in, and what that opens.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) grant: Grant,
    /// `None` where nobody has to log in.
    pub(crate) cookie: Option<String>,
}

impl Visitor {
    /// Who sent this; `None` for nobody who is logged in. Fails if the tokens cannot be read.
    pub(crate) fn of(page: &Page, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        for cookie in cookies(headers) {
            let grant = page.site.tokens().session(cookie, now_ms()).map_err(Failure::internal)?;
            if let Some(grant) = grant {
                return Ok(Some(Self { grant, cookie: Some(cookie.to_owned()) }));
            }
        }
        let guest = Grant { name: "guest".to_owned(), scopes: vec![Scope::Read], node: None };
        Ok(page.site.door().open.then_some(Self { grant: guest, cookie: None }))
    }

    /// Whether it still is: its token may have been revoked.
    pub(crate) fn is_still_in(&self, page: &Page) -> bool {
        let Some(cookie) = &self.cookie else { return page.site.door().open };
        page.site.tokens().session(cookie, now_ms()).is_ok_and(|grant| grant.is_some())
    }
}

impl FromRequestParts<Arc<Page>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, page: &Arc<Page>) -> Result<Self, Response> {
        match Self::of(page, &parts.headers) {
            Ok(Some(visitor)) => Ok(visitor),
            // A browser is led on from here.
            Ok(None) => Err(not_logged_in()),
            Err(failure) => Err(failure.into_response()),
        }
    }
}

fn not_logged_in() -> Response {
    let text = "log in at /login, or give a token: `Authorization: Bearer …`\n";
    let mut answer = (StatusCode::UNAUTHORIZED, text).into_response();
    let asks = HeaderValue::from_static("Bearer realm=\"picollect\"");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    answer
}

/// Our cookies among those that were sent.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let sent = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = sent.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// What was refused to a browser, or is not there, leads it to the login if it has none; a program gets its answer.
pub(crate) async fn lead_browsers(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let shows = request.method() == Method::GET && wants_html(request.headers());
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    let answer = next.run(request).await;
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND].contains(&answer.status());
    let is_page = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !shows || !refused || is_page || headers.contains_key(header::AUTHORIZATION) {
        return answer;
    }
    match Visitor::of(&page, &headers) {
        Ok(None) => Redirect::to(&login_for(&uri)).into_response(),
        Ok(Some(_)) if answer.status() == StatusCode::NOT_FOUND => {
            Failure::new(StatusCode::NOT_FOUND, "There is no page at this address.").into_response()
        }
        Ok(Some(_)) => answer,
        Err(failure) => failure.into_response(),
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|text| text.contains("text/html"))
}

/// The login, which afterwards leads back.
fn login_for(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    if path == "/" { "/login".to_owned() } else { format!("/login?next={}", encoded(path, b"/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_is_found_among_others() {
        let headers: HeaderMap =
            [(header::COOKIE, "a=b; picollect=1.x.y; picollect2=z;picollect=w".parse().unwrap())]
                .into_iter()
                .collect();
        assert_eq!(cookies(&headers).collect::<Vec<_>>(), ["1.x.y", "w"]);
    }

    #[test]
    fn the_login_leads_back_to_where_somebody_wanted_to_go() {
        assert_eq!(login_for(&"/".parse().unwrap()), "/login");
        let uri = "/node/a%20b?range=1h&x=%26".parse().unwrap();
        assert_eq!(login_for(&uri), "/login?next=/node/a%2520b%3Frange%3D1h%26x%3D%2526");
    }
}
