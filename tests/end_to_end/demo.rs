//! The demo's report against the simulator's own truth.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;
use std::thread;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_query::{AROUND_MS, series_of};
use picollect_settings::time::parse_rfc3339;
use picollect_store as store;
use picollect_store::Store;
use picollect_telemetry::catalogue::{Metric, SIM_JOULES, SIM_SINCE_MS};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::process::{Process, picollect, stdout};

fn demo(arguments: &[&str]) -> (tempfile::TempDir, Value) {
    let directory = tempfile::tempdir().unwrap();
    let keep = directory.path().to_str().unwrap();
    let json = stdout(&[&["demo", "--format", "json", "--keep", keep], arguments].concat());
    (directory, serde_json::from_str(&json).unwrap())
}

/// The simulator's exact energy: the last total of each epoch.
fn exact_joules(store: &dyn Store, host: &str, window: Window) -> f64 {
    let values =
        |metric: &Metric| series_of(store, host, metric, window, AROUND_MS).unwrap().remove(0).samples;
    let (totals, since) = (values(&SIM_JOULES), values(&SIM_SINCE_MS));
    let last_of_epoch =
        |index: &usize| since.get(index + 1).is_none_or(|next| next.value != since[*index].value);
    (0..totals.len()).filter(last_of_epoch).map(|index| totals[index].value).sum()
}

fn assert_energy_is_exact(directory: &tempfile::TempDir, report: &Value) {
    let store = store::open(directory.path()).unwrap();
    let time = |edge: &str| parse_rfc3339(report["window"][edge].as_str().unwrap()).unwrap();
    let window = Window { start_ms: time("start"), end_ms: time("end") };
    for node in report["nodes"].as_array().unwrap().iter().filter(|node| node["simulated"] == true) {
        let exact = exact_joules(&store, node["host"].as_str().unwrap(), window);
        let reported = node["energy_j"].as_f64().unwrap();
        assert!((reported / exact - 1.0).abs() < 1e-3, "{}: {reported} J, exactly {exact} J", node["host"]);
        // A machine that is busy with other things may delay the meter's thread: gaps are uncovered time.
        assert!(node["coverage"].as_f64().unwrap() > 0.8, "{node}");
    }
}

#[test]
fn five_nodes_one_real_and_the_badly_cooled_one_is_throttled() {
    let (directory, report) = demo(&["--for", "30s"]);
    let nodes = report["nodes"].as_array().unwrap();
    let simulated: Vec<_> = nodes.iter().filter(|node| node["simulated"] == true).collect();
    assert_eq!((nodes.len(), simulated.len()), (5, 4), "{report:#}");
    assert_eq!(report["cluster"]["up"], 5);
    assert_eq!(report["cluster"]["source"], "simulated");

    let real = nodes.iter().find(|node| node["simulated"] == false).unwrap();
    assert_ne!(real["source"], "simulated");
    assert!(real["busy_ratio"]["max"].as_f64().unwrap() > 0.5, "the load is seen: {real}");

    let (hot, cool) = simulated.split_last().unwrap();
    let episode = &hot["episodes"][0];
    assert_eq!(episode["cause"], "thermal-hard", "{hot:#}");
    assert!(episode["lost_core_s"].as_f64().unwrap() > 0.1);
    assert!(episode["peak_c"].as_f64().unwrap() >= 79.0);
    assert!(cool.iter().all(|node| node["episodes"] == serde_json::json!([])));

    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "the real and the simulated work are apart");
    for run in runs {
        let (rate, watts) = (run["result"]["rate"].as_f64().unwrap(), run["mean_w"].as_f64().unwrap());
        assert!((run["result"]["rate_per_w"].as_f64().unwrap() / (rate / watts) - 1.0).abs() < 1e-9);
    }
    assert_eq!((&runs[0]["simulated"], &runs[0]["nodes"][0]["host"]), (&Value::Bool(false), &real["host"]));
    assert_eq!((&runs[1]["simulated"], &runs[1]["throttled"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_energy_is_exact(&directory, &report);

    // The kept data gives the same report again.
    let (keep, window) = (directory.path().to_str().unwrap(), &report["window"]);
    let (from, to) = (window["start"].as_str().unwrap(), window["end"].as_str().unwrap());
    let again = stdout(&["report", "--data", keep, "--format", "json", "--from", from, "--to", to]);
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), report);
}

/// What a command writes to standard error when that is a terminal.
fn on_a_terminal(mut command: Command) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = File::options().read(true).write(true).open(name).unwrap();
    let process = Process::start_with(&mut command, screen);
    // The command holds the screen as long as it is there.
    drop(command);
    let mut shown = Vec::new();
    // Reading fails once the last process that holds the screen has ended.
    let _ = File::from(terminal).read_to_end(&mut shown);
    assert!(process.succeeds());
    String::from_utf8(shown).unwrap()
}

#[test]
fn a_terminal_shows_a_line_per_node_and_a_panel() {
    let shown = on_a_terminal(picollect(&["demo", "--for", "8s"]));
    for expected in ["NODE             STATE", "sim-1            up", "SIM sim-4 🌡", "\x1b["] {
        assert!(shown.contains(expected), "{expected:?} in {shown}");
    }
    // The second page, unless the badly cooled node is throttled by then.
    assert!(shown.contains("/5 ") || shown.contains("THROTTLED"), "{shown}");
}

#[test]
fn an_interrupt_ends_the_demo_early_with_its_report() {
    let mut command = picollect(&["demo", "--for", "10m", "--format", "json"]);
    let demo = Process::start_with_stdout(&mut command);
    thread::sleep(Duration::from_secs(4));
    let (code, report) = demo.interrupt();
    assert_eq!(code, Some(0));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["nodes"].as_array().unwrap().len(), 5);
    assert!(report["window"]["seconds"].as_f64().unwrap() < 60.0);
}

#[test]
fn energy_is_exact_at_a_ten_second_interval_too() {
    let (directory, report) = demo(&["--for", "25s", "--interval", "10s"]);
    assert_energy_is_exact(&directory, &report);
}
