//! The real binary as processes: started on port 0, waited for by what they do, ended with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use picollect_store as store;
use picollect_store::EmbeddedStore;
use rustix::process::{Pid, Signal, kill_process};

/// What a test waits for has to happen within this time on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command `picollect` with these arguments, without the tester's own settings; `PICOLLECT_TEST_PROGRAM` is
/// another build of it, such as the one that is shipped.
pub(crate) fn picollect(arguments: &[&str]) -> Command {
    let program = std::env::var_os("PICOLLECT_TEST_PROGRAM");
    let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_picollect").into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PICOLLECT_"))
    {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Runs to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    picollect(arguments).output().expect("picollect starts")
}

/// Runs to its end, which has to be a good one, and gives its standard output.
#[track_caller]
pub(crate) fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.spawn().expect("picollect starts"))
    }

    /// With this terminal as standard error and nobody reading standard output.
    pub(crate) fn start_with(command: &mut Command, terminal: std::fs::File) -> Self {
        Self(command.stderr(terminal).stdout(Stdio::null()).spawn().expect("picollect starts"))
    }

    /// With standard output kept for [`interrupt`](Self::interrupt).
    pub(crate) fn start_with_stdout(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).spawn().expect("picollect starts"))
    }

    /// SIGINT; the exit code and what stands on standard output.
    pub(crate) fn interrupt(mut self) -> (Option<i32>, String) {
        self.signal(Signal::INT);
        let mut text = String::new();
        self.0.stdout.take().expect("it is piped").read_to_string(&mut text).expect("UTF-8");
        (self.ended(), text)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGHUP: look for the sensors again.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Waits for its end and says whether it was a good one.
    pub(crate) fn succeeds(mut self) -> bool {
        self.ended() == Some(0)
    }

    /// SIGTERM, and waits for the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended()
    }

    fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the process ends", || {
            status = self.0.try_wait().expect("it is our child");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    /// SIGKILL: no chance to say good-bye.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it is our child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something to become true.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, holds);
}

/// Waits for something to become true that may take longer than what runs on the machine itself.
#[track_caller]
pub(crate) fn eventually_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A collector process with a data directory.
pub(crate) struct Collector {
    process: Option<Process>,
    directory: tempfile::TempDir,
    pub(crate) url: String,
}

impl Collector {
    /// Starts on any free port.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Started with more options than the usual ones.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_by(|listen, data| {
            picollect(&[&["serve", "--listen", listen, "--data", data], options].concat())
        })
    }

    /// By a command of the test's own, given the address to listen on and the data directory.
    pub(crate) fn start_by(command: impl Fn(&str, &str) -> Command) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (process, url) = first_line(command("127.0.0.1:0", directory.path().to_str().expect("UTF-8")));
        Self { process: Some(process), directory, url }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn data_text(&self) -> &str {
        self.data().to_str().expect("UTF-8")
    }

    /// The store, beside the process that serves it.
    pub(crate) fn store(&self) -> EmbeddedStore {
        store::open(self.data()).expect("the store opens")
    }

    /// Kills the process; the address stays ours.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGTERM, and waits for the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.process.take().expect("it runs").terminate()
    }

    /// Starts again on the same address.
    pub(crate) fn restart(&mut self) {
        let listen = self.url.trim_start_matches("http://");
        let (process, _) = first_line(picollect(&["serve", "--listen", listen, "--data", self.data_text()]));
        self.process = Some(process);
    }

    /// Makes a token and gives the file that holds it.
    pub(crate) fn token_file(&self) -> PathBuf {
        let file = self.data().join("test.token");
        if !file.exists() {
            let data = self.data_text();
            let token =
                stdout(&["token", "create", "--data", data, "--name", "test", "--scope", "write,run"]);
            std::fs::write(&file, token).expect("the token file is writable");
        }
        file
    }

    /// Starts an agent that pushes here.
    pub(crate) fn agent(&self, arguments: &[&str]) -> Process {
        let mut command = picollect(&["agent", "run", "--collector", &self.url]);
        command.arg("--token-file").arg(self.token_file()).args(arguments);
        Process::start(command)
    }

    /// Starts an agent with a simulated board.
    pub(crate) fn simulated_agent(&self, name: &str, interval: &str, busy_until_ms: i64) -> Process {
        let config = self.data().join(format!("{name}.toml"));
        let simulate = format!("[simulate]\ncooling_k_per_w = 8.0\nbusy_until_ms = {busy_until_ms}\n");
        let text = format!("name = \"{name}\"\ninterval = \"{interval}\"\n{simulate}");
        std::fs::File::create(&config)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("writable");
        self.agent(&["--config", config.to_str().expect("UTF-8")])
    }
}

/// Starts a collector and waits for its address.
fn first_line(mut command: Command) -> (Process, String) {
    command.stdout(Stdio::piped());
    let mut process = Process::start(command);
    let output = process.0.stdout.take().expect("it is piped");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("the first line");
    let url = line.trim().strip_prefix("listening on ").expect("the first line is the address");
    (process, url.to_owned())
}
