//! What the parts of a collector share.

use std::sync::Arc;

use picollect_analysis::request::{RequestError, Sources};
use picollect_analysis::summary::Summaries;
use picollect_config::Config;
use picollect_settings::time::now_ms;
use picollect_store::{Store, StoreError, cached};
use picollect_telemetry::summary::Summary;
use tokio::sync::Semaphore;

use crate::alerts::Parts;
use crate::ingest::Ingest;
use crate::readiness::Living;
use crate::tokens::Tokens;

/// Bodies in memory at once; more senders are asked to come back.
const MAX_BODIES: usize = 8;
/// Queries of Prometheus' API under way at once; more of them wait for their turn.
const MAX_QUERIES: usize = 2;
/// What everything in a collector shares: the store, the way in, the tokens and the configuration.
pub struct Collector {
    /// The open store; recording rules and wall meters write to it too.
    pub store: Arc<dyn Store>,
    /// What agents push goes through this, so that it is counted.
    pub ingest: Ingest,
    /// Who may do what.
    pub tokens: Tokens,
    /// The configuration as it was at the start.
    pub config: Config,
    /// PEM: who signed the collector's certificate, where it made that itself.
    pub authority: Option<String>,
    /// What of the alerting fails.
    pub alerting: Parts,
    /// Who has to live as long as this.
    pub(crate) living: Living,
    /// What the summary keeps between two requests.
    summaries: Summaries,
    /// What tells the store from any other.
    pub(crate) store_identity: String,
    /// A permit for each body that may be in memory.
    pub(crate) bodies: Semaphore,
    /// A permit for each query that may be under way.
    pub(crate) queries: Semaphore,
}

impl Collector {
    /// A collector on this store with these tokens and this configuration. Fails if the store cannot say its
    /// identity.
    pub fn new(store: Arc<dyn Store>, tokens: Tokens, config: Config) -> Result<Self, StoreError> {
        let ingest = Ingest::new(Arc::clone(&store));
        let store_identity = store.identity()?;
        let (bodies, queries) = (Semaphore::new(MAX_BODIES), Semaphore::new(MAX_QUERIES));
        let summaries = Summaries::default();
        Ok(Self {
            store,
            ingest,
            tokens,
            config,
            authority: None,
            alerting: Parts::default(),
            living: Living::default(),
            summaries,
            store_identity,
            bodies,
            queries,
        })
    }

    /// The cluster now, in a few figures. Fails if the store cannot be read.
    pub fn summary(&self) -> Result<Summary, RequestError> {
        let config = &self.config;
        cached(self.store.as_ref(), |store| self.summaries.at(&Sources { store, config, now_ms: now_ms() }))
    }
}
