//! How many connections there are at once, and how long one may say nothing.
//!
//! Invariant: a connection more than [`MAX_CONNECTIONS`] is closed before a byte of it is read, so that
//! neither memory nor file descriptors run out.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::Server;
use axum_server::accept::Accept;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

/// A thousand nodes have one each; a process may usually have 1,024 files open, the store's among them.
pub(super) const MAX_CONNECTIONS: usize = 900;
/// A connection without a request is closed after this; agents keep theirs for a quarter of it.
const IDLE: Duration = Duration::from_secs(60);

/// An acceptor that turns away what is too many.
#[derive(Debug, Clone)]
pub(super) struct Bounded<A> {
    inner: A,
    free: Arc<Semaphore>,
}

/// The same server with at most `most` connections, none of them idle for ever.
pub(super) fn bounded<L: axum_server::Address, A>(
    mut server: Server<L, A>,
    most: usize,
) -> Server<L, Bounded<A>> {
    server.http_builder().http1().header_read_timeout(IDLE);
    server.map(|inner| Bounded { inner, free: Arc::new(Semaphore::new(most)) })
}

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S, Future: Send + 'static>,
{
    type Stream = A::Stream;
    type Service = Counted<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            tracing::warn!("a connection is refused: there are too many");
            return Box::pin(async { Err(io::Error::other("too many connections")) });
        };
        let accepted = self.inner.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((stream, Counted { service, _permit: Arc::new(permit) }))
        })
    }
}

/// A connection's service, which gives its place back when it is dropped.
#[derive(Debug, Clone)]
pub(super) struct Counted<S> {
    service: S,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<R, S: Service<R>> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, routing::get};
    use axum_server::Handle;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    async fn answer(to: &mut TcpStream) -> io::Result<String> {
        to.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        let mut answer = vec![0; 1024];
        let length = to.read(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed_and_its_place_comes_back() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Handle::new();
        let server = bounded(axum_server::from_tcp(listener).unwrap().handle(handle.clone()), 1);
        let app = Router::new().route("/", get(|| async { "here" })).into_make_service();
        let task = tokio::spawn(server.serve(app));
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(answer(&mut first).await.unwrap().ends_with("here"));
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(!answer(&mut second).await.is_ok_and(|text| text.ends_with("here")), "it is one too many");
        drop(first);
        let mut tries = 0;
        loop {
            let mut third = TcpStream::connect(address).await.unwrap();
            if answer(&mut third).await.is_ok_and(|text| text.ends_with("here")) {
                break;
            }
            tries += 1;
            assert!(tries < 1000, "the place never came back");
            tokio::task::yield_now().await;
        }
        handle.shutdown();
        task.await.unwrap().unwrap();
    }
}
