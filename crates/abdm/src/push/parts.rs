//! A body in several pieces, of a length that is known.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A page in pieces, as they lie in memory: put together, a page with a large record would be held twice. It is sent with
/// its length, not in chunks.
#[derive(Debug, Default)]
pub struct Parts {
    parts: VecDeque<Bytes>,
    length: u64,
}

impl Parts {
    /// The body that these pieces are, one after the other.
    pub fn new(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let parts: VecDeque<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let length = parts.iter().map(|part| part.len() as u64).sum();
        Self { parts, length }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.pop_front();
        self.length -= part.as_ref().map_or(0, |part| part.len() as u64);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

impl From<Parts> for reqwest::Body {
    fn from(mut parts: Parts) -> Self {
        match parts.parts.len() {
            // One that can be sent again on another connection.
            0 | 1 => parts.parts.pop_front().unwrap_or_default().into(),
            _ => Self::wrap(parts),
        }
    }
}

impl From<Bytes> for Parts {
    fn from(part: Bytes) -> Self {
        Self::new([part])
    }
}
