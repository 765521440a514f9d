//! Engines that want to be shown something: a password over https, a tenant.

use std::fs;
use std::sync::Arc;

use picollect_settings::time::now_ms;
use picollect_store as store;
use picollect_store::location::Secrets;
use picollect_store::{Durability, Selector, Store};
use picollect_telemetry::line::{Precision, decode};

use super::super::tls::certificates;
use crate::engine::{Thanos, VictoriaMetrics, free_port};
use crate::process::{eventually, run};

#[test]
fn an_engine_behind_a_password_and_a_certificate_of_ones_own_is_a_store_with_both_and_with_neither_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let files = certificates(directory.path());
    let address = format!("127.0.0.1:{}", free_port());
    let _engine = VictoriaMetrics::start_with(&[
        format!("-httpListenAddr={address}"),
        "-tls=false,true".to_owned(),
        format!("-tlsCertFile=,{}", files.certificate.display()),
        format!("-tlsKeyFile=,{}", files.key.display()),
        "-httpAuth.username=pi".to_owned(),
        "-httpAuth.password=swordfish".to_owned(),
    ]);
    let (password, ca) = (directory.path().join("password"), files.ca.display());
    let config = directory.path().join("collector.toml");
    let check = |password_text: &str, trust: &str| {
        fs::write(&password, format!("{password_text}\n")).unwrap();
        let text = format!(
            "[store]\nurl = \"prometheus+https://{address}\"\nuser = \"pi\"\npassword_file = \"{}\"\n{trust}",
            password.display()
        );
        fs::write(&config, text).unwrap();
        let arguments = ["check", "--connect", "--config", config.to_str().unwrap(), "--data"];
        let output = run(&[&arguments[..], &[directory.path().join("data").to_str().unwrap()]].concat());
        let page =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!page.contains(password_text), "{page}");
        (output.status.code(), page)
    };
    let trust = format!("ca_file = \"{ca}\"\n");
    let (code, page) = check("swordfish", &trust);
    assert_eq!((code, page.contains("gives back what it takes")), (Some(0), true), "{page}");
    let (code, page) = check("catfish", &trust);
    assert_eq!((code, page.contains("401: it does not know us")), (Some(1), true), "{page}");
    let (code, page) = check("swordfish", "");
    assert_eq!((code, page.contains("certificate")), (Some(1), true), "{page}");
}

#[test]
fn tenants_that_a_header_names_do_not_see_each_others_samples() {
    let engine = Thanos::start();
    let store = |tenant: &str| -> Arc<dyn Store> {
        let headers = vec![("THANOS-TENANT".to_owned(), tenant.to_owned())];
        let secrets = Secrets { headers, ..Secrets::default() };
        let location = engine.location.parse().expect("an address");
        store::connect(&location, &secrets, Durability::default()).expect("the store opens")
    };
    let (home, lab) = (store("home"), store("lab"));
    for (store, host) in [(&home, "pi-home"), (&lab, "pi-lab")] {
        let line = format!("m,host={host} f=1 {}", now_ms());
        let batch = decode(line.as_bytes(), Precision::Milliseconds, 0);
        eventually("the cluster takes it", || store.append(&batch.points).is_ok());
    }
    let hosts = |store: &Arc<dyn Store>| -> Vec<String> {
        let series = store.series(&Selector { measurement: Some("m"), ..Selector::default() });
        series.unwrap_or_default().iter().filter_map(|key| key.tag("host").map(str::to_owned)).collect()
    };
    eventually("each finds its own", || hosts(&home) == ["pi-home"] && hosts(&lab) == ["pi-lab"]);
}
