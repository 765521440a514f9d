//! The collector's command line.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use picollect_settings::exit::{Failure, usage};

use crate::ask::{Answer, AskOptions, Format};
use crate::bench::{self, BenchOptions};
use crate::questions::{NodesQuestion, ReportQuestion, RunQuestion, RunsQuestion};
use crate::run::RunOptions;
use crate::scaling::ScalingOptions;
use crate::time::{millis, parse_rfc3339};
use crate::tokens::{Scope, Tokens};
use crate::{data_dir, demo, questions, run, scaling, server, store, up};

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
    #[command(after_help = "Examples:\n  picollect report --since 24h --format html > report.html\n  \
                            picollect report --run last --fail-on 'throttled,coverage<0.99'\n  \
                            picollect report --compare hpl-20261123-141157-043 last")]
    Report(ReportOptions),
    /// Run a command and say what it computed per watt
    #[command(after_help = "Examples:\n  picollect run -- mpirun -np 20 xhpl\n  \
                            picollect run --repeat 5 --idle 30s --label cooling=fan -- ./xhpl\n  \
                            picollect run --sweep nodes=1,2,4,5 -- mpirun -np {nodes} xhpl\n  \
                            picollect run --sweep freq=600,1000,1400 -- ./xhpl\n\n\
                            Ends with the exit status of the command.")]
    Run(RunOptions),
    /// The runs that were measured
    Runs {
        /// Whom to ask.
        #[command(flatten)]
        ask: AskOptions,
        /// What of them; without it a table of all.
        #[command(subcommand)]
        command: Option<RunsCommand>,
        /// Deliver what waits for a collector that was away
        #[arg(long)]
        deliver: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What more nodes bring: speed-up, efficiency, energy
    #[command(after_help = "Examples:\n  picollect scaling RUN RUN RUN\n  picollect scaling --example\n  \
                            picollect scaling --table runs.csv --format json")]
    Scaling(ScalingOptions),
    /// Wait for the end of standard input, then put clocks back
    #[command(hide = true)]
    RestoreClocks {
        /// A value to write into a file.
        #[arg(long, value_name = "VALUE:FILE")]
        write: Vec<String>,
        /// A command to run.
        #[arg(long)]
        shell: Vec<String>,
    },
    /// The nodes as they are now
    Nodes {
        /// Whom to ask.
        #[command(flatten)]
        ask: AskOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure what this machine computes, and how fast its memory is
    #[command(
        after_help = "Example:\n  picollect bench\n  mpirun --hostfile nodes --map-by node picollect bench"
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
    ask: AskOptions,
    /// The last so much time, such as 10m or 24h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// From this moment (RFC 3339, UTC); instead of --since
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339, conflicts_with = "since")]
    from: Option<i64>,
    /// To this moment (RFC 3339, UTC) [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339)]
    to: Option<i64>,
    /// The time of a run, by its id, or `last`
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "from", "to"])]
    run: Option<String>,
    /// Two runs beside each other
    #[arg(long, value_name = "ID", num_args = 2, conflicts_with_all = ["since", "from", "to", "run"])]
    compare: Vec<String>,
    /// End with status 1 if any of these is so: throttled, failed, down, not-measured, or a bound on coverage,
    /// temp_c, mean_w, energy_j, rate_per_w or level, such as 'coverage<0.99'
    #[arg(long, value_name = "CONDITIONS")]
    fail_on: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl ReportOptions {
    fn question(&self) -> ReportQuestion {
        ReportQuestion {
            since_ms: self.since.map(millis),
            from_ms: self.from,
            to_ms: self.to,
            run: self.run.clone(),
            compare: self.compare.first().cloned(),
            with: self.compare.get(1).cloned(),
            format: self.format,
            colour: colour(),
            fail_on: self.fail_on.clone(),
        }
    }
}

/// Whether standard output shows colours (<https://no-color.org>).
fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// All that is known of one run
    Show {
        /// Its id, or `last`
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
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
        Command::Report(options) => print(&options.ask.open()?.ask(&options.question())?),
        Command::Run(options) => {
            picollect_settings::log::start();
            run::run(&options)
        }
        Command::Runs { ask, command, deliver, json } => runs(&ask, command, deliver, json),
        Command::Scaling(options) => print(&scaling::execute(&options)?),
        Command::RestoreClocks { write, shell } => Ok(run::restore_clocks(&write, &shell)?),
        Command::Nodes { ask, json } => {
            print(&ask.open()?.ask(&NodesQuestion { format: text_or_json(json) })?)
        }
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
    print(&Answer { text: questions::written(&report, format, colour())?, findings: Vec::new() })
}

fn runs(ask: &AskOptions, command: Option<RunsCommand>, deliver: bool, json: bool) -> Result<(), Failure> {
    let source = ask.open()?;
    if deliver {
        let delivered = run::deliver_waiting(&source, &ask.directory()?.join("runs"))?;
        println!("{delivered} delivered");
        return Ok(());
    }
    match command {
        None => print(&source.ask(&RunsQuestion { since_ms: None, format: text_or_json(json) })?),
        Some(RunsCommand::Show { id, json }) => {
            let (format, colour) = (text_or_json(json), colour());
            print(&source.ask(&RunQuestion { id, verdict_only: false, format, colour })?)
        }
    }
}

fn text_or_json(json: bool) -> Format {
    if json { Format::Json } else { Format::Text }
}

/// Prints an answer; its findings go to standard error and make the exit code.
fn print(answer: &Answer) -> Result<(), Failure> {
    io::stdout().write_all(answer.text.as_bytes()).context("cannot write to standard output")?;
    if answer.findings.is_empty() {
        return Ok(());
    }
    for finding in &answer.findings {
        eprintln!("picollect: {finding}");
    }
    Err(Failure::Finding(answer.findings.len()))
}
