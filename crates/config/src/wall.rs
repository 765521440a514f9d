//! `[[wall]]`: the meters at the wall that the collector asks over the network.

mod json;

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Deserializer, de::Error as _};

use self::json::Keys;
pub use self::json::{JsonValue, PowerUnit};
use super::amount::amount;
use picollect_settings::duration::shown;

/// The most meters; each has a thread.
pub const MAX_METERS: usize = 64;
/// The devices measure once or twice a second; asking more often shows nothing new.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);
/// Beyond this a meter says nothing about a run.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
/// What every kind bears, and the least that the methodology asks for.
const USUAL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest name, in bytes: it stands in every series.
const MAX_NAME_BYTES: usize = 64;
/// The device with the most channels has six.
const MAX_CHANNEL: u8 = 15;
/// Where a password comes from if no file is named.
const PASSWORD_VARIABLE: &str = "PICOLLECT_WALL_PASSWORD";
/// Shelly's and Tasmota's only user.
const USUAL_USER: &str = "admin";

/// A meter at the wall.
#[derive(Debug, Clone, PartialEq)]
pub struct WallMeter {
    /// Its name in every series and report; no other meter has it.
    pub name: String,
    /// What kind of device it is and what to read there.
    pub kind: WallKind,
    /// Its address, `http://HOST[:PORT]`; of the kind `json` the document's.
    pub url: String,
    /// Time between two readings.
    pub interval: Duration,
    /// The user's name, if it asks for one.
    pub user: Option<String>,
    /// Where the password comes from.
    pub password: Password,
    /// A file with a bearer token, in place of user and password.
    pub token_file: Option<PathBuf>,
    /// Greatest error of the gain, as a share (0.01 is 1 %); `None` is unknown.
    pub accuracy: Option<f64>,
    /// Greatest error of the zero, watts; `None` is unknown.
    pub offset_w: Option<f64>,
    /// The nodes behind it; empty means the whole cluster.
    pub covers: Vec<String>,
    /// The cluster that it feeds, as the agents call it; may be empty.
    pub cluster: String,
}

impl WallMeter {
    /// Who asks, with the password as it is now; `None` if the device asks for none. Fails as
    /// [`Password::read`] does.
    pub fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        let Some(user) = self.user.clone() else { return Ok(None) };
        Ok(Some(Credentials { user, password: self.password.read()? }))
    }

    /// The bearer token as it is now; `None` if none is configured. Fails if its file cannot be read or is empty.
    pub fn bearer(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let token = picollect_settings::secret::read("token", path)?;
        ensure!(!token.is_empty(), "the token file `{}` is empty", path.display());
        Ok(Some(token))
    }
}

/// User and password for a meter, read when it is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name as the meter knows it.
    pub user: String,
    /// The password; never printed.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where a password comes from; a file is read again at each request, so that it can be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// The environment variable `PICOLLECT_WALL_PASSWORD`.
    Environment,
    /// A file that holds it.
    File(PathBuf),
}

impl Password {
    /// Fails if the variable is not set, the file cannot be read, or the password is empty.
    pub fn read(&self) -> anyhow::Result<String> {
        let text = match self {
            Self::Environment => std::env::var(PASSWORD_VARIABLE)
                .with_context(|| format!("no `password_file`, and {PASSWORD_VARIABLE} is not set"))?,
            Self::File(path) => fs::read_to_string(path)
                .with_context(|| format!("cannot read the password file `{}`", path.display()))?,
        };
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        ensure!(!text.is_empty(), "the password is empty");
        Ok(text)
    }
}

/// What kind of device it is, and what of it to read.
#[derive(Debug, Clone, PartialEq)]
pub enum WallKind {
    /// Shelly of the first generation: `/status`.
    ShellyGen1 {
        /// Which of its meters, from 0.
        channel: u8,
    },
    /// Shelly of the second generation and later: `/rpc/…GetStatus`.
    ShellyGen2 {
        /// Which kind of component measures.
        component: RpcComponent,
        /// Which of them, from 0.
        channel: u8,
    },
    /// Tasmota, asked by `/cm?cmnd=Status 8`.
    Tasmota {
        /// Which of several phases or relays, from 0.
        channel: u8,
    },
    /// Any other device that answers with a JSON document.
    Json {
        /// Where the power stands, and the watts of one of what stands there.
        power: JsonValue,
        /// Where the energy counter stands, if there is one, and the joules of one of what stands there.
        energy: Option<JsonValue>,
    },
}

impl WallKind {
    /// The name in the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ShellyGen1 { .. } => "shelly-gen1",
            Self::ShellyGen2 { .. } => "shelly-gen2",
            Self::Tasmota { .. } => "tasmota",
            Self::Json { .. } => "json",
        }
    }
}

/// What measures in a Shelly of the second generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RpcComponent {
    /// A relay that measures, as in every plug.
    #[default]
    Switch,
    /// A meter without a relay, as in a `PM Mini`.
    Pm1,
    /// One clamp of an energy meter, as in a `Pro EM`.
    Em1,
    /// The three phases of an energy meter together, as in a `Pro 3EM`.
    Em,
}

/// What a foreign counter counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum EnergyUnit {
    /// Joules, the unit of every figure in the store.
    J,
    /// Watt-minutes: 60 joules each.
    Wmin,
    /// Watt-hours: 3600 joules each.
    Wh,
    /// Kilowatt-hours: 3.6 million joules each.
    #[serde(rename = "kWh")]
    KWh,
}

impl EnergyUnit {
    /// Joules in one of it.
    pub fn joules(self) -> f64 {
        match self {
            Self::J => 1.0,
            Self::Wmin => 60.0,
            Self::Wh => 3600.0,
            Self::KWh => 3_600_000.0,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    ShellyGen1,
    ShellyGen2,
    Tasmota,
    Json,
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WallTable {
    name: String,
    kind: KindName,
    url: String,
    #[serde(default, deserialize_with = "picollect_settings::duration::optional")]
    interval: Option<Duration>,
    channel: Option<u8>,
    component: Option<RpcComponent>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    watts_path: Option<json::Paths>,
    watts_unit: Option<PowerUnit>,
    watts_factor: Option<f64>,
    energy_path: Option<json::Paths>,
    energy_unit: Option<EnergyUnit>,
    #[serde(default, deserialize_with = "amount")]
    accuracy: Option<f64>,
    #[serde(default, deserialize_with = "amount")]
    offset_w: Option<f64>,
    #[serde(default)]
    covers: Vec<String>,
    #[serde(default)]
    cluster: String,
}

impl<'de> Deserialize<'de> for WallMeter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(WallTable::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// All meters; no name stands twice.
pub(super) fn meters<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<WallMeter>, D::Error> {
    let meters = Vec::<WallMeter>::deserialize(from)?;
    if meters.len() > MAX_METERS {
        return Err(D::Error::custom(format!("{} wall meters, more than {MAX_METERS}", meters.len())));
    }
    for (index, meter) in meters.iter().enumerate() {
        if meters[..index].iter().any(|other| other.name == meter.name) {
            return Err(D::Error::custom(format!("two wall meters are called `{}`", meter.name)));
        }
    }
    Ok(meters)
}

fn checked(table: WallTable) -> Result<WallMeter, String> {
    let kind = kind(&table)?;
    let WallTable { name, url, accuracy, offset_w, covers, cluster, .. } = table;
    check_name(&name)?;
    check_url(&url, matches!(kind, WallKind::Json { .. }))?;
    let interval = table.interval.unwrap_or(USUAL_INTERVAL);
    if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
        return Err(format!("the interval {} is not between 200ms and 1h", shown(interval)));
    }
    if accuracy.is_some_and(|share| share > 1.0) {
        return Err("`accuracy` is a share of the reading: 0.01 is 1 %".into());
    }
    if table.token_file.is_some() && (table.user.is_some() || table.password_file.is_some()) {
        return Err("`token_file` stands in place of `user` and `password_file`: one of them".into());
    }
    let token_file = table.token_file;
    let user = table.user.or_else(|| table.password_file.is_some().then(|| USUAL_USER.to_owned()));
    let password = table.password_file.map_or(Password::Environment, Password::File);
    Ok(WallMeter {
        name,
        kind,
        url,
        interval,
        user,
        password,
        token_file,
        accuracy,
        offset_w,
        covers,
        cluster,
    })
}

fn kind(table: &WallTable) -> Result<WallKind, String> {
    let channel = table.channel.unwrap_or(0);
    if channel > MAX_CHANNEL {
        return Err(format!(
            "there is no channel {channel}; they begin at 0 and end before {}",
            MAX_CHANNEL + 1
        ));
    }
    let json = matches!(table.kind, KindName::Json);
    let keys = Keys {
        watts_path: table.watts_path.clone(),
        watts_unit: table.watts_unit,
        watts_factor: table.watts_factor,
        energy_path: table.energy_path.clone(),
        energy_unit: table.energy_unit,
    };
    if keys != Keys::default() && !json {
        return Err(format!("{} are for `kind = \"json\"` only", json::KEYS));
    }
    if table.channel.is_some() && json {
        return Err("a `json` meter has paths and no `channel`".into());
    }
    if table.component.is_some() && !matches!(table.kind, KindName::ShellyGen2) {
        return Err("`component` is for `kind = \"shelly-gen2\"` only".into());
    }
    Ok(match table.kind {
        KindName::ShellyGen1 => WallKind::ShellyGen1 { channel },
        KindName::ShellyGen2 => {
            WallKind::ShellyGen2 { component: table.component.unwrap_or_default(), channel }
        }
        KindName::Tasmota => WallKind::Tasmota { channel },
        KindName::Json => keys.checked()?,
    })
}

/// Whether a wall meter may have this name; the error says what a name is.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(char::is_control);
    fits.then_some(())
        .ok_or_else(|| format!("a wall meter's name has 1 to {MAX_NAME_BYTES} bytes, not {name:?}"))
}

/// The devices speak plain http; a password in the address would be printed with it. Only a document of one's own has a
/// path.
fn check_url(url: &str, has_path: bool) -> Result<(), String> {
    let rest = url.strip_prefix("http://").filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let Some(rest) = rest else { return Err(format!("the address `{url}` is not http://HOST")) };
    let (host, path) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    if host.contains('@') {
        return Err("no user and password in the address; give `user` and `password_file`".into());
    }
    if !has_path && !path.is_empty() {
        return Err(format!(
            "the address `{url}` has a path; this kind of device knows its own: http://{host}"
        ));
    }
    // What follows the last colon, unless that is inside of an address of version 6.
    match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((_, port)) if port.parse::<u16>().map_or(true, |port| port == 0) => {
            Err(format!("the address `{url}` has no port between 1 and 65535 behind its colon"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<WallMeter>, String> {
        let config = picollect_settings::parse::<super::super::Config>(text, "collector.toml");
        config.map(|config| config.wall).map_err(|error| error.to_string())
    }

    #[test]
    fn name_kind_and_address_are_enough() {
        let plug =
            &read("[[wall]]\nname = \"plug\"\nkind = \"tasmota\"\nurl = \"http://10.0.0.7\"\n").unwrap()[0];
        assert_eq!((plug.interval, &plug.kind), (USUAL_INTERVAL, &WallKind::Tasmota { channel: 0 }));
        assert_eq!((plug.credentials().unwrap(), plug.accuracy, plug.covers.len()), (None, None, 0));
    }

    #[test]
    fn an_address_of_version_6_has_colons_of_its_own() {
        for url in ["http://[fe80::1]", "http://[fe80::1]:8080", "http://plug.local:80/", "http://10.0.0.7"] {
            assert_eq!(check_url(url, false), Ok(()), "{url}");
        }
        assert!(check_url("http://[fe80::1]:0", false).is_err());
        assert_eq!(check_url("http://10.0.0.8:80/rpc/EM1.GetStatus?id=0", true), Ok(()));
    }

    #[test]
    fn a_bearer_token_comes_from_a_file_and_an_empty_one_is_a_mistake() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        fs::write(&file, "hush\n").unwrap();
        let text = format!(
            "[[wall]]\nname = \"p\"\nkind = \"json\"\nwatts_path = \"/w\"\nurl = \"http://p\"\ntoken_file = {:?}\n",
            file.to_str().unwrap()
        );
        let meter = &read(&text).unwrap()[0];
        assert_eq!(meter.bearer().unwrap().as_deref(), Some("hush"));
        assert_eq!(meter.credentials().unwrap(), None);
        fs::write(&file, "\n").unwrap();
        assert!(meter.bearer().unwrap_err().to_string().contains("is empty"));
    }

    #[test]
    fn a_password_comes_from_a_file_and_is_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "hush\n").unwrap();
        let text = format!(
            "[[wall]]\nname = \"p\"\nkind = \"shelly-gen2\"\ncomponent = \"pm1\"\nurl = \"http://p\"\n\
             password_file = {:?}\n",
            file.to_str().unwrap()
        );
        let plug = &read(&text).unwrap()[0];
        let credentials = plug.credentials().unwrap().unwrap();
        assert_eq!((credentials.user.as_str(), credentials.password.as_str()), ("admin", "hush"));
        assert!(!format!("{credentials:?} {plug:?}").contains("hush"));
        fs::write(&file, "").unwrap();
        assert!(plug.credentials().is_err(), "an empty password is a mistake and not a password");
    }

    #[test]
    fn every_mistake_says_where_and_what() {
        let at = |text: &str, start: &str, part: &str| {
            let got = read(&format!("[[wall]]\nname = \"p\"\n{text}")).unwrap_err();
            assert!(got.starts_with(start) && got.contains(part), "{got}");
        };
        let url = "url = \"http://p\"\n";
        at("kind = \"shelly\"", "collector.toml:3:8:", "unknown variant `shelly`");
        at(
            &format!("kind = \"tasmota\"\n{url}passwort_file = \"x\""),
            "collector.toml:5:1:",
            "`password_file`?",
        );
        at("kind = \"tasmota\"\nurl = \"p\"", "collector.toml:1:", "is not http://HOST");
        at("kind = \"tasmota\"\nurl = \"https://p\"", "collector.toml:1:", "is not http://HOST");
        at("kind = \"tasmota\"\nurl = \"http://a:b@p\"", "collector.toml:1:", "no user and password");
        at(&format!("kind = \"json\"\n{url}"), "collector.toml:1:", "wants `watts_path`");
        at(
            &format!("kind = \"json\"\nwatts_path = \"power\"\n{url}"),
            "collector.toml:1:",
            "no JSON pointer",
        );
        at(
            &format!("kind = \"json\"\nwatts_path = \"/p\"\nenergy_path = \"/e\"\n{url}"),
            "collector.toml:1:",
            "go together",
        );
        at(&format!("kind = \"tasmota\"\nwatts_path = \"/p\"\n{url}"), "collector.toml:1:", "only");
        at(&format!("kind = \"json\"\nwatts_path = []\n{url}"), "collector.toml:1:", "is empty");
        let factor = "kind = \"json\"\nwatts_path = \"/p\"\nwatts_factor = 0\n";
        at(&format!("{factor}{url}"), "collector.toml:1:", "watts_factor = 0 is not between");
        at(
            &format!("kind = \"tasmota\"\nuser = \"a\"\ntoken_file = \"t\"\n{url}"),
            "collector.toml:1:",
            "in place of",
        );
        at(
            "kind = \"tasmota\"\nurl = \"http://p:65536\"",
            "collector.toml:1:",
            "no port between 1 and 65535",
        );
        at("kind = \"tasmota\"\nurl = \"http://p:\"", "collector.toml:1:", "no port between 1 and 65535");
        at("kind = \"tasmota\"\nurl = \"http://p/cm\"", "collector.toml:1:", "knows its own: http://p");
        at(&format!("kind = \"tasmota\"\ninterval = \"1ms\"\n{url}"), "collector.toml:1:", "200ms and 1h");
        at(&format!("kind = \"tasmota\"\nchannel = 16\n{url}"), "collector.toml:1:", "no channel 16");
        at(&format!("kind = \"tasmota\"\naccuracy = 2\n{url}"), "collector.toml:1:", "0.01 is 1 %");
        let twice = "[[wall]]\nname = \"p\"\nkind = \"tasmota\"\nurl = \"http://p\"\n".repeat(2);
        assert!(read(&twice).unwrap_err().contains("two wall meters are called `p`"));
        let nameless = "[[wall]]\nname = \" \"\nkind = \"tasmota\"\nurl = \"http://p\"\n";
        assert!(read(nameless).unwrap_err().contains("name has 1 to 64 bytes"));
    }
}
