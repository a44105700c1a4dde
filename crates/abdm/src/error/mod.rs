//! Every failure, refusal or silence in one shape: ABDM's code and words, what happened and what to do in a plain
//! sentence, and whether trying again helps.

mod classify;
mod decode;
mod explain;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use jiff::Timestamp;

use crate::path::Operation;
use crate::wire::error::ReceivedError;

pub use classify::{BLOCKED_FOR, NOT_YET_WAITS, OVERDUE_AFTER, Retry, SESSION_LOCK, TOKEN_WINDOW, classify};
pub use decode::{Decoded, decode, normalise_code};
pub use explain::explain;

/// Why an exchange failed.
///
/// `Display` and `Debug` show nothing that ABDM wrote but its code: its words and the raw body may be personal.
/// The fields are those of [`FailureDetails`]; they are boxed so that a `Result` stays small.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(Box<FailureDetails>);

/// What is known of a [`Failure`].
#[derive(Clone, PartialEq, Eq)]
pub struct FailureDetails {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// ABDM's code, such as `ABDM-1038` or `900901`, without a trailing `": "`.
    pub code: Option<String>,
    /// ABDM's words.
    pub message: Option<String>,
    /// What happened and what to do, in a plain sentence.
    pub explanation: String,
    /// Whether trying again helps.
    pub retry: Retry,
    /// Whether the call can have had an effect.
    pub delivery: Delivery,
    /// `correlation-id` of the answer: ABDM's support asks for it.
    pub correlation_id: Option<String>,
    /// `activityid` of the answer: ABDM's support asks for it.
    pub activity_id: Option<String>,
    /// The body as it came. Keep it sealed.
    pub raw: Vec<u8>,
}

/// Whether a call that failed can have had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It never left, or nobody was there: surely none.
    NotSent,
    /// The other side said no.
    Refused,
    /// It left, and no answer (or none from the one who decides) came: nobody knows.
    Unknown,
}

/// An answer that is no success.
#[derive(Clone, Copy, Default)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// How long the answer's `Retry-After` says to wait.
    pub retry_after: Option<Duration>,
    /// `correlation-id` header.
    pub correlation_id: Option<&'a str>,
    /// `activityid` header.
    pub activity_id: Option<&'a str>,
}

impl Failure {
    /// What an answer means that is no success (or a success whose body says otherwise).
    #[must_use]
    pub fn refused(operation: Operation, answer: Answer<'_>) -> Self {
        let Decoded { code, message } = decode(answer.body);
        let retry = classify(operation, Some(answer.status), code.as_deref(), message.as_deref());
        let explanation = explain(operation, Some(answer.status), code.as_deref(), message.as_deref());
        Self::from(FailureDetails {
            status: Some(answer.status),
            explanation: explanation.into_owned(),
            retry: if retry == Retry::Later { answer.retry_after.map_or(retry, Retry::After) } else { retry },
            delivery: delivery(answer.status),
            correlation_id: answer.correlation_id.map(Into::into),
            activity_id: answer.activity_id.map(Into::into),
            raw: answer.body.to_vec(),
            code,
            message,
        })
    }

    /// No callback came to an accepted call for [`OVERDUE_AFTER`].
    #[must_use]
    pub fn overdue(operation: Operation) -> Self {
        let explanation = match operation.callback() {
            Some(callback) => format!(
                "ABDM accepted the call and never reported the result ({callback}). Most often the HIP id is wrong: \
                 compare it with the service ids that ABDM lists for this bridge. Then check that the registered \
                 bridge address is still yours and can be reached from outside."
            ),
            None => "ABDM did not follow up in time.".to_owned(),
        };
        Self::without_answer(explanation, Retry::Never, Delivery::Unknown)
    }

    /// A failure without an answer.
    #[must_use]
    pub fn without_answer(explanation: impl Into<String>, retry: Retry, delivery: Delivery) -> Self {
        Self::from(FailureDetails {
            status: None,
            code: None,
            message: None,
            explanation: explanation.into(),
            retry,
            delivery,
            correlation_id: None,
            activity_id: None,
            raw: Vec::new(),
        })
    }

    /// The moment before which it is of no use to try again, if that moment is known.
    #[must_use]
    pub fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        let wait = self.retry.wait()?;
        Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }
}

impl From<FailureDetails> for Failure {
    fn from(details: FailureDetails) -> Self {
        Self(Box::new(details))
    }
}

impl Deref for Failure {
    type Target = FailureDetails;

    fn deref(&self) -> &FailureDetails {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut FailureDetails {
        &mut self.0
    }
}

/// What an `error` inside a result callback means.
#[must_use]
pub fn callback_failure(operation: Operation, error: &ReceivedError) -> Failure {
    let code = error.code.as_deref().and_then(normalise_code);
    let (code, message) = (code, error.message.clone());
    let retry = classify(operation, None, code.as_deref(), message.as_deref());
    let explanation = explain(operation, None, code.as_deref(), message.as_deref());
    let mut failure = Failure::without_answer(explanation, retry, Delivery::Refused);
    (failure.code, failure.message) = (code, message);
    failure
}

/// A time-out on the other side leaves open what it had done before.
fn delivery(status: u16) -> Delivery {
    match status {
        408 | 502 | 504 => Delivery::Unknown,
        _ => Delivery::Refused,
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("explanation", &self.explanation)
            .field("retry", &self.retry)
            .field("delivery", &self.delivery)
            .field("correlation_id", &self.correlation_id)
            .field("activity_id", &self.activity_id)
            .field("raw_bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explanation)?;
        match (&self.code, self.status) {
            (Some(code), Some(status)) => write!(f, " ({code}, HTTP {status})"),
            (Some(code), None) => write!(f, " ({code})"),
            (None, Some(status)) => write!(f, " (HTTP {status})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests;
