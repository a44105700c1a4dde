//! Deep links: ABDM texts a patient who gave only a mobile that this facility has records of theirs.
//!
//! ```text
//! visit stored, or asked for ──> [outbox] ──202──> waiting ──on-notify──> accepted | failed   (event sms.result)
//!                                   └─not sent: again └──silence──> unknown, never repeated by itself
//! ```
//! ABDM does not know a text again. So at most one is under way to a mobile, and one whose outcome is unknown waits for its
//! callback, then for the end of its window. "Accepted" means accepted for sending, not delivered.

use std::time::Duration;

use abdm::error::{Failure, Retry, callback_failure};
use abdm::id::Mobile;
use abdm::path::Operation;
use abdm::wire::sms::{OnSmsNotify, SmsNotify};
use domain::care_context::CareContext;
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::facility::{Facility, Role};
use domain::patient::Patient;
use domain::problem::Problem;
use domain::queue::day_in_india;
use domain::reference::PatientRef;
use store::{Exchange, Made, Record, Sending, Tx};
use uuid::Uuid;

use super::{Ctx, Result, outcome, problem};

/// When a stored visit leads to a text by itself; from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsRules {
    /// Only visits dated at most so many days ago; 0: none.
    pub visit_days: u32,
    /// How long after one the same patient gets no other.
    pub again_after: Duration,
}

/// Has ABDM text a mobile. Gives the exchange; `None` if one is under way to it.
pub async fn ask(tx: &mut Tx, facility: &Facility, mobile: Mobile, subject: &str) -> Result<Option<Uuid>> {
    if tx.lock_sms(&facility.id, mobile).await?.is_some() {
        return Ok(None);
    }
    let body = SmsNotify::new(mobile, facility.hip_id.clone(), &facility.name);
    let body = serde_json::to_vec(&body)?;
    let id = super::begin(tx, &facility.id, Operation::SmsNotify, subject, body).await?;
    tx.begin_sms(&facility.id, mobile, id).await?;
    Ok(Some(id))
}

/// A person sends a text once more whose outcome is bad or unknown. False if another is under way to the mobile.
pub(super) async fn begin_again(tx: &mut Tx, exchange: &Exchange) -> Result<bool> {
    for made in tx.calls_of_exchange(exchange.id).await? {
        let body: serde_json::Value = serde_json::from_slice(&made.body)?;
        let mobile = body.pointer("/notification/phoneNo").and_then(|mobile| mobile.as_str()?.parse().ok());
        let Some(mobile) = mobile else { continue };
        if tx.lock_sms(&exchange.facility, mobile).await?.is_some_and(|call| call != made.id) {
            return Ok(false);
        }
        tx.begin_sms(&exchange.facility, mobile, made.id).await?;
    }
    Ok(true)
}

/// A visit was stored: its patient, whose row is locked, may be texted.
pub(super) async fn visit_stored(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (patient, context, records): (&Patient, &CareContext, &[Record]),
) -> Result<()> {
    let Some(mobile) = patient.mobile.filter(|_| patient.abha_address.is_none()) else { return Ok(()) };
    let linkable = !context.hold && !context.withdrawn && records.iter().any(|record| record.valid);
    if !linkable || !facility.is(Role::Hip) || !is_recent(ctx, tx, context) {
        return Ok(());
    }
    let now = tx.now();
    let last = tx.sms_asked_at(&facility.id, &patient.reference, mobile).await?;
    if last.is_some_and(|last| last + ctx.rules.sms.again_after > now) {
        return Ok(());
    }
    // One that is under way to the mobile reaches this patient too.
    ask(tx, facility, mobile, patient.reference.as_str()).await?;
    Ok(tx.note_sms(&facility.id, &patient.reference, mobile).await?)
}

fn is_recent(ctx: &Ctx<'_>, tx: &Tx, context: &CareContext) -> bool {
    let days = ctx.rules.sms.visit_days;
    let since = day_in_india(context.date.from()).until(day_in_india(tx.now()));
    days > 0 && since.is_ok_and(|since| i64::from(since.get_days()) <= i64::from(days))
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
    let Some(failure) = outcome.as_ref().err().filter(|failure| !outcome::may_have_acted(failure)) else {
        if tx.finish_sending(sending.lease, true).await? {
            let overdue_at = now + ctx.rules.callback_overdue;
            tx.move_exchange(sending.exchange, ExchangeState::Waiting, Some(overdue_at), None).await?;
        }
        return Ok(());
    };
    if !matches!(failure.retry, Retry::Never | Retry::AlreadyDone | Retry::TokenInvalid) {
        let due_at = outcome::due_at(ctx, failure, sending.attempts, now);
        tx.put_back_sending(sending.lease, due_at).await?;
        return Ok(());
    }
    if tx.finish_sending(sending.lease, false).await? {
        let ended = Ended { call: sending.id, exchange: sending.exchange, subject: &sending.subject };
        settle(tx, facility, &ended, Some(problem(failure, now))).await?;
    }
    Ok(())
}

/// ABDM answers.
pub(super) async fn on_notify(tx: &mut Tx, facility: &Facility, message: &OnSmsNotify) -> Result<()> {
    let made = super::made_by_us(tx, facility, &message.response, Operation::SmsNotify).await?;
    let Some(made) = made else { return Ok(()) };
    tx.close_call(made.id).await?;
    let now = tx.now();
    let failed = (!message.succeeded()).then(|| {
        let error = message.error.clone().unwrap_or_default();
        problem(&callback_failure(Operation::SmsNotify, &error), now)
    });
    let ended = Ended { call: made.id, exchange: made.exchange, subject: &made.subject };
    settle(tx, facility, &ended, failed).await
}

/// No callback came within its window: what became of the text stays unknown, and it is not sent again.
pub(super) async fn on_silence(tx: &mut Tx, facility: &Facility, made: &Made) -> Result<()> {
    tx.close_call(made.id).await?;
    tx.end_sms(made.id).await?;
    announce(tx, facility, (made.exchange, &made.subject), "unknown").await
}

/// A call whose outcome is known.
struct Ended<'a> {
    call: Uuid,
    exchange: Uuid,
    subject: &'a str,
}

async fn settle(tx: &mut Tx, facility: &Facility, ended: &Ended<'_>, failed: Option<Problem>) -> Result<()> {
    let state = if failed.is_some() { ExchangeState::Refused } else { ExchangeState::Answered };
    if !tx.move_exchange(ended.exchange, state, None, failed.as_ref()).await? {
        return Ok(());
    }
    tx.end_sms(ended.call).await?;
    if failed.is_some() {
        // No text went out: the next visit may lead to one.
        if let Ok(patient) = ended.subject.parse::<PatientRef>() {
            tx.forget_sms(&facility.id, &patient).await?;
        }
    }
    let state = if failed.is_some() { "failed" } else { "accepted" };
    announce(tx, facility, (ended.exchange, ended.subject), state).await
}

async fn announce(
    tx: &mut Tx,
    facility: &Facility,
    (exchange, subject): (Uuid, &str),
    state: &str,
) -> Result<()> {
    let mut data = serde_json::json!({"exchangeId": exchange, "state": state});
    if let Some(data) = data.as_object_mut().filter(|_| !subject.is_empty()) {
        data.insert("patientRef".to_owned(), subject.into());
    }
    Ok(tx.raise(&facility.id, EventType::SmsResult, data).await?)
}
