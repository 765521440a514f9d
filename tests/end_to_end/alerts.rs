//! Alerts over the real binary: posted samples in, messages to receivers out.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_query::series_of;
use picollect_settings::time::now_ms;
use picollect_telemetry::catalogue::NODE_UP;
use serde_json::{Value, json};

use super::tls::{Files, certificates};
use crate::alert_receivers::Double;
use crate::process::{Collector, eventually, picollect, run, stdout};

/// What stands in files and must stand nowhere else.
const SECRET: &str = "hush-hush-hush";
/// Samples of so many seconds are posted: the rule about disks looks at one minute.
const HISTORY_S: i64 = 120;

/// Writes configuration and secrets into a data directory.
fn configure(data: &Path, receivers: &str) {
    fs::write(data.join("secret"), format!("{SECRET}\n")).expect("writable");
    // The posted nodes fall silent, which is not what is looked at here.
    let text = format!("[alerts]\ninterval = \"1s\"\noff = [\"NodeLate\", \"NodeDown\"]\n{receivers}");
    let text = text.replace("SECRET_FILE", data.join("secret").to_str().expect("UTF-8"));
    fs::write(data.join("collector.toml"), text).expect("writable");
}

/// A collector with these receivers that writes its log into a file of the data directory.
fn collector(receivers: &str) -> Collector {
    Collector::start_by(|listen, data| {
        configure(Path::new(data), receivers);
        let log = File::create(Path::new(data).join("log")).expect("writable");
        let mut command = picollect(&["serve", "--listen", listen, "--data", data]);
        command.env("PICOLLECT_LOG", "debug").stderr(log);
        command
    })
}

fn webhook(double: &Double) -> String {
    let address = double.address;
    format!("[alerts.webhook]\nurl = \"http://{address}/in/{SECRET}\"\ntoken_file = \"SECRET_FILE\"\n")
}

/// Posts how much of their disks is left for these hosts, from so long ago on.
fn post(collector: &Collector, hosts: &[&str], left: i64, from_s: i64) {
    let now_ms = now_ms();
    let line = |host: &&str, ago_s: i64| {
        let t_ms = now_ms - ago_s * 1000;
        format!("filesystem,cluster=home,host={host},mount=/ available_bytes={left},size_bytes=100 {t_ms}\n")
    };
    let lines = (0..=from_s).step_by(10).flat_map(|ago_s| hosts.iter().map(move |host| line(host, ago_s)));
    let token = fs::read_to_string(collector.token_file()).expect("a token");
    let request = ureq::post(format!("{}/api/v2/write?precision=ms", collector.url));
    let request = request.header("Authorization", format!("Token {}", token.trim()));
    request.send(lines.collect::<String>()).expect("the collector takes them");
}

/// Waits until the collector has looked so many times more.
fn looks(collector: &Collector, host: &str, more: usize) {
    let store = collector.store();
    let window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
    let looked = || {
        let series = series_of(&store, host, &NODE_UP, window, 0).expect("the store is read");
        series.first().map_or(0, |series| series.samples.len())
    };
    let before = looked();
    eventually("the collector looks", || looked() >= before + more);
}

fn log(collector: &Collector) -> String {
    fs::read_to_string(collector.data().join("log")).expect("a log")
}

#[test]
fn an_episode_is_two_messages_whatever_is_restarted_meanwhile() {
    let double = Double::http();
    let mut collector = collector(&webhook(&double));
    post(&collector, &["a", "b"], 9, HISTORY_S);
    eventually("the webhook is told", || !double.taken().is_empty());
    for _ in 0..2 {
        // More looks than the rule has pauses.
        looks(&collector, "a", 8);
        collector.kill();
        collector.restart();
        looks(&collector, "a", 1);
    }
    assert_eq!(double.taken().len(), 1, "{:?}", double.taken());
    post(&collector, &["a", "b"], 50, 0);
    eventually("the webhook is told that it is over", || double.taken().len() > 1);
    // What is killed between sending and noting that it has sent sends again: by the second look it has noted it.
    looks(&collector, "a", 2);
    collector.kill();
    collector.restart();
    looks(&collector, "a", 8);

    let taken = double.taken();
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(taken[0].head.contains(&format!("Bearer {SECRET}")), "{}", taken[0].head);
    let [began, ended]: [Value; 2] =
        [0, 1].map(|at: usize| serde_json::from_str(&taken[at].body).expect("JSON"));
    assert_eq!(
        (&began["version"], &began["status"], &ended["status"]),
        (&json!("4"), &json!("firing"), &json!("resolved"))
    );
    let common =
        json!({"alertname": "DiskNearlyFull", "cluster": "home", "mount": "/", "severity": "warning"});
    assert_eq!((&began["commonLabels"], &ended["commonLabels"]), (&common, &common));
    let alerts = |message: &Value| message["alerts"].as_array().expect("a list").clone();
    assert_eq!((alerts(&began).len(), alerts(&ended).len()), (2, 2), "one message for both nodes");
    for (one, other) in alerts(&began).iter().zip(alerts(&ended)) {
        assert_eq!((&one["fingerprint"], &one["startsAt"]), (&other["fingerprint"], &other["startsAt"]));
        assert_eq!(
            one["annotations"]["summary"],
            format!("/ of {} has 9.0 % left", one["labels"]["host"].as_str().unwrap())
        );
        assert!(other["endsAt"].as_str().unwrap() > one["startsAt"].as_str().unwrap(), "{other}");
    }
}

#[test]
fn every_receiver_is_told_in_its_own_way_and_no_secret_is_logged() {
    let (webhook_double, ntfy, mail) = (Double::http(), Double::http(), Double::smtp(SECRET));
    webhook_double.answer_with(503);
    let receivers = format!(
        "{}[alerts.ntfy]\nurl = \"http://{}/topic-{SECRET}\"\ntoken_file = \"SECRET_FILE\"\n\
         [alerts.email]\nserver = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nuser = \"pi\"\npassword_file = \"SECRET_FILE\"\n\
         from = \"picollect <pi@home.example>\"\nto = [\"me@home.example\", \"you@home.example\"]\n",
        webhook(&webhook_double),
        ntfy.address,
        mail.address.port(),
    );
    let collector = collector(&receivers);
    post(&collector, &["a"], 9, HISTORY_S);

    eventually("ntfy and the mail server are told", || !ntfy.taken().is_empty() && !mail.taken().is_empty());
    let told = &ntfy.taken()[0];
    let head = told.head.to_ascii_lowercase();
    for part in [
        &format!("post /topic-{SECRET} "),
        "title: [1 firing] disknearlyfull a",
        "priority: 3",
        "tags: warning",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    assert!(told.body.starts_with("FIRING (warning): / of a has 9.0 % left\n"), "{}", told.body);
    let mailed = &mail.taken()[0];
    assert!(mailed.head.contains("MAIL FROM:<pi@home.example>"), "{}", mailed.head);
    assert!(mailed.head.contains("RCPT TO:<you@home.example>"), "{}", mailed.head);
    assert!(mailed.body.contains("Subject: picollect [1 firing] DiskNearlyFull a"), "{}", mailed.body);
    assert!(mailed.body.contains("docs/alerts.md#disk-nearly-full"), "{}", mailed.body);

    let refused = "cannot send alerts to the webhook at http://";
    eventually("the webhook's refusals are logged", || log(&collector).matches(refused).count() > 1);
    assert!(webhook_double.taken().is_empty());
    webhook_double.answer_with(200);
    eventually("the webhook is told as soon as it is back", || webhook_double.taken().len() == 1);
    looks(&collector, "a", 2);
    assert_eq!((webhook_double.taken().len(), ntfy.taken().len(), mail.taken().len()), (1, 1, 1));
    let log = log(&collector);
    assert!(log.contains("it answered with HTTP status 503; again in 10s"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn a_receiver_that_hangs_delays_nothing_that_comes_in() {
    // A connection is taken by the kernel, and nobody ever answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let collector = collector(&format!("[alerts.webhook]\nurl = \"http://{address}/\"\n"));
    post(&collector, &["a"], 9, HISTORY_S);
    let (_stream, _) = listener.accept().expect("the collector calls");
    let started = std::time::Instant::now();
    for _ in 0..20 {
        post(&collector, &["b"], 50, 0);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    eventually("it is given up", || log(&collector).contains("no answer within 10 s"));
}

/// A page of the collector's, by its own token.
fn page(collector: &Collector, path: &str) -> String {
    let token = fs::read_to_string(collector.token_file()).expect("a token");
    let request = ureq::get(format!("{}{path}", collector.url));
    let mut answer =
        request.header("Authorization", format!("Token {}", token.trim())).call().expect("an answer");
    answer.body_mut().read_to_string().expect("text")
}

#[test]
fn a_rule_that_cannot_be_asked_silences_no_other_and_is_counted_everywhere() {
    let double = Double::http();
    // The rule of throttled nodes reads five minutes, the others a few samples.
    let collector = collector(&format!("{}[query]\nmax_samples = 400\n", webhook(&double)));
    let now_ms = now_ms();
    let flag = |n: i64| format!("throttle,host=b,origin=firmware throttled=0i {}\n", now_ms - n * 500);
    let token = fs::read_to_string(collector.token_file()).expect("a token");
    let request = ureq::post(format!("{}/api/v2/write?precision=ms", collector.url));
    let request = request.header("Authorization", format!("Token {}", token.trim()));
    request.send((0..560).map(flag).collect::<String>()).expect("the collector takes them");
    post(&collector, &["a"], 9, HISTORY_S);
    eventually("the webhook is told of the disk", || {
        double.taken().iter().any(|taken| taken.body.contains("DiskNearlyFull"))
    });
    let failing = "picollect_alerts_failing{part=\"NodeThrottled\"} 1";
    eventually("the page of metrics says it", || page(&collector, "/metrics").contains(failing));
    let metrics = page(&collector, "/metrics");
    assert!(metrics.contains("picollect_alerts_failing{part=\"DiskNearlyFull\"} 0"), "{metrics}");
    assert!(metrics.contains("picollect_alerts_failures_total{part=\"webhook\"} 0"), "{metrics}");
    eventually("the summary names it", || {
        let summary: Value = serde_json::from_str(&page(&collector, "/api/v1/summary")).expect("JSON");
        summary["alerts_failing"] == json!(["NodeThrottled"])
    });
    let token = collector.token_file();
    let there = ["--collector", &collector.url, "--token-file", token.to_str().expect("UTF-8")];
    let asked = stdout(&[&["alerts"][..], &there].concat());
    assert!(asked.contains("NodeThrottled        warning  cannot be asked: "), "{asked}");
    assert!(asked.contains("DiskNearlyFull       warning  1 active"), "{asked}");
    assert!(asked.contains("\nNodeThrottled        failing "), "{asked}");
    let rules: Value =
        serde_json::from_str(&stdout(&[&["alerts", "--json"][..], &there].concat())).expect("JSON");
    let rule = rules.as_array().expect("a list").iter().find(|rule| rule["name"] == "NodeThrottled");
    let rule = rule.expect("the rule");
    assert!(rule["error"].as_str().is_some() && rule["failures"].as_f64().is_some_and(|n| n > 0.0), "{rule}");
}

#[test]
fn a_mail_server_that_drips_delays_neither_other_receivers_nor_the_end() {
    let (double, mail) = (Double::http(), Double::dripping_smtp());
    let mut collector = collector(&format!(
        "{}[alerts.email]\nserver = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"pi@home.example\"\n\
         to = [\"me@home.example\"]\n",
        webhook(&double),
        mail.address.port(),
    ));
    post(&collector, &["a"], 9, HISTORY_S);
    eventually("both are called", || !double.taken().is_empty() && !mail.taken().is_empty());
    // The greeting goes on meanwhile.
    post(&collector, &["a"], 50, 0);
    eventually("the webhook is told that it is over", || double.taken().len() > 1);
    assert_eq!(mail.taken().len(), 1, "it is still being greeted");
    assert_eq!(collector.terminate(), Some(0));
}

#[test]
fn a_heartbeat_calls_outsiders() {
    let (double, switch) = (Double::http(), Double::http());
    let address = switch.address;
    let collector = collector(&format!(
        "{}[alerts.heartbeat]\nurl = \"http://{address}/ping/{SECRET}\"\ninterval = \"10s\"\n",
        webhook(&double)
    ));
    eventually("the switch is called", || !switch.taken().is_empty());
    assert!(switch.taken()[0].head.starts_with(&format!("GET /ping/{SECRET} ")), "{:?}", switch.taken());
    assert!(page(&collector, "/metrics").contains("picollect_alerts_failing{part=\"heartbeat\"} 0"));
    let tried = run(&["alerts", "test", "--data", collector.data_text()]);
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(said.contains(&format!("heartbeat at http://{address}/… took the message\n")), "{said}");
    assert!(!log(&collector).contains(SECRET));
}

#[test]
fn people_see_the_rules_and_try_their_receivers() {
    let double = Double::http();
    let collector = collector(&webhook(&double));
    post(&collector, &["a"], 9, HISTORY_S);
    let token = collector.token_file();
    let there = ["--collector", &collector.url, "--token-file", token.to_str().expect("UTF-8")];
    let data = collector.data_text();
    let asked = stdout(&[&["alerts"][..], &there].concat());
    assert!(
        asked.contains("DiskNearlyFull       warning  1 active\n  firing   / of a has 9.0 % left\n"),
        "{asked}"
    );
    assert!(asked.contains("NodeDown             critical -  (nobody is told)\n"), "{asked}");
    let rules: Value = serde_json::from_str(&stdout(&["alerts", "--json", "--data", data])).expect("JSON");
    let rule = rules.as_array().expect("a list").iter().find(|rule| rule["name"] == "DiskNearlyFull");
    let labels = json!({"cluster": "home", "host": "a", "mount": "/"});
    assert_eq!(rule.expect("the rule")["alerts"][0]["labels"], labels);

    let tried = run(&["alerts", "test", "--data", data]);
    let said = String::from_utf8_lossy(&tried.stdout).into_owned() + &String::from_utf8_lossy(&tried.stderr);
    assert_eq!(tried.status.code(), Some(0), "{said}");
    assert_eq!(said, format!("webhook at http://{}/… took the message\n", double.address));
    eventually("it is there", || double.taken().iter().any(|taken| taken.body.contains("PicollectTest")));
    double.answer_with(403);
    let refused = run(&["alerts", "test", "--data", data]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("took no message: it answered with HTTP status 403") && !said.contains(SECRET),
        "{said}"
    );
    let nobody =
        run(&["alerts", "test", "--data", tempfile::tempdir().expect("a folder").path().to_str().unwrap()]);
    assert_eq!(nobody.status.code(), Some(2));
}

#[test]
fn a_password_goes_only_to_a_mail_server_that_is_trusted() {
    let directory = tempfile::tempdir().expect("a folder");
    let Files { ca, certificate, key } = certificates(directory.path());
    let strangers = tempfile::tempdir().expect("a folder");
    let stranger = certificates(strangers.path()).ca;
    let double = Double::smtp_over_tls(SECRET, &certificate, &key);
    let try_with = |ca: &Path| {
        let (port, ca) = (double.address.port(), ca.display());
        configure(
            directory.path(),
            &format!(
                "[alerts.email]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"tls\"\nca_file = \"{ca}\"\nuser = \"pi\"\n\
                 password_file = \"SECRET_FILE\"\nfrom = \"pi@home.example\"\nto = [\"me@home.example\"]\n"
            ),
        );
        run(&["alerts", "test", "--data", directory.path().to_str().expect("UTF-8")])
    };
    let wary = try_with(&stranger);
    let said = String::from_utf8_lossy(&wary.stderr);
    assert!(wary.status.code() == Some(1) && said.contains("invalid peer certificate"), "{said}");
    assert_eq!(double.taken().len(), 0);
    let trusting = try_with(&ca);
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    assert!(double.taken()[0].body.contains("PicollectTest"), "{:?}", double.taken());
}
