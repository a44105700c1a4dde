//! What a failure means for the call that met it.

use abdm::error::{Delivery, Failure, Retry};
use domain::exchange::{Direction, ExchangeState};
use domain::problem::Problem;
use jiff::Timestamp;
use store::Exchange;

use super::{Ctx, Result};

/// What to do after a call that ABDM knows again by its content: a reply, a link, a notify.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// ABDM has it.
    Done,
    /// It may pass later.
    Again(&'a Failure),
    /// It never will.
    Refused(&'a Failure),
}

/// Judges the outcome of such a call. "Already done" is done.
pub(super) fn judge(outcome: &Result<(), Failure>) -> Verdict<'_> {
    let Err(failure) = outcome else { return Verdict::Done };
    match failure.retry {
        Retry::AlreadyDone => Verdict::Done,
        Retry::Never | Retry::TokenInvalid => Verdict::Refused(failure),
        _ => Verdict::Again(failure),
    }
}

/// Whether ABDM may have acted on a call that failed.
pub(super) fn may_have_acted(failure: &Failure) -> bool {
    failure.delivery == Delivery::Unknown || failure.status.is_some_and(|status| status >= 500)
}

/// When to try again: at the time ABDM named, or after the usual wait, which grows with each attempt.
pub(super) fn due_at(ctx: &Ctx<'_>, failure: &Failure, attempts: u32, now: Timestamp) -> Timestamp {
    match failure.retry {
        // The session has been dropped; the next attempt gets a new one.
        Retry::RefreshSession if attempts <= 1 => now,
        Retry::After(wait) | Retry::Blocked(wait) => now + wait,
        _ => ctx.retry_at(now, attempts),
    }
}

/// A word for the journal of attempts.
pub(super) fn word(failure: &Failure) -> String {
    match (&failure.code, failure.status, failure.delivery) {
        (Some(code), _, _) => code.clone(),
        (None, Some(status), _) => status.to_string(),
        (None, None, Delivery::NotSent) => "not sent".to_owned(),
        (None, None, _) => "no answer".to_owned(),
    }
}

/// A failure as the API and the console show it.
#[must_use]
pub fn problem(failure: &Failure, at: Timestamp) -> Problem {
    Problem {
        code: word(failure),
        message: failure.message.clone().unwrap_or_default(),
        explanation: failure.explanation.clone(),
        at,
        until: failure.not_before(at),
    }
}

/// What to say of an exchange that nobody answered.
#[must_use]
pub fn silence(exchange: &Exchange, at: Timestamp) -> Problem {
    let explanation = match (exchange.direction, exchange.state) {
        (Direction::In, _) => {
            "ABDM asked and our reply has not been accepted yet. If ABDM can be reached, replay the exchange."
        }
        (Direction::Out, ExchangeState::Sent) => {
            "The call has not been accepted yet: ABDM does not answer or refuses. It is tried again by itself."
        }
        (Direction::Out, _) => {
            "ABDM accepted the call and never called back. The likeliest cause is a wrong HIP id: compare \
             the facility's hipId with the service id that the gateway lists for it. Another is a bridge URL \
             that no longer leads here."
        }
    };
    Problem {
        code: "overdue".to_owned(),
        message: "No answer in time".to_owned(),
        explanation: explanation.to_owned(),
        at,
        until: None,
    }
}
