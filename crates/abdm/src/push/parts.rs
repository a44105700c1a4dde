//! A body in several pieces, of a length that is known.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A page in pieces, as they lie in memory: put together, a page with a large record would be held twice. It is sent with
/// its length, not in chunks.
#[derive(Default)]
pub struct Parts {
    pieces: VecDeque<Bytes>,
    length: u64,
    /// Asked by whoever has the body, one at a time: the lock is never waited for.
    gate: Option<Mutex<Gate>>,
}

type Gate = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The gate said no: nothing of the body has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page was held back")]
pub struct HeldBack;

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("length", &self.length)
            .field("gated", &self.gate.is_some())
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// The body that these pieces are, one after the other.
    pub fn new(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let length = pieces.iter().map(|part| part.len() as u64).sum();
        Self { pieces, length, gate: None }
    }

    /// The same behind a gate: once the connection stands and the body is wanted, `gate` is asked, and if it says no, nothing
    /// of it leaves and the request fails.
    #[must_use]
    pub fn behind(mut self, gate: impl Future<Output = bool> + Send + 'static) -> Self {
        self.gate = Some(Mutex::new(Box::pin(gate)));
        self
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
    type Error = HeldBack;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HeldBack>>> {
        if let Some(gate) = &mut self.gate {
            let gate = gate.get_mut().unwrap_or_else(PoisonError::into_inner);
            match gate.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(false) => return Poll::Ready(Some(Err(HeldBack))),
                Poll::Ready(true) => self.gate = None,
            }
        }
        let part = self.pieces.pop_front();
        self.length -= part.as_ref().map_or(0, |part| part.len() as u64);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

impl From<Parts> for reqwest::Body {
    fn from(mut parts: Parts) -> Self {
        match parts.pieces.len() {
            // One that can be sent again on another connection.
            0 | 1 if parts.gate.is_none() => parts.pieces.pop_front().unwrap_or_default().into(),
            _ => Self::wrap(parts),
        }
    }
}

impl From<Bytes> for Parts {
    fn from(part: Bytes) -> Self {
        Self::new([part])
    }
}
