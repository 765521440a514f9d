//! The collector's command line.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use clap::{Args, Subcommand, ValueEnum};
use picollect_evaluate::Window;
use picollect_settings::exit::{Failure, usage};

use crate::config::check::{self, Effective};
use crate::config::{Config, ConfigOptions, DEFAULT_LISTEN, Origin, Setting, lay_over};
use crate::report::{self, Report};
use crate::time::{millis, now_ms, parse_rfc3339};
use crate::tokens::{Scope, Tokens};
use crate::wall::import::{self, ImportOptions};
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
    /// Make tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Take in the log of a meter at the wall
    #[command(after_help = "Example:\n  picollect import --wall meter.csv --name socket")]
    Import(ImportOptions),
    /// Check the configuration and print what holds and where it comes from
    Check {
        /// What and where.
        #[command(flatten)]
        options: ServeOptions,
        /// How to encrypt.
        #[command(flatten)]
        tls: TlsOptions,
        /// Also ask each wall meter once
        #[arg(long)]
        connect: bool,
    },
}

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub struct DataOptions {
    /// Data directory [default: picollect in the user's data directory]
    #[arg(long, value_name = "DIR", env = "PICOLLECT_DATA")]
    data: Option<PathBuf>,
}

impl DataOptions {
    /// The directory, which need not be there.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        self.data.clone().map_or_else(data_dir::default_path, Ok)
    }

    /// Opens a store that is there; a mistyped directory is not made.
    pub(crate) fn open(&self) -> Result<store::SqliteStore, Failure> {
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
    #[command(flatten)]
    config: ConfigOptions,
    /// Address and port to listen on; port 0 is any free one [default: 127.0.0.1:8650]
    #[arg(long, value_name = "ADDRESS:PORT", env = "PICOLLECT_LISTEN")]
    listen: Option<String>,
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
            let Serving { data, listen, server } = Serving::of(&options, None)?;
            Ok(runtime()?.block_on(up::up(&data, &listen, &server))?)
        }
        Command::Serve { options, tls } => {
            picollect_settings::log::start();
            Ok(runtime()?.block_on(serve(&Serving::of(&options, Some(tls))?))?)
        }
        Command::Demo(options) => run_demo(options),
        Command::Report(options) => {
            let store = options.data.open()?;
            let window = window(&options).map_err(usage)?;
            print(&report::build(&store, window)?, options.format)
        }
        Command::Nodes { data, json } => list_nodes(&data, json),
        Command::Token(TokenCommand::Create { data, name, scope, node }) => {
            println!("{}", Tokens::of(&data.path()?).create(&name, scope, node.as_deref())?);
            Ok(())
        }
        Command::Import(options) => import::execute(&options),
        Command::Check { options, tls, connect } => check(&options, tls, connect),
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// What flags, variables and file say together.
struct Serving {
    data: PathBuf,
    listen: String,
    server: server::Options,
}

impl Serving {
    /// Without TLS options, what the file says of TLS does not hold either: `up` starts an agent that would
    /// have to know the certificate.
    fn of(options: &ServeOptions, tls: Option<TlsOptions>) -> Result<Self, Failure> {
        let data = options.data.path()?;
        let config = options.config.read(&data)?;
        let tls = match tls {
            Some(tls) => tls.laid_over(&config)?,
            None => None,
        };
        let listen = options.listen.clone().or(config.listen).unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
        let keep = options.retention.or(config.retention);
        Ok(Self { data, listen, server: server::Options { keep, tls, wall: config.wall } })
    }
}

impl TlsOptions {
    fn laid_over(self, config: &Config) -> Result<Option<server::Tls>, Failure> {
        let certificate = self.tls_cert.or_else(|| config.tls_cert.clone());
        match (certificate, self.tls_key.or_else(|| config.tls_key.clone())) {
            (Some(certificate), Some(key)) => Ok(Some(server::Tls { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(usage(anyhow!("`tls_cert` and `tls_key` go together"))),
        }
    }
}

async fn serve(serving: &Serving) -> anyhow::Result<()> {
    let (server, collector) = server::start(&serving.data, &serving.listen, &serving.server).await?;
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

/// Prints what holds; exit code 1 if something that is configured cannot be used.
fn check(options: &ServeOptions, tls: TlsOptions, connect: bool) -> Result<(), Failure> {
    let data = options.data.path()?;
    let config = options.config.read(&data)?;
    tls.clone().laid_over(&config)?;
    let effective = effective(options, tls, &data, &config);
    let mut findings = check::findings(&config);
    let mut page = check::page(&effective, &config);
    if connect {
        let (answers, silent) = check::connect(&config.wall);
        page += &answers;
        findings.extend((silent > 0).then(|| format!("{silent} wall meters give no reading")));
    }
    page.extend(findings.iter().map(|finding| format!("finding: {finding}\n")));
    io::stdout().write_all(page.as_bytes())?;
    if findings.is_empty() { Ok(()) } else { Err(Failure::Finding(findings.len())) }
}

/// The settings that more than the file can say, in the order in which they are printed.
fn effective(options: &ServeOptions, tls: TlsOptions, data: &Path, config: &Config) -> Effective {
    let or = |said: Option<Setting<String>>, otherwise: &str| {
        said.unwrap_or(Setting { value: otherwise.to_owned(), origin: Origin::Default })
    };
    let path = |path: PathBuf| path.display().to_string();
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let given = |value, flag, variable| lay_over(value, flag, variable, None);
    let file = given(options.config.config.clone().map(path), "--config", "PICOLLECT_CONFIG");
    let found = config.file.clone().map_or_else(|| "none".to_owned(), path);
    let directory = given(options.data.data.clone().map(path), "--data", "PICOLLECT_DATA");
    let listen = lay_over(options.listen.clone(), "--listen", "PICOLLECT_LISTEN", config.listen.clone());
    let retention = lay_over(
        options.retention.map(time),
        "--retention",
        "PICOLLECT_RETENTION",
        config.retention.map(time),
    );
    let certificate = config.tls_cert.clone().map(path);
    let certificate = lay_over(tls.tls_cert.map(path), "--tls-cert", "PICOLLECT_TLS_CERT", certificate);
    let key =
        lay_over(tls.tls_key.map(path), "--tls-key", "PICOLLECT_TLS_KEY", config.tls_key.clone().map(path));
    Effective {
        settings: vec![
            ("config", or(file, &found)),
            ("data", or(directory, &data.display().to_string())),
            ("listen", or(listen, DEFAULT_LISTEN)),
            ("retention", or(retention, "everything is kept")),
            ("tls_cert", or(certificate, "none")),
            ("tls_key", or(key, "none")),
        ],
    }
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
