//! A node joins with a one-time code, and from then on delivers with a token of its own.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use super::tls::{Files, certificates};
use crate::process::{Collector, Process, eventually, picollect, stdout};

fn code(collector: &Collector) -> String {
    stdout(&["token", "code", "--data", collector.data_text()])
}

/// Joins with this on standard input.
fn join(collector: &Collector, config: &Path, node: &str, typed: &str) -> Output {
    join_with(&[], collector, config, node, typed)
}

fn join_with(options: &[&str], collector: &Collector, config: &Path, node: &str, typed: &str) -> Output {
    let mut command = picollect(&["agent", "join", &collector.url, "--name", node, "--config"]);
    command.arg(config).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(3));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_node_that_joined_delivers_and_its_code_and_token_are_good_for_nothing_else() {
    let collector = Collector::start();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("agent.toml");
    fs::write(&config, "interval = \"200ms\"\n").unwrap();
    let code = code(&collector);
    let joined = join(&collector, &config, "pi-1", &code);
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));

    let mut command = picollect(&["agent", "run", "--config"]);
    command.arg(&config);
    let agent = Process::start(command);
    eventually("the node is up", || {
        let nodes = stdout(&["nodes", "--json", "--data", collector.data_text()]);
        nodes.contains("\"pi-1\"") && nodes.contains("\"up\"")
    });
    assert_eq!(agent.terminate(), Some(0));

    let again = error(&join(&collector, &directory.path().join("other.toml"), "pi-2", &code));
    assert!(again.contains("403") && again.contains("this code is not valid"), "{again}");
    let token = fs::read_to_string(directory.path().join("agent.token")).unwrap();
    let foreign = ureq::post(format!("{}/api/v2/write?precision=ms", collector.url))
        .header("Authorization", format!("Token {}", token.trim()))
        .send("temp,host=pi-2 temp_c=1 1");
    assert!(matches!(foreign, Err(ureq::Error::StatusCode(403))), "{foreign:?}");
}

#[test]
fn a_wrong_code_is_refused_and_after_ten_everybody_waits() {
    let collector = Collector::start();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("agent.toml");
    let tried = |typed: &str| error(&join(&collector, &config, "pi-1", typed));
    assert!(tried("").contains("no code was given"));
    for _ in 0..10 {
        assert!(tried("ABCD-EFGH-JKLM").contains("403"));
    }
    assert!(tried(&code(&collector)).contains("429"));
    assert!(!directory.path().join("agent.token").exists());
}

#[test]
fn over_https_the_authority_that_was_named_is_kept_and_a_strangers_gets_no_code() {
    let directory = tempfile::tempdir().unwrap();
    let Files { ca, certificate, key } = certificates(directory.path());
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let collector = Collector::start_with(&["--tls-cert", &text(&certificate), "--tls-key", &text(&key)]);
    let config = directory.path().join("agent.toml");
    let code = code(&collector);
    let strangers = tempfile::tempdir().unwrap();
    let stranger = text(&certificates(strangers.path()).ca);
    error(&join_with(&["--ca-file", &stranger], &collector, &config, "pi-1", &code));
    // It was not used up: nothing was sent.
    let joined = join_with(&["--ca-file", &text(&ca)], &collector, &config, "pi-1", &code);
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
    fs::remove_file(ca).unwrap();
    assert!(stdout(&["agent", "check", "--config", &text(&config)]).contains("answers"));
}
