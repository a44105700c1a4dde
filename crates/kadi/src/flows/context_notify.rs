//! Telling a patient's apps that a linked visit has new records.
//!
//! ABDM does not know a notify again. One whose outcome is unknown waits for its callback and is then given up:
//! the records are linked and can be asked for either way.

use abdm::error::{Failure, NOT_YET_WAITS, Retry, callback_failure};
use abdm::id::{AbhaAddress, HiType, Personal};
use abdm::path::Operation;
use abdm::time::AbdmTime;
use abdm::wire::context::{CareContextId, ContextNotify, OnNotify};
use domain::care_context::CareContext;
use domain::exchange::ExchangeState;
use domain::facility::Facility;
use jiff::Timestamp;
use store::{Made, Sending, Tx};
use uuid::Uuid;

use super::{Ctx, Result, outcome, problem};

/// How attempts end in the journal that ABDM took.
const TAKEN: [&str; 2] = ["accepted", "answered"];

/// Tells of new records of these types in a linked visit. No types: nothing to tell.
pub async fn tell(
    tx: &mut Tx,
    facility: &Facility,
    context: &CareContext,
    address: &AbhaAddress,
    types: &[HiType],
) -> Result<()> {
    if types.is_empty() {
        return Ok(());
    }
    let care_context = CareContextId {
        patient_reference: Personal::from(context.link.patient(&context.patient).as_str()),
        care_context_reference: super::wire_reference(&context.reference)?,
    };
    let date = AbdmTime(tx.now());
    let body =
        ContextNotify::new(address.clone(), care_context, types.to_vec(), date, facility.hip_id.clone());
    let subject = context.reference.as_str();
    super::begin(tx, &facility.id, Operation::ContextNotify, subject, serde_json::to_vec(&body)?).await?;
    Ok(())
}

/// Tells of a visit that does not exist, so that ABDM answers by callback that it knows none: the cheapest proof that
/// callbacks arrive, for ABDM has no ping. Nothing is linked, nobody is told. Gives the call, which is its exchange too;
/// who asked for it closes it, or it would be tried again as any that comes too early.
pub async fn probe(tx: &mut Tx, facility: &Facility, address: &AbhaAddress) -> Result<Uuid> {
    let unknown = "kadi-callback-test";
    let care_context = CareContextId {
        patient_reference: Personal::from(unknown),
        care_context_reference: unknown.parse().map_err(super::unwritable)?,
    };
    let types = vec![HiType::HealthDocumentRecord];
    let date = AbdmTime(tx.now());
    let body = ContextNotify::new(address.clone(), care_context, types, date, facility.hip_id.clone());
    super::begin(tx, &facility.id, Operation::ContextNotify, unknown, serde_json::to_vec(&body)?).await
}

/// The notify was sent, or could not be.
pub(super) async fn on_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let now = tx.now();
    let Some(failure) = outcome.as_ref().err().filter(|failure| !outcome::may_have_acted(failure)) else {
        if tx.finish_sending(sending.lease, true).await? {
            let overdue_at = now + ctx.rules.callback_overdue;
            tx.move_exchange(sending.exchange, ExchangeState::Waiting, Some(overdue_at), None).await?;
        }
        return Ok(());
    };
    match again_at(ctx, failure, sending.attempts, now) {
        Some(due_at) => {
            tx.put_back_sending(sending.lease, due_at).await?;
        }
        None => {
            tx.finish_sending(sending.lease, false).await?;
            let error = problem(failure, now);
            tx.move_exchange(sending.exchange, ExchangeState::Refused, None, Some(&error)).await?;
        }
    }
    Ok(())
}

/// ABDM answers the notify.
pub(super) async fn on_notify(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    message: &OnNotify,
) -> Result<()> {
    let made = super::made_by_us(tx, facility, &message.response, Operation::ContextNotify).await?;
    let Some(made) = made else { return Ok(()) };
    if message.succeeded() {
        tx.close_call(made.id).await?;
        tx.move_exchange(made.exchange, ExchangeState::Answered, None, None).await?;
        return Ok(());
    }
    let attempts = tx.attempts(made.id).await?;
    if !is_news(tx, &made, &attempts, message).await? {
        return Ok(());
    }
    tx.close_call(made.id).await?;
    let now = tx.now();
    let failure = callback_failure(Operation::ContextNotify, &message.error.clone().unwrap_or_default());
    // Attempts that ABDM did not take say nothing of how long it has known the care context.
    let taken =
        attempts.iter().filter(|(_, _, outcome)| outcome.as_deref().is_none_or(|word| TAKEN.contains(&word)));
    let taken = u32::try_from(taken.count()).unwrap_or(u32::MAX);
    match again_at(ctx, &failure, taken, now) {
        Some(due_at) => tx.resend_call(made.id, due_at).await?,
        None => {
            let error = problem(&failure, now);
            tx.move_exchange(made.exchange, ExchangeState::Refused, None, Some(&error)).await?;
        }
    }
    Ok(())
}

/// Whether a refusal is of the last attempt, and nothing better is known: one that comes late or again must not send
/// once more what ABDM has taken since.
async fn is_news(
    tx: &mut Tx,
    made: &Made,
    attempts: &[(String, Timestamp, Option<String>)],
    message: &OnNotify,
) -> Result<bool> {
    let exchange = tx.exchange(made.exchange).await?;
    let ended = exchange.is_none_or(|exchange| exchange.state.is_final());
    let of_last = attempts.last().is_some_and(|(id, ..)| id == message.response.request_id.as_str());
    Ok(of_last && !ended)
}

fn again_at(ctx: &Ctx<'_>, failure: &Failure, attempts: u32, now: Timestamp) -> Option<Timestamp> {
    match failure.retry {
        Retry::Never | Retry::AlreadyDone | Retry::TokenInvalid => None,
        // Right after the link ABDM often does not know it yet.
        Retry::NotYet => {
            let wait =
                usize::try_from(attempts.saturating_sub(1)).ok().and_then(|place| NOT_YET_WAITS.get(place));
            wait.map(|wait| now + *wait)
        }
        _ => Some(outcome::due_at(ctx, failure, attempts, now)),
    }
}
