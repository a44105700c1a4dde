//! Linking by the patient: they search the facility from their app, choose visits, and type a password that came to
//! the mobile which the facility holds.
//!
//! ```text
//! discover ──one patient, unlinked visits──> offered ──init──> [outbox: SMS] ──taken──> on-init ──confirm──>
//!     └── nobody, several, nothing: error          └── error              └── error ABDM-1004
//!
//! ──right──> on-confirm ──202──> linked          ──wrong──> on-confirm with an error; the patient may try again
//! ```
//! Every message is known by an id in its body too: the transaction of discovery and init, the link reference of
//! confirm. The same message under a new `REQUEST-ID` gets the same reply; another one under a taken id is refused
//! when it arrives ([`message_key`]). What happens to a patient happens under their lock, one after the other.
//!
//! Messages of v0.5 are read into those of V3, and replies are kept as those of V3: what differs is written when a reply
//! is sent (see `workers::outbox`).

pub(super) mod confirm;
pub(super) mod discover;
pub mod init;

use abdm::id::{FacilityId, HiType, Personal};
use abdm::path::{Callback, Operation, Version};
use abdm::wire::confirm::LinkConfirm;
use abdm::wire::discover::{Discover, Identifier};
use abdm::wire::error::{ErrorObject, hip};
use abdm::wire::init::LinkInit;
use abdm::wire::link::{CareContextEntry, MAX_CARE_CONTEXTS, PatientEntry};
use abdm::wire::{self, BodyError, ResponseTo, v05};
use domain::otp;
use domain::problem::Problem;
use domain::reference::PatientRef;
use store::{Asker, Call, Lane, MessageKey, Offered, Received, Tx};

use super::{Answer, FlowError, Result, unwritable};

/// The kind of outbox row that sends a password by SMS.
pub const SMS: &str = "sms";

const DISCOVER: &str = "discover";
const INIT: &str = "init";
const CONFIRM: &str = "confirm";

/// What a callback of linking is known by besides its `REQUEST-ID`; none for other callbacks.
#[must_use]
pub fn message_key(callback: Callback, body: &[u8]) -> Option<MessageKey> {
    match callback.in_v3() {
        Callback::Discover => {
            let message: Discover = wire::read(body).ok()?;
            let content = content_of_discovery(&message);
            Some(MessageKey { kind: DISCOVER, key: message.transaction_id.to_string(), content, take: true })
        }
        Callback::LinkInit => {
            let message = read_init(callback, body).ok()?;
            let content = content_of_init(&message);
            Some(MessageKey { kind: INIT, key: message.transaction_id.to_string(), content, take: true })
        }
        Callback::LinkConfirm => {
            let message: LinkConfirm = wire::read(body).ok()?;
            Some(confirm_key(&message))
        }
        _ => None,
    }
}

/// What is said to another message under a known id.
#[must_use]
pub fn duplicate(callback: Callback) -> ErrorObject {
    match callback.in_v3() {
        Callback::Discover => hip::duplicate_discovery(),
        Callback::LinkInit => hip::duplicate_init(),
        _ => hip::duplicate_confirm(),
    }
}

/// A wrong password may be followed by another: the right one takes the key.
fn confirm_key(message: &LinkConfirm) -> MessageKey {
    let confirmation = &message.confirmation;
    MessageKey {
        kind: CONFIRM,
        key: confirmation.link_ref_number.to_string(),
        content: otp::typed(confirmation.token.as_str()),
        take: false,
    }
}

/// All that matters of a discovery, whatever the order and writing of its members.
fn content_of_discovery(message: &Discover) -> String {
    let patient = &message.patient;
    let identifiers = |list: &[Identifier]| {
        let mut read: Vec<_> =
            list.iter().filter_map(|one| Some((one.kind?.as_str(), one.value.as_ref()?.as_str()))).collect();
        read.sort_unstable();
        format!("{read:?}")
    };
    let parts = [
        patient.id.key().to_owned(),
        patient.name.as_ref().map_or_else(String::new, |name| name.as_str().to_owned()),
        patient.gender.map_or_else(String::new, |gender| gender.as_str().to_owned()),
        patient.year_of_birth.map_or_else(String::new, |year| year.to_string()),
        identifiers(&patient.verified_identifiers),
        identifiers(&patient.unverified_identifiers),
    ];
    parts.join("\n")
}

fn content_of_init(message: &LinkInit) -> String {
    let mut chosen = Vec::new();
    for entry in &message.patient {
        for context in &entry.care_contexts {
            let hi_type = entry.hi_type.map_or("", HiType::as_str);
            chosen.push((entry.reference_number.as_str(), context.reference_number.as_str(), hi_type));
        }
    }
    chosen.sort_unstable();
    let address = message.abha_address.as_ref().map_or("", |address| address.key());
    format!("{address}\n{chosen:?}")
}

fn read_init(callback: Callback, body: &[u8]) -> Result<LinkInit, BodyError> {
    match callback.version() {
        Version::V3 => wire::read(body),
        Version::V05 => v05::link_init(body),
    }
}

fn callback_of(kind: &str) -> Result<Callback> {
    Callback::from_path(kind).ok_or_else(|| FlowError::Unknown(kind.to_owned()))
}

fn asker(received: &Received) -> Asker {
    Asker {
        exchange: received.exchange,
        kind: received.kind.clone(),
        request_id: received.request_id.clone(),
    }
}

/// What a reply to this asker says it answers.
fn response_to(asker: &Asker) -> Result<ResponseTo> {
    let id: abdm::id::MessageId = asker.request_id.parse().map_err(unwritable)?;
    Ok(ResponseTo::new(id))
}

/// Puts the reply to one message in the outbox. `subject` names what its acceptance brings about, if anything.
async fn reply(
    tx: &mut Tx,
    facility: &FacilityId,
    asker: &Asker,
    (answer, subject): (Answer, &str),
    body: Vec<u8>,
) -> Result<()> {
    let operation = callback_of(&asker.kind)?.reply().map(Operation::path);
    let kind = operation.ok_or_else(|| FlowError::Unknown(asker.kind.clone()))?;
    let call = Call {
        id: tx.new_id(),
        facility: facility.clone(),
        exchange: asker.exchange,
        kind,
        subject: match answer {
            Answer::Yes => subject.to_owned(),
            Answer::No => "refused".to_owned(),
        },
        body,
        due_at: tx.now(),
    };
    tx.enqueue(Lane::Replies, &call).await?;
    Ok(())
}

/// Notes in the journal why a message is refused.
async fn note(tx: &mut Tx, asker: &Asker, error: &ErrorObject, explanation: &str) -> Result<()> {
    let problem = Problem {
        code: error.code().to_owned(),
        message: error.message().to_owned(),
        explanation: explanation.to_owned(),
        at: tx.now(),
        until: None,
    };
    tx.note_exchange_error(asker.exchange, &problem).await?;
    Ok(())
}

/// One patient entry for each HI type; no more care contexts of a type than an entry takes.
fn entries(patient: &PatientRef, display: &str, visits: &[Offered]) -> Result<Vec<PatientEntry>> {
    let mut entries = Vec::new();
    for hi_type in HiType::ALL {
        let mut contexts = Vec::new();
        for visit in visits.iter().filter(|visit| visit.hi_types.contains(&hi_type)) {
            contexts.push(CareContextEntry::new(super::wire_reference(&visit.reference)?, &visit.display));
        }
        contexts.truncate(MAX_CARE_CONTEXTS);
        if !contexts.is_empty() {
            let reference = Personal::from(patient.as_str());
            entries.push(PatientEntry::new(reference, display, hi_type, contexts));
        }
    }
    Ok(entries)
}
