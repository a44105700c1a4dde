//! Linking by the hospital: a patient's visits are offered to ABDM under a link token.
//!
//! ```text
//! plan ──token held──> [outbox] ──sent──> linking ──on_carecontext──> linked | failed | waiting (again)
//!   └──no token──> see link_token          └──silence──> sent again: ABDM knows a care context again
//! ```
//! [`plan`] looks at all of a patient's visits that are in no call and does what can be done now. It is called
//! after everything that may change the answer: a stored visit, a changed patient, a token, a refusal, the end of
//! a wait. The patient's row is locked meanwhile, so there is one plan at a time. A visit that is part of a call
//! carries the call's id, and nobody else touches its link until the call has ended.

use std::collections::BTreeMap;

use abdm::error::{Failure, Retry, callback_failure};
use abdm::id::{AbhaAddress, HiType, Personal};
use abdm::path::Operation;
use abdm::wire::link::{CareContextEntry, LinkCareContexts, MAX_CARE_CONTEXTS, OnCareContext, PatientEntry};
use domain::care_context::CareContext;
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::facility::Facility;
use domain::link::{Link, LinkState};
use domain::patient::Patient;
use domain::problem::Problem;
use domain::reference::PatientRef;
use domain::token_desk::{Decision, Hindrance, Token};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Sending, Tx};

use super::{Ctx, Result, context_notify, link_token, outcome, problem};

/// A link call as it waits in the outbox.
#[derive(Serialize, Deserialize)]
struct LinkCall {
    address: AbhaAddress,
    token: String,
    /// Under which reference the patient is named; in calls of earlier versions that of the exchange's subject.
    #[serde(default)]
    patient: Option<PatientRef>,
    /// Each care context with the HI types that it is offered with.
    offered: Vec<(String, Vec<HiType>)>,
    body: Box<serde_json::value::RawValue>,
}

/// The link token and the JSON to send for a link call in the outbox.
pub fn token_and_body_of(call: &[u8]) -> Result<(String, Vec<u8>)> {
    let call: LinkCall = serde_json::from_slice(call)?;
    Ok((call.token, call.body.get().as_bytes().to_vec()))
}

/// A visit that is to be linked, with all its HI types.
struct Candidate {
    context: CareContext,
    types: Vec<HiType>,
}

/// Does what can be done now to link a patient's visits.
pub async fn plan(ctx: &Ctx<'_>, tx: &mut Tx, facility: &Facility, patient: &PatientRef) -> Result<()> {
    let Some(patient) = tx.lock_current_patient(&facility.id, patient).await? else { return Ok(()) };
    let candidates = candidates(tx, facility, &patient).await?;
    let Some(address) = patient.abha_address.clone().filter(|_| !candidates.is_empty()) else {
        return Ok(());
    };
    let desk = tx.token_desk(&facility.id, &address).await?;
    let now = tx.now();
    match desk.decide(now, ctx.rules.tokens) {
        Decision::Use(token) => {
            for (known_as, candidates) in by_reference(&patient, candidates) {
                for batch in candidates.chunks(MAX_CARE_CONTEXTS) {
                    call(tx, facility, (&patient, &known_as), (&address, &token), batch).await?;
                }
            }
            Ok(())
        }
        // What went wrong before is shown until a token comes.
        Decision::InFlight => wait(tx, facility, &candidates, desk.error.as_ref(), None).await,
        Decision::NotBefore(until, hindrance) => {
            let error = desk.error.unwrap_or_else(|| hindered(hindrance, now));
            let error = Problem { until: Some(until), ..error };
            wait(tx, facility, &candidates, Some(&error), Some(until)).await
        }
        Decision::Ask => {
            let before = desk.error.clone();
            match link_token::ask(tx, facility, &patient, desk).await? {
                None => wait(tx, facility, &candidates, before.as_ref(), None).await,
                Some(error) => fail_waiting_of(tx, facility, candidates, &error).await,
            }
        }
    }
}

/// A visit changed, or the HMIS asks to try again: a refused visit, or a refused type of a linked one, waits once more.
/// Then [`plan`].
pub async fn ask_again(ctx: &Ctx<'_>, tx: &mut Tx, facility: &Facility, context: &CareContext) -> Result<()> {
    let link = context.link.clone();
    let link = match link.state {
        // An unlinked one may be the patient's own to link; asked for by itself, it is the hospital's.
        LinkState::Failed | LinkState::Waiting | LinkState::Unlinked => link.wait(None, None),
        LinkState::Linked => link.stay(None, Some(tx.now())),
        LinkState::Linking => link,
    };
    if link != context.link {
        tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
    }
    plan(ctx, tx, facility, &context.patient).await
}

/// Every visit of the patient that is ready and due. One that is no longer ready comes to rest on the way.
async fn candidates(tx: &mut Tx, facility: &Facility, patient: &Patient) -> Result<Vec<Candidate>> {
    let now = tx.now();
    let mut candidates = Vec::new();
    let theirs = tx.visits_before_address(&facility.id, &patient.reference).await?;
    for context in tx.unsettled_care_contexts(&facility.id, &patient.reference).await? {
        if context.link.state == LinkState::Unlinked && theirs.contains(&context.reference) {
            continue;
        }
        let records = tx.records(&facility.id, &context.patient, &context.reference).await?;
        let mut types = context.link.linked_types.clone();
        types.extend(records.iter().filter(|record| record.valid).map(|record| record.hi_type));
        types.sort_unstable_by_key(|hi_type| hi_type.as_str());
        types.dedup();
        let ready = patient.abha_address.is_some()
            && !context.hold
            && !context.withdrawn
            && types.len() > context.link.linked_types.len();
        if !ready {
            let link = Link { due_at: None, ..context.link.clone().rest() };
            if link != context.link {
                tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
            }
        } else if context.link.due_at.is_none_or(|due_at| due_at <= now) {
            candidates.push(Candidate { context, types });
        }
    }
    Ok(candidates)
}

async fn wait(
    tx: &mut Tx,
    facility: &Facility,
    candidates: &[Candidate],
    error: Option<&Problem>,
    due_at: Option<Timestamp>,
) -> Result<()> {
    for Candidate { context, .. } in candidates {
        // A linked visit with a new type stays linked; when it is due is all that changes.
        let link = match context.link.state {
            LinkState::Linked => Link { due_at: due_at.or(context.link.due_at), ..context.link.clone() },
            _ => context.link.clone().wait(error.cloned(), due_at),
        };
        if link != context.link {
            tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
        }
    }
    Ok(())
}

/// The candidates of each reference that the patient is known under: a call names one. A visit that ABDM has linked gains
/// its new type under the reference that it was linked under, though the patient was merged into another since.
fn by_reference(patient: &Patient, candidates: Vec<Candidate>) -> BTreeMap<PatientRef, Vec<Candidate>> {
    let mut sorted: BTreeMap<PatientRef, Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let known_as = candidate.context.link.patient(&patient.reference).clone();
        sorted.entry(known_as).or_default().push(candidate);
    }
    sorted
}

/// Puts one link call in the outbox: one patient entry for each HI type.
async fn call(
    tx: &mut Tx,
    facility: &Facility,
    (patient, known_as): (&Patient, &PatientRef),
    (address, token): (&AbhaAddress, &Token),
    batch: &[Candidate],
) -> Result<()> {
    let body = LinkCareContexts {
        abha_number: patient.abha_number.filter(|_| token.with_number),
        abha_address: address.clone(),
        patient: entries((patient, known_as), batch)?,
    };
    let call = LinkCall {
        address: address.clone(),
        token: token.jwt.clone(),
        patient: Some(known_as.clone()),
        offered: batch.iter().map(|one| (one.context.reference.to_string(), one.types.clone())).collect(),
        body: serde_json::value::to_raw_value(&body)?,
    };
    let call = serde_json::to_vec(&call)?;
    let subject = patient.reference.as_str();
    let id = super::begin(tx, &facility.id, Operation::LinkCareContexts, subject, call).await?;
    wait(tx, facility, batch, None, None).await?;
    for Candidate { context, .. } in batch {
        tx.put_link_call(&facility.id, context, Some(&id.to_string())).await?;
    }
    Ok(())
}

fn entries((patient, known_as): (&Patient, &PatientRef), batch: &[Candidate]) -> Result<Vec<PatientEntry>> {
    let mut entries = Vec::new();
    for hi_type in HiType::ALL {
        let mut contexts = Vec::new();
        for Candidate { context, types } in batch {
            if types.contains(&hi_type) {
                contexts.push(CareContextEntry::new(
                    super::wire_reference(&context.reference)?,
                    &context.display,
                ));
            }
        }
        if !contexts.is_empty() {
            let reference = Personal::from(known_as.as_str());
            entries.push(PatientEntry::new(reference, &patient.name, hi_type, contexts));
        }
    }
    Ok(entries)
}

/// The call was sent, or could not be.
pub(super) async fn on_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let now = tx.now();
    let call: LinkCall = serde_json::from_slice(&sending.body)?;
    let Err(failure) = outcome else {
        if tx.finish_sending(sending.lease, true).await? {
            await_callback(ctx, tx, sending.exchange).await?;
            for context in tx.care_contexts_of_call(&facility.id, &sending.id.to_string()).await? {
                if let Ok(link) = context.link.clone().ask() {
                    tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
                }
            }
        }
        return Ok(());
    };
    match failure.retry {
        Retry::Never | Retry::AlreadyDone | Retry::TokenInvalid => {
            if tx.finish_sending(sending.lease, false).await? {
                let (id, exchange, subject) = (sending.id, sending.exchange, sending.subject.as_str());
                let ended = Ended { id, exchange, subject, call: &call };
                conclude(ctx, tx, facility, &ended, Some(failure)).await?;
            }
        }
        _ => {
            let due_at = outcome::due_at(ctx, failure, sending.attempts, now);
            if tx.put_back_sending(sending.lease, due_at).await? {
                let error = Problem { until: Some(due_at), ..problem(failure, now) };
                for context in tx.care_contexts_of_call(&facility.id, &sending.id.to_string()).await? {
                    if context.link.state != LinkState::Linked {
                        let link = context.link.clone().wait(Some(error.clone()), None);
                        tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The call was accepted. One that was made again for want of an answer stays overdue until it has one, so that
/// people are told of it once.
async fn await_callback(ctx: &Ctx<'_>, tx: &mut Tx, exchange: uuid::Uuid) -> Result<()> {
    let overdue_at = tx.now() + ctx.rules.callback_overdue;
    let before = tx.exchange(exchange).await?.filter(|exchange| exchange.state == ExchangeState::Overdue);
    let (state, error) = match before {
        Some(overdue) => (ExchangeState::Overdue, overdue.error),
        None => (ExchangeState::Waiting, None),
    };
    tx.move_exchange(exchange, state, Some(overdue_at), error.as_ref()).await?;
    Ok(())
}

/// ABDM answers the call.
pub(super) async fn on_care_context(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    message: &OnCareContext,
) -> Result<()> {
    let made = super::made_by_us(tx, facility, &message.response, Operation::LinkCareContexts).await?;
    let Some(made) = made else { return Ok(()) };
    let call: LinkCall = serde_json::from_slice(&made.body)?;
    tx.close_call(made.id).await?;
    let failure = (!message.linked()).then(|| {
        let error = message.error.clone().unwrap_or_else(|| super::words(message.status.as_deref()));
        callback_failure(Operation::LinkCareContexts, &error)
    });
    let ended = Ended { id: made.id, exchange: made.exchange, subject: &made.subject, call: &call };
    conclude(ctx, tx, facility, &ended, failure.as_ref()).await
}

/// A link call that has its answer.
struct Ended<'a> {
    id: uuid::Uuid,
    exchange: uuid::Uuid,
    subject: &'a str,
    call: &'a LinkCall,
}

/// Writes ABDM's answer into the visits of the call and lets them go.
async fn conclude(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    ended: &Ended<'_>,
    failure: Option<&Failure>,
) -> Result<()> {
    let now = tx.now();
    let failure = failure.filter(|failure| failure.retry != Retry::AlreadyDone);
    let error = failure.map(|failure| problem(failure, now));
    let state = if error.is_some() { ExchangeState::Refused } else { ExchangeState::Answered };
    if !tx.move_exchange(ended.exchange, state, None, error.as_ref()).await? {
        return Ok(());
    }
    let Ok(asked_for) = ended.subject.parse::<PatientRef>() else { return Ok(()) };
    tx.lock_current_patient(&facility.id, &asked_for).await?;
    let contexts = tx.care_contexts_of_call(&facility.id, &ended.id.to_string()).await?;
    for context in &contexts {
        tx.put_link_call(&facility.id, context, None).await?;
        match (failure, &error) {
            (Some(failure), Some(error)) => {
                refuse(ctx, tx, facility, context, (failure, error)).await?;
            }
            _ => confirm(tx, facility, context, (ended.call, &asked_for)).await?,
        }
    }
    if failure.is_some_and(|failure| failure.retry == Retry::TokenInvalid) {
        let call = ended.call;
        let desk = tx.token_desk(&facility.id, &call.address).await?;
        if desk.token.as_ref().is_some_and(|token| token.jwt == call.token) {
            tx.put_token_desk(&facility.id, &call.address, &desk.drop_token()).await?;
        }
    }
    plan(ctx, tx, facility, &asked_for).await
}

async fn confirm(
    tx: &mut Tx,
    facility: &Facility,
    context: &CareContext,
    (call, asked_for): (&LinkCall, &PatientRef),
) -> Result<()> {
    let offered = call.offered.iter().find(|(reference, _)| reference == context.reference.as_str());
    let types = offered.map(|(_, types)| types.clone()).unwrap_or_default();
    let new: Vec<_> =
        types.iter().copied().filter(|hi_type| !context.link.linked_types.contains(hi_type)).collect();
    let known_as = call.patient.as_ref().unwrap_or(asked_for).clone();
    let mut link = context.link.clone().confirm(&types).known_under(known_as, &context.patient);
    let records = tx.records(&facility.id, &context.patient, &context.reference).await?;
    if records.iter().any(|record| record.valid && !link.linked_types.contains(&record.hi_type)) {
        // A type came while the call was under way: the plan that follows asks for it.
        link.due_at = Some(tx.now());
    }
    tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
    tx.audit(&facility.id, "ABDM", "care context linked", context.reference.as_str()).await?;
    if context.link.state == LinkState::Linked {
        let context = CareContext { link, ..context.clone() };
        return context_notify::tell(tx, facility, &context, &call.address, &new).await;
    }
    raise(tx, facility, EventType::CareContextLinked, context, LinkState::Linked).await
}

async fn refuse(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    context: &CareContext,
    (failure, error): (&Failure, &Problem),
) -> Result<()> {
    let now = tx.now();
    let due_at = match failure.retry {
        Retry::TokenInvalid | Retry::Never | Retry::AlreadyDone => None,
        _ => Some(outcome::due_at(ctx, failure, 1, now).max(now + ctx.rules.backoff.max)),
    };
    let error = Problem { until: due_at.or(error.until), ..error.clone() };
    let refused = matches!(failure.retry, Retry::Never | Retry::AlreadyDone);
    let link = context.link.clone();
    let link = match link.state {
        // What is linked already stays so, whatever became of its new type.
        LinkState::Linked => link.stay(Some(error), due_at.or((!refused).then_some(now))),
        _ if refused => link.fail(error).unwrap_or_else(|_| context.link.clone()),
        _ => link.wait(Some(error), due_at),
    };
    tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
    if link.state == LinkState::Failed {
        tx.audit(&facility.id, "ABDM", "care context refused", context.reference.as_str()).await?;
        raise(tx, facility, EventType::CareContextFailed, context, LinkState::Failed).await?;
    }
    Ok(())
}

/// No token is to be had for this patient: their waiting visits fail, until something changes.
pub(super) async fn fail_waiting(
    tx: &mut Tx,
    facility: &Facility,
    patient: &PatientRef,
    error: &Problem,
) -> Result<()> {
    let Some(patient) = tx.lock_current_patient(&facility.id, patient).await? else { return Ok(()) };
    let candidates = candidates(tx, facility, &patient).await?;
    fail_waiting_of(tx, facility, candidates, error).await
}

async fn fail_waiting_of(
    tx: &mut Tx,
    facility: &Facility,
    candidates: Vec<Candidate>,
    error: &Problem,
) -> Result<()> {
    for Candidate { context, .. } in candidates {
        let link = context.link.clone();
        let link =
            link.fail(error.clone()).unwrap_or_else(|_| context.link.clone().stay(Some(error.clone()), None));
        tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
        if link.state == LinkState::Failed {
            raise(tx, facility, EventType::CareContextFailed, &context, LinkState::Failed).await?;
        }
    }
    Ok(())
}

/// Something that passes by itself stands in the way: the waiting visits say what.
pub(super) async fn hold_back(
    tx: &mut Tx,
    facility: &Facility,
    patient: &PatientRef,
    error: &Problem,
    due_at: Option<Timestamp>,
) -> Result<()> {
    let Some(patient) = tx.lock_current_patient(&facility.id, patient).await? else { return Ok(()) };
    let candidates = candidates(tx, facility, &patient).await?;
    wait(tx, facility, &candidates, Some(error), due_at).await
}

pub(super) async fn raise(
    tx: &mut Tx,
    facility: &Facility,
    event: EventType,
    context: &CareContext,
    state: LinkState,
) -> Result<()> {
    let data = serde_json::json!({
        "patientRef": context.patient, "careContextRef": context.reference, "state": state.as_str()
    });
    Ok(tx.raise(&facility.id, event, data).await?)
}

fn hindered(hindrance: Hindrance, at: Timestamp) -> Problem {
    let (code, message, explanation) = match hindrance {
        Hindrance::Blocked => (
            "ABDM-1027",
            "You are blocked. Please try again after 24 hours.",
            "ABDM has blocked link token requests for this ABHA address here for 24 hours, because too many \
             were made. Other patients go on. It is asked again by itself when the block ends.",
        ),
        Hindrance::Window => (
            "waiting",
            "A link token was asked for a moment ago",
            "ABDM takes one link token request for an ABHA address in about seven minutes. The next is made \
             by itself.",
        ),
        Hindrance::DayUsedUp => (
            "waiting",
            "The day's link token requests are used up",
            "ABDM blocks an ABHA address for 24 hours after more than three link token requests a day. The \
             next is made by itself when the first of them is a day old.",
        ),
    };
    Problem {
        code: code.to_owned(),
        message: message.to_owned(),
        explanation: explanation.to_owned(),
        at,
        until: None,
    }
}
