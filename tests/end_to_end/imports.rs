//! Saved outputs and logs of meters as people have them: what they become, or why they are refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{run, stdout};

/// A data directory, which the first import makes, and files beside it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn data(&self) -> String {
        self.path("data")
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Imports a log of this text.
    fn wall(&self, text: &str, more: &[&str]) -> String {
        stdout(&self.wall_arguments(text, more).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What is said of a log that is refused.
    fn refused(&self, text: &str, more: &[&str]) -> String {
        let arguments = self.wall_arguments(text, more);
        let output = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    fn wall_arguments(&self, text: &str, more: &[&str]) -> Vec<String> {
        let log = self.path("pdu.csv");
        fs::write(&log, text).expect("writable");
        let own = ["import".to_owned(), "--data".to_owned(), self.data(), "--wall".to_owned(), log];
        own.into_iter().chain(more.iter().map(|&word| word.to_owned())).collect()
    }

    /// Imports a saved output of HPL.
    fn hpl(&self, output: &str, more: &[&str]) -> String {
        let output = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benchmark-outputs").join(output);
        let own = ["import", "--data", &self.data(), "--hpl", output.to_str().expect("UTF-8")];
        stdout(&[&own[..], more].concat())
    }

    fn last_run(&self) -> Value {
        let text = stdout(&["runs", "--data", &self.data(), "show", "last", "--json"]);
        serde_json::from_str(&text).expect("JSON")
    }

    fn report(&self, window: [&str; 4]) -> Value {
        let own = ["report", "--data", &self.data(), "--format", "json"];
        serde_json::from_str(&stdout(&[&own[..], &window].concat())).expect("JSON")
    }
}

/// One reading a second, `load` between two times and `idle` outside of them.
fn log(from_s: i64, to_s: i64, loads: &[(i64, i64)], idle: f64, load: f64) -> String {
    let busy = |second: &i64| loads.iter().any(|(from, to)| (from..=to).contains(&second));
    (from_s..to_s).map(|second| format!("{second} {}\n", if busy(&second) { load } else { idle })).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn the_same_efficiency_comes_of_a_start_that_is_nine_minutes_early() {
    let place = Place::new();
    // 2024-03-12T17:10:00Z; the core phase is from 17:25:16 to 17:39:17.
    place.wall(&log(1_710_263_400, 1_710_265_277, &[(1_710_264_316, 1_710_265_157)], 33.5, 59.0), &[]);
    for start in ["2024-03-12T17:25:10Z", "2024-03-12T17:16:00Z"] {
        let said = place.hpl("hpl-2.3-new-york.txt", &["--start", start, "--name", start]);
        assert!(
            said.contains("1 results, 0 of them without a known core phase; its stamps are in UTC-04:00"),
            "{said}"
        );
        let per_w = number(&place.last_run()["result"]["rate_per_w"]);
        assert!((per_w / 859.9e6 - 1.0).abs() < 1e-3, "{start}: {per_w}");
    }
}

#[test]
fn six_results_in_half_an_hour_each_have_their_core_phase() {
    let place = Place::new();
    let start_s = 1_709_497_740;
    let loads = [(45, 373), (378, 694), (698, 1018), (1023, 1365), (1370, 1684), (1688, 2001)];
    let loads = loads.map(|(from, to)| (start_s + from, start_s + to));
    place.wall(&log(start_s, start_s + 2040, &loads, 18.0, 24.0), &[]);
    place.hpl("hpl-2.3-half-an-hour-six-results.txt", &["--start", "2024-03-03T20:29:40Z"]);
    let run = place.last_run();
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.iter().filter(|result| !result["core"].is_null()).count(), 6, "{run}");
    let per_w = number(&run["result"]["rate_per_w"]);
    assert!((per_w / 362e6 - 1.0).abs() < 1e-3, "{per_w}");
}

#[test]
fn two_outlets_are_two_meters_or_their_sum() {
    let text = "time,outlet,watts\n1704067200,1,10\n1704067200,2,20\n1704067201,1,10\n1704067201,2,20\n\
                1704067202,1,10\n1704067202,2,20\n";
    let window = ["--from", "2024-01-01T00:00:00Z", "--to", "2024-01-01T00:00:02Z"];
    for more in [&["--name", "pdu"][..], &["--name", "pdu", "--sum"]] {
        let place = Place::new();
        let said = place.wall(text, more);
        let wanted = if more.len() > 2 {
            "wall meter `pdu`: 3 readings"
        } else {
            "wall meters `pdu-1`, `pdu-2`: 6 readings"
        };
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(number(&place.report(window)["cluster"]["energy_j"]), 60.0, "{more:?}");
    }
}

#[test]
fn times_that_are_none_are_refused_and_elapsed_ones_taken_if_the_beginning_is_told() {
    let place = Place::new();
    let elapsed = "time,power\n0,23.4\n1,23.4\n2,23.4\n";
    let why = place.refused(elapsed, &[]);
    assert!(why.contains("line 2: `0` is no time") && why.contains("--time elapsed and --start"), "{why}");
    for (text, part) in [
        ("time_ms,power\n0,23.4\n1000,23.5\n", "--time elapsed"),
        ("date;power\n45292.5;23,4\n", "spreadsheet's date"),
        ("time,power\n4102444800,23.4\n", "ahead of this machine's clock"),
    ] {
        let why = place.refused(text, &[]);
        assert!(why.contains(part) && why.contains("line 2"), "{why}");
    }
    let why = place.refused(elapsed, &["--time", "elapsed"]);
    assert!(why.contains("--time elapsed wants --start"), "{why}");
    place.wall(elapsed, &["--time", "elapsed", "--start", "2024-01-01T00:00:00Z"]);
    let window = ["--from", "2024-01-01T00:00:00Z", "--to", "2024-01-01T00:00:02Z"];
    let joules = number(&place.report(window)["cluster"]["energy_j"]);
    assert!((joules - 46.8).abs() < 1e-9, "{joules}");
}

/// The shape of the methodology's worked example: energy counters of many channels every five seconds, and HPL's
/// log. 40 channels draw 1,500 W from a second before HPL's first stamp to its last, and 500 W else.
fn counters_of_40_channels() -> String {
    // 2024-03-12T17:10:00Z to 17:50:00Z, and HPL's stamps in seconds from there.
    let (start_s, from_s, to_s) = (1_710_263_400_i64, 916.0, 1757.0);
    let counted_j = |second: f64| 500.0 * second + 1000.0 * (second.clamp(from_s, to_s) - from_s);
    let mut text = String::from("# integrated from 10 kHz samples\ntime;channel;Energy (W·min)\n");
    for second in (0..=2400_i32).step_by(5) {
        for channel in 0..40_i32 {
            // Each began to count at another time, and one begins anew before the core phase.
            let anew = channel == 7 && second >= 600;
            let before_j = if anew { counted_j(600.0) } else { -5e4 * f64::from(channel) };
            let counted = format!("{:.9}", (counted_j(f64::from(second)) - before_j) / 60.0);
            text += &format!("{};PDU {channel};{}\n", start_s + i64::from(second), counted.replace('.', ","));
        }
    }
    text
}

#[test]
fn counters_of_many_channels_reach_level_3_with_the_methodologys_own_figure() {
    let place = Place::new();
    let said = place.wall(&counters_of_40_channels(), &["--accuracy", "0.01", "--name", "rack"]);
    assert!(
        said.starts_with("wall meters `rack-PDU 0`, `rack-PDU 1`, `rack-PDU 10` and 37 more: 19240"),
        "{said}"
    );
    assert!(said.contains("counters began anew 1 times"), "{said}");
    place.hpl("hpl-2.3-new-york.txt", &["--start", "2024-03-12T17:20:00Z", "--label", "nodes=4"]);
    let run = place.last_run();
    let result = &run["result"];
    // From 17:25:20 to 17:39:15 all of it is at full power.
    let exact = 50.732e9 / 60e3;
    assert!((number(&result["rate_per_w_by_readings"]) / exact - 1.0).abs() < 1e-9, "{result}");
    // At its edges ours has a part of two steps whose power changed within them.
    let ours = number(&result["rate_per_w"]) / exact;
    assert!((1.0005..1.003).contains(&ours), "{ours}");
    assert_eq!(run["methodology"]["level"], 3, "{}", run["methodology"]);
    let page = stdout(&["runs", "--data", &place.data(), "show", "last"]).replace("\n               ", " ");
    assert!(page.contains("845.5 kFLOPS/W by the methodology's rule"), "{page}");
}

#[test]
fn a_submission_has_all_that_its_figure_is_computed_from() {
    let place = Place::new();
    place.wall(&counters_of_40_channels(), &["--accuracy", "0.01", "--name", "rack"]);
    place.hpl("hpl-2.3-new-york.txt", &["--start", "2024-03-12T17:20:00Z", "--label", "nodes=4"]);
    let directory = place.path("green500");
    let said = stdout(&["submission", "--data", &place.data(), "last", &directory]);
    let files = "checklist.md, readings.csv, figure.awk, system.md, run.json, output.txt";
    assert!(said.contains(files), "{said}");
    let computed = Command::new("awk")
        .args(["-f", "figure.awk", "readings.csv"])
        .current_dir(&directory)
        .output()
        .expect("awk is part of every Debian");
    let computed = String::from_utf8(computed.stdout).expect("UTF-8");
    let figure = |line: &str| -> f64 {
        let line = computed.lines().find(|text| text.starts_with(line)).expect("a line");
        line.split(' ').nth_back(1).expect("a figure").parse().expect("a number")
    };
    let result = &place.last_run()["result"];
    for (line, field) in [("first to last", "rate_per_w_by_readings"), ("to the edges", "rate_per_w")] {
        let known = number(&result[field]);
        assert!((figure(line) / known - 1.0).abs() < 1e-6, "{computed}{field} {known}");
    }
    let checklist = fs::read_to_string(format!("{directory}/checklist.md")).expect("readable");
    for part in [
        "| quality level that all rules reach | level 3 |",
        "| nodes | 4 (as --label nodes says) |",
        "| rack-PDU 7 | wall | energy counter, measured | ± 1 % of the reading ± 0 W | 10000 per s |",
        "*to be filled in*",
    ] {
        assert!(checklist.contains(part), "{part}\n{checklist}");
    }
    let again = run(&["submission", "--data", &place.data(), "last", &directory]);
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("is not empty; give another directory"),
        "{again:?}"
    );
}
