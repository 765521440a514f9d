//! Real programs of other people, installed by `./test`: where they are, and how they run.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{Process, eventually};

/// The versions that `./test` installs.
const VERSIONS: &str = include_str!("../test-versions.env");

/// A program of a tool; a tool that is not there fails the test and says how to get it.
#[track_caller]
pub(crate) fn installed(tool: &str, version_name: &str, program: &str) -> PathBuf {
    let found = VERSIONS
        .lines()
        .find_map(|line| line.strip_prefix(version_name)?.strip_prefix('='))
        .expect("a version");
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = cache.expect("a home directory").join(format!("picollect-test/{tool}-{found}"));
    let path = folder.join("bin").join(program);
    assert!(path.exists(), "`{}` is not there; `./test` installs it", path.display());
    path
}

/// A real InfluxDB 2 with an organisation `o`, a bucket `b` and a token that may do everything.
pub(crate) struct Influxd {
    process: Option<Process>,
    directory: tempfile::TempDir,
    address: String,
}

impl Influxd {
    pub(crate) const TOKEN: &str = "the-token-of-the-tests";

    /// Starts on a free port and waits until it answers.
    pub(crate) fn start() -> Self {
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut influxd = Self { process: None, directory, address: address.to_string() };
        influxd.restart();
        let setup = serde_json::json!({
            "username": "picollect", "password": "picollect", "org": "o", "bucket": "b", "token": Self::TOKEN,
        });
        ureq::post(format!("{}/api/v2/setup", influxd.url())).send(setup.to_string()).expect("it is set up");
        influxd
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it; its address and its data stay.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Starts on the same address with the same data.
    pub(crate) fn restart(&mut self) {
        let mut command = Command::new(installed("influxd", "INFLUXDB_VERSION", "influxd"));
        for (option, file) in
            [("--bolt-path", "bolt"), ("--engine-path", "engine"), ("--sqlite-path", "sqlite")]
        {
            command.arg(option).arg(self.directory.path().join(file));
        }
        command.args(["--http-bind-address", &self.address, "--reporting-disabled"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start(command));
        let health = format!("{}/health", self.url());
        eventually("InfluxDB answers", || ureq::get(&health).call().is_ok());
    }
}
