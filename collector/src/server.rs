//! The collector at work: opens the data directory and answers on a listener until told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::data_dir::{self, Lock};
use crate::store;
use crate::tokens::Tokens;
use crate::web::{Collector, router};

/// A collector that runs in this process.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
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
        self.task.await?.context("the server failed")
    }
}

/// Opens the store in `data` and listens; port 0 is any free port.
pub async fn start(data: &Path, listen: &str) -> anyhow::Result<(Server, Arc<Collector>)> {
    let lock = data_dir::lock(data)?;
    let store = Arc::new(store::open(data)?);
    let collector = Arc::new(Collector::new(store, Tokens::of(data)));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let app = router(Arc::clone(&collector));
    let task = tokio::spawn(async move {
        let stopped = async move { drop(stopped.await) };
        axum::serve(listener, app).with_graceful_shutdown(stopped).await
    });
    Ok((Server { address, stop, task, _lock: lock }, collector))
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
