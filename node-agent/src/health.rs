//! `picollect-agent health`: whether the agent that runs beside it samples, for a supervisor that can only run a command.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use picollect_telemetry::foreign::printable;

use crate::config::{Options, TargetOptions, settings};

/// A page that is in memory, on this machine.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longer is no answer of an agent's.
const MAX_ANSWER_BYTES: u64 = 4 * 1024;

/// Which agent is asked.
#[derive(Debug, Clone, clap::Args)]
pub struct HealthOptions {
    /// Configuration file of the agent
    #[arg(long, value_name = "FILE", env = "PICOLLECT_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port of its metrics page; instead of that in the file
    #[arg(long, value_name = "ADDRESS:PORT", env = "PICOLLECT_METRICS_LISTEN")]
    metrics_listen: Option<String>,
}

/// Prints what the agent says; [`Failure::Finding`] if it has taken no sample lately, a runtime failure if it does not
/// answer.
pub fn health(options: &HealthOptions) -> Result<(), Failure> {
    let file = Options { config: options.config.clone(), root: Path::new("/").into(), ..Options::default() };
    let line = TargetOptions { metrics_listen: options.metrics_listen.clone(), ..TargetOptions::default() };
    let address = settings(&file, &line)?.metrics_listen.ok_or_else(|| {
        usage(anyhow!(
            "the agent is asked at its metrics page: give both --metrics-listen ADDRESS:PORT, or name it in the \
             configuration"
        ))
    })?;
    let (well, text) = asked(&address).with_context(|| format!("the agent at {address} does not answer"))?;
    say(&format!("{}\n", printable(text.trim())))?;
    if well { Ok(()) } else { Err(Failure::Finding(1)) }
}

/// Whether the agent at this address is well, and its words.
fn asked(address: &str) -> anyhow::Result<(bool, String)> {
    let place = address.to_socket_addrs()?.next().context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&place, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("what answers is no agent")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok((true, body.to_owned())),
        Some("503") => Ok((false, body.to_owned())),
        _ => Err(anyhow!("what answers has no /healthz; is it an agent of this version?")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exposition::Exposition;

    #[test]
    fn an_agent_that_samples_is_well_and_one_whose_last_sample_is_old_is_not() {
        let listening = Exposition::start("127.0.0.1:0", Duration::from_secs(3600)).unwrap();
        let address = listening.address.to_string();
        assert_eq!(asked(&address).unwrap(), (true, "ok\n".to_owned()));

        let late = Exposition::start("127.0.0.1:0", Duration::ZERO).unwrap();
        let (well, words) = asked(&late.address.to_string()).unwrap();
        assert!(!well && words.contains("the last sample was taken"), "{words}");
    }

    #[test]
    fn nobody_there_and_no_address_are_told_apart() {
        let options = HealthOptions { config: None, metrics_listen: None };
        assert!(matches!(health(&options), Err(Failure::Usage(_))));
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = HealthOptions { metrics_listen: Some(closed.to_string()), ..options };
        assert!(matches!(health(&options), Err(Failure::Runtime(_))));
    }
}
