//! A connection's requests, as far as the connection has to know of them: when a body is awaited, and when an answer is
//! on its way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tower_service::Service;

use super::connection::Connection;

/// A service that tells its connection what it is doing.
#[derive(Debug, Clone)]
pub(super) struct WatchedService<S> {
    service: S,
    connection: Arc<Connection>,
}

impl<S> WatchedService<S> {
    /// This service for the requests of one connection.
    pub(super) fn new(service: S, connection: Arc<Connection>) -> Self {
        Self { service, connection }
    }
}

impl<S, B> Service<http::Request<B>> for WatchedService<S>
where
    S: Service<Request, Response = Response, Future: Send + 'static>,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let connection = &self.connection;
        connection.requested(!request.body().is_end_stream());
        let coming = |body| Watched { body: Body::new(body), ended: Ended::Body(Arc::clone(connection)) };
        let ended = Ended::Answer(Arc::clone(connection));
        let answered = self.service.call(request.map(|body| Body::new(coming(body))));
        Box::pin(async move { Ok(answered.await?.map(|body| Body::new(Watched { body, ended }))) })
    }
}

/// Tells the connection that something has ended when it is dropped.
#[derive(Debug)]
enum Ended {
    Body(Arc<Connection>),
    Answer(Arc<Connection>),
}

impl Drop for Ended {
    fn drop(&mut self) {
        match self {
            Self::Body(connection) => connection.body_ended(),
            Self::Answer(connection) => connection.answered(),
        }
    }
}

/// A body with who is told of its end.
#[derive(Debug)]
struct Watched {
    body: Body,
    ended: Ended,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        // The last frame is the end for who sent it, however long what was received is looked at.
        if self.body.is_end_stream()
            && let Ended::Body(connection) = &self.ended
        {
            connection.body_ended();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
