//! The collector's command line.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use clap::{Args, Subcommand, ValueEnum};
use picollect_evaluate::Window;
use picollect_settings::exit::{Failure, usage};

use crate::bench::{self, BenchOptions};
use crate::report::{self, Report};
use crate::time::{millis, now_ms, parse_rfc3339};
use crate::tokens::{Scope, Tokens};
use crate::{data_dir, demo, nodes, server, store, up};

/// What the collector can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start collector and agent of this machine together
    #[command(after_help = "Example:\n  picollect up --listen 0.0.0.0:8650")]
    Up(ServeOptions),
    /// Start the collector alone
    #[command(after_help = "Example:\n  picollect serve --data /var/lib/picollect --listen 0.0.0.0:8650")]
    Serve {
        /// What and where.
        #[command(flatten)]
        options: ServeOptions,
        /// How to encrypt.
        #[command(flatten)]
        tls: TlsOptions,
    },
    /// Show a whole cluster on this machine: one real node, four simulated ones, a load and the report
    Demo(DemoOptions),
    /// What the nodes did in a window: energy, efficiency, throttling
    #[command(after_help = "Example:\n  picollect report --since 24h --format json")]
    Report(ReportOptions),
    /// The nodes as they are now
    Nodes {
        /// Where the data is.
        #[command(flatten)]
        data: DataOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure what this machine computes, and how fast its memory is
    #[command(
        after_help = "Example:\n  picollect bench\n  mpirun --hostfile nodes --map-by ppr:1:node --bind-to none picollect bench"
    )]
    Bench(BenchOptions),
    /// Make tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub struct DataOptions {
    /// Data directory [default: picollect in the user's data directory]
    #[arg(long, value_name = "DIR", env = "PICOLLECT_DATA")]
    data: Option<PathBuf>,
}

impl DataOptions {
    fn path(&self) -> anyhow::Result<PathBuf> {
        self.data.clone().map_or_else(data_dir::default_path, Ok)
    }

    /// Opens a store that is there; a mistyped directory is not made.
    fn open(&self) -> Result<store::SqliteStore, Failure> {
        let path = self.path()?;
        let there = path.is_dir();
        let name = path.display().to_string();
        let absent =
            || anyhow!("there is no data directory `{name}`; start `picollect up` or give --data DIR");
        ensure_runtime(there, absent)?;
        Ok(store::open(&path)?)
    }
}

fn ensure_runtime(holds: bool, otherwise: impl FnOnce() -> anyhow::Error) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Runtime(otherwise())) }
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    data: DataOptions,
    /// Address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8650", env = "PICOLLECT_LISTEN")]
    listen: String,
    /// Delete data that is older, such as 90d [default: keep everything]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, env = "PICOLLECT_RETENTION")]
    retention: Option<Duration>,
}

/// How to encrypt.
#[derive(Debug, Clone, Args)]
pub struct TlsOptions {
    /// Serve https with the certificate (and its chain) in this file
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "PICOLLECT_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "PICOLLECT_TLS_KEY")]
    tls_key: Option<PathBuf>,
}

/// How to show the demo.
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// How long, such as 60s or 5m; at least 5s
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    length: Duration,
    /// Sampling interval of the agents
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Keep the data in this directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What to report on.
#[derive(Debug, Clone, Args)]
pub struct ReportOptions {
    #[command(flatten)]
    data: DataOptions,
    /// The last so much time, such as 10m or 24h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    since: Duration,
    /// From this moment (RFC 3339, UTC); instead of --since
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339, conflicts_with = "since")]
    from: Option<i64>,
    /// To this moment (RFC 3339, UTC) [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339)]
    to: Option<i64>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Text,
    /// One JSON document
    Json,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Create {
        /// Where the data is.
        #[command(flatten)]
        data: DataOptions,
        /// What to call it
        #[arg(long)]
        name: String,
        /// What it allows
        #[arg(long, value_enum)]
        scope: Scope,
        /// Only this node's samples may be pushed with it
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
    },
}

/// Carries out a command.
pub fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(options) => {
            picollect_settings::log::start();
            Ok(runtime()?.block_on(up::up(&options.data.path()?, &options.listen, options.retention))?)
        }
        Command::Serve { options, tls } => {
            picollect_settings::log::start();
            Ok(runtime()?.block_on(serve(&options, tls))?)
        }
        Command::Demo(options) => run_demo(options),
        Command::Report(options) => {
            let store = options.data.open()?;
            let window = window(&options).map_err(usage)?;
            print(&report::build(&store, window)?, options.format)
        }
        Command::Nodes { data, json } => list_nodes(&data, json),
        Command::Bench(options) => bench::bench(&options),
        Command::Token(TokenCommand::Create { data, name, scope, node }) => {
            println!("{}", Tokens::of(&data.path()?).create(&name, scope, node.as_deref())?);
            Ok(())
        }
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

async fn serve(options: &ServeOptions, tls: TlsOptions) -> anyhow::Result<()> {
    let tls = tls.tls_cert.zip(tls.tls_key).map(|(certificate, key)| server::Tls { certificate, key });
    let how = server::Options { keep: options.retention, tls };
    let (server, collector) = server::start(&options.data.path()?, &options.listen, &how).await?;
    println!("listening on {}", server.url());
    io::stdout().flush()?;
    if !collector.tokens.any()? {
        tracing::warn!("there are no tokens yet, so nobody can push; see `picollect token create --help`");
    }
    server::told_to_stop().await?;
    server.stop().await
}

/// The phases of the demo need some seconds each.
const SHORTEST_DEMO: Duration = Duration::from_secs(5);

fn run_demo(options: DemoOptions) -> Result<(), Failure> {
    let DemoOptions { length, interval, format, keep } = options;
    if length < SHORTEST_DEMO {
        return Err(usage(anyhow!("--for {} is too short; 5s at least", humantime::format_duration(length))));
    }
    picollect_settings::log::start();
    let report = runtime()?.block_on(demo::demo(&demo::Options { length, interval, keep }))?;
    print(&report, format)
}

fn window(options: &ReportOptions) -> anyhow::Result<Window> {
    let end_ms = options.to.unwrap_or_else(now_ms);
    let start_ms = options.from.unwrap_or(end_ms.saturating_sub(millis(options.since)));
    ensure!(start_ms < end_ms, "the window ends before it begins");
    Ok(Window { start_ms, end_ms })
}

fn print(report: &Report, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Text => report::text(report),
        Format::Json => report::json(report)?,
    };
    Ok(io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?)
}

fn list_nodes(data: &DataOptions, json: bool) -> Result<(), Failure> {
    let now = now_ms();
    let nodes = nodes::observe(&data.open()?, now)?;
    let text = if json { serde_json::to_string_pretty(&nodes)? + "\n" } else { nodes::table(&nodes, now) };
    Ok(io::stdout().write_all(text.as_bytes())?)
}
