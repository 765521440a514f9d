//! Whom a request is asked of: the store on this machine, or a collector elsewhere. Both answer with the same text.

use std::fs;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use picollect_analysis::request::{Request, RequestError, Sources, Written, answered};
use picollect_config::Config;
use picollect_config::store_spec::{StoreOptions, StoreSpec};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::time::now_ms;
use picollect_store::{Store, StoreError, cached};
use picollect_telemetry::line::{Precision, decode};
use serde::de::DeserializeOwned;

use crate::client::{Client, ClientError, Target};

/// The field of a request that says how its answer is written.
const FORMAT: &str = "format";

/// Whom to ask.
#[derive(Debug, Clone, Args)]
pub struct SourceOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Ask the collector at this address; then --data is only where a run's output is kept
    #[arg(long, value_name = "URL", env = "PICOLLECT_COLLECTOR")]
    collector: Option<String>,
    /// The file with the token for it
    #[arg(long, value_name = "FILE", env = "PICOLLECT_TOKEN_FILE", requires = "collector")]
    token_file: Option<PathBuf>,
    /// Trust only certificates signed by the ones in this file
    #[arg(long, value_name = "FILE", env = "PICOLLECT_CA_FILE", requires = "collector")]
    ca_file: Option<PathBuf>,
}

impl SourceOptions {
    /// Opens the store, or makes a client that connects when it is first asked. Fails if the store is not
    /// there, or if the collector's address, the token's file or the certificates cannot be used.
    pub fn open(&self) -> Result<Source, Failure> {
        let Some(url) = self.collector.clone() else { return self.open_here() };
        let (token_file, ca_file) = (self.token_file.clone(), self.ca_file.clone());
        Ok(Source::There(Client::new(&Target { url, token_file, ca_file }).map_err(usage)?))
    }

    fn open_here(&self) -> Result<Source, Failure> {
        let (store, config) = self.store.open()?;
        Ok(Source::Here(store, Box::new(config)))
    }

    /// The same for what has to be kept even where no collector ever was: if nobody says where the data is, the user's
    /// own data directory is made. Fails as [`open`](Self::open) does.
    pub fn open_or_make(&self) -> Result<Source, Failure> {
        let said = self.collector.is_some() || self.store.data.data.is_some() || self.store.store.is_some();
        let config = self.store.read()?;
        if said || config.store.url.is_some() || self.store.directory()?.is_dir() {
            return self.open();
        }
        Ok(Source::Here(self.store.open_or_make()?, Box::new(config)))
    }

    /// What can only be done where the data is; [`Failure::Usage`] if a collector elsewhere is named.
    pub fn here(&self) -> Result<Here, Failure> {
        if let Some(url) = &self.collector {
            return Err(usage(anyhow!("this is done where the data is, on the machine of `{url}`")));
        }
        let config = self.store.read()?;
        Ok(Here { data: self.store.directory()?, spec: self.store.spec(&config)?, config })
    }

    /// Whom this asks, in words that are the same whenever it is the same: a collector's address, or which data directory
    /// of this machine. Fails as [`directory`](Self::directory) does.
    pub fn destination(&self) -> anyhow::Result<String> {
        match &self.collector {
            Some(url) => Ok(url.trim_end_matches('/').to_owned()),
            None => Ok(destination_here(&self.directory()?)),
        }
    }

    /// The data directory of this machine; of an asked collector's own nothing is known. Fails if none is
    /// given and the environment names no home.
    pub fn directory(&self) -> anyhow::Result<PathBuf> {
        self.store.directory()
    }
}

/// [`SourceOptions::destination`] of a data directory of this machine.
pub fn destination_here(data: &Path) -> String {
    // One that is not there yet is named as it is given.
    let data = fs::canonicalize(data).or_else(|_| path::absolute(data)).unwrap_or_else(|_| data.to_owned());
    format!("data:{}", data.display())
}

/// The data of this machine, not opened yet.
pub struct Here {
    /// The data directory, which need not be there.
    pub data: PathBuf,
    /// Where the store is and what opens it.
    pub spec: StoreSpec,
    /// The configuration as it was read.
    pub config: Config,
}

/// Where answers come from.
pub enum Source {
    /// A store that this machine opens itself.
    Here(Arc<dyn Store>, Box<Config>),
    /// A collector, which is asked over HTTP.
    There(Client),
}

impl Source {
    /// The answer of a request. A collector elsewhere is asked for JSON. A request that makes no sense is a
    /// [`Failure::Usage`] here; there it is refused, a [`Failure::Runtime`] like all else.
    pub fn ask<R: Request<Answer: DeserializeOwned>>(&self, request: &R) -> Result<R::Answer, Failure> {
        match self {
            Self::Here(store, config) => answer_here(store.as_ref(), config, |from| request.answer(from)),
            Self::There(client) => {
                let mut query = query(request)?;
                query.retain(|(name, _)| name != FORMAT);
                query.push((FORMAT.to_owned(), "json".to_owned()));
                let answer = client.ask(R::PATH, &query)?;
                let read = serde_json::from_str(&answer.text);
                Ok(read.with_context(|| format!("the collector's answer at {} cannot be read", R::PATH))?)
            }
        }
    }

    /// The answer of a request as it is shown. Fails as [`ask`](Self::ask) does.
    pub fn ask_written<R: Request>(&self, request: &R) -> Result<Written, Failure> {
        match self {
            Self::Here(store, config) => answer_here(store.as_ref(), config, |from| answered(request, from)),
            Self::There(client) => Ok(client.ask(R::PATH, &query(request)?)?),
        }
    }

    /// Adds lines to the store. Fails if it does not take all of them: a [`ClientError`] of a collector elsewhere, a
    /// [`StoreError`] of the store here, or [`NotTaken`]. [`is_refused`] says whether trying again is of no use.
    pub fn write(&self, lines: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Here(store, _) => write_here(store.as_ref(), lines),
            Self::There(client) => Ok(client.write(lines)?),
        }
    }
}

/// A store on this machine has taken some of the lines or none, and will take no more of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store does not take all of it: {0}")]
pub struct NotTaken(String);

fn write_here(store: &dyn Store, lines: &[u8]) -> anyhow::Result<()> {
    let batch = decode(lines, Precision::Nanoseconds, now_ms());
    let appended = store.append(&batch.points)?;
    let broken = batch.errors.iter().map(|error| format!("line {}: {}", error.line, error.reason));
    let reasons: Vec<String> = broken.chain(appended.reasons()).collect();
    if reasons.is_empty() { Ok(()) } else { Err(NotTaken(reasons.join("; ")).into()) }
}

/// Whether an error of [`Source::write`] is for good. All else may pass: somebody who is away comes back, a full disk
/// gets room.
pub fn is_refused(error: &anyhow::Error) -> bool {
    let by_collector = matches!(error.downcast_ref(), Some(ClientError::Refused { .. }));
    let by_store = matches!(
        error.downcast_ref(),
        Some(StoreError::Refused { .. } | StoreError::Unusable { .. } | StoreError::Open { .. })
    );
    by_collector || by_store || error.is::<NotTaken>()
}

fn answer_here<T>(
    store: &dyn Store,
    config: &Config,
    answer: impl FnOnce(&Sources<'_>) -> Result<T, RequestError>,
) -> Result<T, Failure> {
    let answer = cached(store, |store| answer(&Sources { store, config, now_ms: now_ms() }));
    answer.map_err(|error| match error {
        RequestError::Invalid(_) | RequestError::Configuration(_) => usage(error),
        _ => Failure::Runtime(error.into()),
    })
}

/// The fields of a request that are not null, as names and values.
fn query<R: Request>(request: &R) -> anyhow::Result<Vec<(String, String)>> {
    let fields = serde_json::to_value(request).context("a request is JSON")?;
    let fields = fields.as_object().cloned().unwrap_or_default().into_iter();
    Ok(fields
        .filter_map(|(name, value)| match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        })
        .collect())
}
