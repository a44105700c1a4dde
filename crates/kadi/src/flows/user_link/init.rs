//! A patient chose visits: a password goes to the mobile that the facility holds, and on-init goes out once the
//! provider has taken it.
//!
//! The password exists nowhere but in the worker that sends it: it is drawn there, its keyed hash is committed before it
//! leaves ([`issue`]), and what became of it is recorded ([`on_sms`]). A worker that dies in between leaves the outcome
//! unknown; no second SMS is sent then, the patient's app is told ABDM-1004, and they choose again.

use abdm::id::{LinkReference, Mobile};
use abdm::time::AbdmTime;
use abdm::wire::error::{ErrorObject, hip};
use abdm::wire::init::{LinkInit, OnInit};
use domain::facility::Facility;
use domain::link::LinkState;
use domain::link_request::LinkRequestState;
use domain::patient::Patient;
use jiff::Timestamp;
use store::{Asker, Call, Discovered, Lane, LinkRequest, Offered, Received, Sending, Tx};

use super::super::{Answer, Ctx, FlowError, Result, unwritable};
use super::{INIT, SMS};

/// Why an init is refused: ABDM's words, and ours.
type Refusal = (ErrorObject, &'static str);

/// The patient chose.
pub(in super::super) async fn on_init(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    received: &Received,
) -> Result<()> {
    let message = super::read_init(super::callback_of(&received.kind)?, &received.body)?;
    let asker = super::asker(received);
    let Some(found) = tx.discovery(&facility.id, &message.transaction_id).await? else {
        let refusal = (hip::invalid_transaction(), "No discovery with this transaction offered anything.");
        return refuse(tx, facility, &message, &asker, refusal).await;
    };
    let patient = tx.lock_current_patient(&facility.id, &found.patient).await?;
    let known = tx.link_request_of(&facility.id, &message.transaction_id).await?;
    match known.filter(|known| known.state != LinkRequestState::Failed) {
        // The same message again: whoever asks gets the one answer, when there is one.
        Some(mut known) if known.state == LinkRequestState::Sending => {
            known.askers.retain(|one| one.exchange != asker.exchange);
            known.askers.push(asker);
            return Ok(tx.put_link_request(&facility.id, &known).await?);
        }
        Some(known) => return tell_sent(tx, facility, &known, &asker).await,
        None => {}
    }
    let Some(patient) = patient else {
        let refusal =
            (hip::invalid_patient_reference(), "The patient that was offered is not there any more.");
        return refuse(tx, facility, &message, &asker, refusal).await;
    };
    let chosen = match choose(tx, facility, &message, (&found, &patient)).await? {
        Ok(chosen) => chosen,
        Err(refusal) => return refuse(tx, facility, &message, &asker, refusal).await,
    };
    if let Err(explanation) = may_send(ctx, tx, facility, &patient).await? {
        return refuse(tx, facility, &message, &asker, (hip::otp_not_sent(), explanation)).await;
    }
    let request = LinkRequest {
        reference: new_reference()?,
        transaction: found.transaction,
        patient: found.patient,
        state: LinkRequestState::Sending,
        display: found.display,
        address: found.address,
        chosen,
        issued: None,
        tried: Vec::new(),
        askers: vec![asker],
        delivery_id: None,
        created_at: tx.now(),
    };
    tx.put_link_request(&facility.id, &request).await?;
    let call = Call {
        id: tx.new_id(),
        facility: facility.id.clone(),
        exchange: received.exchange,
        kind: SMS,
        subject: request.reference.to_string(),
        body: Vec::new(),
        due_at: tx.now(),
    };
    Ok(tx.enqueue(Lane::Texts, &call).await?)
}

/// What was chosen, if all of it was offered and can still be linked.
async fn choose(
    tx: &mut Tx,
    facility: &Facility,
    message: &LinkInit,
    (found, patient): (&Discovered, &Patient),
) -> Result<Result<Vec<Offered>, Refusal>> {
    let chosen = match offered(message, found) {
        Ok(chosen) => chosen,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for visit in &chosen {
        let context = tx.care_context(&facility.id, &patient.reference, &visit.reference).await?;
        match context.filter(|context| !context.withdrawn && !context.hold) {
            None => {
                return Ok(Err((
                    hip::invalid_care_contexts(),
                    "A chosen visit is not there any more, or held.",
                )));
            }
            Some(context) if context.link.state == LinkState::Linked => {
                return Ok(Err((hip::already_linked(), "A chosen visit has been linked meanwhile.")));
            }
            Some(_) => {}
        }
    }
    Ok(Ok(chosen))
}

/// What was chosen, if all of it was offered to whom it was offered.
fn offered(message: &LinkInit, found: &Discovered) -> Result<Vec<Offered>, Refusal> {
    if message.abha_address.as_ref().is_some_and(|address| address.key() != found.address.key()) {
        return Err((hip::invalid_transaction(), "The transaction belongs to another ABHA address."));
    }
    let mut chosen: Vec<Offered> = Vec::new();
    for entry in &message.patient {
        if entry.reference_number.as_str() != found.patient.as_str() {
            return Err((hip::invalid_patient_reference(), "Another patient was chosen than was offered."));
        }
        for context in &entry.care_contexts {
            let visit = found.offered.iter().find(|visit| {
                visit.reference.as_str() == context.reference_number.as_str()
                    && entry.hi_type.is_none_or(|hi_type| visit.hi_types.contains(&hi_type))
            });
            let Some(visit) = visit else {
                return Err((hip::invalid_care_contexts(), "A visit was chosen that was not offered."));
            };
            let hi_types = entry.hi_type.map_or_else(|| visit.hi_types.clone(), |hi_type| vec![hi_type]);
            match chosen.iter_mut().find(|known| known.reference == visit.reference) {
                Some(known) => {
                    known.hi_types.extend(hi_types);
                    known.hi_types.sort_unstable_by_key(|hi_type| hi_type.as_str());
                    known.hi_types.dedup();
                }
                None => chosen.push(Offered { hi_types, ..visit.clone() }),
            }
        }
    }
    if chosen.is_empty() { Err((hip::invalid_care_contexts(), "Nothing was chosen.")) } else { Ok(chosen) }
}

async fn may_send(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    patient: &Patient,
) -> Result<Result<(), &'static str>> {
    if ctx.rules.otp_give_up.is_none() {
        return Ok(Err("No SMS provider is configured: see [sms] of the configuration."));
    }
    if patient.mobile.is_none() {
        return Ok(Err("The facility holds no mobile number of the patient to send a password to."));
    }
    let desk = tx.otp_desk(&facility.id, &patient.reference).await?;
    let may = desk.may_send(tx.now(), &ctx.rules.otp);
    Ok(may.map_err(|_| {
        "Too many passwords were sent or typed wrong for this patient; see [linking] otp_attempts, otp_sends and otp_lock."
    }))
}

async fn refuse(
    tx: &mut Tx,
    facility: &Facility,
    message: &LinkInit,
    asker: &Asker,
    (error, explanation): Refusal,
) -> Result<()> {
    // It led to nothing: the patient may choose again.
    tx.free_message_key(&facility.id, INIT, message.transaction_id.as_str()).await?;
    super::note(tx, asker, &error, explanation).await?;
    let body = OnInit::refused(message.transaction_id.clone(), error, super::response_to(asker)?);
    super::reply(tx, &facility.id, asker, (Answer::No, ""), serde_json::to_vec(&body)?).await
}

async fn tell_sent(tx: &mut Tx, facility: &Facility, request: &LinkRequest, asker: &Asker) -> Result<()> {
    let expires_at = request.issued.as_ref().map_or(request.created_at, |issued| issued.expires_at);
    let body = OnInit::otp_sent(
        request.transaction.clone(),
        request.reference.clone(),
        "OTP",
        AbdmTime(expires_at),
        super::response_to(asker)?,
    );
    super::reply(tx, &facility.id, asker, (Answer::Yes, ""), serde_json::to_vec(&body)?).await
}

/// An unguessable reference: it is all that confirm names.
fn new_reference() -> Result<LinkReference> {
    let mut random = [0; 16];
    store::fill(&mut random)?;
    uuid::Builder::from_random_bytes(random).into_uuid().to_string().parse().map_err(unwritable)
}

/// A password that may be sent.
#[derive(Debug, Clone)]
pub struct ToSend {
    /// To whom.
    pub mobile: Mobile,
    /// After this time it is too late.
    pub give_up_at: Timestamp,
}

/// Notes the hash of a password that is about to be sent, and whom it is for. None if nothing is to be sent (any more).
pub async fn issue(ctx: &Ctx<'_>, tx: &mut Tx, sending: &Sending, password: &str) -> Result<Option<ToSend>> {
    let Some((request, patient)) = lock(tx, sending).await? else { return Ok(None) };
    let Patient { reference, mobile, .. } = patient;
    let (Some(mobile), Some(give_up)) = (mobile, ctx.rules.otp_give_up) else { return Ok(None) };
    let desk = tx.otp_desk(&sending.facility, &reference).await?;
    let hash = tx.otp_hash(&request.reference, password)?;
    let Ok((desk, issued)) = desk.issue(hash, tx.now(), &ctx.rules.otp) else { return Ok(None) };
    tx.put_otp_desk(&sending.facility, &reference, &desk).await?;
    let give_up_at = request.created_at + give_up;
    let request = LinkRequest { issued: Some(issued), ..request };
    tx.put_link_request(&sending.facility, &request).await?;
    Ok(Some(ToSend { mobile, give_up_at }))
}

/// The request that an SMS is for, while it is being sent, and its patient locked.
async fn lock(tx: &mut Tx, sending: &Sending) -> Result<Option<(LinkRequest, Patient)>> {
    let reference: LinkReference = sending.subject.parse().map_err(unwritable)?;
    let Some(request) = tx.link_request(&sending.facility, &reference).await? else { return Ok(None) };
    let patient = tx.lock_current_patient(&sending.facility, &request.patient).await?;
    let request = tx.link_request(&sending.facility, &reference).await?;
    Ok(request.filter(|request| request.state == LinkRequestState::Sending).zip(patient))
}

/// Records what became of an SMS, and answers everybody who waits for it.
pub async fn on_sms(tx: &mut Tx, sending: &Sending, outcome: &Result<Option<String>, String>) -> Result<()> {
    let facility = tx.facility(&sending.facility).await?.ok_or(FlowError::NoFacility)?;
    let request = lock(tx, sending).await?;
    tx.end_attempt(sending.request_id, if outcome.is_ok() { "accepted" } else { "not sent" }).await?;
    tx.finish_sending(sending.lease, false).await?;
    let Some((mut request, _)) = request else { return Ok(()) };
    match outcome {
        Ok(delivery_id) => {
            request.state = step(&request, LinkRequestState::Sent);
            request.delivery_id.clone_from(delivery_id);
            tx.audit(&facility.id, "ABDM", "password sent for linking", request.patient.as_str()).await?;
            for asker in std::mem::take(&mut request.askers) {
                tell_sent(tx, &facility, &request, &asker).await?;
            }
            Ok(tx.put_link_request(&facility.id, &request).await?)
        }
        Err(why) => give_up(tx, &facility, request, why).await,
    }
}

/// No password goes out (any more): whoever waits for one is told so, and the patient may choose again.
pub(in super::super) async fn give_up(
    tx: &mut Tx,
    facility: &Facility,
    mut request: LinkRequest,
    why: &str,
) -> Result<()> {
    request.state = step(&request, LinkRequestState::Failed);
    tx.free_message_key(&facility.id, INIT, request.transaction.as_str()).await?;
    for asker in std::mem::take(&mut request.askers) {
        let error = hip::otp_not_sent();
        super::note(tx, &asker, &error, &format!("The password could not be sent: {why}.")).await?;
        let response = super::response_to(&asker)?;
        let body = OnInit::refused(request.transaction.clone(), error, response);
        super::reply(tx, &facility.id, &asker, (Answer::No, ""), serde_json::to_vec(&body)?).await?;
    }
    Ok(tx.put_link_request(&facility.id, &request).await?)
}

/// The next state; where there is no such step, the state as it is.
pub(super) fn step(request: &LinkRequest, to: LinkRequestState) -> LinkRequestState {
    request.state.step(to).unwrap_or(request.state)
}
