//! The invariants of ARCHITECTURE.md that a program can check.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each of our crates may depend on.
const MAY_DEPEND_ON: [(&str, &[&str]); 11] = [
    ("picollect-telemetry", &[]),
    ("picollect-settings", &[]),
    ("picollect-lcd", &["picollect-telemetry"]),
    ("picollect-evaluate", &["picollect-telemetry"]),
    ("picollect-promql", &[]),
    ("picollect-store-format", &["picollect-telemetry"]),
    ("picollect-agent", &["picollect-lcd", "picollect-settings", "picollect-telemetry"]),
    (
        "picollect-collector",
        &[
            "picollect-evaluate",
            "picollect-lcd",
            "picollect-promql",
            "picollect-settings",
            "picollect-store-format",
            "picollect-telemetry",
        ],
    ),
    ("picollect", &["picollect-agent", "picollect-collector", "picollect-settings"]),
    // Nobody depends on it; what it makes are files.
    ("picollect-dashboards", &["picollect-collector", "picollect-evaluate", "picollect-telemetry"]),
    // The bench is no part of what is shipped.
    ("picollect-emulated-pi", &["picollect-agent", "picollect-lcd"]),
];

/// Foreign crates that only some of ours may use.
const ONLY_IN: [(&str, &[&str]); 18] = [
    ("influxdb2", &["picollect-collector"]),
    ("reqwest", &["picollect-collector"]),
    ("lettre", &["picollect-collector"]),
    ("prost", &["picollect-collector"]),
    ("rcgen", &["picollect-collector"]),
    ("ring", &["picollect-settings"]),
    ("snap", &["picollect-collector"]),
    ("tokio", &["picollect-collector"]),
    ("axum", &["picollect-collector"]),
    ("rusqlite", &["picollect-collector"]),
    ("ureq", &["picollect-agent", "picollect-collector", "picollect-settings"]),
    ("linux-embedded-hal", &["picollect-agent"]),
    ("rppal", &["picollect-agent", "picollect-emulated-pi"]),
    ("hd44780-driver", &["picollect-lcd"]),
    ("promql-parser", &["picollect-promql"]),
    ("jiff", &["picollect-agent", "picollect-evaluate"]),
    ("pco", &["picollect-store-format"]),
    ("crc32fast", &["picollect-store-format"]),
];

/// The longest source file; the tables among them are allowed to be long.
const MAX_FILE_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each package of the workspace with the names of what it is built from; what only its tests need is
/// left out.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let arguments = ["metadata", "--format-version=1", "--no-deps", "--locked", "--offline"];
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let needed = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]))
            .collect()
    };
    packages.map(|package| (text(&package["name"]), needed(package))).collect()
}

/// The sources below a directory, without what follows `#[cfg(test)]`.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(directory)];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of the workspace") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

const ROOMS: [&str; 10] = [
    "crates/telemetry/src",
    "crates/settings/src",
    "lcd/src",
    "crates/evaluate/src",
    "crates/promql/src",
    "crates/store-format/src",
    "node-agent/src",
    "collector/src",
    "dashboards/src",
    "src",
];

/// The files of these rooms that contain any of these words, except the named ones.
fn naming(rooms: &[&str], words: &[&str], except: &[&str]) -> Vec<String> {
    let files = rooms.iter().flat_map(|room| sources(room));
    let offends = |(path, code): &(PathBuf, String)| {
        let named = except.iter().any(|allowed| path.ends_with(allowed));
        !named
            && code.lines().any(|line| {
                !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word))
            })
    };
    files.filter(offends).map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn dependencies_point_one_way() {
    let graph = dependencies();
    assert_eq!(graph.len(), MAY_DEPEND_ON.len(), "every package of the workspace has its rule");
    for (package, allowed) in MAY_DEPEND_ON {
        let ours = graph[package].iter().filter(|name| name.starts_with("picollect"));
        let forbidden: Vec<_> = ours.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(forbidden.is_empty(), "{package} must not depend on {forbidden:?}");
    }
}

#[test]
fn heavy_crates_stay_in_their_room() {
    for (package, needed) in dependencies() {
        for (name, rooms) in ONLY_IN {
            let forbidden = needed.iter().any(|needed| needed == name) && !rooms.contains(&package.as_str());
            assert!(!forbidden, "{package} must not depend on {name}");
        }
    }
}

#[test]
fn the_pure_crates_do_no_io_and_read_no_clock() {
    let words = ["std::fs", "std::net", "std::env", "std::io::std", "SystemTime", "Instant::now", "println!"];
    assert_eq!(
        naming(
            &[
                "crates/telemetry/src",
                "crates/evaluate/src",
                "crates/promql/src",
                "crates/store-format/src",
                "dashboards/src"
            ],
            &words,
            &[]
        ),
        [""; 0]
    );
}

#[test]
fn no_file_names_the_kernels_directories_from_the_top() {
    assert_eq!(naming(&ROOMS, &["\"/sys", "\"/proc", "\"/dev"], &[]), [""; 0]);
}

#[test]
fn only_two_calls_of_the_kernel_leave_safe_rust() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
    assert_eq!(naming(&ROOMS, &words, &["mailbox/vcio.rs", "sensors/clock_state.rs"]), [""; 0]);
}

#[test]
fn only_client_and_web_know_http() {
    assert_eq!(naming(&["node-agent/src"], &["ureq"], &["client.rs"]), [""; 0]);
    let web = ["web.rs", "web/prometheus.rs", "web/write.rs", "server.rs", "server/connections.rs"];
    assert_eq!(naming(&["collector/src"], &["axum"], &web), [""; 0]);
    let clients = ["client.rs", "http_client.rs", "prometheus/http.rs", "receivers/post.rs"];
    assert_eq!(naming(&["collector/src"], &["ureq"], &clients), [""; 0]);
}

#[test]
fn only_one_file_knows_whose_i2c_bus_it_is() {
    assert_eq!(naming(&["node-agent/src"], &["rppal::i2c", "linux_embedded_hal"], &["i2c.rs"]), [""; 0]);
}

#[test]
fn a_back_end_is_known_only_behind_the_store() {
    let embedded =
        ["backup.rs", "change.rs", "database.rs", "format_1.rs"].map(|file| format!("embedded/{file}"));
    let embedded = embedded.each_ref().map(String::as_str);
    assert_eq!(naming(&["collector/src"], &["rusqlite"], &embedded), [""; 0]);
    let influxdb2 = ["store.rs", "influxdb2.rs", "influxdb2/client.rs"];
    assert_eq!(
        naming(&["collector/src"], &["reqwest", "influxdb2::", "influxdb2_structmap"], &influxdb2),
        [""; 0]
    );
    let files = sources("collector/src");
    let (_, store) =
        files.iter().find(|(path, _)| path.ends_with("collector/src/store.rs")).expect("the trait");
    let methods = store.split("pub trait Store").nth(1).expect("the trait").matches("    fn ").count();
    assert!((1..=8).contains(&methods), "Store has {methods} methods");
}

/// What is shipped to nodes has neither the engines' clients nor what they are built on.
#[test]
fn the_agent_is_built_without_the_engines() {
    let arguments =
        ["tree", "--locked", "--offline", "-p", "picollect-agent", "-e", "normal", "--prefix", "none"];
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    let engines = ["influxdb2", "reqwest", "hyper", "tokio", "prost", "snap", "rusqlite", "pco"];
    let found: Vec<_> = tree
        .lines()
        .filter(|line| engines.iter().any(|name| line.starts_with(&format!("{name} v"))))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_source_file_is_too_long() {
    for room in ROOMS.iter().chain(&["tests", "crates/evaluate/tests", "crates/promql/tests"]) {
        for (path, _) in sources(room) {
            let lines = fs::read_to_string(&path).expect("a source").lines().count();
            assert!(lines <= MAX_FILE_LINES, "{} has {lines} lines", path.display());
        }
    }
}
