//! The agent's command line. `picollect agent …` and `picollect-agent …` are the same.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::{Parser, Subcommand, ValueEnum};
use picollect_lcd::Size;
use picollect_settings::exit::{self, Failure, usage};
use picollect_telemetry::Value;
use picollect_telemetry::line::{Point, Precision, decode};
use serde_json::{Map, json};

use crate::attr::Root;
use crate::calibrate::{self, World};
use crate::clock::Clock;
use crate::config::{Options, TargetOptions, settings};
use crate::run::{self, Agent};

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
    /// Take one sample and print it
    Once {
        /// What to sample.
        #[command(flatten)]
        options: Options,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Line)]
        format: Format,
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

/// Carries out a command.
pub fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run { options, target, until_stdin_closes } => {
            let settings = settings(&options, &target)?;
            let Some(target) = settings.target.clone() else {
                return Err(usage(anyhow!(
                    "no collector to push to: give --collector URL, PICOLLECT_COLLECTOR or collector.url"
                )));
            };
            target.token.read().map_err(|why| Failure::Runtime(anyhow!(why)))?;
            run::run(settings, &target, until_stdin_closes)
        }
        Command::Once { options, format } => once(&options, format),
        Command::Calibrate { options, meter, seconds } => calibrate(&options, &meter, seconds),
        Command::Check { options, target } => check(&options, &target),
    }
}

fn calibrate(options: &Options, meter: &str, seconds: u64) -> Result<(), Failure> {
    let settings = settings(options, &TargetOptions::default())?;
    let (meter, mut bus) = calibrate::open(&Root::new(settings.root), &settings.meters, meter)?;
    let clock = Clock::start();
    let mut world = World {
        input: &mut io::stdin().lock(),
        output: &mut io::stdout().lock(),
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
    let mut agent = Agent::new(settings(options, &TargetOptions::default())?)?;
    agent.sample();
    agent.stop().wait(BETWEEN_READINGS);
    let (lines, status) = agent.sample();
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
    Ok(io::stdout().write_all(text.as_bytes())?)
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

fn check(options: &Options, target: &TargetOptions) -> Result<(), Failure> {
    let settings = settings(options, target)?;
    let url = settings.target.as_ref().map_or("none", |target| target.url.as_str());
    println!("name      {}", settings.name.as_deref().unwrap_or("(host name)"));
    println!("cluster   {}", settings.cluster);
    println!("interval  {}", humantime::format_duration(settings.interval));
    println!("collector {url}");
    println!("root      {}", settings.root.display());
    println!("simulated {}", settings.simulate.is_some());
    for meter in &settings.meters {
        let (key, shunt_ohm, boundary) = (meter.key(), meter.shunt_ohm, meter.boundary);
        let shunt = if meter.chip.has_external_shunt() { format!("{shunt_ohm} Ω, ") } else { String::new() };
        println!("meter     {key}, {shunt}{boundary}");
    }
    if let Some(Err(why)) = settings.target.map(|target| target.token.read()) {
        return Err(Failure::Runtime(anyhow!(why)));
    }
    Ok(())
}
