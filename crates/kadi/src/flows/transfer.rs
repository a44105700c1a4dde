//! Serving a health information request: consent checked, pages pushed, the gateway told what arrived.
//!
//! ```text
//! request ──refused──> on-request with an error; nothing is pushed, nothing notified
//!    └──allowed──> on-request ──accepted──> [outbox: transfer] pages, each checked again ──all settled──> notify
//! ```
//! The pages are pushed by `workers::pages`, which holds the transfer's row in the outbox under a lease, so that one
//! worker at a time serves it; whoever takes over begins at the first page that is not settled. A page may reach
//! the HIU twice, under the same transaction and number, if its worker died between push and record.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use abdm::error::Failure;
use abdm::id::{CareContextRef as WireReference, TransactionId};
use abdm::path::Operation;
use abdm::time::AbdmTime;
use abdm::wire;
use abdm::wire::error::ErrorObject;
use abdm::wire::health_information::{
    HealthInformationRequest, OnRequest, StatusResponse, TransferIds, TransferNotify,
};
use domain::consent::{Artefact, Named};
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::facility::Facility;
use domain::paging;
use domain::reference::PatientRef;
use domain::transfer::{
    Candidate, Covered, HiStatus, Nothing, Tally, TransferStatus, Visit, outcome as transfer_outcome, select,
};
use store::{
    Call, Lane, PageEntry, Received, Sending, Shareable, ShareableRecord, Transfer, TransferContext, Tx,
};

use super::{Answer, Ctx, Findings, Result, outcome, permit, problem};

/// An HIU asks for records.
pub(super) async fn on_request(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (received, findings): (&Received, &Findings),
) -> Result<()> {
    let message: HealthInformationRequest = wire::read(&received.body)?;
    let response = super::response_to(received)?;
    let transaction = message.transaction_id.clone();
    if let Some(known) = tx.lock_transfer(&facility.id, &transaction).await? {
        return repeat(tx, received, &known, &message).await;
    }
    let verdict = permit::on_arrival(ctx, tx, facility, &message, findings).await?;
    let body = match &verdict {
        Ok(artefact) => {
            open(ctx, tx, facility, received, (&message, artefact)).await?;
            OnRequest::acknowledged(transaction.clone(), response)
        }
        Err(refusal) => {
            let error = ErrorObject::new(refusal.code(), &refusal.message());
            super::note_refusal(tx, received, &error, &permit::explain(*refusal)).await?;
            let subject = message.hi_request.consent.id.as_str();
            tx.audit(&facility.id, "ABDM", &format!("request refused {}", refusal.code()), subject).await?;
            OnRequest::refused(error, response)
        }
    };
    let answer = if verdict.is_ok() { Answer::Yes } else { Answer::No };
    super::reply(tx, received, Operation::OnRequest, answer, serde_json::to_vec(&body)?).await
}

/// The same request under another `REQUEST-ID` gets our reply again; the gateway drops what it has.
async fn repeat(
    tx: &mut Tx,
    received: &Received,
    known: &Transfer,
    message: &HealthInformationRequest,
) -> Result<()> {
    let response = super::response_to(received)?;
    let same = known.consent == message.hi_request.consent.id;
    let (answer, body) = if same {
        (Answer::Yes, OnRequest::acknowledged(known.transaction.clone(), response))
    } else {
        let error = ErrorObject::new("ABDM-1101", "Duplicate Health Information request");
        let why = "Another request under a transaction id that is already being served.";
        super::note_refusal(tx, received, &error, why).await?;
        (Answer::No, OnRequest::refused(error, response))
    };
    super::reply(tx, received, Operation::OnRequest, answer, serde_json::to_vec(&body)?).await
}

/// Writes the transfer: which records on which pages, which care contexts get nothing and why.
async fn open(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    received: &Received,
    (message, artefact): (&HealthInformationRequest, &Artefact),
) -> Result<()> {
    let range = message.hi_request.date_range;
    let covered = Covered { hi_types: &artefact.hi_types, from: range.from.0, to: range.to.0 };
    let (mut entries, mut contexts) = (Vec::new(), Vec::new());
    let mut patients: HashMap<&str, HashMap<String, Shareable>> = HashMap::new();
    for named in &artefact.care_contexts {
        let visits = match patients.entry(&named.patient) {
            Entry::Occupied(visits) => visits.into_mut(),
            Entry::Vacant(unread) => unread.insert(visits_of(tx, facility, &named.patient).await?),
        };
        let tally = match choose(named, visits.get(&named.care_context), &covered) {
            Ok(mut chosen) => {
                let records = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
                entries.append(&mut chosen);
                Tally { records, ..Tally::default() }
            }
            Err(nothing) => Tally { description: Some(nothing.description().to_owned()), ..Tally::default() },
        };
        contexts.push(TransferContext {
            patient: named.patient.clone(),
            reference: named.care_context.clone(),
            tally,
        });
    }
    let pages = paging::pages(&entries, ctx.rules.per_page);
    let transfer = Transfer {
        transaction: message.transaction_id.clone(),
        consent: artefact.id.clone(),
        exchange: received.exchange,
        status: TransferStatus::Acknowledged,
        request: Some(received.body.clone()),
        deadline: received.received_at + ctx.rules.deadline,
        page_count: u32::try_from(pages.len()).unwrap_or(u32::MAX),
        created_at: tx.now(),
        ended_at: None,
    };
    tx.open_transfer(&facility.id, &transfer, &pages, &contexts).await?;
    tx.audit(&facility.id, "ABDM", "transfer begun", transfer.transaction.as_str()).await?;
    Ok(())
}

/// All visits of a patient at once: an artefact may name thousands.
async fn visits_of(tx: &mut Tx, facility: &Facility, patient: &str) -> Result<HashMap<String, Shareable>> {
    match patient.parse::<PatientRef>() {
        Ok(patient) => {
            // ABDM names a patient who was merged since as it always did.
            let patient = tx.survivor(&facility.id, &patient).await?;
            Ok(tx.shareable(&facility.id, &patient).await?)
        }
        Err(_) => Ok(HashMap::new()),
    }
}

fn choose(
    named: &Named,
    found: Option<&Shareable>,
    covered: &Covered<'_>,
) -> Result<Vec<PageEntry>, Nothing> {
    let records = found.map_or(&[][..], |found| &found.records);
    let visit = found.map(|found| Visit { date: &found.date, withdrawn: found.withdrawn });
    let candidates: Vec<_> =
        records.iter().map(|record| Candidate { hi_type: record.hi_type, valid: record.valid }).collect();
    let places = select(visit, &candidates, covered)?;
    let chosen = places.iter().filter_map(|place| records.get(*place));
    let entry = |record: &ShareableRecord| PageEntry {
        patient: named.patient.clone(),
        care_context: named.care_context.clone(),
        record: record.id,
        bytes: record.bytes,
    };
    Ok(chosen.map(entry).collect())
}

/// The reply was sent, or could not be. Pages go out only once ABDM has it.
pub(super) async fn on_reply_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let settled = super::on_reply_sent(ctx, tx, sending, outcome).await?;
    let Some(accepted) = settled.filter(|_| sending.subject != "refused") else { return Ok(()) };
    let transaction = transaction_of_reply(&sending.body)?;
    let Some(transfer) = tx.lock_transfer(&facility.id, &transaction).await? else { return Ok(()) };
    if transfer.ended_at.is_some() || tx.has_call(transfer.exchange, super::TRANSFER).await? {
        return Ok(());
    }
    if accepted { serve(tx, facility, &transfer).await } else { fail(tx, facility, &transfer).await }
}

/// Puts the transfer in the outbox: whoever leases the row serves its pages.
async fn serve(tx: &mut Tx, facility: &Facility, transfer: &Transfer) -> Result<()> {
    let call = Call {
        id: tx.new_id(),
        facility: facility.id.clone(),
        exchange: transfer.exchange,
        kind: super::TRANSFER,
        subject: transfer.transaction.as_str().to_owned(),
        body: Vec::new(),
        due_at: tx.now(),
    };
    Ok(tx.enqueue(Lane::Transfers, &call).await?)
}

/// The deadline has passed before ABDM had our reply: the pages are settled as they are, and the gateway is told.
pub async fn past_deadline(tx: &mut Tx, facility: &Facility, transaction: &TransactionId) -> Result<()> {
    let Some(transfer) = tx.lock_transfer(&facility.id, transaction).await? else { return Ok(()) };
    if transfer.ended_at.is_some() || tx.has_call(transfer.exchange, super::TRANSFER).await? {
        return Ok(());
    }
    serve(tx, facility, &transfer).await
}

fn transaction_of_reply(body: &[u8]) -> Result<TransactionId> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply {
        hi_request: Inner,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        transaction_id: TransactionId,
    }
    Ok(serde_json::from_slice::<Reply>(body)?.hi_request.transaction_id)
}

/// ABDM does not want the pages: nothing is pushed and nothing notified.
async fn fail(tx: &mut Tx, facility: &Facility, transfer: &Transfer) -> Result<()> {
    tx.end_transfer(&facility.id, &transfer.transaction, TransferStatus::Failed).await?;
    announce(tx, facility, transfer, TransferStatus::Failed).await
}

/// Every page is settled: the transfer ends and the gateway is told, row by row.
pub async fn finish(tx: &mut Tx, facility: &Facility, transaction: &TransactionId) -> Result<()> {
    let Some(transfer) = tx.lock_transfer(&facility.id, transaction).await? else { return Ok(()) };
    if transfer.ended_at.is_some() {
        return Ok(());
    }
    let contexts = tx.transfer_contexts(&facility.id, transaction).await?;
    let tallies: Vec<_> = contexts.iter().map(|context| context.tally.clone()).collect();
    let status = transfer_outcome(&tallies);
    tx.end_transfer(&facility.id, transaction, status).await?;
    for context in contexts.iter().filter(|context| context.tally.delivered > 0) {
        let Tally { delivered, records, .. } = context.tally;
        let what =
            format!("sent {delivered} of {records} records under consent {}", transfer.consent.as_str());
        let subject = format!("{}/{}", context.patient, context.reference);
        tx.audit(&facility.id, "bridge", &what, &subject).await?;
    }
    let rows = contexts.iter().filter_map(|context| {
        let reference: WireReference = context.reference.parse().ok()?;
        let delivered = context.tally.status() == HiStatus::Delivered;
        Some(StatusResponse::new(reference, delivered, &context.tally.description()))
    });
    let ids = TransferIds {
        consent_id: transfer.consent.clone(),
        transaction_id: transaction.clone(),
        hip_id: facility.hip_id.clone(),
    };
    let transferred = status == TransferStatus::Transferred;
    let body = TransferNotify::new(ids, AbdmTime(tx.now()), transferred, rows.collect());
    let subject = transaction.as_str();
    super::begin(tx, &facility.id, Operation::TransferNotify, subject, serde_json::to_vec(&body)?).await?;
    tx.audit(&facility.id, "bridge", &format!("transfer {}", status.as_str()), subject).await?;
    announce(tx, facility, &transfer, status).await
}

async fn announce(
    tx: &mut Tx,
    facility: &Facility,
    transfer: &Transfer,
    status: TransferStatus,
) -> Result<()> {
    let event = match status {
        TransferStatus::Transferred => EventType::TransferCompleted,
        _ => EventType::TransferFailed,
    };
    let data = serde_json::json!({
        "transactionId": transfer.transaction, "consentId": transfer.consent, "state": status.as_str()
    });
    crate::metrics::transfer(status.as_str());
    Ok(tx.raise(&facility.id, event, data).await?)
}

/// The notify was sent, or could not be. No callback follows it.
pub(super) async fn on_notify_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let now = tx.now();
    let (state, error) = match outcome::judge(outcome) {
        outcome::Verdict::Done => (ExchangeState::Answered, None),
        outcome::Verdict::Refused(failure) => (ExchangeState::Refused, Some(problem(failure, now))),
        outcome::Verdict::Again(failure) => {
            let due_at = outcome::due_at(ctx, failure, sending.attempts, now);
            tx.put_back_sending(sending.lease, due_at).await?;
            return Ok(());
        }
    };
    tx.finish_sending(sending.lease, false).await?;
    tx.move_exchange(sending.exchange, state, None, error.as_ref()).await?;
    Ok(())
}
