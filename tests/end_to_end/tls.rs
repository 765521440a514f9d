//! https between agent and collector: a pinned certificate is believed, a stranger's is not.

use std::fs;
use std::path::{Path, PathBuf};

use picollect_evaluate::Window;
use picollect_query::series_of;
use picollect_telemetry::catalogue::SAMPLES;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::process::{Collector, eventually};

pub(super) struct Files {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// An authority of our own and a certificate for the loopback address.
pub(super) fn certificates(directory: &Path) -> Files {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    Files {
        ca: write("ca.pem", authority.pem()),
        certificate: write("certificate.pem", certificate.pem()),
        key: write("key.pem", key.serialize_pem()),
    }
}

#[test]
fn an_agent_believes_the_authority_that_it_was_given_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let Files { ca, certificate, key } = certificates(directory.path());
    let strangers = tempfile::tempdir().unwrap();
    let stranger = certificates(strangers.path()).ca;
    let collector = Collector::start_with(&["--tls-cert", text(&certificate), "--tls-key", text(&key)]);
    assert!(collector.url.starts_with("https://"));

    let trusting = collector.agent(&["--name", "trusting", "--interval", "200ms", "--ca-file", text(&ca)]);
    let wary = collector.agent(&["--name", "wary", "--interval", "200ms", "--ca-file", text(&stranger)]);
    let store = collector.store();
    let window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
    let arrived = |host: &str| {
        series_of(&store, host, &SAMPLES, window, 0).unwrap().first().map_or(0, |series| series.samples.len())
    };
    eventually("the one that knows the authority delivers", || arrived("trusting") > 10);
    assert_eq!(arrived("wary"), 0);
    assert_eq!(trusting.terminate(), Some(0));
    wary.kill();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
