//! What stands around every page: head, navigation, foot.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets::address;
use crate::figure::{icon, moment};
use crate::visitor::Visitor;

/// Icons and hatches, once for each page.
const DEFS: &str = include_str!("assets/defs.svg");
/// The logo and its word.
const BRAND: &str = include_str!("assets/brand.svg");
/// A page without script is loaded again after so many seconds.
const REFRESH_S: u32 = 10;

/// A page that stands in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    path: &'static str,
    icon: &'static str,
    name: &'static str,
}

/// The whole, now.
pub(crate) const CLUSTER: Place = Place { path: "/", icon: "cluster", name: "Cluster" };

/// In the order of the navigation.
const PLACES: [Place; 1] = [CLUSTER];

/// What is the page's own of a page.
pub(crate) struct Frame<'a> {
    pub(crate) title: &'a str,
    /// The place that it belongs to.
    pub(crate) place: Place,
    pub(crate) visitor: &'a Visitor,
    /// When its figures were read, Unix milliseconds.
    pub(crate) at_ms: i64,
    /// The stream that keeps it live, and what it was made for; `None` for a page that does not move.
    pub(crate) live: Option<(&'a str, &'a str)>,
    /// Whether it has charts.
    pub(crate) charts: bool,
    pub(crate) main: Markup,
}

/// A page for who is logged in.
pub(crate) fn framed(frame: &Frame<'_>) -> Markup {
    let Frame { title, place, visitor, at_ms, live, charts, main } = frame;
    let (topic, shape) = live.unzip();
    let is_guest = visitor.cookie.is_none();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(title, *charts))
                @if live.is_some() { noscript { meta http-equiv="refresh" content=(REFRESH_S); } }
            }
            body data-live=[topic] data-shape=[shape] data-at=(at_ms) data-worker=[topic.map(|_| address("worker.js"))] {
                (defs())
                a.skip href="#main" { "Skip to the figures" }
                header.top { div {
                    (brand())
                    nav aria-label="Pages" { ul.pages {
                        @for one in PLACES {
                            li { a href=(one.path) aria-current=[(one == *place).then_some("page")] { (icon(one.icon)) (one.name) } }
                        }
                    } }
                    p.live { span.dot {} b role="status" { "Now" } " " (moment(*at_ms)) }
                } }
                main #main tabindex="-1" { (main) }
                footer.foot { div {
                    (version())
                    span #zone { "Times in UTC" }
                    @if is_guest { span { "Open to this machine, nobody has to log in" } }
                    @else {
                        span { "Logged in as “" (visitor.grant.name) "”, may " (may(visitor)) }
                        form method="post" action="/logout" { button.plain type="submit" { (icon("out")) "Log out" } }
                    }
                } }
            }
        }
    }
}

/// A page for anybody: the login, or what went wrong.
pub(crate) fn bare(title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head(title, false)) }
            body {
                (defs())
                a.skip href="#main" { "Skip to the figures" }
                header.top { div { (brand()) } }
                main #main tabindex="-1" { (main) }
                footer.foot { div { (version()) span { "This page loads nothing from elsewhere." } } }
            }
        }
    }
}

fn head(title: &str, charts: bool) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (title) " · picollect" }
        meta name="theme-color" content="#0d3b2d";
        link rel="icon" type="image/svg+xml" href=(address("favicon.svg"));
        link rel="stylesheet" href=(address("style.css"));
        @if charts {
            link rel="stylesheet" href=(address("uPlot.min.css"));
            script src=(address("uPlot.iife.min.js")) defer {}
        }
        script src=(address("page.js")) defer {}
    }
}

fn defs() -> Markup {
    html! { svg.defs aria-hidden="true" { (PreEscaped(DEFS)) } }
}

fn brand() -> Markup {
    html! { a.brand href="/" { (PreEscaped(BRAND)) span.sr { "picollect" } } }
}

fn version() -> Markup {
    html! { span { "picollect " (env!("CARGO_PKG_VERSION")) } }
}

fn may(visitor: &Visitor) -> &'static str {
    if visitor.grant.allows(picollect_tokens::Scope::Admin) { "do everything" } else { "read" }
}
