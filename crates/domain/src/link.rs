//! Where a care context stands with ABDM.
//!
//! ```text
//! unlinked --ready--> waiting --call sent--> linking --ABDM: yes--> linked
//!     ^                  ^  ^                   |  |
//!     +--no longer ready-+  +--may pass later---+  +--ABDM: no----> failed
//! ```
//! A 202 leaves it `linking`: only a callback makes it `linked`.

use abdm::id::HiType;
use jiff::Timestamp;

use crate::problem::Problem;
use crate::reference::PatientRef;
use crate::words;

/// The state that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Nothing to ask: held, withdrawn, no ABHA address, or no valid record.
    Unlinked,
    /// Not asked to link yet; will be by itself.
    Waiting,
    /// The link call was made and is not answered.
    Linking,
    /// ABDM said so.
    Linked,
    /// Refused; asked again only on request or after a change.
    Failed,
}

words!(LinkState, "link state": Unlinked = "unlinked", Waiting = "waiting", Linking = "linking", Linked = "linked", Failed = "failed");

/// A care context's standing with ABDM.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Which of the five.
    pub state: LinkState,
    /// ABDM's last refusal, or why it waits.
    pub error: Option<Problem>,
    /// When to look at it again, if it waits for a time.
    pub due_at: Option<Timestamp>,
    /// The HI types that ABDM has linked.
    pub linked_types: Vec<HiType>,
    /// Under which patient's reference ABDM has linked it, if that patient was merged into another since. A link cannot
    /// be changed at ABDM (its FAQ), so whatever is said of it later names the patient so.
    pub linked_as: Option<PatientRef>,
}

/// A step that the state does not allow. It changes nothing: a late or repeated message meets it every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a care context that is {from} cannot become {to}")]
pub struct InvalidTransition {
    /// Where it is.
    pub from: LinkState,
    /// Where it was to go.
    pub to: LinkState,
}

impl Link {
    /// A visit that was just stored.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: LinkState::Unlinked,
            error: None,
            due_at: None,
            linked_types: Vec::new(),
            linked_as: None,
        }
    }

    /// There is something to ask, and nothing stands in its way but time.
    #[must_use]
    pub fn wait(self, error: Option<Problem>, due_at: Option<Timestamp>) -> Self {
        Self { state: LinkState::Waiting, error, due_at, ..self }
    }

    /// A linked visit whose new HI type is not linked yet: it stays linked, and is looked at again at `due_at`, or,
    /// without, only on request or after a change.
    #[must_use]
    pub fn stay(self, error: Option<Problem>, due_at: Option<Timestamp>) -> Self {
        Self { error, due_at, ..self }
    }

    /// There is nothing to ask (any more). What ABDM has linked stays linked.
    #[must_use]
    pub fn rest(self) -> Self {
        match self.state {
            LinkState::Linked => self,
            _ => Self { state: LinkState::Unlinked, error: None, due_at: None, ..self },
        }
    }

    /// The link call goes out. A linked visit that gains an HI type is asked for again and stays linked.
    ///
    /// # Errors
    /// If it did not wait for that.
    pub fn ask(self) -> Result<Self, InvalidTransition> {
        match self.state {
            LinkState::Waiting | LinkState::Linking => {
                Ok(Self { state: LinkState::Linking, error: None, due_at: None, ..self })
            }
            LinkState::Linked => Ok(self),
            from => Err(InvalidTransition { from, to: LinkState::Linking }),
        }
    }

    /// ABDM has linked these types.
    #[must_use]
    pub fn confirm(self, types: &[HiType]) -> Self {
        let mut linked_types = self.linked_types.clone();
        linked_types.extend(types);
        linked_types.sort_unstable_by_key(|hi_type| hi_type.as_str());
        linked_types.dedup();
        Self { state: LinkState::Linked, error: None, due_at: None, linked_types, ..self }
    }

    /// The same link, which ABDM has under this patient's reference though the visit is `owner`'s.
    #[must_use]
    pub fn known_under(self, reference: PatientRef, owner: &PatientRef) -> Self {
        Self { linked_as: Some(reference).filter(|reference| reference != owner), ..self }
    }

    /// Under which patient's reference ABDM knows the visit, or shall know it.
    #[must_use]
    pub fn patient<'a>(&'a self, owner: &'a PatientRef) -> &'a PatientRef {
        self.linked_as.as_ref().filter(|_| !self.linked_types.is_empty()).unwrap_or(owner)
    }

    /// ABDM refused for good.
    ///
    /// # Errors
    /// If ABDM has linked it before: a later refusal does not unlink.
    pub fn fail(self, error: Problem) -> Result<Self, InvalidTransition> {
        match self.state {
            LinkState::Linked => Err(InvalidTransition { from: LinkState::Linked, to: LinkState::Failed }),
            _ => Ok(Self { state: LinkState::Failed, error: Some(error), due_at: None, ..self }),
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Problem {
            code: "ABDM-1038".into(),
            message: "mismatch".into(),
            explanation: "The token is another patient's.".into(),
            at: Timestamp::UNIX_EPOCH,
            until: None,
        }
    }

    #[test]
    fn a_visit_is_linked_only_after_it_was_asked_and_confirmed() {
        let link = Link::new().wait(None, None).ask().unwrap();
        assert_eq!(link.state, LinkState::Linking);
        let link = link.confirm(&[HiType::Prescription, HiType::OPConsultation, HiType::Prescription]);
        assert_eq!((link.state, link.linked_types.len()), (LinkState::Linked, 2));
    }

    #[test]
    fn nothing_unlinks_what_abdm_has_linked() {
        let linked = Link::new().wait(None, None).ask().unwrap().confirm(&[HiType::Prescription]);
        assert!(linked.clone().fail(problem()).is_err());
        assert_eq!(linked.clone().rest(), linked);
    }

    #[test]
    fn a_visit_that_does_not_wait_is_not_asked_for() {
        assert!(Link::new().ask().is_err());
        assert!(Link::new().fail(problem()).unwrap().ask().is_err());
    }
}
