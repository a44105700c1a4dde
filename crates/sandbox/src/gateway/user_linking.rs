//! Replies of an HIP to discovery, init and confirm: linking that the patient began.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Answer, Call};
use crate::judge::patient::{self, BadEntries, Entry};
use crate::judge::patterns::{PATIENT_REFERENCE_REPLY, UUID, timestamp};
use crate::judge::reply::{self, SaidError};
use crate::judge::{Node, Wrong};
use crate::refusal::Refusal;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::linkings::{Linking, LinkingState};
use crate::world::links::LinkedBy;
use crate::world::{Asked, Subject, World};

/// What an HIP may say it matched by.
const MATCHED_BY: [&str; 4] = ["MR", "MOBILE", "ABHA_NUMBER", "ABHA_ADDRESS"];

/// `POST on-discover`.
pub(crate) fn on_discover(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root)?;
    let transaction = root.matching("transactionId", &UUID)?.to_owned();
    let error =
        reply::error(&root).map_err(|wrong| invalid("ABDM-1109", "Invalid On discovery response", &wrong))?;
    let offered = if error.is_some() { Vec::new() } else { offered(&root)? };
    note_strangers(call, &root, &["transactionId", "patient", "matchedBy", "error", "response"]);
    let (patient, matched_by) = (call.body.get("patient").cloned(), call.body.get("matchedBy").cloned());
    discovered(call, Found { request_id, transaction, error, offered, patient, matched_by })
}

/// What a discovery brought, in whatever interface.
pub(super) struct Found {
    pub(super) request_id: String,
    pub(super) transaction: String,
    pub(super) error: Option<SaidError>,
    pub(super) offered: Vec<Entry>,
    /// As the HIP sent them.
    pub(super) patient: Option<Value>,
    pub(super) matched_by: Option<Value>,
}

/// Takes the answer of an HIP to a discovery.
pub(super) fn discovered(call: &Call<'_>, found: Found) -> Result<Answer, Refusal> {
    let Found { request_id, transaction, error, offered, patient, matched_by } = found;
    let asked = call.asked(&request_id);
    if !matches!(asked, Some(Asked { subject: Subject::Discover { transaction_id }, .. }) if transaction_id == transaction)
    {
        return Err(unknown("response.requestId and transactionId are no discovery at this HIP"));
    }
    call.sandbox
        .change(|world| {
            let linking = live(world, call, &transaction)?;
            if linking.state != LinkingState::Discovering {
                world.ledger.book(EffectKind::OnDiscover, transaction, Outcome::Repeat, call.now);
                return Err(Refusal::bad("ABDM-1106", "Duplicate On discovery request").forgiven());
            }
            let (address, hip) = (linking.abha_address.clone(), linking.hip_id.clone());
            match error {
                Some(error) => fail(linking, LinkingState::NothingFound, &error),
                None => {
                    linking.state = LinkingState::Discovered;
                    linking.patient = patient;
                    linking.matched_by = matched_by;
                    linking.offered.clone_from(&offered);
                }
            }
            let new = world.links.unlinked(&hip, &address, &offered).len();
            let all: usize = offered.iter().map(|entry| entry.care_contexts.len()).sum();
            world.ledger.book(EffectKind::OnDiscover, transaction, Outcome::Accepted, call.now);
            Ok(new < all)
        })
        .map(|linked_offered| {
            if linked_offered {
                call.note("linked-offered", "a care context that is linked already was offered");
            }
            Answer::accepted()
        })
}

fn offered(root: &Node<'_>) -> Result<Vec<Entry>, Refusal> {
    let entries = patient::entries(root, &PATIENT_REFERENCE_REPLY)
        .map_err(|bad| reply_refusal(&bad, "ABDM-1109", "Invalid On discovery response"))?;
    let wrong = |wrong: &Wrong| invalid("ABDM-1109", "Invalid On discovery response", wrong);
    let matched = root.items("matchedBy").map_err(|found| wrong(&found))?;
    if matched.is_empty() {
        return Err(wrong(&root.wrong("/matchedBy is empty")));
    }
    for by in matched {
        if !MATCHED_BY.contains(&by.as_text().map_err(|found| wrong(&found))?) {
            return Err(wrong(&by.wrong(format!("must be one of {}", MATCHED_BY.join(", ")))));
        }
    }
    Ok(entries)
}

/// A wrong shape gets an empty 400, a wrong HI type its own text, all else the reply's own code.
fn reply_refusal(bad: &BadEntries, code: &'static str, message: &str) -> Refusal {
    let wrong = bad.wrong();
    match bad {
        BadEntries::Shape(_) => Refusal::empty().breaks("wrong-shape", wrong.line()),
        BadEntries::HiType(_) => {
            Refusal::bad("ABDM-9999: ", "Invalid HIType").breaks("ABDM-9999", wrong.line())
        }
        BadEntries::CountMismatch(_) => Refusal::bad("ABDM-1037", "Counter and Care context count mismatch")
            .breaks("ABDM-1037", wrong.line()),
        BadEntries::CountRange(_) => {
            Refusal::bad("ABDM-1006", "Invalid count, must be 2 digit and ranges between 1 to 20")
                .breaks("ABDM-1006", wrong.line())
        }
        _ => invalid(code, message, &wrong),
    }
}

fn invalid(code: &'static str, message: &str, wrong: &Wrong) -> Refusal {
    Refusal::bad(code, message).breaks(code, wrong.line())
}

fn unknown(detail: &str) -> Refusal {
    Refusal::bad("ABDM-1052", "Invalid TransactionId or response's requestId")
        .breaks("unknown-request", detail)
}

fn note_strangers(call: &Call<'_>, root: &Node<'_>, known: &[&str]) {
    let mut strangers = root.strangers(known);
    strangers.extend(patient::strangers(root));
    call.note_strangers(&strangers);
}

/// The linking, unless its time is over.
fn live<'a>(world: &'a mut World, call: &Call<'_>, transaction: &str) -> Result<&'a mut Linking, Refusal> {
    let life = SignedDuration::try_from(call.sandbox.timing().discovery).unwrap_or_default();
    let linking = world
        .linkings
        .get_mut(transaction)
        .filter(|linking| call.now.duration_since(linking.started_at) < life)
        .filter(|linking| linking.version == super::version(call.path));
    linking.ok_or_else(|| {
        Refusal::bad("ABDM-9999: ", "Invalid Transaction ID / Transaction expired.")
            .breaks("expired-transaction", "the discovery's transaction is over")
    })
}

fn fail(linking: &mut Linking, state: LinkingState, error: &SaidError) {
    linking.state = state;
    linking.error = Some(json!({"code": error.code, "message": error.message}));
}

/// `POST on-init`.
pub(crate) fn on_init(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root)?;
    let transaction = root.matching("transactionId", &UUID)?.to_owned();
    let error =
        reply::error(&root).map_err(|wrong| invalid("ABDM-1110", "Invalid On init response", &wrong))?;
    if error.is_none() {
        judge_link(&root).map_err(|wrong| invalid("ABDM-1110", "Invalid On init response", &wrong))?;
    }
    call.note_strangers(&root.strangers(&["transactionId", "link", "error", "response"]));
    initiated(call, &request_id, transaction, error)
}

/// Takes the answer of an HIP to the patient's choice.
pub(super) fn initiated(
    call: &Call<'_>,
    request_id: &str,
    transaction: String,
    error: Option<SaidError>,
) -> Result<Answer, Refusal> {
    let asked = call.asked(request_id);
    if !matches!(asked, Some(Asked { subject: Subject::Init { transaction_id }, .. }) if transaction_id == transaction)
    {
        return Err(unknown("response.requestId and transactionId are no init at this HIP"));
    }
    call.sandbox.change(|world| {
        let linking = live(world, call, &transaction)?;
        if linking.state != LinkingState::Initiating {
            world.ledger.book(EffectKind::OnInit, transaction, Outcome::Repeat, call.now);
            return Err(Refusal::bad("ABDM-1107", "Duplicate On init request").forgiven());
        }
        match error {
            Some(error) => fail(linking, LinkingState::InitFailed, &error),
            None => {
                linking.state = LinkingState::OtpSent;
                linking.link = call.body.get("link").cloned();
            }
        }
        world.ledger.book(EffectKind::OnInit, transaction, Outcome::Accepted, call.now);
        Ok(Answer::accepted())
    })
}

pub(super) fn judge_link(root: &Node<'_>) -> Result<(), Wrong> {
    let link = root.member("link")?;
    link.matching("referenceNumber", &UUID)?;
    link.one_of("authenticationType", &["DIRECT", "MEDIATED"])?;
    let meta = link.member("meta")?;
    meta.one_of("communicationMedium", &["MOBILE", "EMAIL"])?;
    meta.maybe_text("communicationHint")?;
    if timestamp(meta.text("communicationExpiry")?).is_none() {
        return Err(meta.member("communicationExpiry")?.wrong("must be UTC with milliseconds and Z"));
    }
    Ok(())
}

/// `POST on-confirm`.
pub(crate) fn on_confirm(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root)?;
    let error =
        reply::error(&root).map_err(|wrong| invalid("ABDM-1111", "Invalid On confirm response", &wrong))?;
    let entries = if error.is_some() {
        Vec::new()
    } else {
        patient::entries(&root, &PATIENT_REFERENCE_REPLY)
            .map_err(|bad| reply_refusal(&bad, "ABDM-1111", "Invalid On confirm response"))?
    };
    note_strangers(call, &root, &["patient", "error", "response"]);
    confirmed(call, &request_id, error.as_ref(), &entries)
}

/// Takes the answer of an HIP to the patient's OTP.
pub(super) fn confirmed(
    call: &Call<'_>,
    request_id: &str,
    error: Option<&SaidError>,
    entries: &[Entry],
) -> Result<Answer, Refusal> {
    let Some(Asked { subject: Subject::Confirm { transaction_id }, .. }) = call.asked(request_id) else {
        return Err(unknown("response.requestId is no confirmation at this HIP"));
    };
    let other = call.sandbox.change(|world| confirm(world, call, &transaction_id, error, entries))?;
    if other {
        call.note("not-chosen", "on-confirm links something else than the patient chose");
    }
    Ok(Answer::accepted())
}

/// Links what was confirmed. Gives whether that is not what was chosen.
fn confirm(
    world: &mut World,
    call: &Call<'_>,
    transaction: &str,
    error: Option<&SaidError>,
    entries: &[Entry],
) -> Result<bool, Refusal> {
    let linking = live(world, call, transaction)?;
    let reference = linking.link_reference().unwrap_or(transaction).to_owned();
    if linking.state != LinkingState::Confirming {
        world.ledger.book(EffectKind::OnConfirm, reference, Outcome::Repeat, call.now);
        return Err(Refusal::bad("ABDM-1108", "Duplicate On confirm request").forgiven());
    }
    if let Some(error) = error {
        fail(linking, LinkingState::ConfirmFailed, error);
        world.ledger.book(EffectKind::OnConfirm, reference, Outcome::Accepted, call.now);
        return Ok(false);
    }
    linking.state = LinkingState::Linked;
    let (hip, address) = (linking.hip_id.clone(), linking.abha_address.clone());
    let chosen: std::collections::BTreeSet<_> =
        linking.chosen.iter().map(|(context, hi_type)| (context.as_str(), hi_type.as_str())).collect();
    let confirmed = entries
        .iter()
        .flat_map(|entry| {
            entry.care_contexts.iter().map(|(context, _)| (context.as_str(), entry.hi_type.as_str()))
        })
        .collect();
    let other = chosen != confirmed;
    for (context, hi_type) in world.links.unlinked(&hip, &address, entries) {
        world.ledger.book(
            EffectKind::Link,
            format!("{hip}|{address}|{context}|{hi_type}"),
            Outcome::Accepted,
            call.now,
        );
    }
    world.links.link((&hip, &address), entries, LinkedBy::Patient, call.now);
    world.ledger.book(EffectKind::OnConfirm, reference, Outcome::Accepted, call.now);
    Ok(other)
}
