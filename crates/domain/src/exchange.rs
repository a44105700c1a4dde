//! An exchange: a call and its callback, either way round.

use crate::words;

/// Who began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We called ABDM.
    Out,
    /// ABDM called us.
    In,
}

words!(Direction, "direction": Out = "out", In = "in");

/// How far an exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExchangeState {
    /// Out: on its way, not accepted yet. In: received, our reply is on its way.
    Sent,
    /// Out: accepted, no callback yet. In: being worked on.
    Waiting,
    /// Finished: out with a callback that says yes, in with a reply that was accepted.
    Answered,
    /// Finished with a no, from ABDM or from us.
    Refused,
    /// Nothing came in time.
    Overdue,
}

words!(ExchangeState, "exchange state": Sent = "sent", Waiting = "waiting", Answered = "answered", Refused = "refused", Overdue = "overdue");

impl ExchangeState {
    /// Whether nothing more is expected.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Answered | Self::Refused)
    }
}
