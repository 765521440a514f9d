//! The agent's configuration: one TOML file, every key optional, the command line before the file.

pub mod lcd;
mod pins;
mod power_model;
pub mod sensors;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use picollect_metering::settings::MeterSettings;
use picollect_settings::duration;
use picollect_settings::duration::shown;
use picollect_settings::exit::{Failure, usage};
use serde::Deserialize;

use self::lcd::LcdSettings;
use self::sensors::SensorSettings;
use crate::client::{Bucket, Proxy, Target, Token, checked_url};
use crate::gpio::PinSettings;
use crate::simulated::Scenario;
use crate::spool;
use picollect_metering::power_model::ConfiguredModel;
use picollect_sensors::ambient::AmbientSensor;

/// Sampling more often than this costs more than it shows.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// Beyond this the collector could not tell a slow agent from a dead one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    #[serde(deserialize_with = "some_name")]
    name: Option<String>,
    cluster: Option<String>,
    #[serde(deserialize_with = "duration::optional")]
    interval: Option<Duration>,
    delivery: Delivery,
    collector: Vec<CollectorSection>,
    spool: SpoolSection,
    #[serde(deserialize_with = "power_model::section")]
    power_model: Option<ConfiguredModel>,
    ambient: AmbientSection,
    gpio: PinSettings,
    sensors: SensorSettings,
    simulate: Option<SimulateSection>,
    #[serde(deserialize_with = "picollect_metering::settings::meters")]
    meter: Vec<MeterSettings>,
    lcd: Option<LcdSettings>,
    metrics_listen: Option<String>,
}

/// To which of several collectors lines go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// Each collector gets everything, from a queue of its own.
    #[default]
    All,
    /// The first that takes it; only between collectors of one store.
    First,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CollectorSection {
    url: String,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    proxy: Proxy,
    org: Option<String>,
    bucket: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SpoolSection {
    dir: Option<PathBuf>,
    max_kib: Option<u64>,
    #[serde(deserialize_with = "duration::optional")]
    max_age: Option<Duration>,
}

/// The thermometer of the air around the node.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AmbientSection {
    sensor: Option<String>,
    /// Where the 1-wire bus is.
    pin: Option<u8>,
}

/// A simulated board in place of this machine.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulateSection {
    cooling_k_per_w: f64,
    /// Full load from and until these Unix milliseconds.
    #[serde(default)]
    busy_from_ms: i64,
    #[serde(default)]
    busy_until_ms: i64,
}

/// A name that is not empty: series without one would be nobody's.
fn some_name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    if name.trim().is_empty() {
        return Err(serde::de::Error::custom("`name` is empty: leave it out for the host name"));
    }
    Ok(Some(name))
}

/// What the command line or the environment says.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "PICOLLECT_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Name of this node [default: its host name]
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
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
    /// Address of the collector, such as http://head-node:8650; instead of those in the file
    #[arg(long, value_name = "URL", env = "PICOLLECT_COLLECTOR")]
    pub collector: Option<String>,
    /// File that holds the token for the collector; without it the environment variable PICOLLECT_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust only certificates signed by those in this file (for https)
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Directory for what cannot be delivered yet [default: in RUNTIME_DIRECTORY or XDG_RUNTIME_DIR]
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// Also show the last sample to Prometheus at this address and port, under /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "PICOLLECT_METRICS_LISTEN")]
    pub metrics_listen: Option<String>,
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
    /// To which of the targets.
    pub delivery: Delivery,
    /// Where to deliver, if anywhere.
    pub targets: Vec<Target>,
    /// Where to keep what cannot be delivered.
    pub spool: SpoolSettings,
    /// The user's own power model: figures, or one that was learnt.
    pub power_model: Option<ConfiguredModel>,
    /// The thermometer of the air around the node, if there is one.
    pub ambient: Option<AmbientSensor>,
    /// What hangs on the board's pins.
    pub gpio: PinSettings,
    /// What is said of the meters that are found by themselves.
    pub sensors: SensorSettings,
    /// The simulated board, its load still in Unix milliseconds.
    pub simulate: Option<Scenario>,
    /// The meters on I2C buses.
    pub meters: Vec<MeterSettings>,
    /// The panel, if there is one.
    pub lcd: Option<LcdSettings>,
    /// Where the board's files are.
    pub root: PathBuf,
    /// Address and port at which Prometheus may scrape; `None` means that it may not.
    pub metrics_listen: Option<String>,
}

/// Where and how much is spooled.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// The directory; `None` means that nothing is spooled.
    pub directory: Option<PathBuf>,
    /// The most bytes that its files may have together.
    pub max_bytes: u64,
    /// What is older is given up.
    pub max_age: Duration,
}

/// Reads the file, if one is named, and lays the command line over it.
pub fn settings(options: &Options, on_line: &TargetOptions) -> Result<Settings, Failure> {
    let file = match &options.config {
        Some(path) => read(path)?,
        None => File::default(),
    };
    let interval = options.interval.or(file.interval).unwrap_or(Duration::from_secs(1));
    check_interval(interval).map_err(usage)?;
    check_root(&options.root).map_err(usage)?;
    let ambient = file.ambient.sensor.map(|text| checked_ambient(&text)).transpose().map_err(usage)?;
    let gpio = file.gpio.checked().map_err(usage)?;
    pins::each_once(gpio, file.lcd.as_ref(), ambient.as_ref(), file.ambient.pin).map_err(usage)?;
    let spool_directory = on_line.spool.clone().or(file.spool.dir).or_else(runtime_directory);
    Ok(Settings {
        name: options.name.clone().or(file.name),
        cluster: file.cluster.unwrap_or_default(),
        interval,
        delivery: file.delivery,
        targets: targets(file.collector, on_line).map_err(usage)?,
        spool: SpoolSettings {
            directory: spool_directory,
            max_bytes: file.spool.max_kib.map_or(spool::DEFAULT_MAX_BYTES, |kib| kib.saturating_mul(1024)),
            max_age: file.spool.max_age.unwrap_or(spool::DEFAULT_MAX_AGE),
        },
        power_model: file.power_model,
        ambient,
        gpio,
        sensors: file.sensors,
        simulate: file.simulate.map(checked_scenario).transpose().map_err(usage)?,
        meters: file.meter,
        lcd: file.lcd,
        root: options.root.clone(),
        metrics_listen: on_line.metrics_listen.clone().or(file.metrics_listen),
    })
}

/// A collector on the command line stands instead of those in the file; a token or certificates alone
/// apply to all of them.
fn targets(mut sections: Vec<CollectorSection>, on_line: &TargetOptions) -> anyhow::Result<Vec<Target>> {
    if let Some(url) = &on_line.collector {
        let known = sections.into_iter().find(|section| section.url == *url).unwrap_or_default();
        sections = vec![CollectorSection { url: url.clone(), ..known }];
    }
    let target = |section: CollectorSection| {
        let token = match on_line.token_file.clone().or(section.token_file) {
            Some(path) => Token::File(path),
            None => std::env::var("PICOLLECT_TOKEN").map_or(Token::None, Token::Given),
        };
        let ca_file = on_line.ca_file.clone().or(section.ca_file);
        let bucket = match (section.org, section.bucket) {
            (Some(org), Some(bucket)) => Some(Bucket { org, bucket }),
            (None, None) => None,
            _ => bail!("[[collector]] {}: org and bucket, which InfluxDB wants, go together", section.url),
        };
        Ok(Target { url: checked_url(section.url)?, token, bucket, ca_file, proxy: section.proxy })
    };
    sections.into_iter().map(target).collect()
}

/// Memory and not a card: what systemd gives a service, or what a login session has.
fn runtime_directory() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = of("RUNTIME_DIRECTORY").or_else(|| of("XDG_RUNTIME_DIR").map(|base| base.join("picollect")));
    base.map(|base| base.join("spool"))
}

fn read(path: &Path) -> Result<File, Failure> {
    let origin = path.display().to_string();
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read the configuration `{origin}`"))?;
    picollect_settings::parse(&text, &origin).map_err(usage)
}

/// A root that is not there would be a board without anything.
fn check_root(root: &Path) -> anyhow::Result<()> {
    ensure!(
        root.as_os_str().is_empty() || root.is_dir(),
        "--root {}: there is no such directory",
        root.display()
    );
    Ok(())
}

fn check_interval(interval: Duration) -> anyhow::Result<()> {
    ensure!(
        (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval),
        "the interval {} is not between 100ms and 1h",
        shown(interval)
    );
    Ok(())
}

fn checked_ambient(text: &str) -> anyhow::Result<AmbientSensor> {
    text.parse().map_err(|why: String| anyhow!(why))
}

fn checked_scenario(section: SimulateSection) -> anyhow::Result<Scenario> {
    let SimulateSection { cooling_k_per_w, busy_from_ms, busy_until_ms } = section;
    ensure!((0.1..=100.0).contains(&cooling_k_per_w), "[simulate] wants cooling_k_per_w between 0.1 and 100");
    Ok(Scenario { cooling_k_per_w, busy_from_ms, busy_until_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(text: &str, options: Options, target: &TargetOptions) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, text).unwrap();
        let options = Options { config: Some(path), ..options };
        settings(&options, target).map_err(|failure| match failure {
            Failure::Usage(error) => format!("{error:#}").replace(&format!("{}/", dir.path().display()), ""),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let text = "name = \"pi-1\"\ninterval = \"5s\"\n[[collector]]\nurl = \"http://head:8650\"\nca_file = \"ca\"\n\
                    [[collector]]\nurl = \"http://second:8650\"\n";
        let options = Options { interval: Some(Duration::from_secs(2)), ..Options::default() };
        let got = settings_of(text, options, &TargetOptions::default()).unwrap();
        assert_eq!((got.name.as_deref(), got.interval), (Some("pi-1"), Duration::from_secs(2)));
        assert_eq!(got.targets.len(), 2);
        let one = TargetOptions { collector: Some("http://head:8650".into()), ..TargetOptions::default() };
        let got = settings_of(text, Options::default(), &one).unwrap();
        assert_eq!((got.targets.len(), got.targets[0].ca_file.clone()), (1, Some("ca".into())));
        assert_eq!(got.targets[0].proxy, Proxy::None, "the environment's only if somebody says so");
        let text = "[[collector]]\nurl = \"http://head:8650\"\nproxy = \"environment\"\n";
        let got = settings_of(text, Options::default(), &TargetOptions::default()).unwrap();
        assert_eq!(got.targets[0].proxy, Proxy::Environment);
        let got = settings_of("", Options::default(), &TargetOptions::default()).unwrap();
        assert_eq!(got.interval, Duration::from_secs(1));
    }

    #[test]
    fn every_mistake_says_where_or_what() {
        let error = |text| settings_of(text, Options::default(), &TargetOptions::default()).unwrap_err();
        assert_eq!(
            error("intervall = \"1s\""),
            "agent.toml:1:1: unknown key `intervall`, did you mean `interval`?"
        );
        assert_eq!(error("name = \"\""), "agent.toml:1:8: `name` is empty: leave it out for the host name");
        assert!(error("name = \"  \"").starts_with("agent.toml:1:8: `name` is empty"));
        let missing = Options { root: "/nonexistent/board".into(), ..Options::default() };
        let missing = settings_of("", missing, &TargetOptions::default()).unwrap_err();
        assert_eq!(missing, "--root /nonexistent/board: there is no such directory");
        assert!(error("interval = \"soon\"").starts_with("agent.toml:1:"));
        assert!(error("delivery = \"some\"").starts_with("agent.toml:1:"));
        assert_eq!(error("interval = \"1ms\""), "the interval 1ms is not between 100ms and 1h");
        assert_eq!(
            error("[power_model]\nidle_w = 5.0\nbusy_w = 1.0"),
            "agent.toml:1:1: [power_model] wants 0 <= idle_w <= busy_w"
        );
        assert!(error("[[collector]]\nurl = \"head:8650\"").contains("is not http://HOST:PORT"));
        assert!(error("[ambient]\nsensor = \"dht22\"").contains("`dht22` is not `w1`, `lm75`"));
        assert!(error("[gpio]\nalarm_led = 2").contains("alarm_led = 2 is a pin of the I2C buses"));
        assert!(error("[gpio]\nfan_pwm = 18").contains("unknown key"), "the agent controls no fan");
    }
}
