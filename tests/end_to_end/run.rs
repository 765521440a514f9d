//! `picollect run`: real benchmarks, commands of every kind, a collector elsewhere that goes away.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::process::{Collector, Process, eventually, picollect, stdout};

/// `picollect run` on this collector's data, without an idle time unless the options ask for one.
fn run_here(collector: &Collector, options: &[&str], command: &[&str]) -> Command {
    let idle: &[&str] = if options.contains(&"--idle") { &[] } else { &["--idle", "0s"] };
    picollect(&[&["run", "--data", collector.data_text()], idle, options, &["--"], command].concat())
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&stdout(arguments)).expect("JSON")
}

fn last(collector: &Collector) -> serde_json::Value {
    json(&["runs", "--data", collector.data_text(), "show", "last", "--json"])
}

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// The output of a command that needs what `./test` installs.
#[track_caller]
fn needs(program: &str, package: &str) {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().expect("sh runs");
    assert!(found.status.success(), "`{program}` is missing; run ./test, or apt-get install {package}");
}

#[test]
fn hpl_from_debian_gives_its_own_figure_and_an_honest_verdict() {
    needs("hpcc", "hpcc");
    needs("mpirun", "openmpi-bin");
    let collector = Collector::start();
    let agent = collector.agent(&["--name", "here"]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let input = fs::read_to_string(Path::new("/usr/share/doc/hpcc/examples/_hpccinf.txt"));
    let input = input.expect("Debian's example input of hpcc");
    let lines: Vec<String> = input.lines().zip(1..).map(|(line, number)| parameter(line, number)).collect();
    fs::write(directory.path().join("hpccinf.txt"), lines.join("\n") + "\n").expect("writable");

    let mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2", "hpcc"];
    let mut command = run_here(&collector, &["--idle", "2s", "--output-file", "hpccoutf.txt"], &mpirun);
    let output = command.current_dir(directory.path()).output().expect("picollect runs");
    let verdict = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{verdict}");
    assert!(verdict.contains("below level 1: estimated power"), "{verdict}");

    let written = fs::read_to_string(directory.path().join("hpccoutf.txt")).expect("hpcc wrote it");
    let line = written.lines().find(|line| line.starts_with("WR")).expect("a result of HPL");
    let words: Vec<f64> =
        line.split_whitespace().skip(1).map(|word| word.parse().expect("a number")).collect();
    let (seconds, gflops) = (words[4], words[5]);
    let run = last(&collector);
    let result = &run["result"];
    // The same digits; only the factor to FLOPS may round differently.
    assert!((number(&result["rate"]) / 1e9 / gflops - 1.0).abs() < 1e-12, "{result}");
    assert_eq!(result["verdict"], "passed");
    assert!((number(&result["core"]["seconds"]) - seconds).abs() < 0.002, "{result}");
    assert!(result["core"]["start"].as_str() > run["window"]["start"].as_str());
    let per_w = number(&result["rate_per_w"]);
    let watts = number(&result["core_energy"]["mean_w"]);
    assert!((per_w - number(&result["rate"]) / watts).abs() < per_w * 1e-9);
    assert_eq!(result["core_energy"]["source"], "estimated");
    assert_eq!(run["provenance"]["input hpccinf.txt:06"], "1000 Ns");
    assert!(
        run["remarks"][0].as_str().is_some_and(|remark| remark.starts_with("idle power was measured for 2."))
    );
    assert!(agent.terminate() == Some(0));
}

/// Two processes on a small matrix.
fn parameter(line: &str, number: usize) -> String {
    match number {
        6 => "1000 Ns".to_owned(),
        11 => "1 Ps".to_owned(),
        12 => "2 Qs".to_owned(),
        _ => line.to_owned(),
    }
}

#[test]
fn output_input_and_status_of_a_command_pass_through_unchanged() {
    let collector = Collector::start();
    let script = "printf 'a\\0b\\r\\n'; cat; printf 'err\\n' >&2; exit 7";
    let mut command = run_here(&collector, &[], &["sh", "-c", script]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from outside").unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(7), b"a\0b\r\nfrom outside".as_slice()));
    // Before it stands what will be unknown.
    let said = String::from_utf8_lossy(&stderr);
    assert!(said.starts_with("picollect: no node is heard") && said.contains("\nerr\n"), "{said}");
    let run = last(&collector);
    assert_eq!(
        (&run["status"], &run["remarks"][0]),
        (&"failed".into(), &"the command ended with exit status 7".into())
    );
    assert!(run["result"].is_null());
    let kept = collector.data().join("runs").join(run["id"].as_str().unwrap());
    assert_eq!(fs::read(kept.join("stdout.txt")).unwrap(), b"a\0b\r\nfrom outside");
    assert_eq!(fs::read(kept.join("stderr.txt")).unwrap(), b"err\n");

    let killed = run_here(&collector, &[], &["sh", "-c", "kill -TERM $$"]).output().unwrap();
    assert_eq!(killed.status.signal(), Some(15));
    assert_eq!(last(&collector)["status"], "interrupted");
    let missing = run_here(&collector, &[], &["/no/such/program"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(127));
}

#[test]
fn a_signal_to_picollect_reaches_the_command() {
    let collector = Collector::start();
    let script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = run_here(&collector, &[], &["sh", "-c", script]);
    let mut process = Process::start_with_stdout(&mut command);
    let mut ready = [0; 6];
    process.0.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let mut output = process.0.stdout.take().unwrap();
    assert_eq!(process.terminate(), Some(5));
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "told\n");
}

/// A terminal of 33 rows and 77 columns: our end of it, and the one of who runs in it.
fn terminal() -> (std::os::fd::OwnedFd, fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcsetwinsize};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let theirs = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let size = Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    (terminal, fs::OpenOptions::new().read(true).write(true).open(theirs).unwrap())
}

#[test]
fn a_terminal_stays_a_terminal_of_its_size() {
    let collector = Collector::start();
    let (terminal, theirs) = terminal();
    let script = "test -t 1 && echo yes; stty size <&1; test -t 2 || echo plain";
    let mut command = run_here(&collector, &[], &["sh", "-c", script]);
    let mut child = command.stdin(Stdio::null()).stdout(theirs).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut seen = Vec::new();
    // The end of a terminal that nobody writes to is an error.
    let _ = fs::File::from(terminal).read_to_end(&mut seen);
    assert!(child.wait().unwrap().success());
    assert_eq!(String::from_utf8_lossy(&seen), "yes\r\n33 77\r\nplain\r\n");
}

#[test]
fn a_run_survives_a_collector_that_is_away() {
    let mut collector = Collector::start();
    let token = collector.token_file();
    let there = tempfile::tempdir().unwrap();
    let elsewhere: [&str; 4] =
        ["--collector", &collector.url.clone(), "--token-file", token.to_str().unwrap()];
    let picollect_there = |arguments: &[&str]| {
        let mut command = picollect(&[&arguments[..1], &elsewhere, &arguments[1..]].concat());
        command.env("XDG_DATA_HOME", there.path());
        command
    };
    let run = |name: &str| {
        let options = ["run", "--idle", "0s", "--retry", "0s", "--name", name, "--work", "3e9FLOP"];
        picollect_there(&[options.as_slice(), &["--", "sleep", "1"]].concat()).output().unwrap()
    };
    let near = run("near");
    assert!(near.status.success() && String::from_utf8_lossy(&near.stderr).contains("GFLOPS"), "{near:?}");

    collector.kill();
    let away = run("away");
    let said = String::from_utf8_lossy(&away.stderr);
    assert!(away.status.success() && said.contains("is kept in"), "{said}");
    collector.restart();
    let show = picollect_there(&["runs", "show", "last", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&show.stderr);
    assert_eq!(said, "picollect: a run that waited for the collector is delivered now\n");
    let show: serde_json::Value = serde_json::from_slice(&show.stdout).unwrap();
    assert_eq!((&show["name"], &show["result"]["unit"]), (&"away".into(), &"FLOPS".into()));
    let seconds = number(&show["window"]["seconds"]);
    assert!((number(&show["result"]["rate"]) - 3e9 / seconds).abs() < 1.0);

    let wrong = there.path().join("wrong");
    fs::write(&wrong, "pc_0").unwrap();
    let refused =
        picollect(&["runs", "--collector", &collector.url, "--token-file", wrong.to_str().unwrap()]);
    let refused = { refused }.output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("401"), "{refused:?}");
}

/// An engine of the Prometheus family that takes everything, and is gone while a file is there.
fn engine(gone: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gone = gone.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok).filter(|_| !gone.exists()) {
            // Whoever asked may be gone too.
            let _ = answer_once(stream);
        }
    });
    format!("prometheus+http://{address}")
}

fn answer_once(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        let header = line.to_ascii_lowercase();
        length = header.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let nothing = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let answer = if first.contains("write") {
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()
    } else {
        let kind = "content-type: application/json\r\nconnection: close";
        format!("HTTP/1.1 200 OK\r\n{kind}\r\ncontent-length: {}\r\n\r\n{nothing}", nothing.len())
    };
    reader.get_mut().write_all(answer.as_bytes())
}

#[test]
fn a_run_whose_engine_goes_away_keeps_its_status_and_is_delivered_later() {
    let data = tempfile::tempdir().unwrap();
    let (gone, there) = (data.path().join("gone"), data.path().to_str().unwrap());
    let engine = engine(&gone);
    let script = format!("touch {}; exit 7", gone.display());
    let options = ["run", "--data", there, "--store", &engine, "--idle", "0s", "--retry", "0s"];
    let arguments = [options.as_slice(), &["--", "sh", "-c", &script]].concat();
    let away = picollect(&arguments).output().unwrap();
    let said = String::from_utf8_lossy(&away.stderr);
    assert_eq!(away.status.code(), Some(7), "{said}");
    assert!(said.contains("did not take the run") && said.contains("is kept in"), "{said}");

    let deliver = || picollect(&["runs", "--data", there, "--store", &engine, "--deliver"]).output().unwrap();
    let waits = deliver();
    assert_eq!((waits.status.code(), waits.stdout.as_slice()), (Some(1), b"0 delivered\n".as_slice()));
    let why = String::from_utf8_lossy(&waits.stderr);
    assert!(
        why.contains("waiting.line` still waits: the store") && why.contains("is not available"),
        "{why}"
    );
    fs::remove_file(&gone).unwrap();
    let done = deliver();
    assert_eq!((done.status.code(), done.stdout.as_slice()), (Some(0), b"1 delivered\n".as_slice()));
    assert_eq!(deliver().stdout, b"0 delivered\n");
}

/// A command in which a directory is a small file system of its own. Needs no root.
fn on_a_small_disk(directory: &Path, script: &str, command: &Command) -> Command {
    let mut small = Command::new("unshare");
    let mount = format!("mount -t tmpfs -o size=3m none \"$0\" && cd \"$0\" && mkdir tmp && {script}");
    small.args(["--map-root-user", "--mount", "sh", "-c", &mount]).arg(directory).arg(command.get_program());
    small.args(command.get_args()).env("TMPDIR", directory.join("tmp"));
    small
}

#[test]
fn a_run_on_a_full_disk_reaches_a_collector_elsewhere_with_its_result() {
    let collector = Collector::start();
    let (token, full) = (collector.token_file(), tempfile::tempdir().unwrap());
    let elsewhere = ["--collector", &collector.url, "--token-file", token.to_str().unwrap()];
    let options = ["run", "--data", full.path().to_str().unwrap(), "--idle", "0s", "--name", "full"];
    let result = ["--pattern", "did (?<value>[0-9]+)", "--unit", "GFLOPS"];
    let command = ["--", "sh", "-c", "echo did 42; exit 5"];
    let refused = [options.as_slice(), &elsewhere, &result].concat();
    let run = picollect(&[&refused, command.as_slice()].concat());
    let script = "{ head -c 4m /dev/zero > fill; exec \"$@\"; }";
    let ran = on_a_small_disk(full.path(), script, &run).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(2), b"".as_slice()), "{said}");
    assert!(
        said.contains("left for the output; make room, or give another --data; --force runs it"),
        "{said}"
    );
    let run = picollect(&[&refused, ["--force"].as_slice(), &command].concat());
    let ran = on_a_small_disk(full.path(), script, &run).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(5), b"did 42\n".as_slice()), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    let run = last(&collector);
    assert_eq!((&run["name"], &run["status"]), (&"full".into(), &"failed".into()), "{said}");
    // The output was read, though no file could keep it.
    assert!((number(&run["results"][0]["rate"]) - 42e9).abs() < 1.0, "{run}");
}

#[test]
fn a_run_that_fills_the_disk_while_the_collector_is_away_still_waits_there() {
    let (full, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut collector = Collector::start();
    let token = collector.token_file();
    let elsewhere = ["--collector", &collector.url.clone(), "--token-file", token.to_str().unwrap()];
    collector.kill();
    let data = ["--data", full.path().to_str().unwrap()];
    let options = [&["run", "--idle", "0s", "--retry", "0s", "--name", "fills"], data.as_slice()].concat();
    let command = ["--", "sh", "-c", "head -c 4m /dev/zero > fill; exit 6"];
    let run = picollect(&[options.as_slice(), &elsewhere, &command].concat());
    let copy = format!("{{ \"$@\"; status=$?; cp -r runs {}; exit $status; }}", outside.path().display());
    let ran = on_a_small_disk(full.path(), &copy, &run).output().unwrap();
    assert_eq!(ran.status.code(), Some(6), "{}", String::from_utf8_lossy(&ran.stderr));

    collector.restart();
    let kept = ["runs", "--data", outside.path().to_str().unwrap(), "--deliver"];
    let delivered = picollect(&[kept.as_slice(), &elsewhere].concat()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&delivered.stdout), "1 delivered\n", "{delivered:?}");
    assert_eq!(last(&collector)["name"], "fills");
}

/// A command that ends the collector with this number, as a crash does.
fn kills(collector: &Collector) -> String {
    format!("kill -9 {}", collector.id())
}

#[test]
fn a_collector_that_is_back_in_time_gets_the_run_at_once() {
    let mut collector = Collector::start();
    let (token, there) = (collector.token_file(), tempfile::tempdir().unwrap());
    let (data, url) = (there.path().to_str().unwrap(), collector.url.clone());
    let elsewhere = ["--collector", &url, "--token-file", token.to_str().unwrap()];
    let kills = kills(&collector);
    let options = ["run", "--data", data, "--idle", "0s", "--retry", "10m"];
    let mut run = picollect(&[options.as_slice(), &elsewhere, &["--", "sh", "-c", &kills]].concat());
    let mut run = run.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("it is tried again for 10m") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it gave up");
    }
    collector.restart();
    assert!(run.wait().unwrap().success());
    assert_eq!(last(&collector)["status"], "done");
}

#[test]
fn a_run_that_waits_is_delivered_by_the_collector_of_its_data_directory_and_to_no_other() {
    let (mut collector, other) = (Collector::start(), Collector::start());
    collector.kill();
    // An engine that nobody reaches.
    let engine = ["--store", "prometheus+http://127.0.0.1:9", "--retry", "0s"];
    let away = run_here(&collector, &engine, &["true"]).output().unwrap();
    let said = String::from_utf8_lossy(&away.stderr);
    assert!(away.status.success() && said.contains("is kept in"), "{said}");
    let token = other.token_file();
    let elsewhere = ["--collector", &other.url, "--token-file", token.to_str().unwrap()];
    let asked = [&["runs", "--data", collector.data_text()], elsewhere.as_slice()].concat();
    assert_eq!(
        (stdout(&asked).contains("true"), waiting_files(collector.data())),
        (false, 1),
        "it is not for this one"
    );
    collector.restart();
    eventually("the collector delivers it", || waiting_files(collector.data()) == 0);
    assert_eq!(last(&collector)["name"], "true");
}

/// Runs in a data directory that wait to be delivered.
fn waiting_files(data: &Path) -> usize {
    let runs = fs::read_dir(data.join("runs")).unwrap();
    runs.filter(|run| run.as_ref().unwrap().path().join("waiting.line").exists()).count()
}

#[test]
fn an_earlier_run_that_is_refused_keeps_no_other_from_running() {
    let collector = Collector::start();
    let old = collector.data().join("runs/old");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("waiting.line"), "run,name=a,run=old start_ms=1i 99\nthis is no line\n").unwrap();
    let ran = run_here(&collector, &["--name", "new"], &["true"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success() && said.contains("runs/old/waiting.line` of an earlier run still waits"),
        "{said}"
    );
    assert_eq!(last(&collector)["name"], "new");
    assert!(old.join("waiting.line").exists(), "nobody took it, so it stays");
}

#[test]
fn repetitions_have_a_median_and_a_sweep_its_scaling() {
    let collector = Collector::start();
    let repeated = run_here(&collector, &["--repeat", "3", "--work", "1e6FLOP"], &["true"]).output().unwrap();
    let said = String::from_utf8_lossy(&repeated.stderr);
    assert!(repeated.status.success() && said.contains("3 runs, median (least to greatest):"), "{said}");
    assert_eq!(last(&collector)["labels"]["repetition"], "3");

    let script = "sleep 0.$((8 / {nodes}))";
    let sweep = ["--sweep", "nodes=1,2,4", "--work", "1e6FLOP"];
    let swept = run_here(&collector, &sweep, &["sh", "-c", script]).output().unwrap();
    let said = String::from_utf8_lossy(&swept.stderr);
    assert!(swept.status.success() && said.contains("Amdahl: parallel share"), "{said}");
    assert_eq!(last(&collector)["labels"]["nodes"], "4");
    let data = collector.data_text();
    let scaling = stdout(&["scaling", "--data", data]);
    assert!(scaling.contains("Amdahl: parallel share") && scaling.contains("\n      4    1"), "{scaling}");
    let before = json(&["runs", "--data", data, "show", "last~1", "--json"]);
    assert_eq!(before["labels"]["nodes"], "2");
    let id = before["id"].as_str().unwrap();
    let found = json(&["runs", "--data", data, "show", &id[..id.len() - 1], "--json"]);
    assert_eq!(found["id"], before["id"], "the beginning of an id is enough");
    assert!(stdout(&["runs", "--data", data]).contains(id), "an id stands on one line");
}

#[test]
fn what_cannot_work_is_refused_before_anything_runs() {
    let collector = Collector::start();
    let agent = collector.agent(&["--name", "pi-1"]);
    eventually("the agent is heard", || stdout(&["nodes", "--data", collector.data_text()]).contains("pi-1"));
    let ran = |options: &[&str]| run_here(&collector, options, &["echo", "ran"]).output().unwrap();
    let refused = ran(&["--nodes", "pi-2"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(2), b"".as_slice()), "{said}");
    assert!(said.contains("no node `pi-2` is known: did you mean `pi-1`?; --force runs it"), "{said}");
    assert_eq!(ran(&["--nodes", "pi-2", "--force"]).stdout, b"ran\n");
    assert_eq!(ran(&["--nodes", "pi-1"]).stdout, b"ran\n");
    // An hour of idle time is not waited for.
    let missing = run_here(&collector, &["--idle", "1h"], &["no-such-program"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(127), "{missing:?}");
    assert!(agent.terminate() == Some(0));
}

#[test]
fn without_any_collector_a_run_is_kept_and_its_energy_is_unknown() {
    let home = tempfile::tempdir().unwrap();
    let at_home = |arguments: &[&str]| {
        picollect(arguments).env("XDG_DATA_HOME", home.path()).env_remove("PICOLLECT_DATA").output().unwrap()
    };
    let ran = at_home(&["run", "--idle", "0s", "--work", "1e9FLOP", "--", "sleep", "0.1"]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("picollect: no node is heard, so energy"), "{said}");
    assert!(said.contains("energy") && said.contains("unknown"), "{said}");
    let shown = at_home(&["runs", "show", "last"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("GFLOPS"), "{shown:?}");
    // A directory that somebody names has to be there: it may be mistyped.
    let mistyped = home.path().join("none");
    let refused = at_home(&["run", "--data", mistyped.to_str().unwrap(), "--", "true"]);
    assert!(!refused.status.success() && !mistyped.exists(), "{refused:?}");
}

#[test]
fn a_terminal_shows_how_far_a_run_is_and_the_command_does_not_notice() {
    let collector = Collector::start();
    let (terminal, theirs) = terminal();
    let mut command = run_here(&collector, &["--idle", "1s"], &["sh", "-c", "echo out; echo err >&2"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs)
        .spawn()
        .expect("picollect starts");
    drop(command);
    let mut seen = Vec::new();
    // The end of a terminal that nobody writes to is an error.
    let _ = fs::File::from(terminal).read_to_end(&mut seen);
    assert!(child.wait().unwrap().success());
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("idle 0/1 s\r\x1b[K"), "{seen:?}");
    let run = last(&collector);
    let kept = collector.data().join("runs").join(run["id"].as_str().unwrap());
    assert_eq!(fs::read(kept.join("stdout.txt")).unwrap(), b"out\n");
    assert_eq!(fs::read(kept.join("stderr.txt")).unwrap(), b"err\n");
}

/// A directory like the kernel's, with a clock that can be set.
fn cpufreq(root: &Path) -> std::path::PathBuf {
    let policy = root.join("sys/devices/system/cpu/cpufreq/policy0");
    fs::create_dir_all(&policy).unwrap();
    for (name, khz) in [
        ("cpuinfo_min_freq", "600000"),
        ("cpuinfo_max_freq", "1400000"),
        ("scaling_min_freq", "600000"),
        ("scaling_max_freq", "1200000"),
    ] {
        fs::write(policy.join(name), khz).unwrap();
    }
    policy
}

#[test]
fn clocks_are_put_back_even_if_the_sweep_is_killed() {
    let collector = Collector::start();
    let root = tempfile::tempdir().unwrap();
    let policy = cpufreq(root.path());
    let limits = || {
        ["scaling_min_freq", "scaling_max_freq"].map(|name| fs::read_to_string(policy.join(name)).unwrap())
    };
    let root_text = root.path().to_str().unwrap();
    let sweep = |frequencies: &str, command: &[&str]| {
        let sweep = format!("freq={frequencies}");
        run_here(&collector, &["--root", root_text, "--sweep", &sweep, "--work", "1e9FLOP"], command)
    };
    let print = format!("cat {}/scaling_m*_freq; echo", policy.display());
    let swept = sweep("700,1400", &["sh", "-c", &print]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&swept.stdout), "700000700000\n14000001400000\n");
    assert!(String::from_utf8_lossy(&swept.stderr).contains("MHz"), "{swept:?}");
    assert_eq!(limits(), ["600000", "1200000"]);

    let killed = Process::start(sweep("800", &["sleep", "60"]));
    eventually("the clock is set", || limits() == ["800000", "800000"]);
    killed.kill();
    eventually("the clock is put back", || limits() == ["600000", "1200000"]);

    let impossible = sweep("2000", &["true"]).output().unwrap();
    assert_eq!(impossible.status.code(), Some(3));
    let said = String::from_utf8_lossy(&impossible.stderr);
    assert!(said.contains("2000 MHz is not within the 600 to 1400 MHz"), "{said}");
}

#[test]
fn a_wrong_option_is_a_usage_error_that_says_what_to_do() {
    let collector = Collector::start();
    let error = |options: &[&str]| {
        let output = run_here(&collector, options, &["true"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(error(&["--work", "much"]).contains("it does not begin with a number"));
    assert!(error(&["--pattern", "(", "--unit", "x/s"]).contains("not a regular expression"));
    assert!(error(&["--label", "novalue"]).contains("write KEY=VALUE"));
    assert!(error(&["--sweep", "nodes=1,2"]).contains("write {nodes} in the command"));
    assert!(error(&["--sweep", "colour=1"]).contains("`colour` cannot be swept"));
}

#[test]
fn hpl_is_planned_from_what_the_nodes_have_and_the_best_blocks_of_a_trial_are_taken() {
    let collector = Collector::start();
    let agent = collector.agent(&["--name", "pi-1"]);
    let data = collector.data_text();
    eventually("the agent has said its memory", || {
        let nodes = json(&["nodes", "--data", data, "--json"]);
        nodes[0]["memory_bytes"].is_number() && nodes[0]["cores"].is_number()
    });
    let place = tempfile::tempdir().unwrap();
    let hpl = place.path().join("hpl");
    let plan = |options: &[&str]| {
        let plan = ["hpl", "plan", hpl.to_str().unwrap(), "--data", data, "--ranks-per-node", "2"];
        picollect(&[plan.as_slice(), options].concat()).output().unwrap()
    };
    // What HPL 2.3 prints of two sizes of blocks.
    let row = |nb: u32, gflops: &str| {
        format!("WR11C2R4        1920   {nb}     1     2               1.00             {gflops}")
    };
    let head = "T/V                N    NB     P     Q               Time                 Gflops";
    let check = "||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)=   3.0e-03 ...... PASSED";
    let text =
        format!("{head}\\n{}\\n{check}\\n{head}\\n{}\\n{check}\\n", row(96, "4.5e+00"), row(128, "5.5e+00"));
    let script = format!("grep -q '^96 128 ' HPL.dat && printf '{text}'");
    let tried = plan(&["--sweep", "nb=128,96", "--", "sh", "-c", &script]);
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(tried.status.success(), "{said}{}", String::from_utf8_lossy(&tried.stderr));
    assert!(said.contains("best: NB = 128 with 5.500 GFLOPS; at that rate"), "{said}");
    let written = fs::read_to_string(hpl.join("HPL.dat")).unwrap();
    assert!(written.lines().nth(7).is_some_and(|line| line.starts_with("128 ")), "{written}");
    assert_eq!(fs::read_to_string(hpl.join("hostfile")).unwrap(), "pi-1 slots=2\n");
    let again = plan(&[]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force overwrites it"), "{again:?}");
    assert!(plan(&["--nb-of", "last"]).status.success());
    assert!(agent.terminate() == Some(0));
}
