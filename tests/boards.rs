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

/// Holds a board's sample, as lines and on the panel, against its goldens. The firmware's device cannot
/// be a file, so these boards show what is left without it.
fn says_what_its_files_say(board: &str) {
    let root = format!("{}/tests/boards/{board}", env!("CARGO_MANIFEST_DIR"));
    let lines = stdout(&["agent", "once", "--root", &root]);
    let lines: Vec<_> = lines.lines().map(without_the_moment).collect();
    assert_golden(&format!("{board}.lines"), &(lines.join("\n") + "\n"));
    let panel = stdout(&["agent", "once", "--root", &root, "--format", "lcd"]);
    assert_golden(&format!("{board}.lcd"), &panel);
    let probe = stdout(&["agent", "probe", "--root", &root]);
    let rows: Vec<_> = probe.lines().map(without_cost_and_moment).collect();
    assert_golden(&format!("{board}.probe"), &(rows.join("\n") + "\n"));
}

/// What a reading costs, and the values that are not the board's, are those of the moment.
fn without_cost_and_moment(row: &str) -> String {
    let moment = ["disk space", "kernel clock", "the agent itself"];
    let (head, cost_and_value) = row.split_at(row.char_indices().nth(39).map_or(row.len(), |(at, _)| at));
    if row.starts_with(' ') || row.starts_with("SENSOR") {
        return row.to_owned();
    }
    let value = cost_and_value.trim_start().split_once("  ").map_or("", |(_cost, value)| value);
    let value = if moment.iter().any(|name| row.starts_with(name)) { "…" } else { value };
    format!("{head}       …  {value}").trim_end().to_owned()
}

#[test]
fn a_pi_3b_plus_on_a_bad_supply_says_what_its_files_say() {
    says_what_its_files_say("pi-3b-plus");
}

#[test]
fn a_pi_4b_with_a_meter_says_what_its_files_say() {
    says_what_its_files_say("pi-4b");
}

#[test]
fn a_pi_5_with_its_fan_says_what_its_files_say() {
    says_what_its_files_say("pi-5");
}

#[test]
fn an_x86_says_what_its_files_say_and_nothing_of_a_pi() {
    says_what_its_files_say("x86");
}

#[test]
fn boards_of_other_makers_and_newer_ones_say_what_their_files_say() {
    for board in ["amd-mini-pc", "cm5", "jetson-orin-nano", "rock-5b", "zero-2-w"] {
        says_what_its_files_say(board);
    }
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
