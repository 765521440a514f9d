//! The server's connections: HTTP/1.1 only, each with a place of its own and a deadline for whatever it waits for.
//!
//! Agents, panels, Grafana, Prometheus and Telegraf speak HTTP/1.1. HTTP/2 would want the same deadlines a second time,
//! for streams that share a connection (`docs/adr/0026-connections-have-deadlines-and-give-way.md`).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Server;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsConfig;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use tokio::net::TcpStream;

use super::places::Places;
use super::watched_service::WatchedService;
use super::watched_stream::Watched;

/// Longest head of a request, and what a connection keeps for reading: a query of 8 KiB in an address, every byte of it
/// escaped, beside thirty other headers.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// A peer that says nothing is asked whether it is still there after this,
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// this often,
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
/// so many times.
const KEEPALIVE_TRIES: u32 = 4;

/// An acceptor that gives each connection a place, and closes those for which there is none.
#[derive(Debug, Clone)]
pub(super) struct Bounded<A> {
    inner: A,
    places: Arc<Places>,
}

/// The same server for HTTP/1.1 only, with connections in these places.
pub(super) fn bounded<L: axum_server::Address, A>(
    server: Server<L, A>,
    places: Arc<Places>,
) -> Server<L, Bounded<A>> {
    let mut server = server.http1_only();
    server.http_builder().http1().max_buf_size(MAX_HEAD_BYTES);
    server.map(|inner| Bounded { inner, places })
}

/// The same certificate, offered for HTTP/1.1 only.
pub(super) fn without_http2(tls: &RustlsConfig) {
    let mut config = rustls::ServerConfig::clone(&tls.get_inner());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls.reload_from_config(Arc::new(config));
}

impl<A, S> Accept<TcpStream, S> for Bounded<A>
where
    A: Accept<Watched<TcpStream>, WatchedService<S>, Future: Send + 'static>,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let peer = stream.peer_addr().ok().map(|address| address.ip());
        let Some(place) = self.places.enter(peer) else {
            return Box::pin(async { Err(io::Error::other("too many connections")) });
        };
        // Where this is not possible the deadlines alone have to do.
        if let Err(error) = kept_alive(&stream) {
            tracing::debug!("a connection is not watched by TCP: {error}");
        }
        let service = WatchedService::new(service, place.connection());
        Box::pin(self.inner.accept(Watched::new(stream, place), service))
    }
}

/// Has TCP notice a peer that is gone without a word, such as a node that lost its power.
fn kept_alive(stream: &TcpStream) -> io::Result<()> {
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, KEEPALIVE_AFTER)?;
    set_tcp_keepintvl(stream, KEEPALIVE_EVERY)?;
    Ok(set_tcp_keepcnt(stream, KEEPALIVE_TRIES)?)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::Router;
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use axum_server::Handle;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::connection::Deadlines;
    use super::*;
    use crate::load::Load;

    /// As the server's, only shorter, so that a test waits for them.
    fn short() -> Deadlines {
        let milliseconds = Duration::from_millis;
        Deadlines {
            head: milliseconds(100),
            idle: milliseconds(200),
            body: milliseconds(100),
            answer: milliseconds(200),
            ..Deadlines::default()
        }
    }

    type Counter = fn(&Load) -> &AtomicU64;

    struct Running {
        address: SocketAddr,
        load: Arc<Load>,
        handle: Handle<SocketAddr>,
    }

    impl Drop for Running {
        fn drop(&mut self) {
            self.handle.shutdown();
        }
    }

    fn start(most: usize, deadlines: Deadlines) -> Running {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, handle, load) = (listener.local_addr().unwrap(), Handle::new(), Arc::<Load>::default());
        let places = Places::new(most, deadlines, Arc::clone(&load));
        let server = bounded(axum_server::from_tcp(listener).unwrap().handle(handle.clone()), places);
        let large = || async { vec![b'x'; 64 * 1024 * 1024] };
        let app = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/body", post(|body: Bytes| async move { body.len().to_string() }))
            .route("/large", get(large));
        tokio::spawn(server.serve(app.into_make_service()));
        Running { address, load, handle }
    }

    async fn connect(to: &Running, says: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(to.address).await.unwrap();
        stream.write_all(says).await.unwrap();
        stream
    }

    /// All that comes until the other end closes.
    async fn rest(mut stream: TcpStream) -> String {
        let mut all = Vec::new();
        let mut some = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut some).await {
            all.extend_from_slice(&some[..length]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    async fn is_served(by: &Running) -> bool {
        let stream = connect(by, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        rest(stream).await.ends_with("here")
    }

    fn said(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn whoever_leaves_something_undone_is_closed_in_the_end() {
        let server = start(100, short());
        let unfinished: [(&[u8], Counter); 7] = [
            (b"", |load| &load.head_timeouts),
            (b"P", |load| &load.head_timeouts),
            (b"PRI * HTTP", |load| &load.head_timeouts),
            (b"GET / HTTP/1.1\r\nhost: x\r\n", |load| &load.head_timeouts),
            (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", |load| &load.idle_timeouts),
            (b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nm", |load| &load.body_timeouts),
            (b"POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nm\r\n", |load| {
                &load.body_timeouts
            }),
        ];
        for (says, counter) in unfinished {
            let before = said(counter(&server.load));
            rest(connect(&server, says).await).await;
            assert_eq!(said(counter(&server.load)), before + 1, "{}", String::from_utf8_lossy(says));
        }
    }

    #[tokio::test]
    async fn http_2_is_not_spoken() {
        let server = start(100, Deadlines::default());
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let answer = rest(connect(&server, preface).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let server = start(100, short());
        let _not_read = connect(&server, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        while said(&server.load.answer_timeouts) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(is_served(&server).await);
    }

    #[tokio::test]
    async fn silent_connections_and_hanging_bodies_give_way_to_whoever_has_a_request() {
        let server = start(8, Deadlines::default());
        let mut hanging = Vec::new();
        let body: &[u8] = b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nm";
        for says in [b"", body].into_iter().cycle().take(100) {
            hanging.push(connect(&server, says).await);
        }
        assert!(is_served(&server).await);
        assert!(said(&server.load.shed) >= 93, "{:?}", server.load);
        assert!(said(&server.load.connections) <= 8, "{:?}", server.load);
    }
}
