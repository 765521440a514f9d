//! The collector at work: opens the data directory and answers on a listener until told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::data_dir::{self, Lock};
use crate::store::{self, Store};
use crate::time::{millis, now_ms};
use crate::tokens::Tokens;
use crate::web::{Collector, router};

/// A collector that runs in this process.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
    retention: Option<JoinHandle<()>>,
    _lock: Lock,
}

impl Server {
    /// The address that other programs on this machine use.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops taking connections, finishes the requests under way and gives the directory up.
    pub async fn stop(self) -> anyhow::Result<()> {
        // The other side has gone only if the server has failed, and then the task says why.
        let _ = self.stop.send(());
        self.retention.inspect(JoinHandle::abort);
        self.task.await?.context("the server failed")
    }
}

/// Opens the store in `data` and listens; port 0 is any free port. With `keep`, older data is deleted.
pub async fn start(
    data: &Path,
    listen: &str,
    keep: Option<Duration>,
) -> anyhow::Result<(Server, Arc<Collector>)> {
    let lock = data_dir::lock(data)?;
    let store = Arc::new(store::open(data)?);
    let collector = Arc::new(Collector::new(store, Tokens::of(data))?);
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let app = router(Arc::clone(&collector));
    let task = tokio::spawn(async move {
        let stopped = async move { drop(stopped.await) };
        axum::serve(listener, app).with_graceful_shutdown(stopped).await
    });
    let retention = keep.map(|keep| tokio::spawn(retain(Arc::clone(&collector.store), keep)));
    Ok((Server { address, stop, task, retention, _lock: lock }, collector))
}

/// Old data is looked for so often.
const RETENTION_CHECK: Duration = Duration::from_secs(3600);

/// Deletes what is older than `keep`, now and every hour, until its task is ended.
async fn retain(store: Arc<dyn Store>, keep: Duration) {
    loop {
        let shared = Arc::clone(&store);
        let before_ms = now_ms().saturating_sub(millis(keep));
        let deleted = tokio::task::spawn_blocking(move || shared.delete_before(before_ms)).await;
        match deleted {
            Ok(Ok(0)) => {}
            Ok(Ok(samples)) => tracing::info!(samples, "deleted what is older than the retention"),
            Ok(Err(error)) => tracing::error!("cannot delete old data: {:#}", anyhow::Error::from(error)),
            Err(error) => tracing::error!("cannot delete old data: {error}"),
        }
        tokio::time::sleep(RETENTION_CHECK).await;
    }
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
