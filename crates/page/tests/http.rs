//! The pages as a browser, a program and somebody else's page ask for them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use picollect_analysis::request::{RequestError, Sources};
use picollect_analysis::summary::Summaries;
use picollect_config::Config;
use picollect_page::{Door, Site, around};
use picollect_settings::time::now_ms;
use picollect_store::Store;
use picollect_telemetry::line::{Precision, decode};
use picollect_telemetry::summary::Summary;
use picollect_tokens::{Scope, Tokens};
use tower_service::Service as _;

struct House {
    _directory: tempfile::TempDir,
    store: Box<dyn Store>,
    config: Config,
    tokens: Tokens,
    summaries: Summaries,
    door: Door,
}

impl Site for House {
    fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    fn summary(&self) -> Result<Summary, RequestError> {
        let (store, config, now_ms) = (self.store.as_ref(), &self.config, now_ms());
        self.summaries.at(&Sources { store, config, now_ms })
    }

    fn door(&self) -> &Door {
        &self.door
    }
}

impl House {
    fn of(door: Door) -> Arc<Self> {
        let directory = tempfile::tempdir().unwrap();
        let store = Box::new(picollect_store::open(directory.path()).unwrap());
        let (tokens, config, summaries) =
            (Tokens::of(directory.path()), Config::default(), Summaries::default());
        Arc::new(Self { _directory: directory, store, config, tokens, summaries, door })
    }

    /// A minute of samples of these nodes, up to now.
    fn speak(&self, hosts: &[&str]) {
        let now_ms = now_ms();
        for host in hosts {
            let host = host.replace(' ', "\\ ").replace('=', "\\=");
            let tick = |second: i64| {
                let t_ms = now_ms - second * 1000;
                format!(
                    "agent,host={host} interval_s=1 {t_ms}\nnode,host={host},model=Raspberry\\ Pi\\ 4\\ Model\\ B info=1i {t_ms}\n\
                     thermal,host={host},zone=cpu-thermal temp_c=61.5 {t_ms}\ncpu,host={host},core=all busy_ratio=0.5 {t_ms}\n\
                     clock,host={host},core=0 measured_hz=1800000000,max_hz=1800000000 {t_ms}\n\
                     power,host={host},boundary=node,meter=m,source=measured watts=4.25 {t_ms}\n\
                     throttle,host={host},origin=firmware throttled=0i,under_voltage=0i,soft_limit=0i,freq_capped=0i {t_ms}\n"
                )
            };
            let lines: String = (0..60).map(tick).collect();
            self.store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        }
    }
}

/// A browser at the door; what it keeps is its cookie.
struct Browser {
    router: Router,
    cookie: Option<String>,
}

impl Browser {
    fn at(house: &Arc<House>) -> Self {
        let others = Router::new()
            .route(
                "/api/v1/nodes",
                axum::routing::get(|| async { (StatusCode::UNAUTHORIZED, "a token, please") }),
            )
            .fallback(|| async { (StatusCode::NOT_FOUND, "path not found") });
        let site: Arc<dyn Site> = Arc::clone(house) as Arc<dyn Site>;
        Self { router: around(site, others), cookie: None }
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", "127.0.0.1:8650");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.router.call(request).await.unwrap();
        if let Some(set) = answer.headers().get(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        answer
    }

    async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let answer = self.send(Method::GET, path, &[("accept", "text/html,*/*;q=0.8")], "").await;
        (answer.status(), text(answer).await)
    }

    /// Where a page leads.
    async fn led(&mut self, path: &str) -> Option<String> {
        let answer = self.send(Method::GET, path, &[("accept", "text/html")], "").await;
        place(&answer)
    }

    async fn log_in(&mut self, secret: &str) -> Response<Body> {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let from = ("origin", "http://127.0.0.1:8650");
        self.send(Method::POST, "/login", &[form, from], &format!("token={secret}&next=/")).await
    }
}

fn place(answer: &Response<Body>) -> Option<String> {
    answer.headers().get(header::LOCATION).map(|place| place.to_str().unwrap().to_owned())
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_browser_without_a_login_is_led_to_it_from_anywhere_and_a_program_is_told_what_it_lacks() {
    let house = House::of(Door::default());
    let mut browser = Browser::at(&house);
    assert_eq!(browser.led("/").await.as_deref(), Some("/login"));
    assert_eq!(
        browser.led("/node/pi-1?range=1h").await.as_deref(),
        Some("/login?next=/node/pi-1%3Frange%3D1h")
    );
    assert_eq!(browser.led("/api/v1/nodes").await.as_deref(), Some("/login?next=/api/v1/nodes"));
    assert_eq!(browser.led("/nothing").await.as_deref(), Some("/login?next=/nothing"));
    let answer = browser.send(Method::GET, "/", &[("accept", "*/*")], "").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"picollect\"");
    let answer = browser.send(Method::GET, "/nothing", &[("accept", "*/*")], "").await;
    assert_eq!((answer.status(), text(answer).await), (StatusCode::NOT_FOUND, "path not found".into()));
}

#[tokio::test]
async fn a_token_that_may_read_becomes_a_cookie_that_ends_with_it() {
    let house = House::of(Door::default());
    house.speak(&["pi-1"]);
    let token = house.tokens.create("tablet", &[Scope::Read], None).unwrap();
    let mut browser = Browser::at(&house);
    let answer = browser.log_in(&token).await;
    assert_eq!((answer.status(), place(&answer).as_deref()), (StatusCode::SEE_OTHER, Some("/")));
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && cookie.contains("Max-Age=2592000"), "{cookie}");
    assert!(!cookie.contains(&token[3..]) && !cookie.contains("Secure"), "{cookie}");
    let (status, page) = browser.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("61.5<span class=\"un\">°C</span>") && page.contains("Logged in as “tablet”"),
        "{page}"
    );
    assert_eq!(browser.led("/login").await.as_deref(), Some("/"));
    house.tokens.revoke("tablet").unwrap();
    assert_eq!(browser.led("/").await.as_deref(), Some("/login"));
}

#[tokio::test]
async fn a_link_logs_in_once_and_logging_out_ends_its_session() {
    let house = House::of(Door::default());
    let code = house.tokens.login_code().unwrap();
    let (mut first, mut second) = (Browser::at(&house), Browser::at(&house));
    let (_, form) = first.get("/login").await;
    assert!(form.contains("method=\"post\" action=\"/login\"") && !form.contains(&code));
    assert_eq!(first.log_in(&code).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(second.log_in(&code).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(first.get("/").await.0, StatusCode::OK);
    let kept = first.cookie.clone();
    let answer = first.send(Method::POST, "/logout", &[("origin", "http://127.0.0.1:8650")], "").await;
    assert_eq!((place(&answer).as_deref(), &first.cookie), (Some("/login"), &None));
    first.cookie = kept;
    assert_eq!(first.led("/").await.as_deref(), Some("/login"), "nor does its copy open anything");
}

#[tokio::test]
async fn wrong_logins_are_slowed_down_and_all_are_answered_the_same() {
    let house = House::of(Door::default());
    let writes = house.tokens.create("agents", &[Scope::Write], None).unwrap();
    let mut browser = Browser::at(&house);
    let mut said = Vec::new();
    for secret in [writes.as_str(), "pc_0", "pc_1", "pc_2", "pc_3"] {
        let answer = browser.log_in(secret).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{secret}");
        said.push(text(answer).await);
    }
    let sentence = "This token opens nothing here: it is not known, or may not read.";
    assert!(
        said.iter().all(|page| page.contains(sentence)) && said[0].contains("4 more tries in this minute.")
    );
    let reads = house.tokens.create("tablet", &[Scope::Read], None).unwrap();
    let answer = browser.log_in(&reads).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()[header::RETRY_AFTER], "60");
}

#[tokio::test]
async fn over_https_the_cookie_is_secure_and_in_clear_the_login_says_so() {
    let house = House::of(Door { https: true, ..Door::default() });
    let token = house.tokens.create("tablet", &[Scope::Read], None).unwrap();
    let mut browser = Browser::at(&house);
    let answer = browser.log_in(&token).await;
    assert!(answer.headers()[header::SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
    let elsewhere = [("accept", "text/html"), ("host", "192.0.2.10:8650")];
    let warning = "is not encrypted";
    let clear = House::of(Door::default());
    let page = text(Browser::at(&clear).send(Method::GET, "/login", &elsewhere, "").await).await;
    assert!(page.contains(warning));
    let encrypted = Browser { router: Browser::at(&house).router, cookie: None };
    let page = text({ encrypted }.send(Method::GET, "/login", &elsewhere, "").await).await;
    assert!(!page.contains(warning));
    assert!(!Browser::at(&clear).get("/login").await.1.contains(warning), "loopback is no network");
}

#[tokio::test]
async fn another_pages_name_and_another_pages_forms_are_refused_also_where_nobody_logs_in() {
    let house = House::of(Door { open: true, ..Door::default() });
    let mut browser = Browser::at(&house);
    assert_eq!(browser.get("/").await.0, StatusCode::OK, "the demo's page is open");
    for path in ["/", "/live?of=cluster", "/login", "/assets/page.js"] {
        let answer =
            browser.send(Method::GET, path, &[("host", "evil.example"), ("accept", "*/*")], "").await;
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    let answer = browser.send(Method::POST, "/logout", &[("origin", "http://evil.example")], "").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_page_keeps_foreign_script_and_frames_out_and_names_are_no_markup() {
    let house = House::of(Door { open: true, ..Door::default() });
    let name = "<img src=x onerror=alert(1)>\"'&";
    house.speak(&[name]);
    let mut browser = Browser::at(&house);
    let address = "/node/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22'%26";
    for path in ["/", address, "/login", "/node/absent", "/assets/style.css"] {
        let answer = browser.send(Method::GET, path, &[("accept", "text/html")], "").await;
        let headers = answer.headers();
        if place(&answer).is_none() {
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"),
                "{path}"
            );
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        }
        let page = text(answer).await;
        assert!(!page.contains("<img"), "{path}: {page}");
        assert!(!page.contains("style=") && !page.contains("<style"), "{path}");
    }
    let (status, page) = browser.get(address).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
}

#[tokio::test]
async fn a_stream_begins_with_everything_goes_on_with_what_changed_and_ends_with_its_session() {
    let house = House::of(Door::default());
    house.speak(&["pi-1", "pi-2"]);
    let token = house.tokens.create("tablet", &[Scope::Read], None).unwrap();
    let mut browser = Browser::at(&house);
    browser.log_in(&token).await;
    let (_, page) = browser.get("/").await;
    let answer = browser
        .send(Method::GET, "/live?of=cluster&of=node.pi-2", &[("accept", "text/event-stream")], "")
        .await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body();
    let mut events = async || loop {
        let frame = body.frame().await?.unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        if !text.starts_with("retry") && !text.starts_with(':') {
            break Some(text);
        }
    };
    let first = events().await.unwrap();
    let of: Vec<serde_json::Value> = first
        .split("\n\n")
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    assert_eq!((&of[0]["of"], &of[1]["of"]), (&"cluster".into(), &"node.pi-2".into()));
    // What the stream sends has its place in the page, and the page is the one that it is for.
    for key in of[0]["set"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("data-k=\"{key}\"")), "{key}");
    }
    assert!(page.contains(&format!("data-shape=\"{}\"", of[0]["shape"].as_str().unwrap())));
    assert!(of[0]["set"]["t1"].as_str().unwrap().contains("61.5"));
    let (_, page) = browser.get("/node/pi-2").await;
    for key in of[1]["set"].as_object().unwrap().keys().filter(|key| !key.starts_with("now-")) {
        assert!(page.contains(&format!("data-k=\"{key}\"")), "{key}");
    }
    let second = events().await.unwrap();
    assert!(second.len() < first.len() / 2, "{second}");
    house.tokens.revoke("tablet").unwrap();
    assert_eq!(events().await.as_deref(), Some("event: out\ndata: {}\n\n"));
    assert_eq!(events().await, None);
}

#[tokio::test]
async fn streams_have_a_bound_of_their_own_and_end_when_the_collector_does() {
    let house = House::of(Door { open: true, most_streams: 2, ..Door::default() });
    let mut browser = Browser::at(&house);
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(browser.send(Method::GET, "/live?of=cluster", &[], "").await);
    }
    let answer = browser.send(Method::GET, "/live?of=cluster", &[], "").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text(answer).await.contains("As many pages are live"));
    assert_eq!(browser.get("/").await.0, StatusCode::OK, "the page itself is still there");
    drop(streams.pop());
    let answer = browser.send(Method::GET, "/live?of=cluster", &[], "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    house.door.close();
    answer.into_body().collect().await.unwrap();
    for wrong in [
        "/live",
        "/live?of=other",
        &format!(
            "/live?{}",
            "of=cluster".to_owned() + &(0..20).map(|n| format!("&of=node.{n}")).collect::<String>()
        ),
    ] {
        assert_eq!(
            browser.send(Method::GET, wrong, &[], "").await.status(),
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn assets_are_kept_for_a_year_by_their_hash_and_are_packed() {
    let house = House::of(Door::default());
    let mut browser = Browser::at(&house);
    let (_, page) = browser.get("/login").await;
    let address = page.split('"').find(|text| text.starts_with("/assets/style.css?v=")).unwrap().to_owned();
    let answer = browser.send(Method::GET, &address, &[("accept-encoding", "gzip")], "").await;
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let tag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
    let plain = browser.send(Method::GET, "/assets/style.css", &[("if-none-match", &tag)], "").await;
    assert_eq!(plain.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(browser.get("/assets/other.css").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_first_view_of_twenty_nodes_is_small_and_of_a_hundred_it_is_a_grid() {
    let house = House::of(Door { open: true, ..Door::default() });
    let names: Vec<String> = (1..=20).map(|number| format!("pi-{number:02}")).collect();
    house.speak(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut browser = Browser::at(&house);
    let answer = browser.send(Method::GET, "/", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
    let packed = answer.into_body().collect().await.unwrap().to_bytes().len();
    // All assets together are less than 45 kB: src/assets.rs.
    assert!(packed < 15_000, "{packed} bytes");
    let many = House::of(Door { open: true, ..Door::default() });
    let names: Vec<String> = (1..=50).map(|number| format!("n-{number:02}")).collect();
    many.speak(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, page) = Browser::at(&many).get("/?by=power&order=power&q=n-0").await;
    assert!(page.contains("<ul class=\"cells\">") && page.contains("9 of 50 shown"), "{page}");
    assert_eq!(Browser::at(&many).get("/?by=nonsense").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn before_the_first_node_there_are_the_commands_and_a_code_for_who_may_let_nodes_in() {
    let house = House::of(Door::default());
    let admin = house.tokens.create("head", &[Scope::Admin], None).unwrap();
    let reader = house.tokens.create("tablet", &[Scope::Read], None).unwrap();
    let mut browser = Browser::at(&house);
    browser.log_in(&reader).await;
    let (_, page) = browser.get("/").await;
    assert!(
        page.contains("picollect-agent join")
            && page.contains("picollect token code")
            && !page.contains("class=\"code\"")
    );
    browser.cookie = None;
    browser.log_in(&admin).await;
    let (_, page) = browser.get("/").await;
    let code = page.split("class=\"code\">").nth(1).unwrap().split('<').next().unwrap();
    house.tokens.join(code, "pi-1").unwrap();
}

#[tokio::test]
async fn a_nodes_history_is_there_for_every_range() {
    let house = House::of(Door { open: true, ..Door::default() });
    house.speak(&["pi-1"]);
    let mut browser = Browser::at(&house);
    for range in ["5min", "1h", "6h", "24h", "7d", "30d", "1y"] {
        let (status, page) = browser.get(&format!("/node/pi-1?range={range}")).await;
        assert_eq!(status, StatusCode::OK, "{range}");
        assert!(page.contains("data-chart=\"watts\"") && page.contains("aria-current=\"true\""), "{range}");
        let (_, json) = browser.get(&format!("/node/pi-1/history?range={range}")).await;
        let drawn: serde_json::Value = serde_json::from_str(&json).unwrap();
        let known = |name: &str| drawn[name].as_array().unwrap().iter().any(serde_json::Value::is_number);
        assert_eq!(drawn["t"].as_array().unwrap().len(), drawn["watts"].as_array().unwrap().len());
        assert!(
            range == "1y" || range == "30d" || ["watts", "temp", "clock", "busy"].into_iter().all(known),
            "{range}"
        );
    }
    let (status, page) = browser.get("/node/absent").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("There is no node “absent”"), "{page}");
}
