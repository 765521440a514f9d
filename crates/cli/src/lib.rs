//! The collector's command line: what each command takes, and who carries it out.
//!
//! Only the program `picollect` uses it, as one half of its own command line; it is no library for others.

mod backup;
mod check;
mod cooling;
mod demo;
mod export;
mod health;
mod hpl_plan;
mod import;
mod invitation;
mod live;
mod model;
mod moment;
mod nameplate;
mod output_format;
mod rename;
mod retire;
mod samples;
mod scaling;
mod serving;
mod submission;
mod token;
mod up;
mod waiting;
mod workload;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use picollect_settings::duration::shown;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::{complain, say};

use picollect_analysis::alerts::AlertsRequest;
use picollect_analysis::report::{self, Format, Screen};
use picollect_analysis::request::Written;
use picollect_analysis::requests::{NodesRequest, ReportRequest, RunRequest, RunsRequest};
use picollect_bench as bench;
use picollect_bench::BenchOptions;
use picollect_client::SourceOptions;
use picollect_collector::alerts;
use picollect_config::store_spec::{DataOptions, StoreSpec};
use picollect_config::{Config, ConfigOptions, StoreConfig};
use picollect_run as run;
use picollect_run::RunOptions;
use picollect_settings::time::millis;
use picollect_store::Durability;
use picollect_store::location::Location;

use backup::BackupOptions;
use cooling::CoolingCommand;
use export::ExportOptions;
use health::HealthOptions;
use import::ImportOptions;
pub use invitation::LoginOptions;
use nameplate::NameplateOptions;
use scaling::ScalingOptions;
use submission::SubmissionOptions;

use self::moment::moment;
use self::output_format::{AnyFormat, TextOrJson};
pub use hpl_plan::HplCommand;
pub use model::ModelCommand;
pub use samples::SamplesCommand;
pub use serving::{ServeOptions, TlsOptions};
use serving::{Serving, serve};
pub use token::TokenCommand;

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
        ask: SourceOptions,
        /// What of them; without it a table of all.
        #[command(subcommand)]
        command: Option<RunsCommand>,
        /// Deliver all runs that wait for a collector that was away, also those that were for another one
        #[arg(long)]
        deliver: bool,
        /// Text or what else.
        #[command(flatten)]
        format: AnyFormat,
    },
    /// What more nodes bring: speed-up, efficiency, energy
    #[command(
        after_help = "Examples:\n  picollect scaling\n  picollect scaling RUN RUN RUN\n  picollect scaling --example\n  \
                            picollect scaling --table runs.csv --format json"
    )]
    Scaling(ScalingOptions),
    /// What machines cost and use by their nameplates, where nobody metered them
    #[command(after_help = "Example:\n  picollect nameplate examples/thesis/machines.toml")]
    Nameplate(NameplateOptions),
    /// Prepare HPL: its input from the nodes' memory, cores and processors
    #[command(subcommand)]
    Hpl(HplCommand),
    /// What the cooling brings
    #[command(subcommand)]
    Cooling(Box<CoolingCommand>),
    /// What a Green500 submission asks for: checklist, raw readings, the computation, the system
    #[command(after_help = "Example:\n  picollect submission last green500")]
    Submission(SubmissionOptions),
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
        ask: SourceOptions,
        /// What with them; without it a table of all.
        #[command(subcommand)]
        command: Option<NodesCommand>,
        /// Text or what else.
        #[command(flatten)]
        format: TextOrJson,
    },
    /// What is wrong now, and the rules that say so
    #[command(after_help = "Examples:\n  picollect alerts --json\n  picollect alerts test")]
    Alerts {
        /// Whom to ask.
        #[command(flatten)]
        ask: SourceOptions,
        /// What with them; without it all rules, and what is active.
        #[command(subcommand)]
        command: Option<AlertsCommand>,
        /// Text or what else.
        #[command(flatten)]
        format: TextOrJson,
    },
    /// Measure what this machine computes, and how fast its memory is
    #[command(
        after_help = "Example:\n  picollect bench\n  mpirun --hostfile nodes --map-by ppr:1:node --bind-to none picollect bench"
    )]
    Bench(BenchOptions),
    /// Make a link that logs a browser in, once and within 15 minutes
    #[command(after_help = "Example:\n  sudo -u picollect picollect login --data /var/lib/picollect\n\n\
                            The browser then may read for 30 days. `picollect token list` shows it as a token,\n\
                            and `picollect token revoke` ends it.")]
    Login(LoginOptions),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Delete samples
    #[command(subcommand)]
    Samples(SamplesCommand),
    /// Write samples to standard output: line protocol or CSV, in order of time
    #[command(
        after_help = "Examples:\n  picollect export --since 24h --metric power --format csv > power.csv\n  \
                            picollect export --store embedded:DIR | picollect import --store prometheus+http://HOST:8428"
    )]
    Export(ExportOptions),
    /// Take in the log of a meter at the wall, a run that was done elsewhere, or exported samples
    #[command(
        after_help = "Examples:\n  picollect import --wall meter.csv --name socket --accuracy 0.01\n  \
                            picollect import --hpl HPL.out --start 2026-11-23T12:00:00Z\n  \
                            picollect export --store embedded:DIR | picollect import"
    )]
    Import(ImportOptions),
    /// Copy the data directory, also while the collector works
    #[command(
        after_help = "Example:\n  picollect backup --data /var/lib/picollect /mnt/backup/picollect-2026-11-24"
    )]
    Backup(BackupOptions),
    /// Ask the collector that runs on this machine whether it is well; a supervisor's health check
    #[command(after_help = "Example:\n  picollect health --config /etc/picollect/collector.toml")]
    Health(HealthOptions),
    /// Check the configuration and print what holds and where it comes from
    Check {
        /// What and where.
        #[command(flatten)]
        options: ServeOptions,
        /// How to encrypt.
        #[command(flatten)]
        tls: TlsOptions,
        /// Also write a sample to the store and read it back, and ask each wall meter once
        #[arg(long)]
        connect: bool,
        /// Also read every chunk of the embedded store, and say what is damaged
        #[arg(long)]
        chunks: bool,
    },
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
    /// Leave the nodes at work and the page in the browser open after the report, until Ctrl-C
    #[arg(long)]
    stay: bool,
    /// Keep the samples there: influxdb2+http(s)://HOST:PORT?org=…&bucket=… or prometheus+http(s)://HOST:PORT
    #[arg(long, value_name = "URL", env = "PICOLLECT_STORE")]
    store: Option<Location>,
}

/// What to report on.
#[derive(Debug, Clone, Args)]
pub struct ReportOptions {
    #[command(flatten)]
    ask: SourceOptions,
    /// The last so much time, such as 10m or 24h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// From this moment (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC); instead of --since
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "since")]
    from: Option<i64>,
    /// To this moment (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC) [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// The time of a run, by its id or a beginning of it, or `last`, `last~1` and so on
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "from", "to"])]
    run: Option<String>,
    /// Two runs beside each other, such as `last~1 last`
    #[arg(long, value_name = "ID", num_args = 2, conflicts_with_all = ["since", "from", "to", "run"])]
    compare: Vec<String>,
    /// End with status 1 if any of these is so: throttled, failed, down, not-measured, or a bound on
    /// coverage, temp_c, mean_w, energy_j, rate_per_w or level, such as 'coverage<0.99'
    #[arg(long, value_name = "CONDITIONS")]
    fail_on: Option<String>,
    #[command(flatten)]
    format: AnyFormat,
}

impl ReportOptions {
    fn request(&self) -> ReportRequest {
        ReportRequest {
            since_ms: self.since.map(millis),
            from_ms: self.from,
            to_ms: self.to,
            run: self.run.clone(),
            compare: self.compare.first().cloned(),
            with: self.compare.get(1).cloned(),
            format: self.format.into(),
            colour: Screen::of_stdout().colour,
            width: width(),
            fail_on: self.fail_on.clone(),
        }
    }
}

/// The width of standard output, where it is a terminal.
fn width() -> Option<usize> {
    io::stdout().is_terminal().then(|| Screen::of_stdout().width())
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// All that is known of one run
    Show {
        /// Its id or a beginning of it, or `last`, `last~1` and so on
        id: String,
        /// Text or what else.
        #[command(flatten)]
        format: AnyFormat,
    },
}

/// What can be done with nodes.
#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// No longer show a node that is gone; its data stays, and it is back as soon as it speaks
    Retire {
        /// Its name
        name: String,
    },
    /// Give all that is stored of a node another name; stop its agent and then the collector before
    #[command(after_help = "Example:\n  systemctl stop picollect\n  \
                            sudo -u picollect picollect nodes --data /var/lib/picollect rename raspberrypi pi-1")]
    Rename {
        /// Its name so far
        old: String,
        /// Its new one
        new: String,
    },
}

/// What can be done with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Send a test message to every receiver that is configured on this machine
    Test {
        /// Where the configuration may be.
        #[command(flatten)]
        data: DataOptions,
        /// Or which it is.
        #[command(flatten)]
        config: ConfigOptions,
    },
}

/// Carries out a command. The failure says the exit code; a command under measurement hands on its own.
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
            print(&waiting::up_to_date(&options.ask)?.ask_written(&options.request())?)
        }
        Command::Run(options) => {
            picollect_settings::log::start();
            run::run(&options)
        }
        Command::Runs { ask, command, deliver, format } => runs(&ask, command, deliver, format.into()),
        Command::Scaling(options) => print(&scaling::execute(&options)?),
        Command::Hpl(command) => {
            picollect_settings::log::start();
            hpl_plan::execute(&command)
        }
        Command::Nameplate(options) => print(&nameplate::execute(&options)?),
        Command::Cooling(command) => command.execute(),
        Command::Submission(options) => submission::execute(&options),
        Command::RestoreClocks { write, shell } => Ok(run::restore_clocks(&write, &shell)?),
        Command::Nodes { ask, command: Some(NodesCommand::Retire { name }), .. } => {
            retire::retire(&ask.open()?, &name)
        }
        Command::Nodes { ask, command: Some(NodesCommand::Rename { old, new }), .. } => {
            rename::rename(&ask, &old, &new)
        }
        Command::Nodes { ask, command: None, format } => {
            print(&ask.open()?.ask_written(&NodesRequest { format: format.into() })?)
        }
        Command::Alerts { command: Some(AlertsCommand::Test { data, config }), .. } => {
            try_receivers(&config.read(&data.path()?)?)
        }
        Command::Alerts { ask, command: None, format } => {
            print(&ask.open()?.ask_written(&AlertsRequest { format: format.into() })?)
        }
        Command::Bench(options) => bench::bench(&options),
        Command::Samples(command) => samples::execute(&command),
        Command::Login(options) => invitation::login(&options),
        Command::Token(command) => token::execute(command),
        Command::Export(options) => export::execute(&options),
        Command::Import(options) => import::execute(&options),
        Command::Backup(options) => backup::backup(&options),
        Command::Health(options) => health::health(&options),
        Command::Check { options, tls, connect, chunks } => serving::check(&options, tls, connect, chunks),
    }
}

/// Each thread that touches the store has memory of its own; turns (`[limits]`) leave work for fewer.
const MAX_BLOCKING_THREADS: usize = 32;

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).max_blocking_threads(MAX_BLOCKING_THREADS).enable_all().build()
}

/// The phases of the demo need some seconds each.
const SHORTEST_DEMO: Duration = Duration::from_secs(5);

fn run_demo(options: DemoOptions) -> Result<(), Failure> {
    let DemoOptions { length, interval, format, keep, store, stay } = options;
    if length < SHORTEST_DEMO {
        return Err(usage(anyhow!("--for {} is too short; 5s at least", shown(length))));
    }
    picollect_settings::log::start();
    let store = match store {
        Some(location) => {
            let secrets = StoreConfig::default().secrets().map_err(usage)?;
            Some(StoreSpec { location, secrets, durability: Durability::default() })
        }
        None => None,
    };
    let show = |report: &report::Report| {
        let text = report::written(report, format, Screen::of_stdout())?;
        say(&text).context("cannot write to standard output")
    };
    let options = demo::Options { length, interval, keep, store, stay };
    Ok(runtime()?.block_on(demo::demo(&options, show))?)
}

fn runs(
    ask: &SourceOptions,
    command: Option<RunsCommand>,
    deliver: bool,
    format: Format,
) -> Result<(), Failure> {
    if deliver {
        return waiting::deliver_all(ask);
    }
    let source = waiting::up_to_date(ask)?;
    match command {
        None => print(&source.ask_written(&RunsRequest { since_ms: None, format, width: width() })?),
        Some(RunsCommand::Show { id, format }) => {
            let format = format.into();
            let (colour, width) = (Screen::of_stdout().colour, width());
            print(&source.ask_written(&RunRequest { id, verdict_only: false, format, colour, width })?)
        }
    }
}

/// A line for each receiver; one that does not take the message is a finding.
fn try_receivers(config: &Config) -> Result<(), Failure> {
    let tried = alerts::try_all(&config.alerts);
    if tried.is_empty() {
        let nobody = "nobody would be told: there is no [alerts.webhook], [alerts.ntfy] or [alerts.email]";
        return Err(usage(anyhow!("{nobody} in the configuration")));
    }
    let mut answer = Written::default();
    for (name, place, sent) in tried {
        match sent {
            Ok(()) => answer.text += &format!("{name} at {place} took the message\n"),
            Err(error) => answer.findings.push(format!("{name} at {place} took no message: {error}")),
        }
    }
    print(&answer)
}

/// Prints an answer; its findings go to standard error and make the exit code.
fn print(answer: &Written) -> Result<(), Failure> {
    say(&answer.text).context("cannot write to standard output")?;
    if answer.findings.is_empty() {
        return Ok(());
    }
    for finding in &answer.findings {
        complain(format_args!("picollect: {finding}"));
    }
    Err(Failure::Finding(answer.findings.len()))
}
