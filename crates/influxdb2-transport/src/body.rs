//! What a request sends: bytes, or a stream of them that is gathered first.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};

use crate::Error;

/// The body of a request.
pub struct Body(Content);

enum Content {
    Whole(Vec<u8>),
    Parts(BoxStream<'static, Result<Bytes, Error>>),
}

impl Body {
    /// A stream, which is gathered before anything of it is sent.
    pub fn wrap_stream<S, O, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<O, E>> + Send + 'static,
        O: 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
        Bytes: From<O>,
    {
        Self(Content::Parts(stream.map(|part| part.map(Bytes::from).map_err(Error::of)).boxed()))
    }

    /// All of it; fails only as the stream does.
    pub(crate) async fn whole(self) -> Result<Vec<u8>, Error> {
        let mut parts = match self.0 {
            Content::Whole(bytes) => return Ok(bytes),
            Content::Parts(parts) => parts,
        };
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part?);
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Whole(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        text.to_owned().into()
    }
}
