//! What is shown of which board, as a page of the documentation: the agent reads each fixture board, and the collector's
//! own rules choose among what it said.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use picollect_agent::config::{Options, TargetOptions, settings};
use picollect_agent::queue::Counts;
use picollect_agent::run::Agent;
use picollect_analysis::nodes::observe;
use picollect_evaluate::Window;
use picollect_query::{last_of_each, primary_meter, processor_temperature};
use picollect_store::{SeriesKey, Store};
use picollect_telemetry::catalogue::{REQUESTED_HZ, TEMP, WATTS};
use picollect_telemetry::line::{Point, Precision, decode};

/// Folder and name of each board.
const BOARDS: [(&str, &str); 9] = [
    ("pi-3b-plus", "Pi 3B+"),
    ("pi-4b", "Pi 4 with an INA219"),
    ("pi-5", "Pi 5"),
    ("cm5", "Compute Module 5"),
    ("zero-2-w", "Zero 2 W"),
    ("jetson-orin-nano", "Jetson Orin Nano"),
    ("rock-5b", "Rock 5B"),
    ("x86", "Intel mini PC"),
    ("amd-mini-pc", "AMD mini PC"),
];
const PAGE: &str = "# What is shown of which board

Made by `tests/board_table.rs` from the fixture boards in `tests/boards`: the agent reads each, and
the rules that reports, panels and alerts share choose. *Passed over* is what was read too and is
not the node's figure. A meter that only counts has no figure here, since its pace is the test's.

A file cannot stand for the firmware's mailbox. Where it answers, a Raspberry Pi also has the zone
`firmware`, the real clock, the core's voltage and all throttle flags; a Pi 5 and a Compute Module
5 measure their rails (`pmic`, boundary `soc-rails`), estimate the node from them
(`pmic-corrected`), and measure the voltage at their input.

| board | temperature | clock | power | boundary | flags | passed over |
|---|---|---|---|---|---|---|
";
const DASH: &str = "unknown";
/// Samples that a meter gets to show something.
const PATIENCE: usize = 100;
/// A counter moves at the pace of this test.
const COUNTERS: [&str; 1] = ["rapl"];

/// Copies a fixture board: its counters are to move.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a fixture board") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file");
        }
    }
}

/// Half of all cores' time is work, and the energy counter goes on.
fn live(board: &Path, step: u64) {
    let ticks = 1000 + 10 * step;
    let cores: String = (0..4).map(|core| format!("cpu{core} {ticks} 0 0 {ticks} 0 0 0 0 0 0\n")).collect();
    let all = 4 * ticks;
    fs::write(board.join("proc/stat"), format!("cpu  {all} 0 0 {all} 0 0 0 0 0 0\n{cores}"))
        .expect("writable");
    let counter = board.join("sys/class/powercap/intel-rapl:0/energy_uj");
    if counter.exists() {
        fs::write(counter, (1_000_000 * step).to_string()).expect("writable");
    }
}

/// What the agent says of a board once its meters show something, or have nothing to show.
fn points(board: &Path) -> Vec<Point> {
    let options = Options { root: board.to_owned(), ..Options::default() };
    let settings = settings(&options, &TargetOptions::default()).expect("no configuration is one");
    live(board, 0);
    let mut agent = Agent::new(&settings).expect("the board is read");
    let mut last = Vec::new();
    for step in 1..=PATIENCE {
        live(board, step as u64);
        let (lines, _) = agent.sample(Counts::default());
        last = decode(&lines.bytes, Precision::Nanoseconds, 0).points;
        let shows = |point: &Point| point.fields.iter().any(|(name, _)| name == WATTS.field);
        let mut meters = last.iter().filter(|point| point.measurement == WATTS.measurement);
        if step > 2 && meters.all(shows) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    agent.stop().order();
    last
}

fn row(name: &str, points: &[Point]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let store = picollect_store::open(directory.path()).expect("a store");
    store.append(points).expect("it is written");
    let now_ms = points.iter().map(|point| point.t_ms).max().expect("it said something");
    let node = observe(&store, now_ms).expect("the store reads").remove(0);
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    let zones = processor_temperature(&store, &node.host, moment, 10_000).expect("the store reads");
    let zones = zones.map(|found| found.keys).unwrap_or_default();
    let each = last_of_each(&store, &node.host, &WATTS, now_ms, 10_000).expect("the store reads");
    let meter = primary_meter(each.iter().map(|(key, _)| key)).map(|index| &each[index]);
    let tag = |key: &SeriesKey, tag: &str| key.tag(tag).unwrap_or_default().to_owned();
    let zone_names: Vec<String> = zones.iter().map(|key| format!("`{}`", tag(key, "zone"))).collect();
    let temperature = node.temp_c.map(|temp_c| format!("{temp_c:.1} °C, {}", zone_names.join(", ")));
    let clock = node.clock_hz.map(|hz| format!("{:.2} GHz, requested", hz / 1e9));
    let power = meter.map(|(key, sample)| {
        let (meter, source) = (tag(key, "meter"), tag(key, "source"));
        let counts = COUNTERS.contains(&meter.as_str());
        let watts = if counts { "counted".to_owned() } else { format!("{:.2} W", sample.value) };
        format!("{watts}, {source} by `{meter}`")
    });
    let boundary = meter.map(|(key, _)| tag(key, "boundary"));
    let known = |text: Option<String>| text.unwrap_or_else(|| DASH.to_owned());
    let shown = [known(temperature), known(clock), known(power), known(boundary), flags(points)];
    format!("| {name} | {} | {} |\n", shown.join(" | "), passed_over(points, &store, &node.host, now_ms))
}

fn flags(points: &[Point]) -> String {
    let of = |point: &Point| {
        let names: Vec<&str> = point.fields.iter().map(|(name, _)| name.as_str()).collect();
        format!("{} by {}", names.join(", ").replace('_', "-"), point.tag("origin").unwrap_or_default())
    };
    let known: Vec<String> = points.iter().filter(|point| point.measurement == "throttle").map(of).collect();
    if known.is_empty() { DASH.to_owned() } else { known.join("; ") }
}

/// Zones and meters that were read and are not the node's, and other processors' clocks.
fn passed_over(points: &[Point], store: &dyn Store, host: &str, now_ms: i64) -> String {
    let moment = Window { start_ms: now_ms, end_ms: now_ms };
    let zones = processor_temperature(store, host, moment, 10_000).expect("the store reads");
    let chosen: Vec<String> = zones
        .iter()
        .flat_map(|found| &found.keys)
        .filter_map(|key| key.tag("zone").map(str::to_owned))
        .collect();
    let mut passed = Vec::new();
    for point in points.iter().filter(|point| point.measurement == TEMP.measurement) {
        let zone = point.tag("zone").unwrap_or_default();
        if let Some((_, value)) = point.fields.first().filter(|_| chosen.iter().all(|name| name != zone)) {
            passed.push(format!("`{zone}` {:.1} °C", value.as_f64().unwrap_or_default()));
        }
    }
    let each = last_of_each(store, host, &WATTS, now_ms, 10_000).expect("the store reads");
    let primary = primary_meter(each.iter().map(|(key, _)| key));
    for (_, (key, sample)) in each.iter().enumerate().filter(|(index, _)| Some(*index) != primary) {
        let boundary = key.tag("boundary").unwrap_or_default();
        passed.push(format!("`{}` {:.2} W ({boundary})", key.tag("meter").unwrap_or_default(), sample.value));
    }
    let clocks =
        points.iter().filter(|point| point.tag("core").is_some_and(|core| core.starts_with("policy")));
    let requested = clocks.filter_map(|point| {
        let (_, hz) = point.fields.iter().find(|(name, _)| name == REQUESTED_HZ.field)?;
        Some(format!("{} {:.2} GHz", point.tag("core")?, hz.as_f64()? / 1e9))
    });
    let requested: Vec<String> = requested.collect();
    if requested.len() > 1 {
        passed.push(requested.join(", "));
    }
    if passed.is_empty() { "nothing".to_owned() } else { passed.join("; ") }
}

#[test]
fn the_page_of_boards_says_what_is_shown_of_each() {
    let mut page = PAGE.to_owned();
    for (folder, name) in BOARDS {
        let copied = tempfile::tempdir().expect("a directory");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boards").join(folder), copied.path());
        let _ = write!(page, "{}", row(name, &points(copied.path())));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/boards.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &page).expect("the page is writable");
    }
    let want = fs::read_to_string(path).expect("docs/boards.md; run with UPDATE_GOLDEN=1");
    assert!(want == page, "docs/boards.md differs\n--- want\n{want}\n--- got\n{page}");
}
