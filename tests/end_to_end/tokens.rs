//! A token does what it says; what the store has of somebody else's is named and harms nobody; files keep their owner.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;

use picollect_settings::time::{LATEST_MS, now_ms, rfc3339};
use picollect_store::Store as _;
use picollect_telemetry::line::{Precision, decode};
use serde_json::{Value, json};

use crate::process::{Collector, Process, eventually, picollect, run, stdout};

/// An answer: status and text.
fn answer(request: ureq::RequestBuilder<ureq::typestate::WithoutBody>, token: &str) -> (u16, String) {
    let request = request.config().http_status_as_error(false).build();
    let mut answer = request.header("Authorization", format!("Token {token}")).call().expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("a text"))
}

fn get(url: &str, path: &str, token: &str) -> (u16, String) {
    answer(ureq::get(format!("{url}{path}")), token)
}

fn post(url: &str, lines: &str, token: &str) -> (u16, String) {
    let request = ureq::post(format!("{url}/api/v2/write?precision=ms"));
    let request = request.config().http_status_as_error(false).build();
    let mut answer =
        request.header("Authorization", format!("Token {token}")).send(lines).expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("a text"))
}

fn create(data: &str, name: &str, scope: &str) -> String {
    stdout(&["token", "create", "--data", data, "--name", name, "--scope", scope]).trim().to_owned()
}

/// A run's document of the usual shape, as a line at its end.
fn run_line(id: &str, start_ms: i64, end_ms: i64, at_ms: i64) -> String {
    let document = json!({
        "schema": 1, "id": id, "name": "n", "host": "h", "nodes": null, "idle": null,
        "time": { "start_ms": start_ms, "end_ms": end_ms }, "end": { "exit": 0 }, "kept_in": null,
    });
    let document = document.to_string().replace('"', "\\\"");
    format!("run,name=n,run={id} end_ms=1,document=\"{document}\" {at_ms}\n")
}

const OF_VERSION_0_1: &str = include_str!("../../crates/tokens/src/of-version-0.1.json");

#[test]
fn an_upgrade_takes_runs_from_bound_tokens_and_leaves_them_to_unbound_ones_and_the_log_says_so() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let collector = Collector::start_by(|listen, data| {
        fs::write(Path::new(data).join("tokens.json"), OF_VERSION_0_1).unwrap();
        fs::create_dir(Path::new(data).join("codes")).unwrap();
        fs::set_permissions(Path::new(data).join("codes"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = picollect(&["serve", "--listen", listen, "--data", data]);
        command.stderr(log.reopen().unwrap());
        command
    });
    let now = now_ms();
    let (url, data) = (&collector.url, collector.data_text());
    let run = run_line("r", now - 2000, now - 1000, now - 1000);
    let (status, text) = post(url, &run, "pc_joined pi-1");
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("may not write `run`: that takes the scope `run`"), "{text}");
    assert_eq!(post(url, &format!("thermal,host=pi-1 temp_c=1 {now}"), "pc_joined pi-1").0, 204);
    assert_eq!(post(url, &run, "pc_agents").0, 204);
    assert_eq!(get(url, "/api/v1/run?id=r", "pc_agents").0, 200);
    assert_eq!(get(url, "/api/v1/run?id=r", "pc_grafana").0, 200);
    assert_eq!(post(url, &run, "pc_grafana").0, 403);
    let said = fs::read_to_string(log.path()).unwrap();
    assert!(said.contains("no longer runs: joined pi-1"), "{said}");
    assert!(said.contains("may record runs until the next release: agents"), "{said}");
    let codes = fs::metadata(collector.data().join("codes")).unwrap();
    assert_eq!(codes.permissions().mode() & 0o777, 0o700);

    let list = stdout(&["token", "list", "--data", data]);
    assert!(
        list.contains("agents                   write, run") && list.contains("the next release only"),
        "{list}"
    );
    stdout(&["token", "revoke", "--data", data, "agents"]);
    assert_eq!(post(url, &run, "pc_agents").0, 401, "at once");
    let list: Value = serde_json::from_str(&stdout(&["token", "list", "--json", "--data", data])).unwrap();
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["joined pi-1", "grafana"]);
    let again = run_command(&["token", "revoke", "--data", data, "agents"]);
    assert!(again.1.contains("no token named `agents`") && again.0 == Some(3), "{again:?}");
}

/// Exit code and what is said on standard error.
fn run_command(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn an_export_of_ours_is_taken_with_admin_only_and_a_retirement_too() {
    let collector = Collector::start();
    let (url, data) = (&collector.url, collector.data_text());
    let [write, run, admin] = ["write", "run", "admin"].map(|scope| create(data, scope, scope));
    let now = now_ms();
    let export = format!(
        "thermal,host=pi-1 temp_c=50 {now}\n{}energy,boundary=node,host=pi-1,meter=m,source=measured joules=9 {now}\n\
         power,boundary=wall,meter=rack,source=measured watts=40 {now}\n",
        run_line("r", now - 2000, now - 1000, now - 1000)
    );
    let (status, text) = post(url, &export, &write);
    assert_eq!(status, 422, "what is its own is taken: {text}");
    assert!(text.contains("1 samples written") && text.contains("the scope `admin`"), "{text}");
    assert_eq!(post(url, &export, &run).0, 422);
    assert_eq!(post(url, &export, &admin), (204, String::new()));
    assert_eq!(get(url, "/api/v1/nodes", &write).0, 403);
    assert_eq!(get(url, "/api/v1/nodes", &run).0, 200);
    assert_eq!(get(url, "/api/v1/summary", &write).0, 200);
    assert_eq!(post(url, &format!("retirement,host=pi-1 retired=1i {now}"), &write).0, 403);
    assert_eq!(post(url, &format!("retirement,host=pi-1 retired=1i {now}"), &admin).0, 204);
}

#[test]
fn what_is_no_run_of_ours_breaks_no_page_and_is_deleted_after_a_dry_run() {
    let mut collector = Collector::start();
    let token = fs::read_to_string(collector.token_file()).unwrap().trim().to_owned();
    let now = now_ms();
    let good = run_line("good", now - 2000, now - 1000, now - 1000);
    let far = run_line("far", now - 2000, LATEST_MS + 1, now - 1000);
    let always = run_line("always", i64::MIN, i64::MAX, now - 1000);
    assert_eq!(post(&collector.url, &format!("{good}{far}{always}"), &token).0, 204);
    // What no token may write, but what writes to the store itself.
    let marks = format!("resolution step_s=-60 {now}\nagent,host=x interval_s=-1 {now}\n");
    collector.store().append(&decode(marks.as_bytes(), Precision::Milliseconds, now).points).unwrap();

    let data = collector.data_text().to_owned();
    for path in ["/api/v1/runs", "/api/v1/report?since_ms=60000", "/api/v1/summary", "/api/v1/nodes"] {
        let (status, text) = get(&collector.url, path, &token);
        assert_eq!(status, 200, "{path}: {text}");
    }
    let (_, runs) = get(&collector.url, "/api/v1/runs", &token);
    assert!(runs.contains("good") && runs.contains("the run `far` is left out"), "{runs}");
    let (_, report) = get(&collector.url, "/api/v1/report?since_ms=60000", &token);
    assert!(report.contains("the run `always` is left out"), "{report}");
    assert!(stdout(&["runs", "--data", &data]).contains("the run `far` is left out"));
    assert_eq!(get(&collector.url, "/api/v1/run?id=far", &token).0, 404);
    for window in [
        format!("to_ms={}", i64::MAX),
        format!("from_ms={}", i64::MIN),
        format!("from_ms=0&to_ms={}", LATEST_MS + 1),
    ] {
        let (status, text) = get(&collector.url, &format!("/api/v1/report?{window}"), &token);
        assert_eq!(status, 400, "{window}: {text}");
        assert!(text.contains("outside of the years 1970 to 9999"), "{text}");
    }

    let delete = ["samples", "delete", "--data", &data, "--tag", "run=far"];
    let dry = stdout(&[&delete[..], &["--dry-run"]].concat());
    assert!(dry.contains("run,name=n,run=far document: 1 samples from"), "{dry}");
    assert!(dry.ends_with("2 samples of 2 series match\nnothing was deleted: --dry-run\n"), "{dry}");
    let (code, said) = run_command(&delete);
    assert!(code == Some(3) && said.contains("stop the collector before samples are deleted"), "{said}");
    collector.kill();
    assert!(stdout(&delete).ends_with("2 samples deleted\n"));
    let runs = stdout(&["runs", "--data", &data]);
    assert!(!runs.contains("far") && runs.contains("good") && runs.contains("always"), "{runs}");
    assert_eq!(run_command(&["samples", "delete", "--data", &data, "--to", &rfc3339(now)]).0, Some(2));
}

#[test]
fn an_answer_that_something_failed_names_no_file() {
    let collector = Collector::start();
    let token = fs::read_to_string(collector.token_file()).unwrap().trim().to_owned();
    let tokens = collector.data().join("tokens.json");
    fs::remove_file(&tokens).unwrap();
    fs::create_dir(&tokens).unwrap();
    for (status, text) in [
        get(&collector.url, "/api/v1/nodes", &token),
        get(&collector.url, "/api/v1/query?query=up", &token),
        post(&collector.url, "m f=1", &token),
    ] {
        assert_eq!(status, 500, "{text}");
        assert!(text.contains("its log says why") && !text.contains(collector.data_text()), "{text}");
    }
}

#[test]
fn what_up_makes_is_for_its_owner_alone_and_a_revoked_token_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start = || {
        let mut command = picollect(&["up", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
        Process::start_with_stdout(&mut command)
    };
    let token = || fs::read_to_string(data.join("agent.token")).unwrap_or_default();
    let up = start();
    eventually("there is a token", || !token().is_empty());
    let mode = |name: &str| fs::metadata(data.join(name)).unwrap().mode() & 0o777;
    assert_eq!(
        (mode("."), mode("tokens.json"), mode("agent.token"), mode("lock")),
        (0o700, 0o600, 0o600, 0o600)
    );
    up.kill();
    let before = token();
    stdout(&["token", "revoke", "--data", data.to_str().unwrap(), "agents"]);
    let up = start();
    eventually("there is another token", || token() != before && !token().is_empty());
    up.kill();
}

#[test]
fn a_command_whose_reader_is_gone_ends_in_silence_and_leaves_no_token() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    create(data, "a", "read");
    drop(picollect_store::open(directory.path()).unwrap());
    let commands: [&[&str]; 15] = [
        &["token", "create", "--data", data, "--name", "b", "--scope", "read"],
        &["token", "code", "--data", data],
        &["token", "list", "--data", data],
        &["nodes", "--data", data],
        &["runs", "--data", data],
        &["report", "--data", data],
        &["alerts", "--data", data],
        &["check", "--data", data],
        &["scaling", "--example"],
        &["runs", "--deliver", "--data", data],
        &["samples", "delete", "--dry-run", "--tag", "a=b", "--data", data],
        &["export", "--format", "csv", "--data", data],
        &["agent", "check"],
        &["agent", "once"],
        &["agent", "probe"],
    ];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = picollect(arguments);
        command.env("XDG_DATA_HOME", directory.path()).stdout(writer).stdin(Stdio::null());
        let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(141), ""), "{arguments:?}");
    }
    // And standard error too: nobody is left to be told.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = picollect(&["nodes", "--data", "/nowhere"]);
    assert_eq!(command.stderr(writer).status().unwrap().code(), Some(3));
    assert!(!stdout(&["token", "list", "--data", data]).contains("\nb "), "nobody knows it");
    assert_eq!(fs::read_dir(directory.path().join("codes")).unwrap().count(), 0);
}
