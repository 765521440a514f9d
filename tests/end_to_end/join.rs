//! A node joins with a one-time code, and from then on delivers with a token of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

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

/// Stands between a node and its collector with a certificate and an authority of its own, and cannot prove them.
struct Impostor {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Impostor {
    fn start(Files { ca, certificate, key }: &Files) -> Self {
        let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let body =
            json!({ "authority": fs::read_to_string(ca).unwrap(), "proof": "00".repeat(32) }).to_string();
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, client));
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                    line.clear();
                }
                counter.fetch_add(1, Ordering::SeqCst);
                // Whoever does not trust us hangs up.
                let _ = stream.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
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
fn over_https_the_code_vouches_for_the_collectors_own_certificate_and_for_no_other() {
    let collector = Collector::start_with(&["--tls-own"]);
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("agent.toml");
    let wrong = error(&join(&collector, &config, "pi-1", "ABCD-EFGH-JKLM"));
    assert!(wrong.contains("certificate"), "without a proof only the system's authorities count: {wrong}");
    // Another collector may answer in its place; it does not have the code.
    let other = Collector::start_with(&["--tls-own"]);
    let foreign = error(&join(&other, &config, "pi-1", &code(&collector)));
    assert!(foreign.contains("certificate"), "{foreign}");
    let joined = join(&collector, &config, "pi-1", &code(&collector));
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
    assert!(stdout(&["agent", "check", "--config", config.to_str().unwrap()]).contains("answers"));
    let trusted = fs::read_to_string(directory.path().join("collector.pem")).unwrap();
    assert_eq!(trusted, fs::read_to_string(collector.data().join("tls/authority.pem")).unwrap());
}

#[test]
fn who_answers_with_an_authority_that_the_code_does_not_vouch_for_gets_no_code() {
    let directory = tempfile::tempdir().unwrap();
    let between = Impostor::start(&certificates(directory.path()));
    let collector = Collector::start_with(&["--tls-own"]);
    let config = directory.path().join("agent.toml");
    let mut command = picollect(&["agent", "join", &between.url, "--name", "pi-1", "--config"]);
    command.arg(&config).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(code(&collector).as_bytes()).unwrap();
    let said = error(&child.wait_with_output().unwrap());
    assert!(said.contains("does not know the code"), "{said}");
    assert_eq!(between.requests(), 1, "only the question that carries no code");
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
