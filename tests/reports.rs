//! Reports and command lines as goldens; the energy corpus through ingest, store and report.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use picollect_analysis::request::Sources;
use picollect_analysis::runs::{self, Run, Share, TimeRange};
use picollect_analysis::summary::Summaries;
use picollect_collector::ingest::Ingest;
use picollect_collector::tokens::Grant;
use picollect_config::{Config, Keep, Retention};
use picollect_evaluate::Window;
use picollect_store::Maintenance as _;
use picollect_telemetry::line::Precision;
use {picollect_collector::retention, picollect_query as query, picollect_store as store};

use crate::corpus::{Trace, assert_reported, energy_corpus, epoch_traces};
use crate::golden::assert_golden;
use crate::process::{run, stdout};

/// Later than every trace: what is ahead of the clock is refused.
const NOW_MS: i64 = 4_102_444_800_000;

/// A store that holds these lines (times in milliseconds).
pub(crate) fn store_with(lines: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ingest = Ingest::new(Arc::new(store::open(directory.path()).expect("the store opens")));
    let outcome = ingest
        .body(lines.as_bytes(), Precision::Milliseconds, NOW_MS, &Grant::everything())
        .expect("the store writes");
    assert_eq!(outcome.reasons, [""; 0]);
    directory
}

fn text(directory: &Path) -> &str {
    directory.to_str().expect("UTF-8")
}

/// Three nodes for ten seconds from 2026-11-23T12:00:00Z: one measured and throttled by low voltage,
/// one estimated whose thermometer is denied, one down with rails only; and a run on the first.
pub(crate) fn small_cluster() -> String {
    let start_ms = 1_795_435_200_000_i64;
    let mut lines = String::new();
    for second in 0..=10 {
        let t = start_ms + second * 1000;
        let low = i64::from((3..6).contains(&second));
        let hz = if low == 1 { 600_000_000.0 } else { 1_500_000_000.0 };
        let joules = second * 5;
        lines += &format!(
            "agent,host=pi-1 interval_s=1 {t}\n\
             node,host=pi-1,model=Raspberry\\ Pi\\ 4\\ Model\\ B\\ Rev\\ 1.4,serial=1,version=0.1.0 info=1i {t}\n\
             thermal,host=pi-1,zone=thermal_zone0 temp_c={}.5 {t}\n\
             cpu,host=pi-1,core=all busy_ratio=1,cores=4i {t}\n\
             clock,host=pi-1,core=arm measured_hz={hz},max_hz=1500000000 {t}\n\
             throttle,host=pi-1,origin=mailbox under_voltage={low}i,freq_capped=0i,throttled={low}i,soft_limit=0i {t}\n\
             power,host=pi-1,boundary=node,meter=ina219-40,source=measured joules={joules},metered_s={second},since_ms={start_ms}i,watts=5,watts_min=4.5,watts_max=5.5 {t}\n\
             agent,host=pi-2 interval_s=1 {t}\n\
             node,host=pi-2,serial=2,version=0.1.0 info=1i {t}\n\
             thermal,host=pi-2,zone=thermal_zone0 no_data=2i {t}\n\
             power,host=pi-2,boundary=node,meter=model,source=estimated joules={},metered_s={second},since_ms={start_ms}i,watts=2,watts_min=2,watts_max=2 {t}\n",
            50 + second,
            second * 2,
        );
    }
    lines += &format!("agent,host=pi-3 interval_s=1 {}\n", start_ms - 60_000);
    lines
}

/// A counted load on the first of them.
fn record_run(directory: &Path) {
    let store = store::open(directory).expect("the store opens");
    let time = TimeRange { start_ms: 1_795_435_201_000, end_ms: 1_795_435_209_000 };
    let share = Share { host: "pi-1".to_owned(), flop: Some(72e9) };
    runs::record(&store, &Run::of_load("r", "hpl", "pi-1", time, vec![share])).expect("the store writes");
}

pub(crate) const WINDOW: [&str; 4] = ["--from", "2026-11-23T12:00:00Z", "--to", "2026-11-23T12:00:10Z"];

#[test]
fn the_report_in_every_format() {
    let directory = store_with(&small_cluster());
    record_run(directory.path());
    let report = |format| {
        let mut arguments = vec!["report", "--data", text(directory.path()), "--format", format];
        arguments.extend(WINDOW);
        stdout(&arguments)
    };
    let page = report("text");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    assert_golden("report.txt", &page);
    assert_golden("report.json", &report("json"));
}

/// The episodes in a report on one node that said these throttle flags, one line a second.
fn episodes(flags: impl Fn(i64) -> String) -> serde_json::Value {
    let start_ms = 1_795_435_200_000_i64;
    let line = |second| {
        let t = start_ms + second * 1000;
        format!("agent,host=n interval_s=1 {t}\nthrottle,host=n,{} {t}\n", flags(second))
    };
    let directory = store_with(&(0..=10).map(line).collect::<String>());
    let mut arguments = vec!["report", "--data", text(directory.path()), "--format", "json"];
    arguments.extend(WINDOW);
    let report: serde_json::Value = serde_json::from_str(&stdout(&arguments)).expect("JSON");
    report["nodes"][0]["episodes"].clone()
}

#[test]
fn flags_of_several_origins_are_joined_and_one_flag_alone_proves_no_rest() {
    let low = |second: i64| i64::from((3..5).contains(&second));
    let alarm = episodes(|second| format!("origin=hwmon under_voltage={}i", low(second)));
    assert_eq!((alarm.as_array().unwrap().len(), &alarm[0]["cause"]), (1, &"under-voltage".into()));
    let quiet = episodes(|_| "origin=hwmon under_voltage=0i".into());
    assert!(quiet.is_null(), "a clear alarm says nothing of heat: {quiet}");
    let taken_over = episodes(|second| match second {
        0..3 => "origin=firmware under_voltage=0i,freq_capped=0i,throttled=0i,soft_limit=0i".into(),
        _ => format!("origin=hwmon under_voltage={}i", low(second)),
    });
    assert_eq!(taken_over[0]["cause"], "under-voltage");
}

#[test]
fn two_boards_under_one_name_are_an_alarm_and_not_a_merge() {
    let second = "node,host=pi-1,serial=other,version=0.1.0 info=1i 1795435205000\n";
    let directory = store_with(&(small_cluster() + second));
    let report = stdout(&[&["report", "--data", text(directory.path())], &WINDOW[..]].concat());
    assert!(report.contains("2 boards use this name: 1, other"), "{report}");
}

#[test]
fn two_boards_of_one_serial_that_speak_in_turns_are_an_alarm_and_their_energy_is_nobodys() {
    let start_ms = 1_795_435_200_000_i64;
    let board = |boot: &str, watts: i64, shift_ms: i64| -> String {
        let tick = |second: i64| {
            let t = start_ms + second * 1000 + shift_ms;
            let since_ms = start_ms + shift_ms;
            format!(
                "agent,host=rock interval_s=1 {t}\nnode,host=rock,serial=c3,version=0.1.0 info=1i {t}\n\
                 boot,boot={boot},host=rock info=1i {t}\n\
                 power,host=rock,boundary=node,meter=ina219,source=measured \
                 joules={},metered_s={second},since_ms={since_ms}i,watts={watts} {t}\n",
                second * watts
            )
        };
        (0..=10).map(tick).collect()
    };
    let report = |lines: &str, format: &str| {
        let directory = store_with(lines);
        let data = text(directory.path());
        stdout(&[&["report", "--data", data, "--format", format], &WINDOW[..]].concat())
    };
    let clones = board("a", 1, 0) + &board("b", 2, 400);
    let json: serde_json::Value = serde_json::from_str(&report(&clones, "json")).expect("JSON");
    let node = &json["nodes"][0];
    assert_eq!((&node["boards_at_once"], node["serials"].as_array().unwrap().len()), (&2.into(), 1));
    let known = node["energy_j"].as_f64().unwrap_or_default();
    assert!(known < 1.0, "at most what was used before the second one spoke: {known} J");
    let page = report(&clones, "text");
    assert!(page.contains("2 boards or agents speak as one"), "{page}");
    let alone = report(&board("a", 1, 0), "text");
    assert!(!alone.contains("speak as one") && !alone.contains("ALARM"), "{alone}");
}

#[test]
fn a_meter_and_a_zone_that_got_other_names_go_on_with_what_they_said_before() {
    let start_ms = 1_795_435_200_000_i64;
    let agent = |meter: &str, zone: &str, from: i64, to: i64| -> String {
        let tick = |second: i64| {
            let t = start_ms + second * 1000;
            let (counted, since_ms) = (second - from, start_ms + from * 1000);
            format!(
                "agent,host=n interval_s=1 {t}\nthermal,host=n,zone={zone} temp_c={} {t}\n\
                 power,host=n,boundary=node,meter={meter},source=measured \
                 joules={},metered_s={counted},since_ms={since_ms}i,watts=3,watts_max=3 {t}\n\
                 power,host=n,boundary=rail,meter=rail-{meter},source=measured joules=9,metered_s=1,since_ms={since_ms}i {t}\n",
                50 + second,
                3 * counted,
            )
        };
        (from..=to).map(tick).collect()
    };
    let lines = agent("hwmon1-power1", "thermal_zone0", 0, 4) + &agent("ina219-1-40", "cpu-thermal", 5, 10);
    let directory = store_with(&lines);
    let mut arguments = vec!["report", "--data", text(directory.path()), "--format", "json"];
    arguments.extend(WINDOW);
    let report: serde_json::Value = serde_json::from_str(&stdout(&arguments)).expect("JSON");
    let node = &report["nodes"][0];
    assert_eq!((&node["meter"], &node["energy_j"]), (&"ina219-1-40".into(), &27.0.into()));
    assert_eq!(node["coverage"], 0.9, "nothing is known of the second between them");
    assert_eq!((&node["temp_c"]["mean"], &node["temp_c"]["max"]), (&55.0.into(), &60.0.into()));
}

#[test]
fn a_renamed_node_has_its_history_its_run_and_its_token_under_the_new_name() {
    let directory = store_with(&small_cluster());
    record_run(directory.path());
    let data = text(directory.path());
    stdout(&["token", "create", "--data", data, "--name", "a", "--scope", "write", "--node", "pi-1"]);
    let report = || stdout(&[&["report", "--data", data, "--format", "json"], &WINDOW[..]].concat());
    let before = report();
    let two = run(&["nodes", "--data", data, "rename", "pi-1", "pi-2"]);
    assert_eq!(two.status.code(), Some(2));
    let why = String::from_utf8_lossy(&two.stderr);
    assert!(why.contains("`pi-1` and `pi-2` are two nodes: both spoke between"), "{why}");
    stdout(&["nodes", "--data", data, "rename", "pi-1", "renamed"]);
    // By their names nodes are in another order then; all figures are the same.
    let renamed = report();
    let lines = |report: &str| -> Vec<String> {
        let mut lines: Vec<String> = report
            .replace("pi-1", "renamed")
            .lines()
            .map(|line| line.trim_end_matches(',').to_owned())
            .collect();
        lines.sort();
        lines
    };
    assert!(renamed.contains("\"renamed\"") && !renamed.contains("pi-1"), "{renamed}");
    assert_eq!(lines(&renamed), lines(&before));
    let tokens = std::fs::read_to_string(directory.path().join("tokens.json")).expect("readable");
    assert!(tokens.contains("\"node\": \"renamed\""), "{tokens}");
    let again = run(&["nodes", "--data", data, "rename", "pi-1", "renamed"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is no node `pi-1`"));
}

#[test]
fn a_report_on_nothing_knows_nothing_and_says_so() {
    let directory = store_with("");
    let mut arguments = vec!["report", "--data", text(directory.path()), "--format", "json"];
    arguments.extend(WINDOW);
    let report: serde_json::Value = serde_json::from_str(&stdout(&arguments)).expect("JSON");
    assert!(report["cluster"]["energy_j"].is_null() && report["cluster"]["coverage"].is_null());
    assert_eq!(report["nodes"], serde_json::json!([]));
    arguments[4] = "text";
    assert!(stdout(&arguments).contains("energy  unknown"));
}

#[test]
fn the_energy_corpus_through_ingest_store_and_report() {
    // Far from 1970, where a report's times begin.
    energy_corpus(1_795_435_200_000, 1e-6, |lines| {
        let directory = store_with(lines);
        (vec!["--data".to_owned(), text(directory.path()).to_owned()], directory)
    });
}

/// The same when all that is left are points a minute and then an hour; a trace lasts several minutes, and a run lasts as
/// long as its window.
#[test]
fn the_energy_corpus_rolled_up() {
    // Points an hour come eight days at a time, and none of that may lie ahead.
    let start_ms = 1_792_800_000_000;
    let day = |days: u64| Keep::For(Duration::from_secs(days * 24 * 3600));
    let minutes = Retention { raw: day(1), ..Retention::default() };
    let hours = Retention { minutes: day(1), ..minutes };
    for trace in epoch_traces(start_ms, 17) {
        let directory = store_with(&trace.lines);
        let store = store::open(directory.path()).expect("the store opens");
        let Window { start_ms, end_ms } = trace.window;
        let run = Run::of_load("load", "window", &trace.host, TimeRange { start_ms, end_ms }, Vec::new());
        runs::record(&store, &run).expect("the store writes");
        store.seal().expect("the store seals");
        let options = ["--data".to_owned(), text(directory.path()).to_owned()];
        for (retention, step_s) in [(minutes, 60.0), (hours, 3600.0)] {
            retention::apply(&store, &retention, start_ms + 20 * 24 * 3_600_000).expect("the store rolls up");
            assert_eq!(
                query::resolution_s(&store, trace.window.start_ms, NOW_MS).expect("the store reads"),
                Some(step_s)
            );
            assert_reported(&trace, 1e-9, &options);
        }
        let report = stdout(&["report", "--run", &run.id, "--data", &options[1]]);
        assert!(report.replace('\n', " ").contains("stored as a point in 1 h"), "{report}");
    }
}

/// The same through the sum that is kept for the panels: slow enough that the day is cut, and asked several
/// times on the way.
#[test]
fn the_energy_corpus_through_the_summary() {
    for Trace { host, lines, window, joules, .. } in epoch_traces(MIDNIGHT_MS, 100) {
        let directory = store_with(&lines);
        let store = store::open(directory.path()).expect("the store opens");
        let (config, summaries) = (Config::default(), Summaries::default());
        let mut last = None;
        for quarter in 1..=4 {
            let now_ms = window.start_ms + (window.end_ms - window.start_ms) * quarter / 4;
            let sources = Sources { store: &store, config: &config, now_ms };
            last = summaries.at(&sources).expect("the store reads").today;
        }
        let today = last.expect("something is covered");
        assert!((today.joules - joules).abs() < 1e-6, "{host}: {today:?}");
        assert_eq!((today.boundary.as_str(), today.since_ms), ("node", MIDNIGHT_MS), "{host}");
    }
}

/// 2026-11-23T00:00:00Z.
const MIDNIGHT_MS: i64 = 1_795_392_000_000;

#[test]
fn the_summary_says_of_the_last_run_what_the_report_says() {
    let directory = store_with(&small_cluster());
    record_run(directory.path());
    let store = store::open(directory.path()).expect("the store opens");
    let (config, now_ms) = (Config::default(), 1_795_435_210_000);
    let summary = Summaries::default().at(&Sources { store: &store, config: &config, now_ms });
    let summary = summary.expect("the store reads");
    let run = summary.last_run.expect("a run");
    let shown = stdout(&["runs", "--data", text(directory.path()), "show", "last", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(run.flops_per_w, shown["result"]["rate_per_w"].as_f64());
    assert_eq!((run.name.as_str(), run.flops_per_w), ("hpl", Some(72e9 / 8.0 / 5.0)));
    assert_eq!((run.boundary.as_deref(), run.estimated, run.simulated), (Some("node"), false, false));
    // pi-1 used 5 W and pi-2 2 W by its model, for ten seconds; of the day before nothing is known.
    let today = summary.today.expect("energy");
    assert_eq!((today.joules, today.partial, today.estimated), (70.0, true, true));
}

#[test]
fn findings_make_the_exit_code_and_stand_on_standard_error() {
    let directory = store_with(&small_cluster());
    let report = |conditions| {
        let arguments = [&["report", "--data", text(directory.path()), "--fail-on", conditions], &WINDOW[..]];
        run(&arguments.concat())
    };
    let found = report("throttled,coverage<0.99,mean_w>100");
    assert_eq!(found.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&found.stderr), "picollect: pi-1 was throttled\n");
    assert!(String::from_utf8_lossy(&found.stdout).starts_with("picollect report"));
    assert_eq!(report("mean_w>100").status.code(), Some(0));
    let wrong = report("speed<1");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("`speed<1` is no condition"));
}

#[test]
fn a_run_that_is_not_there_is_named() {
    let directory = store_with(&small_cluster());
    for arguments in [&["report", "--run", "nothing"][..], &["report", "--compare", "nothing", "last"]] {
        let output = run(&[arguments, &["--data", text(directory.path())]].concat());
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no run `nothing`"), "{output:?}");
    }
}

#[test]
fn a_run_between_two_samples_has_its_nodes_and_their_energy() {
    let directory = store_with(&small_cluster());
    let store = store::open(directory.path()).expect("the store opens");
    let time = TimeRange { start_ms: 1_795_435_204_200, end_ms: 1_795_435_204_700 };
    let run = Run { nodes: None, ..Run::of_load("short", "short", "pi-1", time, Vec::new()) };
    runs::record(&store, &run).expect("the store writes");
    let shown = stdout(&["runs", "--data", text(directory.path()), "show", "last", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let nodes: Vec<_> = shown["nodes"].as_array().expect("nodes").iter().map(|node| &node["host"]).collect();
    assert_eq!(nodes, ["pi-1", "pi-2"], "the third is down");
    assert!((shown["energy_j"].as_f64().expect("known") - 3.5).abs() < 1e-9, "{shown}");
}

#[test]
fn the_first_beowulf_as_an_example_of_scaling() {
    assert_golden("scaling-beowulf.txt", &stdout(&["scaling", "--example"]));
}

#[test]
fn the_help_of_every_command() {
    let commands: [&[&str]; 29] = [
        &[],
        &["up"],
        &["serve"],
        &["demo"],
        &["report"],
        &["run"],
        &["runs"],
        &["runs", "show"],
        &["scaling"],
        &["nameplate"],
        &["submission"],
        &["nodes"],
        &["nodes", "retire"],
        &["bench"],
        &["token", "create"],
        &["token", "code"],
        &["token", "list"],
        &["token", "revoke"],
        &["samples", "delete"],
        &["export"],
        &["completions"],
        &["import"],
        &["check"],
        &["agent"],
        &["agent", "run"],
        &["agent", "join"],
        &["agent", "once"],
        &["agent", "calibrate"],
        &["agent", "check"],
    ];
    let mut page = String::new();
    for command in commands {
        let help = stdout(&[command, &["--help"]].concat());
        page += &format!("$ picollect {}\n{help}\n", [command, &["--help"]].concat().join(" "));
    }
    assert_golden("help.txt", &page);
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_says_what_is_right() {
    let output = run(&["report", "--formt", "json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--format"), "{output:?}");
}
