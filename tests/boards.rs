//! Fixture boards: what the agent says of a board's files.

use crate::golden::assert_golden;
use crate::process::stdout;

/// Times and running totals are those of the moment, the space on the disk and the clock are those of the
/// machine that reads the board; everything else is the board's.
fn without_the_moment(line: &str) -> String {
    let (rest, _time) = line.rsplit_once(' ').expect("a line ends in its time");
    let moment = ["joules=", "metered_s=", "since_ms="];
    let of_this_machine = |series: &&str| series.starts_with("filesystem,") || series.starts_with("time,");
    if let Some(series) = rest.split(' ').next().filter(of_this_machine) {
        return format!("{series} …");
    }
    let mask = |field: &str| match moment.iter().find(|name| field.contains(*name)) {
        Some(name) => format!("{}{name}…", field.split_once(name).expect("it contains it").0),
        None => field.to_owned(),
    };
    rest.split(',').map(mask).collect::<Vec<_>>().join(",")
}

#[test]
fn a_pi_4b_with_a_meter_says_what_its_files_say() {
    let board = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boards/pi-4b");
    let lines = stdout(&["agent", "once", "--root", board]);
    let lines: Vec<_> = lines.lines().map(without_the_moment).collect();
    assert_golden("pi-4b.lines", &(lines.join("\n") + "\n"));
    assert_golden("pi-4b.lcd", &stdout(&["agent", "once", "--root", board, "--format", "lcd"]));
}

#[test]
fn the_sample_as_json_is_the_sample_as_lines() {
    let board = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boards/pi-4b");
    let json = stdout(&["agent", "once", "--root", board, "--format", "json"]);
    let points: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let thermal = points.iter().find(|point| point["measurement"] == "thermal").unwrap();
    assert_eq!(thermal["fields"]["temp_c"], 48.312);
    assert_eq!(thermal["tags"]["host"], "pi-4b");
}
