//! The collector at work: opens the data directory and answers on a listener until told to stop.

mod connection;
mod connections;
mod own_certificate;
mod places;
mod watched_service;
mod watched_stream;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::connection::Deadlines;
use self::connections::{MAX_HEAD_BYTES, bounded, without_http2};
use self::own_certificate::Own;
pub use self::own_certificate::authority_file;
use self::places::{Places, most_connections};
use crate::Collector;
use crate::alerts::{Beating, Watching};
use crate::recording_rules::RecordingRules;
use crate::retention;
use crate::tokens::Tokens;
use crate::wall::poll::Polling;
use crate::web::router;
use picollect_config::data_dir::{self, Lock};
use picollect_config::store_spec::StoreSpec;
use picollect_config::{Config, Retention};
use picollect_settings::files;

/// How to serve, beside what and where.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long the embedded store keeps what.
    pub retention: Retention,
    /// Where the certificate for https comes from; `None` serves plain http.
    pub tls: Option<Tls>,
    /// Where samples lie; `None` is the embedded store in the data directory.
    pub store: Option<StoreSpec>,
    /// Meters at the wall to ask meanwhile, and what reports have to know.
    pub config: Config,
    /// Whether the page is open to everybody who can reach it; for what listens on loopback alone.
    pub open_page: bool,
}

/// Where https' certificate comes from.
#[derive(Debug, Clone)]
pub enum Tls {
    /// The operator's own, which are read once at the start.
    Files {
        /// PEM: the certificate and its chain.
        certificate: PathBuf,
        /// PEM: its private key.
        key: PathBuf,
    },
    /// From an authority that the collector makes for itself in the data directory.
    Own,
}

/// Requests under way get so long to finish.
const GRACE: Duration = Duration::from_secs(5);

/// A collector that runs in this process.
pub struct Server {
    /// Where it listens, with the port that was chosen if it was asked for any.
    pub address: SocketAddr,
    /// `http` or `https`, as its address begins.
    pub scheme: &'static str,
    handle: Handle<SocketAddr>,
    collector: Arc<Collector>,
    task: JoinHandle<std::io::Result<()>>,
    retention: Option<JoinHandle<()>>,
    polling: Polling,
    watching: Watching,
    beating: Option<Beating>,
    publishing: RecordingRules,
    _lock: Lock,
}

impl Server {
    /// The address that other programs on this machine use.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Stops taking connections, finishes the requests under way and gives the directory up.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.collector.door.close();
        self.handle.graceful_shutdown(Some(GRACE));
        self.retention.inspect(JoinHandle::abort);
        drop(self.beating);
        let threads = || {
            self.polling.stop();
            self.watching.stop();
        };
        tokio::task::spawn_blocking(threads).await.context("cannot stop wall meters and alerts")?;
        self.publishing.stop().await;
        self.task.await?.context("the server failed")
    }
}

/// Opens the store in `data` and listens; port 0 is any free port. Fails if another collector serves `data`,
/// or if the store, the address or the certificate cannot be used.
pub async fn start(data: &Path, listen: &str, options: &Options) -> anyhow::Result<(Server, Arc<Collector>)> {
    let lock = data_dir::lock(data)?;
    let spec = options.store.clone().unwrap_or_else(|| StoreSpec::in_directory(data));
    let config = options.config.clone();
    let tokens = config.tokens.clone().map_or_else(|| Tokens::of(data), Tokens::at);
    tokens.begin()?;
    if files::is_open_to_all(data) {
        let name = data.display();
        tracing::warn!("every user of this machine can enter the data directory `{name}`: chmod o= {name}");
    }
    let opened = tokio::task::spawn_blocking(move || Collector::new(spec.open()?, tokens, config));
    let mut collector = opened.await??;
    // An engine has a retention of its own, and says itself what is too old for it.
    if collector.store.maintenance().is_some() {
        collector.ingest = collector.ingest.kept_for(options.retention.hours);
    }
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let (address, listener) = (listener.local_addr()?, listener.into_std()?);
    let tls = match &options.tls {
        Some(Tls::Files { certificate, key }) => Some(load(certificate, key).await?),
        Some(Tls::Own) => {
            let own = Own::of(data, address)?;
            collector.authority = Some(own.authority);
            provide_ciphers();
            Some(RustlsConfig::from_pem(own.certificate.into(), own.key.into()).await?)
        }
        None => None,
    };
    collector.door.https = tls.is_some();
    collector.door.open = options.open_page && address.ip().is_loopback();
    let collector = Arc::new(collector);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let app = router(Arc::clone(&collector)).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let (task_handle, places) = (handle.clone(), places(&collector));
    let task = if let Some(tls) = tls {
        without_http2(&tls);
        let server = axum_server::from_tcp_rustls(listener, tls)?.handle(task_handle);
        tokio::spawn(bounded(server, places).serve(app))
    } else {
        let server = axum_server::from_tcp(listener)?.handle(task_handle);
        tokio::spawn(bounded(server, places).serve(app))
    };
    let said = format!("{scheme}://{address}\n");
    files::replace(&data.join(ADDRESS), said.as_bytes()).context("cannot write down where it listens")?;
    let retained = collector.store.maintenance().map(|_| Arc::clone(&collector.store));
    let retention = retained.map(|store| retention::start(store, options.retention));
    let polling =
        Polling::start(&collector.store, &options.config.wall).context("cannot start the wall meters")?;
    let watching = Watching::start(&collector, data).context("cannot start the alerts")?;
    let beating = Beating::start(&collector).context("cannot start the heartbeat")?;
    let publishing = RecordingRules::start(Arc::clone(&collector));
    let server = Server {
        address,
        scheme,
        handle,
        collector: Arc::clone(&collector),
        task,
        retention,
        polling,
        watching,
        beating,
        publishing,
        _lock: lock,
    };
    Ok((server, collector))
}

/// Where the collector that serves this data directory listens, or the last one that did; for `picollect login`.
const ADDRESS: &str = "address";

/// What the collector of a data directory last listened on: `http://127.0.0.1:8650`. Fails if none ever did.
pub fn address_of(data: &Path) -> std::io::Result<String> {
    let said = files::read_plain(&data.join(ADDRESS))?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// As many places for connections as are configured, open files allow and their buffers have memory for.
fn places(collector: &Collector) -> Arc<Places> {
    let possible = most_connections(collector.memory.division.connections, MAX_HEAD_BYTES);
    let most = collector.config.limits.connections.unwrap_or(possible);
    if most > possible {
        tracing::warn!(
            "[limits] connections = {most}, but the limit on open files and `memory_mib` leave {possible}: so many it is"
        );
    }
    let (connections, memory_mib) = (most.min(possible), collector.config.limits.memory_mib());
    tracing::info!(connections, memory_mib, "bounded");
    Places::new(connections, Deadlines::default(), Arc::clone(&collector.load))
}

async fn load(certificate: &Path, key: &Path) -> anyhow::Result<RustlsConfig> {
    provide_ciphers();
    RustlsConfig::from_pem_file(certificate, key).await.with_context(|| {
        format!("cannot use the certificate `{}` with the key `{}`", certificate.display(), key.display())
    })
}

/// Fails only if a provider was chosen before, and then that one is as good.
fn provide_ciphers() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Returns at SIGINT or SIGTERM.
pub async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
