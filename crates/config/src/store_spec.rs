//! The store specification: where the store is and what opens it, as options say it, laid over the configuration.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use picollect_settings::exit::{Failure, usage};

use crate::data_dir;
use crate::{Config, ConfigOptions, StoreConfig};
use picollect_store::location::{Location, Secrets};
use picollect_store::{self as store, Durability, Store, StoreError};

/// Where the data directory is.
#[derive(Debug, Clone, Args)]
pub struct DataOptions {
    /// Data directory [default: picollect in the user's data directory]
    #[arg(long, value_name = "DIR", env = "PICOLLECT_DATA")]
    pub data: Option<PathBuf>,
}

impl DataOptions {
    /// The directory, which need not be there. Fails as [`data_dir::default_path`] does, if none is given.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        self.data.clone().map_or_else(data_dir::default_path, Ok)
    }
}

/// Where the data directory and the store are, and the configuration that may say it.
#[derive(Debug, Clone, Args)]
pub struct StoreOptions {
    /// Where the data directory is.
    #[command(flatten)]
    pub data: DataOptions,
    /// Which configuration is read.
    #[command(flatten)]
    pub config: ConfigOptions,
    /// Where samples lie: embedded:DIR, influxdb2+http(s)://HOST:PORT?org=…&bucket=… or
    /// prometheus+http(s)://HOST:PORT [default: in the data directory]
    #[arg(long, value_name = "URL", env = "PICOLLECT_STORE")]
    pub store: Option<Location>,
}

/// Which store is meant, before it is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreSpec {
    /// Which back end, and its directory or address.
    pub location: Location,
    /// Token or password of an engine elsewhere; the embedded store needs none.
    pub secrets: Secrets,
    /// When the embedded store has on the disk what it acknowledged.
    pub durability: Durability,
}

impl StoreSpec {
    /// The embedded store in a data directory.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        let (location, secrets) = (Location::Embedded(directory.into()), Secrets::default());
        Self { location, secrets, durability: Durability::default() }
    }

    /// Opens the store, or makes it. Fails as [`store::connect`] does.
    pub fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        store::connect(&self.location, &self.secrets, self.durability)
    }

    /// Opens a store that is there; a mistyped directory is not made.
    fn open_existing(&self) -> Result<Arc<dyn Store>, Failure> {
        if let Location::Embedded(directory) = &self.location
            && !directory.is_dir()
        {
            let name = directory.display();
            let absent = anyhow!(
                "there is no data directory `{name}`; `picollect up` and `picollect import` make one, \
                 or give --data DIR or --store URL"
            );
            return Err(Failure::Runtime(absent));
        }
        Ok(self.open()?)
    }
}

impl StoreOptions {
    /// The data directory, which need not be there.
    pub fn directory(&self) -> anyhow::Result<PathBuf> {
        self.data.path()
    }

    /// Reads the configuration. Fails if the file cannot be read or has an error.
    pub fn read(&self) -> Result<Config, Failure> {
        self.config.read(&self.directory()?)
    }

    /// Where the store is: flag, environment, file, data directory. The file's secrets go nowhere but to the
    /// address that the file names. [`Failure::Usage`] if they cannot be read.
    pub fn spec(&self, config: &Config) -> Result<StoreSpec, Failure> {
        let elsewhere = config.store.url.is_some() && self.store.is_some() && self.store != config.store.url;
        let secrets = if elsewhere { StoreConfig::default() } else { config.store.clone() };
        let secrets = secrets.secrets().map_err(usage)?;
        let location = match self.store.clone().or_else(|| config.store.url.clone()) {
            Some(location) => location,
            None => Location::Embedded(self.directory()?),
        };
        Ok(StoreSpec { location, secrets, durability: config.durability.unwrap_or_default() })
    }

    /// The store, made if it is not there: what samples are moved into may be new. Fails if the configuration
    /// or the store cannot be used.
    pub fn open_or_make(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(self.spec(&self.read()?)?.open()?)
    }

    /// The store, which has to be there, and the configuration. Fails if the configuration or the store
    /// cannot be used, and for an embedded store whose directory is not there.
    pub fn open(&self) -> Result<(Arc<dyn Store>, Config), Failure> {
        let config = self.read()?;
        Ok((self.spec(&config)?.open_existing()?, config))
    }
}
