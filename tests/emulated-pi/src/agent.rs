//! The agent under test and what it is compared with, as processes of the emulated Pi.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{self, Command, Stdio};
use std::thread;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::events::say;

const AGENT: &str = "/bin/picollect-agent";
const CONFIGURATION: &str = "/etc/picollect/agent.toml";
const TOKEN: &str = "/run/picollect-token";
/// Where systemd would make the folder for what has to outlive the agent.
const RUNTIME_DIRECTORY: &str = "/run/picollect";
const BUSYBOX: &str = "/bin/busybox";
/// The kernel counts processor time for processes in hundredths (`USER_HZ`).
const MS_PER_TICK: u64 = 10;

/// A process that ends with its owner.
pub(crate) struct Child(process::Child);

/// Starts the agent, pushing to this collector; what it logs becomes events.
pub(crate) fn start(url: &str, token: &str) -> anyhow::Result<Child> {
    write_token(token).with_context(|| format!("cannot write `{TOKEN}`"))?;
    fs::create_dir_all(RUNTIME_DIRECTORY)?;
    let arguments = ["run", "--config", CONFIGURATION, "--collector", url, "--token-file", TOKEN];
    let mut child = Command::new(AGENT)
        .args(arguments)
        .env("RUNTIME_DIRECTORY", RUNTIME_DIRECTORY)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{AGENT}`"))?;
    let log = child.stderr.take().context("its log is piped")?;
    thread::Builder::new().name("log".into()).spawn(move || repeat(log))?;
    say("started", &json!({ "pid": child.id() }));
    Ok(Child(child))
}

/// Starts busybox' `top`, which looks at the processes once a second as the agent looks at its sensors.
pub(crate) fn start_top() -> anyhow::Result<Child> {
    let mut command = Command::new(BUSYBOX);
    command.args(["top", "-b", "-d", "1"]).stdin(Stdio::null()).stdout(Stdio::null());
    Ok(Child(command.spawn().context("cannot start busybox' top")?))
}

fn write_token(token: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(TOKEN)?;
    writeln!(file, "{token}")
}

fn repeat(log: impl Read) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        say("agent", &json!({ "says": line }));
    }
}

impl Child {
    /// SIGKILL: no chance to say good-bye.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill().context("cannot kill the agent")?;
        self.0.wait().context("cannot wait for the agent")?;
        say("killed", &json!({}));
        Ok(())
    }

    /// Processor time so far, in milliseconds, and resident memory, in KiB; null is unknown.
    pub(crate) fn usage(&self) -> Value {
        let file = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).ok();
        let cpu_ms = file("stat").and_then(|stat| cpu_ms(&stat));
        let rss_kib = file("status").and_then(|status| kib(&status, "VmRSS:"));
        json!({ "cpu_ms": cpu_ms, "rss_kib": rss_kib })
    }
}

/// User and system time of `/proc/PID/stat`: fields 14 and 15; the name in field 2 may contain anything.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * MS_PER_TICK)
}

fn kib(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "12 (a) (b) S 1 12 12 0 -1 4194304 10 0 0 0 7 5 0 0 20 0 3 0 99 1 2";
        assert_eq!(cpu_ms(stat), Some(120));
        assert_eq!(cpu_ms("12 (a"), None);
    }

    #[test]
    fn resident_memory_is_in_kib() {
        assert_eq!(kib("VmHWM:\t 9 kB\nVmRSS:\t    4321 kB\n", "VmRSS:"), Some(4321));
        assert_eq!(kib("Name:\tx\n", "VmRSS:"), None);
    }
}
