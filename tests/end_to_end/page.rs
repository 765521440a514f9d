//! The page in a real browser: in by a link, live, out; a collector that is killed and comes back; a token that is
//! revoked; without script, by keyboard, on a phone.

use crate::browser::Browser;
use crate::process::{Collector, stdout};

/// What a page that is live says of itself.
const LIVE: &str = "document.querySelector('.live b').textContent === 'Live'";

/// The link of `picollect login`.
fn link(collector: &Collector) -> String {
    let said = stdout(&["login", "--data", collector.data_text()]);
    let link = said.lines().map(str::trim).find(|line| line.starts_with("http")).expect("a link").to_owned();
    assert!(link.starts_with(&format!("{}/login#", collector.url)), "{said}");
    link
}

#[test]
fn from_a_link_to_live_figures_through_a_killed_collector_to_the_logout() {
    let mut collector = Collector::start();
    let _node = collector.simulated_agent("pi-1", "200ms", i64::MAX / 4);
    let mut browser = Browser::start();
    let link = link(&collector);
    browser.go(&link);
    browser.until("the link leads to the cluster, live", &format!("location.pathname === '/' && {LIVE}"));
    browser.until("a node with its watts", "document.querySelector('[data-k=p0] .fig:not(.none)') && document.querySelector('[data-k=power] .src.simulated')");
    let cookies = browser.cookies();
    assert_eq!(
        (&cookies[0]["httpOnly"], &cookies[0]["sameSite"]),
        (&true.into(), &"Strict".into()),
        "{cookies}"
    );
    assert_eq!(browser.evaluate("document.cookie + location.hash"), Some("".into()), "script sees neither");

    // A figure moves without the page being loaded again.
    browser.evaluate("window.mine = document.querySelector('.live time').textContent");
    browser.until(
        "the time goes on",
        "window.mine && document.querySelector('.live time').textContent !== window.mine",
    );

    collector.kill();
    browser.until("all is grey", "document.documentElement.classList.contains('stale')");
    browser.until(
        "and says since when",
        "/The stream broke at \\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('.note').textContent)",
    );
    collector.restart();
    browser.until("it is live again by itself", &format!("{LIVE} && !document.querySelector('.note') && !document.documentElement.classList.contains('stale')"));

    browser.evaluate("document.querySelector('th a').click()");
    browser.until(
        "a node's charts",
        "location.pathname === '/node/pi-1' && document.querySelectorAll('.uplot canvas').length === 4",
    );
    browser.evaluate("document.querySelector('[data-chart=watts]').focus()");
    browser.press("Home");
    browser.until(
        "a readout by keyboard",
        "/\\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('[data-chart=watts] .read').textContent)",
    );
    for (width, dark) in [(360, true), (1280, false)] {
        browser.looks(width, dark);
        browser
            .until("nothing is wider than the window", "document.documentElement.scrollWidth <= innerWidth");
    }
    // A policy of a page that nothing may break.
    let broken: Vec<&String> = browser
        .complaints
        .iter()
        .filter(|text| text.contains("Content Security Policy") || text.contains("exceptionId"))
        .collect();
    assert!(broken.is_empty(), "{broken:?}");

    browser.evaluate("document.querySelector('.foot button').click()");
    browser.until("out again", "location.pathname === '/login'");
    browser.go(&format!("{}/node/pi-1", collector.url));
    browser.until(
        "and nothing opens any more",
        "location.pathname === '/login' && location.search.includes('next=/node/pi-1')",
    );
    browser.go(&link);
    browser.until("the link neither", "document.querySelector('.note.hot') && document.querySelector('.note').textContent.includes('works once')");
    assert_eq!(stdout(&["token", "list", "--data", collector.data_text()]).matches("browser").count(), 0);
}

#[test]
fn a_token_that_is_revoked_ends_the_pages_that_are_open_and_without_script_all_is_there() {
    let collector = Collector::start();
    let _node = collector.simulated_agent("pi-1", "200ms", i64::MAX / 4);
    let data = collector.data_text();
    let token = stdout(&["token", "create", "--data", data, "--name", "tablet", "--scope", "read"]);
    let mut browser = Browser::start();
    browser.go(&format!("{}/node/pi-1?range=5min", collector.url));
    browser.until("the login", "document.getElementById('login')");
    let typed = format!(
        "document.getElementById('tok').value = '{}'; document.querySelector('#login button').click()",
        token.trim()
    );
    browser.evaluate(&typed);
    browser.until("back to where it wanted to go", &format!("location.pathname === '/node/pi-1' && {LIVE}"));
    browser.script(false);
    browser.go(&collector.url);
    browser.until("the figures are there without script", "document.querySelector('[data-k=t0] .fig:not(.none)') && document.querySelector('.live b').textContent === 'Now'");
    browser.until(
        "and the page loads itself again",
        "document.querySelector('noscript meta, meta[http-equiv=refresh]')",
    );
    browser.script(true);
    browser.go(&collector.url);
    browser.until("live again", &format!("location.pathname === '/' && {LIVE}"));
    stdout(&["token", "revoke", "--data", data, "tablet"]);
    browser.until("out at once", "location.pathname === '/login'");
}
