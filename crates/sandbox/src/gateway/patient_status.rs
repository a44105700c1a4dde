//! `POST patients/status/on-notify`: an HIP says that it knows what became of an ABHA. v0.5 spells `acknowledgment`; what
//! V3 has is published nowhere, so it is judged in the shape of V3's other replies.

use axum::http::StatusCode;

use super::{Answer, Call, user_linking_v05};
use crate::judge::{Node, Wrong, reply};
use crate::refusal::Refusal;
use crate::world::consents::Acknowledgement;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::{Asked, Subject, World};

/// `POST /gateway/v0.5/patients/status/on-notify`.
pub(crate) fn on_notify_v05(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let judged = || -> Result<Answer, Refusal> {
        let request_id = user_linking_v05::head(call, &root)?;
        let error = user_linking_v05::error(&root)?;
        let outcome = match error {
            Some(error) => error.code,
            None => acknowledged(&root, "acknowledgment")?,
        };
        user_linking_v05::note_strangers(call, &root, &["acknowledgment"]);
        book(call, &request_id, outcome)
    };
    judged().map_err(user_linking_v05::numbered)
}

/// `POST /api/hiecm/patients/v3/status/on-notify`.
pub(crate) fn on_notify(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root)?;
    let outcome = match reply::error(&root)? {
        Some(error) => error.code,
        None => acknowledged(&root, "acknowledgement")?,
    };
    call.note_strangers(&root.strangers(&["acknowledgement", "error", "response"]));
    book(call, &request_id, outcome)
}

fn acknowledged(root: &Node<'_>, member: &str) -> Result<String, Wrong> {
    let acknowledgement = root.member(member)?;
    acknowledgement.members()?;
    Ok(acknowledgement.one_of("status", &["OK"])?.to_owned())
}

fn book(call: &Call<'_>, request_id: &str, outcome: String) -> Result<Answer, Refusal> {
    let Some(Asked { subject: Subject::Status { notice_id }, .. }) = call.asked(request_id) else {
        return Err(Refusal::bad("ABDM-1052", "Invalid TransactionId or response's requestId")
            .breaks("unknown-request", "the reply names no notice of an ABHA's status to this HIP"));
    };
    call.sandbox.change(|world| {
        let Some(notice) = world.statuses.get_mut(&notice_id) else { return };
        let repeated = notice.outcome.is_some();
        notice.outcome.get_or_insert(outcome);
        let (address, hip_id) = (notice.abha_address.clone(), notice.hip_id.clone());
        let booked = if repeated { Outcome::Repeat } else { Outcome::Accepted };
        world.ledger.book(EffectKind::StatusAck, notice_id.clone(), booked, call.now);
        let ends = world.statuses.get(&notice_id).is_some_and(|notice| notice.status.ends());
        if ends {
            know_ended(world, (&address, &hip_id), call);
        }
    });
    Ok(Answer { status: StatusCode::ACCEPTED, ..Answer::default() })
}

/// From now on the HIP knows that the consents of the address are over: records under them are a breach.
fn know_ended(world: &mut World, (address, hip_id): (&str, &str), call: &Call<'_>) {
    for consent in world.consents.values_mut() {
        let concerned = consent.hip_id == hip_id && consent.abha_address.eq_ignore_ascii_case(address);
        let status = consent.status.as_str();
        if concerned && status != "GRANTED" && !consent.is_acknowledged(status) {
            let (status, outcome) = (status.to_owned(), "OK".to_owned());
            consent.acknowledgements.push(Acknowledgement {
                status,
                at: call.now,
                outcome,
                within_limit: true,
            });
        }
    }
}
