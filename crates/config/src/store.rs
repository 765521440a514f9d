//! `store = "ADDRESS"`, or the table `[store]` for an engine that wants to be shown something.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use picollect_store::location::{Location, Secrets};

/// A bearer token, where no file is named.
const TOKEN_VARIABLE: &str = "PICOLLECT_STORE_TOKEN";
/// A password, where no file is named.
const PASSWORD_VARIABLE: &str = "PICOLLECT_STORE_PASSWORD";

/// Where the store is and what opens it; what is not there is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreConfig {
    /// Its address; without one it lies in the data directory.
    pub url: Option<Location>,
    /// A file with a bearer token; else `PICOLLECT_STORE_TOKEN`.
    pub token_file: Option<PathBuf>,
    /// A user, for basic authentication.
    pub user: Option<String>,
    /// The user's password; else `PICOLLECT_STORE_PASSWORD`.
    pub password_file: Option<PathBuf>,
    /// More headers, such as a tenant's.
    pub headers: BTreeMap<String, String>,
    /// Trust only certificates signed by the ones in this file.
    pub ca_file: Option<PathBuf>,
}

impl StoreConfig {
    /// Reads the files and variables. Fails if a file cannot be read, a user has no password, or there are
    /// both a token and a user.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        let token = secret(self.token_file.as_deref(), TOKEN_VARIABLE)?;
        let basic = match &self.user {
            None => None,
            Some(user) => {
                let password = secret(self.password_file.as_deref(), PASSWORD_VARIABLE)?;
                let absent = || {
                    format!("[store] has a `user` but no `password_file`, and {PASSWORD_VARIABLE} is not set")
                };
                Some((user.clone(), password.with_context(absent)?))
            }
        };
        ensure!(
            token.is_none() || basic.is_none(),
            "the store gets a token or a user with a password, not both; a token is in `token_file` or {TOKEN_VARIABLE}"
        );
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Secrets { token, basic, headers, ca_file: self.ca_file.clone() })
    }
}

/// What stands in the file, else in the variable.
pub(super) fn secret(file: Option<&Path>, variable: &str) -> anyhow::Result<Option<String>> {
    let text = match file {
        Some(path) => Some(picollect_settings::secret::read("secret", path)?),
        None => std::env::var(variable).ok().map(|text| text.trim().to_owned()),
    };
    ensure!(text.as_deref() != Some(""), "the secret in its file or in {variable} is empty");
    Ok(text)
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    url: Option<Address>,
    token_file: Option<PathBuf>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    ca_file: Option<PathBuf>,
}

struct Address(Location);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for StoreConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AddressOrTable)
    }
}

struct AddressOrTable;

impl<'de> Visitor<'de> for AddressOrTable {
    type Value = StoreConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store's address, or a table [store]")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StoreConfig, E> {
        let url = text.parse().map(Some).map_err(E::custom)?;
        Ok(StoreConfig { url, ..StoreConfig::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StoreConfig, A::Error> {
        let StoreTable { url, token_file, user, password_file, headers, ca_file } =
            StoreTable::deserialize(MapAccessDeserializer::new(map))?;
        if password_file.is_some() && user.is_none() {
            return Err(A::Error::custom("a `password_file` wants a `user`"));
        }
        if let Some(name) = headers.keys().find(|name| name.eq_ignore_ascii_case("authorization")) {
            let text = format!("`{name}` is a secret; give `token_file`, or `user` and `password_file`");
            return Err(A::Error::custom(text));
        }
        Ok(StoreConfig {
            url: url.map(|Address(url)| url),
            token_file,
            user,
            password_file,
            headers,
            ca_file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use std::fs;

    fn read(text: &str) -> Result<StoreConfig, String> {
        let config: Result<Config, _> = picollect_settings::parse(text, "t");
        config.map(|config| config.store).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_alone_or_a_table_says_where_the_store_is() {
        let want: Location = "prometheus+http://h:9090".parse().unwrap();
        assert_eq!(read("store = \"prometheus+http://h:9090\"").unwrap().url.as_ref(), Some(&want));
        let text = "[store]\nurl = \"prometheus+http://h:9090\"\nheaders = { X-Scope-OrgID = \"home\" }\n";
        let table = read(text).unwrap();
        assert_eq!(table.url.as_ref(), Some(&want));
        let secrets = table.secrets().unwrap();
        assert_eq!(secrets.headers, [("X-Scope-OrgID".to_owned(), "home".to_owned())]);
    }

    #[test]
    fn mistakes_say_where_and_what() {
        let at = |text: &str, start: &str, part: &str| {
            let got = read(text).unwrap_err();
            assert!(got.starts_with(start) && got.contains(part), "{got}");
        };
        at("store = \"sqlite\"", "t:1:9:", "none of `embedded:`");
        at("store = 3", "t:1:9:", "the store's address, or a table [store]");
        at("[store]\ntoken_fil = \"x\"", "t:2:1:", "did you mean `token_file`?");
        at("[store]\npassword_file = \"x\"", "t:1:", "wants a `user`");
        at("[store]\nheaders = { Authorization = \"Bearer x\" }", "t:1:", "is a secret");
    }

    #[test]
    fn a_secret_comes_from_its_file_without_the_end_of_the_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "swordfish\n").unwrap();
        let config = StoreConfig { token_file: Some(path.clone()), ..StoreConfig::default() };
        assert_eq!(config.secrets().unwrap().token.as_deref(), Some("swordfish"));
        fs::write(&path, "\n").unwrap();
        assert!(config.secrets().unwrap_err().to_string().contains("is empty"));
    }
}
