//! The agent's configuration: one TOML file, every key optional, the command line before the file.

pub mod meters;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use picollect_settings::exit::{Failure, usage};
use serde::Deserialize;

use self::meters::MeterSettings;
use crate::power_model::Watts;
use crate::push::{Target, Token};
use crate::simulated::Scenario;

/// Sampling more often than this costs more than it shows.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// Beyond this the collector could not tell a slow agent from a dead one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    name: Option<String>,
    cluster: Option<String>,
    #[serde(deserialize_with = "duration")]
    interval: Option<Duration>,
    collector: CollectorSection,
    power_model: Option<PowerModelSection>,
    simulate: Option<SimulateSection>,
    #[serde(deserialize_with = "meters::meters")]
    meter: Vec<MeterSettings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CollectorSection {
    url: Option<String>,
    token_file: Option<PathBuf>,
}

/// Figures of the user's own for a board without a meter.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct PowerModelSection {
    idle_w: f64,
    busy_w: f64,
}

/// A simulated board in place of this machine.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulateSection {
    /// Thermal resistance, K/W.
    cooling_k_per_w: f64,
    /// Full load from and until these Unix milliseconds.
    #[serde(default)]
    busy_from_ms: i64,
    #[serde(default)]
    busy_until_ms: i64,
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

/// What the command line or the environment says.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "PICOLLECT_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Name of this node [default: its host name]
    #[arg(long)]
    pub name: Option<String>,
    /// Time between two samples, such as 1s or 500ms [default: 1s]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub interval: Option<Duration>,
    /// Read the board's files below this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Where to deliver, as the command line or the environment says.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TargetOptions {
    /// Address of the collector, such as http://head-node:8650
    #[arg(long, value_name = "URL", env = "PICOLLECT_COLLECTOR")]
    pub collector: Option<String>,
    /// File that holds the token for the collector; without it the environment variable PICOLLECT_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// What holds in the end.
#[derive(Debug)]
pub struct Settings {
    /// The node's name; `None` means its host name.
    pub name: Option<String>,
    /// The cluster's name; may be empty.
    pub cluster: String,
    /// Time between two samples.
    pub interval: Duration,
    /// Where to deliver, if anywhere.
    pub target: Option<Target>,
    /// The user's own figures for the power model.
    pub power_model: Option<Watts>,
    /// The simulated board, its load still in Unix milliseconds.
    pub simulate: Option<Scenario>,
    /// The meters on I2C buses.
    pub meters: Vec<MeterSettings>,
    /// Where the board's files are.
    pub root: PathBuf,
}

/// Reads the file, if one is named, and lays the command line over it.
pub fn settings(options: &Options, target: &TargetOptions) -> Result<Settings, Failure> {
    let file = match &options.config {
        Some(path) => read(path)?,
        None => File::default(),
    };
    let interval = options.interval.or(file.interval).unwrap_or(Duration::from_secs(1));
    check_interval(interval).map_err(usage)?;
    let url = target.collector.clone().or(file.collector.url);
    let token = match target.token_file.clone().or(file.collector.token_file) {
        Some(path) => Token::File(path),
        None => std::env::var("PICOLLECT_TOKEN").map_or(Token::None, Token::Given),
    };
    let target =
        url.map(|url| checked_url(url).map(|url| Target { url, token })).transpose().map_err(usage)?;
    Ok(Settings {
        name: options.name.clone().or(file.name),
        cluster: file.cluster.unwrap_or_default(),
        interval,
        target,
        power_model: file.power_model.map(checked_watts).transpose().map_err(usage)?,
        simulate: file.simulate.map(checked_scenario).transpose().map_err(usage)?,
        meters: file.meter,
        root: options.root.clone(),
    })
}

fn read(path: &Path) -> Result<File, Failure> {
    let origin = path.display().to_string();
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read the configuration `{origin}`"))?;
    picollect_settings::parse(&text, &origin).map_err(usage)
}

fn check_interval(interval: Duration) -> anyhow::Result<()> {
    ensure!(
        (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval),
        "the interval {} is not between 100ms and 1h",
        humantime::format_duration(interval)
    );
    Ok(())
}

fn checked_url(url: String) -> anyhow::Result<String> {
    if url.starts_with("http://") {
        Ok(url)
    } else {
        Err(anyhow!("the collector's address `{url}` is not http://HOST:PORT"))
    }
}

fn checked_watts(PowerModelSection { idle_w, busy_w }: PowerModelSection) -> anyhow::Result<Watts> {
    ensure!(
        idle_w >= 0.0 && busy_w >= idle_w && busy_w.is_finite(),
        "[power_model] wants 0 <= idle_w <= busy_w"
    );
    Ok(Watts { idle: idle_w, busy: busy_w })
}

fn checked_scenario(section: SimulateSection) -> anyhow::Result<Scenario> {
    let SimulateSection { cooling_k_per_w, busy_from_ms, busy_until_ms } = section;
    ensure!((0.1..=100.0).contains(&cooling_k_per_w), "[simulate] wants cooling_k_per_w between 0.1 and 100");
    Ok(Scenario { cooling_k_per_w, busy_from_ms, busy_until_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(text: &str, options: Options) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, text).unwrap();
        let options = Options { config: Some(path), ..options };
        settings(&options, &TargetOptions::default()).map_err(|failure| match failure {
            Failure::Usage(error) => format!("{error:#}").replace(&format!("{}/", dir.path().display()), ""),
            Failure::Runtime(error) => format!("runtime: {error:#}"),
        })
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let text = "name = \"pi-1\"\ninterval = \"5s\"\n[collector]\nurl = \"http://head:8650\"\n";
        let options = Options { interval: Some(Duration::from_secs(2)), ..Options::default() };
        let got = settings_of(text, options).unwrap();
        assert_eq!((got.name.as_deref(), got.interval), (Some("pi-1"), Duration::from_secs(2)));
        assert_eq!(got.target.unwrap().url, "http://head:8650");
        assert_eq!(settings_of("", Options::default()).unwrap().interval, Duration::from_secs(1));
    }

    #[test]
    fn every_mistake_says_where_or_what() {
        let error = |text| settings_of(text, Options::default()).unwrap_err();
        assert_eq!(
            error("intervall = \"1s\""),
            "agent.toml:1:1: unknown key `intervall`, did you mean `interval`?"
        );
        assert!(error("interval = \"soon\"").starts_with("agent.toml:1:"));
        assert_eq!(error("interval = \"1ms\""), "the interval 1ms is not between 100ms and 1h");
        assert_eq!(
            error("[power_model]\nidle_w = 5.0\nbusy_w = 1.0"),
            "[power_model] wants 0 <= idle_w <= busy_w"
        );
        assert!(error("[collector]\nurl = \"head:8650\"").contains("is not http://HOST:PORT"));
    }
}
