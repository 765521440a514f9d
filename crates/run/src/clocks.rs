//! The processors' clock for a sweep: set before a step and put back afterwards, whatever happens.
//!
//! On this machine through cpufreq (`scaling_min_freq` and `scaling_max_freq` of each policy, kHz:
//! <https://docs.kernel.org/admin-guide/pm/cpufreq.html>), on all nodes by a command of the user's.
//!
//! Invariant: before anything is changed, a process of its own stands by that puts everything back as
//! soon as its standard input is closed, and so also when this process is killed.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, anyhow, bail, ensure};

use picollect_analysis::requests::NodesRequest;
use picollect_client::Source;
use picollect_evaluate::presence::Presence;
use picollect_settings::output::complain;

const POLICIES: &str = "sys/devices/system/cpu/cpufreq";
/// The hidden command that stands by.
const STAND_BY: &str = "restore-clocks";

/// A clock to be set.
#[derive(Debug)]
pub(super) struct Clocks {
    mhz: u32,
    set_freq: Option<String>,
    root: PathBuf,
}

/// While it lives the clock is set; then it is as it was.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        match self.0.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                tracing::error!("the clocks may not be as they were: putting them back ended with {status}");
            }
            Err(error) => tracing::error!("the clocks may not be as they were: {error}"),
        }
    }
}

/// A step back: a value of a file, or a command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Undo {
    Write(PathBuf, String),
    Shell(String),
}

impl Clocks {
    /// A clock in MHz; on all nodes by the command, or on this machine.
    pub(super) fn new(mhz: u32, set_freq: Option<&str>, root: &Path) -> Self {
        Self { mhz, set_freq: set_freq.map(ToOwned::to_owned), root: root.to_owned() }
    }

    /// Sets it. An error leaves everything as it was.
    pub(super) fn set(&self, source: &Source) -> anyhow::Result<Guard> {
        match &self.set_freq {
            None => self.set_here(),
            Some(command) => self.set_by(command, source),
        }
    }

    fn set_here(&self) -> anyhow::Result<Guard> {
        let policies = policies(&self.root)?;
        let mut undo = Vec::new();
        for policy in &policies {
            self.check(policy)?;
            undo.extend(limits(policy)?);
        }
        let guard = stand_by(&undo)?;
        for policy in &policies {
            set_limits(policy, self.khz())?;
        }
        Ok(guard)
    }

    fn khz(&self) -> u64 {
        u64::from(self.mhz) * 1000
    }

    /// The kernel would round a clock that the processor does not have, and nobody would know.
    fn check(&self, policy: &Path) -> anyhow::Result<()> {
        let (least, most) = (number(policy, "cpuinfo_min_freq")?, number(policy, "cpuinfo_max_freq")?);
        let wanted = self.khz();
        ensure!(
            (least..=most).contains(&wanted),
            "{} MHz is not within the {} to {} MHz of `{}`",
            self.mhz,
            least / 1000,
            most / 1000,
            policy.display()
        );
        let Ok(list) = fs::read_to_string(policy.join("scaling_available_frequencies")) else {
            return Ok(());
        };
        let there = list.split_whitespace().any(|khz| khz.parse() == Ok(wanted));
        ensure!(
            there,
            "{} MHz is not among the clocks of `{}`: {} kHz",
            self.mhz,
            policy.display(),
            list.trim()
        );
        Ok(())
    }

    fn set_by(&self, command: &str, source: &Source) -> anyhow::Result<Guard> {
        let nodes = source.ask(&NodesRequest::default());
        let nodes = nodes.map_err(|_| anyhow!("cannot ask for the nodes whose clocks are to be set"))?;
        let (mut set, mut undo) = (Vec::new(), Vec::new());
        for node in nodes.iter().filter(|node| node.state == Presence::Up) {
            let host = &node.host;
            let before = node.max_hz.with_context(|| {
                format!("the clock limit of {host} is not known, so it could not be put back")
            })?;
            set.push(filled(command, host, f64::from(self.mhz))?);
            undo.push(Undo::Shell(filled(command, host, before / 1e6)?));
        }
        ensure!(!set.is_empty(), "no node is up whose clock could be set");
        let guard = stand_by(&undo)?;
        set.iter().try_for_each(|command| shell(command))?;
        Ok(guard)
    }
}

fn policies(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = root.join(POLICIES);
    let none = || format!("this machine's clock cannot be set: `{}` holds no policy", folder.display());
    let entries = fs::read_dir(&folder).with_context(none)?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_policy =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("policy"));
    let mut policies: Vec<PathBuf> = paths.filter(is_policy).collect();
    policies.sort();
    ensure!(!policies.is_empty(), none());
    Ok(policies)
}

fn number(policy: &Path, name: &str) -> anyhow::Result<u64> {
    let path = policy.join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.trim().parse().with_context(|| format!("`{}` holds no number", path.display()))
}

/// The limits as they are. Widest first: whatever the limits are meanwhile, least is never above most.
fn limits(policy: &Path) -> anyhow::Result<[Undo; 3]> {
    let (least, most) = (number(policy, "scaling_min_freq")?, number(policy, "scaling_max_freq")?);
    let floor = number(policy, "cpuinfo_min_freq")?;
    let write = |name: &str, khz: u64| Undo::Write(policy.join(name), khz.to_string());
    Ok([write("scaling_min_freq", floor), write("scaling_max_freq", most), write("scaling_min_freq", least)])
}

fn set_limits(policy: &Path, khz: u64) -> anyhow::Result<()> {
    let floor = number(policy, "cpuinfo_min_freq")?;
    for (name, khz) in [("scaling_min_freq", floor), ("scaling_max_freq", khz), ("scaling_min_freq", khz)] {
        let path = policy.join(name);
        let set = fs::write(&path, khz.to_string());
        set.with_context(|| format!("cannot set the clock in `{}`; are you root?", path.display()))?;
    }
    Ok(())
}

/// The user's command for a node. The shell sees the name, so it may hold nothing that a shell reads.
fn filled(command: &str, host: &str, mhz: f64) -> anyhow::Result<String> {
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    ensure!(plain && !host.starts_with('-'), "the node's name `{host}` cannot stand in a command");
    Ok(command.replace("{host}", host).replace("{mhz}", &format!("{mhz:.0}")))
}

fn shell(command: &str) -> anyhow::Result<()> {
    let status = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run `{command}`"))?;
    if status.success() { Ok(()) } else { bail!("`{command}` ended with {status}") }
}

/// In a process group of its own, so that Ctrl-C does not reach it.
fn stand_by(undo: &[Undo]) -> anyhow::Result<Guard> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.arg(STAND_BY).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
    for step in undo {
        match step {
            Undo::Write(path, value) => command.arg("--write").arg(format!("{value}:{}", path.display())),
            Undo::Shell(line) => command.arg("--shell").arg(line),
        };
    }
    Ok(Guard(command.spawn().context("cannot start the process that puts the clocks back")?))
}

/// Waits until standard input ends, then does every step even if one fails; says how many did.
/// Fails if one of them did, or if a step cannot be read.
pub fn restore(writes: &[String], shells: &[String]) -> anyhow::Result<()> {
    // Whatever ends the waiting, the clocks are put back.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    let mut failures = 0;
    for step in writes {
        let (value, path) = step.split_once(':').context("write VALUE:FILE")?;
        if let Err(error) = fs::write(path, value) {
            complain(format_args!("picollect: cannot put `{path}` back to {value}: {error}"));
            failures += 1;
        }
    }
    for line in shells {
        if let Err(error) = shell(line) {
            complain(format_args!("picollect: {error:#}"));
            failures += 1;
        }
    }
    ensure!(failures == 0, "{failures} steps failed");
    Ok(())
}
