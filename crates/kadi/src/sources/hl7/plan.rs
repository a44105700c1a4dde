//! What a message asks for, before anything of it is looked up: a patient, visits, and what becomes of their records.

use abdm::id::HiType;
use domain::care_context::VisitDate;
use domain::reference::CareContextRef;
use jiff::Timestamp;
use serde_json::Value;

use super::fault::Notice;
use super::patient::Person;

/// A message that can be taken.
#[derive(Clone)]
pub struct Plan {
    /// Whose it is.
    pub person: Person,
    /// Its visits, each with its changes.
    pub visits: Vec<VisitPlan>,
    /// What the sender should know though the message is taken.
    pub notices: Vec<Notice>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Equal for equal messages.
    pub digest: String,
}

/// A visit that records are reported to.
#[derive(Clone)]
pub struct VisitPlan {
    /// Its reference.
    pub reference: CareContextRef,
    /// When it was, if it is not stored yet.
    pub date: VisitDate,
    /// What the patient's app shows, if it is not stored yet.
    pub display: String,
    /// What is reported.
    pub changes: Vec<Change>,
}

/// What becomes of one record.
#[derive(Clone)]
pub struct Change {
    /// What was reported on: order and service, or the document's number. A later report of the same replaces this one.
    pub subject: String,
    /// The record's content; `None` if the sender took it back.
    pub content: Option<Content>,
    /// The place in the message that it was made from.
    pub place: (&'static str, u32),
}

/// A record to be built.
#[derive(Clone)]
pub struct Content {
    /// Its type.
    pub hi_type: HiType,
    /// Its clinical JSON.
    pub data: Value,
    /// Whether its date is only the message's, which does not make an equal report another one.
    pub dated_by_message: bool,
}

impl Content {
    /// The text by which an equal report is known.
    pub fn sameness(&self) -> String {
        let mut data = self.data.clone();
        if let Some(members) = data.as_object_mut().filter(|_| self.dated_by_message) {
            members.shift_remove("authoredOn");
        }
        format!("{}\0{data}", self.hi_type)
    }
}

/// Shows where records go, and nothing of what they say.
impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let visits: Vec<_> = self.visits.iter().map(|visit| &visit.reference).collect();
        f.debug_struct("Plan")
            .field("visits", &visits)
            .field("notices", &self.notices)
            .finish_non_exhaustive()
    }
}
