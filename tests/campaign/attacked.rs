//! A collector that is attacked: its process, its tokens, and what it takes of the machine.

use std::fs::{self, File};
use std::path::Path;

use picollect_store::{Selector, Store as _};

use super::hostile::Keys;
use crate::process::{Collector, eventually, picollect, stdout};

/// What no request may make a collector take, MiB: a board of 1 GiB has other things to do.
pub(super) const MOST_MIB: u64 = 256;
/// What makes it keep to that.
const CONFIGURATION: &str = "[limits]\nmemory_mib = 256\n[query]\nmax_memory_mib = 32\n";

pub(super) struct Attacked {
    collector: Collector,
    pub(super) keys: Keys,
    errors: tempfile::TempDir,
}

impl Attacked {
    pub(super) fn start() -> Self {
        let errors = tempfile::tempdir().expect("a temporary directory");
        let log = errors.path().join("stderr");
        let collector = Collector::start_by(|listen, data| {
            fs::write(Path::new(data).join("collector.toml"), CONFIGURATION).expect("writable");
            let mut command = picollect(&["serve", "--listen", listen, "--data", data]);
            command.stderr(File::create(&log).expect("the log is writable"));
            command
        });
        let keys = keys(&collector);
        Self { collector, keys, errors }
    }

    /// `127.0.0.1:PORT`
    pub(super) fn address(&self) -> &str {
        self.collector.url.trim_start_matches("http://")
    }

    /// Texts that no answer may hold: where the data lies, what is on the disk of tokens, a file of the system.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![self.collector.data_text().to_owned(), "root:x:0".to_owned()];
        secrets.extend(self.keys.hashes.iter().cloned());
        secrets
    }

    /// The most memory that the process ever had, in MiB.
    pub(super) fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(self.file("status")).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel counts it");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1024
    }

    /// Open descriptors, and those of them that are sockets.
    pub(super) fn descriptors(&self) -> (usize, usize) {
        let open = fs::read_dir(self.file("fd")).expect("the process runs");
        // One that was closed meanwhile has no target.
        let targets: Vec<_> = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect();
        let sockets = targets.iter().filter(|target| target.to_string_lossy().starts_with("socket:")).count();
        (targets.len(), sockets)
    }

    /// Waits until there are no more sockets than this.
    pub(super) fn wait_for_sockets(&self, most: usize) {
        eventually("all connections that were closed are closed here too", || self.descriptors().1 <= most);
    }

    /// Series that hold what nobody may write.
    pub(super) fn hostile_series(&self) -> Vec<String> {
        let all = self.collector.store().series(&Selector::default()).expect("the store lists");
        let hostile = |text: &str| text.to_lowercase().contains("hostile");
        let found = all.iter().filter(|key| {
            hostile(&key.measurement) || key.tags.iter().any(|(name, value)| hostile(name) || hostile(value))
        });
        found.map(|key| format!("{key:?}")).collect()
    }

    /// Lines of its log that tell of a panic.
    pub(super) fn panics(&self) -> String {
        let log = fs::read_to_string(self.errors.path().join("stderr")).expect("the log");
        log.lines().filter(|line| line.contains("panicked")).collect::<Vec<_>>().join("\n")
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.collector.id().to_string()).join(name)
    }
}

fn keys(collector: &Collector) -> Keys {
    let data = collector.data_text();
    let create = |name: &str, scope: &str, more: &[&str]| {
        let made = ["token", "create", "--data", data, "--name", name, "--scope", scope];
        stdout(&[&made[..], more].concat()).trim().to_owned()
    };
    let write = create("w", "write", &[]);
    let read = create("r", "read", &[]);
    let node = create("n", "write", &["--node", "pi-1"]);
    let tokens = fs::read_to_string(collector.data().join("tokens.json")).expect("the tokens");
    let tokens: Vec<serde_json::Value> = serde_json::from_str(&tokens).expect("JSON");
    let hashes = tokens.iter().map(|entry| entry["sha256"].as_str().expect("a hash").to_owned()).collect();
    Keys { write, read, node, hashes }
}
