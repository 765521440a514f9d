//! Several collectors: everything to each, or the first that takes it; tokens bound to a node.

use std::fs;

use picollect_evaluate::Window;
use picollect_query::series_of;
use picollect_telemetry::catalogue::SAMPLES;

use crate::process::{Collector, Process, eventually, picollect, run, stdout};
use crate::proxy::{Fate, Proxy};

const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };

fn arrived(collector: &Collector, host: &str) -> Vec<f64> {
    let series = series_of(&collector.store(), host, &SAMPLES, ALWAYS, 0).unwrap();
    series.into_iter().flat_map(|series| series.samples).map(|sample| sample.value).collect()
}

/// The configuration of an agent with these collectors.
fn config(home: &Collector, delivery: &str, targets: &[(&str, &Collector)]) -> String {
    let mut text = format!("name = \"n\"\ninterval = \"100ms\"\ndelivery = \"{delivery}\"\n");
    for (url, collector) in targets {
        let token = collector.token_file();
        text += &format!("[[collector]]\nurl = \"{url}\"\ntoken_file = \"{}\"\n", token.display());
    }
    let path = home.data().join("several.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn each_of_two_collectors_gets_everything() {
    let (one, two) = (Collector::start(), Collector::start());
    let config = config(&one, "all", &[(&one.url, &one), (&two.url, &two)]);
    let agent = Process::start(picollect(&["agent", "run", "--config", &config]));
    eventually("both get samples", || arrived(&one, "n").len() > 10 && arrived(&two, "n").len() > 10);
    assert_eq!(agent.terminate(), Some(0));
    assert_eq!(arrived(&one, "n"), arrived(&two, "n"));
}

#[test]
fn failing_over_keeps_to_one_store() {
    let (home, stranger) = (Collector::start(), Collector::start());
    let (first, second) = (Proxy::start(&home.url), Proxy::start(&home.url));
    let mixed = config(&home, "first", &[(&first.url, &home), (&stranger.url, &stranger)]);
    let check = run(&["agent", "check", "--config", &mixed]);
    assert_eq!(check.status.code(), Some(1), "two stores are a finding");

    // The first way fails again and again; the stranger would answer, but it has another store.
    let all = [(&*first.url, &home), (&*stranger.url, &stranger), (&*second.url, &home)];
    let config = config(&home, "first", &all);
    first.next([Fate::Forward, Fate::Forward]);
    first.next([Fate::Break; 40]);
    let agent = Process::start(picollect(&["agent", "run", "--config", &config]));
    eventually("samples arrive by the other way", || arrived(&home, "n").len() > 30);
    assert!(!first.done(), "the first way is left alone");
    assert_eq!(agent.terminate(), Some(0));
    assert_eq!(arrived(&stranger, "n"), [0.0; 0]);
    let numbers = arrived(&home, "n");
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "{numbers:?}");
}

#[test]
fn a_token_bound_to_a_node_pushes_that_nodes_samples_only() {
    let collector = Collector::start();
    let data = collector.data_text();
    let token =
        stdout(&["token", "create", "--data", data, "--name", "b", "--scope", "write", "--node", "mine"]);
    let file = collector.data().join("bound.token");
    fs::write(&file, token).unwrap();
    let agent = |name: &str| {
        let arguments =
            ["agent", "run", "--interval", "100ms", "--name", name, "--collector", &collector.url];
        let mut command = picollect(&arguments);
        command.arg("--token-file").arg(&file);
        Process::start(command)
    };
    let (mine, other) = (agent("mine"), agent("other"));
    eventually("its own node's arrive", || arrived(&collector, "mine").len() > 10);
    assert_eq!(arrived(&collector, "other"), [0.0; 0]);
    assert_eq!(mine.terminate(), Some(0));
    other.kill();
}
