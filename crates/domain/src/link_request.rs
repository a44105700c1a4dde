//! A patient's own link, from the choice of visits to ABDM's acceptance.
//!
//! ```text
//! sending --provider took the SMS--> sent --right password--> confirmed --on-confirm taken--> linked
//!    |                             |                              |
//!    +--not sent--> failed <--ABHA ended                          +--on-confirm refused--> refused
//! ```
//! A wrong password leaves it `sent`: how many may be wrong is counted for the patient (see [`crate::otp`]). Nothing is
//! linked before ABDM has taken our last word.

use crate::words;

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkRequestState {
    /// The password is on its way to the provider.
    Sending,
    /// The provider took it; the patient's app is told so.
    Sent,
    /// No password went out, or the ABHA ended before one came back. The patient may choose again.
    Failed,
    /// The password was right; ABDM is told what to link.
    Confirmed,
    /// ABDM has taken that.
    Linked,
    /// ABDM has refused it for good.
    Refused,
}

words!(LinkRequestState, "link request state": Sending = "sending", Sent = "sent", Failed = "failed",
    Confirmed = "confirmed", Linked = "linked", Refused = "refused");

/// A step that the state does not allow. A late or repeated message meets it every day; it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link request that is {from} cannot become {to}")]
pub struct InvalidStep {
    /// Where it is.
    pub from: LinkRequestState,
    /// Where it was to go.
    pub to: LinkRequestState,
}

impl LinkRequestState {
    /// The next state.
    ///
    /// # Errors
    /// If there is no such step.
    pub fn step(self, to: Self) -> Result<Self, InvalidStep> {
        let allowed = matches!(
            (self, to),
            (Self::Sending, Self::Sent | Self::Failed)
                | (Self::Sent, Self::Confirmed | Self::Failed)
                | (Self::Confirmed, Self::Linked | Self::Refused)
        );
        if allowed { Ok(to) } else { Err(InvalidStep { from: self, to }) }
    }

    /// Whether the right password was given: another one is another message.
    #[must_use]
    pub fn is_confirmed(self) -> bool {
        matches!(self, Self::Confirmed | Self::Linked | Self::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_linked_but_by_way_of_sms_and_password() {
        for from in LinkRequestState::ALL {
            let next: Vec<_> = LinkRequestState::ALL.iter().filter(|to| from.step(**to).is_ok()).collect();
            let expected: &[LinkRequestState] = match from {
                LinkRequestState::Sending => &[LinkRequestState::Sent, LinkRequestState::Failed],
                LinkRequestState::Sent => &[LinkRequestState::Failed, LinkRequestState::Confirmed],
                LinkRequestState::Confirmed => &[LinkRequestState::Linked, LinkRequestState::Refused],
                _ => &[],
            };
            assert_eq!(next, expected.iter().collect::<Vec<_>>(), "{from}");
        }
    }
}
