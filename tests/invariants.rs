//! The invariants of ARCHITECTURE.md that a program can check.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each of our crates may depend on. Cargo holds the directions: what is not named here cannot be
/// imported.
const MAY_DEPEND_ON: [(&str, &[&str]); 31] = [
    // What agent and collector share.
    ("picollect-telemetry", &[]),
    ("picollect-terminal", &[]),
    ("picollect-settings", &[]),
    ("picollect-lcd", &["picollect-telemetry"]),
    // What is pure.
    ("picollect-evaluate", &["picollect-telemetry"]),
    ("picollect-promql", &[]),
    ("picollect-hpl", &[]),
    ("picollect-store-format", &["picollect-telemetry"]),
    // The agent.
    ("picollect-board", &["picollect-telemetry"]),
    ("picollect-sensors", &["picollect-board", "picollect-telemetry"]),
    ("picollect-metering", &["picollect-board", "picollect-telemetry"]),
    (
        "picollect-agent",
        &[
            "picollect-board",
            "picollect-lcd",
            "picollect-metering",
            "picollect-sensors",
            "picollect-settings",
            "picollect-telemetry",
        ],
    ),
    // A bus for tests and for the bench of the emulated Pi; it is in nothing that is shipped.
    ("picollect-i2c-model", &["picollect-board", "picollect-lcd"]),
    // The HTTP of the crate influxdb2, by the name that it asks for.
    ("reqwest", &[]),
    // The collector, from the store up to the command line.
    (
        "picollect-store",
        &["picollect-evaluate", "picollect-settings", "picollect-store-format", "picollect-telemetry"],
    ),
    (
        "picollect-samples",
        &["picollect-evaluate", "picollect-settings", "picollect-store", "picollect-telemetry"],
    ),
    ("picollect-config", &["picollect-evaluate", "picollect-settings", "picollect-store"]),
    (
        "picollect-query",
        &[
            "picollect-config",
            "picollect-evaluate",
            "picollect-promql",
            "picollect-settings",
            "picollect-store",
            "picollect-telemetry",
        ],
    ),
    // What a report is and how it is written; it knows no store.
    (
        "picollect-report",
        &["picollect-evaluate", "picollect-settings", "picollect-telemetry", "picollect-terminal"],
    ),
    (
        "picollect-analysis",
        &[
            "picollect-config",
            "picollect-evaluate",
            "picollect-promql",
            "picollect-query",
            "picollect-report",
            "picollect-settings",
            "picollect-store",
            "picollect-telemetry",
        ],
    ),
    (
        "picollect-client",
        &[
            "picollect-analysis",
            "picollect-config",
            "picollect-settings",
            "picollect-store",
            "picollect-telemetry",
        ],
    ),
    (
        "picollect-run",
        &[
            "picollect-analysis",
            "picollect-client",
            "picollect-evaluate",
            "picollect-query",
            "picollect-settings",
            "picollect-telemetry",
            "picollect-terminal",
        ],
    ),
    ("picollect-bench", &["picollect-evaluate", "picollect-settings"]),
    // Who may do what: the collector asks it of programs, the page of browsers, the command line changes it.
    ("picollect-tokens", &["picollect-settings", "picollect-telemetry"]),
    (
        "picollect-page",
        &[
            "picollect-analysis",
            "picollect-config",
            "picollect-evaluate",
            "picollect-lcd",
            "picollect-query",
            "picollect-settings",
            "picollect-store",
            "picollect-telemetry",
            "picollect-tokens",
        ],
    ),
    (
        "picollect-collector",
        &[
            "picollect-analysis",
            "picollect-config",
            "picollect-evaluate",
            "picollect-page",
            "picollect-query",
            "picollect-settings",
            "picollect-store",
            "picollect-telemetry",
            "picollect-tokens",
        ],
    ),
    (
        "picollect-cli",
        &[
            "picollect-analysis",
            "picollect-bench",
            "picollect-client",
            "picollect-collector",
            "picollect-config",
            "picollect-evaluate",
            "picollect-hpl",
            "picollect-lcd",
            "picollect-page",
            "picollect-query",
            "picollect-run",
            "picollect-samples",
            "picollect-settings",
            "picollect-store",
            "picollect-telemetry",
        ],
    ),
    ("picollect", &["picollect-agent", "picollect-cli", "picollect-settings"]),
    // Nobody depends on it; what it makes are files.
    ("picollect-dashboards", &["picollect-evaluate", "picollect-telemetry"]),
    // The bench is no part of what is shipped.
    ("picollect-emulated-pi", &["picollect-board", "picollect-i2c-model", "picollect-lcd"]),
    // Tests of their own.
    (
        "picollect-fuzz",
        &[
            "picollect-agent",
            "picollect-analysis",
            "picollect-board",
            "picollect-collector",
            "picollect-config",
            "picollect-evaluate",
            "picollect-lcd",
            "picollect-metering",
            "picollect-promql",
            "picollect-samples",
            "picollect-sensors",
            "picollect-settings",
            "picollect-store",
            "picollect-store-format",
            "picollect-telemetry",
        ],
    ),
];

/// Foreign crates that only some of ours may use.
const ONLY_IN: [(&str, &[&str]); 22] = [
    ("influxdb2", &["picollect-store"]),
    ("reqwest", &["picollect-store"]),
    ("lettre", &["picollect-collector", "picollect-config"]),
    ("prost", &["picollect-store"]),
    ("rcgen", &["picollect-collector"]),
    ("ring", &["picollect-settings"]),
    ("snap", &["picollect-store"]),
    (
        "tokio",
        &[
            "picollect-cli",
            "picollect-collector",
            "picollect-fuzz",
            "picollect-page",
            "picollect-store",
            "reqwest",
        ],
    ),
    ("axum", &["picollect-collector", "picollect-fuzz", "picollect-page"]),
    ("rusqlite", &["picollect-store"]),
    (
        "ureq",
        &[
            "picollect-agent",
            "picollect-client",
            "picollect-collector",
            "picollect-settings",
            "picollect-store",
            "reqwest",
        ],
    ),
    ("faer", &["picollect-bench"]),
    ("maud", &["picollect-page", "picollect-report"]),
    ("linux-embedded-hal", &["picollect-board"]),
    ("rppal", &["picollect-agent", "picollect-board", "picollect-emulated-pi"]),
    ("hd44780-driver", &["picollect-lcd"]),
    ("ssd1306", &["picollect-lcd"]),
    ("embedded-graphics", &["picollect-lcd"]),
    ("promql-parser", &["picollect-promql"]),
    ("jiff", &["picollect-agent", "picollect-cli", "picollect-evaluate"]),
    ("pco", &["picollect-store-format"]),
    ("crc32fast", &["picollect-store-format"]),
];

/// The collector's crates: none grows into the one huge room that the collector once was.
const COLLECTOR_SIDE: [&str; 13] = [
    "picollect-analysis",
    "picollect-bench",
    "picollect-cli",
    "picollect-client",
    "picollect-collector",
    "picollect-config",
    "picollect-page",
    "picollect-query",
    "picollect-report",
    "picollect-run",
    "picollect-samples",
    "picollect-store",
    "picollect-tokens",
];
/// The most lines of sources of one of them, tests within them included.
const MAX_CRATE_LINES: usize = 9000;

/// The longest source file; the tables among them are allowed to be long.
const MAX_FILE_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo knows of a package of the workspace.
struct Package {
    name: String,
    /// What it is built from, without what only its tests need.
    needed: Vec<String>,
    /// Where its sources are, from the root of the repository.
    sources: String,
}

/// The packages of the workspace.
fn packages() -> Vec<Package> {
    let metadata = cargo(&["metadata", "--format-version=1", "--no-deps", "--locked", "--offline"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let package = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().expect("a folder").join("src");
        Package {
            name: text(&package["name"]),
            needed: all
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect(),
            sources: from_root(&folder),
        }
    };
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).expect("a path below the root").display().to_string()
}

/// The whole sources below a folder, each with its path from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((from_root(&path), fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found.sort();
    found
}

/// All folders with sources that become part of a program.
fn rooms() -> Vec<String> {
    let tests = ["picollect-emulated-pi", "picollect-fuzz"];
    packages()
        .into_iter()
        .filter(|package| !tests.contains(&package.name.as_str()))
        .map(|package| package.sources)
        .collect()
}

/// The lines of a file that are no comment.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Only these files, by their paths from the root, may contain any of these words outside comments, and each of
/// them does: an exemption that nothing needs is an error too. Tests within a file count like the rest of it.
#[track_caller]
fn only_in<F: AsRef<str>>(folders: &[F], words: &[&str], allowed: &[&str]) {
    let files = folders.iter().flat_map(|folder| sources(folder.as_ref()));
    let names_one = |text: &str| code(text).any(|line| words.iter().any(|word| line.contains(word)));
    let mut found: Vec<String> = files.filter(|(_, text)| names_one(text)).map(|(path, _)| path).collect();
    found.sort_unstable();
    let mut allowed: Vec<&str> = allowed.to_vec();
    allowed.sort_unstable();
    assert_eq!(found, allowed, "files with one of {words:?}, and those that may have one");
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    assert_eq!(packages.len(), MAY_DEPEND_ON.len(), "every package of the workspace has its rule");
    let graph: BTreeMap<&str, &Package> =
        packages.iter().map(|package| (package.name.as_str(), package)).collect();
    for (package, allowed) in MAY_DEPEND_ON {
        let ours = graph[package].needed.iter().filter(|name| name.starts_with("picollect"));
        let mut ours: Vec<&str> = ours.map(String::as_str).collect();
        ours.sort_unstable();
        assert_eq!(ours, allowed, "what {package} depends on, and what it may depend on");
    }
}

#[test]
fn heavy_crates_stay_in_their_room() {
    for package in packages() {
        for (name, rooms) in ONLY_IN {
            let needed = package.needed.iter().any(|needed| needed == name);
            assert!(
                !needed || rooms.contains(&package.name.as_str()),
                "{} must not depend on {name}",
                package.name
            );
        }
    }
}

#[test]
fn the_pure_crates_do_no_io_and_read_no_clock() {
    let folders = ["telemetry", "evaluate", "hpl", "promql", "report", "store-format"]
        .map(|name| format!("crates/{name}/src"));
    let folders = [folders.as_slice(), &["dashboards/src".to_owned()]].concat();
    let words = ["std::fs", "std::net", "std::env", "std::io::std", "SystemTime", "Instant::now", "println!"];
    // Their tests compare files: the catalogue's page, the runbook's sections.
    only_in(&folders, &words, &["crates/evaluate/src/alert_rules.rs", "crates/telemetry/src/catalogue.rs"]);
}

#[test]
fn no_file_names_the_kernels_directories_from_the_top() {
    // What people are told or write in a configuration, and what tests compare with that.
    let texts = [
        "crates/evaluate/src/advice.rs",
        "node-agent/src/config/lcd.rs",
        "node-agent/src/lcd/trial.rs",
        "crates/sensors/src/ambient.rs",
        // The collector asks how much memory its own machine has, and no board.
        "crates/config/src/limits.rs",
    ];
    only_in(&rooms(), &["\"/sys", "\"/proc", "\"/dev"], &texts);
}

#[test]
fn only_two_calls_of_the_kernel_leave_safe_rust() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
    only_in(&rooms(), &words, &["crates/board/src/mailbox/vcio.rs", "crates/sensors/src/clock_state.rs"]);
}

#[test]
fn only_client_and_web_know_http() {
    only_in(&["node-agent/src"], &["ureq"], &["node-agent/src/client.rs"]);
    let web = [
        "collector/src/memory.rs",
        "collector/src/server.rs",
        "collector/src/server/connections.rs",
        "collector/src/server/watched_service.rs",
        "collector/src/web.rs",
        "collector/src/web/health.rs",
        "collector/src/web/prometheus.rs",
        "collector/src/web/scraped.rs",
        "collector/src/web/write.rs",
    ];
    only_in(&["collector/src"], &["axum"], &web);
    let clients = ["collector/src/alerts/receivers/post.rs", "collector/src/http_client.rs"];
    only_in(&["collector/src"], &["ureq"], &clients);
    only_in(&["crates/store/src"], &["ureq"], &["crates/store/src/prometheus/http.rs"]);
}

#[test]
fn only_one_file_knows_whose_i2c_bus_it_is() {
    only_in(&rooms(), &["rppal::i2c", "linux_embedded_hal"], &["crates/board/src/i2c.rs"]);
}

#[test]
fn a_back_end_is_known_only_behind_the_store() {
    // The test of `verify` damages a file.
    let embedded = [
        "backup",
        "database",
        "errors",
        "format_1",
        "read_transaction",
        "schema",
        "verify",
        "write_transaction",
    ];
    let embedded = embedded.map(|file| format!("crates/store/src/embedded/{file}.rs"));
    only_in(&["crates/store/src"], &["rusqlite"], &embedded.each_ref().map(String::as_str));
    let influxdb2 = ["influxdb2.rs", "influxdb2/client.rs", "lib.rs"];
    let influxdb2 = influxdb2.map(|file| format!("crates/store/src/{file}"));
    let words = ["reqwest", "influxdb2::", "influxdb2_structmap"];
    only_in(&["crates/store/src"], &words, &influxdb2.each_ref().map(String::as_str));
}

/// What is shipped to nodes has neither the engines' clients nor what they are built on.
#[test]
fn the_agent_is_built_without_the_engines() {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--offline",
        "-p",
        "picollect-agent",
        "-e",
        "normal",
        "--prefix",
        "none",
    ]);
    let engines = ["influxdb2", "reqwest", "hyper", "tokio", "prost", "snap", "rusqlite", "pco"];
    let found: Vec<_> = tree
        .lines()
        .filter(|line| engines.iter().any(|name| line.starts_with(&format!("{name} v"))))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_source_file_is_too_long() {
    let tests = ["tests", "crates/evaluate/tests", "crates/promql/tests"].map(str::to_owned);
    for (path, text) in rooms().iter().chain(&tests).flat_map(|room| sources(room)) {
        let lines = text.lines().count();
        assert!(lines <= MAX_FILE_LINES, "{path} has {lines} lines");
    }
}

#[test]
fn no_crate_of_the_collector_is_too_large() {
    for package in packages().iter().filter(|package| COLLECTOR_SIDE.contains(&package.name.as_str())) {
        let lines: usize = sources(&package.sources).iter().map(|(_, text)| text.lines().count()).sum();
        assert!(lines <= MAX_CRATE_LINES, "{} has {lines} lines", package.name);
    }
}
