//! Whom a request is asked of: the store on this machine, or a collector elsewhere. Both answer with the same text.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use picollect_analysis::request::{Answer, AskError, Question, Sources};
use picollect_config::Config;
use picollect_config::store_spec::{StoreOptions, StoreSpec};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::time::now_ms;
use picollect_store::{Store, cached};

use crate::{Client, Target};

/// Whom to ask.
#[derive(Debug, Clone, Args)]
pub struct AskOptions {
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

impl AskOptions {
    /// Opens the store, or makes a client that connects when it is first asked.
    pub fn open(&self) -> Result<Source, Failure> {
        let Some(url) = self.collector.clone() else { return self.open_here() };
        let (token_file, ca_file) = (self.token_file.clone(), self.ca_file.clone());
        Ok(Source::There(Client::new(&Target { url, token_file, ca_file }).map_err(usage)?))
    }

    fn open_here(&self) -> Result<Source, Failure> {
        let (store, config) = self.store.open()?;
        Ok(Source::Here(store, Box::new(config)))
    }

    /// What can only be done where the data is.
    pub fn here(&self) -> Result<Here, Failure> {
        if let Some(url) = &self.collector {
            return Err(usage(anyhow!("this is done where the data is, on the machine of `{url}`")));
        }
        let config = self.store.read()?;
        Ok(Here { data: self.store.directory()?, spec: self.store.spec(&config)?, config })
    }

    /// The data directory of this machine; of an asked collector's own nothing is known.
    pub fn directory(&self) -> anyhow::Result<PathBuf> {
        self.store.directory()
    }
}

/// The data of this machine, not opened yet.
pub struct Here {
    /// The data directory.
    pub data: PathBuf,
    /// The store.
    pub spec: StoreSpec,
    /// The configuration.
    pub config: Config,
}

/// Where answers come from.
pub enum Source {
    /// A store that this machine opens itself.
    Here(Arc<dyn Store>, Box<Config>),
    /// A collector.
    There(Client),
}

impl Source {
    /// Asks.
    pub fn ask<Q: Question>(&self, question: &Q) -> Result<Answer, Failure> {
        match self {
            Self::Here(store, config) => {
                let answer = cached(store.as_ref(), |store| {
                    question.answer(&Sources { store, config, now_ms: now_ms() })
                });
                answer.map_err(|error| match error {
                    AskError::Question(_) => usage(error),
                    _ => Failure::Runtime(error.into()),
                })
            }
            Self::There(client) => Ok(client.ask(Q::PATH, &query(question)?)?),
        }
    }

    /// Adds lines to the store.
    pub fn write(&self, lines: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Here(store, _) => {
                let batch = picollect_telemetry::line::decode(
                    lines,
                    picollect_telemetry::line::Precision::Nanoseconds,
                    now_ms(),
                );
                store.append(&batch.points)?;
                Ok(())
            }
            Self::There(client) => Ok(client.write(lines)?),
        }
    }
}

/// The fields of a question that are not null, as names and values.
fn query<Q: Question>(question: &Q) -> anyhow::Result<Vec<(String, String)>> {
    let fields = serde_json::to_value(question).context("a question is JSON")?;
    let fields = fields.as_object().cloned().unwrap_or_default().into_iter();
    Ok(fields
        .filter_map(|(name, value)| match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        })
        .collect())
}
