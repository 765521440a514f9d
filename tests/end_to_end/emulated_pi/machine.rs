//! The emulated Raspberry Pi: QEMU with its console, on which the bench takes orders and says what happens.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Process, eventually_within};

const START: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulated-pi/start");
/// Where the log and the picture stay for whoever wants to see them.
pub(crate) const KEPT: &str = env!("CARGO_TARGET_TMPDIR");
/// For what an emulated Pi does, its boot included, while other tests have the processor.
const PATIENCE: Duration = Duration::from_secs(240);
/// How far a text that is looked for may lie back.
const MAX_EVENTS: usize = 100_000;

/// A booted machine; it ends with the test.
pub(crate) struct Machine {
    qemu: Process,
    orders: ChildStdin,
    events: Receiver<Value>,
    qmp: PathBuf,
    seen: Vec<Value>,
}

impl Machine {
    /// Builds what is not up to date and boots. The bench's first event is its own.
    pub(crate) fn boot(directory: &Path) -> Self {
        let built = Command::new(START).arg("--build").status().expect("the start script runs");
        assert!(
            built.success(),
            "the emulated Pi was not built; its parts come with `./test`, or by: {START} --install"
        );
        let qmp = directory.join("qmp");
        let mut command = Command::new(START);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", qmp.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut qemu = Process::start(command);
        let orders = qemu.0.stdin.take().expect("it is piped");
        let console = qemu.0.stdout.take().expect("it is piped");
        let (sender, events) = channel();
        thread::spawn(move || listen(console, &sender));
        Self { qemu, orders, events, qmp, seen: Vec::new() }
    }

    /// Tells the bench something.
    pub(crate) fn order(&mut self, order: &str) {
        // Without the token that may come third.
        note(&format!("> {}", order.split(' ').take(2).collect::<Vec<_>>().join(" ")));
        writeln!(self.orders, "{order}").expect("the machine runs");
    }

    /// Waits for an event of this name that is as it should be. What comes before it is only remembered.
    #[track_caller]
    pub(crate) fn wait(&mut self, name: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!("never: `{name}` as expected; {KEPT}/emulated-pi.log has all that happened");
            };
            assert_ne!(event["event"], "failed", "{event}");
            assert_ne!(event["event"], "misunderstood", "{event}");
            let wanted = event["event"] == name && holds(&event);
            assert!(self.seen.len() < MAX_EVENTS, "the machine does not stop talking");
            self.seen.push(event.clone());
            if wanted {
                note(&format!("= {name}"));
                return event;
            }
        }
    }

    /// Waits until an event of this name is as it should be, or has been before.
    #[track_caller]
    pub(crate) fn has_seen(&mut self, name: &str, mut holds: impl FnMut(&Value) -> bool) {
        if !self.seen.iter().any(|event| event["event"] == name && holds(event)) {
            self.wait(name, holds);
        }
    }

    /// Waits until the agent has logged this.
    #[track_caller]
    pub(crate) fn agent_says(&mut self, text: &str) {
        self.has_seen("agent", |event| event["says"].as_str().is_some_and(|said| said.contains(text)));
    }

    /// Every event of a name so far.
    pub(crate) fn all(&self, name: &str) -> Vec<&Value> {
        self.seen.iter().filter(|event| event["event"] == name).collect()
    }

    /// Forgets what the agent has logged, for the same words again.
    pub(crate) fn forget_log(&mut self) {
        self.seen.retain(|event| event["event"] != "agent");
    }

    /// Changes the temperature of the thermometer from outside, in millidegrees.
    pub(crate) fn heat(&self, millidegrees: i32) {
        let mut monitor = UnixStream::connect(&self.qmp).expect("QEMU's monitor");
        let mut answers = BufReader::new(monitor.try_clone().expect("a socket")).lines();
        let mut next = || answers.next().expect("an answer").expect("text");
        assert!(next().contains("QMP"));
        let set = json!({ "path": "/machine/peripheral/thermometer", "property": "temperature", "value": millidegrees });
        for (command, arguments) in [("qmp_capabilities", json!({})), ("qom-set", set)] {
            writeln!(monitor, "{}", json!({ "execute": command, "arguments": arguments }))
                .expect("it listens");
            let answer = next();
            assert!(answer.contains("return"), "{command}: {answer}");
        }
    }

    /// Ends the bench, which resets the machine, which ends QEMU.
    pub(crate) fn end(mut self) -> bool {
        self.order("end");
        while self.events.recv_timeout(PATIENCE).is_ok() {}
        self.qemu.succeeds()
    }
}

/// Waits for something to become true, as long as for what the machine says.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, holds);
}

/// Keeps each line with the seconds since power-on; the lines of the bench become events.
fn listen(console: ChildStdout, events: &Sender<Value>) {
    let _ = std::fs::remove_file(log_file());
    let power_on = Instant::now();
    let mut console = BufReader::new(console);
    let mut line = Vec::new();
    while console.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        note(&format!("{:6.1} {text}", power_on.elapsed().as_secs_f64()));
        let event = serde_json::from_str(&text).ok().filter(|event: &Value| event["event"].is_string());
        if event.is_some_and(|event| events.send(event).is_err()) {
            return;
        }
        line.clear();
    }
}

/// A line for the log that stays.
pub(crate) fn note(line: &str) {
    let file = std::fs::File::options().create(true).append(true).open(log_file());
    writeln!(file.expect("cargo has made the folder"), "{line}").expect("it is writable");
}

fn log_file() -> PathBuf {
    Path::new(KEPT).join("emulated-pi.log")
}
