//! What the parts of a collector share.

use std::sync::Arc;

use picollect_analysis::request::{RequestError, Sources};
use picollect_analysis::summary::Summaries;
use picollect_config::Config;
use picollect_page::{Door, Site};
use picollect_settings::time::now_ms;
use picollect_store::{Store, StoreError, cached};
use picollect_telemetry::summary::Summary;
use tokio::sync::Mutex;

use crate::alerts::Parts;
use crate::ingest::Ingest;
use crate::load::Load;
use crate::memory::Memory;
use crate::readiness::Living;
use crate::tokens::Tokens;
use crate::web::ScrapedPages;

/// What everything in a collector shares: the store, the way in, the tokens and the configuration.
pub struct Collector {
    /// The open store; recording rules and wall meters write to it too.
    pub store: Arc<dyn Store>,
    /// What agents push goes through this, so that it is counted.
    pub ingest: Ingest,
    /// Who may do what.
    pub tokens: Tokens,
    /// The configuration as it was at the start, with a query's memory no more than `[limits]` leaves for it.
    pub config: Config,
    /// PEM: who signed the collector's certificate, where it made that itself.
    pub authority: Option<String>,
    /// Whom the page lets in.
    pub door: Door,
    /// What of the alerting fails.
    pub alerting: Parts,
    /// Who has to live as long as this.
    pub(crate) living: Living,
    /// What the summary keeps between two requests.
    summaries: Summaries,
    /// What tells the store from any other.
    pub(crate) store_identity: String,
    /// What requests may take of the process' memory.
    pub(crate) memory: Memory,
    /// What the server had to turn away.
    pub(crate) load: Arc<Load>,
    /// The pages of metrics of this second. Held while one is made, so that it is made once.
    pub(crate) scraped: Mutex<ScrapedPages>,
}

impl Collector {
    /// A collector on this store with these tokens and this configuration. Fails if the store cannot say its
    /// identity.
    pub fn new(store: Arc<dyn Store>, tokens: Tokens, mut config: Config) -> Result<Self, StoreError> {
        let ingest = Ingest::new(Arc::clone(&store)).limited(config.limits);
        let store_identity = store.identity()?;
        // Its values and then its text: each may take what is configured.
        let memory = Memory::new(config.limits.memory_mib(), config.query.max_memory_mib.saturating_mul(2));
        config.query.max_memory_mib = memory.one_query() / 2 / 1024 / 1024;
        let summaries = Summaries::default();
        let door = Door::called(config.page.hosts.clone());
        Ok(Self {
            store,
            ingest,
            tokens,
            config,
            authority: None,
            door,
            alerting: Parts::default(),
            living: Living::default(),
            summaries,
            store_identity,
            memory,
            load: Arc::default(),
            scraped: Mutex::default(),
        })
    }

    /// The cluster now, in a few figures. Fails if the store cannot be read.
    pub fn summary(&self) -> Result<Summary, RequestError> {
        let config = &self.config;
        cached(self.store.as_ref(), |store| self.summaries.at(&Sources { store, config, now_ms: now_ms() }))
    }
}

impl Site for Collector {
    fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    fn summary(&self) -> Result<Summary, RequestError> {
        self.summary()
    }

    fn door(&self) -> &Door {
        &self.door
    }
}
