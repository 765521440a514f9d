//! The agent's command line. `picollect agent …` and `picollect-agent …` are the same.

mod lcd;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use picollect_lcd::Size;
use picollect_metering::settings::MeterSettings;
use picollect_settings::duration::shown;
use picollect_settings::exit::{self, Failure, usage};
use picollect_settings::output::{output, say};
use picollect_telemetry::line::{Point, Precision, decode};
use picollect_telemetry::{Boundary, Value};
use serde_json::{Map, json};

use crate::calibrate::{self, World};
use crate::client::Client;
use crate::config::{Delivery, Options, Settings, TargetOptions, settings};
use crate::health::{self, HealthOptions};
use crate::join::{self, JoinOptions};
use crate::probe;
use crate::queue::Counts;
use crate::run::{self, Agent};
use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_board::identity::Board;
use picollect_board::identity::cores;
use picollect_metering::power_model::{self, PowerModel};

#[derive(Parser)]
#[command(
    name = "picollect-agent",
    version,
    about = "Reads this node's sensors and pushes them to a collector"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What the agent can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sample and push until told to stop
    #[command(
        after_help = "Example:\n  picollect-agent run --collector http://head-node:8650 --token-file token"
    )]
    Run {
        /// What to sample.
        #[command(flatten)]
        options: Options,
        /// Where to deliver.
        #[command(flatten)]
        target: TargetOptions,
        /// Stop when standard input is closed (for a program that starts agents)
        #[arg(long)]
        until_stdin_closes: bool,
    },
    /// Join a collector: asks for a one-time code and writes token and configuration
    #[command(
        after_help = "The code comes from `picollect up` or `picollect token code` on the head node; it is asked for\n\
                            on the terminal, or read from standard input.\n\n\
                            Example:\n  sudo picollect-agent join http://head-node:8650"
    )]
    Join(JoinOptions),
    /// Take one sample and print it
    Once {
        /// What to sample.
        #[command(flatten)]
        options: Options,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Line)]
        format: Format,
    },
    /// Show each sensor: whether it is there, its value, its cost, and what to do to enable it
    Probe {
        /// What to sample.
        #[command(flatten)]
        options: Options,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Also write a configuration with comments of what was found
        #[arg(long, value_name = "FILE")]
        write_config: Option<PathBuf>,
    },
    /// Compare a meter on the I2C bus with a better one and print its gain and offset
    #[command(after_help = "Stop the agent first: two programs cannot share a meter's conversions.\n\n\
                            Example:\n  picollect-agent calibrate --config agent.toml --meter ina219-1-40")]
    Calibrate {
        /// Where the meter is configured.
        #[command(flatten)]
        options: Options,
        /// The meter's name, such as ina219-1-40
        #[arg(long, value_name = "NAME")]
        meter: String,
        /// How long to average at each load
        #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
    },
    /// Try a panel on the I2C bus, or see this node's pages without one
    Lcd(lcd::Lcd),
    /// Ask the agent that runs on this machine whether it samples; a supervisor's health check
    #[command(after_help = "The agent answers at its metrics page (--metrics-listen, `metrics_listen`).\n\n\
                            Example:\n  picollect-agent health --metrics-listen 127.0.0.1:9650")]
    Health(HealthOptions),
    /// Check the configuration and print what holds
    Check {
        /// What to sample.
        #[command(flatten)]
        options: Options,
        /// Where to deliver.
        #[command(flatten)]
        target: TargetOptions,
    },
}

/// How a sample is printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// Line protocol, as it would be pushed
    Line,
    /// A JSON list of points
    Json,
    /// The node page of the panel
    Lcd,
}

/// The agent's own binary.
pub fn main() -> ExitCode {
    exit::code("picollect-agent", execute(Cli::parse().command))
}

/// The command line of the agent's own binary, for its manual.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Carries out a command.
pub fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run { options, target, until_stdin_closes } => {
            let settings = settings(&options, &target)?;
            if settings.targets.is_empty() {
                let how = "give --collector URL, PICOLLECT_COLLECTOR or [[collector]] in the configuration";
                return Err(usage(anyhow!("no collector to push to: {how}")));
            }
            for target in &settings.targets {
                target.token.read()?;
            }
            run::run(&settings, until_stdin_closes)
        }
        Command::Join(options) => join::join(&options),
        Command::Once { options, format } => once(&options, format),
        Command::Probe { options, json, write_config } => probe(&options, json, write_config.as_deref()),
        Command::Calibrate { options, meter, seconds } => calibrate(&options, &meter, seconds),
        Command::Lcd(lcd) => lcd::execute(lcd),
        Command::Health(options) => health::health(&options),
        Command::Check { options, target } => check(&options, &target, &mut output()),
    }
}

fn calibrate(options: &Options, meter: &str, seconds: u64) -> Result<(), Failure> {
    let settings = settings(options, &TargetOptions::default())?;
    let (meter, mut bus) = calibrate::open(&Root::new(settings.root), &settings.meters, meter)?;
    let clock = Clock::start();
    let mut world = World {
        input: &mut io::stdin().lock(),
        output: &mut output(),
        bus: bus.as_mut(),
        now: &|| clock.now(),
        wait: &std::thread::sleep,
    };
    calibrate::run(&mut world, &meter, seconds)?;
    Ok(())
}

/// Shares and rates need two readings, this far apart.
const BETWEEN_READINGS: Duration = Duration::from_millis(300);

fn once(options: &Options, format: Format) -> Result<(), Failure> {
    let mut settings = settings(options, &TargetOptions::default())?;
    // The panel is the running agent's.
    settings.lcd = None;
    let mut agent = Agent::new(&settings)?;
    agent.sample(Counts::default());
    agent.stop().wait(BETWEEN_READINGS);
    let (lines, status) = agent.sample(Counts::default());
    agent.stop().order();
    let text = match format {
        Format::Line => String::from_utf8_lossy(&lines.bytes).into_owned(),
        Format::Json => {
            let points = decode(&lines.bytes, Precision::Nanoseconds, 0).points;
            let list: Vec<_> = points.iter().map(json_point).collect();
            format!("{}\n", serde_json::to_string_pretty(&list)?)
        }
        Format::Lcd => agent.frame(&status, Size::SMALL).to_terminal(),
    };
    Ok(say(&text)?)
}

fn json_point(point: &Point) -> serde_json::Value {
    let value = |value: &Value| match value {
        Value::Float(float) => json!(float),
        Value::Int(int) => json!(int),
        Value::UInt(int) => json!(int),
        Value::Bool(truth) => json!(truth),
        Value::Text(text) => json!(text),
    };
    let tags: Map<_, _> = point.tags.iter().map(|(key, text)| (key.clone(), json!(text))).collect();
    let fields: Map<_, _> = point.fields.iter().map(|(key, field)| (key.clone(), value(field))).collect();
    json!({ "measurement": point.measurement, "tags": tags, "fields": fields, "t_ms": point.t_ms })
}

/// Exit code 1 if a sensor that was configured has no value; one that was merely looked for may be
/// missing.
fn probe(options: &Options, json: bool, write_config: Option<&Path>) -> Result<(), Failure> {
    let settings = settings(options, &TargetOptions::default())?;
    let (name, findings) = run::probe(&settings);
    let text = if json { serde_json::to_string_pretty(&findings)? + "\n" } else { probe::table(&findings) };
    say(&text)?;
    if let Some(path) = write_config {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path);
        let written = file.as_mut().map_err(|error| anyhow!("{error}")).and_then(|file| {
            Ok(file.write_all(probe::configuration(&name, settings.interval, &findings).as_bytes())?)
        });
        written.with_context(|| format!("cannot write the configuration to `{}`", path.display()))?;
    }
    let failing = findings.iter().filter(|finding| finding.configured && !finding.ok()).count();
    if failing > 0 { Err(Failure::Finding(failing)) } else { Ok(()) }
}

/// Prints what holds, and asks each collector; exit code 1 if one of them cannot be used.
fn check(options: &Options, target: &TargetOptions, out: &mut dyn io::Write) -> Result<(), Failure> {
    let settings = settings(options, target)?;
    let spool = settings.spool.directory.as_deref().map_or("none".into(), |path| path.display().to_string());
    writeln!(out, "name      {}", settings.name.as_deref().unwrap_or("(host name)"))?;
    writeln!(out, "cluster   {}", settings.cluster)?;
    writeln!(out, "interval  {}", shown(settings.interval))?;
    writeln!(out, "root      {}", settings.root.display())?;
    writeln!(out, "simulated {}", settings.simulate.is_some())?;
    check_meters(&settings, out)?;
    let mut findings = check_model(&settings, out)?;
    if let Some(lcd) = &settings.lcd {
        writeln!(out, "lcd       {}", lcd.described())?;
    }
    for (key, pin) in settings.gpio.named().into_iter().filter_map(|(key, pin)| Some((key, pin?))) {
        writeln!(out, "pin       GPIO {pin}: {key}")?;
    }
    writeln!(out, "spool     {spool}")?;
    writeln!(out, "delivery  {:?}", settings.delivery)?;
    let mut stores = Vec::new();
    for target in &settings.targets {
        let asked = target.token.read().and_then(|_| Client::new(target.clone())?.hello());
        match asked {
            Ok(answer) => {
                writeln!(
                    out,
                    "collector {} answers, store {}",
                    target.url,
                    answer.store.as_deref().unwrap_or("unknown")
                )?;
                stores.push(answer.store);
            }
            Err(error) => {
                writeln!(out, "collector {}: {error:#}", target.url)?;
                findings += 1;
            }
        }
    }
    if settings.delivery == Delivery::First
        && stores.iter().any(|store| store.is_none() || *store != stores[0])
    {
        writeln!(
            out,
            "delivery `first` wants collectors of one store: failing over would split the history"
        )?;
        findings += 1;
    }
    if findings > 0 { Err(Failure::Finding(findings)) } else { Ok(()) }
}

/// The meters as they are configured, and what is odd about them.
fn check_meters(settings: &Settings, out: &mut dyn io::Write) -> io::Result<()> {
    for meter in &settings.meters {
        let (key, shunt_ohm, boundary) = (meter.key(), meter.shunt_ohm, meter.boundary);
        let shunt = if meter.chip.has_external_shunt() { format!("{shunt_ohm} Ω, ") } else { String::new() };
        let of = meter.node.as_ref().map_or(String::new(), |node| format!(" of {node}"));
        writeln!(out, "meter     {key}, {shunt}{boundary}{of}")?;
    }
    let usual = power_model::usual(&Board::read(&Root::new(&settings.root)));
    for warning in settings.meters.iter().filter_map(|meter| meter.shunt_overflows(usual)) {
        writeln!(out, "warning   {warning}")?;
    }
    if settings.meters.iter().any(|meter| meter.node.is_some()) {
        writeln!(
            out,
            "note      lines of other nodes want a token for all nodes, not one that `join` wrote"
        )?;
    }
    if let Some(warning) = several_nodes(&settings.meters) {
        writeln!(out, "warning   {warning}")?;
    }
    Ok(())
}

/// What stands in where no meter measures, and how many findings that is: a model of another board is one.
fn check_model(settings: &Settings, out: &mut dyn io::Write) -> io::Result<usize> {
    let root = Root::new(&settings.root);
    let (board, configured) = (Board::read(&root), settings.power_model.as_ref());
    if let Some(why) = configured.and_then(|model| model.is_of_another(&board)) {
        writeln!(out, "model     {why}")?;
        return Ok(1);
    }
    match PowerModel::choose(configured, &board, cores(&root)) {
        Some(model) => writeln!(out, "model     {model}")?,
        None => writeln!(
            out,
            "model     none: no figure of this board is known, without a meter its power is unknown"
        )?,
    }
    Ok(0)
}

/// A node has one figure: of several meters that claim to be it, one would speak by chance.
fn several_nodes(meters: &[MeterSettings]) -> Option<String> {
    let nodes = || meters.iter().filter(|meter| meter.boundary == Boundary::Node);
    let fed = |node: &Option<String>| {
        nodes().filter(|meter| meter.node == *node).map(MeterSettings::key).collect::<Vec<_>>()
    };
    let keys = nodes().map(|meter| fed(&meter.node)).find(|keys| keys.len() > 1)?;
    Some({
        format!(
            "{} all claim to measure the node: write boundary = \"rail\" for what is a part of it",
            keys.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose reader has gone.
    struct Gone;

    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_check_whose_reader_has_gone_ends_without_a_panic() {
        let options = Options { root: "/".into(), ..Options::default() };
        let ended = check(&options, &TargetOptions::default(), &mut Gone);
        assert!(matches!(ended, Err(Failure::Runtime(_))), "{ended:?}");
    }

    #[test]
    fn several_meters_that_claim_the_node_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        let check_of = |boundary: &str| {
            let text = "[[meter]]\nchip = \"ina219\"\naddress = 0x40\n[[meter]]\nchip = \"ina219\"\naddress = 0x41\n";
            std::fs::write(&path, format!("{text}{boundary}")).unwrap();
            let options = Options { config: Some(path.clone()), root: "/".into(), ..Options::default() };
            let mut said = Vec::new();
            check(&options, &TargetOptions::default(), &mut said).unwrap();
            String::from_utf8(said).unwrap()
        };
        assert!(check_of("").contains("warning   ina219-1-40, ina219-1-41 all claim"));
        let other = check_of("node = \"pi-2\"\n");
        assert!(!other.contains("warning") && other.contains("ina219-1-41, 0.1 Ω, node of pi-2"), "{other}");
        assert!(!check_of("boundary = \"rail\"\n").contains("warning"));
    }
}
