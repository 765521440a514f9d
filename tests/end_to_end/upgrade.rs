//! What the version before left behind: the collector's data directory with sealed samples, with a journal of a
//! collector that was killed, and with a run; its tokens; its agents, which still deliver; and what an agent of its
//! time had kept back. `tests/upgrade/make` makes such a folder with the program of a version.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_store::{Selector, Store};
use picollect_telemetry::catalogue::{HOST, SAMPLES};

use crate::process::{Collector, Process, eventually, picollect, stdout};

const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
/// As raw as they came, however long ago that was.
const FOREVER: &str = "[retention]\nraw = \"forever\"\nminutes = \"forever\"\n";

/// What the version of that day left behind, in a folder of the test's own.
fn left_behind() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/2026-11-24.tar.gz");
    let status = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(directory.path()).status();
    assert!(status.expect("tar is installed").success());
    directory
}

/// A collector of this version on a copy of what was left behind.
fn upgraded(old: &Path) -> Collector {
    Collector::start_by(|listen, data| {
        let copied = Command::new("cp").arg("-a").arg(old.join("data/.")).arg(data).status();
        assert!(copied.expect("cp is installed").success());
        let config = old.join("collector.toml");
        fs::write(&config, FOREVER).unwrap();
        picollect(&["serve", "--listen", listen, "--data", data, "--config", config.to_str().unwrap()])
    })
}

fn token(old: &Path, name: &str) -> String {
    fs::read_to_string(old.join(format!("{name}.token"))).unwrap().trim().to_owned()
}

fn get(url: &str, token: &str) -> String {
    let request = ureq::get(url).header("Authorization", format!("Token {token}"));
    request.call().expect("an answer").body_mut().read_to_string().expect("a text")
}

/// How many ticks of a node are in a store.
fn ticks(store: &dyn Store, node: &str) -> usize {
    let tags = [(HOST, node)];
    let selector = Selector { measurement: Some("agent"), field: Some(SAMPLES.field), tags: &tags };
    let keys = store.series(&selector).unwrap();
    keys.iter().map(|key| store.read(key, ALWAYS, 0).unwrap().len()).sum()
}

#[test]
fn every_sample_and_run_of_the_version_before_is_there_and_its_tokens_open_what_they_did() {
    let old = left_behind();
    let exported = fs::read_to_string(old.path().join("export.csv")).unwrap();
    let mut collector = upgraded(old.path());
    assert_eq!(stdout(&["export", "--data", collector.data_text()]), exported);
    let (url, reading) = (collector.url.clone(), token(old.path(), "grafana"));
    let runs = get(&format!("{url}/api/v1/runs"), &reading);
    assert!(runs.contains("old-20261201-070212-743"), "{runs}");
    let report = get(&format!("{url}/api/v1/report?run=last"), &reading);
    assert!(report.contains("simulated"), "{report}");
    assert_eq!(collector.terminate(), Some(0));
    // Sealed by this version, which may have published something of its own since.
    let now = stdout(&["export", "--data", collector.data_text()]);
    let lines: BTreeSet<&str> = now.lines().collect();
    let lost: Vec<&str> = exported.lines().filter(|line| !lines.contains(line)).collect();
    assert_eq!(lost, [] as [&str; 0]);
    let checked = stdout(&["check", "--chunks", "--data", collector.data_text()]);
    assert!(checked.contains("are whole"), "{checked}");
}

#[test]
fn an_agent_of_the_version_before_delivers_to_this_collector() {
    let old = left_behind();
    let collector = upgraded(old.path());
    let request = fs::read(old.path().join("api.v2.write.request")).unwrap();
    let before = ticks(&collector.store(), "unsealed");
    let mut stream = TcpStream::connect(collector.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(&request).unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    // By these it knows a collector of ours and the collector's time.
    let asked = fs::read_to_string(old.path().join("api.v2.write.answer")).unwrap();
    for line in asked.lines().filter(|line| line.starts_with("x-picollect-")) {
        let (name, _) = line.split_once(':').unwrap();
        assert!(answer.contains(name), "no {name} in {answer}");
    }
    // It was delivered before, and what comes twice is there once.
    assert_eq!(ticks(&collector.store(), "unsealed"), before);
}

/// A collector of the version before, as far as an agent hears of it: its answers, word for word. Gives its address,
/// and how many bodies it has taken.
fn old_collector(old: &Path) -> (String, Arc<AtomicUsize>) {
    let answer = |name: &str| fs::read(old.join(format!("{name}.answer"))).unwrap();
    let (written, well) = (answer("api.v2.write"), answer("healthz"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut piece = [0; 8192];
            // An agent sends its next request when the last one is answered.
            while let Ok(length @ 1..) = stream.read(&mut piece) {
                request.extend_from_slice(&piece[..length]);
                if is_whole(&request) {
                    let is_write = request.starts_with(b"POST /api/v2/write");
                    let answer = if is_write { &written } else { &well };
                    counted.fetch_add(usize::from(is_write), Ordering::Relaxed);
                    if stream.write_all(answer).is_err() {
                        break;
                    }
                    request.clear();
                }
            }
        }
    });
    (url, taken)
}

/// Whether a request has its head and as many bytes as that says.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}

/// Starts an agent of this version, and gives the folder of its spool for that collector.
fn agent(old: &Path, url: &str, log: &Path) -> (Process, PathBuf) {
    let (config, spool) = (old.join("agent.toml"), old.join("spool"));
    let text = format!(
        "name = \"spooled\"\ninterval = \"200ms\"\n[[collector]]\nurl = \"{url}\"\ntoken_file = \"{}\"\n\
         [spool]\ndir = \"{}\"\nmax_age = \"36500days\"\n[simulate]\ncooling_k_per_w = 8.0\nbusy_until_ms = 0\n",
        old.join("agents.token").display(),
        spool.display()
    );
    fs::write(&config, text).unwrap();
    let mut command = picollect(&["agent", "run", "--config", config.to_str().unwrap()]);
    command.stderr(fs::File::create(log).unwrap());
    let process = Process::start(command);
    let said = || fs::read_to_string(log).unwrap();
    eventually("it says where its spool is", || said().contains("waiting="));
    let said = said();
    let line = said.lines().find(|line| line.contains("waiting=")).unwrap();
    let directory = line.split("directory=").nth(1).unwrap().split(' ').next().unwrap();
    (process, PathBuf::from(directory))
}

#[test]
fn this_agent_delivers_to_a_collector_of_the_version_before() {
    let old = left_behind();
    let (url, taken) = old_collector(old.path());
    let log = old.path().join("log");
    let (agent, _) = agent(old.path(), &url, &log);
    eventually("it delivers more than once", || taken.load(Ordering::Relaxed) > 2);
    assert_eq!(agent.terminate(), Some(0));
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("cannot deliver") && !said.contains("ERROR"), "{said}");
}

#[test]
fn what_an_agent_of_the_version_before_kept_back_is_delivered_by_this_one() {
    let old = left_behind();
    let log = old.path().join("log");
    // The same folder for the same collector, and in it what waits.
    let (before, folder) = agent(old.path(), "http://127.0.0.1:9", &log);
    before.kill();
    let said = fs::read_to_string(&log).unwrap();
    assert!(folder.join("0000000001.lines").exists() && !said.contains("waiting=0"), "{said}");

    let collector = upgraded(old.path());
    let (first, own) = agent(old.path(), &collector.url, &log);
    first.kill();
    for number in 1..=2 {
        let name = format!("{number:010}.lines");
        fs::copy(folder.join(&name), own.join(&name)).unwrap();
    }
    let (second, _) = agent(old.path(), &collector.url, &log);
    eventually("they arrive", || ticks(&collector.store(), "spooled") > 0);
    assert_eq!(second.terminate(), Some(0));
}
