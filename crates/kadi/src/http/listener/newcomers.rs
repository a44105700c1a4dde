//! Connections on which no whole request has arrived. Whoever only opens connections pushes out its own oldest ones; a
//! peer that speaks at once needs a few round trips, and is known before that reaches it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The newcomers of a listener, oldest first.
#[derive(Debug)]
pub(super) struct Newcomers {
    most: usize,
    waiting: Mutex<VecDeque<Tokens>>,
}

/// How a newcomer's connection and the rest hear of each other.
#[derive(Debug, Clone)]
struct Tokens {
    known: CancellationToken,
    out: CancellationToken,
}

/// One newcomer; no more counted once it is dropped.
#[derive(Debug)]
pub(super) struct Newcomer {
    tokens: Tokens,
}

impl Newcomers {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, waiting: Mutex::new(VecDeque::new()) }
    }

    /// One more. If that is one too many, the oldest goes.
    pub(super) fn enter(&self) -> Newcomer {
        let tokens = Tokens { known: CancellationToken::new(), out: CancellationToken::new() };
        let mut waiting = self.waiting();
        waiting.retain(|tokens| !tokens.known.is_cancelled());
        while waiting.len() >= self.most {
            if let Some(oldest) = waiting.pop_front() {
                oldest.out.cancel();
            }
        }
        waiting.push_back(tokens.clone());
        Newcomer { tokens }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Tokens>> {
        // Nothing that holds the lock can leave it half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newcomer {
    /// A whole request has arrived.
    pub(super) fn is_now_known(&self) {
        self.tokens.known.cancel();
    }

    pub(super) fn is_known(&self) -> bool {
        self.tokens.known.is_cancelled()
    }

    /// Ends, with the reason, when it has to go; never once it is known.
    pub(super) async fn leave(&self, patience: Duration) -> &'static str {
        let in_time = tokio::time::timeout(patience, self.tokens.known.cancelled());
        tokio::select! {
            biased;
            known = in_time => match known {
                Ok(()) => std::future::pending().await,
                Err(_) => "too slow",
            },
            () = self.tokens.out.cancelled() => "others came",
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        // From now on it is passed over; the next who enters takes it off the list.
        self.tokens.known.cancel();
    }
}
