//! A connection's bytes, below the encryption: whatever waits for the client waits until a deadline at most.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::Connection;
use super::places::Place;

/// A stream that fails when its connection's time is over or its place was given to another.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    connection: Arc<Connection>,
    reading: Alarm,
    writing: Alarm,
    /// Given back with the stream.
    _place: Place,
}

impl<S> Watched<S> {
    /// The stream of the connection that has this place.
    pub(super) fn new(stream: S, place: Place) -> Self {
        let connection = place.connection();
        Self { stream, connection, reading: Alarm::default(), writing: Alarm::default(), _place: place }
    }

    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        length: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = written else {
            let Self { connection, writing, .. } = self;
            let error = ready!(writing.poll(context, |now, waker| connection.writing_until(now, waker)));
            return Poll::Ready(Err(error));
        };
        if let Ok(bytes) = written {
            self.connection.departed(bytes, bytes == length);
        }
        Poll::Ready(written)
    }
}

/// Wakes a task when a deadline is over.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready with the reason when the deadline is over, which is asked for each time.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        until: impl Fn(Instant, &Waker) -> io::Result<Option<Instant>>,
    ) -> Poll<io::Error> {
        loop {
            let deadline = match until(Instant::now(), context.waker()) {
                Err(error) => return Poll::Ready(error),
                Ok(None) => return Poll::Pending,
                Ok(Some(deadline)) => deadline,
            };
            let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            sleep.as_mut().reset(deadline);
            ready!(sleep.as_mut().poll(context));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, connection, reading, .. } = &mut *self;
        connection.still_here()?;
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(stream).poll_read(context, buffer) {
            connection.arrived(buffer.filled().len() - before);
            return Poll::Ready(read);
        }
        let error = ready!(reading.poll(context, |now, waker| connection.reading_until(now, waker)));
        Poll::Ready(Err(error))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.still_here()?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, bytes.len(), context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.still_here()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written, slices.iter().map(|slice| slice.len()).sum(), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
