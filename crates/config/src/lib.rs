//! The collector's configuration: one TOML file, every key optional. The command line comes before the
//! environment, the environment before the file.
//!
//! ```
//! use picollect_config::{ConfigOptions, FILE, Rate};
//!
//! let data = tempfile::tempdir()?;
//! let text = "listen = '0.0.0.0:8650'\n[cost]\ncurrency = 'EUR'\ntariff_per_kwh = 0.3\n";
//! std::fs::write(data.path().join(FILE), text)?;
//!
//! let config = ConfigOptions::default().read(data.path())?;
//! assert_eq!(config.listen.as_deref(), Some("0.0.0.0:8650"));
//! assert_eq!(config.cost.tariff_per_kwh, Some(Rate::Constant(0.3)));
//! assert_eq!(config.retention, None, "nobody said it");
//! # Ok::<(), picollect_settings::exit::Failure>(())
//! ```

mod alerts;
mod amount;
mod cooling;
mod cost;
pub mod data_dir;
mod hardware;
mod limits;
mod page;
mod query;
mod retention;
mod site;
mod store;
pub mod store_spec;
mod wall;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use picollect_settings::exit::{Failure, usage};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use picollect_store::Durability;

pub use alerts::{Address, AlertsConfig, Email, Heartbeat, Ntfy, Security, Webhook};
pub use cooling::Cooling;
pub use cost::{Cost, Rate};
pub use hardware::{Alternative, AlternativePrice, Hardware};
pub use limits::Limits;
pub use page::PageConfig;
pub use query::QueryConfig;
pub use retention::{Keep, Retention};
pub use site::{Interconnect, Measured, Supply};
pub use store::StoreConfig;
pub use wall::{
    Credentials, EnergyUnit, JsonValue, MAX_METERS, Password, PowerUnit, RpcComponent, WallKind, WallMeter,
    check_name,
};

/// The file that is read from the data directory if none is named.
pub const FILE: &str = "collector.toml";
/// The file's greatest size: a thousand times what a full configuration takes.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Where the collector listens if nobody says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8650";

/// Takes `ADDRESS:PORT`, which need not be there yet; the reason if it never can.
///
/// # Errors
/// In words that name what was given.
pub fn checked_listen(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((address, port)) if !address.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => {
            Err(format!("`{text}` is not ADDRESS:PORT with a port from 0 to 65535, such as {DEFAULT_LISTEN}"))
        }
    }
}

fn listen_key<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked_listen(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

/// The file as it is written; what is not there is `None`, empty, or has the stated default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on.
    #[serde(deserialize_with = "listen_key")]
    pub listen: Option<String>,
    /// How long data is kept, and in which resolution.
    pub retention: Option<Retention>,
    /// When the embedded store has on the disk what it acknowledged.
    pub durability: Option<Durability>,
    /// Where samples lie, and what opens it.
    pub store: StoreConfig,
    /// The file with the tokens' hashes, which every collector before one engine is given; without it
    /// `tokens.json` in the data directory.
    pub tokens: Option<PathBuf>,
    /// PEM: the certificate and its chain, for https.
    pub tls_cert: Option<PathBuf>,
    /// PEM: the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// https with a certificate that the collector makes itself.
    pub tls_own: bool,
    /// The meters at the wall that the collector asks.
    #[serde(deserialize_with = "wall::meters")]
    pub wall: Vec<WallMeter>,
    /// What energy costs, in money and in carbon dioxide.
    pub cost: Cost,
    /// What the machines cost, and what they are compared with.
    pub hardware: Hardware,
    /// The supply between the wall and the nodes.
    pub supply: Supply,
    /// The network between the nodes.
    pub interconnect: Interconnect,
    /// The fans of the nodes.
    pub cooling: Cooling,
    /// What a query of Prometheus' API may take.
    pub query: QueryConfig,
    /// What the process, a host and a token may take.
    pub limits: Limits,
    /// The page in the browser.
    pub page: PageConfig,
    /// Whom to tell what is wrong.
    pub alerts: AlertsConfig,
    /// The file that this was read from; `None` means that there is none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// Which file to read.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigOptions {
    /// Configuration file [default: collector.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE", env = "PICOLLECT_CONFIG")]
    pub config: Option<PathBuf>,
}

impl ConfigOptions {
    /// Reads the named file, or the one in the data directory if it is there. A mistake in it is a usage
    /// failure that says line, column and, for an unknown key, the nearest name.
    pub fn read(&self, data: &Path) -> Result<Config, Failure> {
        let beside_the_data = data.join(FILE);
        let path = match &self.config {
            Some(path) => path.clone(),
            None if beside_the_data.exists() => beside_the_data,
            None => return Ok(Config::default()),
        };
        let origin = path.display().to_string();
        let text = bounded(&path).with_context(|| format!("cannot read the configuration `{origin}`"))?;
        let config: Config = picollect_settings::parse(&text, &origin).map_err(usage)?;
        Ok(Config { file: Some(path), ..config })
    }
}

fn bounded(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::metadata(path)?.len();
    ensure!(bytes <= MAX_FILE_BYTES, "it has {bytes} bytes, more than {MAX_FILE_BYTES}");
    Ok(fs::read_to_string(path)?)
}

/// Who said what a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said it: what the program takes by itself.
    Default,
    /// A key in the configuration file.
    File,
    /// The environment variable of this name.
    Environment(&'static str),
    /// The flag of this name, with its two dashes.
    CommandLine(&'static str),
}

/// What holds, and who said it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting<T> {
    /// The value that holds.
    pub value: T,
    /// Which of the three said it, or that none did.
    pub origin: Origin,
}

/// Lays what a flag or its environment variable says over what the file says; `None` if neither says
/// anything.
pub fn lay_over<T>(
    given: Option<T>,
    flag: &'static str,
    variable: &'static str,
    in_file: Option<T>,
) -> Option<Setting<T>> {
    match given {
        Some(value) if on_the_line(flag) => Some(Setting { value, origin: Origin::CommandLine(flag) }),
        Some(value) => Some(Setting { value, origin: Origin::Environment(variable) }),
        None => in_file.map(|value| Setting { value, origin: Origin::File }),
    }
}

/// clap hands over flag and variable as one, so the line itself has to be looked at.
fn on_the_line(flag: &str) -> bool {
    std::env::args().any(|word| word == flag || word.starts_with(&format!("{flag}=")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, text).unwrap();
        ConfigOptions::default().read(directory.path()).map_err(|failure| match failure {
            Failure::Usage(error) => {
                format!("{error:#}").replace(&format!("{}/", directory.path().display()), "")
            }
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn a_directory_without_a_file_has_nothing_configured() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(ConfigOptions::default().read(directory.path()).unwrap(), Config::default());
        let named = ConfigOptions { config: Some(directory.path().join("other.toml")) };
        assert!(
            matches!(named.read(directory.path()), Err(Failure::Runtime(_))),
            "a named file has to be there"
        );
    }

    #[test]
    fn every_section_is_read() {
        let text = "listen = \"0.0.0.0:8650\"\nretention = \"90d\"\n\
                    [[wall]]\nname = \"plug\"\nkind = \"shelly-gen2\"\nurl = \"http://plug\"\n\
                    [cost]\ncurrency = \"EUR\"\ntariff_per_kwh = 0.3\ngrid_file = \"grid.csv\"\n\
                    [hardware]\nnode_price = 60\nyears = 4\n\
                    [[hardware.alternative]]\nname = \"cloud\"\nprice_per_hour = 0.1\ngflops = 100\n\
                    [supply]\nefficiency = 0.88\n[interconnect]\nmeasured = \"upper-bound\"\nwatts = 12\n";
        let config = read(text).unwrap();
        let after = Keep::For(Duration::from_secs(90 * 24 * 3600));
        assert_eq!(config.retention, Some(Retention::default().deleting_after(after)));
        assert_eq!(config.cost.tariff_per_kwh, Some(Rate::Constant(0.3)));
        assert_eq!(config.cost.grid_g_per_kwh, Some(Rate::File("grid.csv".into())));
        assert_eq!((config.hardware.node_price, config.hardware.rest_price), (Some(60.0), None));
        assert_eq!(config.hardware.alternative[0].price, AlternativePrice::Hourly { per_hour: 0.1 });
        assert_eq!(config.supply.efficiency, Some(0.88));
        assert_eq!(config.interconnect.measured, Some(Measured::UpperBound));
        assert!(config.file.unwrap().ends_with(FILE));
    }

    #[test]
    fn every_mistake_says_where_and_what() {
        let error = |text: &str| read(text).unwrap_err();
        let at = |text: &str, start: &str, part: &str| {
            let got = error(text);
            assert!(got.starts_with(start) && got.contains(part), "{got}");
        };
        at("listn = \"x\"", "collector.toml:1:1:", "did you mean `listen`?");
        for listen in ["127.0.0.1:99999", "8650", ":8650", "127.0.0.1", "127.0.0.1:-1", ""] {
            at(&format!("listen = \"{listen}\""), "collector.toml:1:", "a port from 0 to 65535");
        }
        at("[cost]\ntarif_file = \"x\"", "collector.toml:2:1:", "did you mean `tariff_file`?");
        at("[cost]\ncurrency = \"EUR\"\ntariff_per_kwh = -1", "collector.toml:3:18:", "not a number from 0");
        at("[cost]\ntariff_per_kwh = 1.0", "collector.toml:1:", "wants a `currency`");
        at(
            "[cost]\ngrid_g_per_kwh = 1\ngrid_file = \"x\"",
            "collector.toml:1:",
            "either `grid_g_per_kwh` or",
        );
        at("[supply]\nefficiency = 88", "collector.toml:2:14:", "not a share above 0 and up to 1");
        at("[interconnect]\nmeasured = \"maybe\"", "collector.toml:2:12:", "unknown variant");
        at("[cooling]\nfan_w = 0.6", "collector.toml:1:1:", "`behind_meter` is missing");
        at("[cooling]\nfan_w = 1\nfan_meter = \"fan\"", "collector.toml:1:1:", "either told by `fan_w` or");
        at("[cooling]\nfan_w = 0", "collector.toml:2:9:", "0 is not a number above 0");
        at("[interconnect]\nmeasured = \"upper-bound\"", "collector.toml:1:", "`watts`");
        at("[[hardware.alternative]]\nname = \"x\"\ngflops = 1", "collector.toml:1:", "`price_per_hour`");
        at("retention = \"soon\"", "collector.toml:1:13:", "");
        at("durability = \"soon\"", "collector.toml:1:14:", "`immediate` or a time from 100ms to 1h");
    }

    #[test]
    fn what_is_given_comes_before_the_file() {
        let given = lay_over(Some(1), "--no-such-flag", "PICOLLECT_X", Some(2)).unwrap();
        assert_eq!(given, Setting { value: 1, origin: Origin::Environment("PICOLLECT_X") });
        let in_file = lay_over(None, "--no-such-flag", "PICOLLECT_X", Some(2)).unwrap();
        assert_eq!(in_file, Setting { value: 2, origin: Origin::File });
        assert_eq!(lay_over::<u8>(None, "--no-such-flag", "PICOLLECT_X", None), None);
    }
}
