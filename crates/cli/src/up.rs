//! `picollect up`: collector and agent of this machine together. `picollect demo` is the same with
//! simulated nodes, a load and an end: it is built on [`Site`] too.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, Command};

use picollect_analysis::runs;
use picollect_collector::Collector;
use picollect_collector::server::authority_file;
use picollect_collector::server::{self, Server};
use picollect_collector::tokens::{Scope, Tokens};
use picollect_settings::files;
use picollect_settings::output::say;
use picollect_store::Store;

use crate::waiting::keep_delivering;
use crate::{invitation, live};

/// An agent that was told to stop flushes for five seconds at most; then it is no longer waited for.
const STOP_TIME: Duration = Duration::from_secs(8);

/// A collector in this process and agents in processes of their own.
pub(crate) struct Site {
    server: Server,
    collector: Arc<Collector>,
    token_file: PathBuf,
    /// Who signed the collector's certificate, if it is encrypted.
    ca_file: Option<PathBuf>,
    agents: Vec<(String, Child)>,
}

impl Site {
    /// Starts the collector on this directory and makes the agents' token if there is none yet.
    pub(crate) async fn start(data: &Path, listen: &str, options: &server::Options) -> anyhow::Result<Self> {
        let (server, collector) = server::start(data, listen, options).await?;
        let token_file = data.join("agent.token");
        make_token(&collector.tokens, &token_file)
            .with_context(|| format!("cannot make the agents' token in `{}`", token_file.display()))?;
        let ca_file = collector.authority.as_ref().map(|_| authority_file(data));
        Ok(Self { server, collector, token_file, ca_file, agents: Vec::new() })
    }

    /// Starts an agent that pushes to this collector. It runs until its standard input is closed, so it
    /// cannot outlive this process.
    pub(crate) fn start_agent(&mut self, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["agent", "run", "--until-stdin-closes", "--collector", &self.server.url()]);
        command.arg("--token-file").arg(&self.token_file).args(arguments).stdin(Stdio::piped());
        if let Some(ca_file) = &self.ca_file {
            command.arg("--ca-file").arg(ca_file);
        }
        // Its everyday messages would run through the live view.
        command.env("PICOLLECT_LOG", "warn");
        let child = command.spawn().with_context(|| format!("cannot start the agent of {name}"))?;
        self.agents.push((name.to_owned(), child));
        Ok(())
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.collector.store)
    }

    pub(crate) fn collector(&self) -> Arc<Collector> {
        Arc::clone(&self.collector)
    }

    /// Keeps a finished run in the store.
    pub(crate) fn record(&self, run: &runs::Run) -> anyhow::Result<()> {
        Ok(runs::record(self.collector.store.as_ref(), run)?)
    }

    /// The address of the collector.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Lets the agents take their last sample and deliver what they have; the collector still listens.
    pub(crate) async fn stop_agents(&mut self) -> anyhow::Result<()> {
        for (_, child) in &mut self.agents {
            drop(child.stdin.take());
        }
        for (name, mut child) in self.agents.drain(..) {
            let Ok(status) = tokio::time::timeout(STOP_TIME, child.wait()).await else {
                tracing::error!("the agent of {name} did not stop in time");
                child.kill().await?;
                continue;
            };
            let status = status?;
            if !status.success() {
                tracing::error!("the agent of {name} ended with {status}");
            }
        }
        Ok(())
    }

    /// Stops the agents, then the collector.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop_agents().await?;
        self.server.stop().await
    }
}

/// Leaves a token that opens the way in, as it is; else makes one: at the first start, and where it was revoked.
fn make_token(tokens: &Tokens, file: &Path) -> anyhow::Result<()> {
    let kept = match files::read_plain(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        kept => Some(String::from_utf8_lossy(&kept?).trim().to_owned()),
    };
    let known = kept.map(|token| tokens.grant(&token)).transpose()?.flatten();
    if known.is_none_or(|grant| !grant.allows(Scope::Write)) {
        let token = tokens.renew("agents", &[Scope::Write])?;
        files::replace(file, format!("{token}\n").as_bytes())?;
    }
    Ok(())
}

/// Collector and agent of this machine, until told to stop.
pub(crate) async fn up(data: &Path, listen: &str, options: &server::Options) -> anyhow::Result<()> {
    let mut site = Site::start(data, listen, options).await?;
    let mut text = format!("listening on {}\ndata in {}; stop with Ctrl-C\n", site.url(), data.display());
    if site.server.address.ip().is_loopback() {
        text += "only this machine can push; to let other nodes in: picollect up --listen 0.0.0.0:8650\n";
    } else {
        let (scheme, port) = (site.server.scheme, site.server.address.port());
        text += &format!(
            "on another node, within 15 minutes: picollect-agent join {scheme}://THIS-MACHINE:{port}\n  \
             the code that it asks for: {}\n  a code for one more: picollect token code --data {}\n",
            site.collector.tokens.code()?,
            data.display()
        );
    }
    if io::stdout().is_terminal() {
        let url = invitation::reachable(site.server.scheme, site.server.address);
        text += &invitation::invite(&site.collector.tokens, &url)?;
    }
    say(&text)?;
    site.start_agent("this machine", &[])?;
    let delivering = keep_delivering(&site.collector, data);
    let view = tokio::spawn(live::draw(site.collector(), String::new()));
    server::told_to_stop().await?;
    view.abort();
    delivering.abort();
    site.stop().await
}
