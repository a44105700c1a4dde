//! Lanes of the outbox: what leaves by one waits for none of the others.

use crate::wake::Queue;

/// By which way a row of the outbox leaves. Each has workers of its own, so that a receiver that takes its time holds up
/// nobody but others of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Replies to ABDM: a patient waits for them.
    Replies,
    /// What a facility begins itself, at the facility's pace.
    Own,
    /// Transfers. Each takes as long as its receiver.
    Transfers,
    /// Texts to patients. Each takes as long as the SMS provider.
    Texts,
}

impl Lane {
    /// As it stands in the row.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Replies => 0,
            Self::Own => 1,
            Self::Transfers => 2,
            Self::Texts => 3,
        }
    }

    /// Who is woken when there is something in it.
    #[must_use]
    pub fn queue(self) -> Queue {
        match self {
            Self::Replies => Queue::Outbox,
            Self::Own => Queue::Calls,
            Self::Transfers => Queue::Transfers,
            Self::Texts => Queue::Texts,
        }
    }
}
