//! A power model from a node that has a meter to one that has none, through the commands that a person types.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use picollect_settings::time::now_ms;
use picollect_store::Store as _;
use picollect_telemetry::line::{Precision, decode};

use crate::process::{run, stdout};

const HOURS: i64 = 8;
const STEP_MS: i64 = 20_000;
const BOARD: &str = "Raspberry Pi Zero 2 W Rev 1.0";

/// A node with a meter that is idle and busy in turns, each at a clock of its own.
fn metered(host: &str, board: &str, factor: f64) -> String {
    let (mut lines, end_ms) = (String::new(), now_ms());
    let board = board.replace(' ', "\\ ");
    for step in 0..HOURS * 3_600_000 / STEP_MS {
        let t_ms = end_ms - HOURS * 3_600_000 + step * STEP_MS;
        let busy = if (step / 90) % 2 == 0 { 0.1 } else { 0.9 } + 0.01 * (step % 10) as f64;
        let hz = if busy < 0.5 { 600e6 } else { 1000e6 };
        let watts = factor * (0.6 + busy * hz / 1e9);
        writeln!(
            lines,
            "agent,host={host} interval_s=20 {t_ms}\n\
             node,host={host},model={board} info=1i {t_ms}\n\
             cpu,core=all,host={host} busy_ratio={busy} {t_ms}\n\
             clock,core=policy0,host={host} requested_hz={hz} {t_ms}\n\
             power,boundary=node,host={host},meter=ina219,source=measured watts={watts} {t_ms}\n\
             meter,boundary=node,host={host},meter=ina219,source=measured gain_error=0.02,offset_w=0 {t_ms}"
        )
        .expect("a string takes it");
    }
    lines
}

fn keep(store: &Path, lines: &str) {
    let store = picollect_store::open(store).expect("a store");
    store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).expect("it is written");
}

fn fixture() -> String {
    format!("{}/tests/boards/zero-2-w", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_is_learnt_on_one_node_is_read_by_its_sibling_and_refused_by_another_board() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    keep(&store, &(metered("pi-1", BOARD, 1.0) + &metered("pi-2", BOARD, 1.1)));
    let from = format!("embedded:{}", store.display());
    let section = stdout(&["agent", "model", "learn", "pi-1", "pi-2", "--store", &from]);
    assert!(section.contains("# On pi-1, measured by ina219: 1439 samples.\n"), "{section}");
    assert!(
        section.contains("learnt_on = \"Raspberry Pi Zero 2 W Rev 1.0\"\nclock = \"requested\"\n"),
        "{section}"
    );
    let error = section.lines().find_map(|line| line.strip_prefix("error = ")).unwrap();
    let error: f64 = error.parse().unwrap();
    assert!((0.10..0.14).contains(&error), "a tenth between the boards and the meter's 2 %: {section}");

    let config = directory.path().join("agent.toml");
    fs::write(&config, &section).unwrap();
    let config = config.to_str().unwrap();
    let check = stdout(&["agent", "check", "--config", config, "--root", &fixture()]);
    let said = " at 600 to 1000 MHz (requested clock), unknown beyond; estimated by model-learnt";
    assert!(check.contains(said), "{check}");
    let other = format!("{}/tests/boards/pi-5", env!("CARGO_MANIFEST_DIR"));
    let refused = run(&["agent", "check", "--config", config, "--root", &other]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = String::from_utf8(refused.stdout).unwrap();
    assert!(refused.contains("was learnt on a Raspberry Pi Zero 2 W Rev 1.0 and this board is"), "{refused}");
    let probe = stdout(&["agent", "probe", "--config", config, "--root", &fixture()]);
    assert!(probe.contains("power model"), "{probe}");
    let sample = stdout(&["agent", "once", "--config", config, "--root", &fixture()]);
    assert!(sample.contains("meter=model-learnt,source=estimated"), "{sample}");
}

#[test]
fn where_nothing_can_be_learnt_the_reason_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let unmetered = metered("pi-3", BOARD, 1.0).replace("source=measured", "source=estimated");
    let lines = metered("pi-1", BOARD, 1.0) + &metered("pi-5", "Raspberry Pi 5 Model B", 4.0) + &unmetered;
    keep(&store, &lines);
    let from = format!("embedded:{}", store.display());
    let refused = |nodes: &[&str]| {
        let output = run(&[&["agent", "model", "learn", "--store", &from], nodes].concat());
        assert!(!output.status.success(), "{nodes:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["pi-9"]).contains("there is no node `pi-9`"));
    assert!(refused(&["pi-3"]).contains("`pi-3` has no meter that measures the whole node"));
    assert!(refused(&["pi-1", "pi-5"]).contains("each model of board has its own"));
    assert!(refused(&["pi-1", "--since", "2h"]).contains("it takes 4"));
}
