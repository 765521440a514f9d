//! The collector's page in the browser: who may see it ([`Door`]), and what there is to see.
//!
//! A page is a file with a handler, a line in [`routes`] and, if it stands in the navigation, one in `layout.rs`. It
//! asks for its figures by [`Page::read`], writes them with `figure.rs` and `chart.rs`, and puts them into a frame of
//! `layout.rs`. What of it moves stands in slots, which `live.rs` sends to every viewer from one reading.
//!
//! Invariants: all that is shown is escaped by `maud`, or made here of numbers; nothing is loaded from elsewhere, and no
//! style or script stands in a page (the policy in `answer.rs` would not let it run). All works without script.

mod answer;
mod assets;
mod attempts;
mod cells;
mod chart;
mod cluster;
mod door;
mod figure;
mod history;
mod hour;
mod layout;
mod live;
mod login;
mod node;
pub mod panel;
mod picture;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use picollect_analysis::request::{RequestError, Sources};
use picollect_config::Config;
use picollect_settings::time::now_ms;
use picollect_store::{Store, cached};
use picollect_telemetry::summary::Summary;
use picollect_tokens::Tokens;
use tokio::sync::Semaphore;

pub use self::door::Door;

use self::answer::Failure;
use self::attempts::Attempts;
use self::live::Live;
use self::picture::Pictures;

/// So many pages read the store at the same time; the others wait for their turn.
const READERS: usize = 3;

/// What the pages ask of the collector.
pub trait Site: Send + Sync + 'static {
    /// Where samples are.
    fn store(&self) -> &dyn Store;
    /// The configuration.
    fn config(&self) -> &Config;
    /// Who may see what.
    fn tokens(&self) -> &Tokens;
    /// The cluster in a few figures. Fails if the store cannot be read.
    fn summary(&self) -> Result<Summary, RequestError>;
    /// Who is let in.
    fn door(&self) -> &Door;
}

/// What all requests for pages share.
pub(crate) struct Page {
    pub(crate) site: Arc<dyn Site>,
    pub(crate) live: Live,
    pub(crate) pictures: Pictures,
    pub(crate) attempts: Attempts,
    readers: Semaphore,
}

impl Page {
    fn new(site: Arc<dyn Site>) -> Self {
        let live = Live::new(site.door().most_streams);
        let (pictures, attempts) = (Pictures::default(), Attempts::default());
        Self { site, live, pictures, attempts, readers: Semaphore::new(READERS) }
    }

    /// Reads the store for a page, on a thread where that may take its time.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Sources<'_>) -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, Failure> {
        let _turn = self.readers.acquire().await.map_err(Failure::internal)?;
        let page = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let (site, now_ms) = (&page.site, now_ms());
            cached(site.store(), |store| ask(&Sources { store, config: site.config(), now_ms }))
        });
        Ok(read.await.map_err(Failure::internal)??)
    }
}

/// The pages, around what else the collector answers: whatever it would refuse to a browser that is not logged in leads
/// that browser to the login.
pub fn around(site: Arc<dyn Site>, others: Router) -> Router {
    let page = Arc::new(Page::new(site));
    let pages = routes()
        .layer(middleware::from_fn(answer::compressed))
        .layer(middleware::from_fn_with_state(Arc::clone(&page), door::guard))
        .layer(middleware::from_fn(answer::protected))
        .with_state(Arc::clone(&page));
    others.merge(pages).layer(middleware::from_fn_with_state(page, visitor::lead_browsers))
}

fn routes() -> Router<Arc<Page>> {
    Router::new()
        .route("/", get(cluster::page))
        .route("/node/{host}", get(node::page))
        .route("/node/{host}/history", get(history::page))
        .route("/live", get(live::stream))
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/session", get(login::session))
        .route("/assets/{name}", get(assets::asset))
}
