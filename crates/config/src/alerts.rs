//! `[alerts]`: whom the collector tells what is wrong.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use lettre::message::Mailbox;
use picollect_settings::duration;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::store::secret;
use picollect_evaluate::alert_rules::RULES;

/// Rules are asked so often if nobody says otherwise.
const USUAL_INTERVAL: Duration = Duration::from_secs(15);
/// Asking more often shows nothing new: agents speak once a second.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// Beyond this what the collector says of the nodes would be too old for a query before it is said anew.
const LONGEST_INTERVAL: Duration = Duration::from_secs(120);
/// The dead man's switch is called so often if nobody says otherwise.
const USUAL_HEARTBEAT: Duration = Duration::from_secs(60);
/// More often tells nobody more, and more rarely is no switch.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(10);
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(3600);
/// The most addresses of an e-mail.
const MAX_RECIPIENTS: usize = 16;
/// Where the secrets come from if no file is named.
const WEBHOOK_VARIABLE: &str = "PICOLLECT_ALERTS_WEBHOOK_TOKEN";
const NTFY_VARIABLE: &str = "PICOLLECT_ALERTS_NTFY_TOKEN";
const EMAIL_VARIABLE: &str = "PICOLLECT_ALERTS_EMAIL_PASSWORD";

/// Whom to tell, and how often to look.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// Time between two looks, which is also how often the collector says what it thinks of the nodes.
    #[serde(deserialize_with = "interval")]
    pub interval: Duration,
    /// Names of rules that nobody is to be told of.
    #[serde(deserialize_with = "names_of_rules")]
    pub off: Vec<String>,
    /// An address that takes Alertmanager's JSON.
    pub webhook: Option<Webhook>,
    /// A topic of an ntfy server.
    pub ntfy: Option<Ntfy>,
    /// A mail server and the addresses.
    pub email: Option<Email>,
    /// Who is called at regular times, and says so when nobody calls any more.
    pub heartbeat: Option<Heartbeat>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        let interval = USUAL_INTERVAL;
        Self { interval, off: Vec::new(), webhook: None, ntfy: None, email: None, heartbeat: None }
    }
}

/// A dead man's switch: an address elsewhere that is called as long as the collector is well, and raises the alarm
/// when the calls stop.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// What is called, with GET; its path often is a secret.
    pub url: Address,
    /// Time between two calls.
    #[serde(default = "usual_heartbeat", deserialize_with = "heartbeat_interval")]
    pub interval: Duration,
    /// Trust only certificates signed by the ones in this file.
    pub ca_file: Option<PathBuf>,
}

/// An address that takes Alertmanager's JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where messages are posted; its path often is a secret.
    pub url: Address,
    /// A file with a bearer token, if it wants one; else `PICOLLECT_ALERTS_WEBHOOK_TOKEN`.
    pub token_file: Option<PathBuf>,
    /// Trust only certificates signed by the ones in this file.
    pub ca_file: Option<PathBuf>,
}

impl Webhook {
    /// The token as it is now; `None` if it wants none. Fails if its file cannot be read, or if it is empty.
    pub fn token(&self) -> anyhow::Result<Option<String>> {
        secret(self.token_file.as_deref(), WEBHOOK_VARIABLE)
    }
}

/// A topic of an ntfy server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ntfy {
    /// Server and topic, such as `https://ntfy.sh/TOPIC`.
    pub url: Address,
    /// A file with an access token, if it wants one; else `PICOLLECT_ALERTS_NTFY_TOKEN`.
    pub token_file: Option<PathBuf>,
    /// Trust only certificates signed by the ones in this file.
    pub ca_file: Option<PathBuf>,
}

impl Ntfy {
    /// The token as it is now; `None` if it wants none. Fails if its file cannot be read, or if it is empty.
    pub fn token(&self) -> anyhow::Result<Option<String>> {
        secret(self.token_file.as_deref(), NTFY_VARIABLE)
    }
}

/// How the way to a mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// It begins in the clear and is encrypted before anything is said; usually port 587.
    #[default]
    StartTls,
    /// It is encrypted from the start; usually port 465.
    Tls,
    /// It is not; usually port 25.
    None,
}

impl Security {
    /// The port if nobody says otherwise.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A mail server and the addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct Email {
    /// The mail server's name.
    pub server: String,
    /// As configured, else the usual one for `security`.
    pub port: u16,
    /// How the way there is encrypted.
    pub security: Security,
    /// The user, if it asks for one.
    pub user: Option<String>,
    /// A file with the user's password; else `PICOLLECT_ALERTS_EMAIL_PASSWORD`.
    pub password_file: Option<PathBuf>,
    /// Trust only certificates signed by the ones in this file.
    pub ca_file: Option<PathBuf>,
    /// The sender that recipients see.
    pub from: Mailbox,
    /// Recipients of every message; one at least.
    pub to: Vec<Mailbox>,
}

impl Email {
    /// User and password as they are now; `None` if the server asks for none. Fails if there is a user, but
    /// no password that can be read.
    pub fn credentials(&self) -> anyhow::Result<Option<(String, String)>> {
        let Some(user) = &self.user else { return Ok(None) };
        let password = secret(self.password_file.as_deref(), EMAIL_VARIABLE)?;
        let absent = || format!("there is a `user` but no `password_file`, and {EMAIL_VARIABLE} is not set");
        Ok(Some((user.clone(), password.with_context(absent)?)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailTable {
    server: String,
    port: Option<u16>,
    #[serde(default)]
    security: Security,
    user: Option<String>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    from: String,
    to: Vec<String>,
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let EmailTable { server, port, security, user, password_file, ca_file, from, to } =
            EmailTable::deserialize(from)?;
        let mailbox = |text: &String| {
            let wrong = || D::Error::custom(format!("`{text}` is no e-mail address"));
            text.parse::<Mailbox>().map_err(|_| wrong())
        };
        if !(1..=MAX_RECIPIENTS).contains(&to.len()) {
            return Err(D::Error::custom(format!("`to` has 1 to {MAX_RECIPIENTS} addresses")));
        }
        if password_file.is_some() && user.is_none() {
            return Err(D::Error::custom("a `password_file` wants a `user`"));
        }
        let here = ["localhost", "127.0.0.1", "::1"].contains(&server.as_str());
        if user.is_some() && security == Security::None && !here {
            return Err(D::Error::custom(
                "`security = \"none\"` would send the password in the clear; take \"starttls\" or \"tls\"",
            ));
        }
        let port = port.unwrap_or(security.usual_port());
        let to = to.iter().map(mailbox).collect::<Result<_, _>>()?;
        Ok(Self { server, port, security, user, password_file, ca_file, from: mailbox(&from)?, to })
    }
}

/// An address that is shown up to its host only: what follows often is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address with what follows the host, for whoever connects to it.
    pub fn whole(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.match_indices('/').nth(2).map_or(self.0.len(), |(at, _)| at);
        f.write_str(&self.0[..end])?;
        if end + 1 < self.0.len() { f.write_str("/…") } else { Ok(()) }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        if host.is_empty() || host.contains('@') || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(D::Error::custom("this is not http(s)://HOST[:PORT]/PATH without user and password"));
        }
        Ok(Self(text))
    }
}

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let interval = duration::optional(from)?.unwrap_or(USUAL_INTERVAL);
    if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
        return Err(D::Error::custom("the interval is between 1s and 2min"));
    }
    Ok(interval)
}

fn usual_heartbeat() -> Duration {
    USUAL_HEARTBEAT
}

fn heartbeat_interval<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let interval = duration::optional(from)?.unwrap_or(USUAL_HEARTBEAT);
    if !(SHORTEST_HEARTBEAT..=LONGEST_HEARTBEAT).contains(&interval) {
        return Err(D::Error::custom("the interval of a heartbeat is between 10s and 1h"));
    }
    Ok(interval)
}

fn names_of_rules<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let known: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(D::Error::custom(format!("there is no rule `{name}`; there are {}", known.join(", "))))
        }
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn read(text: &str) -> Result<AlertsConfig, String> {
        let config: Result<Config, _> = picollect_settings::parse(text, "t");
        config.map(|config| config.alerts).map_err(|error| error.to_string())
    }

    #[test]
    fn receivers_are_read_and_what_may_be_secret_in_an_address_is_not_shown() {
        let text = "[alerts]\ninterval = \"30s\"\noff = [\"ClusterIdle\"]\n\
                    [alerts.webhook]\nurl = \"https://hooks.example.org/services/hush\"\n\
                    [alerts.ntfy]\nurl = \"http://10.0.0.9\"\n\
                    [alerts.email]\nserver = \"mail.example.org\"\nfrom = \"picollect <pi@example.org>\"\nto = [\"me@example.org\"]\n";
        let config = read(text).unwrap();
        assert_eq!((config.interval.as_secs(), config.off.len()), (30, 1));
        let (webhook, ntfy, email) = (config.webhook.unwrap(), config.ntfy.unwrap(), config.email.unwrap());
        assert_eq!(webhook.url.whole(), "https://hooks.example.org/services/hush");
        assert_eq!(format!("{webhook:?}").matches("hush").count(), 0);
        assert_eq!(
            (webhook.url.to_string().as_str(), ntfy.url.to_string().as_str()),
            ("https://hooks.example.org/…", "http://10.0.0.9")
        );
        assert_eq!((email.port, email.security), (587, Security::StartTls));
        assert_eq!(read("").unwrap(), AlertsConfig::default());
    }

    #[test]
    fn a_heartbeat_is_once_a_minute_unless_somebody_says_otherwise() {
        let heartbeat = |more: &str| {
            let text = format!("[alerts.heartbeat]\nurl = \"https://hc.example/ping/hush\"\n{more}");
            read(&text).map(|config| config.heartbeat.unwrap())
        };
        let usual = heartbeat("").unwrap();
        assert_eq!((usual.interval.as_secs(), usual.url.to_string().as_str()), (60, "https://hc.example/…"));
        assert_eq!(heartbeat("interval = \"5m\"").unwrap().interval.as_secs(), 300);
        for wrong in ["interval = \"9s\"", "interval = \"2h\""] {
            let error = heartbeat(wrong).unwrap_err();
            assert!(error.starts_with("t:3:12:") && error.contains("between 10s and 1h"), "{error}");
        }
    }

    #[test]
    fn mistakes_say_where_and_what() {
        let at = |text: &str, start: &str, part: &str| {
            let got = read(text).unwrap_err();
            assert!(got.starts_with(start) && got.contains(part), "{got}");
        };
        at("[alerts]\ninterval = \"1h\"", "t:2:12:", "between 1s and 2min");
        at("[alerts]\noff = [\"Idle\"]", "t:2:7:", "no rule `Idle`; there are NodeThrottled");
        at("[alerts]\nwebhok = 1", "t:2:1:", "did you mean `webhook`?");
        at("[alerts.webhook]\nurl = \"http://a:hush@b\"", "t:2:7:", "without user and password");
        at("[alerts.ntfy]\nurl = \"ntfy.sh/x\"", "t:2:7:", "this is not http");
        let email = |more: &str| format!("[alerts.email]\nserver = \"m\"\nfrom = \"a@b\"\n{more}");
        at(&email("to = []"), "t:1:", "1 to 16 addresses");
        at(&email("to = [\"me\"]"), "t:1:", "`me` is no e-mail address");
        at(&email("to = [\"a@b\"]\npassword_file = \"p\""), "t:1:", "wants a `user`");
        at(&email("to = [\"a@b\"]\nuser = \"u\"\nsecurity = \"none\""), "t:1:", "in the clear");
    }
}
