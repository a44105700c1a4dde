//! A patient typed the password. Right: ABDM is told what to link, and when it has taken that, it is linked. Wrong: it
//! is told so, always, since the patient learns nothing from an HTTP status.
//!
//! Guesses are counted for the patient under their lock, so those that arrive together count one after the other. A
//! guess that repeats one which was wrong is the same message again and counts once.

use abdm::error::Failure;
use abdm::id::LinkReference;
use abdm::wire;
use abdm::wire::confirm::{LinkConfirm, OnConfirm};
use abdm::wire::error::{ErrorObject, hip};
use domain::event::EventType;
use domain::facility::Facility;
use domain::link::LinkState;
use domain::link_request::LinkRequestState;
use domain::otp::{self, Verdict};
use domain::patient::Patient;
use store::{Asker, LinkRequest, Received, Sending, Tx};

use super::super::{Answer, Ctx, Result, link, on_reply_sent};
use super::init::step;

/// The patient typed the password.
pub(in super::super) async fn on_confirm(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    received: &Received,
) -> Result<()> {
    let message: LinkConfirm = wire::read(&received.body)?;
    let asker = super::asker(received);
    let Some((request, patient)) = lock(tx, facility, &message.confirmation.link_ref_number).await? else {
        let refusal = (hip::invalid_link_reference(), "There is no link with this reference.");
        return refuse(tx, facility, &asker, refusal).await;
    };
    let typed = otp::typed(message.confirmation.token.as_str());
    let typed = tx.otp_hash(&request.reference, &typed)?;
    match request.state {
        LinkRequestState::Sending | LinkRequestState::Failed => {
            let refusal = (hip::invalid_link_reference(), "No password was sent for this link.");
            refuse(tx, facility, &asker, refusal).await
        }
        LinkRequestState::Sent if request.tried.contains(&typed) => {
            refuse(tx, facility, &asker, incorrect("The same wrong password came again.")).await
        }
        LinkRequestState::Sent => {
            check(ctx, tx, facility, (request, &patient, &typed), (&message, &asker)).await
        }
        // A right one that comes again is answered again; another one is refused on arrival, or was overtaken.
        _ if request.issued.as_ref().is_some_and(|issued| same(&issued.hash, &typed)) => {
            tell_linked(tx, facility, &request, &asker).await
        }
        _ => refuse(tx, facility, &asker, incorrect("The link has been confirmed already.")).await,
    }
}

async fn check(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (mut request, patient, typed): (LinkRequest, &Patient, &str),
    (message, asker): (&LinkConfirm, &Asker),
) -> Result<()> {
    let Some(issued) = request.issued.take() else {
        return refuse(tx, facility, asker, incorrect("No password was sent for this link.")).await;
    };
    let desk = tx.otp_desk(&facility.id, &patient.reference).await?;
    let was_locked = desk.locked(tx.now()).is_some();
    let (desk, issued, verdict) = desk.check(issued, typed, tx.now(), &ctx.rules.otp);
    tx.put_otp_desk(&facility.id, &patient.reference, &desk).await?;
    request.issued = Some(issued);
    let explanation = match verdict {
        Verdict::Right => {
            request.state = step(&request, LinkRequestState::Confirmed);
            tx.put_link_request(&facility.id, &request).await?;
            tx.take_message_key(&facility.id, &super::confirm_key(message)).await?;
            return tell_linked(tx, facility, &request, asker).await;
        }
        Verdict::Over => "The password has ended.",
        Verdict::Wrong { .. } => "The password was wrong.",
        Verdict::Locked(_) if was_locked => "Too many passwords were wrong: none is taken for a while.",
        Verdict::Locked(_) => {
            tx.audit(
                &facility.id,
                "ABDM",
                "linking locked after wrong passwords",
                patient.reference.as_str(),
            )
            .await?;
            "The password was wrong, once too often: none is taken for a while."
        }
    };
    if !was_locked && verdict != Verdict::Over {
        request.tried.push(typed.to_owned());
    }
    tx.put_link_request(&facility.id, &request).await?;
    refuse(tx, facility, asker, incorrect(explanation)).await
}

/// Hashes under a key that nobody outside knows; compared in constant time all the same.
fn same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

fn incorrect(explanation: &'static str) -> (ErrorObject, &'static str) {
    (hip::incorrect_otp(), explanation)
}

async fn lock(
    tx: &mut Tx,
    facility: &Facility,
    reference: &LinkReference,
) -> Result<Option<(LinkRequest, Patient)>> {
    let Some(request) = tx.link_request(&facility.id, reference).await? else { return Ok(None) };
    let patient = tx.lock_current_patient(&facility.id, &request.patient).await?;
    let Some(patient) = patient else { return Ok(None) };
    Ok(tx.link_request(&facility.id, reference).await?.map(|request| (request, patient)))
}

async fn refuse(
    tx: &mut Tx,
    facility: &Facility,
    asker: &Asker,
    (error, explanation): (ErrorObject, &str),
) -> Result<()> {
    super::note(tx, asker, &error, explanation).await?;
    let body = OnConfirm::refused(error, super::response_to(asker)?);
    super::reply(tx, &facility.id, asker, (Answer::No, ""), serde_json::to_vec(&body)?).await
}

async fn tell_linked(tx: &mut Tx, facility: &Facility, request: &LinkRequest, asker: &Asker) -> Result<()> {
    let entries = super::entries(&request.patient, &request.display, &request.chosen)?;
    let body = OnConfirm::linked(entries, super::response_to(asker)?);
    let subject = request.reference.as_str();
    super::reply(tx, &facility.id, asker, (Answer::Yes, subject), serde_json::to_vec(&body)?).await
}

/// What became of on-confirm. Its acceptance links; no callback says so later.
pub(in super::super) async fn on_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let known = match sending.subject.parse::<LinkReference>() {
        Ok(reference) if sending.subject != "refused" => lock(tx, facility, &reference).await?,
        _ => None,
    };
    let taken = on_reply_sent(ctx, tx, sending, outcome).await?;
    let Some((mut request, patient)) = known else { return Ok(()) };
    let to = match taken {
        Some(true) => LinkRequestState::Linked,
        Some(false) => LinkRequestState::Refused,
        None => return Ok(()),
    };
    if request.state.step(to).is_err() {
        return Ok(());
    }
    request.state = to;
    tx.put_link_request(&facility.id, &request).await?;
    if to == LinkRequestState::Linked {
        linked(ctx, tx, facility, (&request, patient)).await?;
    }
    Ok(())
}

async fn linked(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (request, patient): (&LinkRequest, Patient),
) -> Result<()> {
    let mut references = Vec::new();
    for visit in &request.chosen {
        let context = tx.care_context(&facility.id, &patient.reference, &visit.reference).await?;
        let Some(context) = context else { continue };
        // Types that were not chosen are not linked either, until the visit changes. ABDM has it under the reference that
        // was offered, whoever the patient is now.
        let link = context.link.clone().confirm(&visit.hi_types);
        let link = link.known_under(request.patient.clone(), &context.patient);
        tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
        tx.audit(&facility.id, "ABDM", "care context linked by the patient", context.reference.as_str())
            .await?;
        if context.link.state != LinkState::Linked {
            link::raise(tx, facility, EventType::CareContextLinked, &context, LinkState::Linked).await?;
        }
        references.push(context.reference);
    }
    let reference = patient.reference.clone();
    remember_address(tx, facility, request, patient).await?;
    let data = serde_json::json!({"patientRef": reference, "careContextRefs": references, "state": "linked"});
    tx.raise(&facility.id, EventType::PatientLinked, data).await?;
    link::plan(ctx, tx, facility, &reference).await
}

/// Later visits are linked to the address that the patient has shown to be theirs. What the HMIS knows better stays.
async fn remember_address(
    tx: &mut Tx,
    facility: &Facility,
    request: &LinkRequest,
    patient: Patient,
) -> Result<()> {
    if patient.abha_address.is_some() {
        return Ok(());
    }
    if tx.patient_by_address(&facility.id, &request.address).await?.is_some() {
        tracing::warn!(
            facility.id = %facility.id, patient.reference = %patient.reference,
            "the ABHA address that a patient linked visits to is already another patient's; perhaps they are one person"
        );
        return Ok(());
    }
    let patient = Patient { abha_address: Some(request.address.clone()), ..patient };
    tx.put_patient(&facility.id, &patient).await?;
    tx.set_address_learnt(&facility.id, &patient.reference, true).await?;
    Ok(())
}
