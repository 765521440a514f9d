//! What people read when something does not work: one sentence that says where and what to do, with its exit code. The
//! table of all of it is a golden, and reads as a person meets it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::golden::assert_golden;
use crate::process::{Collector, picollect, stdout};

/// What a command says on standard error and how it ends, with the test's own places by their names.
struct Session {
    text: String,
    places: Vec<(String, &'static str)>,
}

impl Session {
    fn show(&mut self, arguments: &[&str]) {
        self.show_with(arguments, "");
    }

    fn show_with(&mut self, arguments: &[&str], input: &str) {
        let mut command: Command = picollect(arguments);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            piped.env("TZ", "UTC").env("HOME", "/nowhere").env_remove("XDG_DATA_HOME").spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let typed = if input.is_empty() { String::new() } else { format!("echo {} | ", input.trim()) };
        let entry = format!(
            "$ {typed}picollect {}\n{said}= {}\n\n",
            arguments.join(" "),
            output.status.code().unwrap()
        );
        let named = self.places.iter().fold(entry, |text, (place, name)| text.replace(place.as_str(), name));
        self.text += &named;
    }
}

#[test]
fn every_mistake_of_a_first_hour_is_answered_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (http, https) = (Collector::start(), Collector::start_with(&["--tls-own"]));
    let [port_too_high, typo] = [
        file("port.toml", "listen = \"127.0.0.1:99999\"\n"),
        file("typo.toml", "[retention]\nrwa = \"30d\"\n"),
    ];
    let agent = folder.path().join("agent.toml");
    let (agent, data) = (agent.to_str().unwrap(), http.data_text());
    let nowhere = "http://127.0.0.1:9";
    let wrong_scheme = http.url.replace("http:", "https:");
    let plain = https.url.replace("https:", "http:");
    stdout(&["token", "create", "--data", data, "--name", "grafana", "--scope", "read"]);
    let used = stdout(&["token", "code", "--data", data]);
    let mut session = Session {
        text: String::new(),
        places: vec![
            (plain.clone(), "http://TLS-COLLECTOR"),
            (https.url.clone(), "https://TLS-COLLECTOR"),
            (http.url.clone(), "http://COLLECTOR"),
            (wrong_scheme.clone(), "https://COLLECTOR"),
            (data.to_owned(), "DATA"),
            (folder.path().to_str().unwrap().to_owned(), "FOLDER"),
            (used.trim().to_owned(), "USED-CODE"),
        ],
    };
    let join = |url: &str| ["agent", "join", url, "--name", "pi-1", "--config", agent].map(ToOwned::to_owned);
    let once = join(&http.url);
    let once: Vec<&str> = once.iter().map(String::as_str).collect();
    session.show_with(&once, &used);
    for (url, code) in [
        (http.url.as_str(), used.as_str()),
        (&http.url, "AAAA-BBBB-CCCC\n"),
        (&http.url, "no code\n"),
        (&https.url, "AAAA-BBBB-CCCC\n"),
        (&wrong_scheme, used.as_str()),
        (&plain, used.as_str()),
        (nowhere, used.as_str()),
        ("head-node:8650", used.as_str()),
    ] {
        let arguments = join(url);
        session.show_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), code);
    }
    ask(&mut session, nowhere, &[&wrong_scheme, &plain, &https.url, &http.url]);
    order(&mut session, data, [&port_too_high, &typo]);
    assert!(!session.text.contains("{\""), "JSON is for programs:\n{}", session.text);
    for foreign in ["os error", "panicked", "UnknownIssuer", "InvalidContentType", "RUST_BACKTRACE"] {
        assert!(!session.text.contains(foreign), "`{foreign}` is for programmers:\n{}", session.text);
    }
    assert_golden("messages.txt", &session.text);
}

/// Questions that no collector and no data directory answers.
fn ask(session: &mut Session, nowhere: &str, elsewhere: &[&str]) {
    session.show(&["nodes"]);
    session.show(&["nodes", "--data", "/nowhere/at-all"]);
    for url in [&[nowhere], elsewhere].concat() {
        session.show(&["nodes", "--collector", url]);
    }
}

/// Orders with a word that is wrong, or for what is not there.
fn order(session: &mut Session, data: &str, [port_too_high, typo]: [&str; 2]) {
    for arguments in [
        &["report", "--data", data, "--from", "yesteday"] as &[&str],
        &["report", "--data", data, "--from", "2026-11-31"],
        &["report", "--data", data, "--format", "josn"],
        &["report", "--data", data, "--json", "--format", "html"],
        &["report", "--data", data, "--run", "hpl"],
        &["report", "--data", data, "--fail-on", "trottled"],
        &["runs", "--data", data, "show", "last"],
        &["scaling", "--data", data],
        &["export", "--data", data, "--metric", "powr"],
        &["export", "--data", data, "--node", "nix"],
        &["nodes", "--data", data, "rename", "nix", "pi-1"],
        &["token", "revoke", "--data", data, "grafan"],
        &["token", "create", "--data", data, "--name", "x", "--scope", "wirte"],
        &["serve", "--data", data, "--listen", "127.0.0.1:99999"],
        &["check", "--data", data, "--config", port_too_high],
        &["check", "--data", data, "--config", typo],
        &["check", "--data", data, "--config", "/nowhere/collector.toml"],
        &["import", "--data", data, "--hpl", "/nowhere/HPL.out", "--start", "2026-11-30T10:00"],
        &["backup", "--data", data, data],
        &["run", "--data", data, "--nodes", "nix", "--idle", "0s", "--", "true"],
        &["nods"],
    ] {
        session.show(arguments);
    }
}
